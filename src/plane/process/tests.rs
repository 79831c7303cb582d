//! The whole way of a packet, on two small WANs: what leaves where, with which addresses, and what every counter says.

use super::*;
use crate::plane::Shared;
use crate::plane::packet::sample::{fix_ip, fix_transport, icmp, ip, is_right, packet, tcp, udp};
use crate::plane::sample::{A, B, GATEWAY, OWN, Rig, SERVER, SERVER6, hosts, policy, port_for};
use crate::plane::translate::nat44::Nat44Map;
use crate::types::Offload;
use proptest::prelude::*;
use std::sync::Arc;

#[test]
fn an_outbound_packet_leaves_with_its_wans_address_link_header_and_one_hop_less() {
    let mut rig = Rig::new(policy());
    let port = port_for(B);
    let done = rig.outbound(&packet("10.250.250.2", SERVER, protocol::UDP, &udp(port, 53, b"query")));
    assert_eq!(done.verdict, Verdict::Forward(End::Wan(B)));
    assert_eq!(done.link, [&GATEWAY[1].0[..], &OWN[1].0, &[0x81, 0, 1, 44, 8, 0]].concat(), "tag 300 is pushed");
    let expected = {
        let mut expected = packet("198.51.100.12", SERVER, protocol::UDP, &udp(port, 53, b"query"));
        expected[8] = 63;
        fix_ip(&mut expected);
        expected
    };
    assert_eq!(done.packet, expected);
    let forwarded = rig.totals().forwarded(B, Direction::Outbound);
    assert_eq!((forwarded.packets, forwarded.bytes), (1, 33));
    assert_eq!(rig.plane.shared().table.len(), 1);
}

#[test]
fn a_reply_leaves_by_the_wan_its_request_came_in_on() {
    for (id, public) in [(A, "192.0.2.12"), (B, "198.51.100.12")] {
        let mut rig = Rig::new(policy());
        let request = rig.inbound(id, &packet(SERVER, public, protocol::TCP, &tcp(5000, 443, 2, &[], &[])));
        assert_eq!(request.verdict, Verdict::Forward(End::Inside));
        assert_eq!(hosts(&request.packet), (ip(SERVER), ip("10.250.250.2")));
        let reply = rig.outbound(&packet("10.250.250.2", SERVER, protocol::TCP, &tcp(443, 5000, 18, &[], &[])));
        assert_eq!(reply.verdict, Verdict::Forward(End::Wan(id)));
        assert_eq!(hosts(&reply.packet), (ip(public), ip(SERVER)));
        assert!(is_right(&reply.packet));
    }
}

#[test]
fn one_outside_port_that_speaks_to_both_public_addresses_is_answered_from_each() {
    let mut rig = Rig::new(policy());
    let reply = packet("10.250.250.2", SERVER, protocol::UDP, &udp(7, 5000, b"pong"));
    for (id, public) in [(A, "192.0.2.12"), (B, "198.51.100.12"), (A, "192.0.2.12")] {
        rig.inbound(id, &packet(SERVER, public, protocol::UDP, &udp(5000, 7, b"ping")));
        let done = rig.outbound(&reply);
        assert_eq!((done.verdict, hosts(&done.packet).0), (Verdict::Forward(End::Wan(id)), ip(public)));
    }
    assert_eq!(rig.plane.shared().table.len(), 1);
}

#[test]
fn a_flow_from_inside_and_a_standing_connection_stay_when_a_packet_arrives_elsewhere() {
    let mut rig = Rig::new(policy());
    let port = port_for(A);
    let query = packet("10.250.250.2", SERVER, protocol::UDP, &udp(port, 53, b"query"));
    assert_eq!(rig.outbound(&query).verdict, Verdict::Forward(End::Wan(A)));
    rig.inbound(B, &packet(SERVER, "198.51.100.12", protocol::UDP, &udp(53, port, b"forged")));
    assert_eq!(rig.outbound(&query).verdict, Verdict::Forward(End::Wan(A)));

    let inbound = |flags| packet(SERVER, "192.0.2.12", protocol::TCP, &tcp(5000, 443, flags, &[], &[]));
    let outbound = |flags| packet("10.250.250.2", SERVER, protocol::TCP, &tcp(443, 5000, flags, &[], &[]));
    rig.inbound(A, &inbound(2));
    rig.outbound(&outbound(18));
    rig.inbound(A, &inbound(16));
    let elsewhere = packet(SERVER, "198.51.100.12", protocol::TCP, &tcp(5000, 443, 2, &[], &[]));
    rig.inbound(B, &elsewhere);
    assert_eq!(rig.outbound(&outbound(16)).verdict, Verdict::Forward(End::Wan(A)), "the connection stands");
    rig.inbound(A, &inbound(17));
    rig.outbound(&outbound(17));
    rig.inbound(B, &elsewhere);
    assert_eq!(rig.outbound(&outbound(18)).verdict, Verdict::Forward(End::Wan(B)), "a new connection after its end");
}

