//! What the kernel side sets up is undone to the byte, a killed run is taken over, and conflicts are named.

use crate::machine::{add_tun, build_router, entire, in_namespace, machine, output, plan, set_up, sh, tear_down};
use flowpin::control::kernel::{self, Plan, Repaired};
use std::fs;
use std::path::Path;

fn sysctl(path: &str) -> String {
    fs::read_to_string(Path::new("/proc/sys/net").join(path)).unwrap().trim().to_owned()
}

async fn refusal(plan: &Plan) -> Vec<String> {
    match kernel::setup(plan).await {
        Ok(_) => panic!("set up in spite of a conflict"),
        Err(faults) => faults,
    }
}

fn assert_same(before: &str, after: &str) {
    for (old, new) in before.lines().zip(after.lines()) {
        assert_eq!(old, new);
    }
    assert_eq!(before, after);
}

/// What was mended, where nothing stays amiss.
fn whole(repaired: Repaired) -> Vec<String> {
    assert_eq!(repaired.amiss, Vec::<String>::new());
    repaired.mended
}

#[test]
fn what_is_set_up_is_undone_to_the_byte() {
    in_namespace(|| async {
        build_router();
        let (before, plan) = (machine(), plan("undone"));
        add_tun();
        let kernel = set_up(&plan).await;
        assert!(output("ip -4 rule").contains("61:\tfrom all iif lan0 lookup 5250 proto 102"));
        assert!(output("ip -4 rule").contains("60:\tfrom all iif flowpin0 lookup main proto 102"));
        assert_eq!(
            output("ip -6 route show fd00:bad:b01::/60").trim(),
            "fd00:bad:b01::/60 via fe80::2 dev lan0 proto 102 metric 1024 pref medium"
        );
        assert_eq!(output("ip -6 addr show flowpin0; ip -4 addr show flowpin0 | grep inet"), "");
        assert!(output("ip link show flowpin0").contains("<NO-CARRIER,POINTOPOINT,NOARP,UP> mtu 1500"));
        assert!(output("ip link show flowpin0").contains("qlen 4096"));
        let switches = ["ip_forward", "conf/lan0/forwarding", "conf/flowpin0/forwarding", "conf/wan0/forwarding"];
        assert_eq!(switches.map(|switch| sysctl(&format!("ipv4/{switch}"))), ["0", "1", "1", "0"]);
        let filters = ["all", "default", "wan0", "lan0", "flowpin0"];
        assert_eq!(filters.map(|link| sysctl(&format!("ipv4/conf/{link}/rp_filter"))), ["0", "2", "2", "2", "0"]);
        tear_down(kernel, &plan).await;
        sh("ip link del flowpin0");
        assert_same(&before, &machine());
    });
}

#[test]
fn a_killed_run_is_taken_over_and_its_originals_come_back() {
    in_namespace(|| async {
        build_router();
        let (before, plan) = (machine(), plan("killed"));
        add_tun();
        drop(set_up(&plan).await);
        sh("ip link del flowpin0");
        assert!(plan.state.exists());
        let refused = output("ip -4 route get 198.51.100.1 iif lan0 from 10.250.250.2");
        assert_eq!(refused.trim(), "RTNETLINK answers: No route to host");
        // The next run has another TUN and one more prefix; a switch was turned by hand in between.
        let next = Plan { tun: String::from("flowpin1"), ..plan.clone() };
        sh("ip tuntap add flowpin1 mode tun");
        fs::write("/proc/sys/net/ipv4/conf/wan0/rp_filter", "1").unwrap();
        let kernel = set_up(&next).await;
        assert_eq!(output("nft list tables").lines().count(), 2, "of the families netdev and inet, none left over");
        assert_eq!(output("ip -4 rule").matches("proto 102").count(), 2);
        tear_down(kernel, &next).await;
        sh("ip link del flowpin1");
        assert_same(&before.replace("ipv4/conf/wan0/rp_filter = 0", "ipv4/conf/wan0/rp_filter = 1"), &machine());
    });
}

