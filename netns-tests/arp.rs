//! On the links to the ISPs exactly the owned addresses are answered for, each question once; they are announced at the
//! start, a routed block needs no ARP, and a gateway that changes its MAC is followed.

use crate::lab::{Capture, Frame, Raw, Sniffer, ask, ethernet, flowpin, lab, mirror, run, settle, start, wait_until};
use flowpin::lab::topology::{DSL4, FIBER4, INSIDE4, INSIDE6, SERVER4, SERVER6, mac};
use flowpin::lab::{Lab, Namespace, Options};
use pnet::packet::ip::IpNextHeaderProtocols;
use pnet::packet::util::ipv6_checksum;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

const ARP: u16 = 0x0806;
const IPV6: u16 = 0x86dd;
/// ISP a's gateway on the router's link.
const GATEWAY6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0xa1);

/// RFC 826: who has `target`? `sender` 0.0.0.0 makes it a probe (RFC 5227 §2.1.1).
fn request(to: [u8; 6], sender: Ipv4Addr, target: Ipv4Addr) -> Vec<u8> {
    let fixed = [0, 1, 8, 0, 6, 4, 0, 1];
    [&ethernet(to, mac::ISPA, ARP)[..], &fixed, &mac::ISPA, &sender.octets(), &[0; 6], &target.octets()].concat()
}

/// An ARP reply: who says it, and to whom.
fn reply(frame: &Frame) -> Option<(Ipv4Addr, Ipv4Addr)> {
    let at = |from: usize| -> [u8; 4] { frame.0[from..from + 4].try_into().unwrap() };
    let is_reply = frame.0.len() >= 42 && frame.0[12..14] == ARP.to_be_bytes() && frame.0[20..22] == [0, 2];
    is_reply.then(|| (at(28).into(), at(38).into()))
}

fn from(mac: [u8; 6]) -> impl Fn(&Frame) -> bool {
    move |frame| frame.0.get(6..12) == Some(&mac[..])
}

#[test]
fn c_67_arp_is_answered_once_for_each_owned_address_and_for_no_other() {
    let lab = lab(Options::default());
    let router = start(&lab);
    let sniffer = Sniffer::start(&lab.ispa, |frame| from(mac::RT_WAN0)(frame) && reply(frame).is_some());
    let mut link = Raw::open(&lab.ispa, "customer");
    let block = (0..=255).map(|last| Ipv4Addr::new(192, 0, 2, last));
    let elsewhere = DSL4.into_iter().chain(INSIDE4).chain([SERVER4, Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST]);
    let targets: Vec<Ipv4Addr> = block.chain(elsewhere).chain([Ipv4Addr::new(10, 250, 250, 1)]).collect();
    // Asked of everybody and of the router alone; a probe comes from nobody.
    let askers = [
        ([0xff; 6], Ipv4Addr::new(192, 0, 2, 192)),
        (mac::RT_WAN0, Ipv4Addr::new(192, 0, 2, 199)),
        ([0xff; 6], Ipv4Addr::UNSPECIFIED),
    ];
    for (to, sender) in askers {
        targets.iter().for_each(|target| link.send(&request(to, sender, *target)));
    }
    run(&lab.ispa, "arping", &["-c", "1", "-w", "10", "-I", "customer", "-s", "192.0.2.198", "192.0.2.193"]);
    settle();
    let replies = sniffer.stop();

    for frame in &replies {
        assert!(frame.is_to(mac::ISPA) && frame.0[22..28] == mac::RT_WAN0, "{frame:?}");
    }
    let mut counted: BTreeMap<(Ipv4Addr, Ipv4Addr), u32> = BTreeMap::new();
    let to_others = replies.iter().filter_map(reply).filter(|(_, to)| *to != Ipv4Addr::new(192, 0, 2, 198));
    to_others.for_each(|pair| *counted.entry(pair).or_default() += 1);
    let due: BTreeMap<_, _> = askers.iter().flat_map(|(_, sender)| FIBER4.map(|owned| ((owned, *sender), 1))).collect();
    assert_eq!(counted, due);
    router.end(&[]);
}

#[test]
fn c_66_arp_is_answered_once_also_where_the_kernel_has_the_address() {
    let lab = lab(Options::default());
    run(&lab.rt, "ip", &["address", "add", "192.0.2.193/29", "dev", "wan0"]);
    let router = start(&lab);
    for target in ["192.0.2.193", "192.0.2.194"] {
        let arguments = ["-c", "3", "-w", "10", "-I", "customer", "-s", "192.0.2.198", target];
        let text = run(&lab.ispa, "arping", &arguments);
        assert!(text.contains("Received 3 response(s)"), "{text}");
    }
    router.end(&[]);
}

