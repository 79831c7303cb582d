//! The form of a packet on its way: what may differ between the packet that came and the one that left, and nothing else;
//! and the packets that a router writes itself. Must never know: which address is right, whether a packet may pass.

use super::wire::{self, ACK, FIN, ICMP, ICMPV6, Ip, RST, SYN, TCP, Talk, places};
use flowpin::types::End;
use std::net::IpAddr;
use std::ops::Range;

/// Source and destination.
pub type Ends = [IpAddr; 2];

/// The packet that an ICMP error quotes: where it stands, its headers, and the addresses that it must have when it leaves.
pub struct Quoted {
    pub at: Range<usize>,
    pub ip: Ip,
    pub ends: Ends,
}

/// A packet as it came.
#[derive(Clone, Copy)]
pub struct Came<'p> {
    pub from: End,
    pub ip: &'p Ip,
    pub talk: Talk,
    pub packet: &'p [u8],
}

/// Compares a packet that left with the one that came: between those addresses, one hop older, with checksums exactly as
/// right or as wrong as they were (RFC 1624, RFC 3022 §4.1), an MSS that a path of `mtu` carries, the quoted packet between
/// its own addresses, and every other byte as it was. Whether an MSS was lowered.
pub fn compare(came: &Came<'_>, sent: &[u8], ends: Ends, quoted: Option<&Quoted>, mtu: u16) -> Result<bool, String> {
    let (ip, came, talk) = (came.ip, came.packet, came.talk);
    if sent.len() != came.len() {
        return Err(format!("{} bytes came, and {} left", came.len(), sent.len()));
    }
    let mut undone = sent.to_vec();
    let hops = if ip.source.is_ipv4() { 8 } else { 7 };
    if sent[hops].checked_add(1) != Some(came[hops]) {
        return Err(format!("{} hops were left, and {} are", came[hops], sent[hops]));
    }
    undone[hops] = came[hops];
    let lowered = restore_mss(came, &mut undone, ip, talk, mtu)?;
    if let Some(Quoted { at, ip, ends }) = quoted {
        restore(&came[at.clone()], &sent[at.clone()], &mut undone[at.clone()], ip, *ends)?;
    }
    restore(came, sent, &mut undone, ip, ends)?;
    match came.iter().zip(&undone).position(|(came, undone)| came != undone) {
        Some(at) => Err(format!("byte {at} was {:02x} and is {:02x}", came[at], sent[at])),
        None => Ok(lowered),
    }
}

/// Gives `undone` the addresses and checksums of the packet that came, if those of the one that left are right.
fn restore(came: &[u8], sent: &[u8], undone: &mut [u8], ip: &Ip, ends: Ends) -> Result<(), String> {
    let v4 = ip.source.is_ipv4();
    let (source, destination) = places(v4);
    let found = [source, destination].map(|at| wire::address(sent, at, v4));
    if found != ends {
        return Err(format!("its addresses are {found:?} and must be {ends:?}"));
    }
    if v4 && wire::sum(&sent[..usize::from(sent[0] & 15) * 4]) != 0xffff {
        return Err("its header checksum is wrong".into());
    }
    if !wire::is_as_right(came, sent, ip) {
        return Err("its transport checksum is not what it was".into());
    }
    let end = destination + destination - source;
    let header = if v4 { 10..12 } else { 0..0 };
    let transport = wire::checksum_place(ip).filter(|at| at + 2 <= came.len()).map_or(0..0, |at| at..at + 2);
    for place in [source..end, header, transport] {
        undone[place.clone()].copy_from_slice(&came[place]);
    }
    Ok(())
}

/// Gives `undone` the MSS of the SYN that came, if that of the one that left is the same or what the path carries
/// (RFC 6691 §2), whichever is less. Whether it was lowered.
fn restore_mss(came: &[u8], undone: &mut [u8], ip: &Ip, talk: Talk, mtu: u16) -> Result<bool, String> {
    let limit = mtu - if ip.source.is_ipv4() { 40 } else { 60 };
    let mut lowered = false;
    for at in mss_places(came, ip, talk) {
        let (was, is) = (wire::word(came, at), wire::word(undone, at));
        if is != was.min(limit) {
            return Err(format!("its MSS was {was}, is {is}, and may be {limit}"));
        }
        lowered |= is < was;
        wire::put(undone, at, was);
    }
    Ok(lowered)
}

/// Where a SYN announces an MSS (RFC 9293 §3.2).
fn mss_places(packet: &[u8], ip: &Ip, talk: Talk) -> Vec<usize> {
    let header = packet.get(ip.l4 + 12).map_or(0, |offset| usize::from(offset >> 4) * 4);
    let is_syn = matches!(talk, Talk::Tcp { flags, .. } if flags & SYN != 0);
    let (mut at, end) = (ip.l4 + 20, ip.l4 + header);
    let mut places = Vec::new();
    while is_syn && end <= packet.len() && at < end && packet[at] != 0 {
        let len = if packet[at] == 1 { 1 } else { packet[..end].get(at + 1).map_or(0, |len| usize::from(*len)) };
        if packet[at] == 2 && len == 4 && at + 4 <= end {
            places.push(at + 2);
        }
        if len < 1 || packet[at] != 1 && len < 2 {
            break;
        }
        at += len;
    }
    places
}

