//! Decides when the policy changes: pure, events in, effects out. The judge weighs what is known of each WAN; only when
//! one stands otherwise than before, or a link changed, is there a new snapshot. Its caller obeys.
//! Must never know: netlink, sockets, threads, clocks.

mod draining;
mod event;
mod failback;
pub mod leases;
mod retired;
mod rules;

pub use event::{Effects, Event};

use super::compile::{self, InsideState, LinkState};
use crate::config::settings::{self, Settings};
use crate::health::{Judge, LinkHealth, Trace};
use crate::plane::policy::{Draining, Policy};
use crate::types::{Family, LinkLayer, Probed, Remedies, Standing, Tick, WanId};
use leases::Leases;
use retired::Retired;
use std::mem;
use std::sync::Arc;

/// The state that the policy in force was made from.
#[derive(Debug)]
pub struct Controller {
    settings: Arc<Settings>,
    links: Vec<LinkState>,
    inside: InsideState,
    judge: Judge,
    leases: Leases,
    /// What the next snapshot says, so far: each event changes the parts that it is about, and all others stay shared.
    draft: Policy,
    /// The snapshot in force.
    policy: Arc<Policy>,
    /// Snapshots that workers may still obey.
    retired: Retired<Policy>,
    /// Epoch of the first snapshot with these settings, so with these probes.
    since: u32,
}

impl Controller {
    /// Starts with the first snapshot, epoch 1. `links` stands in the order of the WANs. What these links mean for the
    /// WANs is told with the effects of the first event.
    #[must_use]
    pub fn new(settings: Arc<Settings>, mut links: Vec<LinkState>, inside: InsideState, now: Tick) -> Self {
        links.iter_mut().for_each(|link| link.order_addresses(&[]));
        let rules = settings.wans.map(|_, wan| rules::of(wan, settings.traffic_evidence));
        let judge = Judge::new(rules, now);
        let draft = compile::policy(&settings, &links, &inside, 1);
        let (policy, since) = (Arc::new(draft.clone()), draft.epoch);
        let mut leases = Leases::new(Arc::clone(&settings));
        leases.seen(now, since, &links);
        let mut controller =
            Self { settings, links, inside, judge, leases, draft, policy, retired: Retired::default(), since };
        controller.pass_leases(now, since);
        controller.judge_links(now);
        controller.draft_standing(now);
        controller.policy = Arc::new(controller.draft.clone());
        controller
    }

    /// The snapshot in force.
    #[must_use]
    pub fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// Who knows how each WAN is.
    #[must_use]
    pub fn judge(&self) -> &Judge {
        &self.judge
    }

    /// What the kernel calls the link of a WAN; empty for one that is not there.
    #[must_use]
    pub fn link_name(&self, wan: WanId) -> &str {
        self.links.get(wan.index()).map_or("", |link| &link.name)
    }

    /// Who knows which public addresses each WAN holds.
    #[must_use]
    pub fn leases(&self) -> &Leases {
        &self.leases
    }

    /// Something happened: what is to be done now.
    pub fn handle(&mut self, event: Event, now: Tick) -> Effects {
        match event {
            Event::Links { links, inside } => self.handle_links(now, links, inside),
            Event::LinkLost(wans) => self.handle_link_lost(now, &wans),
            Event::Probed(probed) => self.handle_probed(now, &probed),
            Event::Traffic(evidence) => {
                self.judge.handle_traffic(now, &evidence);
                self.conclude(now, false)
            }
            Event::Operator { wan, verb, reason } => {
                self.judge.handle_operator(now, wan, verb, &reason);
                self.conclude(now, false)
            }
            Event::Prefix { wan, prefix, seconds } => {
                let refused = self.leases.set(now, self.next_epoch(), wan, prefix, seconds).err();
                Effects { refused, ..self.conclude_of_links(now, false) }
            }
            Event::Tick => self.conclude(now, false),
        }
    }

    fn handle_links(&mut self, now: Tick, mut links: Vec<LinkState>, inside: InsideState) -> Effects {
        links.iter_mut().zip(&self.links).for_each(|(link, before)| link.order_addresses(&before.addresses));
        let is_news = links != self.links || inside != self.inside;
        if is_news {
            self.draft_links(&links, &inside);
        }
        (self.links, self.inside) = (links, inside);
        self.leases.seen(now, self.next_epoch(), &self.links);
        self.conclude_of_links(now, is_news)
    }

    /// All else that is known of these links stays until they are read.
    fn handle_link_lost(&mut self, now: Tick, wans: &[WanId]) -> Effects {
        let mut links = self.links.clone();
        let lost = wans.iter().filter_map(|id| links.get_mut(id.index())?.came_up.take());
        if lost.count() == 0 {
            return self.conclude(now, false);
        }
        let inside = self.inside.clone();
        self.draft_links(&links, &inside);
        self.links = links;
        self.conclude_of_links(now, true)
    }

    /// What was asked under other settings may have been another question, and is no answer to these.
    fn handle_probed(&mut self, now: Tick, probed: &[Probed]) -> Effects {
        let is_ours = |probed: &&Probed| probed.epoch.wrapping_sub(self.since) < 1 << 31;
        probed.iter().filter(is_ours).for_each(|probed| self.judge.handle_probe(probed));
        self.conclude(now, false)
    }

    fn next_epoch(&self) -> u32 {
        self.policy.epoch.wrapping_add(1)
    }

