//! Claims about real traffic as evidence.

use super::*;

/// Tells every 100 ms until then what `seen` says of A and B in IPv4.
fn tell(world: &mut World, until: u64, seen: impl Fn(u64) -> [Traffic; 2]) {
    while world.ms < until {
        let wans = seen(world.ms).map(|traffic| [traffic, Traffic::default()]).to_vec();
        world.judge.traffic(world.now(), &Evidence { wans });
        world.due = Some(Tick(0));
        world.note();
        world.run(world.ms + 100);
    }
}

fn replied(ms: u64) -> Traffic {
    Traffic { replied: Some(Tick::from_millis(ms)), ..Traffic::default() }
}

/// No probe on A is answered after the first second.
fn world_without_answers(rules: Rules) -> World {
    World::new(rules, |(wan, _, ms)| (wan == B || ms < 1000).then_some(1))
}

#[test]
fn replies_of_real_flows_veto_a_soft_down_until_they_end() {
    let mut world = world_without_answers(quick(1));
    tell(&mut world, 20_000, |ms| [replied(ms), Traffic::default()]);
    assert_eq!(world.shown(A), (State::Up, Standing::Up));
    assert!(world.judge.state(A, V4).unwrap().vetoed);
    let _ = world.news();
    world.run(30_000);
    assert_eq!(world.news(), ["20901 a4 up -> down"], "a second after the last reply at 19900");
    assert!(!world.judge.state(A, V4).unwrap().vetoed);
}

#[test]
fn replies_from_before_the_first_bad_cycle_veto_nothing() {
    let mut world = world_without_answers(quick(1));
    tell(&mut world, 3000, |ms| [replied(ms.min(1079)), Traffic::default()]);
    assert_eq!(world.news()[2..], ["1280 a4 up -> down"], "a black hole under load is as quick as one without");
}

#[test]
fn traffic_has_no_say_where_that_is_switched_off() {
    let mut world = world_without_answers(Rules { traffic_evidence: false, ..quick(1) });
    tell(&mut world, 3000, |ms| [replied(ms), Traffic { tried: 2, ..Traffic::default() }]);
    assert_eq!(world.news()[2..], ["1280 a4 up -> down"]);
}

#[test]
fn one_bad_cycle_that_is_enough_is_vetoed_by_replies_since_it_was_asked() {
    let mut world = world_without_answers(Rules { fall: 1, ..quick(1) });
    tell(&mut world, 5000, |ms| [replied(ms), Traffic::default()]);
    assert_eq!(world.shown(A).0, State::Up);
}

#[test]
fn replies_do_not_raise_what_is_gone() {
    let mut world = world_without_answers(quick(1));
    world.run(2000);
    tell(&mut world, 9000, |ms| [replied(ms), Traffic::default()]);
    assert_eq!(world.shown(A), (State::Down, Standing::SoftDown));
    world.link(A, LinkFacts { carrier: false, ..LinkFacts::GOOD });
    tell(&mut world, 10_000, |ms| [replied(ms), Traffic::default()]);
    assert_eq!(world.shown(A), (State::LinkDown, Standing::HardDown));
}

/// So many handshakes tried and answered in each report.
fn handshakes(tried: u32, answered: u32) -> Traffic {
    Traffic { replied: None, tried, answered }
}

#[test]
fn handshakes_that_fail_here_and_succeed_there_degrade_before_any_probe_does() {
    let mut world = World::new(probed(1), |(wan, _, ms)| (wan == B || ms < 10_000).then_some(30));
    tell(&mut world, 10_000, |_| [handshakes(2, 2), handshakes(2, 2)]);
    let _ = world.news();
    tell(&mut world, 12_500, |_| [handshakes(2, 0), handshakes(2, 2)]);
    assert_eq!(world.news(), ["11500 a4 up -> degraded"]);
    assert_eq!(world.reason(A), "20 TCP handshakes stayed unanswered while others succeed on another WAN");
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
fn failed_handshakes_are_forgiven_after_the_hold_and_good_cycles_and_weigh_more_each_time() {
    let mut world = World::new(probed(1), |_| Some(30));
    tell(&mut world, 2000, |_| [handshakes(2, 2), handshakes(2, 2)]);
    tell(&mut world, 4000, |_| [handshakes(2, 0), handshakes(2, 2)]);
    let _ = world.news();
    tell(&mut world, 60_000, |_| [Traffic::default(), handshakes(2, 2)]);
    assert_eq!(world.news().len(), 1);
    assert_eq!(world.shown(A), (State::Up, Standing::Up));
}
