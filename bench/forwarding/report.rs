//! The figures: medians per router, and flowpin's as a ratio of the kernel's. For humans and as JSON.
//! Must never know: how a figure came about.

use crate::load::Case;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::io;

/// All figures of a run, in the order of the cases.
#[derive(Default)]
pub struct Report {
    names: Vec<(&'static str, &'static str)>,
    values: BTreeMap<(&'static str, &'static str), Vec<f64>>,
}

impl Report {
    /// One more figure of `case` with `router`.
    pub fn add(&mut self, case: &Case, router: &'static str, value: f64) {
        if !self.names.iter().any(|(name, _)| *name == case.name) {
            self.names.push((case.name, case.measure.unit()));
        }
        self.values.entry((case.name, router)).or_default().push(value);
    }

    /// An error unless every case has its figures from both routers, all above zero.
    pub fn complete(&self, cases: &[Case], rounds: usize) -> io::Result<()> {
        for case in cases {
            for router in ["flowpin", "kernel"] {
                let values = self.values.get(&(case.name, router)).map_or(&[][..], Vec::as_slice);
                if values.len() != rounds || values.iter().any(|value| *value <= 0.0) {
                    return Err(io::Error::other(format!("{}: nothing got through {router}: {values:?}", case.name)));
                }
            }
        }
        Ok(())
    }

    fn median(&self, case: &'static str, router: &'static str) -> f64 {
        let mut values = self.values.get(&(case, router)).cloned().unwrap_or_default();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        match values.len() {
            0 => f64::NAN,
            n if n % 2 == 1 => values[middle],
            _ => f64::midpoint(values[middle - 1], values[middle]),
        }
    }

    /// For people.
    pub fn table(&self) -> String {
        let mut text = format!("{:<28}{:>10}{:>10}  {:<8}{:>8}\n", "median of each", "flowpin", "kernel", "", "ratio");
        for (case, unit) in &self.names {
            let (own, peer) = (self.median(case, "flowpin"), self.median(case, "kernel"));
            let _ = writeln!(text, "{case:<28}{own:>10.2}{peer:>10.2}  {unit:<8}{:>8.2}", own / peer);
        }
        text
    }

    /// For programs.
    pub fn json(&self) -> String {
        let rows: Vec<_> = self
            .names
            .iter()
            .map(|(case, unit)| {
                let (own, peer) = (self.median(case, "flowpin"), self.median(case, "kernel"));
                serde_json::json!({
                    "case": case, "unit": unit, "flowpin": own, "kernel": peer, "ratio": own / peer,
                    "runs": { "flowpin": self.values.get(&(*case, "flowpin")), "kernel": self.values.get(&(*case, "kernel")) },
                })
            })
            .collect();
        format!("{:#}\n", serde_json::json!({ "cases": rows }))
    }
}