#[test]
fn tables_that_nobody_owns_are_taken_over_after_the_kernel_refuses_to_give_them_an_owner() {
    in_namespace(|| async {
        build_router();
        let plan = plan("ownerless");
        add_tun();
        sh("for family in netdev inet; do nft add table $family flowpin-flowpin0; done");
        let mut kernel = set_up(&plan).await;
        let tables = "table inet flowpin-flowpin0\ntable netdev flowpin-flowpin0\n";
        assert_eq!(output("nft list tables | sort"), tables);
        assert!(output("nft list table netdev flowpin-flowpin0").contains("192.0.2.193"));
        kernel.guard.replace(&[entire("192.0.2.194/32")]).await.unwrap();
        let table = output("nft list table netdev flowpin-flowpin0");
        assert!(table.contains("192.0.2.194") && !table.contains("192.0.2.193"), "{table}");
        tear_down(kernel, &plan).await;
        assert_eq!(output("nft list tables"), "");
    });
}

#[test]
fn every_conflict_is_named_and_nothing_is_changed() {
    in_namespace(|| async {
        build_router();
        sh("
            ip -4 rule add iif lan0 lookup 7 priority 100
            ip -6 rule add from 2001:db8::/32 lookup main priority 60
            ip -4 route add 203.0.113.0/24 via 192.0.2.1 table 5250
            ip -6 route add fd00:bad:b01::/60 via fe80::77 dev wan0
        ");
        add_tun();
        let (before, plan) = (machine(), plan("conflicts"));
        let faults = refusal(&plan).await;
        let expected = [
            "the IPv4 policy rule 100 (iif lan0 lookup 7) is in the way: flowpin needs the priorities 60 and 61, table 5250 \
             and what arrives on \"lan0\"; delete or renumber that rule",
            "routing table 5250 already holds a route to 203.0.113.0/24 that is not flowpin's; flowpin needs this table for \
             itself, move the route to another",
            "the IPv6 policy rule 60 (lookup 254) is in the way: flowpin needs the priorities 60 and 61, table 5250 and what \
             arrives on \"lan0\"; delete or renumber that rule",
            "the machine already has a route for the inside prefix fd00:bad:b01::/60 that does not lead to the firewall over \
             \"lan0\" via fe80::2; delete it, or correct [downstream] prefixes",
        ];
        assert_eq!(faults, expected);
        assert_same(&before, &machine());
        assert!(!plan.state.exists());
    });
}

#[test]
fn a_rule_that_takes_every_packet_first_is_a_conflict() {
    in_namespace(|| async {
        build_router();
        add_tun();
        sh("ip -4 rule add priority 5 lookup 9; ip -4 rule add priority 6 to 10.9.0.0/16 lookup 9");
        sh("ip -6 rule add priority 100 lookup local; ip -6 rule del priority 0");
        let faults = refusal(&plan("first")).await;
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[0].starts_with("the IPv4 policy rule 5 (lookup 9) is in the way: "));
        assert!(faults[1].starts_with("the IPv6 policy rule \"lookup local\" must stand before priority 60, "));
    });
}

#[test]
fn what_was_lost_on_the_way_is_repaired_and_still_undone() {
    in_namespace(|| async {
        build_router();
        let (before, plan) = (machine(), plan("repaired"));
        add_tun();
        let mut kernel = set_up(&plan).await;
        let standing = machine();
        sh("ip rule flush protocol 102; ip -6 route flush table main protocol 102; ip route flush table 5250");
        fs::write("/proc/sys/net/ipv4/conf/lan0/forwarding", "0").unwrap();
        let mended = whole(kernel.forwarding.repair().await);
        assert_same(&standing, &machine());
        assert_eq!(mended.len(), 6, "{mended:#?}");
        assert!(mended.contains(&"net.ipv4.conf.lan0.forwarding was 0".to_owned()), "{mended:#?}");
        assert_eq!(whole(kernel.forwarding.repair().await), Vec::<String>::new());
        assert_same(&standing, &machine());
        tear_down(kernel, &plan).await;
        sh("ip link del flowpin0");
        assert_same(&before, &machine());
    });
}

