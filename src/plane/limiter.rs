//! How many ICMP errors may leave: a token bucket (RFC 1812 §4.3.2.8, RFC 4443 §2.4 (f)).
//! Kept as the time at which the bucket would be full again. Must never know: what is limited.

use crate::types::Tick;

/// Errors a second and at once, unless told otherwise: what Linux does, and enough for any traceroute.
pub const ERRORS_PER_SECOND: u32 = 1000;
/// See [`ERRORS_PER_SECOND`].
pub const ERRORS_BURST: u32 = 50;

/// A token bucket.
#[derive(Clone, Copy, Debug)]
pub struct Limiter {
    /// Nanoseconds one token takes to grow; 0 when there are never any.
    interval: u64,
    /// Nanoseconds that the whole bucket but one token takes.
    slack: u64,
    full_at: u64,
}

impl Limiter {
    /// A full bucket of `burst` tokens that grows by `rate` a second. A rate or burst of 0 allows nothing.
    #[must_use]
    pub fn new(rate: u32, burst: u32) -> Self {
        let interval = if burst == 0 { 0 } else { 1_000_000_000u64.checked_div(u64::from(rate)).unwrap_or(0) };
        Self { interval, slack: interval * u64::from(burst.saturating_sub(1)), full_at: 0 }
    }

    /// Takes a token, if there is one at `now`.
    pub fn allow(&mut self, now: Tick) -> bool {
        let full_at = self.full_at.max(now.0);
        if self.interval == 0 || full_at - now.0 > self.slack {
            return false;
        }
        self.full_at = full_at.saturating_add(self.interval);
        true
    }
}

impl Default for Limiter {
    fn default() -> Self {
        Self::new(ERRORS_PER_SECOND, ERRORS_BURST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(limiter: &mut Limiter, now: Tick, asked: u32) -> u32 {
        (0..asked).map(|_| u32::from(limiter.allow(now))).sum()
    }

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let mut limiter = Limiter::default();
        assert_eq!(allowed(&mut limiter, Tick::from_secs(7), 80), 50);
        assert_eq!(allowed(&mut limiter, Tick::from_secs(7).plus_millis(3), 80), 3);
        assert_eq!(allowed(&mut limiter, Tick::from_secs(9), 80), 50, "a bucket never holds more than its burst");
    }

    #[test]
    fn nothing_passes_a_limit_of_zero() {
        assert_eq!(allowed(&mut Limiter::new(0, 50), Tick::from_secs(1), 3), 0);
        assert_eq!(allowed(&mut Limiter::new(1000, 0), Tick::from_secs(1), 3), 0);
    }

    #[test]
    fn time_that_stands_still_grows_nothing() {
        let mut limiter = Limiter::new(1, 1);
        assert_eq!(allowed(&mut limiter, Tick(0), 5), 1);
        assert_eq!(allowed(&mut limiter, Tick(999_999_999), 5), 0);
        assert_eq!(allowed(&mut limiter, Tick(1_000_000_000), 5), 1);
    }
}
