//! Packets as the RFCs draw them, read and summed over all their bytes, without a line of the data plane.
//! Must never know: what a router does with them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub const ICMP: u8 = 1;
pub const TCP: u8 = 6;
pub const UDP: u8 = 17;
pub const ICMPV6: u8 = 58;

/// TCP flags (RFC 9293 §3.1).
pub const FIN: u8 = 1;
pub const SYN: u8 = 2;
pub const RST: u8 = 4;
pub const ACK: u8 = 16;

/// Which part of a datagram, with its identification.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Piece {
    Whole,
    First(u32),
    Later(u32),
}

/// What the network header says.
#[derive(Clone, Debug)]
pub struct Ip {
    pub source: IpAddr,
    pub destination: IpAddr,
    pub hops: u8,
    pub protocol: u8,
    /// Where the transport header begins.
    pub l4: usize,
    /// Bytes of the whole packet.
    pub len: usize,
    pub may_fragment: bool,
    pub piece: Piece,
    /// A routing header is not done: the checksum covers another destination (RFC 8200 §8.1).
    routed: bool,
}

/// What a TCP segment says beside its flags: where its bytes begin, what it acknowledges, and how many they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Numbers {
    pub sequence: u32,
    pub acknowledgment: u32,
    pub payload: u32,
}

/// What the transport header says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Talk {
    Tcp { ports: (u16, u16), flags: u8, numbers: Numbers },
    Udp { ports: (u16, u16) },
    Query { id: u16, request: bool },
    Error,
    Icmp(u8),
    Silent,
}

pub fn word(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

pub fn address(bytes: &[u8], at: usize, v4: bool) -> IpAddr {
    if v4 {
        IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(&bytes[at..at + 4]).unwrap()))
    } else {
        IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(&bytes[at..at + 16]).unwrap()))
    }
}

pub fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// The source of a packet, or with 1 its destination.
pub fn address_of(packet: &[u8], which: usize) -> IpAddr {
    let v4 = packet[0] >> 4 == 4;
    let (source, destination) = places(v4);
    address(packet, [source, destination][which], v4)
}

/// Where source and destination stand.
pub fn places(v4: bool) -> (usize, usize) {
    if v4 { (12, 16) } else { (8, 24) }
}

/// Reads a network header (RFC 1812 §5.2.2, RFC 8200); the name of what is wrong with it otherwise.
pub fn read(bytes: &[u8]) -> Result<Ip, &'static str> {
    match bytes.first().map(|first| first >> 4) {
        None => Err("truncated"),
        Some(4) => read4(bytes),
        Some(6) => read6(bytes),
        Some(_) => Err("bad-ip-header"),
    }
}

fn read4(bytes: &[u8]) -> Result<Ip, &'static str> {
    let l4 = usize::from(bytes[0] & 15) * 4;
    if bytes.len() < 20 || bytes.len() < l4 {
        return Err("truncated");
    }
    let (len, fragment) = (usize::from(word(bytes, 2)), word(bytes, 6));
    if l4 < 20 || len < l4 {
        return Err("bad-ip-header");
    }
    if sum(&bytes[..l4]) != 0xffff {
        return Err("bad-ip-checksum");
    }
    let (offset, more) = (fragment & 0x1fff, fragment & 0x2000 != 0);
    can_be(offset, more, len - l4, len, bytes[9])?;
    let piece = piece(offset, more, word(bytes, 4).into());
    let (source, destination) = (address(bytes, 12, true), address(bytes, 16, true));
    let may_fragment = fragment & 0x4000 == 0;
    Ok(Ip { source, destination, hops: bytes[8], protocol: bytes[9], l4, len, may_fragment, piece, routed: false })
}

/// What the fixed header of an IPv6 packet says.
pub fn ends(bytes: &[u8]) -> Ip {
    Ip {
        source: address(bytes, 8, false),
        destination: address(bytes, 24, false),
        hops: bytes[7],
        protocol: bytes[6],
        l4: 40,
        len: 40 + usize::from(word(bytes, 4)),
        may_fragment: false,
        piece: Piece::Whole,
        routed: false,
    }
}

