//! The health of one WAN in one family: a fault of its link comes before all, then what the operator wants, then the
//! hysteresis over its probes and flows. Must never know: other WANs (judge.rs).

use super::evidence::{Fault, Handshakes, LinkHealth};
use super::hysteresis::{Hysteresis, Phase};
use super::probes::ProbeReport;
use super::reason::Reason;
use super::rules::Rules;
use super::state::{Change, Condition, State, Trace};
use super::verb::Verb;
use crate::types::{Family, Probed, Standing, Tick, WanId};
use std::sync::Arc;

/// Milliseconds without a gateway until the flows of a WAN are given up; new ones avoid it at once.
const NO_GATEWAY_MS: u64 = 3000;

/// The health of one WAN in one family.
#[derive(Clone, Debug)]
pub(super) struct FamilyHealth {
    wan: WanId,
    family: Family,
    fault: Option<Fault>,
    /// Since when the fault is this one.
    fault_since: Tick,
    /// The kernel has reported the link at least once.
    is_link_known: bool,
    /// The kernel had reported the link before the present fault began.
    was_link_known: bool,
    /// The hysteresis has been told of the fault.
    is_given_up: bool,
    operator: (Verb, Arc<str>),
    hysteresis: Hysteresis,
    pub handshakes: Handshakes,
    pub condition: Condition,
}

impl FamilyHealth {
    /// Nothing is known yet.
    pub fn new(wan: WanId, family: Family, rules: &Rules, now: Tick) -> Self {
        let hysteresis = Hysteresis::new(rules, family, now);
        let (state, standing, reason) = (State::Probing, Standing::Up, hysteresis.why.clone());
        let condition = Condition { state, standing, since: now, reason, vetoed: false, trace: Trace(0) };
        let mut health = Self {
            wan,
            family,
            fault: None,
            fault_since: now,
            is_link_known: false,
            was_link_known: false,
            is_given_up: false,
            operator: (Verb::Auto, Arc::default()),
            hysteresis,
            handshakes: Handshakes::default(),
            condition,
        };
        (health.condition.state, health.condition.standing, health.condition.reason) = health.judged(rules, now);
        health
    }

    /// A probe of the WAN ended. Without a usable link its outcome tells nothing of the path.
    pub fn handle_probe(&mut self, rules: &Rules, at: Tick, probed: &Probed) {
        if self.fault.is_some() {
            self.hysteresis.probes.set_last(probed.probe, at, probed.outcome);
        } else {
            self.hysteresis.handle_outcome(rules, probed.probe, at, probed.outcome);
        }
    }

    /// The kernel reports the link.
    pub fn handle_link(&mut self, rules: &Rules, now: Tick, link: &LinkHealth) {
        let fault = link.fault(self.family);
        if self.fault != fault {
            self.fault_since = now;
        }
        let is_good = fault.is_none();
        let had_fault = std::mem::replace(&mut self.fault, fault).is_some();
        if !had_fault {
            self.was_link_known = self.is_link_known;
        }
        self.is_link_known = true;
        if is_good && std::mem::take(&mut self.is_given_up) {
            self.hysteresis.handle_link_return(rules, now);
        } else if is_good && had_fault {
            self.hysteresis.probes.restart_cycle(now);
        }
        self.give_up_if_due(rules, now);
    }

    /// Gives the WAN's flows up when its link has a fault: at once, or, for want of a gateway, after a while.
    fn give_up_if_due(&mut self, rules: &Rules, now: Tick) {
        let waits = self.fault == Some(Fault::NoNextHop) && now < self.patience_ends();
        if self.fault.is_some() && !waits && !self.is_given_up {
            self.is_given_up = true;
            self.hysteresis.handle_link_loss(rules, now, self.was_link_known);
        }
    }

    /// A flow that began inside got a reply.
    pub fn handle_reply(&mut self, at: Tick) {
        self.hysteresis.handle_reply(at);
    }

    /// This many handshakes fail here while others succeed on another WAN. None of them counts twice.
    pub fn handle_failed_handshakes(&mut self, rules: &Rules, now: Tick, tried: u32) {
        self.handshakes = Handshakes::default();
        if self.fault.is_none() {
            self.hysteresis.handle_failed_handshakes(rules, now, tried);
        }
    }

