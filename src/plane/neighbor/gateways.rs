//! Which of a WAN's gateways is used: the best that answers. One that is used and answers gives way to a better one only when
//! that has answered for a while; one that falls silent gives way to any that answers then.
//! Must never know: how they are asked (prober.rs).

use crate::types::Tick;

/// Milliseconds for which a better gateway has to have answered before one that answers gives way to it.
const STEADY_MS: u64 = 3000;
/// Milliseconds for which an answer of one that is not used counts, where the one that is used is silent.
pub(super) const FRESH_MS: u64 = 2000;

/// What is known of a gateway. They stand best first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Candidate {
    /// Its place among what is known of next hops.
    pub(super) place: usize,
    /// It answers what it is asked; since when.
    pub(super) answers: Option<Tick>,
    /// When it answered last.
    pub(super) heard: Option<Tick>,
    /// It has a MAC.
    pub(super) is_known: bool,
    /// Its route is gone, and was there a moment ago.
    pub(super) has_lapsed: bool,
}

/// The place of the gateway to be used, where `used` was until now. `None`: there is none.
pub(super) fn choose(now: Tick, used: usize, candidates: &[Candidate]) -> Option<usize> {
    let rank = candidates.iter().position(|it| it.place == used);
    let Some(current) = rank.and_then(|rank| candidates.get(rank)) else {
        let best =
            candidates.iter().find(|it| it.answers.is_some()).or_else(|| candidates.iter().find(|it| it.is_known));
        return best.or_else(|| candidates.first()).map(|it| it.place);
    };
    let better = match current {
        Candidate { answers: Some(_), has_lapsed: false, .. } => {
            let is_steady = |since: Tick| now >= since.plus_millis(STEADY_MS);
            candidates.iter().take(rank.unwrap_or(0)).find(|it| it.answers.is_some_and(is_steady))
        }
        Candidate { answers: Some(_), .. } => candidates.iter().find(|it| it.answers.is_some() && !it.has_lapsed),
        _ => {
            let is_fresh = |heard: Tick| now < heard.plus_millis(FRESH_MS);
            let answers = |it: &&Candidate| it.answers.is_some() && it.heard.is_some_and(is_fresh);
            let known = || candidates.iter().find(|it| it.is_known).filter(|_| !current.is_known);
            candidates.iter().find(answers).or_else(known)
        }
    };
    Some(better.map_or(used, |it| it.place))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Tick = Tick::from_secs(100);

    /// One that has answered since so many seconds, and a second ago for the last time.
    fn answering(place: usize, seconds: u64) -> Candidate {
        let since = Tick::from_secs(100 - seconds);
        let heard = Some(Tick::from_secs(99));
        Candidate { place, answers: Some(since), heard, is_known: true, has_lapsed: false }
    }

    fn silent(place: usize) -> Candidate {
        Candidate { answers: None, heard: Some(Tick::from_secs(50)), ..answering(place, 0) }
    }

    fn unknown(place: usize) -> Candidate {
        Candidate { place, answers: None, heard: None, is_known: false, has_lapsed: false }
    }

    fn lapsed(candidate: Candidate) -> Candidate {
        Candidate { has_lapsed: true, ..candidate }
    }

    #[test]
    fn the_first_that_answers_is_used_and_without_one_the_best() {
        assert_eq!(choose(NOW, 0, &[]), None);
        assert_eq!(choose(NOW, 7, &[unknown(2), unknown(1)]), Some(2));
        assert_eq!(choose(NOW, 2, &[unknown(2), unknown(1)]), Some(2));
        assert_eq!(choose(NOW, 2, &[unknown(2), answering(1, 0)]), Some(1));
        assert_eq!(choose(NOW, 7, &[unknown(2), answering(1, 0), answering(3, 0)]), Some(1));
        assert_eq!(choose(NOW, 2, &[unknown(2), silent(1)]), Some(1), "it has at least a MAC");
    }

    #[test]
    fn one_that_answers_gives_way_only_to_a_better_one_that_has_answered_for_a_while() {
        assert_eq!(choose(NOW, 1, &[answering(2, 1), answering(1, 50)]), Some(1));
        assert_eq!(choose(NOW, 1, &[answering(2, 3), answering(1, 50)]), Some(2));
        assert_eq!(choose(NOW, 1, &[answering(1, 1), answering(2, 50)]), Some(1), "that is worse");
    }

    #[test]
    fn one_that_falls_silent_gives_way_to_any_that_answers_now() {
        assert_eq!(choose(NOW, 1, &[silent(1), answering(2, 0), answering(3, 90)]), Some(2));
        let stale = Candidate { heard: Some(Tick::from_secs(80)), ..answering(2, 90) };
        assert_eq!(choose(NOW, 1, &[silent(1), stale]), Some(1), "it answered long ago and is asked now");
        assert_eq!(choose(NOW, 1, &[silent(1), silent(2)]), Some(1));
    }

    #[test]
    fn one_whose_route_is_gone_gives_way_at_once_but_only_to_one_that_answers() {
        assert_eq!(choose(NOW, 1, &[answering(2, 0), lapsed(answering(1, 50))]), Some(2));
        assert_eq!(choose(NOW, 1, &[unknown(2), lapsed(answering(1, 50))]), Some(1));
        assert_eq!(choose(NOW, 1, &[lapsed(answering(1, 50)), lapsed(answering(2, 50))]), Some(1));
    }
}
