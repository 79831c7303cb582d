//! What the probes and real traffic say of a WAN in one family while its link is fine: fall, rise, hold, limits.
//! Must never know: the link's faults, the operator, other WANs.

use super::damping::Damping;
use super::evidence::REPLY_MS;
use super::probes::{Cycle, Failed, Probes};
use super::reason::{Reason, Wait};
use super::rules::Rules;
use crate::types::{Family, Outcome, Tick};

/// Where it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Soft {
    /// Never judged: nothing is known against it, and the first good cycle is enough.
    Fresh,
    /// Its link was gone.
    Back,
    Up,
    /// Up, and over a limit.
    Ailing,
    Down,
}

/// The verdict and what it rests on.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    pub soft: Soft,
    pub why: Reason,
    pub probes: Probes,
    good: u32,
    bad: u32,
    /// When the first bad cycle of the row was known, and who failed in the last.
    bad_since: Tick,
    failed: Failed,
    damping: Damping,
    replied: Option<Tick>,
}

impl Verdict {
    /// Nothing is known yet. Where nothing will be, all is well.
    pub fn new(rules: &Rules, family: Family, now: Tick) -> Self {
        let probes = Probes::new(rules, family, now);
        let (soft, why) =
            if probes.is_empty() { (Soft::Up, Reason::Unprobed) } else { (Soft::Fresh, Reason::Starting) };
        let (damping, failed) = (Damping::default(), Failed::default());
        Self { soft, why, probes, good: 0, bad: 0, bad_since: now, failed, damping, replied: None }
    }

    /// An outcome of one of its probes.
    pub fn heard(&mut self, rules: &Rules, place: u16, at: Tick, outcome: Outcome) {
        if let Some(cycle) = self.probes.heard(place, at, outcome) {
            self.count(cycle, at);
        }
        self.weigh(rules, at);
    }

    /// A flow that began inside got a reply.
    pub fn replied(&mut self, at: Tick) {
        self.replied = self.replied.max(Some(at));
    }

    /// Time passes.
    pub fn pass(&mut self, rules: &Rules, now: Tick) {
        if let Some(cycle) = self.probes.overdue(now) {
            self.count(cycle, now);
        }
        self.weigh(rules, now);
    }

    fn count(&mut self, cycle: Cycle, at: Tick) {
        match cycle {
            Cycle::Good => (self.good, self.bad) = (self.good.saturating_add(1), 0),
            Cycle::Bad(failed) => {
                if self.bad == 0 {
                    self.bad_since = at;
                }
                (self.good, self.bad, self.failed) = (0, self.bad.saturating_add(1), failed);
            }
        }
    }

    /// The link's fault begins. At the very start, `known` is false: who has shown nothing yet does not fall.
    pub fn cut(&mut self, rules: &Rules, now: Tick, known: bool) {
        match self.soft {
            Soft::Fresh if !known => return,
            Soft::Up if !known && self.probes.is_empty() => return,
            Soft::Fresh | Soft::Up => self.damping.fell(rules, now),
            Soft::Back | Soft::Ailing | Soft::Down => self.damping.worsened(now),
        }
        self.soft = Soft::Back;
    }

    /// The link's fault is over.
    pub fn mend(&mut self, rules: &Rules, now: Tick) {
        self.probes.forget(now);
        (self.good, self.bad, self.replied) = (0, 0, None);
        if self.soft == Soft::Back {
            self.why = Reason::LinkBack(self.wait(rules));
        }
        self.weigh(rules, now);
    }

    /// So many handshakes fail here and succeed elsewhere. Who is degraded gets new flows only where they have no other
    /// way; while those fail the hold starts over, and when it is over new flows are what shows whether it is cured.
    pub fn fails_handshakes(&mut self, rules: &Rules, now: Tick, tried: u32) {
        match self.soft {
            Soft::Up => {
                self.good = 0;
                self.damping.fell(rules, now);
                (self.soft, self.why) = (Soft::Ailing, Reason::Handshakes { tried, wait: self.wait(rules) });
            }
            Soft::Ailing => self.damping.worsened(now),
            Soft::Fresh | Soft::Back | Soft::Down => {}
        }
    }

    /// What it has to show to come back.
    fn wait(&self, rules: &Rules) -> Wait {
        Wait { rise: rules.rise, hold_ms: self.damping.hold_ms(rules), falls: self.damping.falls() }
    }