    /// An operator wants something of the WAN.
    pub fn handle_operator(&mut self, verb: Verb, text: Arc<str>) {
        self.operator = (verb, text);
    }

    /// Time passed.
    pub fn handle_time(&mut self, rules: &Rules, now: Tick) {
        if self.fault.is_none() {
            self.hysteresis.handle_time(rules, now);
        }
        self.give_up_if_due(rules, now);
    }

    /// When time alone may change something.
    pub fn due(&self, rules: &Rules, now: Tick) -> Option<Tick> {
        match &self.fault {
            None => self.hysteresis.due(rules, now),
            Some(Fault::NoNextHop) => Some(self.patience_ends()).filter(|end| *end > now),
            Some(Fault::Absent | Fault::Unusable(_) | Fault::NoCarrier | Fault::NoAddress(_)) => None,
        }
    }

    /// A gateway may be gone for a moment while an address is renewed.
    fn patience_ends(&self) -> Tick {
        self.fault_since.plus_millis(NO_GATEWAY_MS)
    }

    /// What the WAN's probes have found, for people.
    pub fn reports(&self) -> Vec<ProbeReport> {
        self.hysteresis.probes.reports()
    }

    /// What an operator wanted last, and why.
    pub fn operator(&self) -> (Verb, &str) {
        (self.operator.0, &self.operator.1)
    }

    /// Judges anew, and returns what has changed by that.
    pub fn conclude(&mut self, rules: &Rules, now: Tick, trace: Trace) -> Option<Change> {
        let (state, standing, reason) = self.judged(rules, now);
        let condition = &mut self.condition;
        condition.vetoed = matches!(reason, Reason::Vetoed { .. });
        condition.reason = reason.clone();
        let (from, stood) = (condition.state, condition.standing);
        if (from, stood) == (state, standing) {
            return None;
        }
        (condition.state, condition.standing, condition.since, condition.trace) = (state, standing, now, trace);
        let (wan, family, evidence) = (self.wan, self.family, self.reports());
        Some(Change { wan, family, at: now, from, to: state, stood, standing, reason, evidence, trace })
    }

    /// The WAN's state and standing now, and why.
    fn judged(&self, rules: &Rules, now: Tick) -> (State, Standing, Reason) {
        let by_hand = || Reason::ByHand { verb: self.operator.0, text: Arc::clone(&self.operator.1) };
        match (self.operator.0, &self.fault) {
            (Verb::Down, _) => (State::Down, Standing::HardDown, by_hand()),
            (_, Some(Fault::Absent)) => (State::Absent, Standing::HardDown, Reason::LinkGone),
            (_, Some(Fault::Unusable(why))) => (State::Unusable, Standing::HardDown, Reason::Unusable(Arc::clone(why))),
            (_, Some(Fault::NoCarrier)) => (State::LinkDown, Standing::HardDown, Reason::NoCarrier),
            (_, Some(Fault::NoNextHop)) => {
                let standing = if now < self.patience_ends() { Standing::SoftDown } else { Standing::HardDown };
                (State::NoGateway, standing, Reason::NoNextHop)
            }
            (_, Some(Fault::NoAddress(why))) => {
                (State::NoAddress, Standing::HardDown, Reason::NoAddress(Arc::clone(why)))
            }
            (Verb::Drain, None) => (State::Drained, Standing::SoftDown, by_hand()),
            (Verb::Up, None) => (State::Up, Standing::Up, by_hand()),
            (Verb::Auto, None) => {
                let (state, standing) = match self.hysteresis.phase {
                    Phase::Unjudged => (State::Probing, Standing::Up),
                    Phase::LinkBack => (State::Probing, Standing::Degraded),
                    Phase::Up => (State::Up, Standing::Up),
                    Phase::Degraded | Phase::Returned => (State::Degraded, Standing::Degraded),
                    Phase::Down => (State::Down, Standing::SoftDown),
                };
                (state, standing, self.hysteresis.reason(rules, now))
            }
        }
    }
}
