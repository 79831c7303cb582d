//! The rules by which one WAN is judged, as plain data. The defaults are those of the configuration file.
//! Must never know: how the settings are written down.

use crate::types::Family;
use std::sync::Arc;

/// The rules by which one WAN is judged. Times are milliseconds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rules {
    /// Its probes, in the order of [`crate::types::Probed::probe`]. A family without any is judged by its link alone.
    pub probes: Vec<Probe>,
    /// Probes of a family that must pass for a cycle to count as good; at least one, at most all probes of the family.
    pub quorum: usize,
    /// From one cycle to the next.
    pub interval_ms: u64,
    /// How long a probe waits for its answer.
    pub timeout_ms: u64,
    /// Bad cycles in a row until down.
    pub fall: u32,
    /// Good cycles in a row until up.
    pub rise: u32,
    /// Limit of the thousandths of probes in the window that fail.
    pub max_loss: Limit,
    /// Limit of the nanoseconds that a round trip takes on average.
    pub max_latency: Limit,
    /// The least time from a fall, or from becoming degraded, until up again.
    pub hold_ms: u64,
    /// The longest hold: each further fall doubles it up to here.
    pub max_hold_ms: u64,
    /// The time up after which earlier falls are forgotten.
    pub quiet_ms: u64,
    /// Outcomes of each probe over which loss and latency are taken. They are judged once half of them are there.
    pub window: usize,
    /// Whether real flows count as evidence.
    pub traffic_evidence: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            probes: Vec::new(),
            quorum: 1,
            interval_ms: 1000,
            timeout_ms: 800,
            fall: 3,
            rise: 5,
            max_loss: Limit::loss(200),
            max_latency: Limit::latency_ms(250),
            hold_ms: 10_000,
            max_hold_ms: 300_000,
            quiet_ms: 600_000,
            window: 30,
            traffic_evidence: true,
        }
    }
}

/// One of a WAN's probes, as far as the judge is concerned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Probe {
    /// The family that it tests.
    pub family: Family,
    /// What people call it, as in `icmp 203.0.113.10`.
    pub name: Arc<str>,
}

impl Probe {
    /// A probe with this name.
    #[must_use]
    pub fn new(family: Family, name: &str) -> Self {
        Self { family, name: name.into() }
    }
}

/// A limit with hysteresis: a value that has exceeded `most` counts as cured only at `recover` or below.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limit {
    /// More than this is bad.
    pub most: u64,
    /// At most this is good again; never more than `most`.
    pub recover: u64,
}

impl Limit {
    /// This many thousandths lost, and half of them to recover.
    #[must_use]
    pub const fn loss(thousandths: u64) -> Self {
        Self { most: thousandths, recover: thousandths / 2 }
    }

    /// This many milliseconds for a round trip, and four fifths of them to recover.
    #[must_use]
    pub const fn latency_ms(ms: u64) -> Self {
        Self { most: ms.saturating_mul(1_000_000), recover: ms.saturating_mul(800_000) }
    }

    /// Whether `value` is too much; `before`: it was too much until now.
    #[must_use]
    pub(super) fn exceeded(self, value: u64, before: bool) -> bool {
        value > if before { self.recover.min(self.most) } else { self.most }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_left_later_than_it_is_entered() {
        let limit = Limit::loss(200);
        let rows = [(0, false, false), (100, true, false), (101, true, true), (200, false, false), (201, false, true)];
        for (value, before, exceeded) in rows {
            assert_eq!(limit.exceeded(value, before), exceeded, "{value} after {before}");
        }
        let (upside_down, latency) = (Limit { most: 5, recover: 9 }, Limit::latency_ms(250));
        assert!(upside_down.exceeded(6, true), "what is bad never counts as cured");
        assert_eq!((latency.most, latency.recover), (250_000_000, 200_000_000));
        assert_eq!(Limit::latency_ms(u64::MAX).most, u64::MAX);
    }
}
