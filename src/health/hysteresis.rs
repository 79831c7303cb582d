//! When bad cycles make a WAN down and good ones make it up again, in one family, while its link is fine: `fall` bad
//! cycles in a row, `rise` good ones and the hold (damping.rs), the limits of loss and latency, and the veto of real
//! flows that get replies.
//! Must never know: faults of the link (family_health.rs), the operator, other WANs (judge.rs).

use super::damping::Damping;
use super::evidence::REPLY_MS;
use super::probes::{Cycle, Failed, Probes};
use super::reason::{Reason, Wait};
use super::rules::Rules;
use crate::types::{Family, Outcome, Tick};

/// Where a WAN stands by its probes and flows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// Nothing is known against it yet, and the first good cycle is enough.
    Unjudged,
    /// Its link was gone, and it has to show again that it works.
    LinkBack,
    Up,
    /// Up, and over a limit.
    Degraded,
    /// Answers again after it was down or its link was gone, and is over a limit.
    Returned,
    Down,
}

/// The phase of a WAN and what it rests on.
#[derive(Clone, Debug)]
pub(super) struct Hysteresis {
    pub phase: Phase,
    pub why: Reason,
    pub probes: Probes,
    /// Good cycles in a row, and bad ones; one of both is 0.
    good: u32,
    bad: u32,
    /// When the first bad cycle of the row was known, and which probes failed in the last.
    bad_since: Tick,
    failed: Failed,
    /// No cycle was good since the WAN fell or its link came back.
    is_dead: bool,
    damping: Damping,
    /// The last reply to a flow that began inside.
    replied: Option<Tick>,
}

impl Hysteresis {
    /// Nothing is known yet. A family without probes is up.
    pub fn new(rules: &Rules, family: Family, now: Tick) -> Self {
        let probes = Probes::new(rules, family, now);
        let (phase, why) =
            if probes.is_empty() { (Phase::Up, Reason::Unprobed) } else { (Phase::Unjudged, Reason::Starting) };
        let (damping, failed) = (Damping::default(), Failed::default());
        Self { phase, why, probes, good: 0, bad: 0, bad_since: now, failed, is_dead: false, damping, replied: None }
    }

    /// One of the WAN's probes ended.
    pub fn handle_outcome(&mut self, rules: &Rules, probe: u16, at: Tick, outcome: Outcome) {
        if let Some(cycle) = self.probes.add(probe, at, outcome) {
            self.count(cycle, at);
        }
        self.decide(rules, at);
    }

    /// A flow that began inside got a reply.
    pub fn handle_reply(&mut self, at: Tick) {
        self.replied = self.replied.max(Some(at));
    }

    /// Time passed.
    pub fn handle_time(&mut self, rules: &Rules, now: Tick) {
        if let Some(cycle) = self.probes.close_if_overdue(now) {
            self.count(cycle, now);
        }
        self.decide(rules, now);
    }

    fn count(&mut self, cycle: Cycle, at: Tick) {
        match cycle {
            Cycle::Good => {
                // An outage is no loss: the hold and the damping answer for it.
                if std::mem::take(&mut self.is_dead) {
                    self.probes.forget_outage(self.bad);
                }
                (self.good, self.bad) = (self.good.saturating_add(1), 0);
            }
            Cycle::Bad(failed) => {
                if self.bad == 0 {
                    self.bad_since = at;
                }
                (self.good, self.bad, self.failed) = (0, self.bad.saturating_add(1), failed);
            }
        }
    }

    /// The link has a fault from now on. `was_known` is false for a link that was never reported before: a WAN that has
    /// not worked yet does not fall.
    pub fn handle_link_loss(&mut self, rules: &Rules, now: Tick, was_known: bool) {
        match self.phase {
            Phase::Unjudged if !was_known => return,
            Phase::Up if !was_known && self.probes.is_empty() => return,
            Phase::Unjudged | Phase::Up => self.damping.fell(rules, now),
            Phase::LinkBack | Phase::Degraded | Phase::Returned | Phase::Down => self.damping.worsened(now),
        }
        self.phase = Phase::LinkBack;
    }

    /// The link's fault is over.
    pub fn handle_link_return(&mut self, rules: &Rules, now: Tick) {
        self.probes.forget(now);
        (self.good, self.bad, self.replied, self.is_dead) = (0, 0, None, true);
        if self.phase == Phase::LinkBack {
            self.why = Reason::LinkBack(self.wait(rules));
        }
        self.decide(rules, now);
    }

    /// This many handshakes fail here while others succeed on another WAN. A degraded WAN gets new flows only where there
    /// is no other; while those fail the hold starts over, and when it is over new flows show whether the WAN is cured.
    pub fn handle_failed_handshakes(&mut self, rules: &Rules, now: Tick, tried: u32) {
        match self.phase {
            Phase::Up => {
                self.good = 0;
                self.damping.fell(rules, now);
                (self.phase, self.why) = (Phase::Degraded, Reason::Handshakes { tried, wait: self.wait(rules) });
            }
            Phase::Degraded | Phase::Returned => self.damping.worsened(now),
            Phase::Unjudged | Phase::LinkBack | Phase::Down => {}
        }
    }

