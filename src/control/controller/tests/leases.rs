//! Public addresses that come and go, as events for the controller.

use super::*;
use crate::control::controller::leases::What;
use ipnet::Ipv6Net;

const OLD: &str = "2001:db8:d:c80::/60";
const NEW: &str = "2001:db8:d:d00::/60";

/// Fiber's prefix is left to its link.
fn start(link: LinkState) -> Controller {
    let mut settings = settings();
    settings.wans[0].nptv6.as_mut().unwrap().outside = None;
    Controller::new(Arc::new(settings), vec![link, good(2)], InsideState::default(), at(0))
}

fn with(delegated: &[&str]) -> LinkState {
    LinkState { delegated: delegated.iter().map(|text| text.parse().unwrap()).collect(), ..good(1) }
}

fn set(controller: &mut Controller, ms: u64, prefix: &str, seconds: Option<u32>) -> Effects {
    let prefix: Ipv6Net = prefix.parse().unwrap();
    controller.handle(Event::Prefix { wan: FIBER, prefix, seconds }, at(ms))
}

/// The prefixes of fiber in the snapshot in force, and the epochs from which they are these.
fn prefixes(controller: &Controller) -> Vec<(String, u32)> {
    controller.policy().wans[0].nptv6.iter().map(|it| (it.held.outside().to_string(), it.since)).collect()
}

#[test]
fn a_wan_without_a_prefix_carries_no_ipv6_and_says_why() {
    let mut controller = start(good(1));
    assert_eq!(prefixes(&controller), []);
    assert_eq!(controller.policy().wans[0].standing, [Standing::Up, Standing::HardDown]);
    let effects = controller.handle(Event::Tick, at(1));
    let reasons: Vec<_> = effects.changes.iter().map(|change| (change.to, change.reason.to_string())).collect();
    assert!(reasons.contains(&(State::NoAddress, "no prefix is delegated".into())), "{reasons:?}");
    let effects = set(&mut controller, 100, OLD, Some(60));
    assert_eq!(prefixes(&controller), [(OLD.into(), controller.policy().epoch)]);
    assert_eq!(controller.policy().wans[0].standing[1], Standing::Up);
    assert_eq!(effects.leases.len(), 1);
    assert_eq!((effects.trace, effects.changes[0].trace), (effects.trace, effects.trace), "one cause");
}

#[test]
fn a_prefix_known_at_start_is_in_the_first_snapshot_and_told_with_the_first_event() {
    let mut controller = start(with(&[OLD]));
    assert_eq!((controller.policy().epoch, prefixes(&controller)), (1, vec![(OLD.into(), 1)]));
    let effects = controller.handle(Event::Tick, at(1));
    assert_eq!((effects.policy.is_none(), effects.leases.len()), (true, 1));
    assert!(effects.trace > crate::health::Trace(0));
    assert!(controller.handle(Event::Tick, at(2)).leases.is_empty(), "once");
}

#[test]
fn another_prefix_is_one_snapshot_and_the_end_of_the_old_one_another_when_its_time_is_over() {
    let mut controller = start(with(&[OLD]));
    controller.handle(Event::Tick, at(0));
    let effects = links_seen(&mut controller, at(1000), vec![with(&[NEW]), good(2)], InsideState::default());
    assert_eq!(effects.policy.map(|policy| policy.epoch), Some(2));
    assert!(effects.wake.is_some_and(|wake| wake <= at(4000)));
    assert_eq!(prefixes(&controller), [(NEW.into(), 2), (OLD.into(), 1)]);
    assert!(controller.handle(Event::Tick, at(3999)).policy.is_none());
    let effects = controller.handle(Event::Tick, at(4000));
    assert_eq!(effects.policy.map(|policy| policy.epoch), Some(3));
    assert_eq!(effects.leases.iter().map(|it| it.what).collect::<Vec<_>>(), [What::Ended(OLD.parse().unwrap())]);
    assert_eq!(prefixes(&controller), [(NEW.into(), 2)]);
    let effects = links_seen(&mut controller, at(9000), vec![with(&[OLD]), good(2)], InsideState::default());
    assert!(effects.policy.is_some());
    assert_eq!(prefixes(&controller), [(OLD.into(), 1), (NEW.into(), 2)], "it is what it was");
}

#[test]
fn a_word_by_hand_that_cannot_be_changes_nothing() {
    let mut controller = start(good(1));
    controller.handle(Event::Tick, at(0));
    let effects = set(&mut controller, 1, "fd00:bad:b01::/60", None);
    assert!(effects.refused.is_some_and(|sentence| sentence.contains("overlaps the inside prefix")));
    assert!(effects.policy.is_none() && effects.leases.is_empty());
    assert!(controller.handle(Event::Tick, at(2)).policy.is_none());
}
