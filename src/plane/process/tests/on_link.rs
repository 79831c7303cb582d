//! Hosts of a WAN's own networks, which are sent to without a gateway.

use super::*;
use crate::types::{Mac, Remedies, Remedy};

/// Stations of the fiber's network: a server in the WAN's own block, and a modem.
const SERVER_MAC: Mac = Mac([2, 0, 0, 0, 0xcc, 1]);
const NEIGHBOR: &str = "192.0.2.77";
const NEIGHBOR6: &str = "2001:db8:a::77";
const MODEM: &str = "192.168.100.1";

/// The fiber is connected to its block, to the modem's network and to an IPv6 network.
fn connected() -> Policy {
    let mut policy = policy();
    policy.wans[0].link.direct =
        ["2001:db8:a::/64", "192.0.2.0/24", "192.168.100.0/24"].map(|net| net.parse().unwrap()).into();
    policy
}

fn rig() -> Rig {
    Rig::new(connected())
}

fn query(to: &str, port: u16) -> Vec<u8> {
    let from = if to.contains(':') { "fd00:bad:b01::9" } else { "10.250.250.2" };
    packet(from, to, protocol::UDP, &udp(port, 53, b"query"))
}

/// Whom the plane asks for by broadcast or multicast, on which WAN.
fn asked(rig: &mut Rig) -> Vec<(End, std::net::IpAddr)> {
    let target = |packet: &[u8]| match packet {
        [0, 1, ..] => Some(std::net::Ipv4Addr::from(<[u8; 4]>::try_from(&packet[24..28]).unwrap()).into()),
        [0x60, ..] if packet[40] == 135 => {
            Some(std::net::Ipv6Addr::from(<[u8; 16]>::try_from(&packet[48..64]).unwrap()).into())
        }
        _ => None,
    };
    rig.sent().into_iter().filter_map(|(end, _, packet)| Some((end, target(&packet)?))).collect()
}

/// The neighbour answers.
fn answers(rig: &mut Rig, from: &str) {
    if let Ok(from) = from.parse::<std::net::Ipv4Addr>() {
        let reply =
            [&[0u8, 1, 8, 0, 6, 4, 0, 2][..], &SERVER_MAC.0, &from.octets(), &OWN[0].0, &[192, 0, 2, 200], &[0; 18]]
                .concat();
        let link = [&OWN[0].0[..], &SERVER_MAC.0, &[8, 6]].concat();
        rig.process(End::Wan(A), &link, &reply, None);
    } else {
        let target: std::net::Ipv6Addr = from.parse().unwrap();
        let body = [&[136, 0, 0, 0, 0x60, 0, 0, 0], &target.octets()[..], &[2, 1], &SERVER_MAC.0].concat();
        let mut packet = packet(from, "fe80::2", protocol::ICMPV6, &body);
        packet[7] = 255;
        rig.inbound(A, &packet);
    }
}

#[test]
fn a_host_of_a_wans_network_is_reached_over_that_wan_and_by_its_own_mac() {
    for neighbor in [NEIGHBOR, NEIGHBOR6, MODEM] {
        // However the hash would choose.
        for port in 4000..4010 {
            let mut rig = rig();
            assert_eq!(rig.outbound(&query(neighbor, port)).verdict, Verdict::Held, "{neighbor}");
            assert_eq!(asked(&mut rig), [(End::Wan(A), ip(neighbor))]);
            answers(&mut rig, neighbor);
            let [(end, link, sent)] = &rig.sent()[..] else { panic!("one packet") };
            assert_eq!((*end, &link[..6], hosts(sent).1), (End::Wan(A), &SERVER_MAC.0[..], ip(neighbor)));
            let next = rig.outbound(&query(neighbor, port));
            assert_eq!((next.verdict, &next.link[..6]), (Verdict::Forward(End::Wan(A)), &SERVER_MAC.0[..]));
            assert!(asked(&mut rig).is_empty(), "the gateway is not needed");
        }
    }
}

#[test]
fn a_caller_on_the_link_gets_his_replies_himself_and_one_behind_the_gateway_by_way_of_that() {
    for (caller, public, inside) in
        [(NEIGHBOR, "192.0.2.12", "10.250.250.2"), (NEIGHBOR6, "2001:db8:a:c80::9", "fd00:bad:b01::9")]
    {
        let mut rig = rig();
        let call = packet(caller, public, protocol::UDP, &udp(5000, 7, b"ping"));
        assert_eq!(rig.inbound(A, &call).verdict, Verdict::Forward(End::Inside));
        assert_eq!(rig.inbound(A, &call).verdict, Verdict::Forward(End::Inside), "a known flow");
        let reply = packet(inside, caller, protocol::UDP, &udp(7, 5000, b"pong"));
        assert_eq!(rig.outbound(&reply).verdict, Verdict::Held);
        answers(&mut rig, caller);
        assert_eq!(rig.sent().last().unwrap().1[..6], SERVER_MAC.0);
        assert_eq!(rig.inbound(A, &call).verdict, Verdict::Forward(End::Inside));
        assert_eq!(rig.outbound(&reply).link[..6], SERVER_MAC.0);
    }
    let mut rig = rig();
    rig.inbound(A, &packet(SERVER, "192.0.2.12", protocol::UDP, &udp(5000, 7, b"ping")));
    let reply = rig.outbound(&packet("10.250.250.2", SERVER, protocol::UDP, &udp(7, 5000, b"pong")));
    assert_eq!(reply.link[..6], GATEWAY[0].0);
}

