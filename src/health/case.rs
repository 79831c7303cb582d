//! One WAN in one family: the link's faults before all, then the operator, then the verdict on its probes and flows.
//! Must never know: other WANs.

use super::evidence::{Fault, Handshakes, LinkFacts};
use super::probes::Sight;
use super::reason::Reason;
use super::rules::Rules;
use super::state::{Change, Shown, State, Trace, Verb};
use super::verdict::{Soft, Verdict};
use crate::types::{Family, Probed, Standing, Tick, WanId};
use std::sync::Arc;

/// Milliseconds without a gateway until the flows of a WAN are given up; new ones avoid it at once.
const NO_GATEWAY_MS: u64 = 3000;

/// One WAN in one family.
#[derive(Clone, Debug)]
pub(super) struct Case {
    wan: WanId,
    family: Family,
    fault: Option<Fault>,
    /// Since when it is this fault.
    fault_since: Tick,
    /// The link was spoken of at all, and had been when the fault began.
    known: bool,
    was_known: bool,
    /// The verdict knows of the fault.
    is_cut: bool,
    hand: (Verb, Arc<str>),
    verdict: Verdict,
    pub handshakes: Handshakes,
    pub shown: Shown,
}

impl Case {
    /// Nothing is known yet.
    pub fn new(wan: WanId, family: Family, rules: &Rules, now: Tick) -> Self {
        let (verdict, hand) = (Verdict::new(rules, family, now), (Verb::Auto, Arc::default()));
        let reason = verdict.why.clone();
        let (state, standing) = (State::Probing, Standing::Up);
        let shown = Shown { state, standing, since: now, reason, vetoed: false, trace: Trace(0) };
        let mut case = Self {
            wan,
            family,
            fault: None,
            fault_since: now,
            known: false,
            was_known: false,
            is_cut: false,
            hand,
            verdict,
            handshakes: Handshakes::default(),
            shown,
        };
        (case.shown.state, case.shown.standing, case.shown.reason) = case.found(rules, now);
        case
    }

    /// One of its probes ended. What came of it without a link says nothing.
    pub fn probed(&mut self, rules: &Rules, at: Tick, probed: &Probed) {
        if self.fault.is_some() {
            self.verdict.probes.note(probed.probe, at, probed.outcome);
        } else {
            self.verdict.heard(rules, probed.probe, at, probed.outcome);
        }
    }

    /// What the kernel says of the link.
    pub fn link(&mut self, rules: &Rules, now: Tick, facts: LinkFacts) {
        let fault = facts.fault(self.family);
        if self.fault != fault {
            self.fault_since = now;
        }
        let had_fault = std::mem::replace(&mut self.fault, fault).is_some();
        if !had_fault {
            self.was_known = self.known;
        }
        self.known = true;
        if fault.is_none() && std::mem::take(&mut self.is_cut) {
            self.verdict.mend(rules, now);
        } else if fault.is_none() && had_fault {
            self.verdict.probes.resume(now);
        }
        self.cut(rules, now);
    }

    /// Flows are given up: at once, or, for want of a gateway, after a while.
    fn cut(&mut self, rules: &Rules, now: Tick) {
        let waits = self.fault == Some(Fault::NoNextHop) && now < self.patience_ends();
        if self.fault.is_some() && !waits && !self.is_cut {
            self.is_cut = true;
            self.verdict.cut(rules, now, self.was_known);
        }
    }

    /// A flow that began inside got a reply.
    pub fn replied(&mut self, at: Tick) {
        self.verdict.replied(at);
    }

    /// So many handshakes fail here and succeed elsewhere. None of them counts twice.
    pub fn fails_handshakes(&mut self, rules: &Rules, now: Tick, tried: u32) {
        self.handshakes = Handshakes::default();
        if self.fault.is_none() {
            self.verdict.fails_handshakes(rules, now, tried);
        }
    }

    /// An operator spoke.
    pub fn by_hand(&mut self, verb: Verb, text: Arc<str>) {
        self.hand = (verb, text);
    }

    /// Time passes.
    pub fn pass(&mut self, rules: &Rules, now: Tick) {
        if self.fault.is_none() {
            self.verdict.pass(rules, now);
        }
        self.cut(rules, now);
    }

    /// When time alone may change something.
    pub fn due(&self, rules: &Rules, now: Tick) -> Option<Tick> {
        match self.fault {
            None => self.verdict.due(rules, now),
            Some(Fault::NoNextHop) => Some(self.patience_ends()).filter(|end| *end > now),
            Some(Fault::Absent | Fault::NoCarrier | Fault::NoAddress) => None,
        }
    }

    /// A gateway may be gone for a moment while an address is renewed.
    fn patience_ends(&self) -> Tick {
        self.fault_since.plus_millis(NO_GATEWAY_MS)
    }

    /// Its probes, for people.
    pub fn sights(&self) -> Vec<Sight> {
        self.verdict.probes.sights()
    }

    /// What an operator said last.
    pub fn hand(&self) -> (Verb, &str) {
        (self.hand.0, &self.hand.1)
    }

    /// Draws the conclusion; the change, if it is one.
    pub fn conclude(&mut self, rules: &Rules, now: Tick, trace: Trace) -> Option<Change> {
        let (state, standing, reason) = self.found(rules, now);
        self.shown.vetoed = matches!(reason, Reason::Vetoed { .. });
        let (from, stood) = (self.shown.state, self.shown.standing);
        self.shown.reason = reason.clone();
        if (from, stood) == (state, standing) {
            return None;
        }
        (self.shown.state, self.shown.standing, self.shown.since, self.shown.trace) = (state, standing, now, trace);
        let (wan, family, evidence) = (self.wan, self.family, self.sights());
        Some(Change { wan, family, at: now, from, to: state, stood, standing, reason, evidence, trace })
    }

    /// What it is now, how it stands, and why.
    fn found(&self, rules: &Rules, now: Tick) -> (State, Standing, Reason) {
        let by_hand = || Reason::ByHand { verb: self.hand.0, text: Arc::clone(&self.hand.1) };
        match (self.hand.0, self.fault) {
            (Verb::Down, _) => (State::Down, Standing::HardDown, by_hand()),
            (_, Some(Fault::Absent)) => (State::Absent, Standing::HardDown, Reason::LinkGone),
            (_, Some(Fault::NoCarrier)) => (State::LinkDown, Standing::HardDown, Reason::NoCarrier),
            (_, Some(Fault::NoNextHop)) => {
                let standing = if now < self.patience_ends() { Standing::SoftDown } else { Standing::HardDown };
                (State::NoGateway, standing, Reason::NoNextHop)
            }
            (_, Some(Fault::NoAddress)) => (State::NoAddress, Standing::HardDown, Reason::NoAddress(self.family)),
            (Verb::Drain, None) => (State::Drained, Standing::SoftDown, by_hand()),
            (Verb::Up, None) => (State::Up, Standing::Up, by_hand()),
            (Verb::Auto, None) => {
                let (state, standing) = match self.verdict.soft {
                    Soft::Fresh => (State::Probing, Standing::Up),
                    Soft::Back => (State::Probing, Standing::Degraded),
                    Soft::Up => (State::Up, Standing::Up),
                    Soft::Ailing => (State::Degraded, Standing::Degraded),
                    Soft::Down => (State::Down, Standing::SoftDown),
                };
                (state, standing, self.verdict.reason(rules, now))
            }
        }
    }
}
