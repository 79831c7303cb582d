//! Whom a packet from a WAN is for that goes to an address which inside hosts share with the kernel: what belongs to a mapping,
//! or would if there were one, is flowpin's, and all else the kernel's. Must never know: how a mapping is made (mapping.rs).
//!
//! Of TCP and UDP flowpin has the ports of its range, in use or not: the kernel does not see them (control/kernel/shield.rs). An
//! ICMP message makes the kernel answer only if it is a request, and so what belongs to no mapping is left to it.

use super::admit;
use crate::plane::context::{Ctx, Line};
use crate::plane::flow::key::FlowKey;
use crate::plane::fragment::pins::{Datagram, PinLookup};
use crate::plane::lease::{Binding, Lease};
use crate::plane::mapping::Class;
use crate::plane::packet::headers::{Endpoint, Fragment, Headers, Side, Transport};
use crate::plane::policy::Policy;
use crate::plane::refusal::Refusal;
use crate::plane::state::Core;
use crate::plane::translate::inner;
use crate::plane::translate::mapped::Mapped;
use crate::plane::verdict::DropReason;
use crate::types::{Direction, Filtering, Frame, WanId};
use std::net::IpAddr;

/// The inside end behind the shared address that a packet goes to; `None`: the packet is the kernel's.
///
/// # Errors
/// Nobody has the port inside.
pub fn receiver(
    core: &Core,
    ctx: &Ctx<'_>,
    line: Line<'_>,
    headers: &Headers,
    frame: &Frame<'_>,
) -> Result<Option<Mapped>, Refusal> {
    let Some(masquerade) = &line.wan.masquerade else { return Ok(None) };
    let Some(lease) = masquerade.lease_of(headers.destination) else { return Ok(None) };
    let to = headers.endpoint(Side::Destination);
    let found = match headers.transport {
        Transport::Tcp { .. } | Transport::Udp { .. } if masquerade.ports.contains(to.port) => {
            Some(find(core, line.id, lease, &to).ok_or(DropReason::NoMapping)?)
        }
        Transport::Query { request: false, .. } => {
            let found = find(core, line.id, lease, &to);
            found.filter(|end| is_known(core, ctx, Direction::Inbound, headers, end))
        }
        Transport::Error => of_error(core, ctx, line.id, lease, (headers, frame))?,
        Transport::Opaque => of_fragment(core, ctx, headers, frame),
        _ => None,
    };
    match found {
        Some(host) if ctx.policy.inside.machine.contains(&host.address) => Err(DropReason::RouterAddress.into()),
        found => Ok(found),
    }
}

/// Whether a stranger may begin a flow with the inside end that has the port of this binding (RFC 4787 REQ-8, RFC 5382 REQ-3): its
/// mapping has to be in use from inside.
pub fn admits(core: &Core, policy: &Policy, headers: &Headers, binding: Binding) -> bool {
    let masquerade = policy.wan(binding.wan).and_then(|wan| wan.masquerade.as_ref());
    let remote = match (masquerade.map(|it| it.filtering), headers.source) {
        (Some(Filtering::Endpoint), _) => None,
        (Some(Filtering::Address), IpAddr::V4(remote)) => Some(remote),
        _ => return false,
    };
    core.shared.table.mappings().has_spoken(headers.protocol, binding, remote)
}

/// The inside end that has a public one.
fn find(core: &Core, wan: WanId, lease: Lease, public: &Endpoint) -> Option<Mapped> {
    let end = core.shared.table.mappings().find(wan, Class::of(public.protocol)?, public.port)?;
    let mapped = Mapped { port: Some(end.port), lease, shared: true, ..Mapped::fixed(end.address) };
    (end.lease == lease).then_some(mapped)
}

/// Whether a packet with these headers, which went or goes that way, belongs to a flow of the inside end.
fn is_known(core: &Core, ctx: &Ctx<'_>, direction: Direction, headers: &Headers, end: &Mapped) -> bool {
    let key = FlowKey::new(headers, direction, end.address).behind(end.port);
    core.shared.table.peek(&key, ctx.now).is_some()
}

/// The inside end that sent what an ICMP error quotes, if that came from the address that the error goes to. The kernel judges
/// what cannot be read.
fn of_error(
    core: &Core,
    ctx: &Ctx<'_>,
    wan: WanId,
    lease: Lease,
    (headers, frame): (&Headers, &Frame<'_>),
) -> Result<Option<Mapped>, Refusal> {
    let Ok(quote) = inner::quote(frame.packet(), headers, &frame.offload) else { return Ok(None) };
    let from = quote.headers.endpoint(Side::Source);
    let Some(end) = find(core, wan, lease, &from).filter(|_| from.address == headers.destination) else {
        return Ok(None);
    };
    if is_known(core, ctx, Direction::Outbound, &quote.headers, &end) {
        Ok(Some(end))
    } else {
        admit::inbound(headers, ctx.policy)?;
        Err(DropReason::StrayIcmpError.into())
    }
}

/// The inside end that got the first fragment of the datagram. Before that came a later one waits for it; it may be the kernel's.
fn of_fragment(core: &Core, ctx: &Ctx<'_>, headers: &Headers, frame: &Frame<'_>) -> Option<Mapped> {
    let Fragment::Later(id) = headers.fragment else { return None };
    match core.shared.arrivals().find(Datagram::new(headers, id), frame.packet(), ctx.now) {
        PinLookup::Pin(end) => Some(end),
        PinLookup::Waits(_) => None,
    }
}
