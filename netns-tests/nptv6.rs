//! NPTv6 with real traffic: both modes map every inside address to exactly the address that RFC 6296 and plain arithmetic
//! say, both ways, and `rfc6296` changes no byte behind the IPv6 header.

use crate::lab::{Frame, Raw, Sniffer, ask, ethernet, lab, mirror, run, settle, start, visitor};
use flowpin::lab::topology::{SERVER6, mac};
use flowpin::lab::traffic::Traffic;
use flowpin::lab::{Lab, Npt, Options};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// Prefixes of 60 bits: inside, fiber, DSL.
const INSIDE: u128 = 0xfd00_0bad_0b01_0000 << 64;
const OUTSIDE: [u128; 2] = [0x2001_0db8_000a_0c80 << 64, 0x2001_0db8_000b_be00 << 64];
const HOST_BITS: u32 = 68;

/// Hosts in different subnets of the inside prefix, with identifiers in which different words take up the difference.
const HOSTS: [&str; 7] = [
    "fd00:bad:b01::2",
    "fd00:bad:b01:1::100",
    "fd00:bad:b01:2::50",
    "fd00:bad:b01:1:211:22ff:fe33:4455",
    "fd00:bad:b01:3:ffff::1",
    "fd00:bad:b01:4:ffff:ffff:ffff:1",
    "fd00:bad:b01:f:ffff:ffff::9",
];

/// The outside form of an inside address, written from the text of RFC 6296 with whole numbers modulo 65535.
fn outside(mode: Npt, inside_prefix: u128, outside_prefix: u128, host_bits: u32, inside: Ipv6Addr) -> Ipv6Addr {
    let host = inside.to_bits() & ((1 << host_bits) - 1);
    let swapped = Ipv6Addr::from_bits(outside_prefix | host);
    if mode == Npt::Prefix {
        return swapped;
    }
    let sum = |prefix: u128| (0..8).map(|word| (prefix >> (16 * word) & 0xffff) as i64).sum::<i64>();
    let adjustment = sum(inside_prefix) - sum(outside_prefix);
    let mut words = swapped.segments();
    // §3.4: /48 and shorter adjust the subnet; §3.5: longer ones the first word of the identifier that is not all ones.
    let candidates = if host_bits >= 80 { 3..4 } else { 4..8 };
    let word = candidates.into_iter().find(|word| words[*word] != 0xffff).expect("a word that can be adjusted");
    words[word] = (i64::from(words[word]) + adjustment).rem_euclid(0xffff) as u16;
    words.into()
}