#[test]
fn an_address_that_nobody_has_is_told_to_the_sender_as_unreachable_and_refused_at_once_for_a_while() {
    let mut rig = rig();
    assert_eq!(rig.outbound(&query(NEIGHBOR, 4000)).verdict, Verdict::Held);
    let (start, mut told) = (rig.now, Vec::new());
    while told.is_empty() {
        rig.now = rig.now.plus_millis(20);
        assert!(rig.now < start.plus_millis(3_200), "nobody is told");
        rig.plane.tick(rig.now, &mut rig.outbox);
        told = rig.sent().into_iter().filter(|(end, ..)| *end == End::Inside).collect();
    }
    let [(_, _, error)] = &told[..] else { panic!("one error") };
    assert_eq!((error[20], error[21], hosts(error).1), (3, 1, ip("10.250.250.2")));
    assert_eq!(&error[28..], query(NEIGHBOR, 4000));
    let again = rig.outbound(&query(NEIGHBOR, 4000));
    assert_eq!(again.verdict, Verdict::Drop(DropReason::NoNeighbor));
    assert_eq!(rig.sent().len(), 1, "and told");
    rig.now = rig.now.plus_millis(1_500);
    rig.plane.tick(rig.now, &mut rig.outbox);
    assert_eq!(rig.outbound(&query(NEIGHBOR, 4000)).verdict, Verdict::Held, "it may have come");
}

#[test]
fn who_tries_every_address_of_the_network_fills_nobody_elses_queue() {
    let mut rig = rig();
    let held = (1..=254)
        .filter(|last| rig.outbound(&query(&format!("192.168.100.{last}"), 4000)).verdict == Verdict::Held)
        .count();
    assert_eq!(held, 16);
    let other = packet("10.250.250.3", NEIGHBOR, protocol::UDP, &udp(4000, 53, b"query"));
    assert_eq!(rig.outbound(&other).verdict, Verdict::Held);
    answers(&mut rig, NEIGHBOR);
    assert_eq!(rig.sent().last().unwrap().1[..6], SERVER_MAC.0);
    let far = packet("10.250.250.2", SERVER, protocol::UDP, &udp(port_for(A), 53, b"query"));
    assert_eq!(rig.outbound(&far).link[..6], GATEWAY[0].0, "the gateway has a queue of its own");
}

#[test]
fn a_neighbour_is_reached_while_its_line_is_dead_behind_the_link_and_a_flow_to_it_stays() {
    for (standing, has_gateway) in
        [(Standing::SoftDown, true), (Standing::SoftDown, false), (Standing::HardDown, false)]
    {
        let mut rig = rig();
        rig.outbound(&query(MODEM, 4000));
        answers(&mut rig, MODEM);
        rig.sent();
        let mut policy = connected();
        policy.epoch = 2;
        policy.wans[0].standing = [standing; 2];
        policy.wans[0].fixed_mut().on_down.soft = Remedies::all(Remedy::Move);
        if !has_gateway {
            policy.wans[0].link.set_next_hop(Family::V4, None);
        }
        rig.plane.adopt(Arc::new(policy));
        rig.plane.tick(rig.now, &mut rig.outbox);
        rig.sent();
        for port in [4000, 4001] {
            let sent = rig.outbound(&query(MODEM, port));
            assert_eq!((sent.verdict, &sent.link[..6]), (Verdict::Forward(End::Wan(A)), &SERVER_MAC.0[..]));
        }
        let answer = packet(MODEM, "192.0.2.12", protocol::UDP, &udp(53, 4000, b"answer"));
        assert_eq!(rig.inbound(A, &answer).verdict, Verdict::Forward(End::Inside));
        let far = rig.outbound(&packet("10.250.250.2", SERVER, protocol::UDP, &udp(4000, 53, b"query")));
        assert_eq!(far.verdict, Verdict::Forward(End::Wan(B)), "the Internet is elsewhere");
    }
}

