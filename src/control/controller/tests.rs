//! Events in their order, and what follows from each: snapshots, transitions, the next time to look.

mod detection;

mod leases;

use super::*;
use crate::control::compile::no_link;
use crate::control::sample::settings;
use crate::health::{State, Verb};
use crate::plane::policy::{Gateway, Wan, WanLink};
use crate::types::{Mac, OnUp, Outcome, Remedies, Remedy, Standing};
use std::net::{IpAddr, Ipv4Addr};

const UP: [Standing; 2] = [Standing::Up; 2];
const HARD: [Standing; 2] = [Standing::HardDown; 2];
const FIBER: WanId = WanId(0);
const CABLE: WanId = WanId(1);

fn ip4(last: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, last])
}

/// A link on which everything is there.
fn good(last: u8) -> LinkState {
    LinkState {
        present: true,
        mac: Mac([2, 0, 0, 0, 0, last]),
        came_up: Some(1),
        gateways: [ip4(last), "fe80::1".parse().unwrap()].map(|address| vec![Gateway::new(address, "default route")]),
        ..no_link()
    }
}

fn start(links: [LinkState; 2]) -> Controller {
    start_with(settings(), links.to_vec())
}

fn start_with(settings: Settings, links: Vec<LinkState>) -> Controller {
    Controller::new(Arc::new(settings), links, InsideState::default(), at(0))
}

fn at(ms: u64) -> Tick {
    Tick::from_millis(ms)
}

/// The kernel's links were read.
fn links_seen(controller: &mut Controller, now: Tick, links: Vec<LinkState>, inside: InsideState) -> Effects {
    controller.handle(Event::Links { links, inside }, now)
}

fn by_hand(controller: &mut Controller, now: Tick, wan: WanId, verb: Verb, reason: &str) -> Effects {
    controller.handle(Event::Operator { wan, verb, reason: reason.to_owned() }, now)
}

/// Both gateways answer in both families.
fn answered(controller: &mut Controller, ms: u64) -> Effects {
    let (epoch, outcome) = (controller.policy().epoch, Outcome::Passed { round_trip: 1_000_000 });
    let probed = |wan| [0, 1].map(|probe| Probed { wan, probe, epoch, at: at(ms), outcome });
    controller.handle(Event::Probed([probed(FIBER), probed(CABLE)].as_flattened().to_vec()), at(ms))
}

/// The epoch and how the two WANs stand, of a new snapshot.
fn published(effects: &Effects) -> Option<(u32, Vec<[Standing; 2]>)> {
    let shape = |policy: &Arc<Policy>| (policy.epoch, policy.wans().map(|(_, wan)| wan.standing).collect());
    effects.policy.as_ref().map(shape)
}

/// Whether two snapshots hold the same large parts, not only parts that say the same: of themselves, and of each WAN the
/// settings' part and the NAT44 map.
fn shares(a: &Policy, b: &Policy) -> bool {
    let same =
        |((_, a), (_, b)): ((WanId, &Wan), (WanId, &Wan))| Arc::ptr_eq(&a.fixed, &b.fixed) && a.nat44.shares(&b.nat44);
    Arc::ptr_eq(&a.fixed, &b.fixed) && a.wans().zip(b.wans()).all(same)
}

/// By WAN, whether two snapshots hold the same addresses of its link.
fn same_links(a: &Policy, b: &Policy) -> Vec<bool> {
    let both = a.wans().zip(b.wans());
    both.map(|((_, a), (_, b))| Arc::ptr_eq(&a.link.addresses, &b.link.addresses)).collect()
}

#[test]
fn no_event_makes_anew_what_the_settings_say_and_news_of_a_link_only_its_own_part() {
    let mut settings = settings();
    settings.wans[0].nat44_interface = Some(Ipv4Addr::new(10, 250, 250, 3));
    let addressed = |last| LinkState { addresses: vec![format!("192.0.2.{last}/29").parse().unwrap()], ..good(1) };
    let mut controller = start_with(settings, vec![addressed(198), good(2)]);
    let first = Arc::clone(controller.policy());
    let drained = by_hand(&mut controller, at(1), FIBER, Verb::Drain, "").policy.unwrap();
    assert!(shares(&first, &drained) && drained.wans[0].standing != first.wans[0].standing);
    assert_eq!(same_links(&first, &drained), [true, true]);
    let router = InsideState { v4: Some(Ipv4Addr::new(10, 250, 250, 1)), ..InsideState::default() };
    let moved = links_seen(&mut controller, at(2), vec![addressed(197), good(2)], router).policy.unwrap();
    assert!(shares(&drained, &moved));
    assert_eq!(same_links(&drained, &moved), [false, true]);
    let public = |policy: &Policy| policy.wans[0].nat44.leases()[0].held;
    assert_eq!((public(&drained), public(&moved)), ([192, 0, 2, 198].into(), [192, 0, 2, 197].into()));
    assert_eq!(moved.wans[0].standing, [Standing::SoftDown; 2], "a link's news leaves the operator's word");
}

