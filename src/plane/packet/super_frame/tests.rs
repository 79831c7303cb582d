//! Claims about super-frames of tunnels: whatever is merged by the rules of GRO comes apart into what it was merged of.

use super::*;
use crate::types::{Gso, GsoKind};
use proptest::prelude::*;

/// What a tunnel puts around a packet, from the inside out.
#[derive(Clone, Copy, Debug)]
enum Outer {
    V4,
    V6,
    /// With the option that Linux puts in by default (RFC 2473 §4.1.1).
    V6Limit,
    Gre {
        sum: bool,
        key: bool,
        ethernet: bool,
    },
    /// VXLAN; FOU without Ethernet.
    Udp {
        sum: bool,
        ethernet: bool,
    },
}

/// A flow of segments of `size` bytes in these tunnels.
#[derive(Clone, Debug)]
struct Flow {
    /// From the inside out; an IP header stands around each GRE and UDP header.
    outer: Vec<Outer>,
    v4: bool,
    tcp: bool,
    size: u16,
    payload: Vec<u8>,
}

const ETHERNET: [u8; 12] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];

fn set(bytes: &mut [u8], at: usize, value: u16) {
    bytes[at..at + 2].copy_from_slice(&value.to_be_bytes());
}

/// An IP packet around `payload`; `id` is that of an IPv4 header.
fn ip(v4: bool, id: u16, number: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = if v4 {
        let mut header = vec![0x45, 0x28, 0, 0, 0, 0, 0x40, 0, 61, number, 0, 0, 192, 0, 2, 7, 203, 0, 113, 10];
        set(&mut header, 2, 20 + payload.len() as u16);
        set(&mut header, 4, id);
        let sum = !checksum::sum(&header);
        set(&mut header, 10, sum);
        header
    } else {
        let mut header = vec![0x62, 0x80, 0, 1, 0, 0, number, 61];
        set(&mut header, 4, payload.len() as u16);
        header.extend((0..32).map(|octet| 0x20 + octet));
        header
    };
    packet.extend_from_slice(payload);
    packet
}

/// Fills in the checksum of the transport in `packet`, which begins behind an IP header of `l4` bytes: whole, or owed.
fn sum_up(packet: &mut [u8], l4: usize, number: u8, is_owed: bool) {
    let at = l4 + if number == protocol::TCP { 16 } else { 6 };
    let (source, destination) = match packet[0] >> 4 {
        4 => Layer { kind: Kind::V4 { len: 20 }, start: 0 }.ends(packet).unwrap(),
        _ => Layer { kind: Kind::V6, start: 0 }.ends(packet).unwrap(),
    };
    let pseudo = checksum::pseudo(source, destination, number, (packet.len() - l4) as u32);
    set(packet, at, 0);
    let sum = !checksum::add(pseudo, checksum::sum(&packet[l4..]));
    let sum = if is_owed {
        pseudo
    } else if number == protocol::UDP && sum == 0 {
        0xffff
    } else {
        sum
    };
    set(packet, at, sum);
}

impl Flow {
    fn count(&self) -> usize {
        self.payload.len().div_ceil(self.size.into())
    }

    /// The segments from `from` to before `to` in one packet: as they are on the wire if that is one, else as GRO merges them.
    /// Returns with it where its innermost transport header begins.
    fn packet(&self, from: usize, to: usize) -> (Vec<u8>, usize) {
        let (size, is_merged) = (usize::from(self.size), to - from > 1);
        let payload = &self.payload[from * size..self.payload.len().min(to * size)];
        let (first, last) = (from == 0, to == self.count());
        let (header, number) = if self.tcp {
            let mut header = vec![0xc0, 0, 1, 187, 0xff, 0xff, 0xff, 0x80, 1, 2, 3, 4, 0x80, 0x10, 1, 0, 0, 0, 0, 0];
            header.extend([1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]);
            let sequence = 0xffff_ff80_u32.wrapping_add((from * size) as u32);
            header[4..8].copy_from_slice(&sequence.to_be_bytes());
            header[13] |= if first { 0x80 } else { 0 } | if last { 9 } else { 0 };
            (header, protocol::TCP)
        } else {
            let mut header = vec![0xc0, 0, 1, 187, 0, 0, 0, 0];
            set(&mut header, 4, 8 + payload.len() as u16);
            (header, protocol::UDP)
        };
        let id = 0xfffe_u16.wrapping_add(from as u16);
        let mut packet = ip(self.v4, id, number, &[&header[..], payload].concat());
        let l4 = if self.v4 { 20 } else { 40 };
        sum_up(&mut packet, l4, number, is_merged);
        let mut v4 = self.v4;
        let inner = packet.len() - l4;
        for outer in &self.outer {
            (packet, v4) = wrap(*outer, v4, id, packet, is_merged);
        }
        let start = packet.len() - inner;
        (packet, start)
    }

