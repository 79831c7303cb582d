//! Packets for tests: built with right checksums, complete or partial, and judged by the plain sum.

use super::checksum;
use super::headers::Headers;
use super::numbers::protocol;
use super::parse::parse;
use crate::types::{Gso, GsoKind, Offload, PartialChecksum};
use proptest::prelude::*;
use std::net::IpAddr;

/// The bytes that a hexadecimal string spells; blanks are ignored.
pub fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// The address in `text`.
pub fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// An IP packet of the family of its addresses, TTL 64, with all checksums right.
pub fn packet(source: &str, destination: &str, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = match (ip(source), ip(destination)) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let len = (20 + payload.len()) as u16;
            let mut header = vec![0x45, 0, (len >> 8) as u8, len as u8, 0x12, 0x34, 0x40, 0, 64, protocol, 0, 0];
            header.extend_from_slice(&source.octets());
            header.extend_from_slice(&destination.octets());
            header
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let len = payload.len() as u16;
            let mut header = vec![0x60, 0, 0, 0, (len >> 8) as u8, len as u8, protocol, 64];
            header.extend_from_slice(&source.octets());
            header.extend_from_slice(&destination.octets());
            header
        }
        _ => panic!("one family"),
    };
    packet.extend_from_slice(payload);
    fix_ip(&mut packet);
    fix_transport(&mut packet);
    packet
}

/// Makes the header checksum of an IPv4 packet right.
pub fn fix_ip(packet: &mut [u8]) {
    if packet[0] >> 4 == 4 {
        let header = usize::from(packet[0] & 15) * 4;
        packet[10..12].fill(0);
        let sum = !checksum::sum(&packet[..header]);
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
    }
}

/// Where the transport checksum stands, and the sum of the pseudo-header, if it has one.
fn transport(packet: &[u8], headers: &Headers) -> Option<(usize, u16)> {
    let len = headers.len - u32::from(headers.l4);
    let pseudo = checksum::pseudo(headers.source, headers.destination, headers.protocol, len);
    match headers.checksum_at() {
        Some(at) => Some((at, pseudo)),
        None if headers.protocol == protocol::ICMP && headers.is_v4() => Some((usize::from(headers.l4) + 2, 0)),
        None => None,
    }
    .filter(|(at, _)| at + 2 <= packet.len())
}

/// Makes the transport checksum right.
pub fn fix_transport(packet: &mut [u8]) {
    let Ok(headers) = parse(packet, &Offload::NONE) else { return };
    let Some((at, pseudo)) = transport(packet, &headers) else { return };
    packet[at..at + 2].fill(0);
    let sum = !checksum::add(checksum::sum(&packet[usize::from(headers.l4)..]), pseudo);
    let sum = if sum == 0 && headers.protocol == protocol::UDP { 0xffff } else { sum };
    packet[at..at + 2].copy_from_slice(&sum.to_be_bytes());
}

/// Leaves the checksum of a TCP or UDP packet to the kernel.
pub fn make_partial(packet: &mut [u8]) -> Offload {
    let headers = parse(packet, &Offload::NONE).unwrap();
    let (at, pseudo) = transport(packet, &headers).unwrap();
    packet[at..at + 2].copy_from_slice(&pseudo.to_be_bytes());
    let offset = at as u16 - headers.l4;
    Offload { partial: Some(PartialChecksum { start: headers.l4, offset }), gso: None }
}

/// What the kernel does to a partial checksum on transmit: sums from the start to the end, complements, stores.
pub fn finish_partial(packet: &mut [u8], offload: &Offload) {
    let Some(partial) = offload.partial else { return };
    let (start, at) = (usize::from(partial.start), usize::from(partial.start + partial.offset));
    let sum = match !checksum::sum(&packet[start..]) {
        0 => 0xffff,
        sum => sum,
    };
    packet[at..at + 2].copy_from_slice(&sum.to_be_bytes());
}

/// Whether every checksum of a whole packet is right.
pub fn is_right(packet: &[u8]) -> bool {
    let Ok(headers) = parse(packet, &Offload::NONE) else { return false };
    let Some((at, pseudo)) = transport(packet, &headers) else { return true };
    let none = headers.protocol == protocol::UDP && packet[at..at + 2] == [0, 0];
    none || checksum::add(checksum::sum(&packet[usize::from(headers.l4)..]), pseudo) == 0xffff
}

/// A UDP datagram without a checksum.
pub fn udp(source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = words(&[source, destination, 8 + payload.len() as u16, 0]);
    bytes.extend_from_slice(payload);
    bytes
}

/// A TCP segment without a checksum; `options` is a multiple of four bytes.
pub fn tcp(source: u16, destination: u16, flags: u8, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let header_len = (20 + options.len()) as u16;
    let mut bytes = words(&[source, destination, 0, 1, 0, 2, header_len << 10 | u16::from(flags), 0x2000, 0, 0]);
    bytes.extend_from_slice(options);
    bytes.extend_from_slice(payload);
    bytes
}

/// An ICMP message of either family without a checksum.
pub fn icmp(kind: u8, code: u8, rest: [u16; 2], body: &[u8]) -> Vec<u8> {
    let mut bytes = words(&[u16::from_be_bytes([kind, code]), 0, rest[0], rest[1]]);
    bytes.extend_from_slice(body);
    bytes
}

fn words(words: &[u16]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// Bytes that look like a packet as far as a few edits leave them so.
pub fn nearly_a_packet() -> impl Strategy<Value = Vec<u8>> {
    let body = proptest::collection::vec(any::<u8>(), 0..120);
    let protocol = prop_oneof![
        Just(protocol::TCP),
        Just(protocol::UDP),
        Just(protocol::ICMP),
        Just(protocol::ICMPV6),
        Just(0u8),
        Just(43),
        Just(44),
        Just(51),
        Just(60),
        any::<u8>(),
    ];
    let edits = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6);
    (any::<bool>(), protocol, body, edits, any::<prop::sample::Index>(), any::<bool>()).prop_map(
        |(v6, protocol, body, edits, cut, whole)| {
            let ends = if v6 { ("fd00:bad:b01:1::2", "2001:db8::1") } else { ("10.250.250.2", "192.0.2.1") };
            let mut bytes = packet(ends.0, ends.1, protocol, &body);
            for (at, value) in edits {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            if bytes[0] >> 4 == 4 && usize::from(bytes[0] & 15) * 4 <= bytes.len() && bytes[0] & 15 >= 5 {
                fix_ip(&mut bytes);
            }
            bytes.truncate(if whole { bytes.len() } else { cut.index(bytes.len()) });
            bytes
        },
    )
}

pub fn any_offload() -> impl Strategy<Value = Offload> {
    let near = prop_oneof![Just(20u16), Just(40), Just(16), Just(6), any::<u16>()];
    let partial = proptest::option::of((near.clone(), near));
    let kind = prop_oneof![Just(GsoKind::Tcp4), Just(GsoKind::Tcp6), Just(GsoKind::UdpL4)];
    let gso = proptest::option::of((kind, 1u16.., any::<bool>()));
    (partial, gso).prop_map(|(partial, gso)| Offload {
        partial: partial.map(|(start, offset)| PartialChecksum { start, offset }),
        gso: gso.map(|(kind, size, ecn)| Gso { kind, size, ecn }),
    })
}
