//! How much of a quarrel over the kernel side is told: other software that takes back each mending within a second would fill
//! the log, and run hooks without end. Must never know: what is mended.

use crate::types::Tick;

/// Mendings told one by one within a minute; the rest are counted.
const TOLD: u32 = 8;
const MINUTE_MS: u64 = 60_000;

/// What was told of late.
#[derive(Debug, Default)]
pub struct Quarrel {
    begun: Tick,
    told: u32,
    untold: u64,
}

impl Quarrel {
    /// What to tell of one more mending; `None`: nothing now.
    pub fn tell(&mut self, now: Tick, what: &str) -> Option<String> {
        if self.told == 0 || now.millis() >= self.begun.millis() + MINUTE_MS {
            (self.begun, self.told) = (now, 0);
        }
        if self.told == TOLD {
            self.untold += 1;
            return None;
        }
        self.told += 1;
        Some(match std::mem::take(&mut self.untold) {
            0 => what.to_owned(),
            more => format!("{what}; {more} more times since it was told last: other software keeps changing it"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarrel_is_told_eight_times_a_minute_and_what_was_not_told_is_counted() {
        let mut quarrel = Quarrel::default();
        let mut tell = |ms| quarrel.tell(Tick::from_millis(ms), "a rule was missing");
        for second in 0..8 {
            assert_eq!(tell(5000 + second * 1000).as_deref(), Some("a rule was missing"));
        }
        for second in 8..60 {
            assert_eq!(tell(5000 + second * 1000), None);
        }
        let again = "a rule was missing; 52 more times since it was told last: other software keeps changing it";
        assert_eq!(tell(65_000).as_deref(), Some(again));
        assert_eq!(tell(66_000).as_deref(), Some("a rule was missing"));
    }
}
