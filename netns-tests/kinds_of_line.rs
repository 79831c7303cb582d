//! Lines of every kind that the kernel's own drivers make: PPPoE with real daemons, WireGuard, tunnels. Ordinary test machines lack
//! these drivers, so each test is marked for `.ci/kernels`, whose kernels have them.

use crate::lab::{
    Router, TUNNELS, attempt, carry, dial_pppoe, does, exchange, judged, lab, lay_loose_tunnel, lay_tunnel,
    lay_wireguard, run, serve_pppoe, start_with, wait_for, wait_for_line, wait_until, wan,
};
use flowpin::lab::topology::{FIBER4, INSIDE4, INSIDE6, SERVER4, SERVER6};
use flowpin::lab::{Lab, Options};
use std::net::{IpAddr, SocketAddr};

/// Probes of hosts beyond the line, at the pace of an emulated machine.
const PATIENT: &str = "probes = [{ icmp = \"203.0.113.10\" }, { icmp = \"2001:db8:ffff::10\" }]
timeout = \"3s\"
interval = \"4s\"
";

/// The fiber goes by `line0` and has no gateway.
fn config(lab: &Lab, probes: &str) -> String {
    let config = judged(lab, &format!("{probes}rise = 1\nhold = \"0s\""));
    let config = config.replace("gateway4 = \"192.0.2.198\"\n", "").replace("gateway6 = \"fe80::a1\"\n", "");
    config.replace("interface = \"wan0\"", "interface = \"line0\"")
}

/// The fiber alone carries these families both ways.
fn all_passes(lab: &Lab, [four, six]: [bool; 2]) {
    let inside: [(bool, IpAddr, IpAddr); 2] =
        [(four, INSIDE4[0].into(), SERVER4.into()), (six, INSIDE6.into(), SERVER6.into())];
    for (_, from, to) in inside.into_iter().filter(|(carried, ..)| *carried) {
        let [source, target] = [from, to].map(|it| it.to_string());
        wait_until("a ping comes back", || {
            attempt(&lab.fw, "ping", &["-n", "-c", "1", "-W", "5", "-I", &source, &target]).0
        });
        exchange((&lab.fw, from), (&lab.inet, SocketAddr::new(to, 5001)), 100_000);
    }
    if four {
        run(&lab.inet, "ping", &["-n", "-c", "2", "-W", "9", &FIBER4[0].to_string()]);
    }
}

fn fiber_alone(lab: &Lab, router: &Router<'_>) {
    wait_for(router, "fiber", "up");
    carry(lab, "dsl", false);
    wait_for(router, "dsl", "link-down");
}

#[test]
#[ignore = "the kernel needs WireGuard: .ci/kernels has one"]
fn a_wireguard_tunnel_carries_both_families_both_ways() {
    let lab = lab(Options::default());
    lay_wireguard(&lab);
    let router = start_with(&lab, &config(&lab, PATIENT));
    fiber_alone(&lab, &router);
    assert_eq!(wan(&router, "fiber").mtu, 1420);
    all_passes(&lab, [true; 2]);
    router.end_with_losses();
}

#[test]
#[ignore = "the kernel needs PPPoE: .ci/kernels has one"]
fn a_pppoe_line_carries_both_families_both_ways_and_again_when_it_was_hung_up_and_dialled() {
    let lab = lab(Options::default());
    let _server = serve_pppoe(&lab);
    let _client = dial_pppoe(&lab);
    let router = start_with(&lab, &config(&lab, ""));
    fiber_alone(&lab, &router);
    let fiber = wan(&router, "fiber");
    assert_eq!((fiber.mtu, fiber.gateways[0].address.to_string().as_str()), (1492, "10.64.0.1"));
    all_passes(&lab, [true; 2]);
    does(&lab.ispa, "ip link set customer down");
    wait_for(&router, "fiber", "absent");
    wait_until("the ISP knows it too", || !attempt(&lab.ispa, "ip", &["link", "show", "line0"]).0);
    does(&lab.ispa, "ip link set customer up");
    wait_for_line(&lab);
    wait_for(&router, "fiber", "up");
    all_passes(&lab, [true; 2]);
    router.end_with_losses();
}

#[test]
#[ignore = "the kernel needs tunnels: .ci/kernels has one"]
fn a_line_is_one_tunnel_after_another_under_one_name_and_each_carries_what_it_is_made_for() {
    let lab = lab(Options::default());
    let router = start_with(&lab, &config(&lab, ""));
    carry(&lab, "dsl", false);
    for (how, carries) in TUNNELS {
        wait_for(&router, "fiber", "absent");
        lay_tunnel(&lab, how);
        wait_for(&router, "fiber", "up");
        all_passes(&lab, carries);
        does(&lab.rt, "ip link del line0");
        does(&lab.ispa, "ip link del line0");
    }
    router.end_with_losses();
}

#[test]
#[ignore = "the kernel needs tunnels: .ci/kernels has one"]
fn a_tunnel_without_a_remote_end_is_no_line_and_says_so_until_it_has_one() {
    let lab = lab(Options::default());
    lay_loose_tunnel(&lab);
    let router = start_with(&lab, &config(&lab, ""));
    wait_for(&router, "dsl", "up");
    let fiber = wan(&router, "fiber");
    let why = "the tunnel \"line0\" has no remote end: make it anew with one (`remote ADDRESS`), as a WAN must have";
    assert_eq!(fiber.state, "unusable");
    assert!(fiber.health.iter().all(|health| health.reason == why), "{:?}", fiber.health);
    does(&lab.rt, "ip link del line0");
    does(&lab.rt, "ip link add line0 type ipip local 10.99.0.1 remote 10.99.0.2");
    does(&lab.rt, "ip link set line0 up");
    fiber_alone(&lab, &router);
    all_passes(&lab, [true, false]);
    router.end_with_losses();
}
