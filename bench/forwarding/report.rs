//! The figures: medians per router, and flowpin's as a ratio of the kernel's. For humans and as JSON.
//! Must never know: how a figure came about.

use crate::load::{Case, Measure};
use crate::{FLOWPIN, KERNEL, KERNEL_RPS};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::io;

/// All figures of a run, in the order of the cases.
#[derive(Default)]
pub struct Report {
    cases: Vec<Case>,
    values: BTreeMap<(&'static str, &'static str), Vec<f64>>,
}

impl Report {
    /// One more figure of `case` with `router`.
    pub fn add(&mut self, case: &Case, router: &'static str, value: f64) {
        if !self.cases.iter().any(|known| known.name == case.name) {
            self.cases.push(*case);
        }
        self.values.entry((case.name, router)).or_default().push(value);
    }

    /// An error unless every case has its figures from both routers, all above zero.
    pub fn complete(&self, cases: &[Case], rounds: usize) -> io::Result<()> {
        for case in cases {
            for router in [FLOWPIN, KERNEL, KERNEL_RPS] {
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

    /// Medians of flowpin and both kernels, and flowpin's ratio to the better of them.
    fn row(&self, case: &Case) -> ([f64; 3], f64) {
        let medians = [FLOWPIN, KERNEL, KERNEL_RPS].map(|router| self.median(case.name, router));
        let [own, plain, steered] = medians;
        let best = if case.measure == Measure::RoundTrip { plain.min(steered) } else { plain.max(steered) };
        (medians, own / best)
    }

    /// For people.
    pub fn table(&self) -> String {
        let head = ["median of each", FLOWPIN, KERNEL, KERNEL_RPS, "", "ratio"];
        let mut text =
            format!("{:<26}{:>10}{:>10}{:>12}  {:<7}{:>6}\n", head[0], head[1], head[2], head[3], head[4], head[5]);
        for case in &self.cases {
            let ([own, plain, steered], ratio) = self.row(case);
            let (name, unit) = (case.name, case.measure.unit());
            let _ = writeln!(text, "{name:<26}{own:>10.2}{plain:>10.2}{steered:>12.2}  {unit:<7}{ratio:>6.2}");
        }
        text + "ratio: flowpin to the better kernel of the row; a round trip is better when it is shorter.\n"
    }

    /// For programs.
    pub fn json(&self) -> String {
        let rows = self.cases.iter().map(|case| {
            let ([own, plain, steered], ratio) = self.row(case);
            let runs = |router| self.values.get(&(case.name, router));
            serde_json::json!({
                "case": case.name, "unit": case.measure.unit(), "ratio": ratio,
                "medians": { FLOWPIN: own, KERNEL: plain, KERNEL_RPS: steered },
                "runs": { FLOWPIN: runs(FLOWPIN), KERNEL: runs(KERNEL), KERNEL_RPS: runs(KERNEL_RPS) },
            })
        });
        format!("{:#}\n", serde_json::json!({ "cases": rows.collect::<Vec<_>>() }))
    }
}
