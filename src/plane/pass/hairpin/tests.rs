//! Hairpin on the two small WANs: every byte of what comes back inside, and that nothing else moves.

use super::*;
use crate::plane::packet::numbers::protocol;
use crate::plane::packet::sample::{fix_ip, fix_transport, icmp, is_right, packet, tcp, udp};
use crate::plane::sample::{A, B, Done, Rig, hosts, policy};
use crate::types::{Direction, End};
use proptest::prelude::*;

/// A packet's TTL or hop limit, its checksums right.
fn with_hops(mut packet: Vec<u8>, hops: u8) -> Vec<u8> {
    if packet[0] >> 4 == 4 {
        packet[8] = hops;
        fix_ip(&mut packet);
    } else {
        packet[7] = hops;
    }
    packet
}

/// Sends `packet` from inside, which must come back inside and leave no trace but one count.
fn round(policy: Policy, packet: &[u8]) -> Vec<u8> {
    let mut rig = Rig::new(policy);
    let done = rig.outbound(packet);
    assert_eq!(done.verdict, Verdict::Forward(End::Inside));
    assert_came_round(&rig, &done);
    assert_eq!(rig.sent().len(), 0);
    done.packet
}

fn assert_came_round(rig: &Rig, done: &Done) {
    assert!(is_right(&done.packet));
    assert!(done.link.is_empty(), "towards inside there is no link header");
    let totals = rig.totals();
    assert_eq!(totals.events(Event::Hairpinned), 1);
    assert_eq!(totals.drops(Direction::Outbound).count() + totals.drops(Direction::Inbound).count(), 0);
    for wan in [A, B] {
        for direction in [Direction::Outbound, Direction::Inbound] {
            assert_eq!(totals.forwarded(wan, direction).packets, 0, "no WAN sees it");
        }
    }
    assert_eq!(rig.plane.shared().table.len(), 0, "no flow is needed");
}

/// Sender, public address of the receiver, public address of the sender there, receiver: on each WAN and in each
/// translation, host maps included.
const ROUNDS: [[&str; 4]; 8] = [
    ["10.250.250.2", "192.0.2.13", "192.0.2.12", "10.250.250.3"],
    ["10.250.250.2", "198.51.100.13", "198.51.100.12", "10.250.250.3"],
    ["10.250.250.2", "198.51.100.12", "198.51.100.12", "10.250.250.2"],
    ["fd00:bad:b01:1::100", "2001:db8:a:c82::50", "2001:db8:a:c81::100", "fd00:bad:b01:2::50"],
    ["fd00:bad:b01:1::100", "2001:db8:a:c80::1", "2001:db8:a:c81::100", "fd00:bad:b01:fe::2"],
    ["fd00:bad:b01:fe::2", "2001:db8:a:c82::50", "2001:db8:a:c80::1", "fd00:bad:b01:2::50"],
    ["fd00:bad:b01:1::100", "2001:db8:b:be02:27ea::50", "2001:db8:b:be01:27ea::100", "fd00:bad:b01:2::50"],
    ["fd00:bad:b01:1::100", "2001:db8:b:be01:27ea::100", "2001:db8:b:be01:27ea::100", "fd00:bad:b01:1::100"],
];

/// Shows RFC 4787 REQ-9, RFC 4787 REQ-9a, RFC 5382 REQ-8, RFC 5382 REQ-8a, RFC 5508 REQ-7, RFC 7857 §12.
#[test]
fn c_07_every_protocol_comes_back_from_the_senders_public_address() {
    for [sender, public, seen, receiver] in ROUNDS {
        let v4 = !sender.contains(':');
        let (echo, asks, answers) = if v4 { (protocol::ICMP, 8, 0) } else { (protocol::ICMPV6, 128, 129) };
        let payloads = [
            (protocol::UDP, udp(4000, 53, b"query")),
            (protocol::TCP, tcp(4000, 443, 2, &[], &[])),
            (protocol::TCP, tcp(4000, 443, 4, &[], &[])),
            (echo, icmp(asks, 0, [42, 1], b"ping")),
            (echo, icmp(answers, 0, [42, 1], b"ping")),
            (47, b"anything".to_vec()),
            (50, b"anything".to_vec()),
            (protocol::SCTP, b"anything at all".to_vec()),
            (253, b"anything".to_vec()),
        ];
        for (protocol, payload) in payloads {
            let back = round(policy(), &packet(sender, public, protocol, &payload));
            let wanted = with_hops(packet(seen, receiver, protocol, &payload), 63);
            assert_eq!(back, wanted, "{sender} to {public}, protocol {protocol}");
        }
    }
}

