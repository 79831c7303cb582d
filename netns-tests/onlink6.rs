//! A line that delegates nothing: inside hosts are translated into the link's own /64, beside its other hosts.

use crate::lab::{ask, lab, mirror, run, start_with, wait_until};
use flowpin::lab::topology::{INSIDE6, SERVER6};
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
