//! C-51 and C-52 between kernels: they cut and put together, flowpin cuts between them.

use crate::lab::{Echo, Router, echo, lab, run, start};
use flowpin::lab::topology::{DSL4, DSL6_RFC6296, FIBER4, FIBER6_PREFIX, INSIDE4, SERVER4, SERVER6};
use flowpin::lab::{Lab, Namespace, Options};
use std::net::{IpAddr, SocketAddr};

/// Packets that flowpin has cut.
fn fragmented(router: &Router) -> u64 {
    router.status().events.get("fragmented").copied().unwrap_or(0)
}

/// Datagrams of 4000 bytes, asked and answered: from every identity, until both WANs were used, and from outside to a
/// public address of each WAN. How many came from inside.
fn exchange(lab: &Lab) -> u64 {
    let server = Echo::start(&lab.inet, SocketAddr::new(SERVER4.into(), 4000));
    let mut asked = 0;
    for round in 0..4 {
        for inside in INSIDE4 {
            echo(&lab.fw, SocketAddr::new(inside.into(), 20_000 + round), server.at, 4000);
            asked += 1;
        }
    }
    let visitors = server.visitors();
    for block in [FIBER4, DSL4] {
        assert!(block.iter().any(|public| visitors.contains(&IpAddr::V4(*public))), "{visitors:?}");
    }
    let inside = Echo::start(&lab.fw, SocketAddr::new(INSIDE4[1].into(), 4000));
    for public in [FIBER4[1], DSL4[1]] {
        echo(&lab.inet, SocketAddr::new(SERVER4.into(), 4001), SocketAddr::new(public.into(), inside.at.port()), 4000);
    }
    asked + 2
}

#[test]
fn c_51_datagrams_of_4000_bytes_pass_both_ways_over_both_wans() {
    let lab = lab(Options::default());
    let router = start(&lab);
    exchange(&lab);
    assert_eq!(fragmented(&router), 0, "what a kernel cut for 1500 bytes fits");
    router.end(&[]);
}

/// Shows RFC 4787 REQ-13a, RFC 1812 §5.2.6.
#[test]
fn c_51_datagrams_of_4000_bytes_pass_over_wans_of_1400_and_every_fragment_that_is_too_long_is_cut() {
    let lab = lab(Options { wan_mtu: [1400; 2], ..Options::default() });
    let router = start(&lab);
    let sent = exchange(&lab);
    // Of 1500, 1500 and 1068 bytes two are too long. What comes from outside was cut by the ISPs.
    assert_eq!(fragmented(&router), 2 * sent);
    router.end(&[]);
}

#[test]
fn c_51_datagrams_of_4000_bytes_pass_to_an_inside_that_carries_1280() {
    let lab = lab(Options { tun_mtu: 1280, ..Options::default() });
    let router = start(&lab);
    let received = exchange(&lab);
    // What goes out was cut by the kernel in front of the TUN.
    assert_eq!(fragmented(&router), 2 * received);
    router.end(&[]);
}

/// Five pings without DF; the numbers of those that were answered.
fn answered(namespace: &Namespace, to: IpAddr, size: usize) -> Vec<u16> {
    let (size, to) = (size.to_string(), to.to_string());
    let text = run(namespace, "ping", &["-c", "5", "-i", "0.2", "-W", "5", "-M", "dont", "-s", &size, &to]);
    let number = |line: &str| line.split_once("icmp_seq=")?.1.split(' ').next()?.parse().ok();
    text.lines().filter(|line| line.contains("bytes from")).filter_map(number).collect()
}

/// Shows RFC 8200 §4.5 routers.
#[test]
fn c_52_large_pings_pass_both_ways_ipv4_cut_on_the_way_and_ipv6_by_their_senders() {
    let lab = lab(Options { wan_mtu: [1400; 2], ..Options::default() });
    let router = start(&lab);
    assert_eq!(answered(&lab.fw, SERVER4.into(), 8000), [1, 2, 3, 4, 5]);
    for public in [FIBER4[0], DSL4[0]] {
        assert_eq!(answered(&lab.inet, public.into(), 8000), [1, 2, 3, 4, 5]);
    }
    // Five of six fragments of 1500 bytes were too long, five times from inside and ten times as an answer.
    assert_eq!(fragmented(&router), 15 * 5);
    // Five of six fragments of the first are lost and told; the sender may say so to its second.
    assert!(answered(&lab.fw, SERVER6.into(), 8000).ends_with(&[3, 4, 5]));
    for public in [FIBER6_PREFIX, DSL6_RFC6296] {
        assert!(answered(&lab.inet, public.into(), 8000).ends_with(&[3, 4, 5]));
    }
    assert_eq!(fragmented(&router), 15 * 5);
    router.end(&[("outbound", "too-big", 5)]);
}