#[test]
fn c_07_udp_without_a_checksum_comes_back_without() {
    for [sender, public, seen, receiver] in ROUNDS {
        let unsummed = |source, destination| {
            let mut packet = packet(source, destination, protocol::UDP, &udp(4000, 53, b"query"));
            let at = if source.contains(':') { 46 } else { 26 };
            packet[at..at + 2].fill(0);
            packet
        };
        let mut rig = Rig::new(policy());
        let done = rig.outbound(&unsummed(sender, public));
        assert_eq!(done.verdict, Verdict::Forward(End::Inside));
        assert_eq!(done.packet, with_hops(unsummed(seen, receiver), 63), "{sender} to {public}");
    }
}

#[test]
fn c_07_every_fragment_comes_back_in_any_order() {
    let whole = |source, destination| packet(source, destination, protocol::UDP, &udp(4000, 53, &[1; 24]));
    let cut = |source, destination| {
        let whole = whole(source, destination);
        [(whole[..44].to_vec(), 0x2000u16), ([&whole[..20], &whole[44..]].concat(), 3)].map(|(mut piece, place)| {
            let len = piece.len() as u16;
            piece[2..4].copy_from_slice(&len.to_be_bytes());
            piece[6..8].copy_from_slice(&place.to_be_bytes());
            with_hops(piece, 64)
        })
    };
    let [first, later] = cut("10.250.250.2", "198.51.100.13");
    let wanted = cut("198.51.100.12", "10.250.250.3").map(|piece| with_hops(piece, 63));
    let mut rig = Rig::new(policy());
    assert_eq!(rig.outbound(&later).packet, wanted[1], "before its first");
    assert_eq!(rig.outbound(&first).packet, wanted[0]);
    assert_eq!(rig.totals().events(Event::Hairpinned), 2);
}

/// The pieces of a datagram in IPv6: bytes 0 to 16 and the rest.
fn pieces6(source: &str, destination: &str) -> [Vec<u8>; 2] {
    let whole = packet(source, destination, protocol::UDP, &udp(4000, 53, &[1; 24]));
    [(0u8, 1u8, &whole[40..56]), (0, 16, &whole[56..])].map(|(high, low, payload)| {
        packet(source, destination, 44, &[&[17, 0, high, low, 0, 0, 0, 9], payload].concat())
    })
}

#[test]
fn c_07_every_ipv6_fragment_comes_back_in_any_order() {
    for [sender, public, seen, receiver] in ROUNDS.into_iter().filter(|round| round[0].contains(':')) {
        let [first, later] = pieces6(sender, public);
        let wanted = pieces6(seen, receiver).map(|piece| with_hops(piece, 63));
        let mut rig = Rig::new(policy());
        assert_eq!(rig.outbound(&later).packet, wanted[1], "{sender} to {public}, before its first");
        assert_eq!(rig.outbound(&first).packet, wanted[0], "{sender} to {public}");
        assert_eq!(rig.totals().events(Event::Hairpinned), 2);
    }
}

#[test]
fn c_07_what_came_back_does_not_come_round_again() {
    let mut rig = Rig::new(policy());
    let done = rig.outbound(&packet("10.250.250.2", "192.0.2.12", protocol::UDP, &udp(1, 2, b"me")));
    assert_eq!(rig.outbound(&done.packet).verdict, Verdict::Drop(DropReason::ForeignSource));
    assert_eq!(rig.totals().events(Event::Hairpinned), 1);
}

#[test]
fn c_08_what_cannot_come_round_is_told_why() {
    let cases = [
        ("10.250.250.6", "192.0.2.13", 64, 8, DropReason::NoWan, [3, 0]),
        ("10.250.250.2", "192.0.2.13", 1, 8, DropReason::TtlExpired, [11, 0]),
        ("10.250.250.2", "192.0.2.13", 2, 8, DropReason::TtlExpired, [11, 0]),
        ("10.250.250.2", "192.0.2.13", 64, 1381, DropReason::TooBig, [3, 4]),
        ("fd00:bad:b01:1::100", "2001:db8:a:c82::50", 64, 1361, DropReason::TooBig, [2, 0]),
        ("fd00:bad:b01::1", "2001:db8:a:c82::50", 64, 8, DropReason::NoWan, [1, 0]),
        ("fd00:bad:b01:1::100", "2001:db8:b:be01::", 64, 8, DropReason::Unmappable, [1, 3]),
    ];
    for (sender, public, hops, len, reason, told) in cases {
        let mut policy = policy();
        policy.inside.mtu = 1400;
        policy.fixed_mut().hops = 1;
        let mut rig = Rig::new(policy);
        let sent = with_hops(packet(sender, public, 47, &vec![0; len]), hops);
        assert_eq!(rig.outbound(&sent).verdict, Verdict::Drop(reason), "{sender} to {public}");
        rig.assert_dropped(Direction::Outbound, reason);
        assert_eq!(rig.totals().events(Event::Hairpinned), 0);
        let answers = rig.sent();
        let (end, _, answer) = &answers[0];
        let at = if sender.contains(':') { 40 } else { 20 };
        assert_eq!((answers.len(), *end, [answer[at], answer[at + 1]]), (1, End::Inside, told));
        let quoted = &answer[at + 8..];
        assert_eq!(quoted, &sent[..quoted.len()], "as it was sent");
    }
}

