//! Claims about packets that are longer than the next link carries. WAN b carries 1400 bytes, the inside 1500.

use super::{NextLink, forward};
use crate::plane::counters::Event;
use crate::plane::packet::numbers::protocol;
use crate::plane::packet::parse::parse;
use crate::plane::packet::sample::{fix_ip, icmp, ip, is_right, make_partial, packet, tcp, udp};
use crate::plane::policy::Policy;
use crate::plane::sample::{A, B, GATEWAY, OWN, Rig, SERVER, SERVER6, hosts, policy, port_for};
use crate::plane::verdict::{DropReason, Verdict};
use crate::plane::{Plane, Shared};
use crate::types::{Direction, End, Family, Frame, Gso, GsoKind, Offload};
use std::sync::Arc;

/// A packet that may be fragmented.
fn may_fragment(source: &str, destination: &str, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = packet(source, destination, protocol, payload);
    packet[6] = 0;
    fix_ip(&mut packet);
    packet
}

/// The IPv4 fragment of `whole` from byte `from` to byte `to` of its payload.
fn fragment(whole: &[u8], from: usize, to: usize) -> Vec<u8> {
    let mut piece = [&whole[..20], &whole[20 + from..20 + to]].concat();
    let more = if 20 + to < whole.len() { 0x2000 } else { 0 };
    let len = piece.len() as u16;
    piece[2..4].copy_from_slice(&len.to_be_bytes());
    piece[6..8].copy_from_slice(&(more + (from / 8) as u16).to_be_bytes());
    fix_ip(&mut piece);
    piece
}

/// What fragments in order add up to, as one packet without a flag.
fn reassembled(pieces: &[Vec<u8>]) -> Vec<u8> {
    let mut whole = pieces[0].clone();
    for (number, piece) in pieces.iter().enumerate() {
        let place = u16::from_be_bytes([piece[6], piece[7]]);
        assert_eq!(place & 0x2000 != 0, number + 1 < pieces.len());
        if number > 0 {
            assert_eq!(usize::from(place & 0x1fff) * 8, whole.len() - 20);
            whole.extend_from_slice(&piece[20..]);
        }
    }
    let len = whole.len() as u16;
    whole[2..4].copy_from_slice(&len.to_be_bytes());
    whole[6..8].fill(0);
    fix_ip(&mut whole);
    whole
}

/// Packets that the plane sent to `end`, all of them behind a link header of `link` bytes.
fn sent_to(rig: &mut Rig, end: End, link: usize) -> Vec<Vec<u8>> {
    let sent = rig.sent();
    assert!(sent.iter().all(|(to, header, _)| (*to, header.len()) == (end, link)));
    sent.into_iter().map(|(_, _, packet)| packet).collect()
}

/// Shows RFC 4787 REQ-13a, RFC 1812 §5.2.6.
#[test]
fn c_51_what_may_be_fragmented_leaves_in_fragments_with_the_link_header_of_its_wan() {
    let mut rig = Rig::new(policy());
    let payload = udp(port_for(B), 53, &[7; 4000]);
    let done = rig.outbound(&may_fragment("10.250.250.2", SERVER, protocol::UDP, &payload));
    assert_eq!(done.verdict, Verdict::Fragmented(End::Wan(B)));
    assert!(rig.outbox.keeps_order());
    let sent = rig.sent();
    let link = [&GATEWAY[1].0[..], &OWN[1].0, &[0x81, 0, 1, 44, 8, 0]].concat();
    assert!(sent.iter().all(|(end, header, _)| (*end, header) == (End::Wan(B), &link)));
    let pieces: Vec<_> = sent.into_iter().map(|(_, _, packet)| packet).collect();
    assert_eq!(pieces.iter().map(Vec::len).collect::<Vec<_>>(), [1396, 1396, 1276]);
    let mut expected = may_fragment("198.51.100.12", SERVER, protocol::UDP, &payload);
    expected[8] = 63;
    fix_ip(&mut expected);
    assert!(reassembled(&pieces) == expected);
    assert!(!rig.outbox.keeps_order());
    let forwarded = rig.totals().forwarded(B, Direction::Outbound);
    assert_eq!((forwarded.packets, forwarded.bytes), (3, 1396 + 1396 + 1276));
    assert_eq!((rig.totals().events(Event::Fragmented), rig.totals().drops(Direction::Outbound).count()), (1, 0));
}

/// The inside carries no more than 1000 bytes.
fn narrow() -> Policy {
    let mut policy = policy();
    policy.inside.mtu = 1000;
    policy
}