fn transitions(effects: &Effects) -> Vec<(u8, Family, State, State)> {
    effects.changes.iter().map(|change| (change.wan.0, change.family, change.from, change.to)).collect()
}

#[test]
fn a_gateway_that_appears_after_the_start_is_a_new_snapshot_and_the_same_news_twice_is_none() {
    let router = InsideState::default();
    let mut controller = start([no_link(), no_link()]);
    assert_eq!((controller.policy().epoch, controller.policy().wans[0].link.next_hop(Family::V4)), (1, None));
    let gateways = [vec![Gateway::new(ip4(1), "default route")], vec![]];
    let links = vec![LinkState { gateways, ..no_link() }, no_link()];
    let policy = links_seen(&mut controller, at(1), links.clone(), router.clone()).policy.unwrap();
    assert_eq!((policy.epoch, policy.wans[0].link.next_hop(Family::V4)), (2, Some(ip4(1))));
    assert!(links_seen(&mut controller, at(2), links.clone(), router).policy.is_none());
    let router = InsideState { v4: Some(Ipv4Addr::new(10, 250, 250, 1)), ..InsideState::default() };
    assert_eq!(links_seen(&mut controller, at(3), links, router.clone()).policy.unwrap().inside.router4, router.v4);
}

#[test]
fn the_first_snapshot_knows_which_wans_are_absent_and_they_are_told_with_the_first_event() {
    let mut controller = start([good(1), no_link()]);
    let standing: Vec<_> = controller.policy().wans().map(|(_, wan)| wan.standing).collect();
    assert_eq!((controller.policy().epoch, standing), (1, vec![UP, HARD]));
    let effects = controller.handle(Event::Tick, at(5));
    assert_eq!(published(&effects), None);
    let absent = Family::ALL.map(|family| (1, family, State::Probing, State::Absent));
    assert_eq!(transitions(&effects), absent);
    assert!(controller.handle(Event::Tick, at(6)).changes.is_empty(), "once");
}

#[test]
fn a_wan_that_was_absent_at_start_is_up_as_soon_as_its_link_is_there() {
    let mut controller = start([good(1), no_link()]);
    let effects = links_seen(&mut controller, at(100), vec![good(1), good(2)], InsideState::default());
    assert_eq!(published(&effects), Some((2, vec![UP, UP])));
}

#[test]
fn a_link_that_was_lost_serves_only_where_nobody_else_does_until_its_hold_is_over() {
    let (mut controller, router) = (start([good(1), good(2)]), InsideState::default());
    assert_eq!(transitions(&answered(&mut controller, 10)).len(), 4);
    let dead = LinkState { came_up: None, ..good(2) };
    let effects = links_seen(&mut controller, at(1000), vec![good(1), dead], router.clone());
    assert_eq!(published(&effects), Some((2, vec![UP, HARD])));
    assert_eq!(transitions(&effects), Family::ALL.map(|family| (1, family, State::Up, State::LinkDown)));
    let effects = links_seen(&mut controller, at(2000), vec![good(1), good(2)], router);
    assert_eq!(published(&effects), Some((3, vec![UP, [Standing::Degraded; 2]])));
    for ms in (3000..=10_000).step_by(1000) {
        assert_eq!(published(&answered(&mut controller, ms)), None);
    }
    assert_eq!(controller.handle(Event::Tick, at(10_999)).wake, Some(at(11_000)), "ten seconds after it was lost");
    let effects = controller.handle(Event::Tick, at(11_000));
    assert_eq!(published(&effects), Some((4, vec![UP, UP])));
}

#[test]
fn an_operators_word_is_a_snapshot_and_a_transition_and_said_again_is_neither() {
    let mut controller = start([good(1), good(2)]);
    answered(&mut controller, 0);
    let effects = by_hand(&mut controller, at(1), FIBER, Verb::Drain, "maintenance");
    assert_eq!(published(&effects), Some((2, vec![[Standing::SoftDown; 2], UP])));
    assert_eq!(transitions(&effects), Family::ALL.map(|family| (0, family, State::Up, State::Drained)));
    assert_eq!(effects.changes[0].reason.to_string(), "drain by hand: maintenance");
    let again = by_hand(&mut controller, at(2), FIBER, Verb::Drain, "longer");
    assert!(again.policy.is_none() && again.changes.is_empty());
    assert_eq!(controller.judge().operator(FIBER), (Verb::Drain, "longer"));
    assert_eq!(published(&by_hand(&mut controller, at(3), FIBER, Verb::Down, "")), Some((3, vec![HARD, UP])));
    assert_eq!(published(&by_hand(&mut controller, at(4), FIBER, Verb::Auto, "")), Some((4, vec![UP, UP])));
    assert!(by_hand(&mut controller, at(5), WanId(9), Verb::Down, "").policy.is_none(), "there is none such");
    assert!(by_hand(&mut controller, at(6), CABLE, Verb::Up, "").policy.is_none(), "it is up already");
}

