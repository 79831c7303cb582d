//! Counters of one worker, written by it alone and read by anybody: plain loads and stores, no locked instruction.
//! Must never know: how they are shown.

use crate::plane::verdict::DropReason;
use crate::types::{Direction, Family, MAX_WANS, WanId};
use crossbeam::utils::CachePadded;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

const REASONS: usize = DropReason::ALL.len();

/// Packets and IP bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Traffic {
    /// Packets; a super-frame counts as its segments.
    pub packets: u64,
    /// IP bytes.
    pub bytes: u64,
}

/// What one packet shows of whether the path behind its WAN works, both ways. A reply confirms it, as RFC 4861 §7.3.1 has
/// it for next hops: what came in cannot have been sent without something having arrived there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reachability {
    /// Nothing.
    Nothing,
    /// An inside host begins a TCP handshake.
    Tried,
    /// The remote answers it, if only with a refusal: the path works both ways.
    Answered,
    /// The remote replies to something that came from inside: the same.
    Replied,
}

/// What is counted besides forwarding and dropping.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Event {
    /// Frames consumed: ARP and ND, by an answer; answers to probes sent from an owned address.
    Answered,
    /// Packets copied aside until their next hop's MAC is known, or their first fragment has come.
    Held,
    /// Frames that are the kernel's.
    Kernel,
    /// TCP segments whose MSS was lowered.
    Clamped,
    /// Packets from inside to an own public address that came back inside.
    Hairpinned,
    /// ICMP errors that were due and not sent, because many were sent just before.
    IcmpRateLimited,
    /// Packets that were fragmented.
    Fragmented,
    /// Flows ended because their WAN is down, or a better one is back.
    Reset,
    /// Flows that went to another WAN because theirs is down, or translates their source no more, or a better one is back.
    Moved,
    /// Segments for remotes of TCP connections that have ended while their line could still send: RSTs, and questions of
    /// which number a RST must have.
    RemoteReset,
    /// Flows that were reset or moved because nothing answered them on a WAN that is softly down; `Reset` or `Moved` has
    /// them, too.
    Silent,
    /// Packets that passed without an entry in the table, because it is full or their host has too many: their flow is
    /// found by the hash each time.
    Unpinned,
    /// Packets of new flows from inside that got no entry, because their host, or its network, has as many flows as it may.
    SourceLimited,
    /// Flows from outside, whose sources may be spoofed, removed because newer flows needed their places.
    Evicted,
    /// MACs that somebody claimed for a gateway whose known one answers still, or that did not answer themselves.
    ClaimRefused,
    /// Gateways that another of their WAN has taken the place of.
    GatewayChanged,
    /// Attempts to find a public port for a new flow on a WAN that has none left.
    PortsExhausted,
}

impl Event {
    /// Every event, in the order of its discriminant.
    pub const ALL: &'static [Self] = &[
        Self::Answered,
        Self::Held,
        Self::Kernel,
        Self::Clamped,
        Self::Hairpinned,
        Self::IcmpRateLimited,
        Self::Fragmented,
        Self::Reset,
        Self::Moved,
        Self::RemoteReset,
        Self::Silent,
        Self::Unpinned,
        Self::SourceLimited,
        Self::Evicted,
        Self::ClaimRefused,
        Self::GatewayChanged,
        Self::PortsExhausted,
    ];

    /// The name in tables and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Held => "held",
            Self::Kernel => "kernel",
            Self::Clamped => "clamped",
            Self::Hairpinned => "hairpinned",
            Self::IcmpRateLimited => "icmp-rate-limited",
            Self::Fragmented => "fragmented",
            Self::Reset => "reset",
            Self::Moved => "moved",
            Self::RemoteReset => "remote-reset",
            Self::Silent => "silent",
            Self::Unpinned => "unpinned",
            Self::SourceLimited => "source-limited",
            Self::Evicted => "evicted",
            Self::ClaimRefused => "claim-refused",
            Self::GatewayChanged => "gateway-changed",
            Self::PortsExhausted => "ports-exhausted",
        }
    }
}

const EVENTS: usize = Event::ALL.len();

