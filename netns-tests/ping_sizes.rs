//! Pings of sizes around each MTU, that may be fragmented and that may not, over each WAN and both ways.

use crate::lab::{Router, attempt, forget_paths, start, talkative_lab};
use flowpin::lab::topology::{DSL4, FIBER4};
use flowpin::lab::{Namespace, Options};
use std::collections::BTreeMap;

const SERVER: &str = "203.0.113.10";
const SERVER6: &str = "2001:db8:ffff::10";
const LAN: usize = 1450;
const WANS: [(&str, usize); 2] = [("fiber", 1500), ("dsl", 1400)];

/// Bytes with all headers: about each link's MTU, at a multiple of 8 behind it, and in two, three and forty-odd pieces.
fn sizes() -> impl Iterator<Item = usize> {
    let edges = [1280, 1400, LAN, 1500].into_iter().flat_map(|mtu| [mtu - 1, mtu, mtu + 1, mtu + 7, mtu + 8]);
    edges.chain([2800, 2801, 4000, 4500, 9000, 65_535])
}

/// Pings once with that many bytes, headers and all. A kernel must not know a path from the ping before.
fn ping(from: &Namespace, to: &str, bytes: usize, more: &[&str]) -> (bool, String) {
    forget_paths(from);
    let size = (bytes - if to.contains(':') { 48 } else { 28 }).to_string();
    attempt(from, "ping", &[&["-n", "-c", "1", "-W", "5", "-s", &size, to], more].concat())
}

/// For each WAN an identifier of pings to `server` that take it.
fn identifiers(from: &Namespace, router: &Router, server: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for identifier in 1000..1040 {
        let text = identifier.to_string();
        assert!(ping(from, server, 100, &["-e", &text]).0);
        let flows = router.flows("limit=1000");
        let flow = flows.iter().find(|flow| flow.inside_port == identifier && flow.remote.to_string() == server);
        found.insert(flow.expect("the ping's flow").wan.clone(), text);
        if found.len() == 2 {
            return found;
        }
    }
    panic!("forty pings took one WAN");
}

fn narrow() -> Options {
    Options { lan_mtu: LAN as u16, wan_mtu: WANS.map(|(_, mtu)| mtu as u16), ..Options::default() }
}

/// Shows RFC 4787 REQ-13a.
#[test]
fn c_51_pings_that_may_be_fragmented_pass_in_every_size_both_ways() {
    let lab = talkative_lab(narrow());
    let router = start(&lab);
    for (wan, identifier) in identifiers(&lab.fw, &router, SERVER) {
        for bytes in sizes() {
            let (answered, text) = ping(&lab.fw, SERVER, bytes, &["-M", "dont", "-e", &identifier]);
            assert!(answered, "{wan}, {bytes}: {text}");
        }
    }
    for public in [FIBER4[1], DSL4[1]] {
        for bytes in sizes() {
            let (answered, text) = ping(&lab.inet, &public.to_string(), bytes, &["-M", "dont"]);
            assert!(answered, "{public}, {bytes}: {text}");
        }
    }
    router.end(&[]);
}

/// Shows RFC 4787 REQ-13, RFC 4443 §3.2.
#[test]
fn c_50_pings_that_may_not_be_fragmented_pass_up_to_the_mtu_and_learn_it_beyond() {
    let lab = talkative_lab(narrow());
    let router = start(&lab);
    let mut told = 0;
    for server in [SERVER, SERVER6] {
        for (wan, identifier) in identifiers(&lab.fw, &router, server) {
            let (_, mtu) = WANS.into_iter().find(|known| known.0 == wan).expect("a WAN of the lab");
            // What is larger than the firewall's own link never comes here.
            for bytes in sizes().filter(|bytes| *bytes <= LAN) {
                let (answered, text) = ping(&lab.fw, server, bytes, &["-M", "do", "-e", &identifier]);
                assert_eq!(answered, bytes <= mtu, "{wan}, {bytes}: {text}");
                if !answered {
                    assert!(text.contains(&format!("mtu = {mtu}")) || text.contains(&format!("mtu={mtu}")), "{text}");
                    told += 1;
                }
            }
        }
    }
    router.end(&[("outbound", "too-big", told)]);
}

/// The sender of an IPv6 packet fragments it itself once it is told; the server, whose answers do not fit the ISP's link
/// either, likewise.
#[test]
fn c_52_ipv6_pings_in_every_size_pass_once_both_ends_know_the_mtu() {
    let lab = talkative_lab(narrow());
    let router = start(&lab);
    for (wan, identifier) in identifiers(&lab.fw, &router, SERVER6) {
        forget_paths(&lab.fw);
        for bytes in sizes() {
            let size = (bytes - 48).to_string();
            let ping = ["-n", "-c", "1", "-W", "1", "-M", "dont", "-e", &identifier, "-s", &size, SERVER6];
            let answered = (0..3).any(|_| attempt(&lab.fw, "ping", &ping).0);
            assert!(answered, "{wan}, {bytes}");
        }
    }
    // The firewall of the DSL's MTU; the server of the firewall's link, behind the fiber: before the DSL an ISP tells it.
    router.end(&[("outbound", "too-big", 1), ("inbound", "too-big", 1)]);
}
