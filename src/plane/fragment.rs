//! Which WAN the later fragments of a datagram follow: the pin of their first fragment, remembered for a short while.
//! Fixed memory: a direct-mapped table whose newer entry replaces the older one on a collision.
//! Must never know: policy, the flow table.

use crate::types::{Tick, WanId};
use std::hash::BuildHasher;
use std::net::IpAddr;

/// Datagrams remembered at the most.
const SLOTS: usize = 1024;

/// Nanoseconds a pin is remembered; an IPv4 identification may be reused after that (RFC 791 §3.2 allows 15 s and more).
const LIFETIME: u64 = 30_000_000_000;

/// What names a datagram until it is whole again (RFC 791 §3.2, RFC 8200 §4.5).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Datagram {
    /// Sender.
    pub source: IpAddr,
    /// Receiver.
    pub destination: IpAddr,
    /// Transport protocol; part of the name in IPv4 only, but never differs within a datagram.
    pub protocol: u8,
    /// The identification.
    pub id: u32,
}

/// The pins of datagrams that passed lately.
#[derive(Debug)]
pub struct FragmentPins {
    slots: Box<[Option<(Datagram, WanId, Tick)>]>,
}

impl FragmentPins {
    /// Nothing remembered.
    #[must_use]
    pub fn new() -> Self {
        Self { slots: vec![None; SLOTS].into_boxed_slice() }
    }

    /// The first fragment of `datagram` took `wan`.
    pub fn remember(&mut self, datagram: Datagram, wan: WanId, now: Tick) {
        self.slots[slot(&datagram)] = Some((datagram, wan, now));
    }

    /// Where the first fragment went, if it passed within the lifetime.
    #[must_use]
    pub fn find(&self, datagram: &Datagram, now: Tick) -> Option<WanId> {
        let (known, wan, at) = self.slots[slot(datagram)].as_ref()?;
        (known == datagram && now.since(*at) < LIFETIME).then_some(*wan)
    }
}

impl Default for FragmentPins {
    fn default() -> Self {
        Self::new()
    }
}

fn slot(datagram: &Datagram) -> usize {
    usize::try_from(foldhash::fast::FixedState::default().hash_one(datagram)).unwrap_or(0) % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn datagram(id: u32) -> Datagram {
        Datagram {
            source: Ipv4Addr::new(10, 250, 250, 2).into(),
            destination: Ipv4Addr::new(203, 0, 113, 10).into(),
            protocol: 17,
            id,
        }
    }

    #[test]
    fn a_later_fragment_finds_the_pin_of_its_first_until_the_lifetime_ends() {
        let mut pins = FragmentPins::new();
        pins.remember(datagram(7), WanId(1), Tick::from_secs(100));
        assert_eq!(pins.find(&datagram(7), Tick::from_secs(129)), Some(WanId(1)));
        assert_eq!(pins.find(&datagram(7), Tick::from_secs(130)), None);
        assert_eq!(pins.find(&datagram(8), Tick::from_secs(100)), None);
    }

    #[test]
    fn a_flood_of_first_fragments_takes_no_more_memory() {
        let mut pins = FragmentPins::new();
        for id in 0..100_000 {
            pins.remember(datagram(id), WanId(0), Tick::from_secs(1));
        }
        assert_eq!(pins.slots.len(), SLOTS);
        assert_eq!(pins.find(&datagram(99_999), Tick::from_secs(1)), Some(WanId(0)));
    }
}