#[test]
fn both_prefix_translations_work_both_ways() {
    for (id, public) in [(A, "2001:db8:a:c81::100"), (B, "2001:db8:b:be01:27ea::100")] {
        let mut rig = Rig::new(policy());
        let request = rig.inbound(id, &packet(SERVER6, public, protocol::TCP, &tcp(5000, 443, 2, &[], &[])));
        assert_eq!(hosts(&request.packet), (ip(SERVER6), ip("fd00:bad:b01:1::100")));
        let reply = rig.outbound(&packet("fd00:bad:b01:1::100", SERVER6, protocol::TCP, &tcp(443, 5000, 18, &[], &[])));
        assert_eq!(reply.verdict, Verdict::Forward(End::Wan(id)));
        assert_eq!(hosts(&reply.packet), (ip(public), ip(SERVER6)));
        assert!(is_right(&reply.packet) && is_right(&request.packet));
    }
}

#[test]
fn an_external_host_reaches_its_inside_host_outside_the_prefix_and_replies_carry_its_address() {
    let mut rig = Rig::new(policy());
    let request = rig.inbound(A, &packet(SERVER6, "2001:db8:a:c80::1", protocol::UDP, &udp(9, 51820, b"hi")));
    assert_eq!(hosts(&request.packet), (ip(SERVER6), ip("fd00:bad:b01:fe::2")));
    let reply = rig.outbound(&packet("fd00:bad:b01:fe::2", SERVER6, protocol::UDP, &udp(51820, 9, b"ho")));
    assert_eq!(reply.verdict, Verdict::Forward(End::Wan(A)));
    assert_eq!(hosts(&reply.packet), (ip("2001:db8:a:c80::1"), ip(SERVER6)));
}

#[test]
fn sources_and_destinations_that_may_not_pass_outbound_are_named() {
    let cases = [
        ("192.168.7.7", SERVER, DropReason::ForeignSource),
        ("10.250.250.2", "127.0.0.1", DropReason::MartianDestination),
        ("10.250.250.2", "224.0.0.5", DropReason::MartianDestination),
        ("10.250.250.2", "10.250.250.3", DropReason::InsideToInside),
        ("fd00:bad:b01::1", "fe80::1", DropReason::MartianDestination),
    ];
    for (source, destination, reason) in cases {
        let mut rig = Rig::new(policy());
        let done = rig.outbound(&packet(source, destination, protocol::UDP, &udp(1, 2, b"")));
        assert_eq!(done.verdict, Verdict::Drop(reason), "{source} to {destination}");
        rig.assert_dropped(Direction::Outbound, reason);
        assert_eq!((rig.sent().len(), rig.plane.shared().table.len()), (0, 0));
    }
}

/// Shows RFC 1812 §5.3.5.2.
#[test]
fn c_87_a_directed_broadcast_of_a_wan_link_passes_in_neither_role() {
    let datagram = |source, destination| packet(source, destination, protocol::UDP, &udp(7, 7, b"all"));
    for broadcast in ["192.0.2.255", "198.51.100.255"] {
        let mut rig = Rig::new(policy());
        let done = rig.outbound(&datagram("10.250.250.2", broadcast));
        assert_eq!(done.verdict, Verdict::Drop(DropReason::MartianDestination));
        rig.assert_dropped(Direction::Outbound, DropReason::MartianDestination);
        let done = rig.inbound(A, &datagram(broadcast, "192.0.2.12"));
        assert_eq!(done.verdict, Verdict::Drop(DropReason::MartianSource));
        rig.assert_dropped(Direction::Inbound, DropReason::MartianSource);
        assert_eq!(rig.sent().len(), 0);
    }
    let mut point_to_point = policy();
    point_to_point.wans[0].link.addresses4 = vec!["192.0.2.200/31".parse().unwrap()];
    let mut rig = Rig::new(point_to_point);
    let peer = rig.outbound(&datagram("10.250.250.2", "192.0.2.201"));
    assert!(matches!(peer.verdict, Verdict::Forward(End::Wan(_))), "RFC 3021: a host like any other");
}

