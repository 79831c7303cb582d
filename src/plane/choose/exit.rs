//! Which WAN and public address a packet's flow is pinned to: the flow table's word, or a new choice. Must never know: bytes of packets.

use super::address;
use super::admit;
use super::failover;
use super::steer;
use crate::plane::context::Ctx;
use crate::plane::counters::{Event, Reachability};
use crate::plane::craft::icmp::Unreachable;
use crate::plane::flow::key::FlowKey;
use crate::plane::flow::pin::Pin;
use crate::plane::flow::table::{Full, Seen};
use crate::plane::fragment::pins::{Datagram, PinLookup};
use crate::plane::lease::Binding;
use crate::plane::packet::headers::{Fragment, Headers, Transport};
use crate::plane::packet::numbers::tcp_flag;
use crate::plane::packet::segment::Segment;
use crate::plane::policy::Policy;
use crate::plane::refusal::Refusal;
use crate::plane::state::Core;
use crate::plane::translate::mapped::Mapped;
use crate::plane::translate::nptv6::Unmappable;
use crate::plane::verdict::DropReason;
use crate::types::{Direction, Family, Frame, Tick, WanId};
use std::net::IpAddr;

/// Where a packet from inside goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OutboundPath {
    /// Out of this WAN, from this of its public addresses.
    Out(Binding),
    /// Back inside: a public address of this WAN is its destination.
    Hairpin(WanId),
    /// Nowhere yet: a fragment whose first has not come.
    Wait,
}

/// What a packet from a WAN, which passes, belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arrival {
    /// A flow that lives.
    Known,
    /// A flow that flowpin has ended.
    Ended,
}

/// Where an outbound packet goes. A known flow was admitted when it was made; others are admitted here.
pub fn outbound(core: &mut Core, ctx: &Ctx<'_>, headers: &Headers, frame: &Frame<'_>) -> Result<OutboundPath, Refusal> {
    let (policy, now) = (ctx.policy, ctx.now);
    if let Fragment::Later(id) = headers.fragment {
        return Ok(match admit::outbound(headers, policy)? {
            Some(owner) => OutboundPath::Hairpin(owner),
            None => of_later_fragment(core, now, Datagram::new(headers, id), frame),
        });
    }
    let key = FlowKey::new(headers, Direction::Outbound, headers.source);
    let seen = seen(headers, frame, Direction::Outbound, now);
    let known = core.shared.table.touch(&key, policy.epoch, &seen, &policy.fixed.timeouts);
    let binding = match known {
        Some(pin) if pin.is_proved(policy.epoch) => {
            note_reachability(core, headers, &pin);
            pin.binding
        }
        known => match admit::outbound(headers, policy)? {
            Some(owner) => return Ok(OutboundPath::Hairpin(owner)),
            None => prove_outbound(core, policy, headers, &key, &seen, known)?,
        },
    };
    Ok(OutboundPath::Out(binding))
}

/// A later fragment goes by the binding of its first, and waits for it when it overtook it.
fn of_later_fragment(core: &Core, now: Tick, datagram: Datagram, frame: &Frame<'_>) -> OutboundPath {
    match core.shared.fragments.find(datagram, frame.packet(), now) {
        PinLookup::Pin(binding) => OutboundPath::Out(binding),
        PinLookup::Waits(gone) => {
            count_unknown_fragments(core, gone);
            OutboundPath::Wait
        }
    }
}

/// Counts later fragments whose first did not come, or that found no room to wait for it.
pub fn count_unknown_fragments(core: &Core, fragments: usize) {
    for _ in 0..fragments {
        core.counters.count_drop(Direction::Outbound, DropReason::UnknownFragment);
    }
}

