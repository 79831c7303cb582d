//! Every gateway that the kernel knows of a link is a candidate: the best that answers is used, another takes over when it falls
//! silent, and one whose route blinks is not gone.

use crate::lab::{Daemon, Router, Segment, does, fiber_following, lab, settle, start_with, wait_until, wan};
use flowpin::api::Gateway;
use flowpin::lab::topology::{INSIDE6, SERVER6};
use flowpin::lab::{Lab, Options};
use std::fs;

/// Advertises a router on a link every three seconds.
fn advertise(lab: &Lab, namespace: &flowpin::lab::Namespace, link: &str, preference: &str) -> Daemon {
    let directory = lab.directory().join(format!("radvd-{link}"));
    fs::create_dir_all(&directory).expect("a directory");
    let text = format!(
        "interface {link} {{ AdvSendAdvert on; AdvDefaultPreference {preference}; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; \
         AdvDefaultLifetime 600; }};"
    );
    fs::write(directory.join("radvd.conf"), text).expect("a file");
    let at = directory.display();
    let script = format!("exec radvd -n -m stderr -C {at}/radvd.conf -p {at}/radvd.pid");
    Daemon::start(namespace, &directory, "radvd", &script)
}

/// The fiber's gateways for IPv6, best first.
fn gateways6(router: &Router<'_>) -> Vec<Gateway> {
    wan(router, "fiber").gateways.into_iter().filter(|it| it.family == "ipv6").collect()
}

fn used6(router: &Router<'_>) -> Option<String> {
    gateways6(router).into_iter().find(|it| it.used && it.state == "reachable").map(|it| it.address.to_string())
}

/// A second router on the fiber's segment, whose way to the Internet is ISP a.
fn second_router(lab: &Lab) -> Segment {
    let segment = Segment::start(lab);
    does(&segment.other, "sysctl -qw net.ipv6.conf.all.forwarding=1");
    does(&segment.other, "ip address add fe80::bd/64 dev seg0 nodad");
    does(&segment.other, "ip -6 route add default via fe80::a1 dev seg0");
    does(&lab.rt, "sysctl -qw net.ipv6.conf.wan0.accept_ra=2 net.ipv6.conf.wan0.accept_ra_rtr_pref=1");
    segment
}

fn pings(lab: &Lab) -> bool {
    let (from, to) = (INSIDE6.to_string(), SERVER6.to_string());
    crate::lab::attempt(&lab.fw, "ping", &["-n", "-c", "1", "-W", "1", "-I", &from, &to]).0
}

#[test]
fn of_two_routers_that_advertise_themselves_the_preferred_one_is_used_and_the_other_carries_when_it_dies() {
    let lab = lab(Options::default());
    let segment = second_router(&lab);
    let _first = advertise(&lab, &lab.ispa, "customer", "low");
    let _second = advertise(&lab, &segment.other, "seg0", "high");
    let router = start_with(&lab, &fiber_following(&lab));
    wait_until("the preferred one is used", || used6(&router).as_deref() == Some("fe80::bd"));
    wait_until("both are known", || gateways6(&router).len() == 2);
    let shown: Vec<_> = gateways6(&router).into_iter().map(|it| (it.address.to_string(), it.why, it.used)).collect();
    let why = |preference: &str| format!("router advertisement, preference {preference}, metric 1024");
    assert_eq!(shown, [("fe80::bd".to_owned(), why("high"), true), ("fe80::a1".to_owned(), why("low"), false)]);
    assert!(pings(&lab));
    // It dies without a word: its route stays for ten minutes.
    does(&segment.other, "ip link set seg0 down");
    wait_until("the other carries", || pings(&lab));
    assert_eq!(used6(&router).as_deref(), Some("fe80::a1"));
    assert_eq!(wan(&router, "fiber").health[1].state, "up", "{:?}", wan(&router, "fiber").health);
    assert_eq!(gateways6(&router).len(), 2, "its route is still there");
    does(&segment.other, "ip link set seg0 up");
    does(&segment.other, "ip address replace fe80::bd/64 dev seg0 nodad");
    does(&segment.other, "ip -6 route replace default via fe80::a1 dev seg0");
    wait_until("it is used again", || used6(&router).as_deref() == Some("fe80::bd"));
    wait_until("and carries", || pings(&lab));
    let _ = router.end_with_losses();
}

#[test]
fn a_gateway_whose_route_blinks_is_not_gone() {
    let lab = lab(Options::default());
    does(&lab.rt, "ip -6 route add default via fe80::a1 dev wan0 metric 50");
    does(&lab.rt, "ip route add default via 192.0.2.198 dev wan0 onlink metric 50");
    let router = start_with(&lab, &fiber_following(&lab));
    wait_until("the line is up", || wan(&router, "fiber").state == "up");
    let lapsed = |family: &str| {
        let fiber = wan(&router, "fiber");
        let is_up = fiber.health.iter().any(|it| it.family == family && it.state == "up");
        is_up && fiber.gateways.iter().any(|it| it.family == family && it.why == "its route is gone" && it.used)
    };
    for (route, family) in [("-6 route", "ipv6"), ("route", "ipv4")] {
        let via = if family == "ipv6" { "fe80::a1 dev wan0" } else { "192.0.2.198 dev wan0 onlink" };
        // A machine that stands still for some seconds would miss it: then the route blinks again.
        wait_until("a route that is gone is told, and its gateway is used", || {
            does(&lab.rt, &format!("ip {route} replace default via {via} metric 50"));
            wait_until("the route is known", || !lapsed(family));
            does(&lab.rt, &format!("ip {route} del default dev wan0 metric 50"));
            (0..40).any(|_| {
                flowpin::clock::pause(std::time::Duration::from_millis(50));
                lapsed(family)
            })
        });
    }
    does(&lab.rt, "ip -6 route replace default via fe80::a1 dev wan0 metric 50");
    wait_until("it is there again", || wan(&router, "fiber").gateways.iter().any(|it| it.why.contains("metric 50")));
    wait_until("what stays away is gone", || wan(&router, "fiber").state == "ipv4 no-gateway, ipv6 up");
    router.end(&[]);
}

#[test]
fn an_ipv4_gateway_may_be_reached_by_its_ipv6_address() {
    let lab = lab(Options::default());
    does(&lab.rt, "ip -4 route add default via inet6 fe80::a1 dev wan0 metric 50");
    let router = start_with(&lab, &fiber_following(&lab));
    wait_until("it is resolved", || {
        wan(&router, "fiber")
            .gateways
            .iter()
            .any(|it| it.family == "ipv4" && it.address.is_ipv6() && it.mac.as_deref() == Some("00:00:5e:00:53:a1"))
    });
    wait_until("IPv4 is up", || wan(&router, "fiber").health[0].state == "up");
    let ping = ["-n", "-c", "3", "-W", "5", "203.0.113.10"];
    wait_until("IPv4 passes", || crate::lab::attempt(&lab.fw, "ping", &ping).0);
    settle();
    let _ = router.end_with_losses();
}