fn read6(bytes: &[u8]) -> Result<Ip, &'static str> {
    if bytes.len() < 40 {
        return Err("truncated");
    }
    let mut ip = ends(bytes);
    let bytes = &bytes[..bytes.len().min(ip.len)];
    while let (0 | 43 | 44 | 51 | 60, false) = (ip.protocol, matches!(ip.piece, Piece::Later(_))) {
        let missing = if ip.piece == Piece::Whole { "bad-extension-header" } else { "bad-fragment" };
        let header = bytes.get(ip.l4..).unwrap_or_default();
        if ip.protocol == 43 && header.get(2) == Some(&0) {
            return Err("bad-extension-header");
        }
        let next = ip.l4 + extension(ip.protocol, header).filter(|len| *len <= header.len()).ok_or(missing)?;
        match ip.protocol {
            0 if ip.l4 != 40 => return Err("bad-extension-header"),
            44 if ip.piece != Piece::Whole => return Err("bad-extension-header"),
            43 => ip.routed |= header[3] > 0,
            44 => {
                let (offset, more) = (word(header, 2) >> 3, header[3] & 1 != 0);
                can_be(offset, more, ip.len - next, ip.len - 48, header[0])?;
                ip.piece = piece(offset, more, u32::from_be_bytes([header[4], header[5], header[6], header[7]]));
            }
            _ => {}
        }
        (ip.protocol, ip.l4) = (header[0], next);
    }
    Ok(ip)
}

/// Bytes of an extension header (RFC 8200 §4.3 to §4.6, RFC 4302 §2.2).
fn extension(kind: u8, header: &[u8]) -> Option<usize> {
    let unit = usize::from(*header.get(1)?);
    Some(match kind {
        44 => 8,
        51 => (unit + 2) * 4,
        _ => (unit + 1) * 8,
    })
}

/// Whether a piece with so much payload can be part of a datagram, of which `len` bytes would be counted if it were the
/// first (RFC 791 §3.2, RFC 8200 §4.5), and does not overwrite TCP flags (RFC 3128).
fn can_be(offset: u16, more: bool, payload: usize, len: usize, protocol: u8) -> Result<(), &'static str> {
    match (offset, more) {
        (0, false) => Ok(()),
        _ if payload == 0 || (more && !payload.is_multiple_of(8)) || usize::from(offset) * 8 + len > 65535 => {
            Err("bad-fragment")
        }
        (1, _) if protocol == TCP => Err("bad-transport-header"),
        _ => Ok(()),
    }
}

fn piece(offset: u16, more: bool, id: u32) -> Piece {
    match (offset, more) {
        (0, false) => Piece::Whole,
        (0, true) => Piece::First(id),
        _ => Piece::Later(id),
    }
}

/// Reads the transport header; `None` when it is cut. Of a quoted one 8 bytes suffice (RFC 792).
pub fn talk(ip: &Ip, bytes: &[u8], quoted: bool) -> Option<Talk> {
    let l4 = bytes.get(ip.l4..)?;
    if matches!(ip.piece, Piece::Later(_)) {
        return Some(Talk::Silent);
    }
    let ports = || (word(l4, 0), word(l4, 2));
    let v4 = ip.source.is_ipv4();
    Some(match (ip.protocol, l4.len()) {
        (TCP, 20..) => Talk::Tcp { ports: ports(), flags: l4[13], numbers: numbers(ip, l4) },
        (TCP, 8..) if quoted => Talk::Tcp { ports: ports(), flags: 0, numbers: Numbers::default() },
        (UDP, 8..) => Talk::Udp { ports: ports() },
        (ICMP, 8..) if v4 => match l4[0] {
            0 | 8 | 13 | 14 => Talk::Query { id: word(l4, 4), request: l4[0] == 8 || l4[0] == 13 },
            3 | 4 | 11 | 12 => Talk::Error,
            kind => Talk::Icmp(kind),
        },
        (ICMPV6, 8..) if !v4 => match l4[0] {
            128 | 129 => Talk::Query { id: word(l4, 4), request: l4[0] == 128 },
            1..=4 => Talk::Error,
            kind => Talk::Icmp(kind),
        },
        // What is neither query nor error may have no body (RFC 4443 §2.1).
        (ICMP, 4..) if v4 && !quoted && !matches!(l4[0], 0 | 8 | 13 | 14 | 3 | 4 | 11 | 12) => Talk::Icmp(l4[0]),
        (ICMPV6, 4..) if !v4 && !quoted && !matches!(l4[0], 128 | 129 | 1..=4) => Talk::Icmp(l4[0]),
        (TCP | UDP, _) => return None,
        (ICMP, _) if v4 => return None,
        (ICMPV6, _) if !v4 => return None,
        _ => Talk::Silent,
    })
}

/// Of a first fragment nobody knows how many bytes the segment has.
fn numbers(ip: &Ip, l4: &[u8]) -> Numbers {
    let number = |at: usize| u32::from_be_bytes([l4[at], l4[at + 1], l4[at + 2], l4[at + 3]]);
    let header = match usize::from(l4[12] >> 4) * 4 {
        header if header >= 20 && header <= l4.len() => header,
        _ => 20,
    };
    let payload = if ip.piece == Piece::Whole { (ip.len - ip.l4 - header) as u32 } else { 0 };
    Numbers { sequence: number(4), acknowledgment: number(8), payload }
}

