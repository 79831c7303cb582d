//! Text for people: aligned columns, and quantities in units that fit a terminal.
//! Must never know: what the columns mean.

/// Rows under a heading. A column whose name starts with `>` is aligned to the right.
#[derive(Debug)]
pub struct Columns {
    right: Vec<bool>,
    rows: Vec<Vec<String>>,
    /// Of each column at least.
    widths: Vec<usize>,
}

impl Columns {
    /// No rows yet under these names.
    #[must_use]
    pub fn new(names: &[&str]) -> Self {
        let right = names.iter().map(|name| name.starts_with('>')).collect();
        let heading = names.iter().map(|name| name.trim_start_matches('>').to_owned()).collect();
        Self { right, rows: vec![heading], widths: vec![0; names.len()] }
    }

    /// Adds a row; cells beyond the named columns are not shown.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The rows as lines, two spaces between columns, nothing behind the last cell.
    #[must_use]
    pub fn render(mut self) -> String {
        self.flush()
    }

    /// Like [`Columns::render`] the rows so far. Those that follow line up with them, but where a cell is wider than all
    /// before.
    pub fn flush(&mut self) -> String {
        let mut text = String::new();
        for row in &self.rows {
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        for row in self.rows.drain(..) {
            let mut line = String::new();
            for ((cell, width), right) in row.iter().zip(&self.widths).zip(&self.right) {
                let width = *width;
                line += &if *right { format!("{cell:>width$}  ") } else { format!("{cell:<width$}  ") };
            }
            text += line.trim_end();
            text.push('\n');
        }
        text
    }
}

/// Bytes in powers of 1024, three digits or so: `0 B`, `999 B`, `1.5 KiB`, `120 MiB`.
#[must_use]
pub fn bytes(count: u64) -> String {
    scaled(count, 1024, [" B", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB"])
}

/// A count in powers of 1000, exact below ten thousand: `9999`, `10.0k`, `1.2M`.
#[must_use]
pub fn count(count: u64) -> String {
    if count < 10_000 { count.to_string() } else { scaled(count, 1000, ["", "k", "M", "G", "T", "P", "E"]) }
}

/// A time in its two largest units: `59s`, `2m00s`, `2h04m`, `3d01h`.
#[must_use]
pub fn duration(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

fn scaled(count: u64, base: u64, units: [&str; 7]) -> String {
    let mut unit = 0;
    let mut divisor = 1u64;
    while count / divisor >= base && unit + 1 < units.len() {
        divisor *= base;
        unit += 1;
    }
    let name = units.get(unit).copied().unwrap_or_default();
    let whole = count / divisor;
    if divisor == 1 || whole >= 100 {
        return format!("{whole}{name}");
    }
    let tenths = count % divisor / (divisor / 10).max(1);
    format!("{whole}.{}{name}", tenths.min(9))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut columns = Columns::new(&["NAME", ">COUNT", "END"]);
        columns.row(["a".into(), "7".into(), "x".into()]);
        columns.row(["longer".into(), "12345678".into(), String::new()]);
        assert_eq!(columns.render(), "NAME       COUNT  END\na              7  x\nlonger  12345678\n");
    }

    #[test]
    fn rows_that_come_later_line_up_with_those_before() {
        let mut columns = Columns::new(&["NAME", ">COUNT", "END"]);
        columns.row(["longer".into(), "7".into(), "x".into()]);
        assert_eq!(columns.flush(), "NAME    COUNT  END\nlonger      7  x\n");
        columns.row(["a".into(), "8".into(), "y".into()]);
        assert_eq!(columns.flush(), "a           8  y\n");
        columns.row(["a".into(), "1234567".into(), "z".into()]);
        assert_eq!(columns.flush(), "a       1234567  z\n");
        assert_eq!(columns.flush(), "");
    }

    #[test]
    fn quantities_fit_a_column() {
        assert_eq!(
            [0, 1023, 1024, 1536, 122 << 20, u64::MAX].map(bytes),
            ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "122 MiB", "15.9 EiB"]
        );
        assert_eq!([0, 9999, 10_000, 1_290_000, u64::MAX].map(count), ["0", "9999", "10.0k", "1.2M", "18.4E"]);
        assert_eq!([0, 59, 120, 7440, 263_000].map(duration), ["0s", "59s", "2m00s", "2h04m", "3d01h"]);
    }
}