/// RFC 4861 §4.3, from the gateway to the target's solicited-node address.
fn solicitation(target: Ipv6Addr) -> Vec<u8> {
    let [.., a, b, c] = target.octets();
    let group = Ipv6Addr::from([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, a, b, c]);
    let mut message = [&[135, 0, 0, 0, 0, 0, 0, 0][..], &target.octets(), &[1, 1], &mac::ISPA].concat();
    let sum = ipv6_checksum(&message, 1, &[], &GATEWAY6, &group, IpNextHeaderProtocols::Icmpv6);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    let header = [0x60, 0, 0, 0, 0, 32, 58, 255];
    let link = ethernet([0x33, 0x33, 0xff, a, b, c], mac::ISPA, IPV6);
    [&link[..], &header, &GATEWAY6.octets(), &group.octets(), &message].concat()
}

/// The target of a neighbour advertisement that is as RFC 4861 §4.4 wants it: solicited, with the sender's MAC.
fn advertised(frame: &Frame) -> Option<Ipv6Addr> {
    let bytes = &frame.0;
    if bytes.len() < 86 || bytes[12..14] != IPV6.to_be_bytes() || bytes[20..22] != [58, 255] || bytes[54] != 136 {
        return None;
    }
    let target: [u8; 16] = bytes[62..78].try_into().unwrap();
    assert_eq!((bytes[58] & 0x60, &bytes[78..80], &bytes[80..86]), (0x60, &[2u8, 1][..], &mac::RT_WAN0[..]));
    Some(target.into())
}

#[test]
fn c_67_neighbour_solicitations_are_answered_once_for_each_owned_address_and_for_no_other() {
    let lab = lab(Options::default());
    let router = start(&lab);
    let addresses = |list: &[&str]| list.iter().map(|text| text.parse().unwrap()).collect::<Vec<Ipv6Addr>>();
    // The last one is the kernel's own.
    let due = addresses(&[
        "2001:db8:a:c80::1",
        "2001:db8:a:c80::2",
        "2001:db8:a:c81::100",
        "2001:db8:a:c8f:ffff:ffff:ffff:ffff",
        "fe80::a2",
    ]);
    let others = addresses(&[
        "2001:db8:a:c90::1",
        "2001:db8:a:c7f:ffff:ffff:ffff:ffff",
        "2001:db8:b:be01::100",
        "fd00:bad:b01:1::100",
        "fd00:bad:b01:f::1",
        "fe80::a3",
        "fe80::1",
    ]);
    let is_answer = |frame: &Frame| from(mac::RT_WAN0)(frame) && frame.is_to(mac::ISPA) && advertised(frame).is_some();
    let sniffer = Sniffer::start(&lab.ispa, is_answer);
    let mut link = Raw::open(&lab.ispa, "customer");
    others.iter().chain(&due).for_each(|target| link.send(&solicitation(*target)));
    settle();
    let mut answered: Vec<Ipv6Addr> = sniffer.stop().iter().filter_map(advertised).collect();
    answered.sort();
    assert_eq!(answered, due);
    router.end(&[]);
}

#[test]
fn c_67_owned_addresses_are_announced_at_the_start_on_both_links() {
    let lab = lab(Options::default());
    // RFC 5227 §2.3 and RFC 4861 §7.2.6.
    let announced = "(arp[6:2] = 1 and arp[14:4] = arp[24:4]) or (icmp6 and ip6[40] = 136 and dst host ff02::1)";
    let fiber = Capture::start(&lab.ispa, "customer", 6, announced);
    let dsl = Capture::start(&lab.ispb, "customer", 5, announced);
    let router = start(&lab);
    let (fiber, dsl) = (fiber.finish(), dsl.finish());
    let says = |lines: &[String], text: &str| lines.iter().filter(|line| line.contains(text)).count();
    for (lines, block) in [(&fiber, FIBER4), (&dsl, DSL4)] {
        for address in block {
            assert_eq!(says(lines, &format!("who-has {address} tell {address},")), 1, "{address} in {lines:#?}");
        }
    }
    assert_eq!(says(&fiber, "tgt is 2001:db8:a:c80::1,"), 1, "{fiber:#?}");
    router.end(&[]);
}