#[test]
fn what_was_asked_under_other_settings_says_nothing() {
    let mut controller = start([good(1), good(2)]);
    let probed = |epoch| {
        let outcome = Outcome::Passed { round_trip: 1_000_000 };
        Probed { wan: FIBER, probe: 0, epoch, at: at(1), outcome }
    };
    assert_eq!(transitions(&controller.handle(Event::Probed(vec![probed(0), probed(u32::MAX)]), at(1))), []);
    let up = (0, Family::V4, State::Probing, State::Up);
    assert_eq!(transitions(&controller.handle(Event::Probed(vec![probed(1)]), at(1))), [up]);
}

/// What each WAN wants of flows on worse tiers, in both families alike: for TCP and for the rest.
fn wanted(effects: &Effects) -> Option<Vec<(Remedy, Remedy)>> {
    let wants = |wan: &Wan| {
        assert_eq!(wan.on_up[0], wan.on_up[1]);
        (wan.on_up[0].tcp, wan.on_up[0].udp)
    };
    effects.policy.as_ref().map(|policy| policy.wans().map(|(_, wan)| wants(wan)).collect())
}

#[test]
fn a_wan_wants_its_flows_back_when_it_has_been_up_for_as_long_as_is_said() {
    let keep = (Remedy::Drain, Remedy::Drain);
    let mut settings = settings();
    settings.wans[0].on_up = OnUp { remedies: Remedies::all(Remedy::Move), after: 0 };
    settings.wans[1].on_up = OnUp { remedies: Remedies::default(), after: 5000 };
    let mut controller = start_with(settings, vec![good(1), good(2)]);
    assert_eq!(wanted(&controller.handle(Event::Tick, at(1))), None, "nothing is known of it yet");
    let effects = answered(&mut controller, 10);
    assert_eq!(wanted(&effects), Some(vec![(Remedy::Move, Remedy::Move), keep]));
    let wakes: Vec<_> = [1000, 2000, 3000, 4000, 5000].map(|ms| answered(&mut controller, ms).wake).to_vec();
    assert_eq!(wakes.last(), Some(&Some(at(5010))));
    let effects = controller.handle(Event::Tick, at(5010));
    assert_eq!(wanted(&effects), Some(vec![(Remedy::Move, Remedy::Move), (Remedy::Reset, Remedy::Move)]));
    assert_ne!(effects.wake, Some(at(5010)));
}

#[test]
fn a_wan_that_is_drained_by_hand_wants_its_flows_back_when_that_is_over() {
    let mut settings = settings();
    settings.wans[0].on_up = OnUp { remedies: Remedies::default(), after: 2000 };
    let mut controller = start_with(settings, vec![good(1), good(2)]);
    answered(&mut controller, 0);
    let (keep, wants) = ((Remedy::Drain, Remedy::Drain), (Remedy::Reset, Remedy::Move));
    assert_eq!(wanted(&controller.handle(Event::Tick, at(2000))), Some(vec![wants, keep]));
    assert_eq!(wanted(&by_hand(&mut controller, at(2100), FIBER, Verb::Drain, "")), Some(vec![keep; 2]));
    let effects = by_hand(&mut controller, at(2200), FIBER, Verb::Auto, "");
    assert_eq!(wanted(&effects), Some(vec![keep; 2]));
    assert_eq!(wanted(&controller.handle(Event::Tick, at(4199))), None);
    assert_eq!(wanted(&controller.handle(Event::Tick, at(4200))), Some(vec![wants, keep]));
}

#[test]
fn a_lost_link_is_hard_down_at_once_and_all_else_that_is_known_of_it_stays() {
    let mut controller = start([good(1), good(2)]);
    answered(&mut controller, 1);
    let before = Arc::clone(controller.policy());
    let effects = controller.handle(Event::LinkLost(vec![CABLE]), at(2));
    assert_eq!(published(&effects), Some((before.epoch + 1, vec![UP, HARD])));
    let policy = controller.policy();
    assert_eq!(policy.wans[1].link, WanLink { came_up: None, ..before.wans[1].link.clone() });
    assert!(Arc::ptr_eq(&policy.fixed, &before.fixed));
    let again = controller.handle(Event::LinkLost(vec![CABLE, WanId(9)]), at(3));
    assert!(again.policy.is_none() && again.changes.is_empty(), "it is known");
    let dark = LinkState { came_up: None, ..good(2) };
    let seen = links_seen(&mut controller, at(4), vec![good(1), dark], InsideState::default());
    assert!(seen.policy.is_none() && seen.changes.is_empty(), "that is what was told");
}
