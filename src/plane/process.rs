//! `Plane::process`: the whole way of a packet. Must never know: ports, clocks, settings.

use super::counters::Counters;
use super::flow::table::FlowTable;
use super::neighbor::Neighbors;
use super::outbox::Outbox;
use super::policy::Policy;
use super::verdict::Verdict;
use crate::types::{End, Frame, Tick};
use std::sync::Arc;

/// What all workers share.
#[derive(Debug)]
pub struct Shared {
    /// The flows.
    pub table: FlowTable,
    /// The next hops' MACs.
    pub neighbors: Neighbors,
}

impl Shared {
    /// Shared state with room for `flows` flows.
    #[must_use]
    pub fn new(flows: usize) -> Self {
        Self { table: FlowTable::new(flows), neighbors: Neighbors::new() }
    }
}

/// One worker's data plane.
#[derive(Debug)]
pub struct Plane {
    policy: Arc<Policy>,
    shared: Arc<Shared>,
    counters: Arc<Counters>,
}

impl Plane {
    /// A data plane that obeys `policy`. `first` marks the worker that keeps the neighbours fresh; exactly one has it.
    #[must_use]
    pub fn new(policy: Arc<Policy>, shared: Arc<Shared>, first: bool) -> Self {
        let _ = first;
        Self { policy, shared, counters: Arc::default() }
    }

    /// Obeys another snapshot from the next packet on.
    pub fn adopt(&mut self, policy: Arc<Policy>) {
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
        Arc::clone(&self.counters)
    }

    /// What all workers share.
    #[must_use]
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Decides about one frame from `from`, rewrites it in place and sets where it ends.
    pub fn process(&mut self, now: Tick, from: End, frame: &mut Frame<'_>, outbox: &mut Outbox) -> Verdict {
        let _ = (now, from, frame, outbox);
        Verdict::Kernel
    }

    /// Time passed: expires flows, resolves next hops, announces addresses. Returns when it wants to be called next
    /// (at most a second away), with packets or without.
    pub fn tick(&mut self, now: Tick, outbox: &mut Outbox) -> Tick {
        let _ = outbox;
        now.plus_millis(1000)
    }
}