#[test]
fn c_51_what_comes_in_is_cut_to_what_the_inside_carries_fragments_too() {
    let mut rig = Rig::new(narrow());
    let whole = may_fragment(SERVER, "198.51.100.12", protocol::UDP, &udp(53, 4000, &[3; 2600]));
    let mut pieces = Vec::new();
    for (from, to) in [(0, 1352), (1352, 2608)] {
        assert_eq!(rig.inbound(B, &fragment(&whole, from, to)).verdict, Verdict::Fragmented(End::Inside));
        pieces.extend(sent_to(&mut rig, End::Inside, 0));
    }
    assert_eq!(pieces.iter().map(Vec::len).collect::<Vec<_>>(), [996, 396, 996, 300]);
    let whole = reassembled(&pieces);
    assert!(is_right(&whole));
    assert_eq!(hosts(&whole), (ip(SERVER), ip("10.250.250.2")));
    assert_eq!(rig.totals().forwarded(B, Direction::Inbound).packets, 4);
    assert_eq!(rig.totals().events(Event::Fragmented), 2);
}

/// Shows RFC 1812 §4.3.2.7.
#[test]
fn c_51_a_later_fragment_that_may_not_be_fragmented_is_dropped_without_a_word() {
    let mut rig = Rig::new(narrow());
    let whole = may_fragment(SERVER, "198.51.100.12", protocol::UDP, &udp(53, 4000, &[3; 2600]));
    let mut later = fragment(&whole, 1352, 2608);
    later[6] |= 0x40;
    fix_ip(&mut later);
    assert_eq!(rig.inbound(B, &later).verdict, Verdict::Drop(DropReason::TooBig));
    assert!(rig.sent().is_empty());
    rig.assert_dropped(Direction::Inbound, DropReason::TooBig);
}

/// Shows RFC 8200 §4.5 routers.
#[test]
fn c_53_an_ipv6_fragment_that_does_not_fit_is_answered_with_itself() {
    let mut policy = policy();
    policy.inside.mtu = 1280;
    let mut rig = Rig::new(policy);
    // Offset 1232, more to come: a later fragment of 1248 bytes behind its headers.
    let piece = [&[17, 0, 4, 0xd1, 0, 0, 0, 9][..], &[5; 1248]].concat();
    let later = packet(SERVER6, "2001:db8:b:be01:27ea::100", 44, &piece);
    assert_eq!(rig.inbound(B, &later).verdict, Verdict::Drop(DropReason::TooBig));
    let sent = rig.sent();
    let (end, _, answer) = &sent[0];
    assert_eq!((*end, answer.len(), &answer[40..42]), (End::Wan(B), 1280, &[2u8, 0][..]));
    assert_eq!((&answer[44..48], &answer[48..]), (&[0u8, 0, 5, 0][..], &later[..1232]));
    assert!(is_right(answer));
}

#[test]
fn a_tcp_super_frame_that_may_be_fragmented_gets_smaller_segments() {
    let mut rig = Rig::new(policy());
    let segment = tcp(80, 5000, 16, &[], &[1; 5000]);
    rig.inbound(B, &packet(SERVER, "198.51.100.12", protocol::TCP, &tcp(5000, 80, 2, &[], &[])));
    let mut frame = may_fragment("10.250.250.2", SERVER, protocol::TCP, &segment);
    let offload = make_partial(&mut frame);
    let gso = |size| Some(Gso { kind: GsoKind::Tcp4, size, ecn: false });
    let done = rig.process_owing(End::Inside, &[], &frame, None, Offload { gso: gso(1460), ..offload });
    assert_eq!((done.verdict, done.offload), (Verdict::Forward(End::Wan(B)), Offload { gso: gso(1360), ..offload }));
    let forwarded = rig.totals().forwarded(B, Direction::Outbound);
    assert_eq!((forwarded.packets, forwarded.bytes), (4, 5000 + 4 * 40));
    assert_eq!(rig.totals().events(Event::Fragmented), 0);
}

#[test]
fn a_udp_super_frame_is_cut_datagram_by_datagram() {
    let mut rig = Rig::new(policy());
    let port = port_for(B);
    let mut frame = may_fragment("10.250.250.2", SERVER, protocol::UDP, &udp(port, 53, &[1; 2000]));
    let partial = make_partial(&mut frame);
    let gso = Some(Gso { kind: GsoKind::UdpL4, size: 1400, ecn: false });
    let done = rig.process_owing(End::Inside, &[], &frame, None, Offload { gso, ..partial });
    assert_eq!(done.verdict, Verdict::Fragmented(End::Wan(B)));
    let pieces = sent_to(&mut rig, End::Wan(B), 18);
    assert_eq!(pieces.iter().map(Vec::len).collect::<Vec<_>>(), [1396, 52, 628]);
    let first = reassembled(&pieces[..2]);
    assert!(is_right(&first) && is_right(&pieces[2]));
    assert_eq!((&first[4..6], &pieces[2][4..6]), (&[0x12u8, 0x34][..], &[0x12u8, 0x35][..]));
    assert_eq!(rig.totals().forwarded(B, Direction::Outbound).packets, 3);
}