#[test]
fn sources_that_may_not_pass_inbound_are_named() {
    let cases = [
        ("10.250.250.2", DropReason::SpoofedSource),
        ("192.0.2.13", DropReason::SpoofedSource),
        ("198.51.100.13", DropReason::SpoofedSource),
        ("192.0.2.200", DropReason::SpoofedSource),
        ("198.51.100.200", DropReason::SpoofedSource),
        ("127.0.0.1", DropReason::MartianSource),
        ("224.0.0.1", DropReason::MartianSource),
    ];
    for (source, reason) in cases {
        let mut rig = Rig::new(policy());
        let done = rig.inbound(A, &packet(source, "192.0.2.12", protocol::UDP, &udp(1, 2, b"")));
        assert_eq!(done.verdict, Verdict::Drop(reason), "{source}");
        rig.assert_dropped(Direction::Inbound, reason);
    }
}

#[test]
fn what_is_not_owned_is_the_kernels() {
    let mut rig = Rig::new(policy());
    for destination in ["192.0.2.200", "192.0.2.14", "203.0.113.99"] {
        let done = rig.inbound(A, &packet(SERVER, destination, protocol::UDP, &udp(67, 68, b"")));
        assert_eq!(done.verdict, Verdict::Kernel, "{destination}");
    }
    let done = rig.inbound(A, &packet(SERVER, "198.51.100.12", protocol::UDP, &udp(1, 2, b"")));
    assert_eq!(done.verdict, Verdict::Kernel, "owned by the other WAN");
    assert_eq!(rig.totals().events(Event::Kernel), 4);
}

#[test]
fn a_frame_with_the_wrong_tag_or_for_another_station_is_dropped() {
    let request = packet(SERVER, "198.51.100.12", protocol::UDP, &udp(1, 2, b""));
    let link = |to: &[u8; 6]| [&to[..], &GATEWAY[1].0, &[8, 0]].concat();
    let other = [2, 0, 0, 0, 0, 0x99];
    let cases = [
        (link(&OWN[1].0), None, DropReason::WrongVlan),
        (link(&OWN[1].0), Some(301), DropReason::WrongVlan),
        (link(&other), Some(300), DropReason::WrongMac),
        (link(&[0xff; 6]), Some(300), DropReason::WrongMac),
        (vec![1, 2, 3], Some(300), DropReason::Truncated),
    ];
    for (link, tag, reason) in cases {
        let mut rig = Rig::new(policy());
        assert_eq!(rig.process(End::Wan(B), &link, &request, tag).verdict, Verdict::Drop(reason));
    }
    // The priority bits of a tag do not matter.
    let mut rig = Rig::new(policy());
    let done = rig.process(End::Wan(B), &link(&OWN[1].0), &request, Some(0xe000 | 300));
    assert_eq!(done.verdict, Verdict::Forward(End::Inside));
}

#[test]
fn the_last_hop_outbound_is_answered_by_the_router_quoting_the_packet_as_sent() {
    let mut rig = Rig::new(policy());
    let mut probe = packet("10.250.250.2", SERVER, protocol::UDP, &udp(33434, 33434, b"trace"));
    probe[8] = 1;
    fix_ip(&mut probe);
    assert_eq!(rig.outbound(&probe).verdict, Verdict::Drop(DropReason::TtlExpired));
    let sent = rig.sent();
    assert_eq!(sent.len(), 1);
    let (end, link, answer) = &sent[0];
    assert_eq!((*end, link.len()), (End::Inside, 0));
    assert_eq!(hosts(answer), (ip("10.250.250.1"), ip("10.250.250.2")));
    assert_eq!((answer[20], answer[21]), (11, 0));
    assert_eq!(&answer[28..], &probe[..]);
    assert!(is_right(answer));
    assert_eq!(rig.plane.shared().table.len(), 0, "a probe makes no flow");
}

#[test]
fn the_last_hop_inbound_is_answered_out_of_the_wan_quoting_the_public_address() {
    let mut rig = Rig::new(policy());
    let mut probe = packet(SERVER, "198.51.100.12", protocol::UDP, &udp(33434, 33434, b"trace"));
    probe[8] = 1;
    fix_ip(&mut probe);
    assert_eq!(rig.inbound(B, &probe).verdict, Verdict::Drop(DropReason::TtlExpired));
    let sent = rig.sent();
    let (end, link, answer) = &sent[0];
    assert_eq!(*end, End::Wan(B));
    assert_eq!(*link, [&GATEWAY[1].0[..], &OWN[1].0, &[0x81, 0, 1, 44, 8, 0]].concat());
    assert_eq!(hosts(answer), (ip("198.51.100.200"), ip(SERVER)));
    assert_eq!(&answer[28..], &probe[..]);
}