/// The IPv4 packet that fragments are pieces of, if they are in order, fit, are as few as can be, and repeat its header
/// (RFC 791 §3.2, RFC 1812 §4.2.2.7). One piece is the packet.
pub fn joined(pieces: &[Vec<u8>], mtu: u16) -> Result<Vec<u8>, String> {
    let (mut whole, header) = (pieces[0].clone(), usize::from(pieces[0][0] & 15) * 4);
    let place = |piece: &[u8]| (usize::from(wire::word(piece, 6) & 0x1fff) * 8, wire::word(piece, 6) & 0xe000);
    for (at, piece) in pieces.iter().enumerate() {
        if piece.len() > usize::from(mtu) {
            return Err(format!("a piece of {} bytes for a link of {mtu}", piece.len()));
        }
        if pieces.len() > 1 && wire::sum(&piece[..header]) != 0xffff {
            return Err("the header checksum of a piece is wrong".into());
        }
        let Some(next) = pieces.get(at + 1) else { continue };
        if piece.len() + 8 <= usize::from(mtu) || !(piece.len() - header).is_multiple_of(8) {
            return Err(format!("a piece of {} bytes with more behind it, on a link of {mtu}", piece.len()));
        }
        let offset = place(piece).0 + piece.len() - header;
        if place(piece).1 & 0x2000 == 0
            || place(next).0 != offset
            || next[..2] != piece[..2]
            || next[4..6] != piece[4..6]
        {
            return Err("a piece that is not the next one".into());
        }
        if next[8..10] != piece[8..10] || next[12..header] != piece[12..header] {
            return Err("a piece with another header".into());
        }
        whole.extend(&next[header..]);
    }
    if let [_, .., last] = pieces {
        let len = whole.len() as u16;
        wire::put(&mut whole, 2, len);
        wire::put(&mut whole, 6, (place(&pieces[0]).0 / 8) as u16 | place(last).1);
        wire::seal_header(&mut whole);
    }
    Ok(whole)
}

/// An ICMP error of the router's own, which quotes the packet as it came (RFC 1812 §4.3.2, RFC 4443 §2.4).
pub fn error(to: IpAddr, packet: &[u8], from: IpAddr, (kind, code, word): (u8, u8, u32)) -> Vec<u8> {
    let (room, protocol) = if from.is_ipv4() { (576 - 28, ICMP) } else { (1280 - 48, ICMPV6) };
    let mut message = vec![kind, code, 0, 0];
    message.extend(word.to_be_bytes());
    message.extend(&packet[..packet.len().min(room)]);
    let tos = if from.is_ipv4() { 0xc0 | packet[1] & 0x1c } else { 0 };
    let mut error = header(from, to, tos, protocol, message.len());
    error.extend(message);
    wire::seal(&mut error);
    error
}

/// The RST that answers a segment (RFC 9293 §3.10.7.1).
pub fn answer(ip: &Ip, talk: Talk) -> Vec<u8> {
    let Talk::Tcp { ports, flags, numbers } = talk else { return Vec::new() };
    let (from, to) = ((ip.destination, ports.1), (ip.source, ports.0));
    if flags & ACK != 0 {
        return rst(from, to, [numbers.acknowledgment, 0], RST);
    }
    let marks = u32::from(flags & SYN != 0) + u32::from(flags & FIN != 0);
    rst(from, to, [0, numbers.sequence.wrapping_add(numbers.payload).wrapping_add(marks)], RST | ACK)
}

pub fn rst(from: (IpAddr, u16), to: (IpAddr, u16), [sequence, acknowledgment]: [u32; 2], flags: u8) -> Vec<u8> {
    let mut packet = header(from.0, to.0, 0, TCP, 20);
    for port in [from.1, to.1] {
        packet.extend(port.to_be_bytes());
    }
    for number in [sequence, acknowledgment] {
        packet.extend(number.to_be_bytes());
    }
    packet.extend([0x50, flags, 0, 0, 0, 0, 0, 0]);
    wire::seal(&mut packet);
    packet
}

/// A network header with 64 hops to go, and DF.
pub fn header(source: IpAddr, destination: IpAddr, tos: u8, protocol: u8, payload: usize) -> Vec<u8> {
    let mut header = if source.is_ipv4() {
        let [high, low] = (20 + payload as u16).to_be_bytes();
        vec![0x45, tos, high, low, 0, 0, 0x40, 0, 64, protocol, 0, 0]
    } else {
        let [high, low] = (payload as u16).to_be_bytes();
        vec![0x60 | tos >> 4, tos << 4, 0, 0, high, low, protocol, 64]
    };
    header.extend(wire::octets(source));
    header.extend(wire::octets(destination));
    header
}