/// The binding of a new flow, or of one pinned under another snapshot: the old one if the flow still has its public address
/// and the WAN's standing allows.
fn prove_outbound(
    core: &mut Core,
    policy: &Policy,
    headers: &Headers,
    key: &FlowKey,
    seen: &Seen,
    known: Option<Pin>,
) -> Result<Binding, Refusal> {
    let new = || choose(policy, headers.source, key);
    let Some(pin) = known else { return Ok(insert_outbound(core, policy, headers, key, new()?, seen)) };
    let held =
        || policy.wan(pin.binding.wan).is_some_and(|wan| address::public_kept(wan, headers.source, &pin).is_some());
    // Whoever comes back to its WAN keeps its public address.
    let other = || new().map(|binding| if binding.wan == pin.binding.wan && held() { pin.binding } else { binding });
    let binding = match failover::outbound(policy, headers, key, &pin) {
        failover::Course::Stays => pin.binding,
        failover::Course::Moves { may_stay: true } => other().unwrap_or(pin.binding),
        failover::Course::Moves { may_stay: false } => other()?,
        failover::Course::BeginsAnew => return Ok(insert_outbound(core, policy, headers, key, new()?, seen)),
        failover::Course::Passes => return Ok(pin.binding),
        failover::Course::Refused(refusal) => return Err(refusal),
        failover::Course::Ends => {
            core.shared.table.terminate(key, seen.now, &policy.fixed.timeouts);
            core.counters.event(Event::Reset);
            return Err(Refusal::reset(pin));
        }
    };
    if binding != pin.binding {
        core.counters.event(Event::Moved);
    }
    core.shared.table.repin(key, binding, policy.epoch);
    if let Some(pin) = core.shared.table.touch(key, policy.epoch, seen, &policy.fixed.timeouts) {
        note_reachability(core, headers, &pin);
    }
    Ok(binding)
}

/// Pins the flow of an inbound packet to the WAN and the public address it came in on, unless it has a pin that stays.
pub fn inbound(
    core: &mut Core,
    ctx: &Ctx<'_>,
    id: WanId,
    headers: &Headers,
    mapped: Mapped,
    frame: &Frame<'_>,
) -> Result<Arrival, Refusal> {
    let (policy, now) = (ctx.policy, ctx.now);
    if matches!(headers.fragment, Fragment::Later(_)) {
        return Ok(admit::inbound(headers, policy).map(|()| Arrival::Known)?);
    }
    let (key, binding) = (FlowKey::new(headers, Direction::Inbound, mapped.address), mapped.binding(id));
    let seen = seen(headers, frame, Direction::Inbound, now);
    match core.shared.table.touch(&key, policy.epoch, &seen, &policy.fixed.timeouts) {
        Some(pin) if pin.binding == binding && pin.is_proved(policy.epoch) => {
            note_reachability(core, headers, &pin);
            Ok(Arrival::Known)
        }
        Some(pin) if pin.terminated => {
            admit::inbound(headers, policy)?;
            if !is_request(headers) {
                return Ok(Arrival::Ended);
            }
            insert_inbound(core, policy, headers, &key, binding, &seen)
        }
        Some(pin) => {
            admit::inbound(headers, policy)?;
            let stale = pin.epoch != policy.epoch;
            let again = || core.shared.table.touch(&key, pin.epoch, &seen, &policy.fixed.timeouts);
            let pin = if stale { again().unwrap_or(pin) } else { pin };
            if pin.binding.wan == id {
                note_reachability(core, headers, &pin);
            }
            if pin.binding != binding && pin.follows_arrival && is_request(headers) {
                core.shared.table.repin(&key, binding, policy.epoch);
            }
            Ok(Arrival::Known)
        }
        None => {
            admit::inbound(headers, policy)?;
            insert_inbound(core, policy, headers, &key, binding, &seen)
        }
    }
}

/// Makes the flow of a packet from inside. One that finds no room needs none: what translates here is stateless, and the
/// hash gives its next packet the same binding.
fn insert_outbound(
    core: &mut Core,
    policy: &Policy,
    headers: &Headers,
    key: &FlowKey,
    binding: Binding,
    seen: &Seen,
) -> Binding {
    insert(core, policy, headers, key, binding, seen).unwrap_or_else(|Full| {
        core.counters.event(Event::Unpinned);
        binding
    })
}

