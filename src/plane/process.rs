//! `Plane::process`: the whole way of a packet, outbound and inbound as mirror images.
//! parse, flow, mtu, translate, link; the flow's pin says which WAN. Must never know: ports, clocks, settings.

use super::address::{self, Mapped};
use super::admit::{self, Link};
use super::counters::{Counters, Event};
use super::errors;
use super::flow::expiry::Wheel;
use super::flow::table::FlowTable;
use super::fragment::FragmentPins;
use super::hold::Held;
use super::limiter::Limiter;
use super::mtu;
use super::neighbor::{self, Answer, Neighbors, Prober};
use super::outbox::Outbox;
use super::packet::{Headers, Transport, protocol};
use super::parse::parse;
use super::pin;
use super::policy::{Policy, Wan};
use super::respond::{Back, Refusal};
use super::sctp;
use super::translate::nptv6::Unmappable;
use super::translate::rewrite;
use super::verdict::{DropReason, Verdict};
use super::wait::Original;
use crate::types::{Direction, End, Ends, Frame, Tick, WanId};
use std::net::IpAddr;
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
    core: Core,
}

/// What a worker's plane remembers, apart from the snapshot it obeys.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) shared: Arc<Shared>,
    pub(super) counters: Arc<Counters>,
    pub(super) wheel: Wheel,
    pub(super) fragments: FragmentPins,
    pub(super) held: Held,
    pub(super) limiter: Limiter,
    pub(super) prober: Option<Prober>,
}

/// Milliseconds until `tick` looks at held packets again; another worker may have resolved their next hop.
const HELD_RECHECK_MS: u64 = 20;

/// Milliseconds until `tick` goes on with flows that should have expired already.
const BEHIND_MS: u64 = 1;

/// Milliseconds between two calls of `tick` at the most.
const TICK_MS: u64 = 1000;

/// Flows examined for expiry in one `tick`.
const EXPIRY_BUDGET: usize = 4096;

impl Plane {
    /// A data plane that obeys `policy`. `first` marks the worker that keeps the neighbours fresh; exactly one has it.
    #[must_use]
    pub fn new(policy: Arc<Policy>, shared: Arc<Shared>, first: bool) -> Self {
        let core = Core {
            shared,
            counters: Arc::default(),
            wheel: Wheel::new(Tick::default()),
            fragments: FragmentPins::new(),
            held: Held::new(),
            limiter: Limiter::default(),
            prober: first.then(Prober::new),
        };
        Self { policy, core }
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
        Arc::clone(&self.core.counters)
    }

    /// What all workers share.
    #[must_use]
    pub fn shared(&self) -> &Arc<Shared> {
        &self.core.shared
    }

    /// Decides about one frame from `from`, rewrites it in place and sets where it ends.
    pub fn process(&mut self, now: Tick, from: End, frame: &mut Frame<'_>, outbox: &mut Outbox) -> Verdict {
        let (direction, decided) = match from {
            End::Inside => (Direction::Outbound, self.core.outbound(&self.policy, now, frame, outbox)),
            End::Wan(id) => (Direction::Inbound, self.core.inbound(&self.policy, now, id, frame, outbox)),
        };
        let verdict = decided.unwrap_or_else(Verdict::Drop);
        frame.ends = match verdict {
            Verdict::Forward(end) => Ends::At(end),
            _ => Ends::Here,
        };
        self.core.count(direction, verdict);
        verdict
    }

    /// Time passed: expires flows, resolves next hops, announces addresses. Returns when it wants to be called next
    /// (at most a second away), with packets or without.
    pub fn tick(&mut self, now: Tick, outbox: &mut Outbox) -> Tick {
        self.core.tick(&self.policy, now, outbox)
    }
}

impl Core {
    fn count(&self, direction: Direction, verdict: Verdict) {
        match verdict {
            Verdict::Forward(_) => {}
            Verdict::Answered => self.counters.event(Event::Answered),
            Verdict::Held => self.counters.event(Event::Held),
            Verdict::Kernel => self.counters.event(Event::Kernel),
            Verdict::Drop(reason) => self.counters.count_drop(direction, reason),
        }
    }

