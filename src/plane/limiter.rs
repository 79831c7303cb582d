//! How many ICMP errors may leave: token buckets (RFC 1812 §4.3.2.8, RFC 4443 §2.4 (f)), small ones for receivers inside a
//! large one for each side, so that neither a host that floods nor the other side silences a traceroute.
//! A bucket is kept as the time at which it would be full again, and each worker has its own.
//! Must never know: what the errors say.

use crate::plane::keyed::Keyed;
use crate::types::{End, Tick};
use std::net::IpAddr;

/// The limits of one worker.
#[derive(Clone, Debug)]
pub struct Limits {
    inside: Fair,
    outside: Fair,
}

impl Limits {
    /// `rate` errors a second towards inside, and as many towards all WANs together; 0 allows none. From `secret` it comes
    /// which receivers share a bucket.
    #[must_use]
    pub fn new(rate: u32, secret: u64) -> Self {
        let key = Keyed::new(secret, 0x6572_726f_7273);
        Self { inside: Fair::new(rate, key.clone()), outside: Fair::new(rate, key) }
    }

    /// Whether `receiver`, on the side of `to`, may be sent an error now; it counts as sent then.
    pub fn allow(&mut self, now: Tick, to: End, receiver: IpAddr) -> bool {
        match to {
            End::Inside => self.inside.allow(now, receiver),
            End::Wan(_) => self.outside.allow(now, receiver),
        }
    }
}

/// Buckets of receivers; those that share one share its tokens.
const SLOTS: usize = 256;

/// One receiver may have this part of a side's errors: a flood leaves the rest to the others.
const SHARE: u32 = 8;

/// A side's bucket holds what grows in this part of a second, as Linux has it (1000 a second, 50 at once).
const BURST_PART: u32 = 20;

/// A side's bucket holds this much at least, if its rate allows any: two traceroutes of three probes a hop.
const LEAST_BURST: u32 = 12;

#[derive(Clone, Debug)]
struct Fair {
    /// Nobody outside knows whose bucket is whose too.
    key: Keyed,
    all: Limiter,
    each: Box<[Limiter]>,
}

impl Fair {
    fn new(rate: u32, key: Keyed) -> Self {
        let burst = (rate / BURST_PART).max(LEAST_BURST);
        let one = Limiter::new(rate.div_ceil(SHARE), burst / 2);
        Self { key, all: Limiter::new(rate, burst), each: vec![one; SLOTS].into_boxed_slice() }
    }

    /// What a receiver's own bucket refuses takes nothing from the others.
    fn allow(&mut self, now: Tick, receiver: IpAddr) -> bool {
        let slot = self.key.hash(receiver) as usize % SLOTS;
        let one = &mut self.each[slot];
        if !one.has_token(now) || !self.all.has_token(now) {
            return false;
        }
        one.take(now);
        self.all.take(now);
        true
    }
}

/// A token bucket.
#[derive(Clone, Copy, Debug)]
struct Limiter {
    /// Nanoseconds one token takes to grow; 0 when there are never any.
    interval: u64,
    /// Nanoseconds that the whole bucket but one token takes.
    slack: u64,
    full_at: u64,
}

impl Limiter {
    /// A full bucket of `burst` tokens that grows by `rate` a second. A rate or burst of 0 allows nothing.
    fn new(rate: u32, burst: u32) -> Self {
        let interval = if burst == 0 { 0 } else { 1_000_000_000u64.checked_div(u64::from(rate)).unwrap_or(0) };
        Self { interval, slack: interval * u64::from(burst.saturating_sub(1)), full_at: 0 }
    }

    fn has_token(&self, now: Tick) -> bool {
        self.interval != 0 && self.full_at.saturating_sub(now.0) <= self.slack
    }