    fn gso(&self) -> Gso {
        let kind = match (self.tcp, self.v4) {
            (false, _) => GsoKind::UdpL4,
            (true, true) => GsoKind::Tcp4,
            (true, false) => GsoKind::Tcp6,
        };
        Gso { kind, size: self.size, ecn: false }
    }

    /// All of it in one super-frame.
    fn merged(&self) -> (Vec<u8>, Offload) {
        let (packet, start) = self.packet(0, self.count());
        let partial = PartialChecksum { start: start as u16, offset: if self.tcp { 16 } else { 6 } };
        (packet, Offload { partial: Some(partial), gso: Some(self.gso()) })
    }
}

/// Puts a packet of a family into a tunnel; returns the family of what is around it now.
fn wrap(outer: Outer, v4: bool, id: u16, packet: Vec<u8>, is_merged: bool) -> (Vec<u8>, bool) {
    let (kind, inside) = if v4 { (0x0800_u16, 4) } else { (0x86dd, 41) };
    let frame = [&ETHERNET[..], &kind.to_be_bytes(), &packet].concat();
    match outer {
        Outer::V4 => (ip(true, id, inside, &packet), true),
        Outer::V6 => (ip(false, id, inside, &packet), false),
        Outer::V6Limit => (ip(false, id, 60, &[&[inside, 0, 4, 1, 4, 1, 0, 0][..], &packet].concat()), false),
        Outer::Gre { sum, key, ethernet } => {
            let mut gre = vec![u8::from(sum) << 7 | u8::from(key) << 5, 0];
            gre.extend(if ethernet { 0x6558_u16 } else { kind }.to_be_bytes());
            gre.extend(vec![0; usize::from(sum) * 4]);
            gre.extend(vec![7; usize::from(key) * 4]);
            gre.extend(if ethernet { frame } else { packet });
            if sum {
                // What is merged keeps that of its first, which is none of all.
                let whole = if is_merged { 0x1234 } else { !checksum::sum(&gre) };
                set(&mut gre, 4, whole);
            }
            (ip(false, id, 47, &gre), false)
        }
        Outer::Udp { sum, ethernet } => {
            let tunnel = if ethernet { [&[8, 0, 0, 0, 0, 0, 9, 0][..], &frame].concat() } else { packet };
            let mut udp = vec![0xd0, 1, 0x12, 0xb5, 0, 0, 0, 0];
            set(&mut udp, 4, 8 + tunnel.len() as u16);
            udp.extend(tunnel);
            let mut packet = ip(true, id, protocol::UDP, &udp);
            if sum {
                sum_up(&mut packet, 20, protocol::UDP, is_merged);
            }
            (packet, true)
        }
    }
}

/// Every piece of a super-frame.
fn cut(packet: &mut [u8], mut offload: Offload) -> Option<Vec<Vec<u8>>> {
    let pieces = resolve(packet, &mut offload)?;
    let piece = |number| {
        let mut out = vec![0xee; pieces.longest()];
        let len = pieces.write(packet, number, &mut out).expect("a piece");
        out.truncate(len);
        out
    };
    assert_eq!(pieces.write(packet, pieces.count(), &mut vec![0; pieces.longest()]), None, "no more than there are");
    Some((0..pieces.count()).map(piece).collect())
}

fn outer() -> impl Strategy<Value = Outer> {
    let gre = any::<[bool; 3]>().prop_map(|[sum, key, ethernet]| Outer::Gre { sum, key, ethernet });
    let udp = any::<[bool; 2]>().prop_map(|[sum, ethernet]| Outer::Udp { sum, ethernet });
    prop_oneof![Just(Outer::V4), Just(Outer::V6), Just(Outer::V6Limit), gre, udp]
}

