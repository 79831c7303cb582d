//! The network header: IPv4 with its options, IPv6 with its extension headers. Lengths are checked against the bytes at
//! hand as far as headers go; whether the payload is complete is the caller's question.

use crate::plane::packet::checksum;
use crate::plane::packet::headers::{Fragment, Headers, Transport};
use crate::plane::packet::numbers::protocol;
use crate::plane::verdict::DropReason;
use etherparse::err::{ipv4, ipv6};
use etherparse::{IpAuthHeaderSlice, Ipv4HeaderSlice, Ipv6FragmentHeaderSlice, Ipv6HeaderSlice, Ipv6RawExtHeaderSlice};
use std::net::IpAddr;

/// Largest packet, or IPv6 payload, that fragments may add up to.
pub(super) const MAX_LEN: usize = 65535;

/// Headers with `Transport::Opaque`; `l4` lies inside `bytes`, `len` is what the header says.
#[inline]
pub(super) fn parse(bytes: &[u8]) -> Result<Headers, DropReason> {
    match bytes.first().map(|octet| octet >> 4) {
        Some(4) => v4(bytes),
        Some(6) => v6(bytes),
        Some(_) => Err(DropReason::BadIpHeader),
        None => Err(DropReason::Truncated),
    }
}

#[inline]
fn v4(bytes: &[u8]) -> Result<Headers, DropReason> {
    let ip = Ipv4HeaderSlice::from_slice(bytes).map_err(|error| match error {
        ipv4::HeaderSliceError::Len(_) => DropReason::Truncated,
        ipv4::HeaderSliceError::Content(_) => DropReason::BadIpHeader,
    })?;
    let header = ip.slice().len();
    let len = usize::from(ip.total_len());
    if len < header {
        return Err(DropReason::BadIpHeader);
    }
    if checksum::sum(ip.slice()) != 0xffff {
        return Err(DropReason::BadIpChecksum);
    }
    let offset = usize::from(ip.fragments_offset().value());
    let fragment = fragment(offset, ip.more_fragments(), ip.identification().into());
    if fragment != Fragment::Whole {
        piece(offset, ip.more_fragments(), len - header, len)?;
        tiny_offset(ip.protocol().0, offset)?;
    }
    Ok(Headers {
        source: IpAddr::V4(ip.source_addr()),
        destination: IpAddr::V4(ip.destination_addr()),
        protocol: ip.protocol().0,
        ttl: ip.ttl(),
        l4: header as u16,
        len: len as u32,
        dont_fragment: ip.dont_fragment(),
        fragment,
        transport: Transport::Opaque,
    })
}

#[inline]
fn v6(bytes: &[u8]) -> Result<Headers, DropReason> {
    let ip = Ipv6HeaderSlice::from_slice(bytes).map_err(|error| match error {
        ipv6::HeaderSliceError::Len(_) => DropReason::Truncated,
        ipv6::HeaderSliceError::Content(_) => DropReason::BadIpHeader,
    })?;
    let len = ip.slice().len() + usize::from(ip.payload_length());
    let mut headers = Headers {
        source: IpAddr::V6(ip.source_addr()),
        destination: IpAddr::V6(ip.destination_addr()),
        protocol: ip.next_header().0,
        ttl: ip.hop_limit(),
        l4: ip.slice().len() as u16,
        len: len as u32,
        dont_fragment: true,
        fragment: Fragment::Whole,
        transport: Transport::Opaque,
    };
    if is_extension(headers.protocol) {
        walk(&bytes[..bytes.len().min(len)], &mut headers)?;
    }
    Ok(headers)
}

/// Extension headers followed at the most; no sane packet has more, and work per packet is bounded.
pub(super) const MAX_EXTENSIONS: usize = 8;

pub(super) const HOP_BY_HOP: u8 = 0;
pub(super) const ROUTING: u8 = 43;
pub(super) const FRAGMENT: u8 = 44;
pub(super) const AUTHENTICATION: u8 = 51;
pub(super) const DESTINATION: u8 = 60;

fn is_extension(protocol: u8) -> bool {
    matches!(protocol, HOP_BY_HOP | ROUTING | FRAGMENT | AUTHENTICATION | DESTINATION)
}

