//! How large packets of each family may be on a line: what its link, its router's advertisement and the kernel's default
//! route say, whichever is the least.

use crate::lab::{Daemon, Router, ask, attempt, forget_paths, lab, mirror, run, start_with, wait_until};
use flowpin::api::Wan;
use flowpin::lab::topology::{INSIDE6, SERVER6};
use flowpin::lab::{Lab, Options};
use std::fs;
use std::net::SocketAddr;

/// The lab's configuration, in which the fiber goes before the DSL.
fn config(lab: &Lab) -> String {
    lab.config().replacen("interface = \"wan1\"\n", "interface = \"wan1\"\ntier = 2\n", 1)
}

fn wan(router: &Router<'_>, at: usize) -> Wan {
    router.status().wans.into_iter().nth(at).expect("the WAN")
}

/// Family, bytes and source.
fn mtus(router: &Router<'_>, at: usize) -> Vec<(String, u16, String)> {
    wan(router, at).mtus.into_iter().map(|it| (it.family, it.mtu, it.source)).collect()
}

fn both(v4: (u16, &str), v6: (u16, &str)) -> Vec<(String, u16, String)> {
    [("ipv4", v4), ("ipv6", v6)].map(|(family, (mtu, source))| (family.to_owned(), mtu, source.to_owned())).to_vec()
}

/// A ping of that many bytes with all headers that may not be fragmented: whether it was answered, and what was said.
fn ping(lab: &Lab, server: &str, bytes: u16) -> (bool, String) {
    forget_paths(&lab.fw);
    let size = (bytes - if server.contains(':') { 48 } else { 28 }).to_string();
    attempt(&lab.fw, "ping", &["-n", "-c", "1", "-W", "2", "-M", "do", "-s", &size, server])
}

#[test]
fn a_router_that_advertises_an_mtu_narrows_ipv6_and_it_is_followed() {
    let lab = lab(Options::default());
    run(&lab.rt, "sysctl", &["-qw", "net.ipv6.conf.wan0.accept_ra=2"]);
    let router = start_with(&lab, &config(&lab));
    assert_eq!(mtus(&router, 0), both((1500, "link"), (1500, "link")));
    let directory = lab.directory().join("advertiser");
    fs::create_dir(&directory).expect("a directory");
    let at = directory.display();
    let advertise = |mtu: u16| {
        let text = format!(
            "interface customer {{ AdvSendAdvert on; AdvLinkMTU {mtu}; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; }};"
        );
        fs::write(directory.join("radvd.conf"), text).expect("a file");
    };
    advertise(1400);
    let script = format!("exec radvd -n -m stderr -C {at}/radvd.conf -p {at}/radvd.pid");
    let radvd = Daemon::start(&lab.ispa, &directory, "radvd", &script);
    wait_until("1400 is in force", || mtus(&router, 0) == both((1500, "link"), (1400, "advertisement")));
    assert!(ping(&lab, "2001:db8:ffff::10", 1400).0);
    let (answered, said) = ping(&lab, "2001:db8:ffff::10", 1401);
    assert!(!answered && said.contains("Packet too big: mtu=1400"), "{said}");
    assert!(ping(&lab, "203.0.113.10", 1500).0, "IPv4 is as wide as the link");
    advertise(1450);
    radvd.reload();
    wait_until("1450 is in force", || mtus(&router, 0) == both((1500, "link"), (1450, "advertisement")));
    router.end_with_losses();
}

#[test]
fn the_metric_of_the_default_route_narrows_its_family() {
    let lab = lab(Options::default());
    let router = start_with(&lab, &config(&lab).replacen("tier = 2\n", "tier = 0\n", 1));
    let route = |words: &[&str]| {
        let route = ["route", "replace", "default", "via", "198.18.2.1", "dev", "wan1"];
        run(&lab.rt, "ip", &[&route, words].concat());
    };
    route(&["mtu", "1300"]);
    wait_until("1300 is in force", || mtus(&router, 1) == both((1300, "route"), (1500, "link")));
    assert!(ping(&lab, "203.0.113.10", 1300).0);
    let (answered, said) = ping(&lab, "203.0.113.10", 1301);
    assert!(!answered && said.contains("(mtu = 1300)"), "{said}");
    route(&[]);
    wait_until("1500 is in force", || mtus(&router, 1) == both((1500, "link"), (1500, "link")));
    assert!(ping(&lab, "203.0.113.10", 1500).0);
    router.end_with(&["too-big"]);
}

#[test]
fn a_line_below_1280_has_no_ipv6_and_says_so() {
    let lab = lab(Options::default());
    let server = mirror(&lab.inet, SERVER6);
    let router = start_with(&lab, &config(&lab));
    let six = || wan(&router, 0).health.remove(1);
    wait_until("it is up", || six().state == "up");
    run(&lab.rt, "ip", &["link", "set", "wan0", "mtu", "1200"]);
    wait_until("IPv6 is unusable", || six().state == "unusable");
    assert_eq!(six().reason, "packets of 1200 bytes at the most pass, and IPv6 needs 1280");
    assert_eq!(wan(&router, 0).health[0].state, "up");
    let seen = || lab.fw.run(|| ask(SocketAddr::new(INSIDE6.into(), 5000), server)).expect("the namespace");
    wait_until("IPv6 goes by the DSL", || seen().is_some_and(|seen| seen.ip().to_string().starts_with("2001:db8:b:")));
    run(&lab.rt, "ip", &["link", "set", "wan0", "mtu", "1500"]);
    run(&lab.rt, "ip", &["address", "replace", "fe80::a2/64", "dev", "wan0", "nodad"]);
    wait_until("it is up again", || six().state == "up");
    router.end_with_losses();
}