    /// The probes say that it is down, and real traffic says that it is not. Only replies since the first bad cycle say
    /// so: those before came through what is broken now. One bad cycle that is enough alone is compared with its
    /// beginning.
    pub fn is_vetoed(&self, rules: &Rules, now: Tick) -> bool {
        let early = if rules.fall > 1 { 0 } else { rules.timeout_ms.saturating_mul(1_000_000) };
        let counts = |replied: Tick| replied.0 >= self.bad_since.0.saturating_sub(early) && now < stale(replied);
        self.is_failing(rules) && self.soft != Soft::Down && rules.traffic_evidence && self.replied.is_some_and(counts)
    }

    /// Why it is as it is.
    pub fn reason(&self, rules: &Rules, now: Tick) -> Reason {
        if self.soft != Soft::Ailing && self.is_vetoed(rules, now) {
            return Reason::Vetoed { cycles: self.bad, failed: Failed::clone(&self.failed) };
        }
        self.why.clone()
    }

    fn is_failing(&self, rules: &Rules) -> bool {
        self.bad >= rules.fall.max(1)
    }

    fn has_risen(&self, rules: &Rules) -> bool {
        let enough = if self.soft == Soft::Fresh { 1 } else { rules.rise.max(1) };
        self.probes.is_empty() || self.good >= enough
    }

    fn weigh(&mut self, rules: &Rules, now: Tick) {
        if self.soft != Soft::Down && self.is_failing(rules) && !self.is_vetoed(rules, now) {
            self.fall(rules, now);
        }
        let is_over = now >= self.damping.until(rules);
        match self.soft {
            Soft::Fresh | Soft::Back | Soft::Down if is_over && self.has_risen(rules) => self.rise(now),
            Soft::Ailing if is_over && self.has_risen(rules) && self.over_limit(rules, true).is_none() => {
                self.damping.rose(now);
                let tried = matches!(self.why, Reason::Handshakes { .. });
                (self.soft, self.why) = (Soft::Up, if tried { Reason::Retried } else { Reason::Recovered });
            }
            Soft::Up if !self.is_failing(rules) => {
                if let Some(reason) = self.over_limit(rules, false) {
                    self.ail(rules, now, reason);
                }
            }
            _ => {}
        }
    }

    fn fall(&mut self, rules: &Rules, now: Tick) {
        match self.soft {
            Soft::Fresh | Soft::Up => self.damping.fell(rules, now),
            Soft::Ailing => self.damping.worsened(now),
            Soft::Back | Soft::Down => {}
        }
        let (cycles, failed) = (self.bad, Failed::clone(&self.failed));
        (self.soft, self.why) = (Soft::Down, Reason::Unanswered { cycles, failed, wait: self.wait(rules) });
    }

    /// What failed before it rose says nothing of how it works now.
    fn rise(&mut self, now: Tick) {
        self.damping.rose(now);
        self.probes.keep(self.good);
        let answered = Reason::Answered { cycles: self.good };
        (self.soft, self.why) = (Soft::Up, if self.probes.is_empty() { Reason::Unprobed } else { answered });
    }

    fn ail(&mut self, rules: &Rules, now: Tick, reason: Reason) {
        self.damping.fell(rules, now);
        (self.soft, self.why) = (Soft::Ailing, reason);
    }

    /// The limit that is exceeded.
    fn over_limit(&self, rules: &Rules, before: bool) -> Option<Reason> {
        let (loss, mean) = self.probes.quality()?;
        if rules.max_loss.exceeded(loss, before) {
            return Some(Reason::Loss { loss, most: rules.max_loss.most });
        }
        rules.max_latency.exceeded(mean, before).then_some(Reason::Latency { mean, most: rules.max_latency.most })
    }

    /// When time alone may change something after `now`.
    pub fn due(&self, rules: &Rules, now: Tick) -> Option<Tick> {
        let veto = self.replied.filter(|_| self.is_vetoed(rules, now)).map(stale);
        let may_rise = self.soft != Soft::Up && self.has_risen(rules);
        let hold = may_rise.then(|| self.damping.until(rules));
        [self.probes.due(), veto, hold].into_iter().flatten().filter(|due| *due > now).min()
    }
}

/// When a reply is no evidence any more.
fn stale(replied: Tick) -> Tick {
    Tick(replied.plus_millis(REPLY_MS).0.saturating_add(1))
}
