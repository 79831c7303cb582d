//! Claims about the order in which a turn sends.

use super::*;
use crate::plane::packet::numbers::protocol;
use crate::plane::packet::sample::{fix_ip, packet, udp};
use crate::plane::sample::{B, Rig, SERVER, policy, port_for};
use crate::ports::memory::{Sink, Source, Stored};

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

/// Identification and offset of what leaves by WAN b, in order, when these come from inside in one batch.
fn sent(packets: &[Vec<u8>]) -> Vec<(u8, u8)> {
    let mut rig = Rig::new(policy());
    let mut source = Source::default();
    source.extend(packets.iter().map(|packet| Stored::new(&[], packet)));
    let (inside, wan) = (Sink::default(), Sink::default());
    let mut transmitters =
        Transmitters { inside: Box::new(inside.clone()), wans: vec![None, Some(Box::new(wan.clone()))] };
    let Rig { plane, outbox, now } = &mut rig;
    let turned = turn(*now, End::Inside, &mut source, &mut transmitters, plane, outbox, &mut ()).unwrap();
    let sent: Vec<_> = wan.take().iter().map(|frame| (frame.packet[5], frame.packet[7])).collect();
    assert_eq!((turned.received, turned.sent.sent as usize, inside.take().len()), (packets.len(), sent.len(), 0));
    sent
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
