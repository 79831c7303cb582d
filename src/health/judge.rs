//! The judge of all WANs: news in, each with its time, and changes out. Its owner hands every piece of news to a
//! `handle_*`, fetches the changes afterwards, and calls [`Judge::tick`] at the time that the last call returned.
//! Must never know: the owner, clocks.

use super::evidence::{Evidence, LinkHealth};
use super::family_health::FamilyHealth;
use super::probes::ProbeReport;
use super::rules::Rules;
use super::state::{Change, Condition, Trace};
use super::verb::Verb;
use crate::types::{Family, Probed, Slots, Standing, Tick, WanId};
use std::mem;
use std::sync::Arc;

/// The judge of all WANs. Its time never runs backwards: news dated before the last news count as of then.
#[derive(Clone, Debug)]
pub struct Judge {
    wans: Slots<WanHealth>,
    changes: Vec<Change>,
    trace: Trace,
    now: Tick,
}

/// The health of one WAN.
#[derive(Clone, Debug)]
struct WanHealth {
    rules: Rules,
    families: [FamilyHealth; 2],
}

impl Judge {
    /// Judges WANs by these rules. Every WAN is `probing` and takes new flows until more is
    /// known; a family without probes is `up`.
    #[must_use]
    pub fn new(rules: Slots<Rules>, now: Tick) -> Self {
        let wans = rules.map(|id, rules| {
            let families = Family::ALL.map(|family| FamilyHealth::new(id, family, rules, now));
            WanHealth { rules: rules.clone(), families }
        });
        Self { wans, changes: Vec::new(), trace: Trace(0), now }
    }

    /// A probe ended. Probes of unknown WANs, or with an unknown index, are ignored.
    pub fn handle_probe(&mut self, probed: &Probed) {
        let now = self.advance(probed.at);
        if let Some(WanHealth { rules, families }) = self.wans.get_mut(probed.wan) {
            families.iter_mut().for_each(|health| health.handle_probe(rules, now, probed));
        }
        self.conclude();
    }

    /// The kernel reports a WAN's link, changed or not.
    pub fn handle_link(&mut self, now: Tick, wan: WanId, link: LinkHealth) {
        let now = self.advance(now);
        if let Some(WanHealth { rules, families }) = self.wans.get_mut(wan) {
            families.iter_mut().for_each(|health| health.handle_link(rules, now, &link));
        }
        self.conclude();
    }

    /// The flows on all WANs show something.
    pub fn handle_traffic(&mut self, now: Tick, evidence: &Evidence) {
        let now = self.advance(now);
        for (id, wan) in self.wans.iter_mut() {
            let traffic = evidence.wans.get(id.index()).into_iter().flatten();
            for (health, traffic) in wan.families.iter_mut().zip(traffic) {
                health.handshakes.add(now, traffic);
                if let Some(replied) = traffic.replied {
                    health.handle_reply(replied.min(now));
                }
            }
        }
        Family::ALL.into_iter().for_each(|family| self.compare_handshakes(now, family));
        self.conclude();
    }

    /// An operator wants something of a WAN, in both families. `why` is shown; it may be empty.
    pub fn handle_operator(&mut self, now: Tick, wan: WanId, verb: Verb, why: &str) {
        self.advance(now);
        let why: Arc<str> = why.into();
        if let Some(wan) = self.wans.get_mut(wan) {
            wan.families.iter_mut().for_each(|health| health.handle_operator(verb, Arc::clone(&why)));
        }
        self.conclude();
    }

    /// Time passed. Returns when to call again if no news come before; always later than `now`.
    pub fn tick(&mut self, now: Tick) -> Option<Tick> {
        let now = self.advance(now);
        for (_, WanHealth { rules, families }) in self.wans.iter_mut() {
            families.iter_mut().for_each(|health| health.handle_time(rules, now));
        }
        self.conclude();
        let due = |wan: &WanHealth| wan.families.iter().filter_map(|health| health.due(&wan.rules, now)).min();
        self.wans.values().filter_map(due).min()
    }

    /// What has changed since the last call, in the order of time.
    pub fn changes(&mut self) -> Vec<Change> {
        mem::take(&mut self.changes)
    }

    /// A trace for news that changed nothing here.
    pub fn new_trace(&mut self) -> Trace {
        self.trace = Trace(self.trace.0 + 1);
        self.trace
    }

    /// How the data plane is to treat a WAN; hard down if there is no such WAN.
    #[must_use]
    pub fn standing(&self, wan: WanId, family: Family) -> Standing {
        self.family(wan, family).map_or(Standing::HardDown, |health| health.condition.standing)
    }

    /// The condition of a WAN: its state, since when and why.
    #[must_use]
    pub fn condition(&self, wan: WanId, family: Family) -> Option<&Condition> {
        self.family(wan, family).map(|health| &health.condition)
    }

    /// What each probe of a WAN has found.
    #[must_use]
    pub fn probes(&self, wan: WanId, family: Family) -> Vec<ProbeReport> {
        self.family(wan, family).map(FamilyHealth::reports).unwrap_or_default()
    }

    /// What an operator wanted last of a WAN, and why.
    #[must_use]
    pub fn operator(&self, wan: WanId) -> (Verb, &str) {
        self.family(wan, Family::V4).map_or((Verb::Auto, ""), FamilyHealth::operator)
    }

    fn family(&self, wan: WanId, family: Family) -> Option<&FamilyHealth> {
        self.wans.get(wan).map(|wan| &wan.families[family.index()])
    }

    fn advance(&mut self, to: Tick) -> Tick {
        self.now = self.now.max(to);
        self.now
    }

    /// Handshakes that fail on one WAN count against it only if they succeed on another.
    fn compare_handshakes(&mut self, now: Tick, family: Family) {
        let succeed = |wan: &WanHealth| wan.families[family.index()].handshakes.succeed();
        if !self.wans.values().any(succeed) {
            return;
        }
        for (_, WanHealth { rules, families }) in self.wans.iter_mut() {
            let health = &mut families[family.index()];
            if let Some(tried) = health.handshakes.unanswered(now).filter(|_| rules.traffic_evidence) {
                health.handle_failed_handshakes(rules, now, tried);
            }
        }
    }

    /// Collects what one piece of news has changed; these changes share a trace.
    fn conclude(&mut self) {
        let (now, trace) = (self.now, Trace(self.trace.0 + 1));
        let before = self.changes.len();
        for (_, WanHealth { rules, families }) in self.wans.iter_mut() {
            self.changes.extend(families.iter_mut().filter_map(|health| health.conclude(rules, now, trace)));
        }
        if self.changes.len() > before {
            self.trace = trace;
        }
    }
}

#[cfg(test)]
mod tests;
