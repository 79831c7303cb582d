//! Claims about what operators say.

use super::*;

#[test]
fn an_operator_is_obeyed_at_once_and_auto_lets_the_evidence_speak_again() {
    let mut world = World::new(quick(1), |(wan, _, _)| (wan == A).then_some(1));
    world.run(2000);
    let rows = [
        (A, Verb::Drain, State::Drained, Standing::SoftDown),
        (A, Verb::Down, State::Down, Standing::HardDown),
        (A, Verb::Up, State::Up, Standing::Up),
        (A, Verb::Auto, State::Up, Standing::Up),
        (B, Verb::Auto, State::Down, Standing::SoftDown),
        (B, Verb::Up, State::Up, Standing::Up),
        (B, Verb::Down, State::Down, Standing::HardDown),
        (B, Verb::Auto, State::Down, Standing::SoftDown),
    ];
    for (wan, verb, state, standing) in rows {
        world.by_hand(wan, verb, "maintenance");
        assert_eq!(world.shown(wan), (state, standing), "{verb:?}");
        assert_eq!(world.judge.operator(wan), (verb, "maintenance"));
        assert_eq!(world.reason(wan).ends_with("by hand: maintenance"), verb != Verb::Auto, "{}", world.reason(wan));
    }
}

#[test]
fn no_word_of_an_operator_replaces_a_link() {
    let mut world = World::new(quick(1), |_| Some(1));
    world.run(1000);
    world.link(A, LinkHealth { present: false, ..LinkHealth::GOOD });
    for (verb, state) in [(Verb::Up, State::Absent), (Verb::Drain, State::Absent), (Verb::Down, State::Down)] {
        world.by_hand(A, verb, "");
        assert_eq!(world.shown(A), (state, Standing::HardDown), "{verb:?}");
    }
    world.by_hand(A, Verb::Drain, "");
    world.link(A, LinkHealth::GOOD);
    assert_eq!(world.shown(A), (State::Drained, Standing::SoftDown));
    assert_eq!(world.reason(A), "drain by hand");
}

#[test]
fn what_the_probes_find_meanwhile_is_not_forgotten() {
    let mut world = World::new(quick(1), |(_, _, ms)| (ms < 3000).then_some(1));
    world.run(2000);
    world.by_hand(A, Verb::Up, "");
    world.run(5000);
    assert_eq!(world.shown(A), (State::Up, Standing::Up));
    world.by_hand(A, Verb::Auto, "");
    assert_eq!(world.shown(A), (State::Down, Standing::SoftDown));
    assert_eq!(world.judge.condition(A, V4).unwrap().since.millis(), 5000);
}
