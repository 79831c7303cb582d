//! Keeps the next hops' MACs: asks for them, refreshes them, notices when they fall silent or change.
//! Owned by one worker; the others only learn. Must never know: how a question looks on the wire.

use super::announce::Announcer;
use super::cells::{FIXED, HEARD, Neighbors, PROBING, REACHABLE, SUSPECT, VALID};
use super::context::NeighborContext;
use super::listeners::Listeners;
use super::verify;
use crate::plane::outbox::Outbox;
use crate::plane::policy::{Policy, Wan};
use crate::types::{Family, MAX_WANS, Mac, Tick, WanId};
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
/// Unanswered questions after which a MAC is given up (RFC 4861 §10 `MAX_UNICAST_SOLICIT`).
const MISSES: u32 = 3;

/// Resolves the next hops of all WANs and announces what they own.
#[derive(Debug, Default)]
pub struct Prober {
    epoch: Option<u32>,
    targets: Vec<Target>,
    announcer: Announcer,
    listeners: Listeners,
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
                target.step(&mut NeighborContext { now, id: target.wan, wan, neighbors, outbox });
                next = next.min(target.due);
            }
        }
        next = next.min(self.listeners.tick(now, policy, neighbors, outbox));
        next.min(self.announcer.tick(now, policy, neighbors, outbox))
    }

    /// Next hops that stayed go on as they were, the others start over.
    fn adopt(&mut self, now: Tick, policy: &Policy, neighbors: &Neighbors) {
        let old = std::mem::take(&mut self.targets);
        for (wan, config) in policy.wans() {
            let next_hops = [config.link.next_hop4.map(IpAddr::V4), config.link.next_hop6.map(IpAddr::V6)];
            self.targets.extend(next_hops.into_iter().flatten().map(|hop| Target::new(now, wan, config, hop)));
        }
        for target in &mut self.targets {
            let of = (target.wan, Family::of(target.next_hop));
            let said = policy.wan(target.wan).and_then(|wan| wan.link.gateway_mac(of.1));
            let starts_over = neighbors.follow_policy(of.0, of.1, said);
            if let Some(same) = old.iter().find(|old| old.is_same(target) && !starts_over) {
                (target.tries, target.asked, target.due) = (same.tries, same.asked, same.due);
            } else {
                neighbors.claims.void(of);
                neighbors.change(of.0, of.1, |_| PROBING);
            }
        }
        for wan in (0..=u8::MAX).map(WanId).take(MAX_WANS) {
            for family in Family::ALL {
                if !self.targets.iter().any(|target| target.wan == wan && Family::of(target.next_hop) == family) {
                    neighbors.follow_policy(wan, family, None);
                    neighbors.change(wan, family, |_| 0);
                }
            }
        }
    }
}

impl Target {
    fn new(now: Tick, wan: WanId, config: &Wan, next_hop: IpAddr) -> Self {
        let (mac, vlan) = (config.link.mac, config.link.vlan);
        Self { wan, name: config.fixed.name.clone(), mac, vlan, next_hop, tries: 0, asked: Tick(0), due: now }
    }

    fn is_same(&self, other: &Self) -> bool {
        let identity = |target: &Self| (target.wan, target.mac, target.vlan, target.next_hop);
        identity(self) == identity(other) && self.name == other.name
    }

    fn step(&mut self, place: &mut NeighborContext<'_>) {
        let now = place.now;
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
        self.due = now.plus_millis(match known {
            None if self.tries <= QUICK_TRIES => QUICK_MS,
            Some(_) if self.tries == 1 => SECOND_MS,
            _ => RETRY_MS,
        });
        self.mark(known.is_some(), place.neighbors);
        verify::ask(place, self.next_hop, known);
        if known.is_some() && self.tries > 1 {
            verify::ask(place, self.next_hop, None);
        }
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
