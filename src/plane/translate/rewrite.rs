//! Changes one end of a packet, or its TTL, in place and keeps every checksum as right, or as wrong, as it was:
//! updates are incremental, so an error of the sender is never repaired on the way (RFC 1624, RFC 3022 §4.1).
//! Must never know: which mapping is right, policy, flow.

use super::mapped::Mapped;
use crate::plane::packet::checksum::{Delta, Field};
use crate::plane::packet::headers::{Headers, Side, Transport};
use crate::plane::packet::numbers::protocol;
use crate::plane::packet::parse;
use crate::types::Offload;
use std::net::IpAddr;

/// Makes `mapped` one end of `packet`. A mapping into the other family changes nothing, and one of a port nothing but the
/// address of a packet that shows none: a later fragment, or another protocol than TCP, UDP and ICMP queries.
#[inline]
pub fn apply(packet: &mut [u8], headers: &mut Headers, side: Side, mapped: &Mapped, offload: &Offload) {
    let Some(change) = write(packet, headers, side, mapped) else { return };
    if headers.is_v4() {
        header_checksum(packet, &change);
    }
    let owes = offload.partial.is_some_and(|partial| partial.start == headers.l4);
    transport_checksum(packet, headers, side, &change, owes);
}

/// One hop less to live. At 0 it stays 0; the caller has answered such a packet. `headers.ttl` stays as received.
pub fn decrement_ttl(packet: &mut [u8], headers: &Headers) {
    let at = if headers.is_v4() { 8 } else { 7 };
    let Some(ttl) = packet.get_mut(at) else { return };
    let old = *ttl;
    *ttl = old.saturating_sub(1);
    if headers.is_v4() {
        let delta = Delta::NONE.word(u16::from(old) << 8, u16::from(*ttl) << 8);
        delta.update(packet, 10, Field::Complete);
    }
}

/// Another identification for an IPv4 packet (RFC 791 §3.1).
pub fn identify(packet: &mut [u8], new: u16) {
    let Some(field) = packet.get_mut(4..).and_then(|rest| rest.first_chunk_mut::<2>()) else { return };
    let old = u16::from_be_bytes(*field);
    *field = new.to_be_bytes();
    Delta::NONE.word(old, new).update(packet, 10, Field::Complete);
}

/// What the bytes of one end changed by.
pub(super) struct Change {
    address: Delta,
    port: Delta,
    /// The change of address does not show in a transport checksum.
    neutral: bool,
}

impl Change {
    /// What it does to a sum over both address and port.
    pub(super) fn sum(&self) -> Delta {
        if self.neutral { self.port } else { self.address.and(self.port) }
    }
}

/// Writes one end alone, into the packet and into `headers`. `None` when nothing changed.
pub(super) fn write(packet: &mut [u8], headers: &mut Headers, side: Side, mapped: &Mapped) -> Option<Change> {
    if mapped.address.is_ipv4() != headers.is_v4() {
        return None;
    }
    let address = write_address(packet, headers, side, mapped.address);
    let port = mapped.port.and_then(|port| write_port(packet, headers, side, port));
    let (address, port) = match (address, port) {
        (None, None) => return None,
        (address, port) => (address.unwrap_or(Delta::NONE), port.unwrap_or(Delta::NONE)),
    };
    Some(Change { address, port, neutral: mapped.neutral })
}

fn write_address(packet: &mut [u8], headers: &mut Headers, side: Side, new: IpAddr) -> Option<Delta> {
    let old = match side {
        Side::Source => &mut headers.source,
        Side::Destination => &mut headers.destination,
    };
    let delta = match (*old, new) {
        _ if *old == new => return None,
        (IpAddr::V4(old), IpAddr::V4(new)) => {
            let at = if side == Side::Source { 12 } else { 16 };
            *packet.get_mut(at..)?.first_chunk_mut()? = new.octets();
            Delta::NONE.v4(old.to_bits(), new.to_bits())
        }
        (IpAddr::V6(old), IpAddr::V6(new)) => {
            let at = if side == Side::Source { 8 } else { 24 };
            *packet.get_mut(at..)?.first_chunk_mut()? = new.octets();
            Delta::NONE.v6(old.to_bits(), new.to_bits())
        }
        _ => return None,
    };
    *old = new;
    Some(delta)
}

/// A query and its reply carry one identifier, which is that of either side.
fn write_port(packet: &mut [u8], headers: &mut Headers, side: Side, new: u16) -> Option<Delta> {
    let (old, offset) = match (&mut headers.transport, side) {
        (Transport::Tcp { source, .. } | Transport::Udp { source, .. }, Side::Source) => (source, 0),
        (Transport::Tcp { destination, .. } | Transport::Udp { destination, .. }, Side::Destination) => {
            (destination, 2)
        }
        (Transport::Query { id, .. }, _) => (id, 4),
        (Transport::Error | Transport::OtherIcmp(_) | Transport::Opaque, _) => return None,
    };
    if *old == new {
        return None;
    }
    *packet.get_mut(usize::from(headers.l4) + offset..)?.first_chunk_mut()? = new.to_be_bytes();
    let delta = Delta::NONE.word(*old, new);
    *old = new;
    Some(delta)
}

/// Brings the checksum of an IPv4 header up to date; its old and its new value.
pub(super) fn header_checksum(packet: &mut [u8], change: &Change) -> Option<(u16, u16)> {
    change.address.update(packet, 10, Field::Complete)
}

/// Brings the transport checksum up to date; its old and its new value. `None` where the packet has none, or shows no
/// change. One that the kernel still owes is so far the sum of the pseudo-header alone, which holds no port.
pub(super) fn transport_checksum(
    packet: &mut [u8],
    headers: &Headers,
    side: Side,
    change: &Change,
    owes: bool,
) -> Option<(u16, u16)> {
    let port = if owes { Delta::NONE } else { change.port };
    let (at, delta) = match (headers.checksum_at(), headers.transport) {
        // The destination that is covered is then another.
        (Some(at), _) if side == Side::Destination && parse::has_segments_left(packet, headers) => (at, port),
        (Some(at), _) if change.neutral => (at, port),
        (Some(at), _) => (at, change.address.and(port)),
        // The checksum of ICMP over IPv4 covers no address (RFC 792).
        (None, Transport::Query { .. }) => (usize::from(headers.l4) + 2, port),
        (None, _) => return None,
    };
    let field = match headers.protocol {
        _ if owes => Field::Partial,
        protocol::UDP | protocol::UDP_LITE => Field::OrNone,
        _ => Field::Complete,
    };
    delta.update(packet, at, field)
}

#[cfg(test)]
mod tests;