/// Follows the chain from the end of the IPv6 header to the upper-layer header, or to the end of the headers of a later
/// fragment. A chain that does not end inside a first fragment is refused as well (RFC 7112, RFC 8200 §4.5).
fn walk(ip: &[u8], headers: &mut Headers) -> Result<(), DropReason> {
    for position in 0..MAX_EXTENSIONS {
        let rest = ip.get(usize::from(headers.l4)..).unwrap_or_default();
        let header = match headers.protocol {
            // RFC 8200 §4.1: directly behind the IPv6 header, nowhere else.
            HOP_BY_HOP if position > 0 => return Err(DropReason::BadExtensionHeader),
            // Type 0 is deprecated and dangerous (RFC 5095; RFC 6092 REC-4); the others pass (RFC 7045 §2.1).
            ROUTING if rest.get(2) == Some(&0) => return Err(DropReason::BadExtensionHeader),
            FRAGMENT => Some(fragment_header(rest, headers)?),
            AUTHENTICATION => authentication(rest),
            HOP_BY_HOP | ROUTING | DESTINATION => options(rest),
            _ => return Ok(()),
        };
        let (next, len) = header.ok_or(match headers.fragment {
            Fragment::First(_) => DropReason::BadFragment,
            _ => DropReason::BadExtensionHeader,
        })?;
        headers.protocol = next;
        headers.l4 += len as u16;
        if matches!(headers.fragment, Fragment::Later(_)) {
            return Ok(());
        }
    }
    if is_extension(headers.protocol) { Err(DropReason::BadExtensionHeader) } else { Ok(()) }
}

fn options(rest: &[u8]) -> Option<(u8, usize)> {
    let header = Ipv6RawExtHeaderSlice::from_slice(rest).ok()?;
    Some((header.next_header().0, header.slice().len()))
}

fn authentication(rest: &[u8]) -> Option<(u8, usize)> {
    let header = IpAuthHeaderSlice::from_slice(rest).ok()?;
    Some((header.next_header().0, header.slice().len()))
}

fn fragment_header(rest: &[u8], headers: &mut Headers) -> Result<(u8, usize), DropReason> {
    let header = Ipv6FragmentHeaderSlice::from_slice(rest).map_err(|_| DropReason::BadExtensionHeader)?;
    if headers.fragment != Fragment::Whole {
        return Err(DropReason::BadExtensionHeader);
    }
    let (offset, more) = (usize::from(header.fragment_offset().value()), header.more_fragments());
    headers.fragment = fragment(offset, more, header.identification());
    if headers.fragment != Fragment::Whole {
        let len = headers.len as usize;
        // What the payload length of the reassembled packet would be at least (RFC 8200 §4.5).
        let whole = len.saturating_sub(40 + header.slice().len());
        piece(offset, more, len.saturating_sub(usize::from(headers.l4) + header.slice().len()), whole)?;
        tiny_offset(header.next_header().0, offset)?;
    }
    Ok((header.next_header().0, header.slice().len()))
}

/// Whether a piece of `payload` bytes at this offset, in units of 8 bytes, can be part of a datagram; `len` is what the
/// length field of that would say if it began with this piece.
fn piece(offset: usize, more: bool, payload: usize, len: usize) -> Result<(), DropReason> {
    let fits = payload != 0 && (!more || payload.is_multiple_of(8)) && offset * 8 + len <= MAX_LEN;
    if fits { Ok(()) } else { Err(DropReason::BadFragment) }
}

/// Walks a chain once more that has been found good, as far as `end`.
pub(super) fn has_segments_left(packet: &[u8], end: usize) -> bool {
    let (mut kind, mut at) = (packet.get(6).copied(), 40);
    while let Some(header) = packet.get(at..end).filter(|header| header.len() >= 8) {
        if kind == Some(ROUTING) && header[3] != 0 {
            return true;
        }
        at += match kind {
            Some(FRAGMENT) => 8,
            Some(AUTHENTICATION) => (usize::from(header[1]) + 2) * 4,
            _ => (usize::from(header[1]) + 1) * 8,
        };
        kind = Some(header[0]);
    }
    false
}

fn fragment(offset: usize, more: bool, id: u32) -> Fragment {
    match (offset, more) {
        (0, false) => Fragment::Whole,
        (0, true) => Fragment::First(id),
        _ => Fragment::Later(id),
    }
}

/// A TCP fragment at offset 8 rewrites the flags of its first fragment (RFC 1858 §4, RFC 3128).
fn tiny_offset(protocol: u8, offset: usize) -> Result<(), DropReason> {
    if protocol == protocol::TCP && offset == 1 { Err(DropReason::BadTransportHeader) } else { Ok(()) }
}
