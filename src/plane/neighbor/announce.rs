//! Tells the link that an owned address is here, so that nobody waits for an old entry to age (RFC 5227 §2.3, RFC 4861
//! §7.2.6): at the start, when an address, a link's MAC or its gateway is new, and when a link comes back, whose
//! switches may have forgotten us. Must never know: whether a next hop is resolved.

use super::cells::Neighbors;
use super::context::NeighborContext;
use super::{arp, nd};
use crate::plane::outbox::Outbox;
use crate::plane::policy::{Policy, Wan};
use crate::types::{Family, LinkLayer, Mac, Tick, WanId};
use std::collections::{HashMap, HashSet, VecDeque};
use std::net::IpAddr;

/// Milliseconds between the two announcements (RFC 5227 §1.1 `ANNOUNCE_INTERVAL`).
const INTERVAL_MS: u64 = 2000;
/// Announcements in one tick, and milliseconds to the next tick when more are due: a large block must not flood the link.
const PER_TICK: usize = 16;
const PACE_MS: u64 = 20;

/// The announcements still to be made, in the order in which they are due.
#[derive(Debug, Default)]
pub(super) struct Announcer {
    /// First and second time.
    rounds: [VecDeque<(Tick, WanId, IpAddr)>; 2],
    /// By WAN whose link is up: what has been announced, or will be.
    announced: HashMap<WanId, Announced>,
}

/// What of a WAN is announced, and with what.
#[derive(Debug)]
struct Announced {
    terms: Terms,
    hosts: HashSet<IpAddr>,
}

/// What a WAN's announcements depend on. Of the same terms there is nothing new, however many addresses there are.
#[derive(PartialEq, Eq, Debug)]
struct Terms {
    name: Box<str>,
    mac: Mac,
    came_up: u32,
    next_hops: [Option<IpAddr>; 2],
    owned_since: u32,
}

impl Terms {
    /// `None`: nobody would hear.
    fn of(wan: &Wan) -> Option<Self> {
        (wan.link.layer == LinkLayer::Ethernet).then_some(())?;
        Some(Self {
            name: wan.fixed.name.clone(),
            mac: wan.link.mac,
            came_up: wan.link.came_up?,
            next_hops: Family::ALL.map(|family| wan.link.next_hop(family)),
            owned_since: wan.owned_since,
        })
    }

    /// Whether an address that stayed needs not be announced again.
    fn keeps(&self, old: &Self, family: Family) -> bool {
        (&self.name, self.mac, self.came_up) == (&old.name, old.mac, old.came_up)
            && self.next_hops[family.index()] == old.next_hops[family.index()]
    }
}

impl Announcer {
    /// Plans announcements for what the new policy owns and the old did not.
    pub(super) fn adopt(&mut self, now: Tick, policy: &Policy) {
        let mut before = std::mem::take(&mut self.announced);
        for (id, wan) in policy.wans() {
            let Some(terms) = Terms::of(wan) else { continue };
            let old = before.remove(&id);
            let announced = match old {
                Some(same) if same.terms == terms => same,
                old => self.plan(now, (id, wan), terms, old.as_ref()),
            };
            self.announced.insert(id, announced);
        }
        let announced = &self.announced;
        self.rounds.iter_mut().for_each(|round| round.retain(|(_, id, _)| announced.contains_key(id)));
    }

    /// Plans those of one WAN. What was under way begins anew.
    fn plan(&mut self, now: Tick, (id, wan): (WanId, &Wan), terms: Terms, old: Option<&Announced>) -> Announced {
        let is_its = |(_, of, _): &&(Tick, WanId, IpAddr)| *of == id;
        let pending: HashSet<IpAddr> = self.rounds.iter().flatten().filter(is_its).map(|(.., host)| *host).collect();
        self.rounds.iter_mut().for_each(|round| round.retain(|(_, of, _)| *of != id));
        let hosts = hosts(wan);
        let keeps = |old: &Announced, host| old.hosts.contains(&host) && terms.keeps(&old.terms, Family::of(host));
        let is_new = |host: &IpAddr| !old.is_some_and(|old| keeps(old, *host)) || pending.contains(host);
        self.rounds[0].extend(hosts.iter().copied().filter(is_new).map(|host| (now, id, host)));
        Announced { terms, hosts: hosts.into_iter().collect() }
    }

    /// Sends what is due. Returns when more will be.
    pub(super) fn tick(&mut self, now: Tick, policy: &Policy, neighbors: &Neighbors, outbox: &mut Outbox) -> Tick {
        let mut left = PER_TICK;
        while left > 0
            && let Some((id, address)) = self.pop_due(now)
        {
            left -= 1;
            if let Some(wan) = policy.wan(id) {
                let place = &mut NeighborContext { now, id, wan, neighbors, outbox };
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
    let mut hosts: Vec<_> = publics.chain(wan.host6.externals().map(IpAddr::V6)).collect();
    hosts.sort_unstable();
    hosts
}