fn flow(tunnels: std::ops::Range<usize>) -> impl Strategy<Value = Flow> {
    let outer = prop::collection::vec(outer(), tunnels);
    (outer, any::<[bool; 2]>(), 1..1500_u16, 2..9_u16, any::<u8>()).prop_flat_map(
        |(outer, [v4, tcp], size, count, rest)| {
            let last = 1 + u16::from(rest) % size;
            let len = usize::from((count - 1) * size + last);
            let payload = prop::collection::vec(any::<u8>(), len);
            payload.prop_map(move |payload| Flow { outer: outer.clone(), v4, tcp, size, payload })
        },
    )
}

proptest! {
    #[test]
    fn what_was_merged_in_any_tunnel_comes_apart_into_what_it_was(flow in flow(1..4)) {
        let (mut packet, offload) = flow.merged();
        let wire: Vec<_> = (0..flow.count()).map(|number| flow.packet(number, number + 1).0).collect();
        prop_assert_eq!(cut(&mut packet, offload), Some(wire));
    }

    #[test]
    fn a_list_is_owed_the_checksum_that_any_super_frame_is_owed(flow in flow(0..1)) {
        let (due, offload) = flow.merged();
        let mut packet = due.clone();
        // That of the first segment alone.
        let at = usize::from(offload.partial.unwrap().start + offload.partial.unwrap().offset);
        packet[at..at + 2].copy_from_slice(&[0x12, 0x34]);
        let mut listed = Offload { partial: None, ..offload };
        prop_assert!(resolve(&mut packet, &mut listed).is_none());
        prop_assert_eq!((packet, listed), (due, offload));
    }

    #[test]
    fn nothing_panics_on_random_bytes_and_lengths(
        flow in flow(0..4), bytes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        kept in any::<prop::sample::Index>(), start in prop::option::of(0..200_u16), kind in 0..3_usize, size in 1..2000_u16,
    ) {
        let (mut packet, mut offload) = flow.merged();
        for (at, byte) in bytes {
            let at = at.index(packet.len().min(150));
            packet[at] = byte;
        }
        if start.is_some() {
            offload.partial = start.map(|start| PartialChecksum { start, offset: 6 });
            offload.gso = Some(Gso { kind: [GsoKind::Tcp4, GsoKind::Tcp6, GsoKind::UdpL4][kind], size, ecn: false });
            let len = kept.index(packet.len());
            packet.truncate(len);
        }
        cut(&mut packet, offload);
    }
}

#[test]
fn an_ordinary_super_frame_and_an_ordinary_packet_are_left_as_they_are() {
    for (v4, tcp) in [(true, true), (true, false), (false, true), (false, false)] {
        let flow = Flow { outer: Vec::new(), v4, tcp, size: 100, payload: vec![7; 250] };
        let (due, offload) = flow.merged();
        let (mut packet, mut same) = (due.clone(), offload);
        assert!(resolve(&mut packet, &mut same).is_none());
        let mut nothing = Offload::NONE;
        assert!(resolve(&mut packet, &mut nothing).is_none());
        assert_eq!((packet, same), (due, offload));
    }
}

#[test]
fn datagrams_without_a_checksum_that_came_as_a_list_are_cut_and_have_none() {
    let flow = Flow { outer: Vec::new(), v4: true, tcp: false, size: 100, payload: vec![7; 250] };
    let without = |(mut packet, start): (Vec<u8>, usize)| {
        packet[start + 6..start + 8].fill(0);
        packet
    };
    let wire = (0..3).map(|number| without(flow.packet(number, number + 1))).collect();
    let listed = Offload { partial: None, gso: Some(flow.gso()) };
    assert_eq!(cut(&mut without(flow.packet(0, 3)), listed), Some(wire));
}

#[test]
fn what_is_damaged_or_unknown_on_the_way_down_is_not_cut() {
    let flow = Flow { outer: vec![Outer::V4], v4: true, tcp: true, size: 100, payload: vec![7; 250] };
    let (packet, offload) = flow.merged();
    let changed = |at: usize, byte: u8| {
        let mut packet = packet.clone();
        packet[at] ^= byte;
        cut(&mut packet, offload)
    };
    assert!(changed(40, 0).is_some());
    for (at, why) in
        [(8, "outer checksum"), (28, "inner checksum"), (22, "inner length"), (9, "protocol"), (26, "fragment")]
    {
        assert_eq!(changed(at, 1), None, "{why}");
    }
    let elsewhere = PartialChecksum { start: 60, offset: 16 };
    assert_eq!(cut(&mut packet.clone(), Offload { partial: Some(elsewhere), ..offload }), None);
}
