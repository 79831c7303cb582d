//! One worker's data plane, and what all workers share. What becomes of a packet is in `process`, what time does in `tick`.
//! Must never know: process, tick, choose, pass, tell.

use crate::plane::counters::Counters;
use crate::plane::flow::table::FlowTable;
use crate::plane::flow::wheel::{Walk, Wheel};
use crate::plane::fragment::identification::Identifications;
use crate::plane::fragment::pins::FragmentPins;
use crate::plane::health::{self, Health};
use crate::plane::lease::Binding;
use crate::plane::limiter::Limits;
use crate::plane::neighbor::queue::NeighborQueue;
use crate::plane::neighbor::{self, Neighbors};
use crate::plane::path::{self, Paths};
use crate::plane::policy::Policy;
use crate::plane::translate::mapped::Mapped;
use crate::types::{MAX_WANS, Tick};
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

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
    pub fragments: FragmentPins<Binding>,
    /// Which inside ends datagrams in fragments go to that came to shared addresses; made with the first.
    arrivals: OnceLock<FragmentPins<Mapped>>,
    /// What datagrams are called that leave from shared addresses; made with the first.
    identifications: OnceLock<Identifications>,
    pub(super) secret: u64,
}

impl Shared {
    /// Shared state with room for `flows` flows, all of one source if need be. `secret` is for what nobody outside shall guess;
    /// the same gives the same.
    #[must_use]
    pub fn new(flows: usize, secret: u64) -> Self {
        Self::with_sources(flows, flows, secret)
    }

    /// The same, where no source has more than `per_source` flows.
    #[must_use]
    pub fn with_sources(flows: usize, per_source: usize, secret: u64) -> Self {
        Self {
            table: FlowTable::with_sources(flows, per_source, secret),
            neighbors: Neighbors::new(),
            paths: Paths::new(secret),
            health: Health::new(secret),
            fragments: FragmentPins::new(secret),
            arrivals: OnceLock::new(),
            identifications: OnceLock::new(),
            secret,
        }
    }

    /// What datagrams are called that leave from shared addresses.
    pub fn identifications(&self) -> &Identifications {
        self.identifications.get_or_init(|| Identifications::new(self.secret))
    }

    /// Which inside ends datagrams in fragments go to that came to shared addresses.
    pub fn arrivals(&self) -> &FragmentPins<Mapped> {
        self.arrivals.get_or_init(|| FragmentPins::new(self.secret))
    }

    /// Forgets fragments to shared addresses whose first has not come in time: they were the kernel's, or nobody's.
    pub fn expire_arrivals(&self, now: Tick) {
        self.arrivals.get().into_iter().for_each(|arrivals| _ = arrivals.expire(now));
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
    /// Packets that wait for the MAC of their next hop.
    pub queue: NeighborQueue,
    pub limits: Limits,
    pub probers: Option<Probers>,
    /// By WAN and family: the remote that an inside host dialled last.
    pub dialled: [[Option<IpAddr>; 2]; MAX_WANS],
    /// The look for silent connections over WANs that are down, while it is under way.
    pub sweep: Option<Walk>,
    /// When connections over WANs that are softly down are looked at again.
    pub next_sweep: Tick,
    /// When `tick` is to be called for the sake of what packets have brought since it was called last.
    pub wake: Tick,
}

/// What one worker does for all.
#[derive(Debug, Default)]
pub struct Probers {
    pub neighbors: neighbor::Prober,
    pub paths: path::Prober,
    pub health: health::Prober,
}

impl Plane {
    /// A data plane that obeys `policy`. `first` marks the worker that asks next hops and probes paths and health;
    /// exactly one has it.
    #[must_use]
    pub fn new(policy: Arc<Policy>, shared: Arc<Shared>, first: bool) -> Self {
        let limits = Limits::new(policy.fixed.icmp_errors, shared.secret);
        let core = Core {
            shared,
            counters: Arc::default(),
            wheel: Wheel::new(Tick::default()),
            queue: NeighborQueue::new(),
            limits,
            probers: first.then(Probers::default),
            dialled: [[None; 2]; MAX_WANS],
            sweep: None,
            next_sweep: Tick::default(),
            wake: Tick(u64::MAX),
        };
        Self { policy, core }
    }

    /// The snapshot in force.
    #[must_use]
    pub fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// When [`Plane::tick`] is to be called for the sake of packets that were processed since; the end of time if for none.
    #[must_use]
    pub fn wake(&self) -> Tick {
        self.core.wake
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
}