    fn take(&mut self, now: Tick) {
        self.full_at = self.full_at.max(now.0).saturating_add(self.interval);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::WanId;

    fn allowed(limiter: &mut Limiter, now: Tick, asked: u32) -> u32 {
        (0..asked)
            .map(|_| {
                let has = limiter.has_token(now);
                if has {
                    limiter.take(now);
                }
                u32::from(has)
            })
            .sum()
    }

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let mut limiter = Limiter::new(1000, 50);
        assert_eq!(allowed(&mut limiter, Tick::from_secs(7), 80), 50);
        assert_eq!(allowed(&mut limiter, Tick::from_secs(7).plus_millis(3), 80), 3);
        assert_eq!(allowed(&mut limiter, Tick::from_secs(9), 80), 50, "a bucket never holds more than its burst");
    }

    #[test]
    fn nothing_passes_a_limit_of_zero() {
        assert_eq!(allowed(&mut Limiter::new(0, 50), Tick::from_secs(1), 3), 0);
        assert_eq!(allowed(&mut Limiter::new(1000, 0), Tick::from_secs(1), 3), 0);
        assert!(!Limits::new(0, 0).allow(Tick::from_secs(1), End::Inside, [10, 250, 250, 2].into()));
    }

    #[test]
    fn time_that_stands_still_grows_nothing() {
        let mut limiter = Limiter::new(1, 1);
        assert_eq!(allowed(&mut limiter, Tick(0), 5), 1);
        assert_eq!(allowed(&mut limiter, Tick(999_999_999), 5), 0);
        assert_eq!(allowed(&mut limiter, Tick(1_000_000_000), 5), 1);
    }

    /// How many of `asked` errors to a host pass.
    fn told(limits: &mut Limits, now: Tick, to: End, host: u8, asked: u32) -> u32 {
        (0..asked).map(|_| u32::from(limits.allow(now, to, [10, 250, 250, host].into()))).sum()
    }

    #[test]
    fn a_flood_of_one_host_leaves_the_others_their_answers() {
        let mut limits = Limits::new(1000, 0);
        let start = Tick::from_secs(7);
        assert_eq!(told(&mut limits, start, End::Inside, 3, 1000), 25);
        assert_eq!(told(&mut limits, start, End::Inside, 2, 9), 9);
        let mut flood = 0;
        for ms in 1..=1000 {
            flood += told(&mut limits, start.plus_millis(ms), End::Inside, 3, 100);
            if ms % 100 == 0 {
                assert_eq!(told(&mut limits, start.plus_millis(ms), End::Inside, 2, 3), 3, "{ms}");
            }
        }
        assert_eq!(flood, 125);
    }

    #[test]
    fn many_receivers_together_get_no_more_than_the_rate() {
        let mut limits = Limits::new(1000, 0);
        let start = Tick::from_secs(7);
        let flood: u32 = (0..=255).map(|host| told(&mut limits, start, End::Wan(WanId(0)), host, 5)).sum();
        assert_eq!(flood, 50);
        assert_eq!(told(&mut limits, start, End::Wan(WanId(1)), 7, 1), 0, "all WANs are one side");
        assert_eq!(told(&mut limits, start, End::Inside, 7, 9), 9, "inside is another");
    }

    #[test]
    fn a_low_limit_still_lets_a_traceroute_pass() {
        for rate in [1, 10, 100] {
            let mut limits = Limits::new(rate, 0);
            assert_eq!(told(&mut limits, Tick::from_secs(7), End::Inside, 2, 100), 6, "{rate}");
        }
    }

    #[test]
    fn nobody_outside_knows_which_receivers_share_a_bucket() {
        let address = |host: u32| IpAddr::from(std::net::Ipv4Addr::from(0x0afa_0000 + host));
        let bucket =
            |host: u32| std::hash::BuildHasher::hash_one(&foldhash::fast::FixedState::default(), address(host)) % 256;
        let stranger = (3..).find(|host| bucket(*host) == bucket(2)).unwrap();
        let (mut limits, now) = (Limits::new(1000, 0), Tick::from_secs(7));
        assert_eq!((0..100).filter(|_| limits.allow(now, End::Inside, address(stranger))).count(), 25);
        assert!(limits.allow(now, End::Inside, address(2)), "with an unkeyed hash it shares the stranger's");
    }
}
