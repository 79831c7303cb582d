//! Claims that hold whatever happens, in whatever order.

use super::*;
use proptest::prelude::*;

/// A piece of news.
#[derive(Clone, Debug)]
enum News {
    Probed(u8, u16, Outcome),
    Link(u8, LinkHealth),
    Traffic([FlowEvidence; 2]),
    Hand(u8, Verb),
    Tick,
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        (0..600_000_000_u64).prop_map(|round_trip| Outcome::Passed { round_trip }),
        Just(Outcome::Passed { round_trip: u64::MAX }),
        Just(Outcome::Failed(Failure::Silent)),
        Just(Outcome::Failed(Failure::Unsent)),
    ]
}

fn news(with_hand: bool) -> impl Strategy<Value = News> {
    let fact = || prop::bool::weighted(0.9);
    let facts = (fact(), fact(), fact(), fact()).prop_map(|(present, carrier, v4, v6)| LinkHealth {
        present,
        carrier,
        next_hop: [v4, v6],
        ..LinkHealth::GOOD
    });
    let traffic = (prop::option::of(0..400_000_u64), 0..9_u32, 0..9_u32)
        .prop_map(|(ms, tried, answered)| FlowEvidence { replied: ms.map(Tick::from_millis), tried, answered });
    let verb = prop::sample::select(vec![Verb::Auto, Verb::Drain, Verb::Down, Verb::Up]);
    prop_oneof![
        20 => (0..3_u8, 0..5_u16, outcome()).prop_map(|(wan, place, outcome)| News::Probed(wan, place, outcome)),
        2 => (0..3_u8, facts).prop_map(|(wan, facts)| News::Link(wan, facts)),
        4 => [traffic.clone(), traffic].prop_map(News::Traffic),
        u32::from(with_hand) => (0..3_u8, verb).prop_map(|(wan, verb)| News::Hand(wan, verb)),
        4 => Just(News::Tick),
    ]
}

/// Rules that are quickly over a limit; probes in both families.
fn rules() -> impl Strategy<Value = Rules> {
    let probe = prop::bool::ANY.prop_map(|v4| Probe::new(if v4 { Family::V4 } else { Family::V6 }, "p"));
    (prop::collection::vec(probe, 0..4), 0..5_usize, 0..4_u32, 0..4_u32, 0..5_000_u64, 0..9_usize).prop_map(
        |(probes, quorum, fall, rise, hold_ms, window)| {
            let (max_hold_ms, quiet_ms) = (20_000, 60_000);
            Rules { probes, quorum, fall, rise, hold_ms, max_hold_ms, quiet_ms, window, ..Rules::default() }
        },
    )
}

/// Pieces of news with the milliseconds between them.
fn stories(with_hand: bool) -> impl Strategy<Value = Vec<(u64, News)>> {
    prop::collection::vec((0..1500_u64, news(with_hand)), 1..300)
}

fn tell(judge: &mut Judge, now: Tick, news: News) {
    match news {
        News::Probed(wan, probe, outcome) => {
            judge.handle_probe(&Probed { wan: WanId(wan), probe, epoch: 1, at: now, outcome })
        }
        News::Link(wan, facts) => judge.handle_link(now, WanId(wan), facts),
        News::Traffic(seen) => judge.handle_traffic(now, &Evidence { wans: vec![seen, seen] }),
        News::Hand(wan, verb) => judge.handle_operator(now, WanId(wan), verb, "because"),
        News::Tick => assert!(judge.tick(now).is_none_or(|next| next > now)),
    }
}

/// Every change of a story, and what is shown after each piece of news agrees with them.
fn changes(rules: &Rules, story: Vec<(u64, News)>) -> Vec<Change> {
    let mut judge = Judge::new([rules.clone(), rules.clone()].into_iter().collect(), Tick(0));
    let each = || [A, B].into_iter().flat_map(|wan| Family::ALL.map(|family| (wan, family)));
    let seen =
        |judge: &Judge| each().map(|(wan, family)| judge.condition(wan, family).unwrap().clone()).collect::<Vec<_>>();
    [A, B].into_iter().for_each(|wan| judge.handle_link(Tick(0), wan, LinkHealth::GOOD));
    let (mut now, mut all, mut before) = (Tick(0), Vec::new(), seen(&judge));
    for (pause, news) in story {
        now = now.plus_millis(pause);
        tell(&mut judge, now, news);
        let (changes, after) = (judge.changes(), seen(&judge));
        for ((case, old), new) in each().zip(&before).zip(&after) {
            assert!(new.state.allows(new.standing), "{new:?}");
            assert!(!new.reason.to_string().is_empty());
            let change = changes.iter().find(|change| (change.wan, change.family) == case);
            assert_eq!(change.is_some(), (old.state, old.standing) != (new.state, new.standing), "{old:?} {new:?}");
            if let Some(change) = change {
                assert_eq!((change.from, change.stood, change.to), (old.state, old.standing, new.state));
                assert_eq!((change.at, change.trace), (new.since, new.trace));
            }
        }
        before = after;
        all.extend(changes);
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_changes_states_and_standings_agree(rules in rules(), story in stories(true)) {
        let traces: Vec<_> = changes(&rules, story).iter().map(|change| change.trace).collect();
        prop_assert!(traces.is_sorted());
    }

    #[test]
    fn nobody_who_fell_is_up_before_its_hold_is_over(rules in rules(), story in stories(false)) {
        let changes = changes(&rules, story);
        for (place, rise) in changes.iter().enumerate() {
            let before = changes[..place].iter().rfind(|change| (change.wan, change.family) == (rise.wan, rise.family));
            let fell = before.filter(|fall| fall.stood == Standing::Up && rise.standing == Standing::Up);
            // A moment without a gateway is no fall.
            let falls = |fall: &&Change| fall.from == State::Up && fall.to != State::NoGateway;
            if let Some(fall) = fell.filter(falls) {
                prop_assert!(rise.at.since(fall.at) >= rules.hold_ms * 1_000_000, "{fall:?}\n{rise:?}");
            }
        }
    }

    #[test]
    fn the_same_story_ends_the_same(rules in rules(), story in stories(true)) {
        prop_assert_eq!(changes(&rules, story.clone()), changes(&rules, story));
    }

    #[test]
    fn answers_in_time_never_harm(rules in rules(), count in 1..200_u64) {
        let mut judge = Judge::new([rules.clone()].into_iter().collect(), Tick(0));
        for second in 0..count {
            for probe in 0..u16::try_from(rules.probes.len()).unwrap() {
                let at = Tick::from_secs(second);
                judge.handle_probe(&Probed { wan: A, probe, epoch: 1, at, outcome: Outcome::Passed { round_trip: 1_000_000 } });
                judge.tick(at);
            }
        }
        prop_assert!(judge.changes().iter().all(|change| change.to == State::Up));
    }
}