    /// Drafts what the links say, each in the part of its WAN.
    fn draft_links(&mut self, links: &[LinkState], inside: &InsideState) {
        let (unknown, epoch) = (compile::no_link(), self.next_epoch());
        for (id, said) in self.settings.wans.iter() {
            let Some(wan) = self.draft.wans.get_mut(id) else { continue };
            let link = links.get(id.index()).unwrap_or(&unknown);
            if self.links.get(id.index()) != Some(link) {
                compile::link(wan, said, link);
                compile::keep(wan, epoch);
            }
        }
        self.draft.inside = compile::inside(&self.settings, inside);
    }

    /// Time passes for the leases, and what they are then is drafted for the snapshot numbered `epoch`. Whether they are
    /// others, and when time alone will change them.
    fn pass_leases(&mut self, now: Tick, epoch: u32) -> (bool, Option<Tick>) {
        let (mut changed, mut wake) = self.leases.pass(now);
        if !changed.is_empty() {
            // What has ended makes room for what the link has beside it.
            self.leases.seen(now, epoch, &self.links);
            let (more, later) = self.leases.pass(now);
            changed.extend(more);
            wake = later;
        }
        for id in &changed {
            let (said, held) = (self.settings.wans.get(*id), self.leases.shown(*id));
            if let (Some(wan), Some(said), Some(held)) = (self.draft.wans.get_mut(*id), said, held) {
                compile::lease(wan, said, held, epoch);
                compile::keep(wan, epoch);
            }
        }
        (!changed.is_empty(), wake)
    }

    /// Drafts how each WAN stands. Whether one stands otherwise than in the snapshot before.
    fn draft_standing(&mut self, now: Tick) -> bool {
        let mut is_other = false;
        for (id, said) in self.settings.wans.iter() {
            let Some(wan) = self.draft.wans.get_mut(id) else { continue };
            let judged = judged(&self.judge, id, said, now);
            is_other |= judged != (wan.standing, wan.on_up, wan.draining);
            (wan.standing, wan.on_up, wan.draining) = judged;
        }
        is_other
    }

    /// Makes the draft a snapshot.
    fn issue(&mut self) -> Arc<Policy> {
        self.draft.epoch = self.next_epoch();
        let new = Arc::new(self.draft.clone());
        self.retired.keep(mem::replace(&mut self.policy, Arc::clone(&new)));
        new
    }

    fn judge_links(&mut self, now: Tick) {
        for (id, wan) in self.settings.wans.iter() {
            let unknown = LinkState::default();
            let link = self.links.get(id.index()).unwrap_or(&unknown);
            let next_hop = Family::ALL.map(|family| !compile::gateways(wan, link, family).is_empty());
            let no_address = Family::ALL.map(|family| self.leases.lack(id, family));
            let (present, carrier) = (link.present, link.came_up.is_some());
            let unusable = |family| link.unusable(family, wan.mtu).or_else(|| untaggable(wan, link));
            let unusable = Family::ALL.map(unusable);
            let link = LinkHealth { present, unusable, carrier, next_hop, no_address };
            self.judge.handle_link(now, id, link);
        }
    }

    /// The links may be otherwise than before.
    fn conclude_of_links(&mut self, now: Tick, is_news: bool) -> Effects {
        let (is_other, _) = self.pass_leases(now, self.next_epoch());
        self.judge_links(now);
        self.conclude(now, is_news || is_other)
    }

    fn conclude(&mut self, now: Tick, is_news: bool) -> Effects {
        self.retired.free();
        let (is_other, lease_ends) = self.pass_leases(now, self.next_epoch());
        if is_other {
            self.judge_links(now);
        }
        let wake = self.judge.tick(now).into_iter().chain(lease_ends).min();
        let changes = self.judge.changes();
        let stands_otherwise = self.draft_standing(now);
        let policy = (is_news || is_other || stands_otherwise).then(|| self.issue());
        let failback = self.settings.wans.iter().flat_map(|(id, wan)| failback::due(&self.judge, id, wan, now));
        let wake = wake.into_iter().chain(failback).min();
        let leases = self.leases.changes();
        let trace = match changes.last() {
            Some(change) => change.trace,
            None if leases.is_empty() => Trace::default(),
            None => self.judge.new_trace(),
        };
        Effects { policy, changes, leases, trace, wake, refused: None }
    }
}

/// How a WAN stands in each family, what it wants of flows that are elsewhere, and what its own are judged by.
type Judged = ([Standing; 2], [Remedies; 2], [Option<Draining>; 2]);

fn judged(judge: &Judge, id: WanId, said: &settings::Wan, now: Tick) -> Judged {
    let standing = Family::ALL.map(|family| judge.standing(id, family));
    let on_up = Family::ALL.map(|family| failback::now(judge, id, family, said.on_up, now));
    (standing, on_up, Family::ALL.map(|family| draining::now(judge, id, family, said)))
}

/// Why the link carries nothing of this WAN whose frames are tagged, if it has no tags.
fn untaggable(wan: &settings::Wan, link: &LinkState) -> Option<Arc<str>> {
    let has_no_tags = wan.vlan.is_some() && link.layer == LinkLayer::None;
    let sentence = || format!("the link \"{}\" is a point-to-point link and carries no VLAN tag", wan.interface).into();
    has_no_tags.then(sentence)
}

#[cfg(test)]
mod tests;
