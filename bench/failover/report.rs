//! The figures, for people and as JSON, and whether what must hold did. Must never know: how a figure came about.

use crate::fault::Case;
use crate::repeat::Outcome;
use std::fmt::Write;
use std::io::{self, Error};

/// All figures of a run.
pub struct Report {
    seed: u64,
    rows: Vec<(String, &'static Case, Outcome)>,
}

impl Report {
    /// Nothing yet.
    pub fn new(seed: u64) -> Self {
        Self { seed, rows: Vec::new() }
    }

    /// One more case.
    pub fn add(&mut self, name: String, case: &'static Case, outcome: Outcome) {
        self.rows.push((name, case, outcome));
    }

    /// For people.
    pub fn table(&self) -> String {
        let wide = self.rows.iter().map(|(name, ..)| name.len()).max().unwrap_or(0).max(12);
        let head = ["gap in ms", "repeats", "min", "median", "max", "aim", "lost, median", "peak MiB", "healthy lost"];
        let [name, repeats, min, median, max, aim, lost, peak, healthy] = head;
        let mut text =
            format!("{name:<wide$}{repeats:>9}{min:>9}{median:>9}{max:>9}{aim:>7}{lost:>14}{peak:>10}  {healthy}\n");
        for (name, case, Outcome { gaps, lost, healthy: (sent, missing), peak }) in &self.rows {
            let [min, median, max] = spread(gaps.clone());
            let [_, lost, _] = spread(lost.iter().map(|lost| *lost as f64).collect());
            let aim = case.aim.map_or(String::new(), |aim| aim.to_string());
            let (repeats, peak) = (gaps.len(), peak / 1024);
            let _ = writeln!(
                text,
                "{name:<wide$}{repeats:>9}{min:>9.1}{median:>9.1}{max:>9.1}{aim:>7}{lost:>14.0}{peak:>10}  {missing} of {sent}"
            );
        }
        text
    }

    /// For programs.
    pub fn json(&self) -> String {
        let rows = self.rows.iter().map(|(name, case, Outcome { gaps, lost, healthy, peak })| {
            let [min, median, max] = spread(gaps.clone());
            serde_json::json!({
                "fault": name, "aim_ms": case.aim, "min_ms": min, "median_ms": median, "max_ms": max,
                "gaps_ms": gaps, "lost": lost, "peak_kib": peak, "healthy": { "sent": healthy.0, "lost": healthy.1 },
            })
        });
        format!("{:#}\n", serde_json::json!({ "seed": self.seed, "faults": rows.collect::<Vec<_>>() }))
    }

    /// An error if the healthy line lost something.
    pub fn judge(&self) -> io::Result<()> {
        let lost: Vec<String> = self
            .rows
            .iter()
            .filter(|(.., outcome)| outcome.healthy.1 > 0)
            .map(|(name, _, outcome)| format!("{name}: {} of {}", outcome.healthy.1, outcome.healthy.0))
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
