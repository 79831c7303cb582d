//! The form that a packet must have when it leaves: new addresses, one hop less, a lower MSS, right checksums; and the
//! errors that the router sends itself. Must never know: which address, which WAN, whether at all.

use super::wire::{self, ICMP, ICMPV6, Ip, SYN, Talk};
use std::net::IpAddr;

/// New source and destination, where there is one.
pub type Ends = [Option<IpAddr>; 2];

/// Both headers of an error, the outer one and the quoted one with its place.
pub fn translate_error(
    packet: &[u8],
    (ip, outer): (&Ip, Ends),
    (quoted, at, end, inner): (&Ip, usize, usize, Ends),
) -> Vec<u8> {
    let mut sent = packet.to_vec();
    rename(&mut sent[at..], quoted, inner);
    wire::carry_over(&packet[at..end], &mut sent[at..end], quoted);
    readdress(&mut sent, ip, outer);
    wire::carry_over(packet, &mut sent, ip);
    sent
}

/// New addresses, and one hop less.
pub fn readdress(packet: &mut [u8], ip: &Ip, new: Ends) {
    rename(packet, ip, new);
    packet[if ip.source.is_ipv4() { 8 } else { 7 }] -= 1;
}

fn rename(packet: &mut [u8], ip: &Ip, [source, destination]: Ends) {
    let places = wire::places(ip.source.is_ipv4());
    for (place, new) in [(places.0, source), (places.1, destination)] {
        let octets = new.map(wire::octets).unwrap_or_default();
        packet[place..place + octets.len()].copy_from_slice(&octets);
    }
}

/// The packet with the MSS of a SYN lowered to what the path carries (RFC 6691 §2), and whether it was.
pub fn clamped(packet: &[u8], ip: &Ip, talk: Talk, mtu: u16) -> (Vec<u8>, bool) {
    let mut sent = packet.to_vec();
    let header = packet.get(ip.l4 + 12).map_or(0, |offset| usize::from(offset >> 4) * 4);
    let limit = mtu - if ip.source.is_ipv4() { 40 } else { 60 };
    let options = match talk {
        Talk::Tcp { flags, .. } if flags & SYN != 0 && header > 20 => sent.get_mut(ip.l4 + 20..ip.l4 + header),
        _ => None,
    };
    let Some(options) = options else { return (sent, false) };
    let (mut at, mut changed) = (0, false);
    while let Some(kind) = options.get(at).copied().filter(|kind| *kind != 0) {
        let len = if kind == 1 { 1 } else { options.get(at + 1).map_or(0, |len| usize::from(*len)) };
        if kind == 2 && len == 4 && at + 4 <= options.len() {
            let mss = u16::from_be_bytes([options[at + 2], options[at + 3]]);
            wire::put(options, at + 2, mss.min(limit));
            changed |= mss > limit;
        }
        if len < if kind == 1 { 1 } else { 2 } {
            break;
        }
        at += len;
    }
    (sent, changed)
}

/// An ICMP error of the router's own, which quotes the packet as it came (RFC 1812 §4.3.2, RFC 4443 §2.4).
pub fn error(about: &Ip, packet: &[u8], from: IpAddr, (kind, code, word): (u8, u8, u32)) -> Vec<u8> {
    let (room, protocol) = if from.is_ipv4() { (576 - 28, ICMP) } else { (1280 - 48, ICMPV6) };
    let mut message = vec![kind, code, 0, 0];
    message.extend(word.to_be_bytes());
    message.extend(&packet[..packet.len().min(room)]);
    let tos = if from.is_ipv4() { 0xc0 | packet[1] & 0x1c } else { 0 };
    let mut error = header(from, about.source, tos, protocol, message.len());
    error.extend(message);
    wire::seal(&mut error);
    error
}

/// An IPv4 packet without DF in as few fragments as fit, in their order, each but the last a multiple of eight bytes long
/// (RFC 791 §3.2, RFC 1812 §4.2.2.7). What fits, or may not be cut, is its only piece.
pub fn pieces(packet: Vec<u8>, mtu: usize) -> Vec<Vec<u8>> {
    if packet.len() <= mtu {
        return vec![packet];
    }
    let (header, mut payload) = packet.split_at(usize::from(packet[0] & 15) * 4);
    let room = mtu - header.len();
    let place = u16::from_be_bytes([packet[6], packet[7]]);
    let (mut pieces, mut offset) = (Vec::new(), place & 0x1fff);
    while !payload.is_empty() {
        let (now, rest) = payload.split_at(if payload.len() <= room { payload.len() } else { room / 8 * 8 });
        let more = if rest.is_empty() { place & 0x2000 } else { 0x2000 };
        let mut piece = [header, now].concat();
        let len = piece.len() as u16;
        wire::put(&mut piece, 2, len);
        wire::put(&mut piece, 6, offset | more);
        wire::seal_header(&mut piece);
        pieces.push(piece);
        (payload, offset) = (rest, offset + (now.len() / 8) as u16);
    }
    pieces
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
