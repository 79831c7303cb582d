//! The judge of all WANs: news in, with their time, and changes out. Whoever drives it tells it everything, asks for the
//! changes after each piece of news, and calls [`Judge::tick`] when that said it is time.
//! Must never know: who drives it, clocks.

use super::case::Case;
use super::evidence::{Evidence, LinkFacts};
use super::probes::Sight;
use super::rules::Rules;
use super::state::{Change, Shown, Trace, Verb};
use crate::types::{Family, Probed, Standing, Tick, WanId};
use std::mem;
use std::sync::Arc;

/// The judge of all WANs. Time never runs backwards for it: what is dated before the last news counts as of then.
#[derive(Clone, Debug)]
pub struct Judge {
    wans: Vec<Bench>,
    changes: Vec<Change>,
    trace: Trace,
    now: Tick,
}

/// One WAN.
#[derive(Clone, Debug)]
struct Bench {
    rules: Rules,
    cases: [Case; 2],
}

impl Judge {
    /// Judges WANs by these rules, in the order of [`WanId`]. Every WAN is `probing` and takes new flows until more is
    /// known; a family without probes is `up`.
    #[must_use]
    pub fn new(rules: Vec<Rules>, now: Tick) -> Self {
        let bench = |(id, rules): (u8, Rules)| {
            let cases = Family::ALL.map(|family| Case::new(WanId(id), family, &rules, now));
            Bench { rules, cases }
        };
        let wans = (0..=u8::MAX).zip(rules).map(bench).collect();
        Self { wans, changes: Vec::new(), trace: Trace(0), now }
    }

    /// A probe ended. Those of unknown WANs or places are ignored.
    pub fn probed(&mut self, probed: &Probed) {
        let now = self.advance(probed.at);
        if let Some(Bench { rules, cases }) = self.wans.get_mut(probed.wan.index()) {
            cases.iter_mut().for_each(|case| case.probed(rules, now, probed));
        }
        self.conclude();
    }

    /// The kernel says something of a link, or the same as before.
    pub fn link(&mut self, now: Tick, wan: WanId, facts: LinkFacts) {
        let now = self.advance(now);
        if let Some(Bench { rules, cases }) = self.wans.get_mut(wan.index()) {
            cases.iter_mut().for_each(|case| case.link(rules, now, facts));
        }
        self.conclude();
    }

    /// Real flows show something.
    pub fn traffic(&mut self, now: Tick, evidence: &Evidence) {
        let now = self.advance(now);
        for (bench, traffic) in self.wans.iter_mut().zip(&evidence.wans) {
            for (case, traffic) in bench.cases.iter_mut().zip(traffic) {
                case.handshakes.seen(now, traffic);
                if let Some(replied) = traffic.replied {
                    case.replied(replied.min(now));
                }
            }
        }
        Family::ALL.into_iter().for_each(|family| self.compare_handshakes(now, family));
        self.conclude();
    }

    /// An operator says something of a WAN, in both families. `why` is shown; it may be empty.
    pub fn by_hand(&mut self, now: Tick, wan: WanId, verb: Verb, why: &str) {
        self.advance(now);
        let why: Arc<str> = why.into();
        if let Some(bench) = self.wans.get_mut(wan.index()) {
            bench.cases.iter_mut().for_each(|case| case.by_hand(verb, Arc::clone(&why)));
        }
        self.conclude();
    }

    /// Time passed. When it will matter next, if no news comes before; always later than `now`.
    pub fn tick(&mut self, now: Tick) -> Option<Tick> {
        let now = self.advance(now);
        for Bench { rules, cases } in &mut self.wans {
            cases.iter_mut().for_each(|case| case.pass(rules, now));
        }
        self.conclude();
        let due = |bench: &Bench| bench.cases.iter().filter_map(|case| case.due(&bench.rules, now)).min();
        self.wans.iter().filter_map(due).min()
    }

    /// What changed since this was asked last, in the order of time.
    pub fn changes(&mut self) -> Vec<Change> {
        mem::take(&mut self.changes)
    }

    /// A trace for news that changed nothing here.
    pub fn new_trace(&mut self) -> Trace {
        self.trace = Trace(self.trace.0 + 1);
        self.trace
    }

    /// How the data plane is to treat a WAN; hard down if there is none such.
    #[must_use]
    pub fn standing(&self, wan: WanId, family: Family) -> Standing {
        self.case(wan, family).map_or(Standing::HardDown, |case| case.shown.standing)
    }

    /// What a WAN is, since when and why.
    #[must_use]
    pub fn state(&self, wan: WanId, family: Family) -> Option<&Shown> {
        self.case(wan, family).map(|case| &case.shown)
    }

    /// The probes of a WAN: their last outcomes and windows.
    #[must_use]
    pub fn probes(&self, wan: WanId, family: Family) -> Vec<Sight> {
        self.case(wan, family).map(Case::sights).unwrap_or_default()
    }

    /// What an operator said last of a WAN, and why.
    #[must_use]
    pub fn hand(&self, wan: WanId) -> (Verb, &str) {
        self.case(wan, Family::V4).map_or((Verb::Auto, ""), Case::hand)
    }

    fn case(&self, wan: WanId, family: Family) -> Option<&Case> {
        self.wans.get(wan.index()).map(|bench| &bench.cases[family.index()])
    }

    fn advance(&mut self, to: Tick) -> Tick {
        self.now = self.now.max(to);
        self.now
    }

    /// Handshakes that fail on one WAN mean something only if they succeed on another.
    fn compare_handshakes(&mut self, now: Tick, family: Family) {
        let succeed = |bench: &Bench| bench.cases[family.index()].handshakes.succeed();
        if !self.wans.iter().any(succeed) {
            return;
        }
        for Bench { rules, cases } in &mut self.wans {
            let case = &mut cases[family.index()];
            if let Some(tried) = case.handshakes.in_vain(now).filter(|_| rules.traffic_evidence) {
                case.fails_handshakes(rules, now, tried);
            }
        }
    }

    /// Notes what the news changed; what they change together has one trace.
    fn conclude(&mut self) {
        let (now, trace) = (self.now, Trace(self.trace.0 + 1));
        let before = self.changes.len();
        for Bench { rules, cases } in &mut self.wans {
            self.changes.extend(cases.iter_mut().filter_map(|case| case.conclude(rules, now, trace)));
        }
        if self.changes.len() > before {
            self.trace = trace;
        }
    }
}

#[cfg(test)]
mod tests;