/// One worker's counters. Only that worker may call what counts; calls of two threads would lose counts.
#[derive(Debug)]
pub struct Counters(CachePadded<Cells>);

#[derive(Debug)]
struct Cells {
    drops: [[AtomicU64; REASONS]; 2],
    events: [AtomicU64; EVENTS],
    /// By WAN and direction: packets, bytes.
    forwarded: [[[AtomicU64; 2]; 2]; MAX_WANS],
    /// By WAN and family: as in [`ReachabilityCounts`].
    reachability: [[[AtomicU64; 3]; 2]; MAX_WANS],
}

impl Default for Counters {
    fn default() -> Self {
        Self(CachePadded::new(Cells {
            drops: std::array::from_fn(|_| std::array::from_fn(|_| AtomicU64::new(0))),
            events: std::array::from_fn(|_| AtomicU64::new(0)),
            forwarded: std::array::from_fn(|_| Default::default()),
            reachability: std::array::from_fn(|_| Default::default()),
        }))
    }
}

impl Counters {
    /// A packet was dropped.
    pub fn count_drop(&self, direction: Direction, reason: DropReason) {
        add(&self.0.drops[row(direction)][reason as usize], 1);
    }

    /// `packets` packets with `bytes` IP bytes were forwarded between inside and `wan`.
    pub fn forward(&self, wan: WanId, direction: Direction, packets: u64, bytes: u64) {
        if let Some(cells) = self.0.forwarded.get(wan.index()) {
            let [p, b] = &cells[row(direction)];
            add(p, packets);
            add(b, bytes);
        }
    }

    /// A packet of `wan` showed something of its path.
    pub fn reachability(&self, wan: WanId, family: Family, shown: Reachability) {
        let Some([tried, answered, replied]) = self.0.reachability.get(wan.index()).map(|both| &both[family.index()])
        else {
            return;
        };
        match shown {
            Reachability::Nothing => {}
            Reachability::Tried => add(tried, 1),
            Reachability::Answered => {
                add(answered, 1);
                add(replied, 1);
            }
            Reachability::Replied => add(replied, 1),
        }
    }

    /// Something else happened once.
    pub fn event(&self, event: Event) {
        add(&self.0.events[event as usize], 1);
    }

    /// Adds what has been counted so far to `totals`, from any thread.
    pub fn add_into(&self, totals: &mut Totals) {
        let read = |sum: &mut u64, cell: &AtomicU64| *sum += cell.load(Relaxed);
        for (sums, cells) in totals.drops.iter_mut().zip(&self.0.drops) {
            sums.iter_mut().zip(cells).for_each(|(sum, cell)| read(sum, cell));
        }
        totals.events.iter_mut().zip(&self.0.events).for_each(|(sum, cell)| read(sum, cell));
        for (sum, [p, b]) in totals.forwarded.iter_mut().flatten().zip(self.0.forwarded.iter().flatten()) {
            read(&mut sum.packets, p);
            read(&mut sum.bytes, b);
        }
        for (sum, cells) in totals.reachability.iter_mut().flatten().zip(self.0.reachability.iter().flatten()) {
            let [tried, answered, replied] = cells;
            read(&mut sum.tried, tried);
            read(&mut sum.answered, answered);
            read(&mut sum.replied, replied);
        }
    }

    /// What has been counted so far, from any thread.
    #[must_use]
    pub fn snapshot(&self) -> Totals {
        let mut totals = Totals::default();
        self.add_into(&mut totals);
        totals
    }
}

fn row(direction: Direction) -> usize {
    match direction {
        Direction::Outbound => 0,
        Direction::Inbound => 1,
    }
}

fn add(cell: &AtomicU64, count: u64) {
    cell.store(cell.load(Relaxed).wrapping_add(count), Relaxed);
}

/// What the flows that began inside show of the path behind a WAN, in one family.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ReachabilityCounts {
    /// TCP handshakes begun, each with another remote than the one before; a SYN that is sent again is none.
    pub tried: u64,
    /// TCP handshakes answered, whenever they began.
    pub answered: u64,
    /// Replies, the answers to handshakes among them.
    pub replied: u64,
}

