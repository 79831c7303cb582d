//! Asks: each probe at its interval, and gives up on answers that are late. Owned by one worker; the others only hear.
//! Must never know: how a question looks on the wire, what an outcome means.

use super::asked::Asked;
use super::listen::{Place, say};
use super::{Health, MOST};
use crate::plane::ask;
use crate::plane::neighbor::{self, Neighbors, link_header};
use crate::plane::outbox::Outbox;
use crate::plane::packet::ethertype;
use crate::plane::policy::{Policy, ProbeSpec, Question, Target, Wan};
use crate::types::{End, Failure, Family, MAX_WANS, Outcome, Tick, WanId};
use std::net::IpAddr;
use std::sync::Arc;

/// Milliseconds between two calls of `tick` at the most.
const TICK_MS: u64 = 1000;
/// Milliseconds until a question that could not leave is tried again: the next hop may be known by then.
const RETRY_MS: u64 = 10;

/// Asks what the policy wants to know of the WANs' health.
#[derive(Debug, Default)]
pub struct Prober {
    epoch: Option<u32>,
    roads: Vec<Road>,
    /// Tokens used.
    tokens: u64,
}

/// One probe of one WAN.
#[derive(Debug)]
struct Road {
    wan: WanId,
    probe: u16,
    name: Box<str>,
    spec: Arc<ProbeSpec>,
    due: Tick,
    stage: Stage,
    /// The last question had no answer.
    missed: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// Nothing is under way.
    Idle,
    /// It is due and could not leave; given up at this time.
    Waiting(Tick),
    /// It has left; given up at this time.
    Asked(Tick),
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
        if self.epoch != Some(policy.epoch) {
            self.epoch = Some(policy.epoch);
            self.adopt(now, policy, health);
        }
        let mut next = now.plus_millis(TICK_MS);
        for road in &mut self.roads {
            let Some(wan) = policy.wan(road.wan) else { continue };
            let place = Place { now, id: road.wan, wan, health, neighbors };
            next = next.min(road.step(place, &mut self.tokens, outbox));
        }
        next
    }

    /// Probes that stayed go on, the others start over.
    fn adopt(&mut self, now: Tick, policy: &Policy, health: &Health) {
        let old = std::mem::take(&mut self.roads);
        let mut wans = policy.wans.iter();
        for id in (0..=u8::MAX).map(WanId).take(MAX_WANS) {
            let (name, specs) = wans.next().map_or((Box::default(), &[][..]), |wan| (wan.name.clone(), &*wan.health));
            for (probe, spec) in (0..).zip(specs.iter().take(MOST)) {
                self.roads.push(Road::new(id, probe, name.clone(), spec, now));
            }
            health.set_count(id, specs.len());
        }
        for road in &mut self.roads {
            match old.iter().find(|old| old.is_same(road)) {
                Some(same) => (road.due, road.stage, road.missed) = (same.due, same.stage, same.missed),
                None => health.put(road.wan, road.probe, None),
            }
        }
        for gone in old.iter().filter(|gone| !self.roads.iter().any(|road| road.place() == gone.place())) {
            health.put(gone.wan, gone.probe, None);
        }
    }
}

impl Road {
    fn new(wan: WanId, probe: u16, name: Box<str>, spec: &ProbeSpec, now: Tick) -> Self {
        Self { wan, probe, name, spec: Arc::new(spec.clone()), due: now, stage: Stage::Idle, missed: false }
    }

    fn place(&self) -> (WanId, u16) {
        (self.wan, self.probe)
    }

    fn is_same(&self, other: &Self) -> bool {
        self.place() == other.place() && self.name == other.name && self.spec == other.spec
    }

    fn step(&mut self, place: Place<'_>, tokens: &mut u64, outbox: &mut Outbox) -> Tick {
        let now = place.now;
        self.settle(place, outbox);
        if self.stage == Stage::Idle && now >= self.due {
            let next = self.due.plus_millis(self.spec.interval.into());
            self.due = if next > now { next } else { now.plus_millis(self.spec.interval.into()) };
            self.stage = Stage::Waiting(now.plus_millis(self.spec.timeout.into()));
        }
        if matches!(self.stage, Stage::Waiting(_)) && self.ask(place, tokens, outbox) {
            self.stage = Stage::Asked(now.plus_millis(self.spec.timeout.into()));
        }
        match self.stage {
            Stage::Idle => self.due,
            Stage::Waiting(until) => until.min(now.plus_millis(RETRY_MS)),
            Stage::Asked(until) => until,
        }
    }

    /// Notices that a question was answered, or that its time is over.
    fn settle(&mut self, place: Place<'_>, outbox: &mut Outbox) {
        let failed = |failure| place.health.report(self.wan, self.probe, place.now, Outcome::Failed(failure));
        match self.stage {
            Stage::Waiting(until) if place.now >= until => {
                failed(Failure::Unsent);
                self.stage = Stage::Idle;
            }
            Stage::Asked(until) => {
                let mut slot = place.health.asked(self.wan, self.probe);
                let asked = slot.as_mut().and_then(|slot| slot.as_mut()).filter(|asked| !asked.is_done);
                self.missed = asked.is_some();
                match asked {
                    None => self.stage = Stage::Idle,
                    Some(asked) if place.now >= until => {
                        let (segment, failure) = asked.give_up();
                        if let Some(segment) = segment {
                            say(place, asked, segment, outbox);
                        }
                        failed(failure);
                        self.stage = Stage::Idle;
                    }
                    Some(_) => {}
                }
            }
            Stage::Idle | Stage::Waiting(_) => {}
        }
    }

    /// Whether the question could leave.
    fn ask(&self, place: Place<'_>, tokens: &mut u64, outbox: &mut Outbox) -> bool {
        let v4 = self.spec.family == Family::V4;
        let hop = if v4 { place.wan.link.next_hop4.map(IpAddr::V4) } else { place.wan.link.next_hop6.map(IpAddr::V6) };
        let (Some(hop), Some(_)) = (hop, place.wan.link.came_up) else { return false };
        let target = match self.spec.target {
            Target::Gateway => hop,
            Target::Host(host) => host,
        };
        *tokens += 1;
        let token = ask::token_of(place.health.secret, *tokens);
        let asked = |source| Box::new(Asked::new(Arc::clone(&self.spec), (source, target), place.now, token));
        let mac = place.neighbors.mac(self.wan, v4);
        if self.spec.question == Question::Neighbor {
            // Whoever did not answer at its known address may have got another one.
            place.health.put(self.wan, self.probe, Some(asked(hop)));
            neighbor::ask(place.wan, (self.wan, hop), mac.filter(|_| !self.missed), place.neighbors, outbox);
            return true;
        }
        let (Some(mac), Some(source)) = (mac, source(&self.spec.question, place.wan, target)) else { return false };
        let asked = asked(source);
        let link = link_header(place.wan, mac, ethertype::of(target.is_ipv4()));
        let sent = outbox.push(End::Wan(self.wan), &link, |out| asked.write(out));
        if sent {
            place.health.put(self.wan, self.probe, Some(asked));
        }
        sent
    }
}

/// The kernel would refuse the answer of a server that it knows nothing of.
fn source(question: &Question, wan: &Wan, target: IpAddr) -> Option<IpAddr> {
    match question {
        Question::Neighbor | Question::Echo => ask::source(wan, target),
        Question::Connect { .. } | Question::Fetch { .. } | Question::Resolve { .. } => ask::owned_source(wan, target),
    }
}