#[test]
fn what_would_die_at_the_hop_behind_the_router_is_answered_by_the_router() {
    let mut before_the_kernel = policy();
    before_the_kernel.inside.hops = 1;
    let mut rig = Rig::new(before_the_kernel);
    let probe = |ttl| {
        let mut probe = packet(SERVER, "198.51.100.12", protocol::UDP, &udp(33434, 33434, b"trace"));
        probe[8] = ttl;
        fix_ip(&mut probe);
        probe
    };
    for ttl in [1, 2] {
        assert_eq!(rig.inbound(B, &probe(ttl)).verdict, Verdict::Drop(DropReason::TtlExpired));
        let sent = rig.sent();
        assert_eq!(sent.len(), 1);
        let (end, _, answer) = &sent[0];
        assert_eq!((*end, answer[20], answer[21]), (End::Wan(B), 11, 0));
        assert_eq!(&answer[28..], &probe(ttl)[..], "with the address that was asked");
    }
    let done = rig.inbound(B, &probe(3));
    assert_eq!((done.verdict, done.packet[8]), (Verdict::Forward(End::Inside), 2));
    let outbound = |ttl| {
        let mut query = packet("10.250.250.2", SERVER, protocol::UDP, &udp(1, 2, b""));
        query[8] = ttl;
        fix_ip(&mut query);
        query
    };
    assert!(matches!(rig.outbound(&outbound(2)).verdict, Verdict::Forward(End::Wan(_))), "the kernel comes before");
}

#[test]
fn what_the_kernel_says_of_its_groups_on_the_tun_is_no_drop() {
    let mut rig = Rig::new(policy());
    let mut report = packet("::", "ff02::16", protocol::ICMPV6, &icmp(143, 0, [0, 0], &[0; 24]));
    report[7] = 1;
    assert_eq!(rig.outbound(&report).verdict, Verdict::Kernel);
    for (source, group) in [("0.0.0.0", "224.0.0.22"), ("fe80::1", "ff02::fb")] {
        assert_eq!(rig.outbound(&packet(source, group, protocol::UDP, &udp(5353, 5353, b""))).verdict, Verdict::Kernel);
    }
    assert_eq!(rig.sent().len(), 0);
    let afar = rig.outbound(&packet("fe80::1", "ff05::fb", protocol::UDP, &udp(1, 2, b"")));
    assert_eq!(afar.verdict, Verdict::Drop(DropReason::ForeignSource));
}

#[test]
fn a_forged_source_is_told_nothing_when_its_hops_are_used_up() {
    let mut rig = Rig::new(policy());
    let last_hop = |source: &str, destination: &str| {
        let mut probe = packet(source, destination, protocol::UDP, &udp(33434, 33434, b"trace"));
        probe[8] = 1;
        fix_ip(&mut probe);
        probe
    };
    let foreign = rig.outbound(&last_hop("192.168.7.7", SERVER));
    assert_eq!(foreign.verdict, Verdict::Drop(DropReason::ForeignSource));
    let spoofed = rig.inbound(A, &last_hop("10.250.250.3", "192.0.2.12"));
    assert_eq!(spoofed.verdict, Verdict::Drop(DropReason::SpoofedSource));
    assert_eq!(rig.sent().len(), 0);
}

#[test]
fn what_may_not_be_answered_takes_nothing_from_the_limit() {
    let mut rig = Rig::new(Policy { icmp_errors: 1, ..policy() });
    let mut last_hop = packet("10.250.250.2", SERVER, protocol::UDP, &udp(1, 2, b"first"));
    last_hop[8] = 1;
    fix_ip(&mut last_hop);
    let mut later = last_hop.clone();
    later[7] = 9;
    fix_ip(&mut later);
    for _ in 0..100 {
        assert_eq!(rig.outbound(&later).verdict, Verdict::Drop(DropReason::TtlExpired));
    }
    for _ in 0..7 {
        rig.outbound(&last_hop);
    }
    assert_eq!((rig.sent().len(), rig.totals().events(Event::Untold)), (6, 1));
}

#[test]
fn a_hop_count_of_zero_dies_in_silence() {
    let mut rig = Rig::new(policy());
    let mut probe = packet("10.250.250.2", SERVER, protocol::UDP, &udp(1, 2, b""));
    probe[8] = 0;
    fix_ip(&mut probe);
    assert_eq!(rig.outbound(&probe).verdict, Verdict::Drop(DropReason::TtlExpired));
    assert_eq!(rig.sent().len(), 0);
}

