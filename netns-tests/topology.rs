//! The lab itself: every neighbour reaches its neighbour, nothing needs flowpin for that, and nothing is left behind.

use crate::lab::{attempt, lab, run};
use flowpin::lab::Options;
use std::path::Path;

#[test]
fn neighbours_reach_each_other_in_both_families_at_once() {
    let lab = lab(Options::default());
    let pairs = [
        (&lab.fw, "10.250.250.1"),
        (&lab.fw, "fe80::1%lan0"),
        (&lab.rt, "fe80::a1%wan0"),
        (&lab.rt, "198.18.2.1"),
        (&lab.rt, "fe80::b1%wan1"),
        (&lab.rt, "203.0.113.10"),
        (&lab.ispa, "203.0.113.10"),
        (&lab.ispa, "2001:db8:ffff::10"),
        (&lab.ispb, "2001:db8:ffff::10"),
        (&lab.inet, "192.0.2.198"),
    ];
    for (namespace, address) in pairs {
        run(namespace, "ping", &["-n", "-c", "1", "-W", "2", address]);
    }
}

#[test]
fn without_flowpin_the_firewall_reaches_nobody_outside() {
    let lab = lab(Options::default());
    assert!(!attempt(&lab.fw, "ping", &["-n", "-c", "1", "-W", "1", "203.0.113.10"]).0);
    assert!(!attempt(&lab.inet, "ping", &["-n", "-c", "1", "-W", "1", "192.0.2.193"]).0);
}

#[test]
fn a_dropped_lab_leaves_no_name_and_no_directory() {
    let lab = lab(Options::default());
    let mut left: Vec<_> = lab.namespaces().map(|(_, ns)| Path::new("/run/netns").join(ns.name())).into();
    left.push(lab.directory().to_owned());
    assert!(left.iter().all(|path| path.exists()));
    drop(lab);
    assert_eq!(left.iter().filter(|path| path.exists()).collect::<Vec<_>>(), Vec::<&std::path::PathBuf>::new());
}

#[test]
fn programs_find_a_namespace_by_its_name() {
    let lab = lab(Options::default());
    let name = lab.fw.name();
    let text = run(&lab.inet, "ip", &["netns", "exec", name, "ip", "-4", "-o", "address", "show", "lan0"]);
    assert_eq!(text.matches("10.250.250.").count(), 10, "five addresses with their broadcast addresses: {text}");
}
