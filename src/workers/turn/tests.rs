//! Claims about the order in which a turn sends, and about what bad lines do to it.

use super::*;
use crate::plane::packet::numbers::protocol;
use crate::plane::packet::sample::{fix_ip, is_right, packet, udp};
use crate::plane::sample::{A, B, Rig, SERVER, policy, port_for};
use crate::ports::faulty::{Faults, Faulty, Rates};
use crate::ports::memory::{Sink, Source, Stored};
use crate::ports::pcap::{Capture, LinkType, Packet, Slot, Writer};
use crate::ports::record::{Record, Recording};
use crate::types::{Gso, GsoKind, Offload, PartialChecksum};
use std::sync::Arc;

/// A datagram of `payload` bytes with this identification.
fn datagram(port: u16, id: u8, payload: usize) -> Vec<u8> {
    let mut packet = packet("10.250.250.2", SERVER, protocol::UDP, &udp(port, 53, &vec![id; payload]));
    packet[4..8].copy_from_slice(&[0, id, 0, 0]);
    fix_ip(&mut packet);
    packet
}

/// Its fragment from byte `from` to byte `to` of the payload.
fn fragment(whole: &[u8], from: usize, to: usize) -> Vec<u8> {
    let mut piece = [&whole[..20], &whole[20 + from..20 + to]].concat();
    let more = if 20 + to < whole.len() { 0x2000 } else { 0 };
    let len = piece.len() as u16;
    piece[2..4].copy_from_slice(&len.to_be_bytes());
    piece[6..8].copy_from_slice(&(more + (from / 8) as u16).to_be_bytes());
    fix_ip(&mut piece);
    piece
}

/// These packets, to be received from inside.
fn source(packets: &[Vec<u8>]) -> Source {
    let mut source = Source::default();
    source.extend(packets.iter().map(|packet| Stored::new(&[], packet)));
    source
}

/// A plane whose inside and WANs a and b are ports in memory.
struct Router {
    rig: Rig,
    sinks: [Sink; 3],
    transmitters: Transmitters,
}

impl Router {
    fn new() -> Self {
        let sinks = [Sink::default(), Sink::default(), Sink::default()];
        let [inside, a, b] = sinks.clone();
        let wans: Vec<Option<Box<dyn Transmit>>> = vec![Some(Box::new(a)), Some(Box::new(b))];
        Self { rig: Rig::new(policy()), sinks, transmitters: Transmitters { inside: Box::new(inside), wans } }
    }

    /// One turn of the inside.
    fn turn(&mut self, from: &mut dyn Receive) -> Result<Turned, Broken> {
        let Rig { plane, outbox, now } = &mut self.rig;
        turn(*now, End::Inside, from, &mut self.transmitters, plane, outbox, &mut ())
    }

    /// Turns until nothing comes from inside any more. Returns what the turns did together.
    fn run(&mut self, from: &mut dyn Receive) -> Turned {
        let mut all = Turned::default();
        loop {
            let turned = self.turn(from).unwrap();
            all.sent += turned.sent;
            all.received += turned.received;
            if turned.received == 0 {
                return all;
            }
        }
    }

    /// Identification and offset of what has left: to the inside, by WAN a, by WAN b.
    fn left(&self) -> [Vec<(u8, u8)>; 3] {
        let number = |frame: &Stored| (frame.packet[5], frame.packet[7]);
        self.sinks.each_ref().map(|sink| sink.take().iter().map(number).collect())
    }
}

/// Identification and offset of what leaves by WAN b, in order, when these come from inside.
fn sent(packets: &[Vec<u8>]) -> Vec<(u8, u8)> {
    let mut router = Router::new();
    let turned = router.run(&mut source(packets));
    let [inside, a, b] = router.left();
    assert_eq!((turned.received, turned.sent.sent as usize), (packets.len(), b.len()));
    assert_eq!((inside.len(), a.len()), (0, 0));
    b
}

#[test]
fn fragments_stand_where_their_packet_stood() {
    let port = port_for(B);
    let sizes = [(1, 100), (2, 1400), (3, 100), (4, 3000), (5, 100)];
    let packets = sizes.map(|(id, size)| datagram(port, id, size));
    assert_eq!(sent(&packets), [(1, 0), (2, 0), (2, 172), (3, 0), (4, 0), (4, 172), (4, 88), (5, 0)]);
}

