//! Transport headers, extension headers and fragments, drawn at random or cut from a packet, the odd ones among them.
//! Must never know: addresses, what came before.

use super::chance::Chance;
use super::wire::{self, ACK, FIN, RST, SYN, TCP, UDP};

pub fn flags(chance: &mut Chance) -> u8 {
    chance.pick(&[
        SYN,
        SYN | ACK,
        ACK,
        ACK,
        ACK | 8,
        ACK | FIN,
        ACK | FIN,
        RST,
        RST | ACK,
        0,
        SYN | FIN,
        0xff,
        FIN,
        SYN | 0xc0,
    ])
}

fn segment(chance: &mut Chance, ports: &[u8]) -> Vec<u8> {
    let flags = if chance.one_in(2) { SYN } else { flags(chance) };
    let mss = chance.pick(&[536u16, 1220, 1240, 1360, 1440, 1460, 8960]).to_be_bytes();
    let options = match chance.below(5) {
        _ if flags & SYN == 0 => vec![],
        0 => vec![],
        1 => [&[1, 2, 4][..], &mss, &[1, 1, 0]].concat(),
        2 => [&[8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 2, 4][..], &mss, &[2, 4], &mss[..], &[0, 0]].concat(),
        3 => [&[2, 3][..], &mss, &[2, 0, 9, 9]].concat(),
        _ => [&[2, 4][..], &mss].concat(),
    };
    let header = (20 + options.len()) as u8;
    let offset = if chance.one_in(30) { chance.pick(&[0, 4, 15]) } else { header / 4 };
    let mut segment = ports.to_vec();
    segment.extend(chance.next().to_be_bytes());
    segment.extend([offset << 4, flags, 0x20, 0, 0, 0, 0, 0]);
    segment.extend(options);
    segment
}

/// The transport header of a protocol, without a length; the first bytes of what has none.
pub fn transport(chance: &mut Chance, protocol: u8, ports: &[u8], v4: bool) -> Vec<u8> {
    match protocol {
        TCP => segment(chance, ports),
        UDP | 136 => [ports, &[0; 4]].concat(),
        33 => [ports, &[5, 0, 0, 0, 0, 0, 0, 0]].concat(),
        47 | 253 => vec![0x20, 0, 0x08, 0],
        _ => message(chance, v4),
    }
}

fn message(chance: &mut Chance, v4: bool) -> Vec<u8> {
    let kind = match v4 {
        true => chance.pick(&[8, 8, 8, 0, 13, 5, 42]),
        false => chance.pick(&[128, 128, 128, 129, 139, 100]),
    };
    vec![kind, 0, 0, 0, 0, chance.pick(&[7, 8]), 0, 1]
}

/// Extension headers in their order, and the number of the first (RFC 8200 §4.1).
pub fn extensions(chance: &mut Chance, protocol: u8) -> (Vec<u8>, u8) {
    let routing = [0, 0, chance.pick(&[2, 3, 4, 0]), chance.pick(&[0, 0, 1]), 0, 0, 0, 0];
    let all: [(u8, [u8; 8]); 4] =
        [(0, [0, 0, 1, 4, 0, 0, 0, 0]), (60, [0, 0, 1, 4, 0, 0, 0, 0]), (43, routing), (44, [0, 0, 0, 0, 1, 2, 3, 4])];
    let taken: Vec<_> = all.into_iter().filter(|_| chance.one_in(2)).collect();
    let mut bytes = Vec::new();
    for (at, (_, header)) in taken.iter().enumerate() {
        let mut header = *header;
        header[0] = taken.get(at + 1).map_or(protocol, |next| next.0);
        bytes.extend(header);
    }
    (bytes, taken.first().map_or(protocol, |first| first.0))
}

pub fn fragment(packet: &[u8], ip: &wire::Ip, id: u32, offset: usize, payload: &[u8], more: bool) -> Vec<u8> {
    let mut fragment = packet[..ip.l4].to_vec();
    if ip.source.is_ipv4() {
        wire::put(&mut fragment, 4, id as u16);
        wire::put(&mut fragment, 6, (offset / 8) as u16 | u16::from(more) << 13);
        wire::put(&mut fragment, 2, (ip.l4 + payload.len()) as u16);
    } else {
        fragment.truncate(40);
        fragment[6] = 44;
        wire::put(&mut fragment, 4, (8 + payload.len()) as u16);
        fragment.extend([ip.protocol, 0]);
        fragment.extend((offset as u16 | u16::from(more)).to_be_bytes());
        fragment.extend(id.to_be_bytes());
    }
    fragment.extend(payload);
    wire::seal_header(&mut fragment);
    fragment
}

/// An identification, a word on fragmenting, and now and then an option, in an IPv4 header.
pub fn vary_header4(chance: &mut Chance, packet: &mut Vec<u8>) {
    wire::put(packet, 4, chance.next() as u16);
    packet[6] = if chance.one_in(3) { 0 } else { 0x40 };
    if chance.one_in(12) {
        add_option(packet);
    }
}

/// Router alert (RFC 2113), which every fragment carries too.
fn add_option(packet: &mut Vec<u8>) {
    packet.splice(20..20, [0x94, 4, 0, 0]);
    packet[0] += 1;
    let len = packet.len() as u16;
    wire::put(packet, 2, len);
}

/// Pads the quote of an ICMP error to 128 bytes, says so, and puts an extension behind it (RFC 4884 §4, §7).
pub fn extend(message: &mut Vec<u8>, v4: bool) {
    message.resize(8 + 128, 0);
    match (v4, message[0]) {
        (true, 3 | 11 | 12) => message[5] = 128 / 4,
        (false, 1 | 3) => message[4] = 128 / 8,
        _ => return,
    }
    message.extend([0x20, 0, 0, 0, 0, 8, 1, 1, 0, 1, 0x61, 0xff]);
}
