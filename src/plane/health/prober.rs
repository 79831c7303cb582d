//! Asks: each probe at its interval, and gives up on answers that are late. Owned by one worker; all others take the answers.
//! Must never know: how a question looks on the wire, what an outcome means.

use super::answers::{ProbeContext, send_segment};
use super::asked::Asked;
use super::{Health, MOST};
use crate::plane::neighbor::{self, Neighbors, link_header};
use crate::plane::outbox::Outbox;
use crate::plane::packet::numbers::ethertype;
use crate::plane::policy::source::{self, Purpose};
use crate::plane::policy::{Policy, ProbeSpec, Question, Target, Wan};
use crate::plane::probing::{Task, TaskList, Tokens};
use crate::types::{End, Failure, Family, LinkLayer, MAX_WANS, Outcome, Tick, WanId};
use std::net::IpAddr;
use std::sync::Arc;

/// Milliseconds between two calls of `tick` at the most.
const TICK_MS: u64 = 1000;
/// Milliseconds until a question that could not leave is tried again: the next hop may be known by then.
const RETRY_MS: u64 = 10;

/// Asks what the policy wants to know of the WANs' health.
#[derive(Debug, Default)]
pub struct Prober {
    list: TaskList<ProbeTask>,
    tokens: Tokens,
}

/// One probe of one WAN. Those of a WAN stand side by side.
#[derive(Debug)]
struct ProbeTask {
    wan: WanId,
    probe: u16,
    name: Box<str>,
    spec: Arc<ProbeSpec>,
    due: Tick,
    stage: Stage,
    /// Until when the last question was given time.
    until: Tick,
    /// Questions in a row that had no good answer.
    vain: u32,
    /// Epoch of the snapshot in force.
    epoch: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// Nothing is under way.
    Idle,
    /// It is due and could not leave yet.
    Waiting,
    /// It has left.
    Asked,
}

impl Prober {
    /// A prober that has asked for nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks what is due at `now`. Returns when it wants to be called next: at most a second later.
    pub fn tick(
        &mut self,
        now: Tick,
        policy: &Policy,
        neighbors: &Neighbors,
        health: &Health,
        outbox: &mut Outbox,
    ) -> Tick {
        if self.list.is_outdated(policy.epoch) {
            self.adopt(now, policy, health);
        }
        let place = |id| policy.wan(id).map(|wan| ProbeContext { now, id, wan, health, neighbors });
        for task in self.list.tasks() {
            place(task.wan).into_iter().for_each(|place| task.settle(place, outbox));
        }
        self.hurry();
        let mut next = now.plus_millis(TICK_MS);
        for task in self.list.tasks() {
            let Some(place) = place(task.wan) else { continue };
            next = next.min(task.step(place, &mut self.tokens, outbox));
        }
        next
    }

    /// Where a cycle failed as a whole, the next is due when its last answer would have been late.
    fn hurry(&mut self) {
        for tasks in self.list.tasks().chunk_by_mut(|a, b| a.wan == b.wan) {
            for family in Family::ALL {
                let group = || tasks.iter().filter(|task| task.spec.family == family);
                let (Some(vain), Some(until)) =
                    (group().map(|task| task.vain).min(), group().map(|task| task.until).max())
                else {
                    continue;
                };
                if group().all(|task| task.stage == Stage::Idle && (1..=task.spec.urgent).contains(&vain)) {
                    let group = tasks.iter_mut().filter(|task| task.spec.family == family);
                    group.for_each(|task| task.due = task.due.min(until));
                }
            }
        }
    }

    /// Probes that stayed go on, the others start over.
    fn adopt(&mut self, now: Tick, policy: &Policy, health: &Health) {
        let mut wanted = Vec::new();
        for id in (0..=u8::MAX).map(WanId).take(MAX_WANS) {
            let (name, specs) =
                policy.wan(id).map_or((Box::default(), &[][..]), |wan| (wan.fixed.name.clone(), &*wan.fixed.health));
            for (probe, spec) in (0..).zip(specs.iter().take(MOST)) {
                wanted.push(ProbeTask::new((id, probe), name.clone(), spec, (now, policy.epoch)));
            }
            health.set_count(id, specs.len());
        }
        let gone = self.list.renew(wanted, |begun| health.put(begun.wan, begun.probe, None));
        for gone in gone {
            if !self.list.tasks().iter().any(|task| task.place() == gone.place()) {
                health.put(gone.wan, gone.probe, None);
            }
        }
    }
}

impl Task for ProbeTask {
    fn continues(&self, old: &Self) -> bool {
        self.place() == old.place() && self.name == old.name && self.spec == old.spec
    }

    fn take_over(&mut self, old: Self) {
        (self.due, self.stage, self.until, self.vain) = (old.due, old.stage, old.until, old.vain);
    }
}

impl ProbeTask {
    fn new((wan, probe): (WanId, u16), name: Box<str>, spec: &ProbeSpec, (now, epoch): (Tick, u32)) -> Self {
        let spec = Arc::new(spec.clone());
        Self { wan, probe, name, spec, due: now, stage: Stage::Idle, until: now, vain: 0, epoch }
    }

    fn place(&self) -> (WanId, u16) {
        (self.wan, self.probe)
    }

