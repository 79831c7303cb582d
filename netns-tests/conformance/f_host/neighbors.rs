//! C-67: a next hop that does not answer. Must never know: how it is asked.

use crate::lab::{attempt, lab, run, start_with, wait_until};
use flowpin::lab::topology::{INSIDE4, SERVER4};
use flowpin::lab::{Lab, Options};
use std::net::UdpSocket;

/// The lab's configuration with the fiber alone.
fn fiber_alone(lab: &Lab) -> String {
    let config = lab.config();
    let (before, rest) = config.split_once("\n[[wan]]\nname = \"dsl\"").expect("a second WAN");
    let (_, behind) = rest.split_once("\n[workers]").expect("what follows the WANs");
    // What waits for the gateway is not given back because its line was found dead meanwhile.
    format!("{before}\n[wan.health]\nfall = 100\n\n[workers]{behind}")
}

/// ISP a answers no question for its MAC, and asks none.
fn silence(lab: &Lab) {
    for quiet in [
        "table arp quiet { chain input { type filter hook input priority 0; policy drop; }; }",
        "table ip6 quiet { chain input { type filter hook input priority 0; \
         icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } drop; }; }",
    ] {
        run(&lab.ispa, "nft", &[quiet]);
    }
}

fn speak(lab: &Lab) {
    run(&lab.ispa, "nft", &["flush ruleset"]);
}

/// Shows RFC 1812 §5.2.7.1, RFC 4443 §3.1 3.
#[test]
fn c_67_a_silent_gateway_is_told_to_those_who_waited_and_used_when_it_speaks() {
    let lab = lab(Options::default());
    silence(&lab);
    let router = start_with(&lab, &fiber_alone(&lab));
    for (source, server, told) in [
        ("10.250.250.2", "203.0.113.10", "From 10.250.250.1 icmp_seq=1 Destination Host Unreachable"),
        (
            "fd00:bad:b01:1::100",
            "2001:db8:ffff::10",
            "From fd00:bad:b01:f::1 icmp_seq=1 Destination unreachable: Address unreachable",
        ),
    ] {
        let (heard, text) = attempt(&lab.fw, "ping", &["-n", "-c", "1", "-W", "8", "-I", source, server]);
        assert!(!heard && text.contains(told), "{text}");
    }
    speak(&lab);
    wait_until("the gateway answers in both families", || {
        router.status().wans[0].gateways.iter().all(|gateway| gateway.mac.is_some())
    });
    run(&lab.fw, "ping", &["-n", "-c", "1", "-W", "5", "-I", "10.250.250.2", "203.0.113.10"]);
    run(&lab.fw, "ping", &["-n", "-c", "1", "-W", "5", "-I", "fd00:bad:b01:1::100", "2001:db8:ffff::10"]);
    router.end(&[("outbound", "no-neighbor", 2)]);
}

#[test]
fn c_67_what_waits_for_a_gateway_is_bounded_and_leaves_when_it_speaks() {
    const MOST: usize = 64;
    let lab = lab(Options { threads: Some(1), ..Options::default() });
    silence(&lab);
    let router = start_with(&lab, &fiber_alone(&lab));
    let there =
        lab.inet.run(|| UdpSocket::bind((SERVER4, 5000))).expect("the namespace can be entered").expect("a port");
    let here =
        lab.fw.run(|| UdpSocket::bind((INSIDE4[0], 5000))).expect("the namespace can be entered").expect("a port");
    for number in 0..100u8 {
        here.send_to(&[number], (SERVER4, 5000)).expect("it leaves");
    }
    wait_until("all have come to the router", || router.status().drops.contains_key("outbound"));
    speak(&lab);
    there.set_read_timeout(Some(std::time::Duration::from_secs(3))).expect("a timeout");
    let mut word = [0];
    let arrived: Vec<_> = std::iter::from_fn(|| there.recv(&mut word).ok().map(|_| word[0])).collect();
    assert_eq!(arrived, (0..MOST as u8).collect::<Vec<_>>());
    router.end(&[("outbound", "hold-full", 100 - MOST as u64)]);
}
