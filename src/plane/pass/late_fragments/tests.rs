//! Claims about outbound fragments that come in any order.

use crate::plane::Plane;
use crate::plane::counters::Event;
use crate::plane::packet::numbers::protocol;
use crate::plane::packet::sample::{fix_ip, ip, packet, udp};
use crate::plane::sample::{A, B, Rig, SERVER, SERVER6, hosts, policy, port_for};
use crate::plane::verdict::{DropReason, Verdict};
use crate::types::{Direction, End};
use std::sync::Arc;

/// The fragments of a UDP datagram from `port`, each of `size` bytes of payload but the last.
fn fragments(port: u16, id: u16, size: usize) -> Vec<Vec<u8>> {
    let whole = packet("10.250.250.2", SERVER, protocol::UDP, &udp(port, 53, &[1; 100]));
    let pieces = whole[20..].chunks(size).enumerate().map(|(number, payload)| {
        let mut piece = [&whole[..20], payload].concat();
        let more = if (number + 1) * size < 108 { 0x2000 } else { 0 };
        let len = piece.len() as u16;
        piece[2..4].copy_from_slice(&len.to_be_bytes());
        piece[4..6].copy_from_slice(&id.to_be_bytes());
        piece[6..8].copy_from_slice(&(more + (number * size / 8) as u16).to_be_bytes());
        fix_ip(&mut piece);
        piece
    });
    pieces.collect()
}

/// Offsets of what the plane sent by itself, all of it to WAN b from that WAN's address.
fn sent(rig: &mut Rig) -> Vec<u8> {
    let sent = rig.sent();
    assert!(sent.iter().all(|(end, _, packet)| (*end, hosts(packet).0) == (End::Wan(B), ip("198.51.100.12"))));
    sent.iter().map(|(_, _, packet)| packet[7]).collect()
}

#[test]
fn a_later_fragment_takes_the_way_of_its_first() {
    let mut rig = Rig::new(policy());
    let pieces = fragments(port_for(B), 1, 24);
    for piece in &pieces {
        let done = rig.outbound(piece);
        assert_eq!((done.verdict, hosts(&done.packet).0), (Verdict::Forward(End::Wan(B)), ip("198.51.100.12")));
        assert_eq!(
            done.packet[20..][..if piece[7] == 0 { 6 } else { 8 }],
            piece[20..][..if piece[7] == 0 { 6 } else { 8 }]
        );
    }
    assert!(rig.sent().is_empty());
}

#[test]
fn fragments_before_their_first_are_sent_behind_it_in_the_order_of_their_arrival() {
    let mut rig = Rig::new(policy());
    let pieces = fragments(port_for(B), 1, 24);
    for number in [3, 1, 4] {
        assert_eq!(rig.outbound(&pieces[number]).verdict, Verdict::Held);
    }
    assert!(!rig.outbox.keeps_order());
    assert_eq!(rig.outbound(&pieces[0]).verdict, Verdict::Forward(End::Wan(B)));
    assert!(rig.outbox.keeps_order());
    assert_eq!(sent(&mut rig), [9, 3, 12]);
    assert_eq!(rig.outbound(&pieces[2]).verdict, Verdict::Forward(End::Wan(B)));
    assert_eq!((rig.totals().events(Event::Held), rig.totals().forwarded(B, Direction::Outbound).packets), (3, 5));
    assert_eq!(rig.totals().drops(Direction::Outbound).count(), 0);
}

#[test]
fn the_first_may_come_to_another_worker() {
    let mut rig = Rig::new(policy());
    let mut other = Plane::new(Arc::new(policy()), Arc::clone(rig.plane.shared()), false);
    let pieces = fragments(port_for(B), 1, 56);
    assert_eq!(rig.outbound(&pieces[1]).verdict, Verdict::Held);
    std::mem::swap(&mut rig.plane, &mut other);
    assert_eq!(rig.outbound(&pieces[0]).verdict, Verdict::Forward(End::Wan(B)));
    assert_eq!(sent(&mut rig), [7]);
    std::mem::swap(&mut rig.plane, &mut other);
    assert_eq!(rig.outbound(&pieces[1]).verdict, Verdict::Forward(End::Wan(B)), "a duplicate finds the pin here, too");
}

