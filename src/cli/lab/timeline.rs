//! The traffic of each line over time, as a row of bars. Must never know: where the figures are from.

use crate::lab::topology::Line;
use std::fmt::Write;

/// Columns at the most.
const COLUMNS: usize = 64;
const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const LINES: [Line; 3] = [Line::Fiber, Line::Dsl, Line::Lte];

/// What was carried until each moment, and what happened between them.
#[derive(Debug, Default)]
pub struct Timeline {
    samples: Vec<(u64, [u64; 3])>,
    marks: Vec<(usize, Line, char)>,
}

impl Timeline {
    /// At so many milliseconds so many bytes had been carried, by the lines in their order.
    pub fn sample(&mut self, at_ms: u64, bytes: [u64; 3]) {
        self.samples.push((at_ms, bytes));
    }

    /// Something happened to a line.
    pub fn mark(&mut self, line: Line, mark: char) {
        self.marks.push((self.samples.len().saturating_sub(1), line, mark));
    }

    /// One row per line over a row of seconds.
    pub fn render(&self) -> String {
        let per_column = self.samples.len().saturating_sub(1).div_ceil(COLUMNS).max(1);
        let columns: Vec<_> = (0..self.samples.len().saturating_sub(1)).step_by(per_column).collect();
        let carried = |from: usize, line: usize| {
            let to = (from + per_column).min(self.samples.len() - 1);
            let ((began, before), (ended, after)) = (self.samples[from], self.samples[to]);
            // Bytes a second, of samples that are milliseconds apart.
            after[line].saturating_sub(before[line]).saturating_mul(1000) / ended.saturating_sub(began).max(1)
        };
        let most = columns.iter().flat_map(|from| [0, 1, 2].map(|line| carried(*from, line))).max().unwrap_or(0).max(1);
        let mut text = String::new();
        for (index, line) in LINES.into_iter().enumerate() {
            let cell = |from: &usize| {
                let here = |(at, of, _): &&(usize, Line, char)| *of == line && (*from..from + per_column).contains(at);
                self.marks.iter().find(here).map_or_else(|| bar(carried(*from, index), most), |(_, _, mark)| *mark)
            };
            let row: String = columns.iter().map(cell).collect();
            let _ = writeln!(text, "{:<6} {}", line.name(), row.trim_end());
        }
        text + &self.ruler(&columns) + "       x cut   o mended or plugged in\n"
    }

    /// The seconds under the columns where they are full fives.
    fn ruler(&self, columns: &[usize]) -> String {
        let mut row = String::from("       ");
        let mut last = None;
        for (column, from) in columns.iter().enumerate() {
            let five = self.samples[*from].0 / 5000;
            if last.replace(five) != Some(five) && row.chars().count() <= 7 + column {
                let free = 7 + column - row.chars().count();
                let _ = write!(row, "{}{} s", " ".repeat(free), five * 5);
            }
        }
        row + "\n"
    }
}

/// Something is at least the smallest bar.
fn bar(value: u64, most: u64) -> char {
    let steps = BARS.len() as u64 - 1;
    BARS[usize::try_from((value * steps).div_ceil(most).min(steps)).unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_has_its_row_and_a_mark_where_it_was_cut() {
        let mut timeline = Timeline::default();
        let rows = [[0, 0, 0], [800, 400, 0], [1600, 800, 0], [1600, 1600, 0], [1700, 2400, 0], [2500, 2500, 100]];
        for (at, bytes) in (0..).zip(rows) {
            timeline.sample(at * 1000, bytes);
            if at == 2 {
                timeline.mark(Line::Fiber, 'x');
            }
        }
        let expected = "fiber  ██x▁█\ndsl    ▄▄██▁\nlte        ▁\n       0 s\n       x cut   o mended or plugged in\n";
        assert_eq!(timeline.render(), expected);
    }

    #[test]
    fn a_long_time_is_no_wider_than_a_screen() {
        let mut timeline = Timeline::default();
        (0..1000).for_each(|at| timeline.sample(at * 250, [at * 9, at * 5, 0]));
        assert!(timeline.render().lines().all(|line| line.chars().count() <= 75), "{}", timeline.render());
        assert_eq!(Timeline::default().render().lines().count(), 5);
    }
}
