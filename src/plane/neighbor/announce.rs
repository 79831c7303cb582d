//! Tells the link that an owned address is here, so that nobody waits for an old entry to age (RFC 5227 §2.3, RFC 4861
//! §7.2.6): at the start, when an address, a link's MAC or its gateway is new, and when a link comes back, whose
//! switches may have forgotten us. Must never know: whether a next hop is resolved.

use super::{NeighborContext, Neighbors, arp, nd};
use crate::plane::outbox::Outbox;
use crate::plane::policy::{Policy, Wan};
use crate::types::{Mac, Tick, WanId};
use std::collections::{HashSet, VecDeque};
use std::net::IpAddr;

/// Milliseconds between the two announcements (RFC 5227 §1.1 `ANNOUNCE_INTERVAL`).
const INTERVAL_MS: u64 = 2000;
/// Announcements in one tick, and milliseconds to the next tick when more are due: a large block must not flood the link.
const PER_TICK: usize = 16;
const PACE_MS: u64 = 20;

/// What is announced: a WAN, its MAC and how often its link has come up, an address of it, its gateway.
type What = (Box<str>, Mac, Option<u32>, IpAddr, Option<IpAddr>);

/// The announcements still to be made, in the order in which they are due.
#[derive(Debug, Default)]
pub(super) struct Announcer {
    /// First and second time.
    rounds: [VecDeque<(Tick, WanId, IpAddr)>; 2],
    announced: HashSet<What>,
}

impl Announcer {
    /// Plans announcements for what the new policy owns and the old did not.
    pub(super) fn adopt(&mut self, now: Tick, policy: &Policy) {
        let before = std::mem::take(&mut self.announced);
        let pending: HashSet<(WanId, IpAddr)> =
            self.rounds.iter().flatten().map(|(_, wan, address)| (*wan, *address)).collect();
        self.rounds = Default::default();
        for (id, wan) in policy.wans() {
            if wan.link.came_up.is_none() {
                continue;
            }
            for address in hosts(wan) {
                let gateway = match address {
                    IpAddr::V4(_) => wan.link.next_hop4.map(IpAddr::V4),
                    IpAddr::V6(_) => wan.link.next_hop6.map(IpAddr::V6),
                };
                let what = (wan.fixed.name.clone(), wan.link.mac, wan.link.came_up, address, gateway);
                if !before.contains(&what) || pending.contains(&(id, address)) {
                    self.rounds[0].push_back((now, id, address));
                }
                self.announced.insert(what);
            }
        }
    }

    /// Sends what is due. Returns when more will be.
    pub(super) fn tick(&mut self, now: Tick, policy: &Policy, neighbors: &Neighbors, outbox: &mut Outbox) -> Tick {
        let mut left = PER_TICK;
        while left > 0
            && let Some((id, address)) = self.pop_due(now)
        {
            left -= 1;
            if let Some(wan) = policy.wan(id) {
                let place = &mut NeighborContext { id, wan, neighbors, outbox };
                match address {
                    IpAddr::V4(address) => arp::announce(place, address),
                    IpAddr::V6(address) => nd::announce(place, address),
                }
            }
        }
        let next = self.rounds.iter().filter_map(|round| round.front()).map(|(due, ..)| *due).min();
        next.map_or(Tick(u64::MAX), |due| if due <= now { now.plus_millis(PACE_MS) } else { due })
    }

    fn pop_due(&mut self, now: Tick) -> Option<(WanId, IpAddr)> {
        let [first, second] = &mut self.rounds;
        let is_due = |round: &VecDeque<(Tick, WanId, IpAddr)>| round.front().is_some_and(|(due, ..)| *due <= now);
        if is_due(first) {
            let (_, wan, address) = first.pop_front()?;
            second.push_back((now.plus_millis(INTERVAL_MS), wan, address));
            return Some((wan, address));
        }
        if !is_due(second) {
            return None;
        }
        second.pop_front().map(|(_, wan, address)| (wan, address))
    }
}

/// The single addresses that a WAN owns; a delegated prefix is routed here and not announced.
fn hosts(wan: &Wan) -> Vec<IpAddr> {
    let publics = wan.nat44.publics().map(IpAddr::V4);
    let mut hosts: Vec<_> = publics.chain(wan.fixed.inbound6.iter().map(|(outside, _)| IpAddr::V6(*outside))).collect();
    hosts.sort_unstable();
    hosts
}
