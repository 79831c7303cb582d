//! Claims about which WANs may take a new flow, and why none may.

use super::*;
use crate::plane::packet::sample::ip;
use crate::plane::sample::{A, B, SERVER, SERVER6, policy};
use crate::types::Tick;

const HOST: &str = "10.250.250.2";
const HOST6: &str = "fd00:bad:b01:1::100";

fn key(inside: &str) -> FlowKey {
    let remote = if inside == HOST6 { SERVER6 } else { SERVER };
    FlowKey::from_parts(17, (ip(inside), 4000), (ip(remote), 53))
}

/// The WANs that may take a flow of this host, with a policy that was changed so.
fn of(inside: &str, change: impl FnOnce(&mut Policy)) -> Vec<WanId> {
    let mut policy = policy();
    change(&mut policy);
    let set = candidates(&policy, &key(inside));
    [A, B].into_iter().filter(|id| set.contains(*id)).collect()
}

fn stand(standings: [Standing; 2]) -> impl Fn(&mut Policy) {
    move |policy| {
        for (wan, standing) in standings.into_iter().enumerate() {
            policy.wans[wan].standing[0] = standing;
        }
    }
}

#[test]
fn those_that_stand_best_may_and_of_these_the_lowest_tier() {
    use Standing::{Degraded, HardDown, SoftDown, Up};
    assert_eq!(of(HOST, |_| ()), [A, B]);
    let rows = [
        ([Up, Degraded], vec![A]),
        ([Degraded, Up], vec![B]),
        ([Degraded, Degraded], vec![A, B]),
        ([SoftDown, Degraded], vec![B]),
        ([HardDown, SoftDown], vec![]),
    ];
    for (standings, expected) in rows {
        assert_eq!(of(HOST, stand(standings)), expected, "{standings:?}");
        assert_eq!(of(HOST6, stand(standings)), [A, B], "the other family stands as before");
    }
    let tiers = |policy: &mut Policy| policy.wans[0].fixed_mut().tier = 2;
    assert_eq!(of(HOST, tiers), [B]);
    let worse = |policy: &mut Policy| {
        tiers(policy);
        stand([Up, Degraded])(policy);
    };
    assert_eq!(of(HOST, worse), [A], "a worse tier that is up beats a better one that is not");
}

#[test]
fn the_last_resort_is_a_wan_that_can_still_send() {
    use Standing::{HardDown, SoftDown, Up};
    let resort = |standings: [Standing; 2]| {
        move |policy: &mut Policy| {
            policy.fixed_mut().last_resort = true;
            stand(standings)(policy);
        }
    };
    assert_eq!(of(HOST, resort([SoftDown, SoftDown])), [A, B]);
    assert_eq!(of(HOST, resort([HardDown, SoftDown])), [B]);
    assert_eq!(of(HOST, resort([HardDown, HardDown])), []);
    assert_eq!(of(HOST, resort([Up, SoftDown])), [A]);
}

#[test]
fn only_those_that_translate_the_source_may_whatever_their_tier() {
    let silent = |policy: &mut Policy| {
        policy.wans[0].nat44 = crate::plane::translate::nat44::Nat44Map::default();
        policy.wans[1].fixed_mut().tier = 9;
    };
    assert_eq!(of(HOST, silent), [B]);
    assert_eq!(of("10.250.250.99", |_| ()), []);
}

#[test]
fn why_none_may_is_told_by_the_wans_that_could_or_by_the_most_telling_answer() {
    let reason = |inside: &str, change: &dyn Fn(&mut Policy)| {
        let mut policy = policy();
        change(&mut policy);
        bind(&policy, &key(inside)).map(|binding| binding.wan).map_err(|refusal| refusal.reason)
    };
    assert_eq!(reason(HOST, &stand([Standing::HardDown; 2])), Err(DropReason::AllWansDown));
    assert_eq!(reason(HOST, &stand([Standing::Up, Standing::HardDown])), Ok(A));
    assert_eq!(reason("10.250.250.99", &|_| ()), Err(DropReason::NoWan));
    assert_eq!(
        reason("fd00:bad:b01:1::", &|policy| policy.wans.set(A, None)),
        Err(DropReason::UnmappableIdentifier),
        "B translates neutrally, and an identifier of zeros has no other form there"
    );
}

#[test]
fn what_comes_back_to_its_wan_keeps_its_public_end_there() {
    let (policy, key) = (policy(), key(HOST));
    let home = would_take(&policy, &key).unwrap();
    let pin = |wan| {
        let pin = crate::plane::flow::pin::Pin {
            binding: Binding { port: std::num::NonZeroU16::new(61000), ..Binding::from(wan) },
            rule: 0,
            epoch: 1,
            fresh: false,
            expires: 9,
            follows_arrival: false,
            came_in: false,
            terminated: false,
            yields: false,
            shown: crate::plane::counters::Reachability::Nothing,
            silence: crate::plane::flow::silence::Silence::new(Tick::default(), Direction::Inbound, None),
        };
        (pin.binding, rebind(&policy, &key, &pin).unwrap())
    };
    let (had, has) = pin(home);
    assert_eq!(has, had);
    assert_eq!(pin(WanId(1 - home.0)).1, Binding::from(home));
}
