//! A line that delegates nothing: inside hosts are translated into the link's own /64, beside its other hosts.

use crate::lab::{ask, lab, mirror, run, start_with, wait_until};
use flowpin::lab::topology::{INBOUND6, INSIDE6, SERVER6};
use flowpin::lab::{Lab, Namespace, Options};
use std::net::SocketAddr;

/// The network of the fiber's link, and what the inside host becomes in it.
const NETWORK: &str = "2001:db8:a:c81::";
const PUBLIC: &str = "2001:db8:a:c81::100";

/// ISP A has the network on the link, as its customer has: nothing is routed to anybody.
fn share(lab: &Lab) {
    run(&lab.ispa, "ip", &["route", "del", "2001:db8:a:c80::/60", "dev", "customer"]);
    for (namespace, link, host) in [(&lab.ispa, "customer", "a1"), (&lab.rt, "wan0", "5")] {
        run(namespace, "ip", &["address", "add", &format!("{NETWORK}{host}/64"), "dev", link, "nodad"]);
    }
}

/// The lab's configuration with the fiber for IPv6 alone, in the link's network.
fn config(lab: &Lab) -> String {
    let (text, outside) = (lab.config(), "outside = \"2001:db8:a:c80::/60\"");
    let (before, behind) = text.split_once(outside).expect("the fiber's prefix");
    let before = before.replacen("inside = \"fd00:bad:b01::/60\"", "inside = \"fd00:bad:b01:1::/64\"", 1);
    let behind = behind.replacen("[wan.inbound6]\n\"2001:db8:a:c80::1\" = \"fd00:bad:b01:fe::2\"\n", "", 1);
    let behind = behind.replacen("interface = \"wan1\"\n", "interface = \"wan1\"\ntier = 2\n", 1);
    format!("{before}outside = \"{NETWORK}/64\"{behind}")
}

/// Whether somebody on the link may have this address: nobody defends it.
fn is_free(isp: &Namespace, host: &str) -> bool {
    let address = format!("{NETWORK}{host}");
    run(isp, "sysctl", &["-qw", "net.ipv6.conf.all.accept_dad=1", "net.ipv6.conf.customer.accept_dad=1"]);
    run(isp, "ip", &["address", "add", &format!("{address}/64"), "dev", "customer"]);
    let shown = || run(isp, "ip", &["-6", "-o", "address", "show", "dev", "customer", "to", &address]);
    wait_until("it is known whether it is a duplicate", || {
        !shown().contains("tentative") || shown().contains("dadfailed")
    });
    let is_free = !shown().contains("dadfailed");
    run(isp, "ip", &["address", "del", &format!("{address}/64"), "dev", "customer"]);
    is_free
}

#[test]
fn inside_hosts_live_in_the_links_own_network_beside_its_hosts_and_the_router() {
    let lab = lab(Options::default());
    share(&lab);
    let router = start_with(&lab, &config(&lab));
    wait_until("the fiber is up", || router.status().wans[0].health.iter().all(|family| family.state == "up"));
    assert!(is_free(&lab.ispa, "100") && is_free(&lab.ispa, "777"), "nobody uses them yet");
    let server = mirror(&lab.inet, SERVER6);
    let seen = lab.fw.run(|| ask(SocketAddr::new(INSIDE6.into(), 7000), server)).expect("the namespace");
    assert_eq!(seen.expect("an answer").ip().to_string(), PUBLIC);
    run(&lab.inet, "ping", &["-n", "-c", "2", "-i", "0.2", "-W", "5", PUBLIC]);
    assert!(!is_free(&lab.ispa, "100"), "it is the inside host's now");
    assert!(is_free(&lab.ispa, "777"), "another host of the link may have it");
    // The router's kernel goes on with its own address.
    for from in [&lab.ispa, &lab.inet] {
        run(from, "ping", &["-n", "-c", "2", "-i", "0.2", "-W", "5", &format!("{NETWORK}5")]);
    }
    let own = SocketAddr::new(format!("{NETWORK}5").parse().expect("an address"), 7001);
    assert_eq!(lab.rt.run(|| ask(own, server)).expect("the namespace"), Some(own), "and reaches out");
    router.end_with_losses();
}

#[test]
fn an_inside_host_is_reached_under_the_links_own_ipv6_address_and_follows_it() {
    let lab = lab(Options::default());
    share(&lab);
    let own = |verb: &str, host: &str| {
        run(&lab.rt, "ip", &["address", verb, &format!("{NETWORK}{host}/64"), "dev", "wan0", "nodad"])
    };
    let (before, behind) =
        lab.config().split_once("[wan.nptv6]").map(|(a, b)| (a.to_owned(), b.to_owned())).expect("a WAN");
    let (_, behind) = behind.split_once("[wan.inbound6]\n\"2001:db8:a:c80::1\"").expect("its single host");
    let behind = behind.replacen("interface = \"wan1\"\n", "interface = \"wan1\"\ntier = 2\n", 1);
    let router = start_with(&lab, &format!("{before}[wan.inbound6]\n\"interface\"{behind}"));
    let server = mirror(&lab.inet, SERVER6);
    let inside = |port| SocketAddr::new(INBOUND6.into(), port);
    let seen =
        |port| lab.fw.run(|| ask(inside(port), server)).expect("the namespace").map(|seen| seen.ip().to_string());
    assert_eq!(seen(7000), Some(format!("{NETWORK}5")));
    run(&lab.inet, "ping", &["-n", "-c", "2", "-i", "0.2", "-W", "5", &format!("{NETWORK}5")]);
    let port = lab.fw.run(|| std::net::UdpSocket::bind(inside(9000))).flatten().expect("a port");
    lab.inet
        .run(|| std::net::UdpSocket::bind("[::]:0").and_then(|it| it.send_to(b"x", (format!("{NETWORK}5"), 9000))))
        .flatten()
        .expect("it leaves");
    assert_eq!(port.recv(&mut [0; 8]).expect("it is the inside host's"), 1);
    own("add", "6");
    own("del", "5");
    let mut next = 7001..;
    wait_until("the new one is current", || seen(next.next().expect("a port")) == Some(format!("{NETWORK}6")));
    run(&lab.inet, "ping", &["-n", "-c", "1", "-W", "5", &format!("{NETWORK}6")]);
    router.end_with_losses();
}