    /// What the WAN has to show to come back.
    fn wait(&self, rules: &Rules) -> Wait {
        Wait { rise: rules.rise, hold_ms: self.damping.hold_ms(rules), falls: self.damping.falls() }
    }

    /// Whether real flows contradict probes that find the WAN down. Only replies since the first bad cycle do: those
    /// before came through what is broken now. Where one bad cycle is enough (`fall` is 1), it is compared with that
    /// cycle's beginning.
    fn is_vetoed(&self, rules: &Rules, now: Tick) -> bool {
        let early = if rules.fall > 1 { 0 } else { rules.timeout_ms.saturating_mul(1_000_000) };
        let counts = |replied: Tick| replied.0 >= self.bad_since.0.saturating_sub(early) && now < stale(replied);
        self.is_failing(rules)
            && self.phase != Phase::Down
            && rules.traffic_evidence
            && self.replied.is_some_and(counts)
    }

    /// Why the phase is this one.
    pub fn reason(&self, rules: &Rules, now: Tick) -> Reason {
        if !matches!(self.phase, Phase::Degraded | Phase::Returned) && self.is_vetoed(rules, now) {
            return Reason::Vetoed { cycles: self.bad, failed: Failed::clone(&self.failed) };
        }
        self.why.clone()
    }

    fn is_failing(&self, rules: &Rules) -> bool {
        self.bad >= rules.fall.max(1)
    }

    fn has_risen(&self, rules: &Rules) -> bool {
        let enough = if self.phase == Phase::Unjudged { 1 } else { rules.rise.max(1) };
        self.probes.is_empty() || self.good >= enough
    }

    /// Moves to another phase if what has been counted asks for it.
    fn decide(&mut self, rules: &Rules, now: Tick) {
        if self.phase != Phase::Down && self.is_failing(rules) && !self.is_vetoed(rules, now) {
            self.fall(rules, now);
        }
        let is_hold_over = now >= self.damping.until(rules);
        match self.phase {
            Phase::Unjudged | Phase::LinkBack | Phase::Down if is_hold_over && self.has_risen(rules) => {
                self.rise(rules, now);
            }
            Phase::Degraded | Phase::Returned if is_hold_over && self.has_risen(rules) && self.is_cured(rules) => {
                self.damping.rose(now);
                let tried = matches!(self.why, Reason::Handshakes { .. });
                (self.phase, self.why) = (Phase::Up, if tried { Reason::Retried } else { Reason::Recovered });
            }
            Phase::Up if !self.is_failing(rules) => {
                if let Some(reason) = exceeded_limit(rules, self.probes.quality(), false) {
                    self.damping.fell(rules, now);
                    (self.phase, self.why) = (Phase::Degraded, reason);
                }
            }
            _ => {}
        }
    }

    fn fall(&mut self, rules: &Rules, now: Tick) {
        match self.phase {
            Phase::Unjudged | Phase::Up | Phase::Returned => self.damping.fell(rules, now),
            Phase::Degraded => self.damping.worsened(now),
            Phase::LinkBack | Phase::Down => {}
        }
        self.is_dead = true;
        let (cycles, failed) = (self.bad, Failed::clone(&self.failed));
        (self.phase, self.why) = (Phase::Down, Reason::Unanswered { cycles, failed, wait: self.wait(rules) });
    }

    /// The WAN answers again. It is up unless what it answered before the outage and since then, however little that is,
    /// exceeds a limit. At the start nothing counts but that it answers.
    fn rise(&mut self, rules: &Rules, now: Tick) {
        if self.phase == Phase::Unjudged {
            self.probes.keep_newest(self.good);
        } else if let Some(reason) = exceeded_limit(rules, self.probes.quality_so_far(), false) {
            (self.phase, self.why) = (Phase::Returned, reason);
            return;
        }
        self.damping.rose(now);
        let answered = Reason::Answered { cycles: self.good };
        (self.phase, self.why) = (Phase::Up, if self.probes.is_empty() { Reason::Unprobed } else { answered });
    }

    /// Whether a WAN that exceeded a limit is well below it again.
    fn is_cured(&self, rules: &Rules) -> bool {
        exceeded_limit(rules, self.probes.quality_so_far(), true).is_none()
    }

    /// When time alone may change something after `now`.
    pub fn due(&self, rules: &Rules, now: Tick) -> Option<Tick> {
        let veto = self.replied.filter(|_| self.is_vetoed(rules, now)).map(stale);
        let may_rise = self.phase != Phase::Up && self.has_risen(rules);
        let hold = may_rise.then(|| self.damping.until(rules));
        [self.probes.due(), veto, hold].into_iter().flatten().filter(|due| *due > now).min()
    }
}

/// The limit that is exceeded by loss and mean round trip, if any; `before`: one was until now.
fn exceeded_limit(rules: &Rules, quality: Option<(u64, u64)>, before: bool) -> Option<Reason> {
    let (loss, mean) = quality?;
    if rules.max_loss.exceeded(loss, before) {
        return Some(Reason::Loss { loss, most: rules.max_loss.most });
    }
    rules.max_latency.exceeded(mean, before).then_some(Reason::Latency { mean, most: rules.max_latency.most })
}

/// When a reply is no evidence any more.
fn stale(replied: Tick) -> Tick {
    Tick(replied.plus_millis(REPLY_MS).0.saturating_add(1))
}