    /// Asks if it is time. When it wants to be called next.
    fn step(&mut self, place: ProbeContext<'_>, tokens: &mut Tokens, outbox: &mut Outbox) -> Tick {
        let (now, interval) = (place.now, self.spec.interval.into());
        if self.stage == Stage::Idle && now >= self.due {
            let next = self.due.plus_millis(interval);
            self.due = if next > now { next } else { now.plus_millis(interval) };
            (self.stage, self.until) = (Stage::Waiting, now.plus_millis(self.spec.timeout.into()));
        }
        if self.stage == Stage::Waiting && self.send_question(place, tokens, outbox) {
            (self.stage, self.until) = (Stage::Asked, now.plus_millis(self.spec.timeout.into()));
        }
        match self.stage {
            Stage::Idle => self.due,
            Stage::Waiting => self.until.min(now.plus_millis(RETRY_MS)),
            Stage::Asked => self.until,
        }
    }

    /// Notices that a question was answered, or that its time is over.
    fn settle(&mut self, place: ProbeContext<'_>, outbox: &mut Outbox) {
        let is_over = place.now >= self.until;
        let report = |epoch, why| {
            place.health.report((self.wan, self.probe), epoch, place.now, Outcome::Failed(why));
            Some(false)
        };
        let passed = match self.stage {
            Stage::Waiting if is_over && self.is_nameless(place) => report(self.epoch, Failure::Nameless),
            Stage::Waiting if is_over => report(self.epoch, Failure::Unsent),
            Stage::Asked => match place.health.asked(self.wan, self.probe).as_deref_mut() {
                Some(Some(asked)) => match asked.end {
                    Some(outcome) => Some(matches!(outcome, Outcome::Passed { .. })),
                    None if is_over => {
                        let (segment, failure) = asked.give_up();
                        if let Some(segment) = segment {
                            send_segment(place, asked, segment, outbox);
                        }
                        if self.spec.question == Question::Neighbor {
                            place.neighbors.doubt(self.wan, self.spec.family);
                        } else {
                            place.neighbors.suspect(self.wan, self.spec.family);
                        }
                        report(asked.epoch, failure)
                    }
                    None => None,
                },
                _ => Some(true),
            },
            Stage::Idle | Stage::Waiting => None,
        };
        if let Some(passed) = passed {
            self.stage = Stage::Idle;
            self.vain = if passed { 0 } else { self.vain.saturating_add(1) };
        }
    }

    fn next_hop(&self, place: ProbeContext<'_>) -> Option<IpAddr> {
        let family = self.spec.family;
        place.neighbors.next_hop(self.wan, family).or_else(|| place.wan.link.next_hop(family))
    }

    /// Whether it asks a gateway that has no address.
    fn is_nameless(&self, place: ProbeContext<'_>) -> bool {
        self.spec.target == Target::Gateway && self.next_hop(place).is_some_and(|hop| hop.is_unspecified())
    }

    /// Whether the question could leave.
    fn send_question(&self, place: ProbeContext<'_>, tokens: &mut Tokens, outbox: &mut Outbox) -> bool {
        let family = self.spec.family;
        let (Some(hop), Some(_)) = (self.next_hop(place), place.wan.link.came_up) else { return false };
        let target = match self.spec.target {
            Target::Gateway => hop,
            Target::Host(host) => host,
        };
        let token = tokens.next(place.health.secret);
        let asked =
            |source| Box::new(Asked::new(Arc::clone(&self.spec), (source, target), place.now, token, self.epoch));
        if self.spec.question == Question::Neighbor && (place.wan.link.layer == LinkLayer::None || hop.is_unspecified())
        {
            // The link is up, and there is nobody to ask.
            place.health.put(self.wan, self.probe, None);
            place.health.report(self.place(), self.epoch, place.now, Outcome::Passed { round_trip: 0 });
            return true;
        }
        if self.is_nameless(place) {
            return false;
        }
        if self.spec.question == Question::Neighbor {
            let mac = place.neighbors.mac(self.wan, family);
            // Whoever did not answer at its known address may have got another one.
            place.health.put(self.wan, self.probe, Some(asked(hop)));
            let is_static = place.wan.link.gateway_mac(family).is_some();
            let known = mac.filter(|_| is_static || self.vain == 0);
            neighbor::solicit(place.now, place.wan, (self.wan, family), known, place.neighbors, outbox);
            return true;
        }
        let mac = neighbor::towards(place.now, (self.wan, place.wan), (family, target), place.neighbors, outbox);
        let (Some(mac), Some(source)) = (mac, source_for(&self.spec, place.wan, target)) else { return false };
        let asked = asked(source);
        let link = link_header(place.wan, mac, ethertype::of(Family::of(target)));
        let sent = outbox.push(End::Wan(self.wan), &link, |out| asked.write(out));
        if sent {
            place.health.put(self.wan, self.probe, Some(asked));
        }
        sent
    }
}

/// The address that a question carries.
fn source_for(spec: &ProbeSpec, wan: &Wan, target: IpAddr) -> Option<IpAddr> {
    if let Some(said) = spec.source.filter(|said| source::has(wan, *said)) {
        return Some(said);
    }
    let purpose = match spec.question {
        Question::Neighbor | Question::Echo => Purpose::Question,
        Question::Connect { .. } | Question::Resolve { .. } | Question::Time => Purpose::Refused,
        Question::Fetch { .. } | Question::Greet { .. } => Purpose::Exchange,
    };
    source::towards(wan, target, purpose).map(|choice| choice.address)
}