/// Makes the flow of a packet from a WAN. One that finds no room passes where the hash would send its reply back by the binding
/// that it came in on.
fn insert_inbound(
    core: &mut Core,
    policy: &Policy,
    headers: &Headers,
    key: &FlowKey,
    binding: Binding,
    seen: &Seen,
) -> Result<Arrival, Refusal> {
    match insert(core, policy, headers, key, binding, seen) {
        Ok(_) => Ok(Arrival::Known),
        Err(Full) if choose(policy, key.inside(), key) == Ok(binding) => {
            core.counters.event(Event::Unpinned);
            Ok(Arrival::Known)
        }
        Err(Full) => Err(Refusal::unreachable(DropReason::TableFull, Unreachable::AdminProhibited)),
    }
}

/// Makes the flow, unless the packet only ends one that is unknown: a RST needs no state to pass.
fn insert(
    core: &mut Core,
    policy: &Policy,
    headers: &Headers,
    key: &FlowKey,
    binding: Binding,
    seen: &Seen,
) -> Result<Binding, Full> {
    if matches!(headers.transport, Transport::Tcp { flags, .. } if flags & tcp_flag::RST != 0) {
        return Ok(binding);
    }
    let pin = core.shared.table.insert(*key, binding, policy.epoch, seen, &policy.fixed.timeouts)?;
    if pin.fresh {
        core.wheel.schedule(*key, pin.expires);
    }
    note_reachability(core, headers, &pin);
    Ok(pin.binding)
}

/// Counts what a packet shows of the path of the WAN that its flow is pinned to and that it takes. A remote's own ping
/// is no reply, and a remote that is dialled again and again counts once: whether it alone answers says nothing of the
/// line.
fn note_reachability(core: &mut Core, headers: &Headers, pin: &Pin) {
    let is_none = match pin.shown {
        Reachability::Nothing => return,
        Reachability::Tried => is_dialled_again(core, pin.binding.wan, headers.destination),
        Reachability::Answered | Reachability::Replied => {
            matches!(headers.transport, Transport::Query { request: true, .. })
        }
    };
    if !is_none {
        core.counters.reachability(pin.binding.wan, headers.family(), pin.shown);
    }
}

fn is_dialled_again(core: &mut Core, wan: WanId, remote: IpAddr) -> bool {
    let last = core.dialled.get_mut(wan.index()).map(|both| &mut both[Family::of(remote).index()]);
    last.is_some_and(|last| last.replace(remote) == Some(remote))
}

/// Whether a packet may ask for an answer: of TCP only a SYN does, of ICMP queries only the request.
fn is_request(headers: &Headers) -> bool {
    match headers.transport {
        Transport::Tcp { flags, .. } => tcp_flag::is_initial_syn(flags),
        Transport::Query { request, .. } => request,
        _ => true,
    }
}

fn seen(headers: &Headers, frame: &Frame<'_>, direction: Direction, now: Tick) -> Seen {
    let (packets, bytes) = headers.segments(&frame.offload);
    Seen { direction, now, bytes, packets, segment: Segment::read(headers, frame.packet()), refresh: true }
}

/// The binding of a new flow from `source`: the WAN that the hash gives it, and of its public addresses the current one.
fn choose(policy: &Policy, source: IpAddr, key: &FlowKey) -> Result<Binding, Refusal> {
    let binding =
        |id| policy.wan(id).and_then(|wan| address::public(wan, source).ok()).map(|mapped| mapped.binding(id));
    let id = steer::choose(policy, key, |id| binding(id).is_some());
    id.and_then(binding).ok_or_else(|| why_none(policy, source))
}

/// Why no WAN can take a flow from `source`: those that could are down, or the most telling of the WANs' answers.
fn why_none(policy: &Policy, source: IpAddr) -> Refusal {
    if policy.wans().any(|(_, wan)| address::public(wan, source).is_ok()) {
        return Refusal::unreachable(DropReason::AllWansDown, Unreachable::NoRoute);
    }
    let mut reasons = policy.wans().filter_map(|(_, wan)| address::public(wan, source).err());
    let telling = reasons.find(|reason| *reason != Unmappable::NotOurs).unwrap_or(Unmappable::NotOurs);
    Refusal::unmappable(telling, Direction::Outbound)
}

#[cfg(test)]
mod tests;