    fn outbound(
        &mut self,
        policy: &Policy,
        now: Tick,
        frame: &mut Frame<'_>,
        outbox: &mut Outbox,
    ) -> Result<Verdict, DropReason> {
        let mut headers = parse(frame.packet(), &frame.offload)?;
        frame.truncate(headers.len as usize);
        if headers.transport == Transport::Error {
            return self.outbound_error(policy, now, headers, frame);
        }
        let (id, wan, mapped) = match self.judge_outbound(policy, now, &headers, frame) {
            Ok(judged) => judged,
            Err(_) if admit::is_of_the_link(&headers, policy) => return Ok(Verdict::Kernel),
            Err(refusal) => return Err(self.refuse(now, refusal, Back::inside(policy), &headers, frame, outbox)),
        };
        self.clamp(&headers, frame, wan.mtu.min(policy.inside.mtu));
        let original = self.original_if_unresolved(id, headers.is_v4(), frame);
        let offload = frame.offload;
        rewrite::source(frame.packet_mut(), &mut headers, mapped.address, &offload, mapped.neutral);
        self.leave(now, (id, wan), headers, original, frame)
    }

    fn inbound(
        &mut self,
        policy: &Policy,
        now: Tick,
        id: WanId,
        frame: &mut Frame<'_>,
        outbox: &mut Outbox,
    ) -> Result<Verdict, DropReason> {
        let wan = policy.wan(id).ok_or(DropReason::NoWan)?;
        let link = admit::link(frame, wan)?;
        match link {
            Link::Foreign => return Ok(Verdict::Kernel),
            Link::Arp => return self.neighbor_frame(policy, now, id, frame, outbox),
            Link::Unicast | Link::Group => {}
        }
        let headers = parse(frame.packet(), &frame.offload)?;
        frame.truncate(headers.len as usize);
        if is_neighbor_discovery(&headers) {
            return self.neighbor_frame(policy, now, id, frame, outbox);
        }
        let mapped = match address::inside(wan, headers.destination) {
            Ok(mapped) if link == Link::Unicast => mapped,
            Ok(_) => return Err(DropReason::WrongMac),
            Err(Unmappable::NotOurs) => return Ok(Verdict::Kernel),
            Err(unmappable) => return Err(pin::reason(unmappable)),
        };
        if headers.transport == Transport::Error {
            return self.inbound_error(policy, id, headers, mapped, frame);
        }
        if let Err(refusal) = self.judge_inbound(policy, now, id, &headers, mapped.address, frame) {
            let back = Back::wan(id, wan, &headers, frame);
            return Err(self.refuse(now, refusal, back, &headers, frame, outbox));
        }
        self.clamp(&headers, frame, wan.mtu.min(policy.inside.mtu));
        Ok(self.enter(id, headers, mapped, frame))
    }

