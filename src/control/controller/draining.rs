//! What the flows of a WAN that is softly down are judged by: since when it is down, and since when its path may have been
//! dead by then. Must never know: flows.

use crate::config::settings::Wan;
use crate::health::{Judge, State};
use crate::plane::policy::Draining;
use crate::types::{Family, Standing, Tick, WanId};

/// `None` while the WAN is not softly down, or where `silence` is off.
pub(super) fn now(judge: &Judge, id: WanId, family: Family, said: &Wan) -> Option<Draining> {
    let condition = judge.condition(id, family).filter(|condition| condition.standing == Standing::SoftDown)?;
    let silence = said.silence?;
    let (since, by_hand) = (condition.since, condition.state == State::Drained);
    let dead_since = (!by_hand).then(|| Tick(since.0.saturating_sub(unnoticed(said))));
    Some(Draining { silence, since, dead_since })
}

/// Milliseconds that a busy machine may take.
const SLACK: u64 = 1000;

/// Nanoseconds for which a path may have been dead at the most when it is found to be: until the next question, and for all
/// those that then stay without an answer.
fn unnoticed(said: &Wan) -> u64 {
    (u64::from(said.health.interval) * (1 + u64::from(said.thresholds.fall)) + SLACK).saturating_mul(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::controller::rules;
    use crate::control::sample::settings;
    use crate::health::{LinkHealth, Verb};
    use crate::types::{Failure, Outcome, Probed, Slots};

    const FIBER: WanId = WanId(0);

    /// The first WAN of the sample, with this `silence`, after a second of questions that nobody answered.
    fn fallen(silence: Option<u32>) -> (Judge, Wan) {
        let said = Wan { silence, ..settings().wans[0].clone() };
        let rules: Slots<_> = [rules::of(&said, false)].into_iter().collect();
        let mut judge = Judge::new(rules, Tick(0));
        judge.handle_link(Tick(0), FIBER, LinkHealth::GOOD);
        for at in [10, 20, 30] {
            let at = Tick::from_secs(at);
            let outcome = Outcome::Failed(Failure::Silent);
            judge.handle_probe(&Probed { wan: FIBER, probe: 0, epoch: 1, at, outcome });
        }
        (judge, said)
    }

    #[test]
    fn a_wan_whose_probes_fail_may_have_been_dead_for_the_time_that_the_finding_takes() {
        let (mut judge, said) = fallen(Some(3000));
        let of = |judge: &Judge, family| now(judge, FIBER, family, &said);
        let (silence, since) = (3000, Tick::from_secs(30));
        let down = Draining { silence, since, dead_since: Some(Tick::from_secs(25)) };
        assert_eq!([Family::V4, Family::V6].map(|family| of(&judge, family)), [Some(down), None]);
        judge.handle_operator(Tick::from_secs(40), FIBER, Verb::Drain, "");
        let drained = Draining { silence, since: Tick::from_secs(40), dead_since: None };
        assert_eq!([Family::V4, Family::V6].map(|family| of(&judge, family)), [Some(drained); 2]);
        judge.handle_operator(Tick::from_secs(50), FIBER, Verb::Down, "");
        assert_eq!([Family::V4, Family::V6].map(|family| of(&judge, family)), [None; 2]);
    }

    #[test]
    fn where_it_is_off_no_flow_is_judged() {
        let (judge, said) = fallen(None);
        assert_eq!(judge.standing(FIBER, Family::V4), Standing::SoftDown);
        assert_eq!(now(&judge, FIBER, Family::V4, &said), None);
    }
}
