//! An inside end as one word, so that it is read and written at once. Must never know: which port it has.

use crate::plane::lease::Lease;
use std::net::Ipv4Addr;

/// An inside end, and which of the WAN's addresses it shares.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct InsideEnd {
    /// Its address.
    pub address: Ipv4Addr,
    /// Its port or identifier.
    pub port: u16,
    /// The public address.
    pub lease: Lease,
}

/// Says that a word is an inside end, whatever else it holds.
const TAKEN: u64 = 1 << 63;

impl InsideEnd {
    /// The end as a word that is not 0.
    pub(super) fn word(self) -> u64 {
        let Self { address, port, lease } = self;
        TAKEN | u64::from(address.to_bits()) << 24 | u64::from(port) << 8 | u64::from(lease.0)
    }

    /// The end in a word; `None`: there is none.
    pub(super) fn from_word(word: u64) -> Option<Self> {
        let [_, a, b, c, d, high, low, lease] = word.to_be_bytes();
        let end =
            Self { address: Ipv4Addr::new(a, b, c, d), port: u16::from_be_bytes([high, low]), lease: Lease(lease) };
        (word & TAKEN != 0).then_some(end)
    }
}
