//! Flap damping and the hold: a WAN that falls again and again waits longer each time before it may come back, within
//! bounds, until it has been up for a quiet time (in the spirit of RFC 2439).
//! Says how long the hold is; hysteresis.rs obeys it. Must never know: why a WAN fell.

use super::rules::Rules;
use crate::types::Tick;

/// How often a WAN fell lately, and when it may come back.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Damping {
    falls: u32,
    /// When it fell last, or got worse.
    fell: Option<Tick>,
    /// When it rose, if it has not fallen since.
    rose: Option<Tick>,
}

impl Damping {
    /// The WAN was good and is not any more.
    pub fn fell(&mut self, rules: &Rules, now: Tick) {
        if self.rose.is_some_and(|rose| now.since(rose) >= rules.quiet_ms.saturating_mul(1_000_000)) {
            self.falls = 0;
        }
        self.falls = self.falls.saturating_add(1);
        self.fell = Some(now);
        self.rose = None;
    }

    /// The WAN was bad and got worse: the hold starts over, and no fall is added.
    pub fn worsened(&mut self, now: Tick) {
        if self.fell.is_some() {
            self.fell = Some(now);
        }
    }

    /// The WAN is good again.
    pub fn rose(&mut self, now: Tick) {
        self.rose = Some(now);
    }

    /// Falls that are not forgotten.
    pub fn falls(&self) -> u32 {
        self.falls
    }

    /// Milliseconds from the last fall until the WAN may come back: the hold, doubled with each fall before that.
    pub fn hold_ms(&self, rules: &Rules) -> u64 {
        if self.falls < 2 {
            return rules.hold_ms;
        }
        let doubled = 1_u64.checked_shl(self.falls - 1).unwrap_or(u64::MAX);
        rules.hold_ms.max(1000).saturating_mul(doubled).min(rules.max_hold_ms.max(rules.hold_ms))
    }

    /// When the WAN may come back; at once if it never fell.
    pub fn until(&self, rules: &Rules) -> Tick {
        self.fell.map_or(Tick(0), |fell| fell.plus_millis(self.hold_ms(rules)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Falls at these seconds, up again at once: the holds in seconds.
    fn holds(rules: &Rules, falls: &[u64]) -> Vec<u64> {
        let mut damping = Damping::default();
        let hold = |second: &u64| {
            damping.fell(rules, Tick::from_secs(*second));
            damping.rose(Tick::from_secs(*second));
            damping.hold_ms(rules) / 1000
        };
        falls.iter().map(hold).collect()
    }

    #[test]
    fn each_fall_doubles_the_hold_within_bounds_and_a_quiet_time_forgets_them() {
        let rules = Rules::default();
        assert_eq!(holds(&rules, &[0, 60, 120, 180, 240, 300, 360]), [10, 20, 40, 80, 160, 300, 300]);
        assert_eq!(holds(&rules, &[0, 599, 1199, 1798]), [10, 20, 10, 20]);
        assert_eq!(holds(&rules, &[1; 200]).last(), Some(&300), "no overflow");
        let no_hold = Rules { hold_ms: 0, max_hold_ms: 3000, ..Rules::default() };
        assert_eq!(holds(&no_hold, &[0, 1, 2, 3]), [0, 2, 3, 3]);
        let long = Rules { hold_ms: 900_000, ..Rules::default() };
        assert_eq!(holds(&long, &[0, 1]), [900, 900], "never shorter than the hold");
        let longest = Rules { hold_ms: u64::MAX, ..Rules::default() };
        let mut damping = Damping::default();
        damping.fell(&longest, Tick(5));
        assert_eq!(damping.until(&longest), Tick(u64::MAX));
    }

    #[test]
    fn the_hold_counts_from_the_last_time_it_got_worse() {
        let (rules, mut damping) = (Rules::default(), Damping::default());
        damping.worsened(Tick::from_secs(1));
        assert_eq!((damping.until(&rules), damping.falls()), (Tick(0), 0), "a WAN that never fell waits for nothing");
        damping.fell(&rules, Tick::from_secs(2));
        damping.worsened(Tick::from_secs(5));
        assert_eq!((damping.until(&rules), damping.falls()), (Tick::from_secs(15), 1));
    }
}
