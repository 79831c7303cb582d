//! Claims about real traffic as evidence.

use super::*;

/// Tells every 100 ms until then what `seen` says of A and B in IPv4.
pub fn tell(world: &mut World, until: u64, seen: impl Fn(u64) -> [FlowEvidence; 2]) {
    while world.ms < until {
        let wans = seen(world.ms).map(|traffic| [traffic, FlowEvidence::default()]).to_vec();
        world.judge.handle_traffic(world.now(), &Evidence { wans });
        world.due = Some(Tick(0));
        world.note();
        world.run(world.ms + 100);
    }
}

/// Three handshakes in the last 100 ms, of which so many were answered; no reply at all if `is_silent`.
pub fn answered(ms: u64, is_silent: bool, answered: usize) -> FlowEvidence {
    let answered = if is_silent { 0 } else { u32::try_from(answered).unwrap() };
    let replied = (!is_silent).then(|| Tick::from_millis(ms.saturating_sub(100)));
    FlowEvidence { replied, tried: 3, answered }
}

fn replied(ms: u64) -> FlowEvidence {
    FlowEvidence { replied: Some(Tick::from_millis(ms)), ..FlowEvidence::default() }
}

/// No probe on A is answered after the first second.
fn world_without_answers(rules: Rules) -> World {
    World::new(rules, |(wan, _, ms)| (wan == B || ms < 1000).then_some(1))
}

#[test]
fn replies_of_real_flows_veto_a_soft_down_until_they_end() {
    let mut world = world_without_answers(quick(1));
    tell(&mut world, 20_000, |ms| [replied(ms), FlowEvidence::default()]);
    assert_eq!(world.shown(A), (State::Up, Standing::Up));
    assert!(world.judge.condition(A, V4).unwrap().vetoed);
    let why = world.reason(A);
    assert_eq!(why, "190 bad cycles in a row (icmp 203.0.113.0: no answer), and yet real flows get replies");
    let _ = world.news();
    world.run(30_000);
    assert_eq!(world.news(), ["20901 a4 up -> down"], "a second after the last reply at 19900");
    assert!(!world.judge.condition(A, V4).unwrap().vetoed);
}

#[test]
fn replies_from_before_the_first_bad_cycle_veto_nothing() {
    let mut world = world_without_answers(quick(1));
    tell(&mut world, 3000, |ms| [replied(ms.min(1079)), FlowEvidence::default()]);
    assert_eq!(world.news()[2..], ["1280 a4 up -> down"], "a black hole under load is as quick as one without");
}

#[test]
fn traffic_has_no_say_where_that_is_switched_off() {
    let mut world = world_without_answers(Rules { traffic_evidence: false, ..quick(1) });
    tell(&mut world, 3000, |ms| [replied(ms), FlowEvidence { tried: 2, ..FlowEvidence::default() }]);
    assert_eq!(world.news()[2..], ["1280 a4 up -> down"]);
}

#[test]
fn one_bad_cycle_that_is_enough_is_vetoed_by_replies_since_it_was_asked() {
    let mut world = world_without_answers(Rules { fall: 1, ..quick(1) });
    tell(&mut world, 5000, |ms| [replied(ms), FlowEvidence::default()]);
    assert_eq!(world.shown(A).0, State::Up);
}

#[test]
fn replies_do_not_raise_what_is_gone() {
    let mut world = world_without_answers(quick(1));
    world.run(2000);
    tell(&mut world, 9000, |ms| [replied(ms), FlowEvidence::default()]);
    assert_eq!(world.shown(A), (State::Down, Standing::SoftDown));
    world.link(A, LinkHealth { carrier: false, ..LinkHealth::GOOD });
    tell(&mut world, 10_000, |ms| [replied(ms), FlowEvidence::default()]);
    assert_eq!(world.shown(A), (State::LinkDown, Standing::HardDown));
}

/// So many handshakes tried and answered in each report.
fn handshakes(tried: u32, answered: u32) -> FlowEvidence {
    FlowEvidence { replied: None, tried, answered }
}