#[test]
fn what_does_not_fit_its_wan_is_told_that_wans_mtu() {
    let mut rig = Rig::new(policy());
    let port = port_for(B);
    let fits = packet("10.250.250.2", SERVER, protocol::UDP, &udp(port, 53, &[7; 1400 - 28]));
    assert_eq!(rig.outbound(&fits).verdict, Verdict::Forward(End::Wan(B)));
    let long = packet("10.250.250.2", SERVER, protocol::UDP, &udp(port, 53, &[7; 1401 - 28]));
    assert_eq!(rig.outbound(&long).verdict, Verdict::Drop(DropReason::TooBig));
    let (_, _, answer) = &rig.sent()[0];
    assert_eq!((&answer[20..22], &answer[24..28]), (&[3u8, 4][..], &[0u8, 0, 5, 120][..]), "1400 in the low word");
}

#[test]
fn a_source_that_no_wan_translates_is_told_that_there_is_no_route() {
    let mut rig = Rig::new(policy());
    let done = rig.outbound(&packet("10.250.250.6", SERVER, protocol::UDP, &udp(1, 2, b"")));
    assert_eq!(done.verdict, Verdict::Drop(DropReason::NoWan));
    let (_, _, answer) = &rig.sent()[0];
    assert_eq!((answer[20], answer[21]), (3, 0));
}

#[test]
fn a_host_whose_prefix_form_is_another_hosts_edge_takes_the_other_wan() {
    let query = |port| packet("fd00:bad:b01::1", SERVER6, protocol::UDP, &udp(port, 53, b""));
    let mut rig = Rig::new(policy());
    for port in 1000..1040 {
        let done = rig.outbound(&query(port));
        assert_eq!(done.verdict, Verdict::Forward(End::Wan(B)));
        assert_ne!(hosts(&done.packet).0, ip("2001:db8:a:c80::1"));
    }
    let mut alone = policy();
    alone.wans.truncate(1);
    let mut rig = Rig::new(alone);
    assert_eq!(rig.outbound(&query(1000)).verdict, Verdict::Drop(DropReason::NoWan));
    assert_eq!(rig.sent()[0].2[40], 1, "unreachable");
}

#[test]
fn a_full_table_refuses_new_flows_and_keeps_the_old() {
    let mut rig = Rig::with_room(policy(), 1);
    let old = packet("10.250.250.2", SERVER, protocol::UDP, &udp(1, 2, b""));
    assert!(matches!(rig.outbound(&old).verdict, Verdict::Forward(_)));
    let new = rig.outbound(&packet("10.250.250.2", SERVER, protocol::UDP, &udp(3, 2, b"")));
    assert_eq!(new.verdict, Verdict::Drop(DropReason::TableFull));
    let (_, _, answer) = &rig.sent()[0];
    assert_eq!((answer[20], answer[21]), (3, 13));
    assert!(matches!(rig.outbound(&old).verdict, Verdict::Forward(_)));
    assert_eq!(rig.plane.shared().table.refused(), 1);
    rig.assert_dropped(Direction::Outbound, DropReason::TableFull);
}

#[test]
fn an_icmp_error_from_outside_reaches_the_host_that_owns_the_flow() {
    let mut rig = Rig::new(policy());
    let mut quoted = packet("192.0.2.12", SERVER, protocol::UDP, &udp(4000, 53, b"query"));
    quoted.truncate(28);
    let error = packet("198.18.0.1", "192.0.2.12", protocol::ICMP, &icmp(3, 4, [0, 1400], &quoted));
    let done = rig.inbound(A, &error);
    assert_eq!(done.verdict, Verdict::Forward(End::Inside));
    assert_eq!(hosts(&done.packet), (ip("198.18.0.1"), ip("10.250.250.2")));
    assert!(is_right(&done.packet));
    let original = packet("10.250.250.2", SERVER, protocol::UDP, &udp(4000, 53, b"query"));
    assert_eq!(&done.packet[28..], &original[..28]);
    assert_eq!(rig.plane.shared().table.len(), 0, "an error makes no flow");
}

#[test]
fn an_icmp_error_from_outside_that_contradicts_itself_is_stray() {
    let mut rig = Rig::new(policy());
    let quoted = packet("192.0.2.13", SERVER, protocol::UDP, &udp(4000, 53, b"query"));
    let error = packet("198.18.0.1", "192.0.2.12", protocol::ICMP, &icmp(3, 3, [0, 0], &quoted));
    assert_eq!(rig.inbound(A, &error).verdict, Verdict::Drop(DropReason::StrayIcmpError));
    rig.assert_dropped(Direction::Inbound, DropReason::StrayIcmpError);
}