#[test]
fn an_owed_checksum_is_finished_before_the_packet_is_cut() {
    let mut rig = Rig::new(policy());
    let mut frame = may_fragment("10.250.250.2", SERVER, protocol::UDP, &udp(port_for(B), 53, &[9; 1471]));
    let offload = make_partial(&mut frame);
    let done = rig.process_owing(End::Inside, &[], &frame, None, offload);
    assert_eq!(done.verdict, Verdict::Fragmented(End::Wan(B)));
    let whole = reassembled(&sent_to(&mut rig, End::Wan(B), 18));
    assert!(is_right(&whole));
    assert_eq!((hosts(&whole).0, whole.len()), (ip("198.51.100.12"), 1499));
}

#[test]
fn what_turns_round_is_cut_to_what_the_inside_carries() {
    let mut rig = Rig::new(narrow());
    let payload = udp(5000, 53, &[7; 1200]);
    let done = rig.outbound(&may_fragment("10.250.250.2", "192.0.2.13", protocol::UDP, &payload));
    assert_eq!(done.verdict, Verdict::Fragmented(End::Inside));
    let whole = reassembled(&sent_to(&mut rig, End::Inside, 0));
    assert_eq!(hosts(&whole), (ip("192.0.2.12"), ip("10.250.250.3")));
    assert!(is_right(&whole));
    assert_eq!((rig.totals().events(Event::Fragmented), rig.totals().events(Event::Hairpinned)), (1, 1));
}

#[test]
fn c_51_an_icmp_error_that_may_be_fragmented_is_cut_too() {
    let mut rig = Rig::new(narrow());
    let quoted = packet("198.51.100.12", SERVER, protocol::UDP, &udp(4000, 53, &[1; 1200]));
    let error = may_fragment("198.18.0.1", "198.51.100.12", protocol::ICMP, &icmp(3, 3, [0, 0], &quoted));
    assert_eq!(rig.inbound(B, &error).verdict, Verdict::Fragmented(End::Inside));
    let whole = reassembled(&sent_to(&mut rig, End::Inside, 0));
    assert!(is_right(&whole));
    assert_eq!(hosts(&whole[28..]), (ip("10.250.250.2"), ip(SERVER)));
}

#[test]
fn what_waits_for_its_next_hop_is_cut_when_it_leaves() {
    let mut rig = Rig::new(policy());
    let shared = Arc::new(Shared::new(10, 0));
    rig.plane = Plane::new(Arc::new(policy()), Arc::clone(&shared), false);
    let port = port_for(B);
    let mut frame = may_fragment("10.250.250.2", SERVER, protocol::UDP, &udp(port, 53, &[9; 1471]));
    let offload = make_partial(&mut frame);
    let done = rig.process_owing(End::Inside, &[], &frame, None, offload);
    assert_eq!(done.verdict, Verdict::Held);
    shared.neighbors.set(B, Family::V4, GATEWAY[1]);
    rig.plane.tick(rig.now, &mut rig.outbox);
    assert!(is_right(&reassembled(&sent_to(&mut rig, End::Wan(B), 18))));
    assert_eq!(rig.totals().forwarded(B, Direction::Outbound).packets, 2);
    assert_eq!((rig.totals().events(Event::Fragmented), rig.totals().events(Event::Held)), (1, 1));
}

#[test]
fn a_packet_that_fits_to_the_byte_stays_whole() {
    let mut rig = Rig::new(policy());
    for (id, mtu) in [(A, 1500), (B, 1400)] {
        let payload = udp(port_for(id), 53, &vec![7; mtu - 28]);
        let done = rig.outbound(&may_fragment("10.250.250.2", SERVER, protocol::UDP, &payload));
        assert_eq!((done.verdict, done.packet.len()), (Verdict::Forward(End::Wan(id)), mtu));
    }
    assert!(rig.sent().is_empty());
}

#[test]
fn what_may_not_be_fragmented_is_not_when_the_link_shrinks_behind_its_back() {
    let mut rig = Rig::new(policy());
    let long = packet("10.250.250.2", SERVER, protocol::UDP, &udp(1, 2, &[7; 100]));
    let long6 = packet("fd00:bad:b01:1::100", SERVER6, protocol::UDP, &udp(1, 2, &[7; 100]));
    for mut packet in [long, long6] {
        let before = packet.clone();
        let headers = parse(&packet, &Offload::NONE).unwrap();
        let end = packet.len();
        let mut frame = Frame::new(&mut packet, 0, 0, end, Offload::NONE).unwrap();
        let next = NextLink { to: End::Inside, header: &[], mtu: 68, counted: None };
        let verdict = forward(&mut rig.plane.core, next, &headers, &mut frame, &mut rig.outbox);
        assert_eq!((verdict, frame.packet()), (Ok(Verdict::Forward(End::Inside)), &before[..]));
    }
    assert!(rig.sent().is_empty());
}
