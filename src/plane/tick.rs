//! What happens to a worker's data plane as time passes, with packets or without: another snapshot, and the turn of the
//! clock. Must never know: process.

use super::choose::outbound;
use super::context::Ctx;
use super::counters::Event;
use super::limiter::Limits;
use super::neighbor;
use super::outbox::Outbox;
use super::pass::neighbor_queue;
use super::policy::Policy;
use super::state::{Core, Plane, Shared};
use super::tell::sweep;
use crate::types::Tick;
use std::sync::Arc;

/// Milliseconds until `tick` goes on with flows that should have expired, or been looked at, already.
const BEHIND_MS: u64 = 1;

/// Milliseconds between two calls of `tick` at the most.
const TICK_MS: u64 = 1000;

/// Flows examined for expiry in one `tick`.
const EXPIRY_BUDGET: usize = 4096;

impl Plane {
    /// Obeys another snapshot from the next packet on. [`Plane::tick`] is to be called at once.
    pub fn adopt(&mut self, policy: Arc<Policy>) {
        if policy.fixed.icmp_errors != self.policy.fixed.icmp_errors {
            self.core.limits = Limits::new(policy.fixed.icmp_errors, self.core.shared.secret);
        }
        if sweep::is_due(&self.policy, &policy) {
            sweep::begin(&mut self.core);
        }
        self.policy = policy;
    }

    /// Time passed: expires flows, ends silent connections over a WAN that is down, resolves next hops, announces addresses,
    /// probes paths and health. Returns when it wants to be called next (at most a second away), with packets or without.
    pub fn tick(&mut self, now: Tick, outbox: &mut Outbox) -> Tick {
        tick(&mut self.core, &mut Ctx { policy: &self.policy, now, outbox })
    }
}

fn tick(core: &mut Core, ctx: &mut Ctx<'_>) -> Tick {
    let (policy, now) = (ctx.policy, ctx.now);
    core.wake = Tick(u64::MAX);
    let mut next = now.plus_millis(TICK_MS);
    let _ = core.wheel.turn(now, &core.shared.table, EXPIRY_BUDGET);
    sweep::begin_if_due(core, policy, now);
    sweep::step(core, ctx);
    if core.wheel.is_behind(now) || core.sweep.is_some() {
        next = now.plus_millis(BEHIND_MS);
    }
    if let Some(probers) = &mut core.probers {
        let Shared { neighbors, paths, health, .. } = &*core.shared;
        next = next.min(probers.neighbors.tick(now, policy, neighbors, ctx.outbox));
        next = next.min(probers.paths.tick(now, policy, neighbors, paths, ctx.outbox));
        next = next.min(probers.health.tick(now, policy, neighbors, health, ctx.outbox));
        if neighbors.take_doubted() {
            next = next.min(probers.neighbors.tick(now, policy, neighbors, ctx.outbox));
        }
        for _ in 0..probers.neighbors.take_changes() {
            core.counters.event(Event::GatewayChanged);
        }
    }
    for _ in 0..neighbor::settle(now, policy, &core.shared.neighbors, ctx.outbox) {
        core.counters.event(Event::ClaimRefused);
    }
    next = next.min(core.shared.neighbors.due());
    neighbor_queue::release(core, ctx);
    core.shared.expire_arrivals(now);
    outbound::count_unknown_fragments(core, core.shared.fragments.expire(now));
    if core.queue.is_empty() { next } else { next.min(now.plus_millis(neighbor_queue::RECHECK_MS)) }
}