#[test]
fn what_waited_for_a_first_fragment_stands_directly_behind_it() {
    let port = port_for(B);
    let whole = datagram(port, 2, 100);
    let pieces = [(0, 32), (32, 64), (64, 108)].map(|(from, to)| fragment(&whole, from, to));
    let [first, second, third] = pieces;
    let packets = [datagram(port, 1, 10), third, datagram(port, 3, 10), first, second, datagram(port, 4, 10)];
    assert_eq!(sent(&packets), [(1, 0), (3, 0), (2, 0), (2, 8), (2, 4), (4, 0)]);
}

/// Datagrams of 100 bytes, each in three fragments, last one first.
fn in_fragments(count: u8) -> Vec<Vec<u8>> {
    let port = port_for(B);
    let pieces = |id| {
        let whole = datagram(port, id, 100);
        [(64, 108), (0, 32), (32, 64)].map(|(from, to)| fragment(&whole, from, to))
    };
    (0..count).flat_map(pieces).collect()
}

#[test]
fn fragments_that_come_twice_and_late_leave_by_the_wan_of_their_flow_and_none_is_lost() {
    let (faults, mut router, mut received) = (Faults::default(), Router::new(), 0);
    faults.set(Rates { double: 200, delay: 200, ..Rates::default() });
    // Less than a whole batch at a time, so that there is room for copies.
    for (seed, pieces) in (0..).zip(in_fragments(100).chunks(30)) {
        received += router.run(&mut Faulty::new(source(pieces), &faults, seed)).received;
    }
    let [inside, a, mut b] = router.left();
    assert_eq!((inside.len(), a.len(), b.len()), (0, 0, received));
    assert!(received > 330, "some came twice: {received}");
    b.sort_unstable();
    b.dedup();
    assert_eq!(b.len(), 300);
}

#[test]
fn fragments_whose_first_is_lost_on_the_way_do_not_leave_and_the_others_do() {
    let (faults, mut router) = (Faults::default(), Router::new());
    faults.set(Rates { lose: 100, ..Rates::default() });
    let turned = router.run(&mut Faulty::new(source(&in_fragments(100)), &faults, 12));
    let [_, a, b] = router.left();
    let firsts: Vec<_> = b.iter().filter(|(_, offset)| *offset == 0).map(|(id, _)| *id).collect();
    assert!(firsts.len() < 100 && b.iter().all(|(id, _)| firsts.contains(id)), "{b:?}");
    assert!(a.is_empty() && b.len() < turned.received && turned.received < 300, "{turned:?}");
}

#[test]
fn a_port_that_refuses_or_breaks_keeps_no_frame_from_the_others() {
    let [port_a, port_b] = [A, B].map(port_for);
    let both = [datagram(port_b, 1, 9), datagram(port_a, 2, 9), datagram(port_b, 3, 9)];
    let (faults, mut router) = (Faults::default(), Router::new());
    faults.set(Rates { refuse: 1000, ..Rates::default() });
    router.transmitters.wans[B.index()] = Some(Box::new(Faulty::new(router.sinks[2].clone(), &faults, 1)));
    assert_eq!(router.run(&mut source(&both)).sent, Sent { sent: 1, full: 2, refused: 0 });
    assert_eq!(router.left(), [vec![], vec![(2, 0)], vec![]]);
    faults.break_port();
    let broken = router.turn(&mut source(&both)).unwrap_err();
    assert_eq!(broken.to_string(), "the port of WAN 1 broke: broken on command");
    assert_eq!(router.left(), [vec![], vec![(2, 0)], vec![]]);
}