#[test]
fn what_waited_is_cut_and_refused_like_any_other() {
    let mut rig = Rig::new(policy());
    let first = fragments(port_for(B), 1, 56).remove(0);
    let mut long = [&fragments(port_for(B), 1, 56)[1][..20], &[5; 1400]].concat();
    long[2..4].copy_from_slice(&1420u16.to_be_bytes());
    fix_ip(&mut long);
    let mut rigid = long.clone();
    rigid[6] |= 0x40;
    fix_ip(&mut rigid);
    assert_eq!([&long, &rigid].map(|piece| rig.outbound(piece).verdict), [Verdict::Held; 2]);
    assert_eq!(rig.outbound(&first).verdict, Verdict::Forward(End::Wan(B)));
    assert_eq!(sent(&mut rig), [7, 7 + 172]);
    assert_eq!(rig.totals().events(Event::Fragmented), 1);
    rig.assert_dropped(Direction::Outbound, DropReason::TooBig);
}

#[test]
fn c_76_what_waits_in_vain_is_counted_when_it_is_given_up() {
    let mut rig = Rig::new(policy());
    let pieces = fragments(port_for(B), 1, 56);
    assert_eq!(rig.outbound(&pieces[1]).verdict, Verdict::Held);
    rig.plane.tick(rig.now.plus_millis(2_999), &mut rig.outbox);
    assert_eq!(rig.totals().drops(Direction::Outbound).count(), 0);
    rig.now = rig.now.plus_millis(3_000);
    rig.plane.tick(rig.now, &mut rig.outbox);
    assert!(rig.sent().iter().all(|(end, ..)| *end != End::Inside), "it ends without a word");
    assert_eq!(rig.outbound(&pieces[0]).verdict, Verdict::Forward(End::Wan(B)));
    assert!(rig.sent().is_empty(), "its first comes too late and goes alone");
    rig.assert_dropped(Direction::Outbound, DropReason::UnknownFragment);
}

/// Shows RFC 8200 §4.5 next.
#[test]
fn c_70_an_ipv6_datagram_whose_later_fragments_say_another_next_header_is_one_datagram() {
    let mut rig = Rig::new(policy());
    // Destination options behind the fragment header: the first ends in UDP, a later one knows only the options (60).
    let options = [17, 0, 1, 4, 0, 0, 0, 0];
    let host = "fd00:bad:b01:1::100";
    let whole = |fragment: [u8; 8], body: &[u8]| packet(host, SERVER6, 44, &[&fragment[..], body].concat());
    let first = whole([60, 0, 0, 1, 0, 0, 0, 7], &[&options[..], &udp(4000, 53, &[1; 24])].concat());
    let later = whole([60, 0, 0, 40, 0, 0, 0, 7], b"the rest");
    assert_eq!(rig.outbound(&later).verdict, Verdict::Held);
    let Verdict::Forward(End::Wan(id)) = rig.outbound(&first).verdict else { panic!("the first passes") };
    let sent = rig.sent();
    assert_eq!((sent.len(), sent[0].0), (1, End::Wan(id)));
    assert_eq!(rig.outbound(&later).verdict, Verdict::Forward(End::Wan(id)));
}

#[test]
fn a_flood_of_fragments_costs_neither_fragmented_nor_other_traffic_a_packet() {
    let mut rig = Rig::new(policy());
    let (port_a, port_b) = (port_for(A), port_for(B));
    let mut own = packet("10.250.250.3", SERVER, protocol::UDP, &udp(7, 7, &[0; 24]));
    for flood in 0..100_000u32 {
        let mut piece = fragments(port_a, flood as u16, 56).remove((flood % 2) as usize);
        piece[16..20].copy_from_slice(&(0xcb00_7100 + (flood >> 16)).to_be_bytes());
        fix_ip(&mut piece);
        rig.outbound(&piece);
        rig.outbox.drain(|_| ());
        if flood.is_multiple_of(500) {
            let id = (flood / 500) as u16;
            own[4..6].copy_from_slice(&id.to_be_bytes());
            fix_ip(&mut own);
            assert!(matches!(rig.outbound(&own).verdict, Verdict::Forward(_)));
            for piece in fragments(port_b, 30_000 + id, 56) {
                assert_eq!(rig.outbound(&piece).verdict, Verdict::Forward(End::Wan(B)));
            }
        }
    }
    let drops: Vec<_> = rig.totals().drops(Direction::Outbound).map(|(reason, _)| reason).collect();
    assert_eq!(drops, [DropReason::UnknownFragment], "later fragments of the flood that had no first");
}
