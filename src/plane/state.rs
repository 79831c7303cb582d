//! One worker's data plane and what all workers share; what happens to both as time passes.
//! Must never know: the way of a packet.

use crate::plane::counters::Counters;
use crate::plane::flow::table::FlowTable;
use crate::plane::flow::wheel::{Walk, Wheel};
use crate::plane::fragment::pins::FragmentPins;
use crate::plane::health;
use crate::plane::health::Health;
use crate::plane::limiter::Limits;
use crate::plane::neighbor::queue::Held;
use crate::plane::neighbor::{Neighbors, Prober};
use crate::plane::outbox::Outbox;
use crate::plane::path;
use crate::plane::path::Paths;
use crate::plane::policy::Policy;
use crate::plane::tell::sweep;
use crate::types::{MAX_WANS, Tick};
use std::net::IpAddr;
use std::sync::Arc;

/// What all workers share.
#[derive(Debug)]
pub struct Shared {
    /// The flows.
    pub table: FlowTable,
    /// The next hops' MACs.
    pub neighbors: Neighbors,
    /// What the paths behind the WANs carry.
    pub paths: Paths,
    /// What the WANs' health was asked for.
    pub health: Health,
    /// The pins of fragmented datagrams.
    pub fragments: FragmentPins,
}

impl Shared {
    /// Shared state with room for `flows` flows. `secret` is for what nobody outside shall guess; the same gives the same.
    #[must_use]
    pub fn new(flows: usize, secret: u64) -> Self {
        Self {
            table: FlowTable::new(flows),
            neighbors: Neighbors::new(),
            paths: Paths::new(secret),
            health: Health::new(secret),
            fragments: FragmentPins::new(),
        }
    }
}

/// One worker's data plane.
#[derive(Debug)]
pub struct Plane {
    pub(super) policy: Arc<Policy>,
    pub(super) core: Core,
}

/// What a worker's plane remembers, apart from the snapshot it obeys.
#[derive(Debug)]
pub struct Core {
    pub shared: Arc<Shared>,
    pub counters: Arc<Counters>,
    pub wheel: Wheel,
    /// Later fragments whose first has just been pinned, each behind `HEADROOM` free bytes.
    pub followers: Vec<Vec<u8>>,
    pub held: Held,
    pub limits: Limits,
    pub probers: Option<Probers>,
    /// By WAN and family: the remote that an inside host dialled last.
    pub dialled: [[Option<IpAddr>; 2]; MAX_WANS],
    /// The look for silent connections over a WAN that went down, while it is under way.
    pub sweep: Option<Walk>,
}

/// What one worker does for all.
#[derive(Debug, Default)]
pub struct Probers {
    neighbors: Prober,
    paths: path::Prober,
    health: health::Prober,
}

/// Milliseconds until `tick` looks at held packets again; another worker may have resolved their next hop.
const HELD_RECHECK_MS: u64 = 20;

/// Milliseconds until `tick` goes on with flows that should have expired, or been looked at, already.
const BEHIND_MS: u64 = 1;

/// Milliseconds between two calls of `tick` at the most.
const TICK_MS: u64 = 1000;

/// Flows examined for expiry in one `tick`.
const EXPIRY_BUDGET: usize = 4096;

impl Plane {
    /// A data plane that obeys `policy`. `first` marks the worker that asks next hops and probes paths and health;
    /// exactly one has it.
    #[must_use]
    pub fn new(policy: Arc<Policy>, shared: Arc<Shared>, first: bool) -> Self {
        let core = Core {
            shared,
            counters: Arc::default(),
            wheel: Wheel::new(Tick::default()),
            followers: Vec::new(),
            held: Held::new(),
            limits: Limits::new(policy.icmp_errors),
            probers: first.then(Probers::default),
            dialled: [[None; 2]; MAX_WANS],
            sweep: None,
        };
        Self { policy, core }
    }

    /// Obeys another snapshot from the next packet on. [`Plane::tick`] is to be called at once.
    pub fn adopt(&mut self, policy: Arc<Policy>) {
        if policy.icmp_errors != self.policy.icmp_errors {
            self.core.limits = Limits::new(policy.icmp_errors);
        }
        if sweep::is_due(&self.policy, &policy) {
            self.core.begin_sweep();
        }
        self.policy = policy;
    }

    /// The snapshot in force.
    #[must_use]
    pub fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// This worker's counters, to be read from any thread.
    #[must_use]
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.core.counters)
    }

    /// What all workers share.
    #[must_use]
    pub fn shared(&self) -> &Arc<Shared> {
        &self.core.shared
    }

    /// Time passed: expires flows, ends silent connections over a WAN that is down, resolves next hops, announces addresses,
    /// probes paths and health. Returns when it wants to be called next
    /// (at most a second away), with packets or without.
    pub fn tick(&mut self, now: Tick, outbox: &mut Outbox) -> Tick {
        self.core.tick(&self.policy, now, outbox)
    }
}

impl Core {
    fn tick(&mut self, policy: &Policy, now: Tick, outbox: &mut Outbox) -> Tick {
        let mut next = now.plus_millis(TICK_MS);
        let _ = self.wheel.turn(now, &self.shared.table, EXPIRY_BUDGET);
        self.sweep(policy, now, outbox);
        if self.wheel.is_behind(now) || self.sweep.is_some() {
            next = now.plus_millis(BEHIND_MS);
        }
        if let Some(probers) = &mut self.probers {
            let Shared { neighbors, paths, health, .. } = &*self.shared;
            next = next.min(probers.neighbors.tick(now, policy, neighbors, outbox));
            next = next.min(probers.paths.tick(now, policy, neighbors, paths, outbox));
            next = next.min(probers.health.tick(now, policy, neighbors, health, outbox));
        }
        self.release_held(policy, now, outbox);
        self.give_up_followers(now);
        if self.held.is_empty() { next } else { next.min(now.plus_millis(HELD_RECHECK_MS)) }
    }
}
