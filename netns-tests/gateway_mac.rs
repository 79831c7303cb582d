//! The gateway's MAC on a segment that others are on too: nobody takes its place by saying so, whatever they say, a gateway
//! that really moves is followed, and a MAC that is configured holds against everybody.

use crate::lab::{
    Frame, Raw, Router, Segment, Sniffer, ask, does, ethernet, event, lab, mirror, settle, start_with, wait_until, wan,
};
use crate::story::packets::ip;
use flowpin::lab::topology::{INSIDE4, INSIDE6, SERVER4, SERVER6, mac};
use flowpin::lab::{Lab, Options};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const ARP: u16 = 0x0806;
const IPV6: u16 = 0x86dd;
const GATEWAY4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 198);
const GATEWAY6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0xa1);
const ROUTER6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0xa2);
const NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
const OTHER: [u8; 6] = Segment::MAC;

/// An ARP packet of the other station in the gateway's name.
fn arp(to: [u8; 6], operation: u8, target: ([u8; 6], Ipv4Addr)) -> Vec<u8> {
    let fixed = [0, 1, 8, 0, 6, 4, 0, operation];
    let sender = [&OTHER[..], &GATEWAY4.octets()].concat();
    [&ethernet(to, OTHER, ARP)[..], &fixed, &sender, &target.0, &target.1.octets()].concat()
}

/// An ICMPv6 message of the other station in the gateway's name.
fn nd(to: [u8; 6], target: Ipv6Addr, message: &[u8]) -> Vec<u8> {
    let (head, rest) = message.split_first_chunk::<8>().expect("a whole message");
    let [kind, code, _, _, word @ ..] = *head;
    let packet = ip(&GATEWAY6.to_string(), &target.to_string()).ttl(255).icmp(kind, code, word, rest);
    [ethernet(to, OTHER, IPV6), packet].concat()
}

/// Everything that names a MAC for the gateway without being asked, in both families.
fn claims() -> Vec<(&'static str, Vec<u8>)> {
    let all = [0xff; 6];
    let (nodes, routers) = ([0x33, 0x33, 0, 0, 0, 1], [0x33, 0x33, 0, 0, 0, 2]);
    let owned = Ipv4Addr::new(192, 0, 2, 193);
    let advertisement = |flags: u8| [&[136, 0, 0, 0, flags, 0, 0, 0][..], &GATEWAY6.octets(), &[2, 1], &OTHER].concat();
    let solicitation = [&[135, 0, 0, 0, 0, 0, 0, 0][..], &ROUTER6.octets(), &[1, 1], &OTHER].concat();
    let router = [&[134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1][..], &OTHER].concat();
    let asks_routers = [&[133, 0, 0, 0, 0, 0, 0, 0, 1, 1][..], &OTHER].concat();
    vec![
        ("an announcement", arp(all, 1, ([0; 6], GATEWAY4))),
        ("an announcement as a reply", arp(all, 2, (all, GATEWAY4))),
        ("a request for somebody", arp(all, 1, ([0; 6], owned))),
        ("a request of the router alone", arp(mac::RT_WAN0, 1, ([0; 6], owned))),
        ("a reply that nobody asked for", arp(mac::RT_WAN0, 2, (mac::RT_WAN0, owned))),
        ("an unsolicited NA", nd(nodes, NODES, &advertisement(0x20))),
        ("an unsolicited NA of a router", nd(nodes, NODES, &advertisement(0xa0))),
        ("an NA that says it was solicited", nd(mac::RT_WAN0, ROUTER6, &advertisement(0x60))),
        ("an NS", nd(mac::RT_WAN0, ROUTER6, &solicitation)),
        ("an RA", nd(nodes, NODES, &router)),
        ("an RS", nd(routers, ROUTERS, &asks_routers)),
    ]
}

/// The MACs of the fiber's gateways.
fn macs(router: &Router<'_>) -> Vec<Option<String>> {
    wan(router, "fiber").gateways.into_iter().map(|gateway| gateway.mac).collect()
}

fn both(mac: &str) -> Vec<Option<String>> {
    vec![Some(mac.to_owned()); 2]
}

const TRUE: &str = "00:00:5e:00:53:a1";

/// Sockets of the firewall that are not answered.
fn unanswered(lab: &Lab, servers: [SocketAddr; 2], ports: std::ops::Range<u16>) -> usize {
    let of = |port, server: SocketAddr| {
        let inside = if server.is_ipv4() { IpAddr::from(INSIDE4[0]) } else { INSIDE6.into() };
        ask(SocketAddr::new(inside, port), server).is_none()
    };
    let count = || servers.into_iter().map(|server| ports.clone().filter(|port| of(*port, server)).count()).sum();
    lab.fw.run(count).expect("the namespace can be entered")
}

/// Only the fiber carries anything: a flow that goes wrong has no other way.
fn fiber_alone(lab: &Lab) -> String {
    let config = lab.config();
    let (fiber, rest) = config.split_once("[[wan]]\nname = \"dsl\"").expect("two WANs");
    let (_, workers) = rest.split_once("[workers]").expect("the workers behind the WANs");
    format!("{fiber}\n[workers]{workers}")
}

/// A station that says it is the gateway, answers for its addresses and takes what comes.
fn impostor(lab: &Lab) -> Segment {
    let segment = Segment::start(lab);
    does(&segment.other, "ip address add 192.0.2.198/29 dev seg0");
    does(&segment.other, "ip address add fe80::a1/64 dev seg0 nodad");
    segment
}

