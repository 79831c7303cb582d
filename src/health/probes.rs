//! The probes of one WAN and family: each one's window and last outcome, and all together the cycles. A cycle is one
//! outcome of each probe; it is good if as many passed as the quorum asks.
//! Must never know: what follows from a bad cycle.

use super::rules::Rules;
use super::window::{Statistics, Window};
use crate::types::{Failure, Family, Outcome, Tick};
use arrayvec::ArrayVec;
use std::sync::Arc;

/// The probes of one WAN and family.
#[derive(Clone, Debug)]
pub(super) struct Probes {
    watched: Vec<Watched>,
    quorum: usize,
    /// When the cycle under way counts as over, whoever is missing.
    due: Tick,
    patience_ms: u64,
    /// As the last cycle closed.
    quality: Option<(u64, u64)>,
}

#[derive(Clone, Debug)]
struct Watched {
    place: u16,
    name: Arc<str>,
    last: Option<(Tick, Outcome)>,
    window: Window,
    /// Outcomes that belong to the cycle under way and to the next: probes of one cycle need not be sent together.
    waiting: ArrayVec<Outcome, 2>,
}

/// A probe as people see it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sight {
    /// Its place among the WAN's probes.
    pub place: u16,
    /// What people call it.
    pub name: Arc<str>,
    /// Its last outcome, and when that was known.
    pub last: Option<(Tick, Outcome)>,
    /// What its window comes to.
    pub window: Statistics,
}

/// Those that failed in a cycle, and why.
pub(super) type Failed = Arc<[(Arc<str>, Failure)]>;

/// What became of a cycle.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Cycle {
    Good,
    Bad(Failed),
}

impl Probes {
    /// Those of one family. Outcomes that never come are waited for as long as the slowest could take, and an interval
    /// more: reports can be late themselves.
    pub fn new(rules: &Rules, family: Family, now: Tick) -> Self {
        let watch = |(place, probe): (u16, &super::Probe)| Watched {
            place,
            name: Arc::clone(&probe.name),
            last: None,
            window: Window::new(rules.window),
            waiting: ArrayVec::new(),
        };
        let of_family = (0..).zip(&rules.probes).filter(|(_, probe)| probe.family == family);
        let watched: Vec<_> = of_family.map(watch).collect();
        let quorum = rules.quorum.clamp(1, watched.len().max(1));
        let patience_ms = rules.interval_ms.saturating_mul(2).saturating_add(rules.timeout_ms);
        Self { watched, quorum, due: now.plus_millis(patience_ms), patience_ms, quality: None }
    }

    /// Whether nothing is probed.
    pub fn is_empty(&self) -> bool {
        self.watched.is_empty()
    }

    /// When [`Probes::overdue`] has something to say; `None` if nothing is probed.
    pub fn due(&self) -> Option<Tick> {
        (!self.is_empty()).then_some(self.due)
    }

    /// Nothing could be asked until now: what is missing of the cycle under way is waited for anew.
    pub fn resume(&mut self, now: Tick) {
        self.due = now.plus_millis(self.patience_ms);
    }

    /// The link came back, or went: what was heard on it before says nothing any more.
    pub fn forget(&mut self, now: Tick) {
        (self.due, self.quality) = (now.plus_millis(self.patience_ms), None);
        for probe in &mut self.watched {
            probe.waiting.clear();
            probe.window.keep(0);
        }
    }

    /// Forgets all but the newest outcomes: those before belong to a time that is over.
    pub fn keep(&mut self, count: u32) {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        self.watched.iter_mut().for_each(|probe| probe.window.keep(count));
        self.quality = self.weighed();
    }

    /// Notes an outcome that says nothing of the path, as there was no link to ask on.
    pub fn note(&mut self, place: u16, at: Tick, outcome: Outcome) {
        if let Some(probe) = self.watched.iter_mut().find(|probe| probe.place == place) {
            probe.last = Some((at, outcome));
        }
    }

    /// An outcome; the cycle, if it was the last one missing.
    pub fn heard(&mut self, place: u16, at: Tick, outcome: Outcome) -> Option<Cycle> {
        let probe = self.watched.iter_mut().find(|probe| probe.place == place)?;
        probe.last = Some((at, outcome));
        probe.window.push(outcome);
        if probe.waiting.is_full() {
            probe.waiting.remove(0);
        }
        probe.waiting.push(outcome);
        let is_whole = self.watched.iter().all(|probe| !probe.waiting.is_empty());
        is_whole.then(|| self.close(at))
    }

    /// The cycle, if it is time to give those up that are missing.
    pub fn overdue(&mut self, now: Tick) -> Option<Cycle> {
        if self.is_empty() || now < self.due {
            return None;
        }
        let missing = self.watched.iter_mut().filter(|probe| probe.waiting.is_empty());
        missing.for_each(|probe| probe.window.push(Outcome::Failed(Failure::Silent)));
        Some(self.close(now))
    }

    fn close(&mut self, now: Tick) -> Cycle {
        (self.due, self.quality) = (now.plus_millis(self.patience_ms), self.weighed());
        let mut failed = Vec::new();
        for probe in &mut self.watched {
            match probe.waiting.pop_at(0) {
                Some(Outcome::Passed { .. }) => {}
                Some(Outcome::Failed(failure)) => failed.push((Arc::clone(&probe.name), failure)),
                None => failed.push((Arc::clone(&probe.name), Failure::Silent)),
            }
        }
        let is_good = self.watched.len() - failed.len() >= self.quorum;
        if is_good { Cycle::Good } else { Cycle::Bad(failed.into()) }
    }

    /// Loss in thousandths and mean round trip in nanoseconds of the path: those of the middling probe, so that one that
    /// lies is not believed, or of the worst that the quorum needs. As the last cycle closed; `None` while too little is
    /// known.
    pub fn quality(&self) -> Option<(u64, u64)> {
        self.quality
    }

    fn weighed(&self) -> Option<(u64, u64)> {
        let rank = self.quorum.max(self.watched.len().div_ceil(2));
        if !self.watched.iter().all(|probe| probe.window.is_telling()) {
            return None;
        }
        let seen: Vec<_> = self.watched.iter().map(|probe| probe.window.statistics()).collect();
        let loss = ranked(rank, seen.iter().map(Statistics::loss))?;
        let answered = seen.iter().filter(|seen| seen.lost < seen.outcomes);
        Some((loss, ranked(rank, answered.map(|seen| seen.mean)).unwrap_or(0)))
    }

    /// All of them, for people.
    pub fn sights(&self) -> Vec<Sight> {
        let sight = |probe: &Watched| Sight {
            place: probe.place,
            name: Arc::clone(&probe.name),
            last: probe.last,
            window: probe.window.statistics(),
        };
        self.watched.iter().map(sight).collect()
    }
}

/// The value at this rank from the best, counted from 1.
fn ranked(rank: usize, values: impl Iterator<Item = u64>) -> Option<u64> {
    let mut values: Vec<_> = values.collect();
    values.sort_unstable();
    values.get(rank - 1).copied()
}

#[cfg(test)]
mod tests;
