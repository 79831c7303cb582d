//! C-69: links whose size changes, and a firewall whose link is another. Must never know: how changes are heard of.

use crate::lab::{attempt, lab, run, start, wait_until};
use flowpin::lab::{Lab, Namespace, Options};

fn ip(namespace: &Namespace, line: &str) {
    run(namespace, "ip", &line.split(' ').collect::<Vec<_>>());
}

fn ping(lab: &Lab, size: &str) -> (bool, String) {
    attempt(
        &lab.fw,
        "ping",
        &["-n", "-c", "1", "-W", "5", "-M", "do", "-s", size, "-I", "10.250.250.2", "203.0.113.10"],
    )
}

#[test]
fn c_69_the_mtu_of_a_link_is_followed_down_and_up() {
    let lab = lab(Options::default());
    let router = start(&lab);
    let (passes, text) = ping(&lab, "1472");
    assert!(passes, "{text}");
    let set = |mtu: u16| {
        for link in ["wan0", "wan1"] {
            ip(&lab.rt, &format!("link set {link} mtu {mtu}"));
        }
        wait_until("flowpin has seen it", || router.status().wans.iter().all(|wan| wan.mtu == mtu));
    };
    set(1400);
    let (passes, text) = ping(&lab, "1373");
    assert!(!passes && text.contains("From 10.250.250.1") && text.contains("mtu = 1400"), "{text}");
    ip(&lab.fw, "route flush cache");
    let (passes, text) = ping(&lab, "1372");
    assert!(passes, "{text}");
    set(1500);
    let (passes, text) = ping(&lab, "1472");
    assert!(passes, "{text}");
    router.end(&[("outbound", "too-big", 1)]);
}

#[test]
fn c_69_a_firewall_that_comes_back_on_a_new_link_is_served_again() {
    let lab = lab(Options::default());
    let router = start(&lab);
    assert!(ping(&lab, "56").0);
    ip(&lab.rt, "link del lan0");
    let make = "link add lan0 address 00:00:5e:00:53:01 type veth peer name lan0 address 00:00:5e:00:53:02 netns";
    ip(&lab.rt, &format!("{make} {}", lab.fw.name()));
    ip(&lab.fw, "link set lan0 up");
    ip(&lab.rt, "link set lan0 up");
    ip(&lab.rt, "address add 10.250.250.1/29 dev lan0");
    ip(&lab.rt, "address add fe80::1/64 dev lan0 nodad");
    ip(&lab.fw, "address add 10.250.250.2/29 dev lan0");
    ip(&lab.fw, "route add default via 10.250.250.1");
    wait_until("the firewall is served", || attempt(&lab.fw, "ping", &["-n", "-c", "1", "-W", "1", "203.0.113.10"]).0);
    assert!(ping(&lab, "56").0);
    router.end(&[]);
}
