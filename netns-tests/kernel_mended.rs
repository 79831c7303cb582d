//! What other software changes behind flowpin's back is as it was a moment later, and said; meanwhile nothing leaves
//! untranslated.

use crate::lab::{Router, attempt, does, forward_by_kernel, lab, run, start, wait_until};
use crate::machine::machine_of;
use flowpin::clock::pause;
use flowpin::lab::{Lab, Options};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Runs a command line on the router; then its kernel side is as it was, and `status` says what was mended.
fn is_mended(lab: &Lab, router: &Router<'_>, line: &str, said: &str) {
    let (before, mended) = (machine_of(lab), router.status().kernel_side.mended);
    does(&lab.rt, line);
    wait_until(&format!("mended: {line}"), || machine_of(lab) == before);
    wait_until(&format!("said: {line}"), || router.status().kernel_side.mended > mended);
    let side = router.status().kernel_side;
    assert!(side.last_mended.contains(said), "{line}: {side:?}");
    assert_eq!(side.amiss, Vec::<String>::new(), "{line}");
}

/// The switch by which IPv6 is forwarded from the firewall's link: its own from Linux 6.17 on, else that of the machine.
fn forwarding6(lab: &Lab) -> &'static str {
    let own = "net.ipv6.conf.lan0.force_forwarding";
    if attempt(&lab.rt, "sysctl", &["-n", own]).0 { own } else { "net.ipv6.conf.all.forwarding" }
}

#[test]
fn rules_routes_and_switches_that_somebody_changes_are_mended_and_named() {
    let lab = lab(Options::default());
    let router = start(&lab);
    assert_eq!(router.status().kernel_side.mended, 0);
    let sysctl6 = forwarding6(&lab);
    for (line, said) in [
        ("ip rule del priority 61", "the IPv4 policy rule 61 (iif lan0 lookup 5250) was missing"),
        ("ip -6 rule del priority 60", "the IPv6 policy rule 60 (iif flowpin0 lookup 254) was missing"),
        ("ip route flush table 5250", "the route 0.0.0.0/0 in table 5250 was missing"),
        ("ip -6 route flush table 5250", "the route ::/0 in table 5250 was missing"),
        ("sysctl -qw net.ipv4.conf.lan0.forwarding=0", "net.ipv4.conf.lan0.forwarding was 0"),
        ("sysctl -qw net.ipv4.conf.flowpin0.rp_filter=1", "net.ipv4.conf.flowpin0.rp_filter was 1"),
        (&format!("sysctl -qw {sysctl6}=0"), &format!("{sysctl6} was 0")),
    ] {
        is_mended(&lab, &router, line, said);
    }
    for server in ["203.0.113.10", "2001:db8:ffff::10"] {
        run(&lab.fw, "ping", &["-n", "-c", "1", "-W", "5", server]);
    }
    router.end(&[]);
}

#[test]
fn a_switch_whose_change_the_kernel_does_not_report_is_found_by_looking() {
    let lab = lab(Options::default());
    let router = start(&lab);
    let switch = "net.ipv4.conf.flowpin0.accept_local";
    run(&lab.rt, "sysctl", &["-qw", &format!("{switch}=0")]);
    // The next look comes within ten seconds.
    pause(Duration::from_secs(3));
    wait_until("the switch is as it was", || run(&lab.rt, "sysctl", &["-n", switch]).trim() == "1");
    wait_until("it is said", || router.status().kernel_side.last_mended == format!("{switch} was 0"));
    router.end(&[]);
}

#[test]
fn the_shield_stands_though_somebody_flushes_the_ruleset() {
    let lab = lab(Options::default());
    let router = start(&lab);
    let tables = run(&lab.rt, "nft", &["list", "ruleset"]);
    assert!(tables.contains("table netdev flowpin-flowpin0") && tables.contains("table inet flowpin-flowpin0"));
    for _ in 0..3 {
        run(&lab.rt, "nft", &["flush", "ruleset"]);
        wait_until("the tables stand", || run(&lab.rt, "nft", &["list", "ruleset"]) == tables);
    }
    let text = run(&lab.fw, "ping", &["-n", "-c", "3", "-i", "0.2", "-W", "5", "2001:db8:ffff::10"]);
    assert!(!text.contains("duplicates"), "{text}");
    router.end(&[]);
}

#[test]
fn nothing_leaves_untranslated_while_rules_are_mended_though_the_machine_forwards() {
    let lab = lab(Options::default());
    forward_by_kernel(&lab);
    let router = start(&lab);
    let mut tcpdump = Command::new("tcpdump");
    tcpdump.args(["-i", "customer", "--immediate-mode", "-lnn", "net 10.250.250.0/29 or net fd00:bad:b01::/48"]);
    let tcpdump = lab.ispb.spawn(tcpdump.stdout(Stdio::piped()).stderr(Stdio::null())).expect("tcpdump starts");
    pause(Duration::from_millis(700));
    let ping = |server: &str| {
        let mut ping = Command::new("ping");
        ping.args(["-n", "-c", "400", "-i", "0.005", "-W", "1", server]);
        lab.fw.spawn(ping.stdout(Stdio::null())).expect("ping starts")
    };
    let mut pings = ["203.0.113.10", "2001:db8:ffff::10"].map(ping);
    while pings.iter_mut().any(|ping| ping.try_wait().expect("it can be asked").is_none()) {
        for family in ["-4", "-6"] {
            // It may not have been mended yet.
            attempt(&lab.rt, "ip", &[family, "rule", "del", "priority", "61"]);
        }
        pause(Duration::from_millis(100));
    }
    pause(Duration::from_millis(300));
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(tcpdump.id().cast_signed()), nix::sys::signal::Signal::SIGINT)
        .expect("it lives");
    let seen = tcpdump.wait_with_output().expect("tcpdump ends");
    assert_eq!(String::from_utf8_lossy(&seen.stdout).trim(), "", "left with private addresses");
    wait_until("the rules are mended", || run(&lab.rt, "ip", &["rule"]).contains("iif lan0 lookup 5250"));
    assert!(router.status().kernel_side.mended > 0);
    router.end(&[]);
}

#[test]
fn other_networks_of_the_machine_stay_out_of_reach_where_it_did_not_route() {
    let lab = lab(Options::default());
    for line in [
        "ip link add mgmt type veth peer name host",
        "ip addr add fd00:99::1/64 dev mgmt nodad",
        "ip link set mgmt up",
        "ip link set host up",
        "ip -6 neigh add fd00:99::2 lladdr 02:00:00:00:00:99 dev mgmt nud permanent",
    ] {
        does(&lab.rt, line);
    }
    run(&lab.ispa, "ip", &["-6", "route", "add", "fd00:99::/64", "via", "fe80::a2", "dev", "customer"]);
    let router = start(&lab);
    let mut tcpdump = Command::new("timeout");
    tcpdump.args(["4", "tcpdump", "-i", "mgmt", "--immediate-mode", "-lnn", "-Q", "out", "dst fd00:99::2 and icmp6"]);
    let tcpdump = lab.rt.spawn(tcpdump.stdout(Stdio::piped()).stderr(Stdio::null())).expect("tcpdump starts");
    pause(Duration::from_millis(700));
    attempt(&lab.ispa, "ping", &["-n", "-c", "2", "-i", "0.2", "-W", "1", "fd00:99::2"]);
    let seen = tcpdump.wait_with_output().expect("tcpdump ends");
    assert_eq!(String::from_utf8_lossy(&seen.stdout).trim(), "", "reached from a WAN");
    router.end(&[]);
}
