//! Where a packet from inside goes: what its flow is bound to, as the flow table knows, or by a new choice.
//! Must never know: bytes of packets, how the choice is made (candidates.rs).

use super::address;
use super::admit;
use super::candidates;
use super::entry::{self, FlowPacket};
use super::failover::{self, Action};
use super::public_port;
use super::soft_down;
use crate::plane::context::Ctx;
use crate::plane::counters::Event;
use crate::plane::craft::icmp::Unreachable;
use crate::plane::flow::companions::companions;
use crate::plane::flow::key::FlowKey;
use crate::plane::flow::pin::Pin;
use crate::plane::flow::table::Full;
use crate::plane::fragment::pins::{Datagram, PinLookup};
use crate::plane::lease::Binding;
use crate::plane::packet::headers::{Fragment, Headers};
use crate::plane::policy::Policy;
use crate::plane::refusal::Refusal;
use crate::plane::state::Core;
use crate::plane::verdict::DropReason;
use crate::types::{Direction, Frame, Tick, WanId};

/// Where a packet from inside goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OutboundPath {
    /// Out of this WAN, from this of its public ends.
    Out(Binding),
    /// Back inside: a public address of this WAN is its destination.
    Hairpin(WanId),
    /// Nowhere yet: a fragment whose first has not come.
    Wait,
}

/// Where an outbound packet goes. A known flow was admitted when it was made; others are admitted here.
///
/// # Errors
/// It may not pass by its addresses, no WAN can take its flow, or its flow has ended.
pub fn path(core: &mut Core, ctx: &Ctx<'_>, headers: &Headers, frame: &Frame<'_>) -> Result<OutboundPath, Refusal> {
    let (policy, now) = (ctx.policy, ctx.now);
    if let Fragment::Later(id) = headers.fragment {
        return Ok(match admit::outbound(headers, policy)? {
            Some(owner) => OutboundPath::Hairpin(owner),
            None => of_later_fragment(core, now, Datagram::new(headers, id), frame),
        });
    }
    let packet = FlowPacket::new(headers, frame, Direction::Outbound, (headers.source, None), now);
    match entry::touch(core, policy, policy.epoch, &packet) {
        Some(pin) if pin.is_proved(policy.epoch) => {
            entry::count(core, headers, &pin);
            Ok(OutboundPath::Out(pin.binding))
        }
        known => match admit::outbound(headers, policy)? {
            Some(owner) => Ok(OutboundPath::Hairpin(owner)),
            None => binding(core, policy, &packet, known).map(OutboundPath::Out),
        },
    }
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

/// What the packet's flow is bound to: a new flow, or one whose pin was proved against another snapshot.
fn binding(core: &mut Core, policy: &Policy, packet: &FlowPacket<'_>, known: Option<Pin>) -> Result<Binding, Refusal> {
    let Some(pin) = known else { return begin(core, policy, packet) };
    if pin.yields && candidates::stands_better(policy, &packet.key, pin.binding.wan) {
        return begin(core, policy, packet);
    }
    let now = packet.seen.now;
    let binding = match failover::action(policy, packet.headers, &packet.key, &pin, now) {
        Action::Keep => anew(policy, &packet.key, pin.binding),
        Action::Repin { may_stay } => match public_port::rebind(core, policy, &packet.key, &pin) {
            Err(refusal) if !may_stay => return Err(refusal),
            rebound => rebound.unwrap_or(pin.binding),
        },
        Action::Restart => {
            core.shared.table.terminate(&packet.key, now, &policy.fixed.timeouts);
            return begin(core, policy, packet);
        }
        Action::PassOnce => return Ok(pin.binding),
        Action::Refuse(refusal) => return Err(refusal),
        Action::Reset => {
            core.shared.table.terminate(&packet.key, now, &policy.fixed.timeouts);
            core.counters.event(Event::Reset);
            count_silent(core, policy, packet, &pin);
            return Err(Refusal::reset(pin));
        }
    };
    if binding.end() != pin.binding.end() {
        core.counters.event(Event::Moved);
        count_silent(core, policy, packet, &pin);
    }
    entry::prove(core, policy, packet, binding);
    if binding.end() != pin.binding.end() {
        public_port::release(core, &packet.key, binding);
    }
    Ok(binding)
}

/// The same binding, by what its remote is reached under this snapshot.
fn anew(policy: &Policy, key: &FlowKey, binding: Binding) -> Binding {
    policy.wan(binding.wan).map_or(binding, |wan| Binding { via: wan.via(key.remote()), ..binding })
}

/// Counts a flow that leaves its WAN because nothing answers it there.
fn count_silent(core: &Core, policy: &Policy, packet: &FlowPacket<'_>, pin: &Pin) {
    let FlowPacket { headers, key, seen } = packet;
    let anew = || soft_down::begins_anew(policy, headers, key, pin, seen.now);
    if soft_down::remedy(policy, key, pin, seen.now).or_else(anew).is_some() {
        core.counters.event(Event::Silent);
    }
}

/// The binding of a new flow that belongs to the same session as another, if it may be bound so too: not by the hash stands
/// what came from outside, moved, or began when other lines were up.
fn bind_to_companion(core: &Core, policy: &Policy, packet: &FlowPacket<'_>) -> Option<Binding> {
    let FlowPacket { key, seen, .. } = packet;
    let companion = companions(key).find_map(|other| core.shared.table.assured(&other, seen.now))?;
    let wan = policy.wan(companion.wan).filter(|_| candidates::candidates(policy, key).contains(companion.wan))?;
    address::public_under(wan, key.inside(), companion.lease).ok()?;
    let binding = anew(policy, key, Binding { port: None, ..companion });
    public_port::take(core, policy, key, binding).ok()
}

/// A new flow begins with the packet. One that finds no room in the table needs none where translation is stateless: the hash
/// binds its next packet the same way. Behind a shared address it needs its port.
fn begin(core: &mut Core, policy: &Policy, packet: &FlowPacket<'_>) -> Result<Binding, Refusal> {
    let chosen = || public_port::bind(core, policy, &packet.key);
    let binding = bind_to_companion(core, policy, packet).map_or_else(chosen, Ok)?;
    let inserted = entry::insert(core, policy, packet, binding);
    public_port::release(core, &packet.key, binding);
    match inserted {
        Ok(bound) => Ok(bound),
        Err(Full) if binding.port.is_some() => {
            Err(Refusal::unreachable(DropReason::TableFull, Unreachable::AdminProhibited))
        }
        Err(Full) => {
            core.counters.event(Event::Unpinned);
            Ok(binding)
        }
    }
}