#[test]
fn an_icmp_error_from_inside_follows_the_pin_of_the_flow_it_quotes() {
    for (id, public) in [(A, "192.0.2.12"), (B, "198.51.100.12")] {
        let mut rig = Rig::new(policy());
        let request = rig.inbound(id, &packet(SERVER, public, protocol::UDP, &udp(5000, 9, b"hello")));
        let error = packet("10.250.250.2", SERVER, protocol::ICMP, &icmp(3, 3, [0, 0], &request.packet));
        let done = rig.outbound(&error);
        assert_eq!(done.verdict, Verdict::Forward(End::Wan(id)));
        assert_eq!(hosts(&done.packet), (ip(public), ip(SERVER)));
        assert_eq!(hosts(&done.packet[28..]), (ip(SERVER), ip(public)));
        assert!(is_right(&done.packet) && is_right(&done.packet[28..]));
    }
}

#[test]
fn an_icmp_error_from_inside_about_nothing_known_is_stray() {
    let mut rig = Rig::new(policy());
    let quoted = packet(SERVER, "10.250.250.2", protocol::UDP, &udp(5000, 9, b"hello"));
    let error = packet("10.250.250.2", SERVER, protocol::ICMP, &icmp(3, 3, [0, 0], &quoted));
    assert_eq!(rig.outbound(&error).verdict, Verdict::Drop(DropReason::StrayIcmpError));
}

#[test]
fn a_packet_waits_for_its_next_hop_and_leaves_when_the_mac_is_known() {
    let mut rig = Rig::new(policy());
    rig.plane = Plane::new(Arc::new(policy()), Arc::new(Shared::new(10, 0)), true);
    let port = port_for(A);
    let query = packet("10.250.250.2", SERVER, protocol::UDP, &udp(port, 53, b"query"));
    assert_eq!(rig.outbound(&query).verdict, Verdict::Held);
    rig.plane.tick(rig.now, &mut rig.outbox);
    rig.sent();
    let reply =
        [&[0u8, 1, 8, 0, 6, 4, 0, 2][..], &GATEWAY[0].0, &[192, 0, 2, 1], &OWN[0].0, &[192, 0, 2, 200], &[0; 18]]
            .concat();
    let link = [&OWN[0].0[..], &GATEWAY[0].0, &[8, 6]].concat();
    rig.process(End::Wan(A), &link, &reply, None);
    let sent = rig.sent();
    assert_eq!(sent.len(), 1);
    assert_eq!((sent[0].0, hosts(&sent[0].2)), (End::Wan(A), (ip("192.0.2.12"), ip(SERVER))));
    assert_eq!(sent[0].1, [&GATEWAY[0].0[..], &OWN[0].0, &[8, 0]].concat());
}

#[test]
fn a_next_hop_that_stays_silent_is_reported_to_the_sender() {
    let mut rig = Rig::new(policy());
    rig.plane = Plane::new(Arc::new(policy()), Arc::new(Shared::new(10, 0)), false);
    let query = packet("10.250.250.2", SERVER, protocol::UDP, &udp(4000, 53, b"query"));
    assert_eq!(rig.outbound(&query).verdict, Verdict::Held);
    rig.plane.tick(rig.now.plus_millis(2999), &mut rig.outbox);
    assert_eq!(rig.sent().len(), 0);
    rig.plane.tick(rig.now.plus_millis(3000), &mut rig.outbox);
    let (end, _, answer) = &rig.sent()[0];
    assert_eq!((*end, answer[20], answer[21]), (End::Inside, 3, 1));
    assert_eq!(&answer[28..], &query[..]);
    rig.assert_dropped(Direction::Outbound, DropReason::NoNeighbor);
}

#[test]
fn a_pin_survives_a_new_snapshot_that_still_translates_it() {
    let mut rig = Rig::new(policy());
    let query = packet("10.250.250.2", SERVER, protocol::UDP, &udp(port_for(A), 53, b"query"));
    assert_eq!(rig.outbound(&query).verdict, Verdict::Forward(End::Wan(A)));
    let mut heavier = policy();
    heavier.epoch = 2;
    heavier.wans[1].weight = 1_000_000;
    rig.plane.adopt(Arc::new(heavier));
    assert_eq!(rig.outbound(&query).verdict, Verdict::Forward(End::Wan(A)));
    let mut without = policy();
    without.epoch = 3;
    without.wans[0].nat44 = Nat44Map::default();
    rig.plane.adopt(Arc::new(without));
    assert_eq!(rig.outbound(&query).verdict, Verdict::Forward(End::Wan(B)));
}

