//! The installations of config/ as they stand there, carried by a lab of their shape.

use crate::lab::{Router, ask, connect_to, lab, mirror, run, say, start_with, wait_until};
use flowpin::lab::topology::{INBOUND6, INSIDE4, SERVER4, SERVER6};
use flowpin::lab::traffic::Traffic;
use flowpin::lab::{Lab, Options};
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

const TWO_FIBRE: &str = include_str!("../config/two-fibre.toml");
const ISP_A6: &str = "2001:db8:a:c80::/60";
const ISP_A6_NEXT: &str = "2001:db8:a:d00::/60";

/// The file, but for the socket, which is the lab's.
fn two_fibre(lab: &Lab) -> String {
    let (text, _) = TWO_FIBRE.split_once("[control]").expect("the socket's section");
    format!("{text}[control]\nsocket = {:?}\n", lab.socket())
}

/// ISP B's block and prefix; ISP A's link is not there yet, since its VLAN comes up behind 802.1X.
fn lines(lab: &Lab) {
    run(&lab.rt, "ip", &["link", "set", "wan0", "down", "name", "parent"]);
    run(&lab.ispb, "ip", &["address", "add", "198.51.100.9/29", "dev", "customer"]);
    run(&lab.ispb, "ip", &["route", "add", "2001:db8:b:d00::/60", "via", "fe80::b2", "dev", "customer"]);
    run(&lab.ispa, "ip", &["route", "add", ISP_A6_NEXT, "via", "fe80::a2", "dev", "customer"]);
    run(&lab.inet, "ip", &["route", "add", "198.51.100.8/29", "via", "198.18.11.1", "src", "203.0.113.10"]);
}

/// The VLAN is authenticated, and DHCP and router advertisements have been there.
fn isp_a_comes(lab: &Lab) {
    for words in [
        "link set parent name wan0.3242",
        "link set wan0.3242 up",
        "address add fe80::a2/64 dev wan0.3242 nodad",
        "address add 192.0.2.197/29 dev wan0.3242",
        "route add default via 192.0.2.198 dev wan0.3242 metric 100",
        "-6 route add default via fe80::a1 dev wan0.3242 metric 100",
    ] {
        run(&lab.rt, "ip", &words.split(' ').collect::<Vec<_>>());
    }
}

fn is_up(router: &Router<'_>, place: usize) -> bool {
    router.status().wans[place].health.iter().all(|family| family.state == "up")
}

/// The public addresses that the Internet sees of one inside host's flows from 24 ports.
fn seen(lab: &Lab, host: IpAddr, server: SocketAddr, first: u16) -> BTreeSet<String> {
    let of = |port| lab.fw.run(|| ask(SocketAddr::new(host, port), server)).expect("the namespace");
    (first..first + 24).map(|port| of(port).expect("an answer").ip().to_string()).collect()
}

#[test]
fn two_fibre_lines_of_which_one_is_late_and_renumbers_carry_a_firewall_and_its_ways_in() {
    let lab = lab(Options::default());
    lines(&lab);
    let router = start_with(&lab, &two_fibre(&lab));
    let _servers = Traffic::servers(&lab).expect("servers");
    let [four, six] = [mirror(&lab.inet, SERVER4), mirror(&lab.inet, SERVER6)];
    wait_until("ISP B is up", || is_up(&router, 1));
    assert_eq!(router.status().wans[0].state, "absent");
    assert_eq!(seen(&lab, INSIDE4[0].into(), four, 6000), BTreeSet::from(["198.51.100.10".into()]));
    let reach = |address: &str| run(&lab.inet, "ping", &["-n", "-c", "1", "-W", "5", address]);
    reach("2001:db8:b:d00::1");

    isp_a_comes(&lab);
    assert!(say(&lab, &["wan", "isp-a", "set", "prefix", ISP_A6, "valid-for", "1h"]).0, "what the hook says");
    wait_until("ISP A is up", || is_up(&router, 0));
    let blocks = ["192.0.2.193", "198.51.100.10"].map(str::to_owned);
    assert_eq!(seen(&lab, INSIDE4[0].into(), four, 6100), BTreeSet::from(blocks));
    let edges = ["2001:db8:a:c80::1", "2001:db8:b:d00::1"].map(str::to_owned);
    assert_eq!(seen(&lab, INBOUND6.into(), six, 6100), BTreeSet::from(edges));
    for address in ["2001:db8:a:c80::1", "2001:db8:b:d00::1", "192.0.2.193", "192.0.2.196", "198.51.100.14"] {
        reach(address);
    }

    assert!(say(&lab, &["wan", "isp-a", "set", "prefix", ISP_A6_NEXT, "valid-for", "1h"]).0);
    for edge in ["2001:db8:a:c80::1", "2001:db8:a:d00::1"] {
        reach(edge);
    }
    run(&lab.ispb, "ip", &["link", "set", "customer", "down"]);
    wait_until("ISP B is down", || !is_up(&router, 1));
    connect_to(&lab, (SERVER4, 7).into()).expect("ISP A carries on");
    assert_eq!(seen(&lab, INSIDE4[0].into(), four, 6100), BTreeSet::from(["192.0.2.193".into()]));
    let _ = router.end_with_losses();
}
