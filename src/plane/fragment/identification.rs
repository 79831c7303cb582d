//! Identifications of IPv4 datagrams that leave from an address which hosts share: they do not know of each other's, and what
//! may be fragmented has to have one of its own among those of its addresses and protocol (RFC 6864 §4.3, §5.3.1). Whole
//! datagrams that may not be fragmented keep theirs, which mean nothing (§4.1). Must never know: who shares what.

use super::datagram::Datagram;
use super::pins::FragmentPins;
use crate::plane::keyed::Keyed;
use crate::plane::packet::headers::{Fragment, Headers};
use crate::types::Tick;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Remotes and protocols that share a place share its numbers; RFC 7739 §4.2 asks for as many, so that nobody learns from his
/// how many another gets.
const PLACES: usize = 2048;

/// The next identifications, by remote and protocol.
#[derive(Debug)]
pub struct Identifications {
    key: Keyed,
    next: Box<[AtomicU32]>,
    /// What datagrams in fragments are called.
    fragmented: FragmentPins<u16>,
}

impl Identifications {
    /// From `secret` comes where each begins.
    #[must_use]
    pub fn new(secret: u64) -> Self {
        let key = Keyed::new(secret, 0x6964);
        #[expect(clippy::cast_possible_truncation, reason = "any will do")]
        let next = (0..PLACES).map(|place| AtomicU32::new(key.hash(place) as u32)).collect();
        Self { key, next, fragmented: FragmentPins::new(secret) }
    }

    /// What a packet from inside with these headers, which stands for so many on the wire, is called outside; `None`: as it is.
    pub fn of(&self, headers: &Headers, packets: u32, now: Tick) -> Option<u16> {
        match headers.fragment {
            _ if !headers.is_v4() => None,
            Fragment::Whole if headers.dont_fragment => None,
            Fragment::Whole => Some(self.take(headers, packets)),
            Fragment::First(id) => {
                let new = self.take(headers, 1);
                // Nothing waits there.
                let _ = self.fragmented.remember(Datagram::new(headers, id), new, now);
                Some(new)
            }
            Fragment::Later(id) => self.fragmented.known(&Datagram::new(headers, id), now),
        }
    }

    fn take(&self, headers: &Headers, packets: u32) -> u16 {
        let place = self.key.hash((headers.destination, headers.protocol)) as usize % PLACES;
        #[expect(clippy::cast_possible_truncation, reason = "it goes round")]
        let id = self.next[place].fetch_add(packets, Relaxed) as u16;
        id
    }
}