#[test]
fn a_recording_of_what_came_in_gives_the_same_out_of_another_router() {
    let recording = Arc::new(Recording::new(1 << 20, || 7));
    let mut first = Router::new();
    first.run(&mut Record::new(source(&in_fragments(20)), &recording, Some(0)));
    let mut writer = Writer::pcapng(Vec::new(), [("inside", LinkType::Raw)]).unwrap();
    assert_eq!((recording.write_to(&mut writer).unwrap(), recording.missed()), (60, 0));
    let file = writer.finish().unwrap();
    let (mut capture, mut packet, mut slot) = (Capture::new(&file[..]).unwrap(), Packet::default(), Slot::default());
    let mut second = Router::new();
    while capture.next(&mut packet).unwrap() {
        let _ = slot.load_packet(&packet.data, LinkType::Raw);
        second.turn(&mut slot).unwrap();
    }
    assert_eq!(second.sinks[2].take(), first.sinks[2].take());
}

#[test]
fn a_super_frame_of_a_tunnel_leaves_as_the_packets_that_it_is_between_what_came_before_and_after() {
    let segment = |payload: &[u8]| {
        let mut tcp = vec![0xc0, 0, 0, 80, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 1, 0, 0, 0, 0, 0];
        tcp.extend_from_slice(payload);
        packet("192.0.2.77", SERVER, protocol::TCP, &tcp)
    };
    let payload: Vec<u8> = (0..250).collect();
    let mut tunnel = Stored::new(&[], &packet("10.250.250.2", SERVER, 4, &segment(&payload)));
    tunnel.offload = Offload {
        partial: Some(PartialChecksum { start: 40, offset: 16 }),
        gso: Some(Gso { kind: GsoKind::Tcp4, size: 100, ecn: false }),
    };
    let others = |number: u8| Stored::new(&[], &packet("10.250.250.2", SERVER, 4, &segment(&[number])));
    let mut router = Router::new();
    let mut inside = Source::default();
    inside.extend([others(1), tunnel, others(2)]);
    let turned = router.run(&mut inside);
    assert_eq!((turned.received, turned.sent.sent), (3, 5));
    let sent: Vec<Stored> = router.sinks.iter().flat_map(Sink::take).collect();
    assert!(sent.iter().all(|frame| frame.offload == Offload::NONE));
    let left: Vec<&[u8]> = sent.iter().map(|frame| &frame.packet[60..]).collect();
    assert_eq!(left, [&[1][..], &payload[..100], &payload[100..200], &payload[200..], &[2]]);
}

/// A port behind which nobody cuts super-frames.
struct Uncut(Sink);

impl Transmit for Uncut {
    fn transmit(&mut self, frames: &[Frame<'_>], end: End) -> io::Result<Sent> {
        self.0.transmit(frames, end)
    }

    fn takes_super_frames(&self) -> bool {
        false
    }
}

#[test]
fn a_super_frame_is_cut_for_a_port_that_takes_none_between_what_came_before_and_after() {
    let segment = |payload: &[u8]| {
        let mut tcp = vec![0xc0, 0, 0, 80, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x18, 1, 0, 0, 0, 0, 0];
        tcp.extend_from_slice(payload);
        packet("10.250.250.2", SERVER, protocol::TCP, &tcp)
    };
    let payload: Vec<u8> = (0..250).collect();
    let mut whole = Stored::new(&[], &segment(&payload));
    whole.offload = Offload {
        partial: Some(PartialChecksum { start: 20, offset: 16 }),
        gso: Some(Gso { kind: GsoKind::Tcp4, size: 100, ecn: false }),
    };
    let others = |number: u8| Stored::new(&[], &segment(&[number]));
    let mut router = Router::new();
    let [_, a, b] = router.sinks.clone();
    router.transmitters.wans = vec![Some(Box::new(Uncut(a))), Some(Box::new(Uncut(b)))];
    let mut inside = Source::default();
    inside.extend([others(1), whole, others(2)]);
    let turned = router.run(&mut inside);
    assert_eq!((turned.received, turned.sent.sent), (3, 5));
    let sent: Vec<Stored> = router.sinks.iter().flat_map(Sink::take).collect();
    assert!(sent.iter().all(|frame| frame.offload == Offload::NONE && frame.link.len() == sent[0].link.len()));
    assert!(sent[1..4].iter().all(|frame| is_right(&frame.packet)), "every checksum");
    let left: Vec<&[u8]> = sent.iter().map(|frame| &frame.packet[40..]).collect();
    assert_eq!(left, [&[1][..], &payload[..100], &payload[100..200], &payload[200..], &[2]]);
}
