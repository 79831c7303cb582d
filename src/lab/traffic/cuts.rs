//! When which line was cut, noticed and in use again, and what that explains. Must never know: sockets, flowpin.

use crate::lab::topology::Line;

/// Milliseconds that a moment told here may be off: workers obey, and a busy machine schedules, a little later.
const SLACK: u64 = 250;

/// All cuts so far, the last one last.
#[derive(Debug, Default)]
pub(super) struct Cuts(Vec<Cut>);

/// One cut, in milliseconds; what has not happened yet is far away.
#[derive(Debug)]
struct Cut {
    line: Line,
    began: u64,
    noticed: u64,
    mended: u64,
}

impl Cuts {
    pub fn cut(&mut self, line: Line, now: u64) {
        self.0.push(Cut { line, began: now, noticed: u64::MAX, mended: u64::MAX });
    }

    pub fn noticed(&mut self, line: Line, now: u64) {
        self.last(line, |cut| cut.noticed = now);
    }

    pub fn mended(&mut self, line: Line, now: u64) {
        self.last(line, |cut| cut.mended = now);
    }

    fn last(&mut self, line: Line, change: impl FnOnce(&mut Cut)) {
        if let Some(cut) = self.0.iter_mut().rev().find(|cut| cut.line == line) {
            change(cut);
        }
    }

    /// Whether what began inside at `began` and failed by `ended` was on a cut line: on `wan`, or on one that nobody knows.
    pub fn caught_outbound(&self, wan: Option<&str>, began: u64, ended: u64) -> bool {
        let is_its = |cut: &&Cut| wan.is_none_or(|wan| wan == cut.line.name());
        self.0.iter().filter(is_its).any(|cut| cut.began <= ended && began <= cut.noticed.saturating_add(SLACK))
    }

    /// The same of what came from outside to an address of `wan`: it has no other way, so the whole cut explains it.
    pub fn caught_inbound(&self, wan: &str, began: u64, ended: u64) -> bool {
        let is_its = |cut: &&Cut| wan == cut.line.name();
        self.0.iter().filter(is_its).any(|cut| cut.began <= ended && began <= cut.mended.saturating_add(SLACK))
    }

    /// Whether flows leave `wan` because it is cut.
    pub fn drives_away(&self, wan: &str) -> bool {
        self.0.iter().any(|cut| cut.line.name() == wan && cut.mended == u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_explains_what_was_on_its_line_at_its_time() {
        let mut cuts = Cuts::default();
        cuts.cut(Line::Fiber, 1000);
        assert!(cuts.drives_away("fiber") && !cuts.drives_away("dsl"));
        cuts.noticed(Line::Fiber, 1500);
        cuts.mended(Line::Fiber, 4000);
        assert!(!cuts.drives_away("fiber"));
        let rows = [
            (Some("fiber"), 900, 999, [false, false]),
            (Some("fiber"), 900, 1000, [true, true]),
            (Some("dsl"), 900, 1000, [false, false]),
            (None, 1700, 2700, [true, false]),
            (Some("fiber"), 1751, 1800, [false, true]),
            (Some("fiber"), 4251, 4300, [false, false]),
        ];
        for (wan, began, ended, expected) in rows {
            let inbound = wan.is_some_and(|wan| cuts.caught_inbound(wan, began, ended));
            assert_eq!([cuts.caught_outbound(wan, began, ended), inbound], expected, "{wan:?} {began} {ended}");
        }
    }
}
