//! What the sender of an IPv6 fragment is to be told that `parse` has refused as bad (RFC 8200 §4.5).
//! Must never know: whether and how it is told.

use super::network::{AUTHENTICATION, DESTINATION, FRAGMENT, HOP_BY_HOP, MAX_EXTENSIONS, MAX_LEN, ROUTING};
use crate::plane::packet::headers::{Fragment, Headers, Transport};
use crate::plane::packet::numbers::protocol;
use etherparse::Ipv6HeaderSlice;
use std::net::IpAddr;

/// A parameter problem of an IPv6 fragment (RFC 4443 §3.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Problem {
    /// Enough of the fragment to answer it.
    pub headers: Headers,
    /// 0: a field is erroneous. 3: the first fragment lacks headers (RFC 7112 §5).
    pub code: u8,
    /// Bytes from the IPv6 header to the field.
    pub pointer: u32,
}

/// Where the payload length stands in the IPv6 header (RFC 8200 §3), and the offset in a fragment header (§4.5).
const PAYLOAD_LENGTH: u32 = 4;
const OFFSET: usize = 2;

/// The problem of a fragment that [`super::parse`] has refused as bad; `None` when there is nothing to be said about it.
#[must_use]
pub fn problem(packet: &[u8]) -> Option<Problem> {
    let ip = Ipv6HeaderSlice::from_slice(packet).ok()?;
    let packet = packet.get(..ip.slice().len() + usize::from(ip.payload_length()))?;
    let (kind, at) = upper(packet, ip.next_header().0, ip.slice().len());
    let header: &[u8; 8] = packet.get(at..).filter(|_| kind == FRAGMENT)?.first_chunk()?;
    let word = usize::from(u16::from_be_bytes([header[2], header[3]]));
    let (offset, more, payload) = (word & !7, word & 1 != 0, packet.len() - at - header.len());
    let (code, pointer) = if more && !payload.is_multiple_of(8) {
        (0, PAYLOAD_LENGTH)
    } else if offset + packet.len() - 48 > MAX_LEN {
        (0, (at + OFFSET) as u32)
    } else if offset == 0 && more {
        (3, 0)
    } else {
        return None;
    };
    let id = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
    let (protocol, l4) = upper(packet, header[0], at + header.len());
    let headers = Headers {
        source: IpAddr::V6(ip.source_addr()),
        destination: IpAddr::V6(ip.destination_addr()),
        protocol,
        ttl: ip.hop_limit(),
        l4: l4 as u16,
        len: packet.len() as u32,
        dont_fragment: true,
        fragment: if offset == 0 { Fragment::First(id) } else { Fragment::Later(id) },
        transport: transport(protocol, packet.get(l4).filter(|_| offset == 0)),
    };
    Some(Problem { headers, code, pointer })
}

/// An ICMPv6 error is not answered; a fragment that does not say what message it is of, is.
fn transport(kind: u8, message: Option<&u8>) -> Transport {
    match message {
        Some(..128) if kind == protocol::ICMPV6 => Transport::Error,
        _ => Transport::Opaque,
    }
}

/// The first header from `at` on that is no ordinary extension header, or is not all there: its kind and where it begins.
fn upper(packet: &[u8], mut kind: u8, mut at: usize) -> (u8, usize) {
    for _ in 0..MAX_EXTENSIONS {
        let Some(len) = packet.get(at + 1).map(|len| usize::from(*len)) else { break };
        let next = match kind {
            HOP_BY_HOP | ROUTING | DESTINATION => at + (len + 1) * 8,
            AUTHENTICATION => at + (len + 2) * 4,
            _ => break,
        };
        if next > packet.len() {
            break;
        }
        (kind, at) = (packet[at], next);
    }
    (kind, at)
}

#[cfg(test)]
mod tests;
