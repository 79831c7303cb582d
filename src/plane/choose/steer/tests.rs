//! Claims about the choice of a WAN, over ten thousand flows each.

use super::*;
use crate::plane::policy::{Fixed, Inside, OnDown, Wan, WanFixed, WanLink};
use crate::plane::translate::host6::HostMap6;
use crate::plane::translate::nat44::Nat44Map;
use crate::types::{Mac, Standing};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

const FLOWS: u32 = 10_000;

fn policy(wans: &[(&str, u8, u32)]) -> Policy {
    let link = WanLink {
        layer: crate::types::LinkLayer::Ethernet,
        mac: Mac([2, 0, 0, 0, 0, 1]),
        any_mac: false,
        came_up: Some(1),
        vlan: None,
        told_mtu: [None; 2],
        addresses: [].into(),
        gateways: Default::default(),
        direct: [].into(),
        gateway_macs: [None; 2],
    };
    let fixed = |(name, tier, weight): &(&str, u8, u32)| WanFixed {
        name: (*name).into(),
        tier: *tier,
        weight: *weight,
        sources: [None; 2],
        inbound6: vec![],
        health: vec![],
        on_down: OnDown::default(),
    };
    let wan = |said: &(&str, u8, u32)| Wan {
        fixed: Arc::new(fixed(said)),
        mtu: 1500,
        link: link.clone(),
        probe: None,
        nat44: Nat44Map::default(),
        masquerade: None,
        host6: HostMap6::default(),
        nptv6: [].into(),
        kept6: [].into(),
        owned_since: 1,
        standing: [Standing::Up; 2],
        on_up: [crate::types::Remedies::all(crate::types::Remedy::Drain); 2],
        draining: [None; 2],
    };
    let fixed = Fixed { seed: 7, icmp_errors: 1000, ..Fixed::default() };
    Policy {
        epoch: 1,
        fixed: Arc::new(fixed),
        inside: Inside { mtu: 1500, machine: [].into(), own: [].into(), router4: None, router6: None },
        wans: wans.iter().map(wan).collect(),
    }
}

fn key(n: u32) -> FlowKey {
    let [.., high, low] = n.to_be_bytes();
    let inside = IpAddr::V4(Ipv4Addr::new(10, 250, 250, 2 + u8::try_from(n % 5).unwrap()));
    let remote = IpAddr::V4(Ipv4Addr::new(198, 18, high, low));
    FlowKey::from_parts(6, (inside, 1024 + u16::try_from(n).unwrap()), (remote, 443))
}

fn names(policy: &Policy, usable: impl Fn(WanId) -> bool) -> Vec<&str> {
    let among = policy.wans().map(|(id, _)| id).filter(|id| usable(*id)).collect();
    (0..FLOWS).map(|n| &*policy.wan(choose(policy, &key(n), among).unwrap()).unwrap().fixed.name).collect()
}

/// Flows that fell to `name`, and how many standard deviations that is from its share.
fn share(chosen: &[&str], name: &str, expected: f64) -> (f64, f64) {
    let count = chosen.iter().filter(|chosen| **chosen == name).count() as f64;
    let n = chosen.len() as f64;
    (count, (count - n * expected).abs() / (n * expected * (1.0 - expected)).sqrt())
}

#[test]
fn flows_are_shared_by_weight() {
    for balance in [Balance::Endpoint, Balance::Site, Balance::Flow] {
        let mut policy = policy(&[("a", 0, 1), ("b", 0, 2), ("c", 0, 5)]);
        policy.fixed_mut().balance = balance;
        let chosen = names(&policy, |_| true);
        for (name, expected) in [("a", 0.125), ("b", 0.25), ("c", 0.625)] {
            let (count, sigmas) = share(&chosen, name, expected);
            assert!(sigmas < 3.0, "{balance:?}: {name} got {count} of {FLOWS}, {sigmas:.1} sigma off");
        }
    }
}

#[test]
fn a_wan_that_leaves_moves_only_its_own_flows() {
    let policy = policy(&[("a", 0, 1), ("b", 0, 2), ("c", 0, 1)]);
    let (before, after) = (names(&policy, |_| true), names(&policy, |id| id != WanId(1)));
    for (before, after) in before.iter().zip(&after) {
        assert!(*before == "b" && *after != "b" || before == after);
    }
    let moved: Vec<_> = before.iter().zip(&after).filter(|(b, _)| **b == "b").map(|(_, after)| *after).collect();
    assert!(share(&moved, "a", 0.5).1 < 3.0, "the rest is shared by weight");
}

