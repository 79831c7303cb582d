//! What happens to links while flowpin runs is followed without a restart: gateways, cables, whole links, the LAN.

use crate::lab::{flowpin, judged, lab, plug_in, run};
use flowpin::api::{Status, Wan};
use flowpin::clock::{Clock, pause};
use flowpin::lab::{Lab, Options, Service};
use std::time::Duration;

const PATIENCE_MS: u64 = 10_000;

fn start(lab: &Lab) -> Service {
    start_with(lab, &judged(lab, PROMPT))
}

/// A line is used again soon after its link is back.
const PROMPT: &str = "rise = 1\nhold = \"0s\"";

fn start_with(lab: &Lab, config: &str) -> Service {
    lab.start_flowpin_with(flowpin(), config).unwrap_or_else(|error| panic!("{error}"))
}

fn wan(service: &Service, name: &str) -> Wan {
    let status: Status = serde_json::from_str(&service.get("/v1/status").expect("an answer")).expect("a status");
    status.wans.into_iter().find(|wan| wan.name == name).expect("the WAN")
}

/// Waits until the WAN is as `wanted`, and says what it is instead if that takes too long.
fn wait(service: &Service, name: &str, what: &str, wanted: impl Fn(&Wan) -> bool) {
    let clock = Clock::start();
    while !wanted(&wan(service, name)) {
        assert!(clock.now().millis() < PATIENCE_MS, "{what}: {:?}\n{}", wan(service, name), service.log());
        pause(Duration::from_millis(20));
    }
}

fn ip(lab: &Lab, line: &str) {
    run(&lab.rt, "ip", &line.split(' ').collect::<Vec<_>>());
}

/// Puts a link without Ethernet frames, as those of modems and tunnels are, in the place of the link to ISP a.
fn dial_in(lab: &Lab) {
    ip(lab, "link del wan0");
    ip(lab, "tuntap add wan0 mode tun");
    ip(lab, "link set wan0 up");
}

/// One ping from inside with each identity in turn: both WANs are used, by the hash of the lab's seed.
fn ping(lab: &Lab) {
    for identity in 2..=6 {
        let from = format!("10.250.250.{identity}");
        run(&lab.fw, "ping", &["-n", "-c", "1", "-W", "5", "-I", &from, "203.0.113.10"]);
    }
}

#[test]
fn c_69_a_gateway_that_leaves_the_kernels_routes_and_comes_back_is_followed() {
    let lab = lab(Options::default());
    let service = start(&lab);
    wait(&service, "dsl", "both gateways resolve", |wan| {
        wan.gateways.iter().filter(|it| it.mac.is_some()).count() == 2
    });
    ip(&lab, "route del default");
    wait(&service, "dsl", "the IPv4 gateway goes", |wan| wan.gateways.iter().all(|it| it.address.is_ipv6()));
    ip(&lab, "route add default via 198.18.2.1 dev wan1");
    wait(&service, "dsl", "the IPv4 gateway comes back", |wan| {
        wan.gateways.len() == 2 && wan.gateways[0].mac.is_some()
    });
    ping(&lab);
    service.stop().expect("it stops");
}

#[test]
fn c_69_a_link_that_is_switched_off_and_on_is_told_and_used_again() {
    let lab = lab(Options::default());
    let service = start(&lab);
    wait(&service, "fiber", "it comes up", |wan| wan.state == "up");
    ip(&lab, "link set wan0 down");
    wait(&service, "fiber", "it is told", |wan| wan.state == "link-down");
    ip(&lab, "link set wan0 up");
    wait(&service, "fiber", "it comes back", |wan| wan.state == "up");
    ping(&lab);
    service.stop().expect("it stops");
}

#[test]
fn c_69_a_link_that_is_deleted_and_made_again_is_used_again_and_shielded() {
    let lab = lab(Options::default());
    let service = start(&lab);
    wait(&service, "fiber", "it comes up", |wan| wan.state == "up");
    ip(&lab, "link del wan0");
    wait(&service, "fiber", "it is told", |wan| wan.state == "absent");
    plug_in(&lab);
    wait(&service, "fiber", "it comes back", |wan| wan.state == "up" && wan.gateways[0].mac.is_some());
    ping(&lab);
    let rules = run(&lab.rt, "nft", &["list", "chains", "netdev"]);
    assert!(rules.contains("wan0"), "the new link is not shielded:\n{rules}");
    service.stop().expect("it stops");
}

#[test]
fn c_69_a_lan_that_goes_down_and_comes_back_is_routed_again() {
    let lab = lab(Options::default());
    let service = start(&lab);
    ping(&lab);
    ip(&lab, "link set lan0 down");
    wait_for_log(&service, "lan0");
    ip(&lab, "link set lan0 up");
    // The kernel forgets a link's IPv6 addresses when it goes down; whoever configured them puts them back.
    ip(&lab, "address replace fe80::1/64 dev lan0 nodad");
    ip(&lab, "address replace fd00:bad:b01:f::1/64 dev lan0 nodad");
    wait_for_log(&service, "whole again");
    ping(&lab);
    let source = ["-n", "-c", "1", "-W", "5", "-I", "fd00:bad:b01:1::100", "2001:db8:ffff::10"];
    run(&lab.fw, "ping", &source);
    service.stop().expect("it stops");
}

fn wait_for_log(service: &Service, text: &str) {
    let clock = Clock::start();
    while !service.log().lines().any(|line| !line.contains("is ready") && line.contains(text)) {
        assert!(clock.now().millis() < PATIENCE_MS, "no \"{text}\" in the log:\n{}", service.log());
        pause(Duration::from_millis(20));
    }
}

#[test]
fn a_link_that_cannot_be_used_makes_its_wan_unusable_and_no_other_whenever_it_comes() {
    let lab = lab(Options::default());
    dial_in(&lab);
    let tagged = judged(&lab, PROMPT).replace("interface = \"wan0\"", "interface = \"wan0\"\nvlan = 7");
    let service = start_with(&lab, &tagged);
    let unusable = |times: usize| {
        wait(&service, "fiber", "it is told", |wan| wan.state == "unusable");
        wait(&service, "dsl", "the other line is used", |wan| wan.state == "up");
        let why = "the link \"wan0\" is a point-to-point link and carries no VLAN tag";
        let wan = wan(&service, "fiber");
        assert!(wan.health.iter().all(|health| health.reason == why), "{:?}", wan.health);
        ping(&lab);
        // Long enough to be tried again.
        pause(Duration::from_millis(2500));
        let log = service.log();
        let told: Vec<&str> = log.lines().filter(|line| line.contains("carries no VLAN tag")).collect();
        assert_eq!(told.len(), 2 * times, "once for each family:\n{log}");
        assert!(told.iter().all(|line| line.contains("WARN")), "{told:?}");
    };
    unusable(1);
    ip(&lab, "link del wan0");
    plug_in(&lab);
    wait(&service, "fiber", "it is Ethernet, whose ISP has no tags", |wan| wan.state == "down");
    ping(&lab);
    dial_in(&lab);
    unusable(2);
    service.stop().expect("it stops");
}
