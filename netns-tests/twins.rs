//! Two sticks of one make: the same address, the same gateway, the same network, and each a NAT of its own.

use crate::lab::{Router, ask, lab, mirror, run, start_with, wait_until};
use flowpin::lab::topology::{INSIDE4, SERVER4};
use flowpin::lab::traffic::Traffic;
use flowpin::lab::{Lab, Options};
use std::collections::HashSet;
use std::net::SocketAddr;

/// Gives both lines the same addresses on both ends; each ISP translates to its own.
fn twins(lab: &Lab) {
    for (isp, link, old) in [(&lab.ispa, "wan0", "192.0.2.198/29"), (&lab.ispb, "wan1", "198.18.2.1/30")] {
        run(isp, "ip", &["address", "del", old, "dev", "customer"]);
        run(isp, "ip", &["address", "add", "192.168.8.1/24", "dev", "customer"]);
        let nat =
            "table ip stick { chain out { type nat hook postrouting priority 100; oifname \"uplink\" masquerade; }; }";
        run(isp, "nft", &[nat]);
        run(&lab.rt, "ip", &["address", "flush", "dev", link, "scope", "global"]);
        run(&lab.rt, "ip", &["address", "add", "192.168.8.100/24", "dev", link]);
    }
    for (link, metric) in [("wan0", "100"), ("wan1", "200")] {
        let route = ["route", "replace", "default", "via", "192.168.8.1", "dev", link, "metric", metric];
        run(&lab.rt, "ip", &route);
    }
    run(&lab.inet, "ip", &["route", "replace", "198.18.10.0/30", "dev", "ispa"]);
}

/// The lab's lines as NAT44 lines behind `public` each.
fn config(lab: &Lab, public: &str) -> String {
    let text = lab.config();
    let (head, _) = text.split_once("\n[[wan]]").expect("WANs");
    let (_, tail) = text.split_once("\n[workers]").expect("workers");
    let wan = |name: &str, link: &str| {
        format!("\n[[wan]]\nname = \"{name}\"\ninterface = \"{link}\"\nnat44 = {{ \"10.250.250.2\" = \"{public}\" }}\n")
    };
    [head, &wan("one", "wan0"), &wan("two", "wan1"), "\n[workers]", tail].concat()
}

fn both_are_used(lab: &Lab, router: &Router<'_>, server: SocketAddr) {
    assert!(router.status().wans.iter().all(|wan| wan.health[0].state == "up"));
    let from = |port| SocketAddr::new(INSIDE4[0].into(), port);
    let seen =
        |port| lab.fw.run(|| ask(from(port), server)).expect("the namespace").expect("an answer").ip().to_string();
    let publics: HashSet<_> = (5000..5032).map(seen).collect();
    assert_eq!(publics, HashSet::from(["198.18.10.1".to_owned(), "198.18.11.1".to_owned()]), "each by its own NAT");
    run(&lab.fw, "ping", &["-n", "-c", "2", "-i", "0.2", "-W", "5", "192.168.8.1"]);
}

#[test]
fn two_lines_with_the_same_address_and_gateway_are_two_lines() {
    let lab = lab(Options::default());
    twins(&lab);
    let server = mirror(&lab.inet, SERVER4);
    for public in ["interface", "192.168.8.100"] {
        let router = start_with(&lab, &config(&lab, public));
        let _servers = Traffic::servers(&lab).expect("servers");
        wait_until("both are up", || router.status().wans.iter().all(|wan| wan.health[0].state == "up"));
        both_are_used(&lab, &router, server);
        run(&lab.rt, "ip", &["link", "set", "wan0", "down"]);
        wait_until("one is down", || router.status().wans[0].health[0].state == "link-down");
        let other = lab.fw.run(|| ask(SocketAddr::new(INSIDE4[0].into(), 5100), server)).expect("the namespace");
        assert_eq!(other.expect("an answer").ip().to_string(), "198.18.11.1", "the twin carries on");
        run(&lab.rt, "ip", &["link", "set", "wan0", "up"]);
        run(&lab.rt, "ip", &["route", "replace", "default", "via", "192.168.8.1", "dev", "wan0", "metric", "100"]);
        router.end_with_losses();
    }
}
