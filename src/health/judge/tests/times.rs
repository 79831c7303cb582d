//! Claims about when: to the millisecond.

use super::*;

/// When the line that dies at `ms` is called down, if it answers in 1 ms before.
fn down_after(rules: &Rules, is_prompt: bool, dies: u64) -> u64 {
    let mut world = World { is_prompt, ..World::new(rules.clone(), move |(_, _, ms)| (ms + 1 < dies).then_some(1)) };
    world.run(dies + 10_000);
    let change = world.changes.iter().find(|change| change.to == State::Down).unwrap();
    assert_eq!(change.wan, A, "both die at once");
    change.at.millis() - dies
}

/// The least and the most of it over a whole interval.
fn range(rules: &Rules, is_prompt: bool) -> (u64, u64) {
    let step = usize::try_from(rules.interval_ms / 100).unwrap();
    let moments = (10 * rules.interval_ms..11 * rules.interval_ms).step_by(step);
    let times: Vec<_> = moments.map(|dies| down_after(rules, is_prompt, dies)).collect();
    (*times.iter().min().unwrap(), *times.iter().max().unwrap())
}

/// A line dies between two probes, or under one: (fall - 1) intervals and a timeout pass from the first probe that stays
/// unanswered, and that is sent up to an interval later.
#[test]
fn a_black_hole_is_found_within_fall_intervals_and_a_timeout() {
    assert_eq!(range(&quick(1), false), (279, 378), "half of all cuts within 330 ms");
    let (least, most) = range(&probed(1), false);
    assert_eq!((least, most), (2800, 3790), "half of all cuts within 3.3 s");
}

/// Whoever asks again at once when a whole cycle failed needs `fall` timeouts after the first probe.
#[test]
fn a_black_hole_is_found_within_350_ms_if_failed_cycles_are_asked_again_at_once() {
    assert_eq!(range(&quick(1), true), (239, 338), "every cut within 350 ms");
    let (least, most) = range(&probed(1), true);
    assert_eq!((least, most), (2400, 3390), "half of all cuts within 2.9 s");
}

#[test]
fn a_line_that_comes_back_is_up_after_the_hold_and_enough_good_cycles() {
    let dead = |from: u64, to: u64| move |(_, _, ms): Sent| (ms < from || ms >= to).then_some(1);
    let mut world = World::new(quick(1), dead(1000, 2000));
    world.run(30_000);
    let of_a = |news: Vec<String>| news.into_iter().filter(|line| line.contains("a4")).collect::<Vec<_>>();
    assert_eq!(of_a(world.news())[1..], ["1280 a4 up -> down", "11280 a4 down -> up"], "the hold");
    let mut world = World::new(quick(1), dead(1000, 21_000));
    world.run(30_000);
    assert_eq!(of_a(world.news())[1..], ["1280 a4 up -> down", "21401 a4 down -> up"], "the fifth good cycle");
}

#[test]
fn a_line_that_flaps_every_two_seconds_is_damped() {
    let mut world = World::new(quick(1), |(wan, _, ms)| (wan == B || ms / 2000 % 2 == 0).then_some(1));
    world.run(300_000);
    let of_a = world.changes.iter().filter(|change| change.wan == A);
    let times: Vec<_> = of_a.map(|change| (change.at.millis(), change.to)).collect();
    let expected = [
        (1, State::Up),
        (2280, State::Down),
        (12_401, State::Degraded),
        (14_280, State::Down),
        (36_401, State::Degraded),
        (38_280, State::Down),
        (80_401, State::Degraded),
        (82_280, State::Down),
        (164_401, State::Degraded),
        (166_280, State::Down),
    ];
    assert_eq!(times, expected);
    let damped = "up after 5 good cycles and 160 s, damped: it fell 5 times lately";
    assert!(world.reason(A).ends_with(damped), "{}", world.reason(A));
}

#[test]
fn a_carrier_that_flaps_every_two_seconds_falls_once_and_is_down_at_once_each_time() {
    let mut world = World::new(quick(1), |_| Some(1));
    world.link(A, LinkHealth::GOOD);
    for second in (1..300).step_by(2) {
        world.run(second * 1000);
        world.link(A, LinkHealth { carrier: second % 4 != 1, ..LinkHealth::GOOD });
        assert_eq!(world.judge.standing(A, V4) == Standing::HardDown, second % 4 == 1);
        assert_ne!(world.judge.standing(A, V4), Standing::Up, "at second {second}");
    }
    let ups = world.changes.iter().filter(|change| change.wan == A && change.family == V4 && change.to == State::Up);
    assert_eq!(ups.count(), 1, "that at the start");
}