#[test]
fn c_57_a_syn_that_comes_round_is_clamped_to_the_inside() {
    let mut policy = policy();
    policy.inside.mtu = 1300;
    let syn = tcp(4000, 443, 2, &[2, 4, 5, 180], &[]);
    let back = round(policy, &packet("10.250.250.2", "198.51.100.13", protocol::TCP, &syn));
    assert_eq!(back[40..44], [2, 4, 4, 236], "1260");
}

/// Shows RFC 5508 REQ-7, RFC 6296 §2 errors.
#[test]
fn c_09_an_error_about_what_came_round_goes_round_with_all_four_addresses() {
    for [sender, public, _, receiver] in ROUNDS {
        let v4 = !sender.contains(':');
        let (kind, code, protocol) = if v4 { (3, 3, protocol::ICMP) } else { (1, 4, protocol::ICMPV6) };
        let sent = packet(sender, public, protocol::UDP, &udp(4000, 53, b"query"));
        let came = round(policy(), &sent);
        let unreachable =
            |from: &str, to: &str, quoted: &[u8]| packet(from, to, protocol, &icmp(kind, code, [0, 0], quoted));
        let error = unreachable(receiver, &hosts(&came).0.to_string(), &came);
        let back = round(policy(), &error);
        let wanted = unreachable(public, sender, &with_hops(sent, 63));
        assert_eq!(back, with_hops(wanted, 63), "{receiver} about {sender} to {public}");
    }
}

#[test]
fn c_09_a_router_without_a_mapping_speaks_as_the_host_that_it_cannot_reach() {
    let sent = packet("10.250.250.2", "192.0.2.13", protocol::UDP, &udp(4000, 53, b"query"));
    let came = round(policy(), &sent);
    let error = packet("10.250.250.6", "192.0.2.12", protocol::ICMP, &icmp(3, 1, [0, 0], &came[..28]));
    let wanted = packet("192.0.2.13", "10.250.250.2", protocol::ICMP, &icmp(3, 1, [0, 0], &with_hops(sent, 63)[..28]));
    assert_eq!(round(policy(), &error), with_hops(wanted, 63));
}

#[test]
fn c_09_an_error_about_a_later_fragment_finds_its_way_too() {
    let later = |source, destination, hops| {
        let mut piece = packet(source, destination, protocol::UDP, &[7; 60]);
        piece[6..8].copy_from_slice(&6u16.to_be_bytes());
        with_hops(piece, hops)
    };
    let [sender, public, seen, receiver] = ROUNDS[1];
    let exceeded = |from, to, quoted: &[u8]| packet(from, to, protocol::ICMP, &icmp(11, 1, [0, 0], quoted));
    let back = round(policy(), &exceeded(receiver, seen, &later(seen, receiver, 63)));
    assert_eq!(back, with_hops(exceeded(public, sender, &later(sender, public, 63)), 63));
}

#[test]
fn c_09_an_error_that_contradicts_itself_does_not_come_round() {
    let quoted = packet("192.0.2.12", "10.250.250.3", protocol::UDP, &udp(4000, 53, b"query"));
    let foreign = packet("192.0.2.13", "203.0.113.99", protocol::UDP, &udp(4000, 53, b"query"));
    for (to, quoted) in [("192.0.2.13", quoted), ("192.0.2.13", foreign)] {
        let mut rig = Rig::new(policy());
        let error = packet("10.250.250.3", to, protocol::ICMP, &icmp(3, 3, [0, 0], &quoted));
        assert_eq!(rig.outbound(&error).verdict, Verdict::Drop(DropReason::StrayIcmpError));
        rig.assert_dropped(Direction::Outbound, DropReason::StrayIcmpError);
    }
}

proptest! {
    /// There and back is identity: what the answer's receiver sees is what it would see of the public address itself.
    #[test]
    fn c_07_the_answer_comes_from_the_address_that_was_asked(round_trip in 0..ROUNDS.len(), body in proptest::collection::vec(any::<u8>(), 0..64)) {
        let [sender, public, seen, receiver] = ROUNDS[round_trip];
        let question = round(policy(), &packet(sender, public, protocol::UDP, &udp(4000, 53, &body)));
        prop_assert_eq!(hosts(&question), (seen.parse().unwrap(), receiver.parse().unwrap()));
        let mut answer = packet(receiver, seen, protocol::UDP, &udp(53, 4000, &body));
        fix_transport(&mut answer);
        let back = round(policy(), &answer);
        prop_assert_eq!(back, with_hops(packet(public, sender, protocol::UDP, &udp(53, 4000, &body)), 63));
    }
}