    /// Which WAN an outbound packet takes and what its source becomes there.
    fn judge_outbound<'p>(
        &mut self,
        policy: &'p Policy,
        now: Tick,
        headers: &Headers,
        frame: &Frame<'_>,
    ) -> Result<(WanId, &'p Wan, Mapped), Refusal> {
        has_hops(headers, 0)?;
        let id = self.pin_outbound(policy, now, headers, frame)?;
        let wan = policy.wan(id).ok_or(DropReason::NoWan)?;
        let mapped = address::public(wan, headers.source).map_err(pin::reason)?;
        fits(headers, frame, wan.mtu)?;
        Ok((id, wan, mapped))
    }

    /// Whether an inbound packet for the inside host `inside` may pass; pins its flow to the WAN it came in on.
    fn judge_inbound(
        &mut self,
        policy: &Policy,
        now: Tick,
        id: WanId,
        headers: &Headers,
        inside: IpAddr,
        frame: &Frame<'_>,
    ) -> Result<(), Refusal> {
        has_hops(headers, policy.inside.hops)?;
        self.pin_inbound(policy, now, id, headers, inside, frame)?;
        fits(headers, frame, policy.inside.mtu)
    }

    fn outbound_error(
        &mut self,
        policy: &Policy,
        now: Tick,
        mut headers: Headers,
        frame: &mut Frame<'_>,
    ) -> Result<Verdict, DropReason> {
        admit::outbound(&headers, policy)?;
        let error = errors::outbound(policy, &self.shared.table, now, &headers, frame)?;
        let wan = policy.wan(error.wan).ok_or(DropReason::StrayIcmpError)?;
        has_hops(&headers, 0).and_then(|()| fits(&headers, frame, wan.mtu)).map_err(|refusal| refusal.reason)?;
        let original = self.original_if_unresolved(error.wan, headers.is_v4(), frame);
        errors::rewrite_outbound(error, &mut headers, frame);
        self.leave(now, (error.wan, wan), headers, original, frame)
    }

    fn inbound_error(
        &mut self,
        policy: &Policy,
        id: WanId,
        headers: Headers,
        mapped: Mapped,
        frame: &mut Frame<'_>,
    ) -> Result<Verdict, DropReason> {
        admit::inbound(&headers, policy)?;
        let hops = policy.inside.hops;
        has_hops(&headers, hops)
            .and_then(|()| fits(&headers, frame, policy.inside.mtu))
            .map_err(|refusal| refusal.reason)?;
        errors::rewrite_inbound(&headers, mapped, frame)?;
        Ok(self.enter(id, headers, mapped, frame))
    }

    /// The last steps of an outbound packet: hop limit, link header, or the wait for a next hop.
    fn leave(
        &mut self,
        now: Tick,
        (id, wan): (WanId, &Wan),
        headers: Headers,
        held: Option<Original>,
        frame: &mut Frame<'_>,
    ) -> Result<Verdict, DropReason> {
        rewrite::decrement_ttl(frame.packet_mut(), &headers);
        sctp::finish(frame, &headers);
        frame.header_len = headers.header_len();
        let v4 = headers.is_v4();
        let mac = match (held, self.shared.neighbors.mac(id, v4)) {
            (None, Some(mac)) => mac,
            (Some(original), _) => return self.hold(now, id, v4, frame, &original).map(|()| Verdict::Held),
            (None, None) => return Err(DropReason::NoNeighbor),
        };
        let header = neighbor::link_header(wan, mac, admit::ethertype(&headers));
        if !frame.set_link(&header) {
            return Err(DropReason::NoHeadroom);
        }
        let (packets, bytes) = headers.segments(&frame.offload);
        self.counters.forward(id, Direction::Outbound, packets.into(), bytes.into());
        Ok(Verdict::Forward(End::Wan(id)))
    }

    /// The last steps of an inbound packet.
    fn enter(&mut self, id: WanId, mut headers: Headers, mapped: Mapped, frame: &mut Frame<'_>) -> Verdict {
        let offload = frame.offload;
        rewrite::destination(frame.packet_mut(), &mut headers, mapped.address, &offload, mapped.neutral);
        rewrite::decrement_ttl(frame.packet_mut(), &headers);
        sctp::finish(frame, &headers);
        frame.header_len = headers.header_len();
        let (packets, bytes) = headers.segments(&offload);
        self.counters.forward(id, Direction::Inbound, packets.into(), bytes.into());
        Verdict::Forward(End::Inside)
    }

    fn tick(&mut self, policy: &Policy, now: Tick, outbox: &mut Outbox) -> Tick {
        let mut next = now.plus_millis(TICK_MS);
        let _ = self.wheel.turn(now, &self.shared.table, EXPIRY_BUDGET);
        if self.wheel.is_behind(now) {
            next = now.plus_millis(BEHIND_MS);
        }
        if let Some(prober) = &mut self.prober {
            next = next.min(prober.tick(now, policy, &self.shared.neighbors, outbox));
        }
        self.release_held(policy, now, outbox);
        if self.held.is_empty() { next } else { next.min(now.plus_millis(HELD_RECHECK_MS)) }
    }

    fn clamp(&mut self, headers: &Headers, frame: &mut Frame<'_>, mtu: u16) {
        let offload = frame.offload;
        if mtu::clamp_mss(frame.packet_mut(), headers, mtu, &offload) {
            self.counters.event(Event::Clamped);
        }
    }

    fn neighbor_frame(
        &mut self,
        policy: &Policy,
        now: Tick,
        id: WanId,
        frame: &Frame<'_>,
        outbox: &mut Outbox,
    ) -> Result<Verdict, DropReason> {
        let answer = neighbor::answer(frame, policy, id, &self.shared.neighbors, outbox);
        self.release_held(policy, now, outbox);
        match answer {
            Answer::Answered => Ok(Verdict::Answered),
            Answer::Kernel => Ok(Verdict::Kernel),
            Answer::Drop(reason) => Err(reason),
        }
    }
}

/// Whether the packet lives on behind this hop and `more` behind it.
fn has_hops(headers: &Headers, more: u8) -> Result<(), Refusal> {
    if headers.ttl.saturating_sub(more) > 1 { Ok(()) } else { Err(DropReason::TtlExpired.into()) }
}

fn fits(headers: &Headers, frame: &Frame<'_>, mtu: u16) -> Result<(), Refusal> {
    if mtu::fits(headers, &frame.offload, mtu) {
        return Ok(());
    }
    let reason = if headers.dont_fragment { DropReason::TooBig } else { DropReason::NeedsFragmentation };
    Err(Refusal { reason, mtu })
}

/// Neighbour solicitation and advertisement (RFC 4861 §4.3, §4.4).
fn is_neighbor_discovery(headers: &Headers) -> bool {
    headers.protocol == protocol::ICMPV6 && matches!(headers.transport, Transport::OtherIcmp(135 | 136))
}

#[cfg(test)]
mod tests;
