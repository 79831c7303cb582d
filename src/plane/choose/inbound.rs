//! Which flow a packet from a WAN belongs to: it binds a new one to the WAN and the public end that it came in on.
//! Must never know: bytes of packets, how the choice is made (candidates.rs).

use super::admit;
use super::candidates;
use super::entry::{self, FlowPacket};
use super::shared;
use crate::plane::context::Ctx;
use crate::plane::counters::Event;
use crate::plane::craft::icmp::Unreachable;
use crate::plane::flow::pin::Pin;
use crate::plane::flow::table::Full;
use crate::plane::lease::Binding;
use crate::plane::packet::headers::{Fragment, Headers, Side, Transport};
use crate::plane::packet::numbers::tcp_flag;
use crate::plane::policy::Policy;
use crate::plane::refusal::Refusal;
use crate::plane::state::Core;
use crate::plane::translate::mapped::Mapped;
use crate::plane::verdict::DropReason;
use crate::types::{Direction, Frame, WanId};
use std::num::NonZeroU16;

/// What a packet from a WAN, which passes, belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arrival {
    /// A flow that lives.
    Known,
    /// A flow that flowpin has ended.
    Terminated,
}

/// What a packet from the WAN `id` to the inside end `receiver` belongs to. Its flow stays where it is pinned, if it has a
/// pin that stays; else it is bound to where the packet came in.
///
/// # Errors
/// Its source may not pass; or its flow is new, and the table is full or strangers may not speak to the inside end.
pub fn arrival(
    core: &mut Core,
    ctx: &Ctx<'_>,
    id: WanId,
    headers: &Headers,
    receiver: &Mapped,
    frame: &Frame<'_>,
) -> Result<Arrival, Refusal> {
    let policy = ctx.policy;
    if matches!(headers.fragment, Fragment::Later(_)) {
        admit::inbound(headers, policy)?;
        return Ok(Arrival::Known);
    }
    let mut packet = FlowPacket::new(headers, frame, Direction::Inbound, (receiver.address, receiver.port), ctx.now);
    let binding = came_in_on(id, headers, receiver);
    packet.seen.arrival = Some(binding);
    let known = entry::touch(core, policy, policy.epoch, &packet);
    if let Some(pin) = known.filter(|pin| pin.binding.end() == binding.end() && pin.is_proved(policy.epoch)) {
        entry::count(core, headers, &pin);
        return Ok(Arrival::Known);
    }
    admit::inbound(headers, policy)?;
    let binding = replied_to(policy, headers, binding);
    match known {
        Some(pin) if pin.terminated && !is_request(headers) => Ok(Arrival::Terminated),
        Some(pin) if !pin.terminated => {
            meet(core, policy, &packet, &pin, binding);
            Ok(Arrival::Known)
        }
        _ if receiver.shared && !shared::admits(core, policy, headers, binding) => Err(DropReason::Filtered.into()),
        _ => begin(core, policy, &packet, binding),
    }
}

/// The WAN and the public end that a packet to `receiver` came in on.
fn came_in_on(id: WanId, headers: &Headers, receiver: &Mapped) -> Binding {
    let port = receiver.port.and_then(|_| NonZeroU16::new(headers.endpoint(Side::Destination).port));
    Binding { lease: receiver.lease, port, ..Binding::from(id) }
}

/// The same, by what the replies leave: a caller on the link gets them himself.
fn replied_to(policy: &Policy, headers: &Headers, binding: Binding) -> Binding {
    policy.wan(binding.wan).map_or(binding, |wan| Binding { via: wan.via(headers.source), ..binding })
}

/// A packet of a living flow came in elsewhere, or under another snapshot than its pin was proved against. It counts for
/// the flow all the same, and takes along one that follows its requests.
fn meet(core: &mut Core, policy: &Policy, packet: &FlowPacket<'_>, pin: &Pin, binding: Binding) {
    let again = || entry::touch(core, policy, pin.epoch, packet);
    let pin = if pin.is_proved(policy.epoch) { *pin } else { again().unwrap_or(*pin) };
    if pin.binding.wan == binding.wan {
        entry::count(core, packet.headers, &pin);
    }
    if pin.binding.end() != binding.end() && pin.follows_arrival && is_request(packet.headers) {
        core.shared.table.repin(&packet.key, binding, entry::proof(policy, &packet.key, binding));
    }
}

/// A new flow begins with the packet. One that finds no room in the table passes where the hash would send its reply back
/// by the WAN and the public end that it came in on.
fn begin(core: &mut Core, policy: &Policy, packet: &FlowPacket<'_>, binding: Binding) -> Result<Arrival, Refusal> {
    match entry::insert(core, policy, packet, binding) {
        Ok(_) => Ok(Arrival::Known),
        Err(Full) if candidates::bind(policy, &packet.key).is_ok_and(|new| new.end() == binding.end()) => {
            core.counters.event(Event::Unpinned);
            Ok(Arrival::Known)
        }
        Err(Full) => Err(Refusal::unreachable(DropReason::TableFull, Unreachable::AdminProhibited)),
    }
}

/// Whether a packet may ask for an answer: of TCP only a SYN does, of ICMP queries only the request.
fn is_request(headers: &Headers) -> bool {
    match headers.transport {
        Transport::Tcp { flags, .. } => tcp_flag::is_initial_syn(flags),
        Transport::Query { request, .. } => request,
        _ => true,
    }
}
