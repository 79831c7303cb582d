//! What may not pass, under which name, and who is told.

use super::*;
use crate::plane::translate::host6::HostMap6;

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
    point_to_point.wans[0].link.addresses = ["192.0.2.200/31".parse().unwrap()].into();
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

/// Addresses of the LAN link, the TUN and other links lie outside the inside prefixes.
#[test]
fn nobody_outside_sends_from_an_address_of_the_router() {
    let own = ["10.9.9.1", "fd00:9::1", "fd00:bad:b01:fe::1"];
    for (source, to) in [(own[0], "192.0.2.12"), (own[1], "2001:db8:a:c81::100"), (own[2], "2001:db8:a:c81::100")] {
        let mut policy = policy();
        let mut rig = Rig::new(policy.clone());
        let datagram = packet(source, to, protocol::UDP, &udp(1, 2, b""));
        if source != own[2] {
            assert_eq!(rig.inbound(A, &datagram).verdict, Verdict::Forward(End::Inside), "{source} is a stranger's");
        }
        policy.inside.own = own.map(|address| address.parse().unwrap()).into();
        let mut rig = Rig::new(policy);
        let done = rig.inbound(A, &datagram);
        assert_eq!(done.verdict, Verdict::Drop(DropReason::SpoofedSource), "{source}");
        rig.assert_dropped(Direction::Inbound, DropReason::SpoofedSource);
    }
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
    before_the_kernel.fixed_mut().hops = 1;
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
    let mut scarce = policy();
    scarce.fixed_mut().icmp_errors = 1;
    let mut rig = Rig::new(scarce);
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
    assert_eq!((rig.sent().len(), rig.totals().events(Event::IcmpRateLimited)), (6, 1));
}

/// Shows RFC 1812 §5.3.1, RFC 4443 §3.3.
#[test]
fn c_35_a_hop_count_of_zero_dies_in_silence() {
    let probe = |source: &str, destination: &str| {
        let mut probe = packet(source, destination, protocol::UDP, &udp(1, 2, b""));
        if source.contains(':') {
            probe[7] = 0;
        } else {
            probe[8] = 0;
            fix_ip(&mut probe);
        }
        probe
    };
    let mut rig = Rig::new(policy());
    for (source, destination) in [("10.250.250.2", SERVER), ("fd00:bad:b01:1::100", SERVER6)] {
        assert_eq!(rig.outbound(&probe(source, destination)).verdict, Verdict::Drop(DropReason::TtlExpired));
    }
    for (source, destination) in [(SERVER, "192.0.2.12"), (SERVER6, "2001:db8:a:c81::100")] {
        assert_eq!(rig.inbound(A, &probe(source, destination)).verdict, Verdict::Drop(DropReason::TtlExpired));
    }
    assert_eq!((rig.sent().len(), rig.plane.shared().table.len()), (0, 0));
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

/// What WAN a turns into an address of this machine: one of each kind of packet, by each kind of map.
fn to_this_machine() -> [Vec<u8>; 9] {
    let error4 = icmp(3, 3, [0, 0], &packet("192.0.2.12", SERVER, protocol::UDP, &udp(1, 2, &[]))[..28]);
    let to = |public: &str, protocol, payload: &[u8]| {
        packet(if public.contains(':') { SERVER6 } else { SERVER }, public, protocol, payload)
    };
    let mut later = to("192.0.2.12", protocol::UDP, &[0; 16]);
    later[7] = 2;
    fix_ip(&mut later);
    [
        to("192.0.2.12", protocol::TCP, &tcp(5000, 22, 2, &[], &[])),
        to("192.0.2.12", protocol::UDP, &udp(53, 22, b"")),
        to("192.0.2.12", protocol::ICMP, &icmp(8, 0, [0, 1], &[])),
        to("192.0.2.12", protocol::ICMP, &error4),
        to("192.0.2.12", 47, &[0; 8]),
        later,
        to("2001:db8:a:c81::1", protocol::TCP, &tcp(5000, 22, 2, &[], &[])),
        to("2001:db8:a:c81::1", protocol::ICMPV6, &icmp(128, 0, [0, 1], &[])),
        to("2001:db8:a:c80::9", protocol::UDP, &udp(53, 22, b"")),
    ]
}

#[test]
fn what_a_map_turns_into_an_address_of_this_machine_reaches_nobody_from_outside_or_inside() {
    let mut policy = policy();
    let host = ("2001:db8:a:c80::9".parse().unwrap(), "fd00:bad:b01:1::9".parse().unwrap());
    policy.wans[0].host6 = HostMap6::new(&[host]);
    let machine = ["10.250.250.2", "fd00:bad:b01:1::1", "fd00:bad:b01:1::9"];
    policy.inside.machine = machine.map(|text| text.parse().unwrap()).into();
    let mut rig = Rig::new(policy);
    for (number, packet) in to_this_machine().iter().enumerate() {
        let verdict = rig.inbound(A, packet).verdict;
        assert_eq!(verdict, Verdict::Drop(DropReason::RouterAddress), "case {number}");
    }
    let datagram = udp(53, 22, b"");
    let round = [("10.250.250.3", "192.0.2.12"), ("fd00:bad:b01:2::5", "2001:db8:a:c81::1")];
    for (source, public) in round {
        let verdict = rig.outbound(&packet(source, public, protocol::UDP, &datagram)).verdict;
        assert_eq!(verdict, Verdict::Drop(DropReason::RouterAddress), "from inside to {public}");
    }
    assert_eq!((rig.sent().len(), rig.plane.shared().table.len()), (0, 0), "nobody is told, nothing is remembered");
    let drops = |direction| rig.totals().dropped(direction, DropReason::RouterAddress);
    assert_eq!((drops(Direction::Inbound), drops(Direction::Outbound)), (9, 2));
    let neighbour = packet(SERVER, "192.0.2.13", protocol::UDP, &datagram);
    assert_eq!(rig.inbound(A, &neighbour).verdict, Verdict::Forward(End::Inside), "its neighbour is reached");
}

#[test]
fn nobody_is_told_anything_out_of_a_wan_that_cannot_send() {
    let told = |standing| {
        let mut policy = policy();
        policy.wans[B.index()].standing = [standing; 2];
        let mut rig = Rig::new(policy);
        let probe = packet(SERVER6, "2001:db8:b:be01::", protocol::UDP, &udp(1000, 2000, b"x"));
        let refused = Verdict::Drop(DropReason::UnmappableIdentifier);
        assert_eq!(rig.inbound(B, &probe).verdict, refused);
        rig.sent().len()
    };
    assert_eq!([Standing::SoftDown, Standing::HardDown].map(told), [1, 0]);
}
