//! A WAN behind an 802.1Q tag: flowpin pushes the tag, requires it, and carries both families both ways.

use crate::lab::{Trunk, attempt, everything_passes, lab, offloads, open_at_stop, run, start, start_with, wait_until};
use flowpin::lab::{Lab, Options, topology};
use std::process::{Command, Stdio};
use std::time::Duration;

const TAG: u16 = 3242;

fn tagged() -> Lab {
    let lab = lab(Options { vlan: Some(TAG), ..Options::default() });
    // The tagging peer takes frames as they are on a wire: whole checksums, no super-frames.
    offloads(&lab.rt, "wan0", false);
    lab
}

#[test]
fn c_65_a_tagged_wan_carries_everything_that_an_untagged_one_does() {
    let lab = tagged();
    let _trunk = Trunk::start(&lab.ispa, Some(TAG));
    let router = start(&lab);
    let traffic = everything_passes(&lab);
    assert!(traffic.tally().seen().values().any(|seen| seen.wan == "fiber"));
    router.end(&[]);
}

#[test]
fn c_65_every_frame_to_the_isp_carries_the_tag() {
    let lab = tagged();
    let _trunk = Trunk::start(&lab.ispa, Some(TAG));
    let router = start(&lab);
    let mut command = Command::new("tcpdump");
    command.args([
        "-i",
        "trunk",
        "--immediate-mode",
        "-Q",
        "in",
        "-nn",
        "-c",
        "4",
        "-e",
        "vlan",
        "3242",
        "and",
        "icmp",
    ]);
    let tcpdump = lab.ispa.spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped())).expect("tcpdump starts");
    flowpin::clock::pause(Duration::from_millis(500));
    run(&lab.inet, "ping", &["-n", "-c", "4", "-i", "0.5", "-W", "5", "192.0.2.193"]);
    let seen = tcpdump.wait_with_output().expect("tcpdump ends");
    let text = String::from_utf8_lossy(&seen.stdout);
    assert_eq!(text.matches("192.0.2.193 > 203.0.113.10: ICMP echo reply").count(), 4, "{text}");
    router.end(&[]);
}

#[test]
fn c_65_a_frame_without_the_tag_or_with_another_one_is_not_taken() {
    for wrong in [None, Some(TAG + 1)] {
        let lab = tagged();
        let trunk = Trunk::start(&lab.ispa, Some(TAG));
        let router = start(&lab);
        run(&lab.inet, "ping", &["-n", "-c", "1", "-W", "2", "192.0.2.193"]);
        drop(trunk);
        flowpin::clock::pause(Duration::from_millis(300));
        let _trunk = Trunk::start(&lab.ispa, wrong);
        let (answered, text) = attempt(&lab.inet, "ping", &["-n", "-c", "1", "-W", "1", "192.0.2.193"]);
        assert!(!answered, "{wrong:?}: {text}");
        drop(router);
    }
}

#[test]
fn a_priority_tag_is_no_vlan_and_what_has_one_passes_an_untagged_wan() {
    let lab = tagged();
    // Priority 3, VLAN 0 (IEEE 802.1Q-2018 §6.8): what switches and ONTs add that only mark.
    let _trunk = Trunk::start(&lab.ispa, Some(0x6000));
    let router = start_with(&lab, &lab.config().replace(&format!("vlan = {TAG}\n"), ""));
    let traffic = everything_passes(&lab);
    assert!(traffic.tally().seen().values().any(|seen| seen.wan == "fiber"));
    router.end(&[]);
}

/// How many listen to everything on a link of the router.
fn promiscuity(lab: &Lab, link: &str) -> u32 {
    let text = run(&lab.rt, "ip", &["-d", "link", "show", link]);
    let after = text.split("promiscuity ").nth(1).and_then(|rest| rest.split_whitespace().next());
    after.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("{text}"))
}

#[test]
fn a_card_that_filters_vlans_lets_those_of_a_tagged_wan_through_for_as_long_as_it_is_used() {
    let lab = tagged();
    assert_eq!(promiscuity(&lab, "wan0"), 0);
    let router = start_with(&lab, &open_at_stop(&lab.config()));
    assert!(promiscuity(&lab, "wan0") > 0);
    assert_eq!(promiscuity(&lab, "wan1"), 0, "an untagged WAN needs it not");
    router.end_with_losses();
    assert_eq!(promiscuity(&lab, "wan0"), 0);
}

#[test]
fn the_links_own_addresses_are_answered_for_behind_the_tag_since_the_kernel_does_not_see_it() {
    let lab = tagged();
    let ip = |line: &str| run(&lab.rt, "ip", &line.split(' ').collect::<Vec<_>>());
    ip("address add 192.0.2.197/29 dev wan0");
    ip("address add fe80::a3/64 dev wan0 nodad");
    ip("address add 2001:db8:a:1::2/64 dev wan0 nodad");
    run(&lab.ispa, "ip", &["address", "add", "2001:db8:a:1::1/64", "dev", "customer", "nodad"]);
    let _trunk = Trunk::start(&lab.ispa, Some(TAG));
    let router = start(&lab);
    let mac = topology::mac::RT_WAN0.map(|octet| format!("{octet:02x}")).join(":");
    for own in ["192.0.2.197", "fe80::a2", "fe80::a3", "2001:db8:a:1::2"] {
        let is_known = || run(&lab.ispa, "ip", &["neigh", "show", own, "dev", "customer"]).contains(&mac);
        wait_until(&format!("the ISP knows {own}"), || {
            // Nobody behind the tag answers the ping itself.
            attempt(&lab.ispa, "ping", &["-n", "-c", "1", "-W", "1", "-I", "customer", own]);
            is_known()
        });
    }
    router.end(&[]);
}
