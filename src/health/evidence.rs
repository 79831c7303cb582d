//! What is known of a WAN beside its probes: the state of its link, and what the flows on it show.
//! Must never know: how a link is watched, how flows are counted.

use crate::types::{Family, Tick};
use std::sync::Arc;

/// The state of a WAN's link, as the kernel reports it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LinkHealth {
    /// The link exists.
    pub present: bool,
    /// Why it carries nothing, in one sentence, by [`Family`].
    pub unusable: [Option<Arc<str>>; 2],
    /// It is up and has a carrier.
    pub carrier: bool,
    /// Whether a gateway is known, by [`Family`].
    pub next_hop: [bool; 2],
    /// Why there is no public address to send from, by [`Family`].
    pub no_address: [Option<Arc<str>>; 2],
}

impl LinkHealth {
    /// Nothing is missing.
    pub const GOOD: Self =
        Self { present: true, unusable: [None, None], carrier: true, next_hop: [true; 2], no_address: [None, None] };

    /// Why nothing can be sent in this family.
    pub(super) fn fault(&self, family: Family) -> Option<Fault> {
        match self {
            Self { present: false, .. } => Some(Fault::Absent),
            Self { unusable, .. } if unusable[family.index()].is_some() => {
                unusable[family.index()].clone().map(Fault::Unusable)
            }
            Self { carrier: false, .. } => Some(Fault::NoCarrier),
            _ if !self.next_hop[family.index()] => Some(Fault::NoNextHop),
            _ => self.no_address[family.index()].clone().map(Fault::NoAddress),
        }
    }
}

/// A reason why nothing can be sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    Absent,
    Unusable(Arc<str>),
    NoCarrier,
    NoNextHop,
    NoAddress(Arc<str>),
}

/// What the flows on all WANs have shown since the last evidence. Worth giving once per interval of the probes and a few
/// times a second: replies count only from the first bad cycle on, and for a second.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Evidence {
    /// By WAN, and by [`Family`].
    pub wans: Vec<[FlowEvidence; 2]>,
}

/// What the flows on one WAN have shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FlowEvidence {
    /// A reply to a flow that began inside came in at this time or later; `None`: none since the last evidence. Where a
    /// counter has moved between two readings, the time of the earlier. A packet that a remote sends unasked, or again,
    /// is no reply: it does not show that the path out is alive.
    pub replied: Option<Tick>,
    /// TCP handshakes begun from inside.
    pub tried: u32,
    /// Those answered, whenever they began.
    pub answered: u32,
}

/// Milliseconds for which a reply counts as evidence.
pub(super) const REPLY_MS: u64 = 1000;
/// Milliseconds after the end of a period until its handshakes have had their time to be answered.
const ANSWER_MS: u64 = 500;
/// Milliseconds of a period.
const PERIOD_MS: u64 = 1000;
/// The least number of handshakes whose failure, or success elsewhere, means anything.
const FEW: u32 = 5;

/// Handshakes of a period.
#[derive(Clone, Copy, Debug, Default)]
struct Period {
    tried: u32,
    answered: u32,
}

/// The handshakes on one WAN: those of the last period, and those of the period under way.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Handshakes {
    /// When the period under way began.
    began: Tick,
    last: Period,
    current: Period,
}

impl Handshakes {
    /// Adds what was seen until `now`.
    pub fn add(&mut self, now: Tick, traffic: &FlowEvidence) {
        let age = now.since(self.began);
        if age >= PERIOD_MS * 1_000_000 {
            let is_next = age < 2 * PERIOD_MS * 1_000_000;
            let last = if is_next { self.current } else { Period::default() };
            *self = Self { began: now, last, current: Period::default() };
        }
        self.current.tried = self.current.tried.saturating_add(traffic.tried);
        self.current.answered = self.current.answered.saturating_add(traffic.answered);
    }

    fn answered(&self) -> u32 {
        self.last.answered.saturating_add(self.current.answered)
    }

    /// How many stayed unanswered, if none was answered and each has had its time.
    pub fn unanswered(&self, now: Tick) -> Option<u32> {
        let is_due = now.since(self.began) >= ANSWER_MS * 1_000_000;
        (is_due && self.last.tried >= FEW && self.answered() == 0).then_some(self.last.tried)
    }

    /// Whether at least half of them are answered.
    pub fn succeed(&self) -> bool {
        let tried = self.last.tried.saturating_add(self.current.tried);
        self.answered() >= FEW && self.answered() >= tried / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_thing_missing_is_the_fault() {
        let facts = |present, carrier, v4, v6| LinkHealth { present, carrier, next_hop: [v4, v6], ..LinkHealth::GOOD };
        let rows = [
            (facts(true, true, true, true), [None, None]),
            (facts(true, true, false, true), [Some(Fault::NoNextHop), None]),
            (facts(true, false, false, true), [Some(Fault::NoCarrier), Some(Fault::NoCarrier)]),
            (facts(false, true, true, true), [Some(Fault::Absent), Some(Fault::Absent)]),
            (
                LinkHealth { unusable: [Some("why".into()), Some("why".into())], ..facts(false, true, true, true) },
                [Some(Fault::Absent), Some(Fault::Absent)],
            ),
            (
                LinkHealth { unusable: [Some("why".into()), Some("why".into())], ..facts(true, false, true, true) },
                [Some(Fault::Unusable("why".into())), Some(Fault::Unusable("why".into()))],
            ),
        ];
        for (facts, faults) in rows {
            assert_eq!(Family::ALL.map(|family| facts.fault(family)), faults, "{facts:?}");
        }
    }

    #[test]
    fn handshakes_fail_when_they_had_their_time_and_none_was_answered() {
        let judged = |rows: &[(u64, u32, u32)]| {
            let mut handshakes = Handshakes::default();
            for (ms, tried, answered) in rows {
                let traffic = FlowEvidence { replied: None, tried: *tried, answered: *answered };
                handshakes.add(Tick::from_millis(*ms), &traffic);
            }
            let now = rows.last().map_or(0, |(ms, _, _)| *ms);
            (handshakes.unanswered(Tick::from_millis(now)), handshakes.succeed())
        };
        assert_eq!(judged(&[(100, 9, 0)]), (None, false), "a browser has just opened nine");
        assert_eq!(judged(&[(900, 9, 0), (1000, 0, 0)]), (None, false), "the last may be under way");
        assert_eq!(judged(&[(900, 9, 0), (1000, 0, 0), (1499, 0, 0)]), (None, false));
        assert_eq!(judged(&[(900, 9, 0), (1000, 0, 0), (1500, 0, 0)]), (Some(9), false));
        assert_eq!(judged(&[(900, 9, 0), (1000, 0, 0), (1500, 0, 1)]), (None, false), "one is answered after all");
        assert_eq!(judged(&[(900, 4, 0), (1000, 0, 0), (1500, 0, 0)]), (None, false), "too few");
        assert_eq!(judged(&[(900, 9, 0), (4000, 0, 0), (4500, 0, 0)]), (None, false), "long ago");
        assert_eq!(judged(&[(100, 10, 5)]), (None, true));
        assert_eq!(judged(&[(100, 12, 5)]), (None, false));
        assert_eq!(judged(&[(100, u32::MAX, u32::MAX), (200, 9, 9)]), (None, true), "no overflow");
    }
}
