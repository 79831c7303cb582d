//! Claims about cycles, quorum and the quality of a path.

use super::super::Probe;
use super::*;

const PASSED: Outcome = Outcome::Passed { round_trip: 1_000_000 };
const LOST: Outcome = Outcome::Failed(Failure::Silent);

fn probes(count: usize, quorum: usize) -> Probes {
    let probe = |place| Probe::new(Family::V4, &format!("p{place}"));
    let rules = Rules { probes: (0..count).map(probe).collect(), quorum, window: 4, ..Rules::default() };
    Probes::new(&rules, Family::V4, Tick(0))
}

/// Tells one outcome of each probe.
fn tell(probes: &mut Probes, outcomes: &[Outcome]) -> Option<Cycle> {
    (0..).zip(outcomes).map(|(place, outcome)| probes.add(place, Tick(0), *outcome)).last().flatten()
}

#[test]
fn a_cycle_is_good_if_as_many_pass_as_the_quorum_asks() {
    let rows = [
        (1, [PASSED, LOST, LOST], true),
        (1, [LOST; 3], false),
        (2, [PASSED, LOST, LOST], false),
        (2, [LOST, PASSED, PASSED], true),
        (3, [LOST, PASSED, PASSED], false),
        (99, [PASSED; 3], true),
        (0, [LOST; 3], false),
    ];
    for (quorum, outcomes, good) in rows {
        let cycle = tell(&mut probes(3, quorum), &outcomes).unwrap();
        assert_eq!(cycle == Cycle::Good, good, "{quorum} of {outcomes:?}");
    }
}

#[test]
fn a_cycle_waits_for_every_probe_and_names_those_that_failed() {
    let mut probes = probes(2, 2);
    assert_eq!(probes.add(0, Tick(0), Outcome::Failed(Failure::Refused)), None);
    assert_eq!(probes.add(0, Tick(0), PASSED), None, "that is of the next cycle");
    let refused: Failed = [("p0".into(), Failure::Refused)].into();
    assert_eq!(probes.add(1, Tick(0), PASSED), Some(Cycle::Bad(refused)));
    assert_eq!(probes.add(1, Tick(0), PASSED), Some(Cycle::Good));
    assert_eq!(probes.add(7, Tick(0), PASSED), None, "who is that?");
}

#[test]
fn a_probe_that_is_asked_more_often_than_another_makes_no_cycle_of_its_own() {
    let mut probes = probes(2, 1);
    for _ in 0..9 {
        assert_eq!(probes.add(0, Tick(0), LOST), None);
    }
    assert_eq!(probes.add(1, Tick(0), PASSED), Some(Cycle::Good));
}

#[test]
fn who_is_missing_for_too_long_did_not_answer() {
    let mut probes = probes(2, 2);
    let _ = probes.add(0, Tick(0), PASSED);
    let due = probes.due().unwrap();
    assert_eq!(due.millis(), 2 * 1000 + 800);
    assert_eq!(probes.close_if_overdue(Tick(due.0 - 1)), None);
    assert_eq!(probes.close_if_overdue(due), Some(Cycle::Bad([("p1".into(), Failure::Silent)].into())));
    assert_eq!(probes.due().unwrap(), due.plus_millis(2800));
    assert_eq!(probes.reports()[1].window.lost, 1);
    assert_eq!(probes.reports()[1].last, None, "nothing was heard");
}

#[test]
fn nobody_to_ask_is_never_overdue() {
    let mut probes = probes(0, 1);
    assert_eq!((probes.due(), probes.close_if_overdue(Tick(u64::MAX)), probes.quality()), (None, None, None));
}

#[test]
fn the_path_is_as_good_as_its_middling_probe_or_as_the_quorum_needs() {
    let quality = |count, quorum, lost: &[u64]| {
        let mut probes = probes(count, quorum);
        for round in 0..4 {
            let outcome = |lost: &u64| if round < *lost { LOST } else { PASSED };
            let _ = tell(&mut probes, &lost.iter().map(outcome).collect::<Vec<_>>());
        }
        probes.quality()
    };
    let rows = [
        (1, 1, &[1][..], 250),
        (3, 1, &[0, 0, 4], 0),
        (3, 1, &[0, 2, 4], 500),
        (3, 3, &[0, 2, 3], 750),
        (2, 1, &[0, 4], 0),
        (2, 2, &[0, 3], 750),
    ];
    for (count, quorum, lost, loss) in rows {
        assert_eq!(quality(count, quorum, lost), Some((loss, 1_000_000)), "{quorum} of {lost:?}");
    }
    assert_eq!(quality(1, 1, &[4]), Some((1000, 0)), "nothing passed: no round trip");
    let mut young = probes(3, 1);
    let _ = tell(&mut young, &[LOST, LOST, LOST]);
    assert_eq!(young.quality(), None, "one outcome says nothing");
}