#[test]
fn nobody_takes_the_gateways_place_by_saying_so() {
    let lab = lab(Options::default());
    let segment = impostor(&lab);
    let config = fiber_alone(&lab);
    // The gateway is known before somebody else says that he is it.
    does(&segment.other, "ip link set seg0 down");
    let router = start_with(&lab, &config);
    let servers = [mirror(&lab.inet, SERVER4), mirror(&lab.inet, SERVER6)];
    assert_eq!(unanswered(&lab, servers, 20_000..20_020), 0);
    does(&segment.other, "ip link set seg0 up");
    does(&segment.other, "ip address replace fe80::a1/64 dev seg0 nodad");
    let data = move |frame: &Frame| frame.is_to(OTHER) && [[8, 0], [0x86, 0xdd]].contains(&[frame.0[12], frame.0[13]]);
    let stolen =
        Sniffer::start(&segment.other, move |frame| data(frame) && !(frame.0[12] == 0x86 && frame.0[20] == 58));
    let mut link = Raw::open(&segment.other, "seg0");
    for (number, (what, frame)) in (0..).zip(claims()) {
        let refused = event(&router, "claim-refused");
        let tries = !what.contains("RS");
        wait_until(&format!("{what} is refused"), || {
            link.send(&frame);
            let first = 21_000 + 10 * number;
            assert_eq!(unanswered(&lab, servers, first..first + 2), 0, "after {what}");
            assert_eq!(macs(&router), both(TRUE), "after {what}");
            !tries || event(&router, "claim-refused") > refused
        });
    }
    assert_eq!(unanswered(&lab, servers, 20_000..20_020), 0, "the flows that were there before");
    settle();
    assert_eq!(stolen.stop().len(), 0, "packets that went to somebody else");
    router.end(&[]);
}

/// The gateway has its addresses no more.
fn gateway_leaves(lab: &Lab) {
    does(&lab.ispa, "ip address del 192.0.2.198/29 dev customer");
    does(&lab.ispa, "ip address del fe80::a1/64 dev customer");
}

#[test]
fn only_the_gateways_own_answer_keeps_its_line_up() {
    let lab = lab(Options::default());
    let segment = Segment::start(&lab);
    let router = start_with(&lab, &fiber_alone(&lab));
    wait_until("the gateway is known", || macs(&router) == both(TRUE));
    // The gateway falls silent, and somebody says all the time that he is it, but in no form of an answer.
    gateway_leaves(&lab);
    let mut link = Raw::open(&segment.other, "seg0");
    wait_until("the line is down", || {
        let answers = ["a reply that nobody asked for", "an NA that says it was solicited"];
        claims().iter().filter(|(what, _)| !answers.contains(what)).for_each(|(_, frame)| link.send(frame));
        wan(&router, "fiber").state == "down"
    });
    assert!(wan(&router, "fiber").gateways.iter().all(|gateway| gateway.mac.as_deref() != Some("00:00:5e:00:53:bd")));
    router.end_with_losses();
}

#[test]
fn a_gateway_that_moves_to_another_station_is_followed_whether_it_says_so_or_not() {
    for announces in [true, false] {
        let lab = lab(Options::default());
        let segment = Segment::start(&lab);
        let router = start_with(&lab, &fiber_alone(&lab));
        wait_until("the gateway is known", || macs(&router) == both(TRUE));
        gateway_leaves(&lab);
        does(&segment.other, "ip address add 192.0.2.198/29 dev seg0");
        does(&segment.other, "ip address add fe80::a1/64 dev seg0 nodad");
        if announces {
            let mut link = Raw::open(&segment.other, "seg0");
            for (what, frame) in claims() {
                if ["an announcement", "an unsolicited NA of a router"].contains(&what) {
                    link.send(&frame);
                }
            }
        }
        wait_until("it is followed", || macs(&router) == both("00:00:5e:00:53:bd"));
        router.end_with_losses();
    }
}

#[test]
fn a_mac_that_is_configured_holds_and_nobody_is_asked_for_it() {
    let lab = lab(Options::default());
    let segment = impostor(&lab);
    let config = fiber_alone(&lab)
        .replace("gateway6 =", &format!("gateway_mac4 = \"{TRUE}\"\ngateway_mac6 = \"{TRUE}\"\ngateway6 ="))
        .replace(
            "[wan.nat44]",
            "[wan.health]\nprobes = [{ icmp = \"203.0.113.10\" }, { icmp = \"2001:db8:ffff::10\" }]\n[wan.nat44]",
        );
    let asks = |frame: &Frame| {
        let is_router = frame.0.get(6..12) == Some(&mac::RT_WAN0[..]);
        let arp =
            frame.0[12..14] == ARP.to_be_bytes() && frame.0[20..22] == [0, 1] && frame.0[38..42] == GATEWAY4.octets();
        let nd = frame.0[12..14] == IPV6.to_be_bytes() && frame.0[20] == 58 && frame.0[54] == 135;
        is_router && (arp || nd)
    };
    let questions = Sniffer::start(&lab.ispa, asks);
    let router = start_with(&lab, &config);
    let servers = [mirror(&lab.inet, SERVER4), mirror(&lab.inet, SERVER6)];
    let mut link = Raw::open(&segment.other, "seg0");
    for (number, (what, frame)) in (0..).zip(claims()) {
        link.send(&frame);
        let first = 21_000 + 10 * number;
        assert_eq!(unanswered(&lab, servers, first..first + 2), 0, "after {what}");
    }
    let fiber = wan(&router, "fiber");
    assert_eq!(macs(&router), both(TRUE));
    assert!(fiber.gateways.iter().all(|gateway| gateway.state == "static"), "{:?}", fiber.gateways);
    assert_eq!(questions.stop(), []);
    assert_eq!(event(&router, "claim-refused"), 0);
    router.end(&[]);
}
