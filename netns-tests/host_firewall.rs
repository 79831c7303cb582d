//! Beside the firewall of the machine itself: what passes is no connection of its tracking, and a rule of it that would
//! swallow what comes from the Internet is named with its remedy.

use crate::lab::{attempt, lab, run, start, wait_until};
use flowpin::lab::traffic::Traffic;
use flowpin::lab::{Lab, Options};

/// Runs nft on the router.
fn nft(lab: &Lab, text: &str) {
    run(&lab.rt, "nft", &[text]);
}

/// The connections that the router's kernel tracks.
fn tracked(lab: &Lab) -> u64 {
    let count = run(&lab.rt, "cat", &["/proc/sys/net/netfilter/nf_conntrack_count"]);
    count.trim().parse().expect("a number")
}

fn pings(lab: &Lab, server: &str) -> bool {
    attempt(&lab.fw, "ping", &["-n", "-c", "1", "-W", "2", server]).0
}

fn url_host(server: &str) -> String {
    if server.contains(':') { format!("[{server}]") } else { server.to_owned() }
}

const SERVERS: [&str; 2] = ["203.0.113.10", "2001:db8:ffff::10"];

#[test]
fn what_passes_is_no_tracked_connection_and_what_is_for_the_router_is() {
    let lab = lab(Options::default());
    nft(
        &lab,
        "table inet host { chain forward { type filter hook forward priority 0; ct state invalid drop; }; chain input { type filter hook input priority 0; ct state invalid drop; }; }",
    );
    let _servers = Traffic::servers(&lab).expect("servers");
    let router = start(&lab);
    for server in SERVERS {
        assert!(pings(&lab, server), "{server}");
        run(&lab.fw, "curl", &["-sg", "--max-time", "10", &format!("http://{}/", url_host(server))]);
    }
    // From outside, in two fragments.
    run(&lab.inet, "ping", &["-n", "-c", "1", "-W", "5", "-s", "2000", "192.0.2.193"]);
    assert_eq!(tracked(&lab), 0);
    assert!(pings(&lab, "10.250.250.1"));
    assert_eq!(tracked(&lab), 1, "the router's own connection");
    router.end(&[]);
}

#[test]
fn a_strict_reverse_path_rule_is_named_with_its_remedy_and_one_that_spares_the_tun_is_not() {
    let lab = lab(Options::default());
    nft(
        &lab,
        "table inet firewalld { chain filter_PREROUTING { type filter hook prerouting priority -290; meta nfproto ipv6 fib saddr . mark . iif oif missing drop; }; }",
    );
    run(&lab.rt, "ip", &["-6", "route", "replace", "default", "via", "fe80::b1", "dev", "wan1"]);
    let mut router = start(&lab);
    assert!(!pings(&lab, SERVERS[1]), "it swallows the answer");
    let amiss = router.status().kernel_side.amiss;
    let due = "a rule of the host's firewall (nftables table \"firewalld\", chain \"filter_PREROUTING\") filters by reverse \
               path, strictly, and so drops what comes from the Internet through \"flowpin0\": leave this link out of it";
    assert!(amiss.len() == 1 && amiss[0].starts_with(due), "{amiss:?}");
    assert!(router.service().log().contains(due));
    run(&lab.rt, "nft", &["flush", "chain", "inet", "firewalld", "filter_PREROUTING"]);
    run(
        &lab.rt,
        "nft",
        &[
            "add",
            "rule",
            "inet",
            "firewalld",
            "filter_PREROUTING",
            "iifname",
            "!=",
            "flowpin0",
            "fib",
            "saddr",
            ".",
            "iif",
            "oif",
            "missing",
            "drop",
        ],
    );
    assert!(SERVERS.iter().all(|server| pings(&lab, server)), "as the sentence says");
    // It is looked every ten seconds.
    for _ in 0..2 {
        if router.status().kernel_side.amiss.is_empty() {
            break;
        }
        flowpin::clock::pause(std::time::Duration::from_secs(6));
    }
    wait_until("it is whole again", || router.status().kernel_side.amiss.is_empty());
    router.end(&[]);
}
