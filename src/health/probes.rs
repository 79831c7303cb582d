//! The probes of one WAN and family: each one's window and last outcome, and all together the cycles. A cycle is one
//! outcome of each probe; it is good if as many passed as the quorum asks for.
//! Must never know: what follows from a bad cycle (hysteresis.rs).

use super::rules::{Probe, Rules};
use super::window::{Statistics, Window};
use crate::types::{Failure, Family, Outcome, Tick};
use arrayvec::ArrayVec;
use std::sync::Arc;

/// The probes of one WAN and family.
#[derive(Clone, Debug)]
pub(super) struct Probes {
    watched: Vec<WatchedProbe>,
    quorum: usize,
    /// When the cycle under way is closed, whichever outcomes are missing.
    due: Tick,
    /// From the close of a cycle to that of the next at the latest.
    patience_ms: u64,
    /// Loss and mean round trip as the last cycle closed; `None` before the first.
    quality: Option<(u64, u64)>,
    /// Every window held enough then to be judged.
    is_telling: bool,
}

#[derive(Clone, Debug)]
struct WatchedProbe {
    /// Its index in [`Rules::probes`].
    index: u16,
    name: Arc<str>,
    last: Option<(Tick, Outcome)>,
    window: Window,
    /// Outcomes that belong to the cycle under way and to the next: probes of one cycle need not be sent together.
    waiting: ArrayVec<Outcome, 2>,
}

/// What one probe has found, for people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProbeReport {
    /// Its index among the WAN's probes.
    pub index: u16,
    /// What people call it.
    pub name: Arc<str>,
    /// Its last outcome, and when that was known.
    pub last: Option<(Tick, Outcome)>,
    /// What its window comes to.
    pub window: Statistics,
}

/// The probes that failed in a cycle, and why.
pub(super) type Failed = Arc<[(Arc<str>, Failure)]>;

/// What became of a cycle.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Cycle {
    Good,
    Bad(Failed),
}

impl Probes {
    /// The probes of one family. A cycle waits for missing outcomes as long as the slowest could take, and an interval
    /// more: outcomes themselves can be told late.
    pub fn new(rules: &Rules, family: Family, now: Tick) -> Self {
        let watch = |(index, probe): (u16, &Probe)| WatchedProbe {
            index,
            name: Arc::clone(&probe.name),
            last: None,
            window: Window::new(rules.window),
            waiting: ArrayVec::new(),
        };
        let of_family = (0..).zip(&rules.probes).filter(|(_, probe)| probe.family == family);
        let watched: Vec<_> = of_family.map(watch).collect();
        let quorum = rules.quorum.clamp(1, watched.len().max(1));
        let patience_ms = rules.interval_ms.saturating_mul(2).saturating_add(rules.timeout_ms);
        Self { watched, quorum, due: now.plus_millis(patience_ms), patience_ms, quality: None, is_telling: false }
    }

    /// Whether nothing is probed.
    pub fn is_empty(&self) -> bool {
        self.watched.is_empty()
    }

    /// When [`Probes::close_if_overdue`] is to be called; `None` if nothing is probed.
    pub fn due(&self) -> Option<Tick> {
        (!self.is_empty()).then_some(self.due)
    }

    /// Gives the cycle under way its whole time again: no probe could be sent until now.
    pub fn restart_cycle(&mut self, now: Tick) {
        self.due = now.plus_millis(self.patience_ms);
    }

    /// Forgets what was found on the link before it went.
    pub fn forget(&mut self, now: Tick) {
        (self.due, self.quality) = (now.plus_millis(self.patience_ms), None);
        for probe in &mut self.watched {
            probe.waiting.clear();
            probe.window.keep(0);
        }
    }

    /// Forgets all but the newest outcomes: those before belong to a time that is over.
    pub fn keep_newest(&mut self, count: u32) {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        self.watched.iter_mut().for_each(|probe| probe.window.keep(count));
        self.weigh();
    }

    /// Forgets the outcomes of the last so many cycles but the newest: the path was dead, which tells nothing of how it
    /// works while it is alive.
    pub fn forget_outage(&mut self, cycles: u32) {
        let count = usize::try_from(cycles).unwrap_or(usize::MAX);
        self.watched.iter_mut().for_each(|probe| probe.window.forget_before_newest(count));
        self.weigh();
    }

    /// Shows an outcome to people that tells nothing of the path, as there was no link to probe through.
    pub fn set_last(&mut self, index: u16, at: Tick, outcome: Outcome) {
        if let Some(probe) = self.watched.iter_mut().find(|probe| probe.index == index) {
            probe.last = Some((at, outcome));
        }
    }

    /// Adds an outcome. Returns the cycle, if this was the last outcome that it missed.
    pub fn add(&mut self, index: u16, at: Tick, outcome: Outcome) -> Option<Cycle> {
        let probe = self.watched.iter_mut().find(|probe| probe.index == index)?;
        probe.last = Some((at, outcome));
        probe.window.push(outcome);
        if probe.waiting.is_full() {
            probe.waiting.remove(0);
        }
        probe.waiting.push(outcome);
        let is_whole = self.watched.iter().all(|probe| !probe.waiting.is_empty());
        is_whole.then(|| self.close(at))
    }

    /// Closes the cycle under way if it has waited long enough; missing outcomes count as failed.
    pub fn close_if_overdue(&mut self, now: Tick) -> Option<Cycle> {
        if self.is_empty() || now < self.due {
            return None;
        }
        let missing = self.watched.iter_mut().filter(|probe| probe.waiting.is_empty());
        missing.for_each(|probe| probe.window.push(Outcome::Failed(Failure::Silent)));
        Some(self.close(now))
    }

    fn close(&mut self, now: Tick) -> Cycle {
        self.due = now.plus_millis(self.patience_ms);
        self.weigh();
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

    /// Loss in thousandths and mean round trip in nanoseconds of the path, as the last cycle closed; `None` while too
    /// little is known. They are those of the median probe, so that no single target decides, or of the worst probe that
    /// the quorum needs.
    pub fn quality(&self) -> Option<(u64, u64)> {
        self.quality.filter(|_| self.is_telling)
    }

    /// The same, however little is known; `None` before the first cycle.
    pub fn quality_so_far(&self) -> Option<(u64, u64)> {
        self.quality
    }

    fn weigh(&mut self) {
        let rank = self.quorum.max(self.watched.len().div_ceil(2));
        let seen: Vec<_> = self.watched.iter().map(|probe| probe.window.statistics()).collect();
        self.is_telling = self.watched.iter().all(|probe| probe.window.is_telling());
        self.quality = ranked(rank, seen.iter().map(Statistics::loss)).map(|loss| {
            let answered = seen.iter().filter(|seen| seen.lost < seen.outcomes);
            (loss, ranked(rank, answered.map(|seen| seen.mean)).unwrap_or(0))
        });
    }

    /// What each probe has found, for people.
    pub fn reports(&self) -> Vec<ProbeReport> {
        let report = |probe: &WatchedProbe| ProbeReport {
            index: probe.index,
            name: Arc::clone(&probe.name),
            last: probe.last,
            window: probe.window.statistics(),
        };
        self.watched.iter().map(report).collect()
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