/// The sum of any number of workers' counters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Totals {
    drops: [[u64; REASONS]; 2],
    events: [u64; EVENTS],
    forwarded: [[Traffic; 2]; MAX_WANS],
    reachability: [[ReachabilityCounts; 2]; MAX_WANS],
}

impl Default for Totals {
    fn default() -> Self {
        Self {
            drops: [[0; REASONS]; 2],
            events: [0; EVENTS],
            forwarded: [[Traffic::default(); 2]; MAX_WANS],
            reachability: [[ReachabilityCounts::default(); 2]; MAX_WANS],
        }
    }
}

impl Totals {
    /// Packets dropped for `reason`.
    #[must_use]
    pub fn dropped(&self, direction: Direction, reason: DropReason) -> u64 {
        self.drops[row(direction)][reason as usize]
    }

    /// Reasons with a count, in the order of their discriminants.
    pub fn drops(&self, direction: Direction) -> impl Iterator<Item = (DropReason, u64)> + '_ {
        let counts = self.drops[row(direction)];
        DropReason::ALL.iter().copied().zip(counts).filter(|(_, count)| *count != 0)
    }

    /// What was forwarded between inside and `wan`.
    #[must_use]
    pub fn forwarded(&self, wan: WanId, direction: Direction) -> Traffic {
        self.forwarded.get(wan.index()).map_or_else(Traffic::default, |both| both[row(direction)])
    }

    /// What the flows on `wan` show.
    #[must_use]
    pub fn reachability(&self, wan: WanId, family: Family) -> ReachabilityCounts {
        self.reachability.get(wan.index()).map_or_else(ReachabilityCounts::default, |both| both[family.index()])
    }

    /// What happened at all, in the order of the events, and how often.
    pub fn happened(&self) -> impl Iterator<Item = (Event, u64)> + '_ {
        Event::ALL.iter().copied().zip(self.events).filter(|(_, count)| *count != 0)
    }

    /// How often something happened.
    #[must_use]
    pub fn events(&self, event: Event) -> u64 {
        self.events[event as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counters_of_two_workers_add_up() {
        let (one, two) = (Counters::default(), Counters::default());
        one.count_drop(Direction::Inbound, DropReason::Truncated);
        two.count_drop(Direction::Inbound, DropReason::Truncated);
        two.count_drop(Direction::Outbound, DropReason::NoHeadroom);
        one.forward(WanId(31), Direction::Outbound, 45, 65_000);
        two.forward(WanId(31), Direction::Outbound, 1, 40);
        one.event(Event::Clamped);
        one.reachability(WanId(3), Family::V6, Reachability::Tried);
        for shown in [Reachability::Answered, Reachability::Replied, Reachability::Nothing] {
            two.reachability(WanId(3), Family::V6, shown);
        }
        let mut totals = one.snapshot();
        two.add_into(&mut totals);
        assert_eq!(totals.drops(Direction::Inbound).collect::<Vec<_>>(), [(DropReason::Truncated, 2)]);
        assert_eq!(totals.drops(Direction::Outbound).collect::<Vec<_>>(), [(DropReason::NoHeadroom, 1)]);
        assert_eq!(totals.forwarded(WanId(31), Direction::Outbound), Traffic { packets: 46, bytes: 65_040 });
        assert_eq!(totals.forwarded(WanId(31), Direction::Inbound), Traffic::default());
        assert_eq!(totals.reachability(WanId(3), Family::V6), ReachabilityCounts { tried: 1, answered: 1, replied: 2 });
        assert_eq!(totals.reachability(WanId(3), Family::V4), ReachabilityCounts::default());
        assert_eq!((totals.events(Event::Clamped), totals.events(Event::Held)), (1, 0));
    }

    #[test]
    fn a_wan_that_cannot_be_is_counted_nowhere() {
        let counters = Counters::default();
        counters.forward(WanId(200), Direction::Inbound, 1, 1);
        counters.reachability(WanId(200), Family::V4, Reachability::Replied);
        assert_eq!(counters.snapshot(), Totals::default());
    }

    #[test]
    fn every_event_has_its_place() {
        for (index, event) in Event::ALL.iter().enumerate() {
            assert_eq!(*event as usize, index);
        }
    }
}