#[test]
fn c_67_a_routed_block_is_reached_without_arp_for_it() {
    let lab = lab(Options::default());
    let router = start(&lab);
    let is_arp = |frame: &Frame| from(mac::ISPB)(frame) && frame.0[12..14] == ARP.to_be_bytes();
    let sniffer = Sniffer::start(&lab.ispb, is_arp);
    run(&lab.ispb, "ip", &["neigh", "flush", "dev", "customer"]);
    for address in DSL4 {
        run(&lab.inet, "ping", &["-n", "-c", "1", "-W", "5", &address.to_string()]);
    }
    let requests = sniffer.stop().into_iter().filter(|frame| reply(frame).is_none());
    let asked: Vec<_> = requests.map(|frame| Ipv4Addr::from_octets(frame.0[38..42].try_into().unwrap())).collect();
    assert!(!asked.is_empty() && asked.iter().all(|target| *target == Ipv4Addr::new(198, 18, 2, 2)), "{asked:?}");
    assert!(!run(&lab.ispb, "ip", &["neigh", "show", "dev", "customer"]).contains("198.51.100."));
    router.end(&[]);
}

/// Sockets of the firewall that are not answered, of some on each WAN in each family.
fn unanswered(lab: &Lab, servers: [SocketAddr; 2], ports: std::ops::Range<u16>) -> usize {
    let sockets = [IpAddr::from(INSIDE4[0]), INSIDE6.into()].into_iter().zip(servers);
    let sockets =
        sockets.flat_map(|(inside, server)| ports.clone().map(move |port| (SocketAddr::new(inside, port), server)));
    let count = || sockets.filter(|(socket, server)| ask(*socket, *server).is_none()).count();
    lab.fw.run(count).expect("the namespace can be entered")
}

fn set_mac(namespace: &Namespace, to: &str) {
    run(namespace, "ip", &["link", "set", "customer", "address", to]);
}

#[test]
fn c_67_a_gateway_that_changes_its_mac_is_followed() {
    let lab = lab(Options::default());
    let router = start(&lab);
    let servers = [mirror(&lab.inet, SERVER4), mirror(&lab.inet, SERVER6)];
    assert_eq!(unanswered(&lab, servers, 20_000..20_020), 0);
    // ISP a says so to all; ISP b says nothing, and is heard when the next packet from outside makes it ask.
    for switch in ["net.ipv4.conf.customer.arp_notify=1", "net.ipv6.conf.customer.ndisc_notify=1"] {
        run(&lab.ispa, "sysctl", &["-qw", switch]);
    }
    set_mac(&lab.ispa, "00:00:5e:00:53:e1");
    set_mac(&lab.ispb, "00:00:5e:00:53:e2");
    for public in ["198.51.100.241", "2001:db8:b:be01:27ea::100"] {
        // The old one is asked first, whether it is there still.
        run(&lab.inet, "ping", &["-n", "-c", "20", "-i", "0.2", "-W", "5", public]);
    }
    wait_until("both gateways are followed", || {
        let wans = router.status().wans;
        let has = |wan: usize, mac: &str| wans[wan].gateways.iter().all(|gateway| gateway.mac.as_deref() == Some(mac));
        has(0, "00:00:5e:00:53:e1") && has(1, "00:00:5e:00:53:e2")
    });
    assert_eq!(unanswered(&lab, servers, 20_000..20_020), 0, "the same sockets");
    assert_eq!(unanswered(&lab, servers, 21_000..21_020), 0, "others");
    router.end(&[]);
}

/// While a link was down its switches may have forgotten the router (RFC 5227 §2.3).
#[test]
fn c_67_owned_addresses_are_announced_again_when_their_link_comes_back() {
    let lab = lab(Options::default());
    run(&lab.rt, "ip", &["link", "set", "wan0", "down"]);
    let service = lab.start_flowpin(flowpin()).unwrap_or_else(|error| panic!("{error}"));
    for round in ["a link that was down at the start", "a link that was down for a while"] {
        let announced = "(arp[6:2] = 1 and arp[14:4] = arp[24:4]) or (icmp6 and ip6[40] = 136 and dst host ff02::1)";
        let fiber = Capture::start(&lab.ispa, "customer", 6, announced);
        run(&lab.rt, "ip", &["link", "set", "wan0", "up"]);
        let lines = fiber.finish();
        for address in FIBER4 {
            let says = |line: &&String| line.contains(&format!("who-has {address} tell {address},"));
            assert_eq!(lines.iter().filter(says).count(), 1, "{round}: {address} in {lines:#?}");
        }
        // The second announcement follows two seconds later.
        flowpin::clock::pause(Duration::from_millis(2500));
        run(&lab.rt, "ip", &["link", "set", "wan0", "down"]);
    }
    assert!(service.stop().expect("flowpin stops").success());
}
