//! Keeps the next hops' MACs: asks for them side by side, refreshes them, notices when they fall silent, and has the best that
//! answers used (gateways.rs).
//! Owned by one worker; the others only learn. Must never know: how a question looks on the wire.

use super::announce::Announcer;
use super::cells::Neighbors;
use super::context::NeighborContext;
use super::gateways::{self, Candidate};
use super::hop::HopId;
use super::listeners::Listeners;
use super::verify;
use super::word::{FIXED, HEARD, PROBING, REACHABLE, SUSPECT, VALID};
use crate::plane::outbox::Outbox;
use crate::plane::policy::{Gateway, MOST_GATEWAYS, Policy, Wan};
use crate::types::{Family, LinkLayer, MAX_WANS, Mac, Tick, WanId};
use std::net::IpAddr;

/// Milliseconds between the first questions.
const QUICK_MS: u64 = 100;
/// Questions after the first that come quickly.
const QUICK_TRIES: u32 = 5;
/// Milliseconds until one that is believed to be somewhere and does not answer is asked again, and everybody with it: it may
/// have got another MAC.
const SECOND_MS: u64 = 300;
/// Milliseconds between the others (RFC 4861 §10 `RETRANS_TIMER`).
const RETRY_MS: u64 = 1000;
/// Milliseconds without a sign of life after which a next hop is asked whether it is still there (RFC 4861 §10
/// `REACHABLE_TIME`).
const REFRESH_MS: u64 = 30_000;
/// Milliseconds until the next look at what the others have answered, where the gateway in use is silent.
const LOOK_MS: u64 = 50;
/// Unanswered questions after which a MAC is given up (RFC 4861 §10 `MAX_UNICAST_SOLICIT`).
const MISSES: u32 = 3;

/// Resolves the next hops of all WANs and announces what they own.
#[derive(Debug, Default)]
pub struct Prober {
    epoch: Option<u32>,
    /// Those of a WAN and family side by side, best first.
    targets: Vec<Target>,
    announcer: Announcer,
    listeners: Listeners,
    changes: u32,
}

/// A next hop, and how far the asking has come.
#[derive(Debug)]
struct Target {
    hop: HopId,
    name: Box<str>,
    mac: Mac,
    vlan: Option<u16>,
    address: IpAddr,
    has_lapsed: bool,
    /// Questions since the last sign of life.
    tries: u32,
    /// When it was asked last.
    asked: Tick,
    due: Tick,
    /// When it answered last, and since when it has answered whenever it was asked.
    heard: Option<Tick>,
    answers: Option<Tick>,
}

impl Prober {
    /// A prober that has asked for nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends what is due at `now`. Returns when it wants to be called next: at most a second later.
    pub fn tick(&mut self, now: Tick, policy: &Policy, neighbors: &Neighbors, outbox: &mut Outbox) -> Tick {
        if self.epoch != Some(policy.epoch) {
            self.epoch = Some(policy.epoch);
            self.adopt(now, policy, neighbors);
            self.announcer.adopt(now, policy);
        }
        for target in &mut self.targets {
            if let Some(wan) = policy.wan(target.hop.wan) {
                target.step(&mut NeighborContext { now, id: target.hop.wan, wan, neighbors, outbox });
            }
        }
        let is_of_one = |a: &Target, b: &Target| (a.hop.wan, a.hop.family) == (b.hop.wan, b.hop.family);
        let mut next = now.plus_millis(RETRY_MS);
        for targets in self.targets.chunk_by_mut(is_of_one) {
            self.changes += u32::from(choose(now, targets, neighbors));
            let is_silent = targets.first().is_some_and(|it| !neighbors.answers(it.hop.wan, it.hop.family));
            if is_silent && targets.len() > 1 {
                next = next.min(now.plus_millis(LOOK_MS));
            }
        }
        next = self.targets.iter().map(|target| target.due).fold(next, Tick::min).max(now.plus_millis(1));
        next = next.min(self.listeners.tick(now, policy, neighbors, outbox));
        next.min(self.announcer.tick(now, policy, neighbors, outbox))
    }

    /// How often another gateway of a WAN has been used than before, since this was last asked.
    pub fn take_changes(&mut self) -> u32 {
        std::mem::take(&mut self.changes)
    }

    /// Next hops that stayed keep their places and go on as they were, the others start over in free ones.
    fn adopt(&mut self, now: Tick, policy: &Policy, neighbors: &Neighbors) {
        let mut old = std::mem::take(&mut self.targets);
        for (wan, config) in policy.wans() {
            neighbors.hosts.follow(wan, (config.link.came_up, config.link.mac));
            for family in Family::ALL {
                // Where every host is on the link there is no gateway to ask for.
                let has_address = |it: &&Gateway| config.link.layer == LinkLayer::None || !it.address.is_unspecified();
                let gateways = config.link.gateways(family).iter().filter(has_address).take(MOST_GATEWAYS);
                self.targets.extend(gateways.map(|it| Target::new(now, (wan, family), config, it)));
            }
        }
        for target in &mut self.targets {
            if let Some(at) = old.iter().position(|old| old.is_same(target)) {
                target.take_over(old.swap_remove(at));
            }
        }
        for wan in (0..=u8::MAX).map(WanId).take(MAX_WANS) {
            for family in Family::ALL {
                self.settle_in(wan, family, policy, neighbors);
            }
        }
    }