#[test]
fn a_refused_packet_from_outside_keeps_no_flow_alive() {
    let ends = |rig: &Rig| {
        let mut ends = Vec::new();
        rig.plane.shared().table.for_each(|_, flow| ends.push((flow.expires, flow.inbound.packets)));
        ends
    };
    let mut rig = Rig::new(policy());
    let port = port_for(A);
    rig.outbound(&packet("10.250.250.2", SERVER, protocol::UDP, &udp(port, 53, b"query")));
    rig.now = rig.now.plus_millis(100_000);
    let mut last = packet(SERVER, "192.0.2.12", protocol::UDP, &udp(53, port, b"late"));
    last[8] = 1;
    fix_ip(&mut last);
    let long = packet(SERVER, "192.0.2.12", protocol::UDP, &udp(53, port, &[0; 1473]));
    assert_eq!(rig.inbound(A, &last).verdict, Verdict::Drop(DropReason::TtlExpired));
    assert_eq!(rig.inbound(A, &long).verdict, Verdict::Drop(DropReason::TooBig));
    let mut forbids = policy();
    forbids.epoch = 2;
    forbids.martians.push("203.0.113.0/24".parse().unwrap());
    rig.plane.adopt(Arc::new(forbids));
    let answer = packet(SERVER, "192.0.2.12", protocol::UDP, &udp(53, port, b"answer"));
    assert_eq!(rig.inbound(A, &answer).verdict, Verdict::Drop(DropReason::MartianSource));
    assert_eq!(ends(&rig), [(1300, 0)], "as the query left it");
    let allows = Policy { epoch: 3, ..policy() };
    rig.plane.adopt(Arc::new(allows));
    assert_eq!(rig.inbound(A, &answer).verdict, Verdict::Forward(End::Inside));
    assert_eq!(ends(&rig), [(1400, 1)]);
    let query = packet("10.250.250.2", SERVER, protocol::UDP, &udp(port, 53, b"query"));
    assert_eq!(rig.outbound(&query).verdict, Verdict::Forward(End::Wan(A)));
    rig.plane.shared().table.for_each(|_, flow| assert_eq!((flow.epoch, flow.outbound.packets), (3, 2)));
}

#[test]
fn syns_are_clamped_both_ways_to_the_smaller_mtu() {
    let mss = [2, 4, 5, 180];
    let mut rig = Rig::new(policy());
    let syn = rig.inbound(B, &packet(SERVER, "198.51.100.12", protocol::TCP, &tcp(5000, 443, 2, &mss, &[])));
    assert_eq!(&syn.packet[40..44], &[2, 4, 5, 80], "1360");
    let reply = rig.outbound(&packet("10.250.250.2", SERVER, protocol::TCP, &tcp(443, 5000, 18, &mss, &[])));
    assert_eq!(&reply.packet[40..44], &[2, 4, 5, 80]);
    assert!(is_right(&syn.packet) && is_right(&reply.packet));
    assert_eq!(rig.totals().events(Event::Clamped), 2);
}

#[test]
fn padding_behind_the_packet_is_cut() {
    let mut rig = Rig::new(policy());
    let mut padded = packet(SERVER, "192.0.2.12", protocol::UDP, &udp(1, 2, b"x"));
    padded.resize(46, 0);
    let done = rig.inbound(A, &padded);
    assert_eq!((done.verdict, done.packet.len()), (Verdict::Forward(End::Inside), 29));
}

/// Any protocol, from an inside host of either family.
fn any_packet() -> impl Strategy<Value = Vec<u8>> {
    let hosts = prop_oneof![
        Just(("10.250.250.2", SERVER)),
        Just(("10.250.250.3", SERVER)),
        Just(("fd00:bad:b01:1::100", SERVER6)),
        Just(("fd00:bad:b01:f:1:2:3:4", SERVER6)),
    ];
    let payload = proptest::collection::vec(any::<u8>(), 0..64);
    (hosts, any::<u16>(), any::<u16>(), payload, 0..5u8).prop_map(|((from, to), source, destination, payload, kind)| {
        let echo = if from.contains(':') { 128 } else { 8 };
        let query = if from.contains(':') { protocol::ICMPV6 } else { protocol::ICMP };
        match kind {
            0 => packet(from, to, protocol::UDP, &udp(source, destination, &payload)),
            1 => packet(from, to, protocol::TCP, &tcp(source, destination, 16, &[], &payload)),
            2 => packet(from, to, query, &icmp(echo, 0, [source, 1], &payload)),
            3 => packet(from, to, 47, &payload),
            _ => packet(from, to, 132, &[&[0; 12][..], &payload].concat()),
        }
    })
}

