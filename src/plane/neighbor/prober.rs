//! Keeps the next hops' MACs: asks for them, refreshes them, notices when they fall silent or change.
//! Owned by one worker; the others only learn. Must never know: how a question looks on the wire.

use super::announce::Announcer;
use super::cells::{FIXED, HEARD, Neighbors, PROBING, REACHABLE, SUSPECT, VALID};
use super::context::NeighborContext;
use super::{arp, nd};
use crate::plane::outbox::Outbox;
use crate::plane::policy::{Policy, Wan};
use crate::types::{Family, MAX_WANS, Mac, Tick, WanId};
use std::net::IpAddr;

/// Milliseconds between the first questions.
const QUICK_MS: u64 = 100;
/// Questions after the first that come quickly.
const QUICK_TRIES: u32 = 5;
/// Milliseconds between the others (RFC 4861 §10 `RETRANS_TIMER`).
const RETRY_MS: u64 = 1000;
/// Milliseconds without a sign of life after which a next hop is asked whether it is still there (RFC 4861 §10
/// `REACHABLE_TIME`).
const REFRESH_MS: u64 = 30_000;
/// Milliseconds within which a MAC that is known and one that is claimed in its place have to answer.
const TRIAL_MS: u64 = 300;
/// Unanswered questions after which a MAC is given up (RFC 4861 §10 `MAX_UNICAST_SOLICIT`).
const MISSES: u32 = 3;

/// Resolves the next hops of all WANs and announces what they own.
#[derive(Debug, Default)]
pub struct Prober {
    epoch: Option<u32>,
    targets: Vec<Target>,
    announcer: Announcer,
    refused: u32,
}

/// A next hop, and how far the asking has come.
#[derive(Debug)]
struct Target {
    wan: WanId,
    name: Box<str>,
    mac: Mac,
    vlan: Option<u16>,
    next_hop: IpAddr,
    /// Questions since the last sign of life.
    tries: u32,
    /// When it was asked last.
    asked: Tick,
    due: Tick,
    /// When the known MAC and one that is claimed were asked which it is.
    trial: Option<Tick>,
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
        let mut next = now.plus_millis(RETRY_MS);
        for target in &mut self.targets {
            if let Some(wan) = policy.wan(target.wan) {
                let place = &mut NeighborContext { id: target.wan, wan, neighbors, outbox };
                self.refused += u32::from(target.judge(now, place));
                target.step(now, place);
                next = next.min(target.trial.map_or(target.due, |began| target.due.min(began.plus_millis(TRIAL_MS))));
            }
        }
        next.min(self.announcer.tick(now, policy, neighbors, outbox))
    }

    /// How many claimed MACs were refused since this was last asked.
    pub fn take_refused(&mut self) -> u32 {
        std::mem::take(&mut self.refused)
    }

    /// Next hops that stayed go on as they were, the others start over.
    fn adopt(&mut self, now: Tick, policy: &Policy, neighbors: &Neighbors) {
        let old = std::mem::take(&mut self.targets);
        for (wan, config) in policy.wans() {
            let next_hops = [config.link.next_hop4.map(IpAddr::V4), config.link.next_hop6.map(IpAddr::V6)];
            self.targets.extend(next_hops.into_iter().flatten().map(|hop| Target::new(now, wan, config, hop)));
        }
        for target in &mut self.targets {
            if let Some(same) = old.iter().find(|old| old.is_same(target)) {
                (target.tries, target.asked, target.due, target.trial) = (same.tries, same.asked, same.due, same.trial);
            } else {
                neighbors.end_claim(target.wan, Family::of(target.next_hop), false);
                neighbors.change(target.wan, Family::of(target.next_hop), |_| PROBING);
            }
        }
        for wan in (0..=u8::MAX).map(WanId).take(MAX_WANS) {
            for family in Family::ALL {
                if !self.targets.iter().any(|target| target.wan == wan && Family::of(target.next_hop) == family) {
                    neighbors.change(wan, family, |_| 0);
                }
            }
        }
    }
}

impl Target {
    fn new(now: Tick, wan: WanId, config: &Wan, next_hop: IpAddr) -> Self {
        let (mac, vlan) = (config.link.mac, config.link.vlan);
        Self {
            wan,
            name: config.fixed.name.clone(),
            mac,
            vlan,
            next_hop,
            tries: 0,
            asked: Tick(0),
            due: now,
            trial: None,
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        let identity = |target: &Self| (target.wan, target.mac, target.vlan, target.next_hop);
        identity(self) == identity(other) && self.name == other.name
    }

    /// Asks which MAC it is, where one is claimed beside the known one, and believes the claim if that alone answers. Whether it
    /// was refused.
    fn judge(&mut self, now: Tick, place: &mut NeighborContext<'_>) -> bool {
        let family = Family::of(self.next_hop);
        let (Some(claim), Some(known)) =
            (place.neighbors.claim(self.wan, family), place.neighbors.mac(self.wan, family))
        else {
            place.neighbors.end_claim(self.wan, family, false);
            self.trial = None;
            return false;
        };
        match self.trial {
            None => {
                self.trial = Some(now);
                place.neighbors.try_claim(self.wan, family, claim);
                self.ask(place, Some(known));
                self.ask(place, Some(claim.mac));
                false
            }
            Some(began) if now < began.plus_millis(TRIAL_MS) => false,
            Some(_) => {
                let is_true = claim.has_answered && !claim.is_refuted;
                place.neighbors.end_claim(self.wan, family, is_true);
                self.trial = None;
                !is_true
            }
        }
    }

    fn ask(&self, place: &mut NeighborContext<'_>, known: Option<Mac>) {
        match self.next_hop {
            IpAddr::V4(next_hop) => arp::send_request(place, next_hop, known),
            IpAddr::V6(next_hop) => nd::send_solicitation(place, next_hop, known),
        }
    }

    fn step(&mut self, now: Tick, place: &mut NeighborContext<'_>) {
        let family = Family::of(self.next_hop);
        let was = place.neighbors.change(self.wan, family, |word| word & !(HEARD | SUSPECT));
        if was & FIXED != 0 {
            self.due = now.plus_millis(RETRY_MS);
            return;
        }
        if was & HEARD != 0 {
            self.tries = 0;
            self.due = now.plus_millis(REFRESH_MS);
        }
        if was & SUSPECT != 0 && self.tries == 0 {
            self.due = self.due.min(self.asked.plus_millis(RETRY_MS));
        }
        if now < self.due {
            return;
        }
        let mut known = place.neighbors.mac(self.wan, family);
        if known.is_some() && self.tries >= MISSES {
            known = None;
            self.tries = 0;
        }
        (self.tries, self.asked) = (self.tries + 1, now);
        let is_quick = known.is_none() && self.tries <= QUICK_TRIES;
        self.due = now.plus_millis(if is_quick { QUICK_MS } else { RETRY_MS });
        self.mark(known.is_some(), place.neighbors);
        self.ask(place, known);
    }

    /// Shows how the asking stands, unless an answer came in between.
    fn mark(&self, is_known: bool, neighbors: &Neighbors) {
        let tries = self.tries;
        neighbors.change(self.wan, Family::of(self.next_hop), |word| match (word & HEARD != 0, is_known) {
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