/// The sum of 16-bit words in one's complement, not complemented (RFC 1071).
pub fn sum(bytes: &[u8]) -> u16 {
    fold(bytes.chunks(2).map(|pair| u64::from(pair[0]) << 8 | u64::from(*pair.get(1).unwrap_or(&0))).sum())
}

pub fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

/// Where the transport checksum stands and whether the addresses are in it.
fn field(ip: &Ip) -> Option<(usize, bool)> {
    if matches!(ip.piece, Piece::Later(_)) {
        return None;
    }
    match ip.protocol {
        TCP => Some((ip.l4 + 16, true)),
        UDP | 33 | 136 => Some((ip.l4 + 6, true)),
        ICMPV6 if !ip.source.is_ipv4() => Some((ip.l4 + 2, true)),
        ICMP if ip.source.is_ipv4() => Some((ip.l4 + 2, false)),
        _ => None,
    }
}

/// What the transport checksum has to make good: pseudo-header, transport header without the field, payload.
fn covered(bytes: &[u8], ip: &Ip, at: usize, addresses: bool) -> u16 {
    let (source, destination) = places(ip.source.is_ipv4());
    let width = destination - source;
    let mut covered = u64::from(sum(&bytes[ip.l4..])) + u64::from(!word(bytes, at));
    if addresses {
        covered += u64::from(sum(&bytes[source..source + width]));
        covered += u64::from(ip.protocol) + (bytes.len() - ip.l4) as u64;
        covered += if ip.routed { 0 } else { u64::from(sum(&bytes[destination..destination + width])) };
    }
    // One's complement: adding !field takes the field away again, up to the two forms of zero.
    fold(covered) % 0xffff
}

/// The folded sum of a packet's pseudo-header: what stands in the field of a checksum that is left to the kernel.
pub fn pseudo(bytes: &[u8], ip: &Ip) -> u16 {
    let addresses = [ip.source, ip.destination].map(octets).concat();
    fold(u64::from(sum(&addresses)) + u64::from(ip.protocol) + (bytes.len() - ip.l4) as u64)
}

/// Gives a packet that was built from scratch all its checksums.
pub fn seal(bytes: &mut [u8]) {
    seal_header(bytes);
    let Ok(ip) = read(bytes) else { return };
    if let Some((at, addresses)) = field(&ip).filter(|(at, _)| at + 2 <= bytes.len()) {
        bytes[at..at + 2].fill(0);
        let sum = match !covered(bytes, &ip, at, addresses) {
            0xffff => 0,
            sum => sum,
        };
        put(bytes, at, if sum == 0 && matches!(ip.protocol, UDP | 136) { 0xffff } else { sum });
    }
}

pub fn seal_header(bytes: &mut [u8]) {
    if bytes[0] >> 4 == 4 {
        let header = usize::from(bytes[0] & 15) * 4;
        put(bytes, 10, 0);
        put(bytes, 10, !sum(&bytes[..header]));
    }
}

pub fn put(bytes: &mut [u8], at: usize, word: u16) {
    bytes[at..at + 2].copy_from_slice(&word.to_be_bytes());
}

/// Where the transport checksum stands.
pub fn checksum_place(ip: &Ip) -> Option<usize> {
    field(ip).map(|(at, _)| at)
}

/// Whether the transport checksum of `after`, the changed form of `before`, makes good as much as it did. One that was left
/// out stays out, and one whose sum has not changed stays as it is.
pub fn is_as_right(before: &[u8], after: &[u8], ip: &Ip) -> bool {
    let Some((at, addresses)) = field(ip).filter(|(at, _)| at + 2 <= before.len()) else { return true };
    let (old, new, may_lack) = (word(before, at), word(after, at), matches!(ip.protocol, UDP | 136));
    let (was, is) = (covered(before, ip, at, addresses), covered(after, ip, at, addresses));
    if was == is || may_lack && old == 0 {
        return new == old;
    }
    let makes_good = |covered: u16, field: u16| fold(u64::from(covered) + u64::from(field)) % 0xffff;
    makes_good(was, old) == makes_good(is, new) && new != if may_lack { 0 } else { 0xffff }
}

/// Whether the checksum of an ICMP message is right.
pub fn icmp_is_right(bytes: &[u8], ip: &Ip) -> bool {
    field(ip).is_some_and(|(at, addresses)| covered(bytes, ip, at, addresses) == !word(bytes, at) % 0xffff)
}

/// A packet in words.
pub fn describe(packet: &[u8]) -> String {
    match read(packet) {
        Ok(ip) => {
            let talk = talk(&ip, packet, false);
            let (source, destination, hops, len) = (ip.source, ip.destination, ip.hops, ip.len);
            format!("{source} to {destination}, {talk:?} {:?}, {hops} hops, {len} bytes", ip.piece)
        }
        Err(reason) => format!("a packet that is {reason}"),
    }
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
