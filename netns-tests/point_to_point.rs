//! A WAN whose link has no link layer, as those of modems, PPP and tunnels: nobody is asked for a MAC, no gateway need be
//! known, and all else is as on Ethernet.

use crate::lab::{
    Modem, Router, attempt, carry, everything_passes, judged, lab, plug_in, run, start_with, transfer, wait_for,
    wait_until, wan,
};
use flowpin::lab::topology::{SERVER4, SERVER6};
use flowpin::lab::{Lab, Options};
use std::net::IpAddr;

const MTU: u16 = 1492;

/// `ARPHRD_ETHER` and `ARPHRD_NONE`, linux/if_arp.h.
const ETHERNET: u16 = 1;
const BARE: u16 = 0xfffe;

/// No gateway of the fiber is configured or in the kernel's routes.
fn without_gateway(lab: &Lab) -> String {
    let config = judged(lab, "rise = 1\nhold = \"0s\"");
    config.replace("gateway4 = \"192.0.2.198\"\n", "").replace("gateway6 = \"fe80::a1\"\n", "")
}

fn gateways(router: &Router<'_>) -> Vec<(String, String)> {
    wan(router, "fiber").gateways.iter().map(|it| (it.address.to_string(), it.state.clone())).collect()
}

fn pair(address: &str) -> (String, String) {
    (address.to_owned(), "point-to-point".to_owned())
}

/// One ping from each inside host, so that both WANs are used.
fn ping(lab: &Lab) {
    for identity in 2..=6 {
        let from = format!("10.250.250.{identity}");
        run(&lab.fw, "ping", &["-n", "-c", "1", "-W", "5", "-I", &from, &SERVER4.to_string()]);
    }
}

#[test]
fn a_modem_that_speaks_ip_carries_everything_without_a_gateway() {
    let lab = lab(Options::default());
    let _modem = Modem::dial(&lab, MTU);
    let router = start_with(&lab, &without_gateway(&lab));
    wait_for(&router, "fiber", "up");
    assert_eq!(gateways(&router), [pair("0.0.0.0"), pair("::")]);
    let fiber = wan(&router, "fiber");
    assert_eq!((fiber.mtu, fiber.mtu_source.as_str()), (MTU, "link"));
    let traffic = everything_passes(&lab);
    let before = wan(&router, "fiber");
    assert!(before.outbound.packets > 0 && before.inbound.packets > 0, "{before:?}");
    // The other line out of the way: what follows is the modem's.
    carry(&lab, "dsl", false);
    wait_for(&router, "dsl", "link-down");
    for server in [IpAddr::V4(SERVER4), IpAddr::V6(SERVER6)] {
        transfer(&lab.fw, server).and_then(|it| it.complete()).expect("a transfer");
    }
    // What is too long for the line is told with its MTU.
    let long = ["-n", "-c", "1", "-W", "5", "-M", "do", "-s", "1472", &SERVER4.to_string()];
    let (_, said) = attempt(&lab.fw, "ping", &long);
    assert!(said.contains("mtu = 1492") || said.contains("mtu=1492"), "{said}");
    let rules = run(&lab.rt, "nft", &["list", "chains", "netdev"]);
    assert!(rules.contains("wan0"), "the link is not shielded:\n{rules}");
    drop(traffic);
    router.end_with_losses();
}

#[test]
fn the_peer_is_the_gateway_where_its_address_is_known() {
    let lab = lab(Options::default());
    let _modem = Modem::dial(&lab, MTU);
    run(&lab.rt, "ip", &["address", "add", "10.64.0.2", "peer", "10.64.0.1/32", "dev", "wan0"]);
    run(&lab.ispa, "ip", &["address", "add", "10.64.0.1", "peer", "10.64.0.2/32", "dev", "customer"]);
    let asked = judged(&lab, "probes = [{ icmp = \"gateway\" }]\nrise = 1\nhold = \"0s\"");
    let router = start_with(&lab, &asked.replace("gateway4 = \"192.0.2.198\"\n", ""));
    wait_until("the peer answers pings", || {
        let fiber = wan(&router, "fiber");
        fiber.health.iter().any(|health| health.family == "ipv4" && health.state == "up")
    });
    assert_eq!(gateways(&router)[0], pair("10.64.0.1"));
    router.end_with_losses();
}

#[test]
fn a_link_may_become_another_kind_and_stay_the_same_link() {
    let lab = lab(Options::default());
    let modem = Modem::dial(&lab, MTU);
    modem.change(&lab, ETHERNET);
    let router = start_with(&lab, &judged(&lab, "rise = 1\nhold = \"0s\""));
    for _ in 0..2 {
        wait_until("nobody answers as on Ethernet", || {
            wan(&router, "fiber").state == "down" && gateways(&router).iter().all(|it| it.1 != "point-to-point")
        });
        ping(&lab);
        modem.change(&lab, BARE);
        wait_until("it is used without a link layer", || {
            wan(&router, "fiber").state == "up" && gateways(&router)[0] == pair("192.0.2.198")
        });
        ping(&lab);
        modem.change(&lab, ETHERNET);
    }
    router.end_with_losses();
}

#[test]
fn a_link_may_become_another_kind_under_its_name_again_and_again() {
    let lab = lab(Options::default());
    let router = start_with(&lab, &judged(&lab, "rise = 1\nhold = \"0s\""));
    wait_for(&router, "fiber", "up");
    for _ in 0..2 {
        let modem = Modem::dial(&lab, MTU);
        wait_until("it is used without a link layer", || {
            wan(&router, "fiber").state == "up" && gateways(&router)[0] == pair("192.0.2.198")
        });
        ping(&lab);
        drop(modem);
        wait_for(&router, "fiber", "absent");
        plug_in(&lab);
        wait_until("it is used as Ethernet", || {
            let fiber = wan(&router, "fiber");
            fiber.state == "up" && fiber.gateways.iter().all(|it| it.state == "reachable")
        });
        ping(&lab);
    }
    router.end_with_losses();
}