fn address(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

#[test]
fn the_reference_of_these_tests_gives_the_known_vectors() {
    let of = |inside_prefix: &str, outside_prefix: &str, length: u32, inside: &str| {
        let (from, to) = (address(inside_prefix).to_bits(), address(outside_prefix).to_bits());
        outside(Npt::Rfc6296, from, to, 128 - length, address(inside))
    };
    // RFC 6296 §3.6, and what Linux's own translation gives.
    for (inside, expected) in [
        ("fd01:203:405:1::1234", "2001:db8:1:d550::1234"),
        ("fd01:203:405::1", "2001:db8:1:d54f::1"),
        ("fd01:203:405:2ab0::5", "2001:db8:1::5"),
    ] {
        assert_eq!(of("fd01:203:405::", "2001:db8:1::", 48, inside), address(expected));
    }
    for (inside, expected) in [
        ("3d06:bad:b01:1::100", "2600:1700:2f71:c81:dac2::100"),
        ("3d06:bad:b01:f::1", "2600:1700:2f71:c8f:dac2::1"),
        ("3d06:bad:b01:1:ffff::1", "2600:1700:2f71:c81:ffff:dac2:0:1"),
        ("3d06:bad:b01:1:ffff:ffff:ffff:1", "2600:1700:2f71:c81:ffff:ffff:ffff:dac3"),
        ("3d06:bad:b01:1:211:22ff:fe33:4455", "2600:1700:2f71:c81:dcd3:22ff:fe33:4455"),
    ] {
        assert_eq!(of("3d06:bad:b01::", "2600:1700:2f71:c80::", 60, inside), address(expected));
    }
    assert_eq!(
        of("fd00:1:2:3400::", "2001:db8:ab:cd00::", 56, "fd00:1:2:34ff:ffff:ffff:ffff:fffe"),
        address("2001:db8:ab:cdff:ffff:ffff:ffff:359e")
    );
}

/// A lab whose firewall has all the hosts.
fn populated(npt: [Npt; 2]) -> Lab {
    let lab = lab(Options { npt, ..Options::default() });
    for host in HOSTS.iter().filter(|host| **host != "fd00:bad:b01:1::100") {
        run(&lab.fw, "ip", &["address", "add", &format!("{host}/128"), "dev", "lan0", "nodad"]);
    }
    lab
}

/// The public addresses of a host on the fiber and on the DSL.
fn publics(npt: [Npt; 2], host: &str) -> [IpAddr; 2] {
    [0, 1].map(|wan| outside(npt[wan], INSIDE, OUTSIDE[wan], HOST_BITS, address(host)).into())
}

const BOTH_WAYS: [[Npt; 2]; 2] = [[Npt::Prefix, Npt::Rfc6296], [Npt::Rfc6296, Npt::Prefix]];

#[test]
fn outside_sees_each_host_under_its_computed_addresses_by_udp_tcp_and_ping() {
    for npt in BOTH_WAYS {
        let lab = populated(npt);
        let router = start(&lab);
        let server = mirror(&lab.inet, SERVER6);
        let _servers = Traffic::servers(&lab).expect("servers");
        let is_echo = |frame: &Frame| frame.0.get(20) == Some(&58) && frame.0.get(54) == Some(&128);
        for host in HOSTS {
            let due = BTreeSet::from(publics(npt, host));
            let ask_often = || {
                let ports = (20_000..20_030).map(|port| SocketAddr::new(address(host).into(), port));
                ports.map(|from| ask(from, server).expect("an answer").ip()).collect::<BTreeSet<IpAddr>>()
            };
            assert_eq!(lab.fw.run(ask_often).expect("the namespace can be entered"), due, "UDP from {host}");

            let url = ["http://[2001:db8:ffff::10]/"; 4];
            let curl = [&["-sS", "--max-time", "20", "--no-keepalive", "--interface", host], &url[..]].concat();
            let seen: BTreeSet<IpAddr> = run(&lab.fw, "curl", &curl).lines().map(visitor).collect();
            assert!(!seen.is_empty() && seen.is_subset(&due), "TCP from {host}: {seen:?}");

            let sniffer = Sniffer::start(&lab.inet, is_echo);
            run(&lab.fw, "ping", &["-n", "-c", "2", "-i", "0.2", "-W", "5", "-I", host, "2001:db8:ffff::10"]);
            let echoes = sniffer.stop();
            let sources: BTreeSet<IpAddr> = echoes.iter().filter_map(Frame::addresses).map(|(from, _)| from).collect();
            assert!(sources.len() == 1 && sources.is_subset(&due), "ping from {host}: {sources:?}");
        }
        router.end(&[]);
    }
}

#[test]
fn each_host_is_reached_under_its_computed_addresses_without_having_spoken() {
    for npt in BOTH_WAYS {
        let lab = populated(npt);
        let router = start(&lab);
        for (host, port) in HOSTS.into_iter().zip(40_000..) {
            let inside = mirror(&lab.fw, address(host));
            for (public, port) in publics(npt, host).into_iter().zip([port, port + 1000]) {
                // A UDP answer counts only if it comes from the very address that was asked.
                let asked = lab.inet.run(|| ask(SocketAddr::new(SERVER6.into(), port), (public, inside.port()).into()));
                let seen = asked.expect("the namespace can be entered");
                assert_eq!(seen, Some(SocketAddr::new(SERVER6.into(), port)), "{public} is {host}");
                run(&lab.inet, "ping", &["-n", "-c", "1", "-W", "5", &public.to_string()]);
            }
        }
        router.end(&[]);
    }
}

/// In mode `prefix` its form on the fiber would be the address that leads to the host of the inbound map.
#[test]
fn a_host_whose_outside_form_is_anothers_uses_the_other_wan() {
    let lab = lab(Options::default());
    run(&lab.fw, "ip", &["address", "add", "fd00:bad:b01::1/128", "dev", "lan0", "nodad"]);
    let router = start(&lab);
    let server = mirror(&lab.inet, SERVER6);
    let ask_often = || {
        let ports = (20_000..20_030).map(|port| SocketAddr::new(address("fd00:bad:b01::1").into(), port));
        ports.map(|from| ask(from, server).expect("an answer").ip()).collect::<BTreeSet<IpAddr>>()
    };
    let dsl = outside(Npt::Rfc6296, INSIDE, OUTSIDE[1], HOST_BITS, address("fd00:bad:b01::1"));
    assert_eq!(lab.fw.run(ask_often).expect("the namespace can be entered"), BTreeSet::from([dsl.into()]));
    router.end(&[]);
}

/// What stands behind the IPv6 header, by next header: whole and broken checksums, and protocols that nobody knows.
fn tails() -> Vec<(u8, Vec<u8>)> {
    let udp = |checksum: [u8; 2]| [&[0x9c, 0x40, 0x01, 0xbb, 0, 12][..], &checksum, b"ping"].concat();
    let tcp = [&[0x9c, 0x41, 0x01, 0xbb, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x18, 1, 0][..], &[0xde, 0xad, 0, 0], b"x"];
    vec![
        (17, udp([0xff, 0x54])),
        (17, udp([0x12, 0x34])),
        (17, udp([0, 0])),
        (6, tcp.concat()),
        // Echo request.
        (58, [&[128, 0, 0xbe, 0xef, 0x12, 0x34, 0, 1][..], &[7; 32]].concat()),
        // DCCP, ESP, SCTP, for experiments (RFC 3692).
        (33, [&[0x9c, 0x42, 0x01, 0xbb, 4, 0, 0x55, 0xaa][..], &[3; 24]].concat()),
        (50, [&[0, 0, 0, 1, 0, 0, 0, 1][..], &[0x5a; 40]].concat()),
        (132, [&[0x9c, 0x43, 0x01, 0xbb, 0, 0, 0, 0, 1, 2, 3, 4][..], &[9; 20]].concat()),
        (253, vec![0xa5; 33]),
    ]
}

fn packet(link: Vec<u8>, from: Ipv6Addr, to: Ipv6Addr, next: u8, tail: &[u8]) -> Vec<u8> {
    let length = u16::try_from(tail.len()).unwrap().to_be_bytes();
    [&link[..], &[0x60, 0, 0, 0], &length, &[next, 64], &from.octets(), &to.octets(), tail].concat()
}

#[test]
fn rfc6296_changes_no_byte_behind_the_header() {
    let lab = populated([Npt::Rfc6296; 2]);
    let router = start(&lab);
    // Addresses that no kernel here has: nobody answers, nobody checks.
    let (host, remote) = (address("fd00:bad:b01:5::77"), address("2001:db8:ffff::99"));
    let outsides = publics([Npt::Rfc6296; 2], "fd00:bad:b01:5::77");
    let bytes = |frames: Vec<Frame>| frames.into_iter().map(|frame| (frame.0[20], frame.0[54..].to_vec()));

    let outbound = [(&lab.ispa, mac::ISPA), (&lab.ispb, mac::ISPB)].map(|(isp, mac)| {
        Sniffer::start(isp, move |frame| frame.is_to(mac) && frame.addresses().is_some_and(|(_, to)| to == remote))
    });
    let mut link = Raw::open(&lab.fw, "lan0");
    for (next, tail) in tails() {
        link.send(&packet(ethernet(mac::RT_LAN, mac::FW, 0x86dd), host, remote, next, &tail));
    }
    settle();
    let outbound = outbound.map(Sniffer::stop);
    for (frames, public) in outbound.iter().zip(outsides) {
        assert!(frames.iter().all(|frame| frame.addresses() == Some((public, remote.into()))), "{frames:?}");
    }
    let mut seen: Vec<_> = outbound.into_iter().flat_map(bytes).collect();
    let mut due = tails();
    seen.sort();
    due.sort();
    assert_eq!(seen, due, "outbound");

    let inbound = Sniffer::start(&lab.fw, move |frame| {
        frame.is_to(mac::FW) && frame.addresses() == Some((remote.into(), host.into()))
    });
    let ends = [(&lab.ispa, mac::RT_WAN0, mac::ISPA), (&lab.ispb, mac::RT_WAN1, mac::ISPB)];
    for ((isp, router, own), public) in ends.into_iter().zip(outsides) {
        let IpAddr::V6(public) = public else { unreachable!("both are IPv6") };
        let mut link = Raw::open(isp, "customer");
        for (next, tail) in tails() {
            link.send(&packet(ethernet(router, own, 0x86dd), remote, public, next, &tail));
        }
    }
    settle();
    let mut seen: Vec<_> = bytes(inbound.stop()).collect();
    let mut due = [tails(), tails()].concat();
    seen.sort();
    due.sort();
    assert_eq!(seen, due, "inbound");
    router.end(&[]);
}
