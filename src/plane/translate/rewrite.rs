//! Changes an address or the TTL of a packet in place and keeps every checksum as right, or as wrong, as it was:
//! updates are incremental, so an error of the sender is never repaired on the way (RFC 1624, RFC 3022 §4.1).
//! Must never know: which address is right, policy, flows.

use super::Side;
use crate::plane::packet::checksum::{Delta, Field};
use crate::plane::packet::headers::Headers;
use crate::plane::packet::numbers::protocol;
use crate::plane::packet::parse;
use crate::types::Offload;
use std::net::IpAddr;

/// Makes `new` the source of `packet`. `neutral`: the change does not show in any checksum (RFC 6296 §3.1), so that no
/// byte behind the IP header changes. An address of the other family changes nothing.
pub fn source(packet: &mut [u8], headers: &mut Headers, new: IpAddr, offload: &Offload, neutral: bool) {
    replace(packet, headers, Side::Source, new, offload, neutral);
}

/// Makes `new` the destination of `packet`; otherwise like [`source`].
pub fn destination(packet: &mut [u8], headers: &mut Headers, new: IpAddr, offload: &Offload, neutral: bool) {
    replace(packet, headers, Side::Destination, new, offload, neutral);
}

/// One hop less to live. At 0 it stays 0; the caller has answered such a packet. `headers.ttl` stays as received.
pub fn decrement_ttl(packet: &mut [u8], headers: &Headers) {
    let at = if headers.is_v4() { 8 } else { 7 };
    let Some(ttl) = packet.get_mut(at) else { return };
    let old = *ttl;
    *ttl = old.saturating_sub(1);
    if headers.is_v4() {
        let delta = Delta::NONE.word(u16::from(old) << 8, u16::from(*ttl) << 8);
        header_checksum(packet, delta);
    }
}

fn replace(packet: &mut [u8], headers: &mut Headers, side: Side, new: IpAddr, offload: &Offload, neutral: bool) {
    let Some(delta) = address(packet, headers, side, new) else { return };
    if headers.is_v4() {
        header_checksum(packet, delta);
    }
    if !neutral && let Some(at) = transport_checksum(packet, headers, side) {
        let partial = offload.partial.is_some_and(|partial| partial.start == headers.l4);
        delta.update(packet, at, if partial { Field::Partial } else { complete_field(headers) });
    }
}

/// Where the transport checksum stands that covers the address on this side.
pub(super) fn transport_checksum(packet: &[u8], headers: &Headers, side: Side) -> Option<usize> {
    let elsewhere = side == Side::Destination && parse::has_segments_left(packet, headers);
    headers.checksum_at().filter(|_| !elsewhere)
}

/// How the transport checksum of a packet reads when nothing is owed.
pub(super) fn complete_field(headers: &Headers) -> Field {
    match headers.protocol {
        protocol::UDP | protocol::UDP_LITE => Field::OrNone,
        _ => Field::Complete,
    }
}

/// Writes the address alone, into the packet and into `headers`, and says what that does to a sum over it. `None` when
/// nothing changed.
pub(super) fn address(packet: &mut [u8], headers: &mut Headers, side: Side, new: IpAddr) -> Option<Delta> {
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

/// Brings the checksum of an IPv4 header that changed by `delta` up to date; its old and its new value.
pub(super) fn header_checksum(packet: &mut [u8], delta: Delta) -> Option<(u16, u16)> {
    delta.update(packet, 10, Field::Complete)
}

#[cfg(test)]
mod tests;