#[test]
fn a_wan_that_comes_takes_its_share_and_moves_nothing_else() {
    let old = policy(&[("a", 0, 1), ("c", 0, 1)]);
    let new = policy(&[("b", 0, 1), ("a", 0, 1), ("c", 0, 1)]);
    let (before, after) = (names(&old, |_| true), names(&new, |_| true));
    for (before, after) in before.iter().zip(&after) {
        assert!(*after == "b" || before == after, "the place in the list does not count");
    }
    assert!(share(&after, "b", 1.0 / 3.0).1 < 3.0);
}

#[test]
fn a_heavier_weight_moves_flows_only_towards_it() {
    let (before, after) = (policy(&[("a", 0, 1), ("b", 0, 1)]), policy(&[("a", 0, 1), ("b", 0, 3)]));
    for (before, after) in names(&before, |_| true).iter().zip(names(&after, |_| true)) {
        assert!(after == "b" || *before == after);
    }
}

#[test]
fn the_choice_is_the_same_after_every_restart_and_another_with_another_seed() {
    let mut policy = policy(&[("cable", 0, 3), ("dsl", 0, 1)]);
    let both = [WanId(0), WanId(1)].into_iter().collect();
    let first: Vec<_> = (0..16).map(|n| choose(&policy, &key(n), both).unwrap().0).collect();
    assert_eq!(
        first,
        [0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0],
        "known answers: a change here moves the flows of every installation"
    );
    let before = names(&policy, |_| true).join(",");
    policy.fixed_mut().seed = 8;
    assert_ne!(before, names(&policy, |_| true).join(","));
}

#[test]
fn only_those_that_may_are_chosen() {
    let policy = policy(&[("lte", 2, 1000), ("a", 1, 1), ("b", 1, 1)]);
    assert!(names(&policy, |id| id != WanId(0)).iter().all(|name| *name != "lte"));
    assert!(names(&policy, |id| id == WanId(0)).iter().all(|name| *name == "lte"));
    assert_eq!(choose(&policy, &key(1), WanSet::EMPTY), None);
}

#[test]
fn what_a_balance_does_not_hash_does_not_move_a_flow() {
    let (a, b): (IpAddr, IpAddr) = ("10.250.250.2".parse().unwrap(), "10.250.250.3".parse().unwrap());
    let remote = |n: u32| IpAddr::V4(Ipv4Addr::from_bits(0xc612_0000 + n));
    let differs = |balance, one: &dyn Fn(u32) -> FlowKey| {
        let mut policy = policy(&[("a", 0, 1), ("b", 0, 1)]);
        policy.fixed_mut().balance = balance;
        let both = [WanId(0), WanId(1)].into_iter().collect();
        (1..200).any(|n| choose(&policy, &one(n), both) != choose(&policy, &one(0), both))
    };
    let small = |n: u32| u16::try_from(n).unwrap();
    let by_remote = |n: u32| FlowKey::from_parts(17, (a, 5000), (remote(n), small(n)));
    let by_port = |n: u32| FlowKey::from_parts(17, (a, 5000 + small(n)), (remote(0), 443));
    let by_protocol = |n: u32| FlowKey::from_parts(6 + u8::try_from(n).unwrap(), (a, 5000), (remote(0), 443));
    let by_source = |n: u32| FlowKey::from_parts(6, (if n == 0 { a } else { b }, 5000), (remote(n), small(n)));
    let moved = |balance| [differs(balance, &by_remote), differs(balance, &by_port), differs(balance, &by_protocol)];
    assert_eq!(moved(Balance::Endpoint), [false, true, true]);
    assert_eq!(moved(Balance::Site), [true, false, false]);
    assert_eq!(moved(Balance::Source), [false, false, false]);
    assert_eq!(moved(Balance::Flow), [true, true, true]);
    assert!(differs(Balance::Site, &by_source));
}

#[test]
fn the_logarithm_is_right_to_its_last_digits() {
    assert_eq!(neg_log2(1 << 63 | 1), 1 << 40);
    assert_eq!(neg_log2(1), 64 << 40);
    assert_eq!(neg_log2(u64::MAX), 1);
    for hash in [3u64, 0x1234_5678_9abc_def1, 0xfedc_ba98_7654_3211, u64::MAX / 3] {
        let exact = -((hash as f64) / 2f64.powi(64)).log2();
        assert!((neg_log2(hash) as f64 / 2f64.powi(40) - exact).abs() < 1e-11, "{hash:x}");
    }
}