#[test]
fn a_line_that_is_down_by_hand_or_without_carrier_reaches_no_neighbour_and_a_private_one_is_nowhere_else() {
    let by_hand = |_: &mut Policy| {};
    let without_carrier = |policy: &mut Policy| {
        policy.wans[0].link.came_up = None;
        policy.wans[0].link.set_next_hop(Family::V4, None);
    };
    for cut in [by_hand, without_carrier] {
        let mut policy = connected();
        policy.wans[0].standing = [Standing::HardDown; 2];
        cut(&mut policy);
        let mut rig = Rig::new(policy);
        assert_eq!(rig.outbound(&query(MODEM, 4000)).verdict, Verdict::Drop(DropReason::AllWansDown));
        assert_eq!(rig.sent().iter().filter(|(end, ..)| *end == End::Inside).count(), 1, "and told");
        let public = rig.outbound(&query(NEIGHBOR, 4000));
        assert_eq!((public.verdict, &public.link[..6]), (Verdict::Forward(End::Wan(B)), &GATEWAY[1].0[..]));
    }
}

#[test]
fn who_is_not_translated_where_the_neighbour_is_does_not_ask_for_a_private_one_elsewhere() {
    let mut policy = connected();
    policy.wans[0].nat44 = Nat44Map::new(&[("10.250.250.3".parse().unwrap(), "192.0.2.13".parse().unwrap())]);
    let mut rig = Rig::new(policy);
    assert_eq!(rig.outbound(&query(MODEM, 4000)).verdict, Verdict::Drop(DropReason::NoWan));
    rig.sent();
    assert_eq!(rig.outbound(&query(NEIGHBOR, 4000)).verdict, Verdict::Forward(End::Wan(B)), "by the Internet");
}

#[test]
fn what_was_bound_before_the_network_was_there_goes_directly_from_then_on_and_back() {
    let mut rig = Rig::new(policy());
    let port = (4000..).find(|port| rig.outbound(&query(NEIGHBOR, *port)).verdict == Verdict::Forward(End::Wan(A)));
    let query = query(NEIGHBOR, port.unwrap());
    assert_eq!(rig.outbound(&query).link[..6], GATEWAY[0].0);
    rig.plane.adopt(Arc::new(Policy { epoch: 2, ..connected() }));
    assert_eq!(rig.outbound(&query).verdict, Verdict::Held);
    answers(&mut rig, NEIGHBOR);
    assert_eq!(rig.outbound(&query).link[..6], SERVER_MAC.0);
    rig.plane.adopt(Arc::new(Policy { epoch: 3, ..policy() }));
    assert_eq!(rig.outbound(&query).link[..6], GATEWAY[0].0);
    assert_eq!(rig.totals().events(Event::Moved), 0, "it is the same flow");
}

#[test]
fn fragments_and_errors_to_a_neighbour_go_to_it_too() {
    let mut rig = rig();
    rig.outbound(&query(NEIGHBOR, 4000));
    answers(&mut rig, NEIGHBOR);
    rig.sent();
    let mut first = packet("10.250.250.2", NEIGHBOR, protocol::UDP, &udp(4000, 53, &[0; 24]));
    let mut later = packet("10.250.250.2", NEIGHBOR, protocol::UDP, &[7; 24]);
    for (fragment, place) in [(&mut first, 0x2000u16), (&mut later, 4)] {
        fragment[4..6].copy_from_slice(&[1, 2]);
        fragment[6..8].copy_from_slice(&place.to_be_bytes());
        fix_ip(fragment);
    }
    assert_eq!(rig.outbound(&later).verdict, Verdict::Held, "it overtook its first");
    assert_eq!(rig.outbound(&first).link[..6], SERVER_MAC.0);
    assert!(rig.sent().iter().all(|(_, link, _)| link[..6] == SERVER_MAC.0));
    assert_eq!(rig.outbound(&later).link[..6], SERVER_MAC.0);
    let answer = packet(NEIGHBOR, "192.0.2.12", protocol::UDP, &udp(53, 4000, b"answer"));
    let received = rig.inbound(A, &answer).packet;
    let error = packet("10.250.250.2", NEIGHBOR, protocol::ICMP, &icmp(3, 3, [0; 2], &received));
    let sent = rig.outbound(&error);
    assert_eq!((sent.verdict, &sent.link[..6]), (Verdict::Forward(End::Wan(A)), &SERVER_MAC.0[..]));
}

#[test]
fn where_everybody_is_on_the_link_the_choice_of_a_wan_is_as_anywhere_and_nobody_needs_a_gateway() {
    let mut policy = policy();
    policy.wans[0].link.direct = ["0.0.0.0/0".parse().unwrap()].into();
    policy.wans[0].link.set_next_hop(Family::V4, Some([0; 4].into()));
    let mut rig = Rig::new(policy);
    let (mut held, mut forwarded) = (0, 0);
    for port in 4000..4010 {
        match rig.outbound(&packet("10.250.250.2", SERVER, protocol::UDP, &udp(port, 53, b"query"))).verdict {
            Verdict::Held => held += 1,
            Verdict::Forward(End::Wan(B)) => forwarded += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(held > 0 && forwarded > 0);
    assert_eq!(asked(&mut rig), [(End::Wan(A), ip(SERVER))]);
}
