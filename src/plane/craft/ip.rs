//! The one way to write an IP header, and to put a transport checksum behind it.
//! Must never know: what is sent, to whom, why.

use crate::plane::packet::checksum;
use crate::plane::packet::numbers::protocol;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Hops that a packet of the router's own may travel (RFC 1340: the recommended default).
const TTL: u8 = 64;

/// Bytes behind the IP header at the most: what every link carries (RFC 8200 §5).
const LONGEST: u16 = 1240;

/// Appends the header of a packet that carries `len` bytes and may not be fragmented. `tos` is the type of service or
/// traffic class. False, and nothing appended, when the addresses are of two families.
pub fn header(out: &mut Vec<u8>, source: IpAddr, destination: IpAddr, protocol: u8, tos: u8, len: u16) -> bool {
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            out.extend_from_slice(&header4(source, destination, protocol, tos, len));
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let mut header = header6(source, destination, protocol, TTL, len);
            (header[0], header[1]) = (0x60 | tos >> 4, tos << 4);
            out.extend_from_slice(&header);
        }
        _ => return false,
    }
    true
}

/// An atomic datagram needs no identification (RFC 6864 §4.1).
fn header4(source: Ipv4Addr, destination: Ipv4Addr, protocol: u8, tos: u8, len: u16) -> [u8; 20] {
    let mut header = [0; 20];
    (header[0], header[1]) = (0x45, tos);
    header[2..4].copy_from_slice(&len.saturating_add(20).to_be_bytes());
    header[6] = 0x40;
    (header[8], header[9]) = (TTL, protocol);
    header[12..16].copy_from_slice(&source.octets());
    header[16..].copy_from_slice(&destination.octets());
    let sum = !checksum::sum(&header);
    header[10..12].copy_from_slice(&sum.to_be_bytes());
    header
}

/// An IPv6 header whose packet may travel `hops` hops.
#[must_use]
pub fn header6(source: Ipv6Addr, destination: Ipv6Addr, protocol: u8, hops: u8, len: u16) -> [u8; 40] {
    let mut header = [0; 40];
    header[0] = 0x60;
    header[4..6].copy_from_slice(&len.to_be_bytes());
    (header[6], header[7]) = (protocol, hops);
    header[8..24].copy_from_slice(&source.octets());
    header[24..].copy_from_slice(&destination.octets());
    header
}

/// Appends an IP packet that carries `segment`, a whole TCP segment or UDP datagram whose checksum, still 0, stands at
/// `field`. False, and nothing appended, when the addresses are of two families or it is too long.
pub fn packet(
    out: &mut Vec<u8>,
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    (segment, field): (&[u8], usize),
) -> bool {
    let Ok(len) = u16::try_from(segment.len()) else { return false };
    if len > LONGEST || !header(out, source, destination, protocol, 0, len) {
        return false;
    }
    let sum = checksum::add(checksum::sum(segment), checksum::pseudo(source, destination, protocol, len.into()));
    let start = out.len();
    out.extend_from_slice(segment);
    // UDP reads 0 as "no checksum" and has all ones for it (RFC 768).
    let sum = if sum == 0xffff && protocol == protocol::UDP { 0xffff } else { !sum };
    if let Some(place) = out.get_mut(start + field..).and_then(<[u8]>::first_chunk_mut) {
        *place = sum.to_be_bytes();
    }
    true
}
