//! What others than the probes know of a WAN: its link, and the flows of real people on it.
//! Must never know: how a link is watched, how flows are counted.

use crate::types::{Family, Tick};

/// What the kernel says of a WAN's link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LinkFacts {
    /// The link exists.
    pub present: bool,
    /// It is up and has a carrier.
    pub carrier: bool,
    /// Whether a gateway is known, by [`Family`].
    pub next_hop: [bool; 2],
    /// Whether there is a public address to send from, by [`Family`].
    pub address: [bool; 2],
}

impl LinkFacts {
    /// All is there.
    pub const GOOD: Self = Self { present: true, carrier: true, next_hop: [true; 2], address: [true; 2] };

    /// Why nothing can be sent in this family.
    pub(super) fn fault(self, family: Family) -> Option<Fault> {
        match self {
            Self { present: false, .. } => Some(Fault::Absent),
            Self { carrier: false, .. } => Some(Fault::NoCarrier),
            _ if !self.next_hop[family.index()] => Some(Fault::NoNextHop),
            _ => (!self.address[family.index()]).then_some(Fault::NoAddress),
        }
    }
}

/// A reason why nothing can be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    Absent,
    NoCarrier,
    NoNextHop,
    NoAddress,
}

/// What the flows on all WANs show, since the last time it was told. Worth telling once per interval of the probes and
/// a few times a second: replies count only from the first bad cycle on, and for a second.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Evidence {
    /// By WAN, and by [`Family`].
    pub wans: Vec<[Traffic; 2]>,
}

/// What the flows on one WAN show.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Traffic {
    /// A reply to a flow that began inside came in at this time or later; `None`: none since the last time. From a
    /// counter that moved between two readings: the time of the earlier reading. What a remote sends unasked, or again,
    /// is no reply: it does not show that the way out is alive.
    pub replied: Option<Tick>,
    /// TCP handshakes begun from inside.
    pub tried: u32,
    /// Those answered, whenever they began.
    pub answered: u32,
}

/// Milliseconds that a reply counts as evidence.
pub(super) const REPLY_MS: u64 = 1000;
/// Milliseconds after which the handshakes of a while have had their time to be answered.
const ANSWER_MS: u64 = 500;
/// Milliseconds of a while.
const WHILE_MS: u64 = 1000;
/// Handshakes that have to fail before they mean anything, and to succeed elsewhere.
const FEW: u32 = 5;

/// The handshakes on one WAN: those of the last while, and those of the while under way.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Handshakes {
    began: Tick,
    old: (u32, u32),
    new: (u32, u32),
}

impl Handshakes {
    /// Notes what was seen until `now`.
    pub fn seen(&mut self, now: Tick, traffic: &Traffic) {
        let age = now.since(self.began);
        if age >= WHILE_MS * 1_000_000 {
            let is_next = age < 2 * WHILE_MS * 1_000_000;
            *self = Self { began: now, old: if is_next { self.new } else { (0, 0) }, new: (0, 0) };
        }
        self.new.0 = self.new.0.saturating_add(traffic.tried);
        self.new.1 = self.new.1.saturating_add(traffic.answered);
    }

    fn answered(&self) -> u32 {
        self.old.1.saturating_add(self.new.1)
    }

    /// How many were tried in vain: none was answered, and each had its time to be.
    pub fn in_vain(&self, now: Tick) -> Option<u32> {
        let is_due = now.since(self.began) >= ANSWER_MS * 1_000_000;
        (is_due && self.old.0 >= FEW && self.answered() == 0).then_some(self.old.0)
    }

    /// Whether at least half of them are answered.
    pub fn succeed(&self) -> bool {
        let tried = self.old.0.saturating_add(self.new.0);
        self.answered() >= FEW && self.answered() >= tried / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_thing_missing_is_the_fault() {
        let facts = |present, carrier, v4, v6| LinkFacts { present, carrier, next_hop: [v4, v6], ..LinkFacts::GOOD };
        let rows = [
            (facts(true, true, true, true), [None, None]),
            (facts(true, true, false, true), [Some(Fault::NoNextHop), None]),
            (facts(true, false, false, true), [Some(Fault::NoCarrier); 2]),
            (facts(false, true, true, true), [Some(Fault::Absent); 2]),
        ];
        for (facts, faults) in rows {
            assert_eq!(Family::ALL.map(|family| facts.fault(family)), faults, "{facts:?}");
        }
    }

    #[test]
    fn handshakes_fail_when_they_had_their_time_and_none_was_answered() {
        let told = |rows: &[(u64, u32, u32)]| {
            let mut handshakes = Handshakes::default();
            for (ms, tried, answered) in rows {
                let traffic = Traffic { replied: None, tried: *tried, answered: *answered };
                handshakes.seen(Tick::from_millis(*ms), &traffic);
            }
            let now = rows.last().map_or(0, |(ms, _, _)| *ms);
            (handshakes.in_vain(Tick::from_millis(now)), handshakes.succeed())
        };
        assert_eq!(told(&[(100, 9, 0)]), (None, false), "a browser has just opened nine");
        assert_eq!(told(&[(900, 9, 0), (1000, 0, 0)]), (None, false), "the last may be under way");
        assert_eq!(told(&[(900, 9, 0), (1000, 0, 0), (1499, 0, 0)]), (None, false));
        assert_eq!(told(&[(900, 9, 0), (1000, 0, 0), (1500, 0, 0)]), (Some(9), false));
        assert_eq!(told(&[(900, 9, 0), (1000, 0, 0), (1500, 0, 1)]), (None, false), "one is answered after all");
        assert_eq!(told(&[(900, 4, 0), (1000, 0, 0), (1500, 0, 0)]), (None, false), "too few");
        assert_eq!(told(&[(900, 9, 0), (4000, 0, 0), (4500, 0, 0)]), (None, false), "long ago");
        assert_eq!(told(&[(100, 10, 5)]), (None, true));
        assert_eq!(told(&[(100, 12, 5)]), (None, false));
        assert_eq!(told(&[(100, u32::MAX, u32::MAX), (200, 9, 9)]), (None, true), "no overflow");
    }
}