/// The answer that the remote would send: addresses and ports swapped, an echo turned into its reply.
fn answer(packet: &[u8]) -> Vec<u8> {
    let mut answer = packet.to_vec();
    let (at, len) = if packet[0] >> 4 == 4 { (12, 4) } else { (8, 16) };
    answer.copy_within(at + len..at + 2 * len, at);
    answer[at + len..at + 2 * len].copy_from_slice(&packet[at..at + len]);
    let headers = parse(packet, &Offload::NONE).unwrap();
    let l4 = usize::from(headers.l4);
    match headers.transport {
        Transport::Tcp { .. } | Transport::Udp { .. } => answer[l4..l4 + 4].rotate_left(2),
        Transport::Query { .. } => answer[l4] = if headers.is_v4() { 0 } else { 129 },
        _ => {}
    }
    fix_transport(&mut answer);
    answer
}

proptest! {
    #[test]
    fn out_and_back_in_is_identity_and_every_checksum_stays_right(sent in any_packet()) {
        let mut rig = Rig::new(policy());
        let out = rig.outbound(&sent);
        let Verdict::Forward(End::Wan(id)) = out.verdict else { panic!("{:?}", out.verdict) };
        prop_assert!(is_right(&out.packet));
        prop_assert!(rig.plane.policy().wan(id).unwrap().owns(hosts(&out.packet).0));
        let back = rig.inbound(id, &answer(&out.packet));
        prop_assert_eq!(back.verdict, Verdict::Forward(End::Inside));
        prop_assert!(is_right(&back.packet));
        let mut expected = answer(&sent);
        let at = if expected[0] >> 4 == 4 { 8 } else { 7 };
        expected[at] -= 2;
        fix_ip(&mut expected);
        prop_assert_eq!(back.packet, expected);
        prop_assert_eq!(rig.plane.shared().table.len(), 1);
    }

    /// Neither source quench nor anything that is no error. Shows RFC 1812 §4.3.3.3, RFC 5508 REQ-10c, RFC 4443 §2.3.
    #[test]
    fn c_36_of_all_messages_the_router_sends_these_errors_alone_each_summed_right(
        sent in any_packet(), hops in 0..3u8, tail in 0..2usize, room in 0..2usize, id in 0..2u8,
    ) {
        let mut rig = Rig::with_room(policy(), room);
        let mut refused = answer(&rig.outbound(&sent).packet);
        for packet in [&mut refused, &mut sent.clone()] {
            packet.resize(packet.len() + tail * 1500, 7);
            let (v4, len) = (packet[0] >> 4 == 4, packet.len() as u16);
            let (at, length) = if v4 { (2, len) } else { (4, len - 40) };
            packet[at..at + 2].copy_from_slice(&length.to_be_bytes());
            packet[if v4 { 8 } else { 7 }] = hops;
            fix_ip(packet);
            rig.outbound(packet);
            rig.inbound(WanId(id), packet);
        }
        for (_, _, error) in rig.sent() {
            let v4 = error[0] >> 4 == 4;
            let kind = error[if v4 { 20 } else { 40 }];
            prop_assert!(if v4 { matches!(kind, 3 | 11) } else { matches!(kind, 1..=3) }, "type {}", kind);
            prop_assert!(is_right(&error));
        }
    }

    #[test]
    fn no_bytes_can_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), from_wan in any::<bool>()) {
        let mut rig = Rig::new(policy());
        if from_wan {
            let cut = bytes.len().min(14);
            rig.process(End::Wan(A), &bytes[..cut], &bytes[cut..], None);
            if !bytes.is_empty() {
                rig.inbound(A, &bytes);
            }
        } else {
            rig.outbound(&bytes);
        }
        rig.plane.tick(rig.now, &mut rig.outbox);
    }

    #[test]
    fn a_damaged_packet_never_makes_it_panic(good in any_packet(), at in 0usize..100, value in any::<u8>(), cut in 0usize..100) {
        let mut rig = Rig::new(policy());
        let mut bad = good;
        let at = at % bad.len();
        bad[at] = value;
        fix_ip_if_possible(&mut bad);
        bad.truncate(bad.len().saturating_sub(cut).max(1));
        rig.outbound(&bad);
        rig.inbound(B, &bad);
    }
}

fn fix_ip_if_possible(packet: &mut [u8]) {
    let header = usize::from(packet[0] & 15) * 4;
    if packet[0] >> 4 == 4 && (20..=packet.len()).contains(&header) {
        fix_ip(packet);
    }
}
