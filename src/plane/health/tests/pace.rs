//! When probes leave, when silence is noticed, what cannot be asked, and what a new policy changes.

use super::*;
use crate::types::{LinkLayer, Mac};

#[test]
fn silence_is_noticed_in_time_and_the_late_answer_reaches_nobody() {
    let mut rig = Rig::new(probing(all()));
    let asked = tick(&mut rig);
    wait(&mut rig, 799);
    rig.plane.tick(rig.now, &mut rig.outbox);
    assert!(outcomes(&rig).is_empty());
    wait(&mut rig, 1);
    let next = rig.plane.tick(rig.now, &mut rig.outbox);
    assert_eq!(outcomes(&rig), (0..6).map(|probe| (probe, SILENT)).collect::<Vec<_>>());
    assert_eq!(next, Tick::from_secs(1001), "the next question is due");
    for probe in &asked {
        taken(&mut rig, A, &probe.answer());
    }
    assert!(outcomes(&rig).is_empty());
    let resets = sent(&mut rig);
    assert_eq!(resets.iter().filter(|it| it.headers.protocol == protocol::TCP).count(), 2, "the server may forget it");
}

#[test]
fn the_shortest_interval_is_kept() {
    let fast = ProbeSpec { interval: 50, timeout: 50, ..spec(SERVER, Question::Echo) };
    let mut rig = Rig::new(probing(vec![fast]));
    let (start, mut times) = (rig.now, Vec::new());
    while rig.now < start.plus_millis(500) {
        let next = rig.plane.tick(rig.now, &mut rig.outbox);
        if !sent(&mut rig).is_empty() {
            times.push(rig.now.since(start) / 1_000_000);
        }
        rig.now = next;
    }
    assert_eq!(times, [0, 50, 100, 150, 200, 250, 300, 350, 400, 450]);
    assert_eq!(outcomes(&rig), [(0, SILENT); 9]);
}

/// Milliseconds from the start at which the probes of these kinds leave in six seconds, if `answers` are given.
fn asked_at(probes: &[Question], answers: impl Fn(&Sent) -> Option<Vec<u8>>) -> Vec<u64> {
    let urgent = |kind: &Question| ProbeSpec { urgent: 2, ..spec(SERVER, kind.clone()) };
    let mut rig = Rig::new(probing(probes.iter().map(urgent).collect()));
    let (start, mut times) = (rig.now, Vec::new());
    while rig.now < start.plus_millis(6000) {
        let next = rig.plane.tick(rig.now, &mut rig.outbox);
        for probe in sent(&mut rig) {
            times.push(rig.now.since(start) / 1_000_000);
            let back = answers(&probe);
            back.into_iter().for_each(|back| taken(&mut rig, A, &back));
        }
        rig.now = next;
    }
    times
}

#[test]
fn a_cycle_that_failed_as_a_whole_is_followed_by_the_next_when_its_time_is_over_so_often_and_no_oftener() {
    let nobody = asked_at(&[Question::Echo], |_| None);
    assert_eq!(nobody, [0, 800, 1600, 2600, 3600, 4600, 5600]);
    let kinds = [Question::Echo, resolve()];
    let both: Vec<_> = nobody.iter().flat_map(|ms| [*ms; 2]).collect();
    assert_eq!(asked_at(&kinds, |_| None), both);
    assert_eq!(asked_at(&kinds, |probe| Some(probe.unreachable(28))), both, "nor does a quick no hasten it");
    let one = |probe: &Sent| (probe.headers.protocol == protocol::UDP).then(|| probe.answer());
    let calm: Vec<_> = (0..6).flat_map(|second| [second * 1000; 2]).collect();
    assert_eq!(asked_at(&kinds, one), calm, "one that answers is enough");
}

#[test]
fn what_cannot_be_asked_is_said_to_be_unsent() {
    for cut in [
        |policy: &mut Policy| policy.wans[0].link.set_next_hop(Family::V4, None),
        |policy: &mut Policy| {
            policy.wans[0].link.came_up = None;
        },
    ] {
        let mut policy = probing(vec![spec(SERVER, Question::Echo)]);
        cut(&mut policy);
        let mut rig = Rig::new(policy);
        assert!(tick(&mut rig).is_empty());
        wait(&mut rig, 799);
        assert!(tick(&mut rig).is_empty() && outcomes(&rig).is_empty());
        wait(&mut rig, 1);
        tick(&mut rig);
        assert_eq!(outcomes(&rig), [(0, Outcome::Failed(Failure::Unsent))]);
    }
}

#[test]
fn a_gateway_that_is_whoever_is_at_the_other_end_cannot_be_pinged_and_that_is_said() {
    let gateway = ProbeSpec { target: Target::Gateway, ..spec(SERVER, Question::Echo) };
    let mut policy = probing(vec![gateway]);
    policy.wans[0].link.layer = LinkLayer::None;
    policy.wans[0].link.gateway_macs = [Some(Mac::default()); 2];
    policy.wans[0].link.set_next_hop(Family::V4, Some([0; 4].into()));
    let mut rig = Rig::new(policy);
    assert!(tick(&mut rig).is_empty());
    wait(&mut rig, 800);
    tick(&mut rig);
    assert_eq!(outcomes(&rig), [(0, Outcome::Failed(Failure::Nameless))]);
}

#[test]
fn a_probe_goes_on_under_a_new_policy_and_another_one_in_its_place_starts_over() {
    let mut rig = Rig::new(probing(vec![spec(SERVER, Question::Echo), spec(SERVER6, Question::Echo)]));
    let asked = tick(&mut rig);
    let mut policy = probing(vec![spec(SERVER, Question::Echo), spec(SERVER6, resolve())]);
    policy.epoch = 2;
    rig.plane.adopt(Arc::new(policy));
    wait(&mut rig, 10);
    assert_eq!(tick(&mut rig).len(), 1, "the new one");
    rig.inbound(A, &asked[0].answer());
    rig.inbound(A, &asked[1].answer());
    assert_eq!(outcomes(&rig), [(0, passed(10))], "the old one is forgotten");
    let mut policy = probing(vec![]);
    policy.epoch = 3;
    rig.plane.adopt(Arc::new(policy));
    wait(&mut rig, 5000);
    assert!(tick(&mut rig).is_empty() && outcomes(&rig).is_empty());
}
