//! The transport header as far as flows care, from a packet that is all there and from one that is quoted.

use crate::plane::packet::headers::{Fragment, Headers, Transport};
use crate::plane::packet::numbers::protocol;
use crate::plane::verdict::DropReason;

/// Reads the transport header at the start of `payload`. A first fragment has to hold the whole header: anything
/// shorter is an evasion (RFC 1858 §3).
#[inline]
pub(super) fn parse(headers: &Headers, payload: &[u8]) -> Result<Transport, DropReason> {
    if matches!(headers.fragment, Fragment::Later(_)) {
        return Ok(Transport::Opaque);
    }
    let transport = match headers.protocol {
        protocol::TCP => payload.first_chunk().map(|header| tcp(header, payload.len())),
        protocol::UDP => payload.first_chunk().map(udp),
        protocol::ICMP if headers.is_v4() => icmp(payload, icmp4),
        protocol::ICMPV6 if !headers.is_v4() => icmp(payload, icmp6),
        _ => Some(Transport::Opaque),
    };
    transport.ok_or(DropReason::BadTransportHeader)
}

/// The same for a packet quoted by an ICMP error, of which 8 bytes suffice. `None` when they are not there, or when the quoted packet is an ICMP error itself, which nobody may answer.
pub(super) fn quoted(headers: &Headers, payload: &[u8]) -> Option<Transport> {
    if matches!(headers.fragment, Fragment::Later(_)) {
        return Some(Transport::Opaque);
    }
    let transport = match headers.protocol {
        protocol::TCP => {
            let ports: &[u8; 8] = payload.first_chunk()?;
            let (source, destination) = pair(ports);
            Transport::Tcp { source, destination, flags: payload.get(13).copied().unwrap_or(0), header_len: 0 }
        }
        protocol::UDP => udp(payload.first_chunk()?),
        protocol::ICMP if headers.is_v4() => icmp4(payload.first_chunk()?),
        protocol::ICMPV6 if !headers.is_v4() => icmp6(payload.first_chunk()?),
        _ => Transport::Opaque,
    };
    (transport != Transport::Error).then_some(transport)
}

fn tcp(header: &[u8; 20], available: usize) -> Transport {
    let (source, destination) = pair(header);
    let claimed = (header[12] >> 4) * 4;
    let possible = claimed >= 20 && usize::from(claimed) <= available;
    Transport::Tcp { source, destination, flags: header[13], header_len: if possible { claimed } else { 0 } }
}

fn udp(header: &[u8; 8]) -> Transport {
    let (source, destination) = pair(header);
    Transport::Udp { source, destination }
}

fn pair(header: &[u8]) -> (u16, u16) {
    match header {
        [a, b, c, d, ..] => (u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d])),
        _ => (0, 0),
    }
}

/// Queries and errors have 8 bytes of header; another message may have 4 and no body (RFC 4443 §2.1).
fn icmp(payload: &[u8], read: fn(&[u8; 8]) -> Transport) -> Option<Transport> {
    if let Some(header) = payload.first_chunk() {
        return Some(read(header));
    }
    let header: &[u8; 4] = payload.first_chunk()?;
    match read(&[header[0], header[1], header[2], header[3], 0, 0, 0, 0]) {
        other @ Transport::OtherIcmp(_) => Some(other),
        _ => None,
    }
}

/// RFC 792. A redirect (5) is about one link and never crosses a router.
fn icmp4(header: &[u8; 8]) -> Transport {
    match header[0] {
        kind @ (0 | 8 | 13 | 14) => query(header, matches!(kind, 8 | 13)),
        3 | 4 | 11 | 12 => Transport::Error,
        kind => Transport::OtherIcmp(kind),
    }
}

/// RFC 4443 §2.1.
fn icmp6(header: &[u8; 8]) -> Transport {
    match header[0] {
        kind @ (128 | 129) => query(header, kind == 128),
        1..=4 => Transport::Error,
        kind => Transport::OtherIcmp(kind),
    }
}

fn query(header: &[u8; 8], request: bool) -> Transport {
    Transport::Query { id: u16::from_be_bytes([header[4], header[5]]), request }
}