    /// Gives each next hop of one WAN and family a place, and empties the others.
    fn settle_in(&mut self, wan: WanId, family: Family, policy: &Policy, neighbors: &Neighbors) {
        let mut of =
            self.targets.iter_mut().filter(|it| (it.hop.wan, it.hop.family) == (wan, family)).collect::<Vec<_>>();
        let said = policy.wan(wan).and_then(|wan| wan.link.gateway_mac(family));
        for place in 0..MOST_GATEWAYS {
            let hop = HopId { wan, family, place };
            let is_kept = of.iter().any(|it| it.hop.place == place);
            let next = if is_kept { None } else { of.iter_mut().find(|it| it.hop.place == NOWHERE) };
            let is_new = next.is_some();
            if let Some(target) = next {
                target.hop.place = place;
                neighbors.set_address(hop, Some(target.address));
            }
            let is_empty = !is_kept && !is_new;
            let starts_over = neighbors.follow_policy(hop, said.filter(|_| !is_empty));
            if is_empty {
                neighbors.set_address(hop, None);
                neighbors.change(hop, |_| 0);
            } else if is_new || starts_over {
                neighbors.claims.void(hop);
                neighbors.change(hop, |_| PROBING);
            }
        }
    }
}

/// The place of a next hop that has none yet.
const NOWHERE: usize = usize::MAX;

/// Has the best of the gateways of one WAN and family used that answers; where the one that is used is silent, the others are
/// asked at once. Whether another is used than before.
fn choose(now: Tick, targets: &mut [Target], neighbors: &Neighbors) -> bool {
    let Some(first) = targets.first().map(|target| target.hop) else { return false };
    let used = neighbors.used(first.wan, first.family);
    let candidates: Vec<Candidate> = targets.iter().map(|target| target.candidate(neighbors)).collect();
    let Some(place) = gateways::choose(now, used.place, &candidates) else { return false };
    if candidates.iter().any(|it| it.place == place && it.answers.is_none()) {
        targets.iter_mut().filter(|it| it.hop.place != place).for_each(|target| target.hurry(now, neighbors));
    }
    let is_other = place != used.place;
    if is_other {
        neighbors.set_used(HopId { place, ..first });
    }
    is_other && candidates.iter().any(|it| it.place == used.place)
}

impl Target {
    fn new(now: Tick, (wan, family): (WanId, Family), config: &Wan, gateway: &Gateway) -> Self {
        let (mac, vlan) = (config.link.mac, config.link.vlan);
        Self {
            hop: HopId { wan, family, place: NOWHERE },
            name: config.fixed.name.clone(),
            mac,
            vlan,
            address: gateway.address,
            has_lapsed: gateway.has_lapsed,
            tries: 0,
            asked: Tick(0),
            due: now,
            heard: None,
            answers: None,
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        let identity = |it: &Self| (it.hop.wan, it.hop.family, it.mac, it.vlan, it.address);
        identity(self) == identity(other) && self.name == other.name
    }

    fn take_over(&mut self, old: Self) {
        let has_lapsed = self.has_lapsed;
        *self = Self { has_lapsed, ..old };
    }

    fn candidate(&self, neighbors: &Neighbors) -> Candidate {
        let Self { answers, heard, has_lapsed, .. } = *self;
        Candidate { place: self.hop.place, answers, heard, is_known: neighbors.mac_of(self.hop).is_some(), has_lapsed }
    }

    /// It is asked soon, unless it was asked or has answered a moment ago: the gateway in use is silent.
    fn hurry(&mut self, now: Tick, neighbors: &Neighbors) {
        let lately = self.asked.max(self.heard.unwrap_or_default()).plus_millis(RETRY_MS);
        if self.tries == 0 && neighbors.load(self.hop) & FIXED == 0 {
            self.due = self.due.min(lately.max(now));
        }
    }

    fn step(&mut self, place: &mut NeighborContext<'_>) {
        let now = place.now;
        let was = place.neighbors.change(self.hop, |word| word & !(HEARD | SUSPECT));
        let answers = was & REACHABLE != 0;
        self.answers = self.answers.or(Some(now)).filter(|_| answers);
        if was & FIXED != 0 {
            (self.heard, self.due) = (Some(now), now.plus_millis(RETRY_MS));
            return;
        }
        if was & HEARD != 0 {
            (self.tries, self.heard) = (0, Some(now));
            self.due = now.plus_millis(REFRESH_MS);
        }
        if was & SUSPECT != 0 && self.tries == 0 {
            self.due = self.due.min(self.asked.plus_millis(RETRY_MS));
        }
        if now < self.due {
            return;
        }
        let mut known = place.neighbors.mac_of(self.hop);
        if known.is_some() && self.tries >= MISSES {
            known = None;
            self.tries = 0;
        }
        (self.tries, self.asked) = (self.tries + 1, now);
        self.due = now.plus_millis(match known {
            None if self.tries <= QUICK_TRIES => QUICK_MS,
            Some(_) if self.tries == 1 => SECOND_MS,
            _ => RETRY_MS,
        });
        self.mark(known.is_some(), place.neighbors);
        verify::ask(place, self.hop, known);
        if known.is_some() && self.tries > 1 {
            verify::ask(place, self.hop, None);
        }
    }

    /// Shows how the asking stands, unless an answer came in between.
    fn mark(&self, is_known: bool, neighbors: &Neighbors) {
        let tries = self.tries;
        neighbors.change(self.hop, |word| match (word & HEARD != 0, is_known) {
            (true, _) => word,
            (false, true) if tries > 1 => word & !REACHABLE | PROBING,
            (false, true) => word,
            (false, false) if tries > QUICK_TRIES + 1 => 0,
            (false, false) => PROBING,
        });
    }
}

const _: () = assert!(VALID > u64::MAX >> 16, "a MAC fits below the flags");

#[cfg(test)]
mod tests;
