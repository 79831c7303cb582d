//! Networks of the machine that `[downstream] local` names are reached by inside hosts beside flowpin, and reach them; nothing
//! else opens by that.

use crate::lab::{Sniffer, attempt, does, lab, route_by_default, run, say, start_with, wait_until};
use crate::machine::machine_of;
use flowpin::clock::pause;
use flowpin::lab::{Lab, Namespace, Options};
use std::time::Duration;

const HOSTS: [&str; 2] = ["10.98.0.2", "fd00:98::2"];
const SERVERS: [&str; 2] = ["203.0.113.10", "2001:db8:ffff::10"];

/// Another LAN of the router, with one host, whose router it is.
fn other_lan(lab: &Lab, test: &str) -> Namespace {
    let host = Namespace::create(&format!("local-{test}-{}", std::process::id())).expect("a namespace");
    plug(lab, &host);
    host
}

fn plug(lab: &Lab, host: &Namespace) {
    let line = format!("ip link add srv0 type veth peer name eth0 netns {}", host.name());
    does(&lab.rt, &line);
    for (namespace, line) in [
        (&lab.rt, "ip address add 10.98.0.1/24 dev srv0"),
        (&lab.rt, "ip address add fd00:98::1/64 dev srv0 nodad"),
        // Links of the lab get none by themselves, and without one a router asks for no neighbour.
        (&lab.rt, "ip address add fe80::98/64 dev srv0 nodad"),
        (&lab.rt, "ip link set srv0 up"),
        (host, "ip address add 10.98.0.2/24 dev eth0"),
        (host, "ip address add fd00:98::2/64 dev eth0 nodad"),
        (host, "ip link set eth0 up"),
        (host, "ip route add default via 10.98.0.1"),
        (host, "ip -6 route add default via fd00:98::1"),
    ] {
        does(namespace, line);
    }
}

fn local(lab: &Lab, value: &str) -> String {
    lab.config().replace("[downstream]", &format!("[downstream]\nlocal = {value}"))
}

fn answers(from: &Namespace, host: &str) -> bool {
    attempt(from, "ping", &["-n", "-c", "1", "-W", "2", host]).0
}

/// Whether a frame carries a packet from the firewall's networks or the other LAN.
fn is_private(frame: &crate::lab::Frame) -> bool {
    match frame.0.get(12..14) {
        Some([0x08, 0x00]) => frame.0.get(26) == Some(&10),
        Some([0x86, 0xdd]) => frame.0.get(22) == Some(&0xfd),
        _ => false,
    }
}

#[test]
fn inside_hosts_and_a_local_network_reach_each_other_and_that_network_reaches_nothing_else() {
    for (number, value) in [r#"["10.98.0.0/24", "fd00:98::/64"]"#, r#""connected""#].into_iter().enumerate() {
        let lab = lab(Options::default());
        route_by_default(&lab);
        let host = other_lan(&lab, &format!("reach{number}"));
        let before = machine_of(&lab);
        let router = start_with(&lab, &local(&lab, value));
        let sniffer = Sniffer::start(&lab.ispb, is_private);
        for (there, firewall) in HOSTS.into_iter().zip(["10.250.250.2", "fd00:bad:b01:1::100"]) {
            wait_until(there, || answers(&lab.fw, there));
            assert!(answers(&host, firewall), "{firewall} from {there}");
        }
        for server in SERVERS {
            assert!(!answers(&host, server), "{server} is reached past flowpin");
            assert!(answers(&lab.fw, server), "{server}");
        }
        assert_eq!(sniffer.stop(), vec![]);
        assert_eq!(router.flows("limit=10").len(), 2, "none of it is a flow but the pings of the servers");
        router.end(&[]);
        // The door is shut, and what is local stays in reach.
        assert!(HOSTS.iter().all(|there| answers(&lab.fw, there)) && !answers(&lab.fw, SERVERS[0]));
        assert!(say(&lab, &["down"]).0);
        assert_eq!(machine_of(&lab), before);
    }
}

#[test]
fn a_local_network_that_comes_later_is_reached_and_one_that_went_leaks_nothing() {
    for (number, value) in [r#"["10.98.0.0/24", "fd00:98::/64"]"#, r#""connected""#].into_iter().enumerate() {
        let lab = lab(Options::default());
        route_by_default(&lab);
        let router = start_with(&lab, &local(&lab, value));
        let sniffer = Sniffer::start(&lab.ispb, is_private);
        for _ in 0..2 {
            let host = other_lan(&lab, &format!("later{number}"));
            for there in HOSTS {
                wait_until(there, || answers(&lab.fw, there));
            }
            run(&lab.rt, "ip", &["link", "del", "srv0"]);
            for there in HOSTS {
                attempt(&lab.fw, "ping", &["-n", "-c", "20", "-i", "0.01", "-W", "1", there]);
            }
            drop(host);
        }
        pause(Duration::from_millis(300));
        assert_eq!(sniffer.stop(), vec![], "left with private addresses");
        router.end_with_losses();
    }
}

#[test]
fn without_it_another_network_of_the_machine_is_out_of_reach() {
    let lab = lab(Options::default());
    let host = other_lan(&lab, "none");
    let router = start_with(&lab, &lab.config());
    assert!(HOSTS.iter().all(|there| !answers(&lab.fw, there)));
    assert!(!answers(&host, "10.250.250.2") && !answers(&host, "fd00:bad:b01:1::100"));
    router.end_with_losses();
}
