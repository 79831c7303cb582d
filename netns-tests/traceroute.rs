//! Traceroute and path MTU discovery through flowpin see what is there, from both sides, on both WANs, in both families.

use crate::lab::{Router, attempt, forget_paths, run, start, talkative_lab, trace};
use flowpin::lab::topology::public_addresses;
use flowpin::lab::traffic::Traffic;
use flowpin::lab::{Lab, Namespace, Options};
use std::collections::BTreeSet;

const SERVERS: [&str; 2] = ["203.0.113.10", "2001:db8:ffff::10"];
/// The router's addresses towards inside.
const ROUTERS: [&str; 2] = ["10.250.250.1", "fd00:bad:b01:f::1"];
/// Each ISP's hop, by family.
const ISPS: [[&str; 2]; 2] = [["192.0.2.198", "198.18.2.1"], ["2001:db8:a::1", "2001:db8:b::1"]];

/// Traces from the firewall, with a socket of its own each time, until both WANs were used. `command` gets a number that
/// is new each time. Every trace must be whole.
fn trace_over_both(lab: &Lab, family: usize, command: impl Fn(usize) -> Vec<String>) {
    let mut used = BTreeSet::new();
    for attempt in 0..30 {
        let words = command(attempt);
        let arguments: Vec<&str> = words[1..].iter().map(String::as_str).collect();
        let found = trace(&lab.fw, &words[0], &arguments);
        let isp = ISPS[family].into_iter().find(|isp| found.get(2).is_some_and(|hop| hop == isp));
        let isp = isp.unwrap_or_else(|| panic!("{words:?}: {found:?}"));
        // The kernel between link and TUN, then the data plane: both answer for the router.
        assert_eq!(found, [ROUTERS[family], ROUTERS[family], isp, SERVERS[family]], "{words:?}");
        used.insert(isp);
        if used.len() == 2 {
            return;
        }
    }
    panic!("30 traces, all over {used:?}");
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

#[test]
fn tracepath_from_the_firewall_lists_every_hop() {
    let lab = talkative_lab(Options::default());
    let router = start(&lab);
    for family in [0, 1] {
        trace_over_both(&lab, family, |_| words(&format!("tracepath -n -m 8 {}", SERVERS[family])));
    }
    router.end_with(&["ttl-expired"]);
}

#[test]
fn traceroute_from_the_firewall_lists_every_hop_by_udp_tcp_and_icmp() {
    let lab = talkative_lab(Options::default());
    let router = start(&lab);
    let _servers = Traffic::servers(&lab).expect("servers");
    for family in [0, 1] {
        let server = SERVERS[family];
        let traceroute = |method: String| words(&format!("traceroute -n -q 1 -N 1 -w 2 -m 6 {method} {server}"));
        trace_over_both(&lab, family, |number| traceroute(format!("-U --sport={}", 30_000 + number)));
        trace_over_both(&lab, family, |number| traceroute(format!("-T -p 80 --sport={}", 31_000 + number)));
        trace_over_both(&lab, family, |_| traceroute("-I".to_owned()));
    }
    router.end_with(&["ttl-expired"]);
}

#[test]
fn traceroute_from_outside_lists_every_hop_to_each_public_address() {
    let lab = talkative_lab(Options::default());
    let router = start(&lab);
    for public in public_addresses(lab.options()) {
        let address = public.address.to_string();
        let (fiber, v4) = (public.wan == "fiber", public.address.is_ipv4());
        let isp = match (fiber, v4) {
            (true, true) => "198.18.10.1",
            (false, true) => "198.18.11.1",
            (true, false) => "2001:db8:a::1",
            (false, false) => "2001:db8:b::1",
        };
        // A link without an address that can be reached from afar answers as the address that was asked.
        let own = if v4 && !fiber { "198.18.2.2" } else { &address };
        for method in ["-U", "-I"] {
            let arguments = ["-n", "-q", "1", "-N", "1", "-w", "2", "-m", "6", method, &address];
            let found = trace(&lab.inet, "traceroute", &arguments);
            assert_eq!(found, [isp, own, own, &address], "{method} {address}");
        }
    }
    router.end_with(&["ttl-expired"]);
}

/// Identifiers of pings that the fiber and the DSL carry, in this order.
fn identifiers(lab: &Lab, router: &Router, server: &str) -> [String; 2] {
    let mut found = [None, None];
    for identifier in 1000..1030 {
        run(&lab.fw, "ping", &["-n", "-c", "1", "-W", "5", "-e", &identifier.to_string(), server]);
        let flows = router.flows("limit=1000");
        let flow = flows.iter().find(|flow| flow.inside_port == identifier && flow.remote.to_string() == server);
        let wan = &flow.expect("the ping's flow").wan;
        found[usize::from(wan == "dsl")] = Some(identifier.to_string());
        if let [Some(fiber), Some(dsl)] = &found {
            return [fiber.clone(), dsl.clone()];
        }
    }
    panic!("thirty pings took one WAN");
}

/// A ping that may not be fragmented, of that many bytes with all headers: whether it is answered, and what is said.
fn ping(namespace: &Namespace, server: &str, bytes: usize, more: &[&str]) -> (bool, String) {
    forget_paths(namespace);
    let headers = if server.contains(':') { 48 } else { 28 };
    let size = (bytes - headers).to_string();
    attempt(namespace, "ping", &[&["-n", "-c", "1", "-W", "5", "-M", "do", "-s", &size, server], more].concat())
}

/// Shows RFC 4787 REQ-13, RFC 4443 §3.2.
#[test]
fn c_50_what_is_too_big_for_its_wan_is_told_that_wans_mtu() {
    let lab = talkative_lab(Options { wan_mtu: [1500, 1400], ..Options::default() });
    let router = start(&lab);
    for (family, server) in SERVERS.into_iter().enumerate() {
        let [fiber, dsl] = identifiers(&lab, &router, server);
        for (identifier, bytes) in [(&fiber, 1500), (&fiber, 1401), (&dsl, 1400)] {
            let (answered, text) = ping(&lab.fw, server, bytes, &["-e", identifier]);
            assert!(answered, "{bytes}: {text}");
        }
        for bytes in [1401, 1500] {
            let (answered, text) = ping(&lab.fw, server, bytes, &["-e", &dsl]);
            let said = ["Frag needed and DF set (mtu = 1400)", "Packet too big: mtu=1400"][family];
            let from = format!("From {} icmp_seq=1 {said}", ROUTERS[family]);
            assert!(!answered && text.contains(&from), "{bytes}: {text}");
        }
    }
    router.end(&[("outbound", "too-big", 4)]);
}

#[test]
fn c_55_tracepath_finds_the_mtu_of_the_wan_it_takes() {
    let lab = talkative_lab(Options { wan_mtu: [1500, 1400], ..Options::default() });
    let router = start(&lab);
    for family in [0, 1] {
        let mut used = BTreeSet::new();
        for _ in 0..30 {
            forget_paths(&lab.fw);
            let text = run(&lab.fw, "tracepath", &["-n", "-m", "8", SERVERS[family]]);
            let dsl = text.contains(ISPS[family][1]);
            let found = text.lines().last().unwrap_or_default();
            assert!(found.contains(if dsl { "Resume: pmtu 1400 " } else { "Resume: pmtu 1500 " }), "{text}");
            used.insert(dsl);
        }
        assert_eq!(used.len(), 2, "both WANs were used");
    }
    router.end_with(&["ttl-expired", "too-big"]);
}

#[test]
fn c_55_traceroute_finds_the_mtu_of_the_wan_it_takes() {
    let lab = talkative_lab(Options { wan_mtu: [1500, 1400], ..Options::default() });
    let router = start(&lab);
    for family in [0, 1] {
        let mut used = BTreeSet::new();
        for port in 30_000..30_030 {
            forget_paths(&lab.fw);
            let sport = format!("--sport={port}");
            let arguments = ["-n", "-q", "1", "-w", "2", "-m", "6", "--mtu", "-U", &sport, SERVERS[family]];
            let text = run(&lab.fw, "traceroute", &arguments);
            let dsl = text.contains(ISPS[family][1]);
            assert_eq!(text.contains("F=1400"), dsl, "{text}");
            assert!(
                text.contains("F=1500") && text.lines().last().is_some_and(|it| it.contains(SERVERS[family])),
                "{text}"
            );
            used.insert(dsl);
            if used.len() == 2 {
                break;
            }
        }
        assert_eq!(used.len(), 2, "both WANs were used");
    }
    router.end_with(&["ttl-expired", "too-big"]);
}

#[test]
fn c_50_what_is_too_big_for_the_firewalls_link_is_told_so_outside() {
    let lab = talkative_lab(Options { lan_mtu: 1400, ..Options::default() });
    let router = start(&lab);
    assert_eq!(router.status().downstream.mtu, 1400);
    for public in public_addresses(lab.options()) {
        let address = public.address.to_string();
        assert!(ping(&lab.inet, &address, 1400, &[]).0, "{address}");
        let (answered, text) = ping(&lab.inet, &address, 1401, &[]);
        let own = if public.wan == "dsl" && public.address.is_ipv4() { "198.18.2.2" } else { &address };
        let said = ["Packet too big: mtu=1400", "Frag needed and DF set (mtu = 1400)"];
        let said = format!("From {own} icmp_seq=1 {}", said[usize::from(public.address.is_ipv4())]);
        assert!(!answered && text.contains(&said), "{text}");
    }
    router.end(&[("inbound", "too-big", 13)]);
}
