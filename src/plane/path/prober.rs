//! Keeps what is known of each WAN's path: one search for each WAN and family that asks for it. Owned by one worker; the
//! others only hear. Must never know: which size comes next, how a probe looks on the wire.

use super::Paths;
use super::search::{self, Probe, Search, State};
use crate::plane::craft::ask;
use crate::plane::neighbor::{Neighbors, link_header};
use crate::plane::outbox::Outbox;
use crate::plane::packet::numbers::ethertype;
use crate::plane::policy::{Policy, Wan};
use crate::types::{End, Family, MAX_WANS, Tick, WanId};
use std::net::IpAddr;
use std::sync::atomic::Ordering::Relaxed;

/// Milliseconds until an answer is looked for again: other workers may have heard it.
const LOOK_MS: u64 = 20;
/// Milliseconds until a path without a next hop is looked at again.
const WAIT_MS: u64 = 1000;

/// Searches the paths of all WANs that want it.
#[derive(Debug, Default)]
pub struct Prober {
    epoch: Option<u32>,
    roads: Vec<Road>,
    /// Tokens used.
    tokens: u64,
}

/// The path of one WAN in one family.
#[derive(Debug)]
struct Road {
    wan: WanId,
    family: Family,
    name: Box<str>,
    next_hop: IpAddr,
    targets: Vec<IpAddr>,
    search: Search,
    token: u64,
}

impl Prober {
    /// A prober that has asked for nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends what is due at `now`. Returns when it wants to be called next: at most a second later.
    pub fn tick(
        &mut self,
        now: Tick,
        policy: &Policy,
        neighbors: &Neighbors,
        paths: &Paths,
        outbox: &mut Outbox,
    ) -> Tick {
        if self.epoch != Some(policy.epoch) {
            self.epoch = Some(policy.epoch);
            self.adopt(now, policy, paths);
        }
        let mut next = now.plus_millis(WAIT_MS);
        for road in &mut self.roads {
            let Some(wan) = policy.wan(road.wan) else { continue };
            next = next.min(road.step(now, wan, neighbors, (paths, &mut self.tokens), outbox));
        }
        next
    }

    /// Searches whose path stayed go on; where its way or its link's MTU is another they start over.
    fn adopt(&mut self, now: Tick, policy: &Policy, paths: &Paths) {
        let mut old = std::mem::take(&mut self.roads);
        for (id, wan) in (0..=u8::MAX).map(WanId).zip(policy.wans.iter().take(MAX_WANS)) {
            for family in Family::ALL {
                let known =
                    old.iter().position(|road| (road.wan, road.family) == (id, family) && road.name == wan.name);
                let known = known.map(|at| old.swap_remove(at));
                match Road::new(now, id, wan, family) {
                    Some(road) => self.roads.push(road.after(known, now)),
                    None => paths.publish(id, family, None, State::Off),
                }
            }
        }
        for gone in old {
            if policy.wan(gone.wan).is_none() {
                paths.publish(gone.wan, gone.family, None, State::Off);
            }
        }
    }
}

impl Road {
    /// `None`: not asked for, nobody to ask, no way there, or the link carries no more than every link must.
    fn new(now: Tick, id: WanId, wan: &Wan, family: Family) -> Option<Self> {
        let next_hop = wan.link.next_hop(family)?;
        let targets = wan.probe.as_ref()?.targets(family).to_vec();
        let floor = search::floor(family);
        if wan.mtu <= floor || !targets.iter().any(|target| ask::source(wan, *target).is_some()) {
            return None;
        }
        let search = Search::new(floor, wan.mtu, u32::try_from(targets.len()).unwrap_or(1), now);
        Some(Self { wan: id, family, name: wan.name.clone(), next_hop, targets, search, token: 0 })
    }

    fn after(mut self, known: Option<Self>, now: Tick) -> Self {
        let Some(known) = known else { return self };
        let ceiling = self.search.ceiling();
        let same = (known.next_hop, &known.targets, known.search.ceiling()) == (self.next_hop, &self.targets, ceiling);
        (self.search, self.token) = (known.search, known.token);
        if !same {
            self.search.restart(ceiling, u32::try_from(self.targets.len()).unwrap_or(1), now);
        }
        self
    }

    fn step(
        &mut self,
        now: Tick,
        wan: &Wan,
        neighbors: &Neighbors,
        (paths, tokens): (&Paths, &mut u64),
        outbox: &mut Outbox,
    ) -> Tick {
        let Some(cell) = paths.cell(self.wan, self.family) else { return now.plus_millis(WAIT_MS) };
        if self.search.is_asking() && cell.answered.load(Relaxed) == self.token {
            self.search.answered(now);
        }
        let said = cell.too_big.load(Relaxed);
        if self.search.is_asking() && said >> 32 == self.token >> 32 {
            self.search.too_big(u16::try_from(said & u64::from(u32::MAX)).unwrap_or(0), now);
            cell.too_big.store(0, Relaxed);
        }
        let mac = neighbors.mac(self.wan, self.family);
        if let Some(mac) = mac
            && let Some(what) = self.search.step(now)
        {
            if what.fresh {
                *tokens += 1;
                self.token = ask::token_of(paths.secret, *tokens);
            }
            let link = link_header(wan, mac, ethertype::of(self.family));
            cell.asked.store(self.token, Relaxed);
            outbox.push(End::Wan(self.wan), &link, |out| self.write(out, wan, what));
        }
        paths.publish(self.wan, self.family, self.search.found(), self.search.state());
        match (mac.is_some(), self.search.is_asking()) {
            (true, true) => now.plus_millis(LOOK_MS),
            (true, false) => self.search.due(),
            (false, _) => now.plus_millis(WAIT_MS),
        }
    }

    fn write(&self, out: &mut Vec<u8>, wan: &Wan, what: Probe) -> bool {
        let target = self.targets.get(self.search.target()).copied();
        let ends = target.and_then(|target| Some((ask::source(wan, target)?, target)));
        ends.is_some_and(|(source, target)| ask::echo(out, source, target, what.size, self.token))
    }
}

#[cfg(test)]
mod tests;
