//! The name of a datagram in fragments. Must never know: where its fragments go (pins.rs).

use crate::plane::packet::headers::Headers;
use std::net::IpAddr;

/// What names a datagram until it is whole again (RFC 791 §3.2, RFC 8200 §4.5).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Datagram {
    /// Sender.
    pub source: IpAddr,
    /// Receiver.
    pub destination: IpAddr,
    /// Transport protocol in IPv4. 0 in IPv6, where it is no part of the name: only the first fragment knows it.
    pub protocol: u8,
    /// The identification.
    pub id: u32,
}

impl Datagram {
    /// The datagram that a fragment with this identification belongs to.
    #[must_use]
    pub fn new(headers: &Headers, id: u32) -> Self {
        let protocol = if headers.is_v4() { headers.protocol } else { 0 };
        Self { source: headers.source, destination: headers.destination, protocol, id }
    }

    /// Whose share of the room it takes: the source, in IPv6 its /64.
    pub(super) fn sender(&self) -> u128 {
        match self.source {
            IpAddr::V4(source) => source.to_bits().into(),
            IpAddr::V6(source) => source.to_bits() >> 64,
        }
    }
}