#[test]
fn a_link_that_comes_later_is_left_as_it_would_be_without_flowpin() {
    in_namespace(|| async {
        build_router();
        sh("sysctl -qw net.ipv6.conf.default.accept_ra=1; ip link add late0 type veth peer name late1");
        let before = machine();
        sh("ip link del late0");
        let plan = plan("late");
        add_tun();
        let mut kernel = set_up(&plan).await;
        sh("ip link add late0 type veth peer name late1");
        whole(kernel.forwarding.repair().await);
        assert_eq!(sysctl("ipv4/conf/late0/rp_filter"), "2", "the filter of all is kept");
        tear_down(kernel, &plan).await;
        sh("ip link del flowpin0");
        assert_same(&before, &machine());
    });
}

#[test]
fn a_prefix_without_a_way_and_a_missing_link_are_named() {
    in_namespace(|| async {
        build_router();
        add_tun();
        let (before, plan) = (machine(), plan("missing"));
        let homeless = Plan { next_hop6: None, ..plan.clone() };
        let said = "the inside prefix fd00:bad:b01::/60 is not on-link on \"lan0\" and no route leads there: set next_hop6 \
                    in [downstream] to the firewall's address";
        assert_eq!(refusal(&homeless).await, [said]);
        let unplugged = Plan { downstream: Some(String::from("lan9")), ..plan.clone() };
        let said = "there is no link \"lan9\" on this machine: correct [downstream] interface, or plug it in";
        assert_eq!(refusal(&unplugged).await, [said]);
        assert_same(&before, &machine());
        // The next hop is not a neighbour: what was done until then is undone.
        let inside = vec!["10.99.0.0/16".parse().unwrap()];
        let astray = Plan { inside, next_hop4: Some("172.16.0.1".parse().unwrap()), ..plan };
        let faults = refusal(&astray).await;
        assert!(faults[0].starts_with("cannot add the route 10.99.0.0/16 via 172.16.0.1: "), "{faults:?}");
        sh("ip link del flowpin0");
        add_tun();
        assert_same(&before, &machine());
    });
}

#[test]
fn routes_that_the_machine_has_already_are_left_alone() {
    in_namespace(|| async {
        build_router();
        sh(
            "ip -6 route add fd00:bad:b01::/60 via fe80::2 dev lan0 proto static; ip route add 10.7.0.0/16 via 10.250.250.2",
        );
        let (before, mut plan) = (machine(), plan("already"));
        plan.inside.push("10.7.8.0/24".parse().unwrap());
        add_tun();
        let kernel = set_up(&plan).await;
        assert_eq!(output("ip -6 route show table main proto 102; ip -4 route show table main proto 102"), "");
        tear_down(kernel, &plan).await;
        sh("ip link del flowpin0");
        assert_same(&before, &machine());
    });
}

#[test]
fn without_a_downstream_link_only_the_tun_is_touched() {
    in_namespace(|| async {
        build_router();
        let (before, mut plan) = (machine(), plan("alone"));
        plan.downstream = None;
        plan.addresses = vec!["198.18.0.1/24".parse().unwrap(), "2001:db8:f::1/64".parse().unwrap()];
        add_tun();
        let kernel = set_up(&plan).await;
        assert_eq!(
            output("ip -br addr show flowpin0 | tr -s ' '").trim(),
            "flowpin0 DOWN 198.18.0.1/24 2001:db8:f::1/64"
        );
        let others = |text: &str| {
            let kept = |line: &&str| line.starts_with("/proc") && !line.contains("flowpin0");
            text.lines().filter(kept).map(String::from).collect::<Vec<_>>()
        };
        assert_eq!(others(&before), others(&machine()));
        assert_eq!(output("ip -4 rule; ip -6 rule").matches("proto 102").count(), 0);
        tear_down(kernel, &plan).await;
        sh("ip link del flowpin0");
        assert_same(&before, &machine());
    });
}
