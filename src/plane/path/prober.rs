//! Keeps what is known of each WAN's path: one search for each WAN and family that asks for it. Owned by one worker; the
//! others take the answers. Must never know: which size comes next, how a probe looks on the wire.

use super::Paths;
use super::search::{self, Probe, Search, State};
use crate::plane::craft::echo;
use crate::plane::neighbor::{self, Neighbors, link_header};
use crate::plane::outbox::Outbox;
use crate::plane::packet::numbers::ethertype;
use crate::plane::policy::source::{self, Purpose};
use crate::plane::policy::{Policy, Wan};
use crate::plane::probing::{Task, TaskList, Tokens};
use crate::types::{End, Family, Tick, WanId};
use std::net::IpAddr;
use std::sync::atomic::Ordering::Relaxed;

/// Milliseconds until an answer is looked for again: other workers may have taken it.
const LOOK_MS: u64 = 20;
/// Milliseconds until a path without a next hop is looked at again.
const WAIT_MS: u64 = 1000;

/// Searches the paths of all WANs that want it.
#[derive(Debug, Default)]
pub struct Prober {
    list: TaskList<PathTask>,
    tokens: Tokens,
}

/// The path of one WAN in one family.
#[derive(Debug)]
struct PathTask {
    wan: WanId,
    family: Family,
    name: Box<str>,
    next_hop: IpAddr,
    targets: Vec<IpAddr>,
    search: Search,
    token: u64,
    now: Tick,
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
        if self.list.is_outdated(policy.epoch) {
            self.adopt(now, policy, paths);
        }
        let mut next = now.plus_millis(WAIT_MS);
        for task in self.list.tasks() {
            let Some(wan) = policy.wan(task.wan) else { continue };
            next = next.min(task.step(now, wan, neighbors, (paths, &mut self.tokens), outbox));
        }
        next
    }

    /// Searches whose path stayed go on; where its way or its link's MTU is another they start over.
    fn adopt(&mut self, now: Tick, policy: &Policy, paths: &Paths) {
        let mut wanted = Vec::new();
        for (id, wan) in policy.wans() {
            for family in Family::ALL {
                match PathTask::new(now, id, wan, family) {
                    Some(task) => wanted.push(task),
                    None => paths.publish(id, family, None, State::Off),
                }
            }
        }
        for gone in self.list.renew(wanted, |_| ()) {
            if policy.wan(gone.wan).is_none() {
                paths.publish(gone.wan, gone.family, None, State::Off);
            }
        }
    }
}

impl Task for PathTask {
    fn continues(&self, old: &Self) -> bool {
        (self.wan, self.family, &self.name) == (old.wan, old.family, &old.name)
    }

    fn take_over(&mut self, old: Self) {
        let ceiling = self.search.ceiling();
        let same = (old.next_hop, &old.targets, old.search.ceiling()) == (self.next_hop, &self.targets, ceiling);
        (self.search, self.token) = (old.search, old.token);
        if !same {
            self.search.restart(ceiling, u32::try_from(self.targets.len()).unwrap_or(1), self.now);
        }
    }
}

impl PathTask {
    /// `None`: not asked for, nobody to ask, no way there, or the link carries no more than every link must.
    fn new(now: Tick, id: WanId, wan: &Wan, family: Family) -> Option<Self> {
        let next_hop = wan.link.next_hop(family)?;
        let targets = wan.probe.as_ref()?.targets(family).to_vec();
        let floor = search::floor(family);
        if wan.mtu(family) <= floor
            || !targets.iter().any(|target| source::towards(wan, *target, Purpose::Question).is_some())
        {
            return None;
        }
        let search = Search::new(floor, wan.mtu(family), u32::try_from(targets.len()).unwrap_or(1), now);
        Some(Self { wan: id, family, name: wan.fixed.name.clone(), next_hop, targets, search, token: 0, now })
    }

    fn step(
        &mut self,
        now: Tick,
        wan: &Wan,
        neighbors: &Neighbors,
        (paths, tokens): (&Paths, &mut Tokens),
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
        let target = self.targets.get(self.search.target()).copied();
        let mac =
            target.and_then(|target| neighbor::towards(now, (self.wan, wan), (self.family, target), neighbors, outbox));
        if let Some(mac) = mac
            && let Some(what) = self.search.step(now)
        {
            if what.fresh {
                self.token = tokens.next(paths.secret);
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
        let ends = target.and_then(|target| Some((source::towards(wan, target, Purpose::Question)?.address, target)));
        ends.is_some_and(|(source, target)| echo::request(out, source, target, what.size, self.token))
    }
}

#[cfg(test)]
mod tests;
