//! The figures, for people and as JSON, and whether what must hold did. Must never know: how a figure came about.

use crate::fault::Case;
use crate::repeat::Outcome;
use std::fmt::Write;
use std::io::{self, Error};

/// All figures of a run.
pub struct Report {
    seed: u64,
    rows: Vec<(&'static Case, Outcome)>,
}

impl Report {
    /// Nothing yet.
    pub fn new(seed: u64) -> Self {
        Self { seed, rows: Vec::new() }
    }

    /// One more case.
    pub fn add(&mut self, case: &'static Case, outcome: Outcome) {
        self.rows.push((case, outcome));
    }

    /// For people.
    pub fn table(&self) -> String {
        let head = ["gap in ms", "repeats", "min", "median", "max", "aim", "lost, median", "healthy lost"];
        let [name, repeats, min, median, max, aim, lost, healthy] = head;
        let mut text = format!("{name:<12}{repeats:>9}{min:>9}{median:>9}{max:>9}{aim:>7}{lost:>14}  {healthy}\n");
        for (case, Outcome { gaps, lost, healthy: (sent, missing) }) in &self.rows {
            let [min, median, max] = spread(gaps.clone());
            let [_, lost, _] = spread(lost.iter().map(|lost| *lost as f64).collect());
            let aim = case.aim.map_or(String::new(), |aim| aim.to_string());
            let (name, repeats) = (case.name, gaps.len());
            let _ = writeln!(
                text,
                "{name:<12}{repeats:>9}{min:>9.1}{median:>9.1}{max:>9.1}{aim:>7}{lost:>14.0}  {missing} of {sent}"
            );
        }
        text
    }

    /// For programs.
    pub fn json(&self) -> String {
        let rows = self.rows.iter().map(|(case, Outcome { gaps, lost, healthy })| {
            let [min, median, max] = spread(gaps.clone());
            serde_json::json!({
                "fault": case.name, "aim_ms": case.aim, "min_ms": min, "median_ms": median, "max_ms": max,
                "gaps_ms": gaps, "lost": lost, "healthy": { "sent": healthy.0, "lost": healthy.1 },
            })
        });
        format!("{:#}\n", serde_json::json!({ "seed": self.seed, "faults": rows.collect::<Vec<_>>() }))
    }

    /// An error if the healthy line lost something.
    pub fn judge(&self) -> io::Result<()> {
        let lost: Vec<String> = self
            .rows
            .iter()
            .filter(|(_, outcome)| outcome.healthy.1 > 0)
            .map(|(case, outcome)| format!("{}: {} of {}", case.name, outcome.healthy.1, outcome.healthy.0))
            .collect();
        if lost.is_empty() {
            return Ok(());
        }
        Err(Error::other(format!("the stream on the healthy line lost datagrams: {}", lost.join(", "))))
    }
}

/// Least, median and most.
fn spread(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
    let (middle, last) = (values.len() / 2, values.len().saturating_sub(1));
    let median =
        if values.len() % 2 == 1 { at(middle) } else { f64::midpoint(at(middle.saturating_sub(1)), at(middle)) };
    [at(0), median, at(last)]
}