#[test]
fn handshakes_that_fail_here_and_succeed_there_degrade_before_any_probe_does() {
    let mut world = World::new(probed(1), |(wan, _, ms)| (wan == B || ms < 10_000).then_some(30));
    tell(&mut world, 10_000, |_| [handshakes(2, 2), handshakes(2, 2)]);
    let _ = world.news();
    tell(&mut world, 12_500, |_| [handshakes(2, 0), handshakes(2, 2)]);
    assert_eq!(world.news(), ["11500 a4 up -> degraded"]);
    let why =
        "20 TCP handshakes stayed unanswered while others succeed on another WAN; up after 5 good cycles and 10 s";
    assert_eq!(world.reason(A), why);
}

#[test]
fn handshakes_that_fail_everywhere_are_the_fault_of_no_wan() {
    let mut world = World::new(probed(1), |_| Some(30));
    tell(&mut world, 10_000, |_| [handshakes(9, 0), handshakes(9, 0)]);
    tell(&mut world, 20_000, |_| [handshakes(9, 0), handshakes(9, 1)]);
    tell(&mut world, 30_000, |_| [handshakes(9, 0), handshakes(0, 0)]);
    assert_eq!(world.news().len(), 2, "the start");
}

#[test]
fn who_is_degraded_by_handshakes_is_tried_again_after_the_hold_and_ever_later_while_it_is_not_cured() {
    for rules in [probed(1), probed(0)] {
        let mut world = World::new(rules, |_| Some(30));
        let is_up = std::rc::Rc::new(std::cell::Cell::new(true));
        // New flows go to A only while it is up, and their handshakes fail until the second minute is over.
        while world.ms < 180_000 {
            let (ms, up) = (world.ms + 200, is_up.get());
            let of_a = if up { handshakes(2, if world.ms < 120_000 { 0 } else { 2 }) } else { FlowEvidence::default() };
            tell(&mut world, ms, |_| [of_a, handshakes(2, 2)]);
            is_up.set(world.shown(A).0 == State::Up);
        }
        let of_a = world.changes.iter().filter(|change| change.wan == A && change.family == V4);
        let ups: Vec<_> =
            of_a.clone().filter(|change| change.to == State::Up && change.from == State::Degraded).collect();
        let fell: Vec<_> = of_a.filter(|change| change.to == State::Degraded).collect();
        assert_eq!((ups.len(), fell.len()), (4, 4), "{:?}", world.log);
        let waited: Vec<_> = fell.iter().zip(&ups).map(|(fell, up)| up.at.since(fell.at) / 1_000_000_000).collect();
        assert_eq!(waited, [10, 20, 40, 80], "seconds");
        assert!(ups.iter().all(|change| change.reason == Reason::Retried));
        assert_eq!(world.shown(A), (State::Up, Standing::Up), "it is cured");
    }
}

#[test]
fn handshakes_that_go_on_failing_where_they_have_no_other_way_keep_it_degraded() {
    let mut world = World::new(probed(1), |_| Some(30));
    tell(&mut world, 60_000, |_| [handshakes(2, 0), handshakes(2, 2)]);
    assert_eq!(world.shown(A), (State::Degraded, Standing::Degraded));
    assert_eq!(world.changes.iter().filter(|change| change.wan == A && change.family == V4).count(), 2);
    tell(&mut world, 75_000, |_| [handshakes(2, 2), handshakes(2, 2)]);
    assert_eq!(world.shown(A), (State::Up, Standing::Up), "they succeed again, and the hold is over");
}

#[test]
fn failed_handshakes_are_forgiven_after_the_hold_and_good_cycles_and_weigh_more_each_time() {
    let mut world = World::new(probed(1), |_| Some(30));
    tell(&mut world, 2000, |_| [handshakes(2, 2), handshakes(2, 2)]);
    tell(&mut world, 4000, |_| [handshakes(2, 0), handshakes(2, 2)]);
    let _ = world.news();
    tell(&mut world, 60_000, |_| [FlowEvidence::default(), handshakes(2, 2)]);
    assert_eq!(world.news().len(), 1);
    assert_eq!(world.shown(A), (State::Up, Standing::Up));
}
