//! ICMP errors on their way through: matched by the packet they quote, translated outside and inside the quote
//! (RFC 5508 §4, RFC 4443 §2.4). They neither make, refresh nor end flows, and nobody is told of one that does not pass.
//! Must never know: ports, hairpin.

use super::fit::{self, fits, has_hops};
use super::{identification, neighbor_queue, pmtu_learn, send};
use crate::plane::choose::{address, admit, candidates, entry};
use crate::plane::context::{Ctx, Line};
use crate::plane::flow::key::FlowKey;
use crate::plane::flow::table::FlowTable;
use crate::plane::lease::Binding;
use crate::plane::packet::headers::{Fragment, Headers, Side};
use crate::plane::policy::{Policy, Wan};
use crate::plane::state::Core;
use crate::plane::translate::inner::{self, Quote};
use crate::plane::translate::mapped::Mapped;
use crate::plane::translate::rewrite;
use crate::plane::verdict::{DropReason, Verdict};
use crate::types::{Direction, Frame, Offload, Tick};

/// Sends an error from inside, whose addresses are admitted, out of the WAN of the flow that it is about.
pub fn pass_outbound(
    core: &mut Core,
    ctx: &mut Ctx<'_>,
    mut headers: Headers,
    frame: &mut Frame<'_>,
) -> Result<Verdict, DropReason> {
    let error = find(ctx.policy, &core.shared.table, ctx.now, &headers, frame)?;
    let line = ctx.line(error.binding.wan).ok_or(DropReason::StrayIcmpError)?;
    if !line.wan.can_send_to(headers.destination) {
        return Err(DropReason::WanDown);
    }
    has_hops(&headers, 0)
        .and_then(|()| fits(&headers, frame, fit::mtu(core, line, headers.family())))
        .map_err(|refusal| refusal.reason)?;
    let hop = neighbor_queue::next_hop(core, ctx, (line, error.binding.via), &headers, frame)
        .map_err(|refusal| refusal.reason)?;
    identification::apply(core, ctx, &headers, &error.source, frame);
    rewrite_outbound(error, &mut headers, frame);
    send::leave(core, ctx, line, &headers, &hop, frame)
}

/// Sends an error from a WAN inside, to `receiver`, with the packet that it quotes restored; and learns from it.
pub fn pass_inbound(
    core: &mut Core,
    ctx: &mut Ctx<'_>,
    line: Line<'_>,
    (headers, receiver): (Headers, Mapped),
    frame: &mut Frame<'_>,
) -> Result<Verdict, DropReason> {
    admit::inbound(&headers, ctx.policy)?;
    has_hops(&headers, ctx.policy.fixed.hops)
        .and_then(|()| fits(&headers, frame, ctx.policy.inside.mtu))
        .map_err(|refusal| refusal.reason)?;
    let quoted = rewrite_inbound(&headers, receiver, frame)?;
    pmtu_learn::learn(core, ctx, line, &headers, &quoted, frame);
    send::to_inside(core, ctx, headers, receiver, Some(line.id), frame)
}

/// An error from inside that belongs to a flow.
#[derive(Clone, Copy, Debug)]
struct Outbound {
    /// What the flow is bound to.
    binding: Binding,
    quote: Quote,
    source: Mapped,
    quoted: Mapped,
}

/// Finds the flow of an error from inside: it quotes a packet that came in from that flow's remote. A later fragment names
/// no flow, and nobody remembers the WAN it came in on: an error about one ends here. Its first fragment is as long, so
/// that whoever cannot forward the one has said so of the other.
///
/// # Errors
/// The error is malformed, or quotes nothing that flowpin let in.
fn find(
    policy: &Policy,
    table: &FlowTable,
    now: Tick,
    headers: &Headers,
    frame: &Frame<'_>,
) -> Result<Outbound, DropReason> {
    let quote = inner::quote(frame.packet(), headers, &frame.offload)?;
    let inside = quote.headers.destination;
    if quote.headers.source != headers.destination || matches!(quote.headers.fragment, Fragment::Later(_)) {
        return Err(DropReason::StrayIcmpError);
    }
    let key = FlowKey::new(&quote.headers, Direction::Inbound, inside);
    let (binding, quoted) = public_end(policy, table, &key, now).ok_or(DropReason::StrayIcmpError)?;
    let wan = policy.wan(binding.wan).ok_or(DropReason::StrayIcmpError)?;
    let source = speaker(wan, headers, quoted);
    Ok(Outbound { binding, quote, source, quoted })
}

/// What a flow is bound to that is known, or that passes without an entry now, and its public end.
fn public_end(policy: &Policy, table: &FlowTable, key: &FlowKey, now: Tick) -> Option<(Binding, Mapped)> {
    if let Some(pin) = table.peek(key, now) {
        let wan = policy.wan(pin.binding.wan)?;
        return address::public_kept(wan, key.inside(), &pin).map(|public| (pin.binding, public));
    }
    let binding = candidates::bind(policy, key).ok().filter(|_| entry::may_lack_entry(table, key))?;
    let public = address::public_of_binding(policy.wan(binding.wan)?, key.inside(), key.remote(), binding).ok()?;
    Some((binding, public))
}

/// Gives an error from inside its public form.
fn rewrite_outbound(error: Outbound, headers: &mut Headers, frame: &mut Frame<'_>) {
    let Outbound { mut quote, source, quoted, .. } = error;
    let offload = frame.offload;
    inner::apply(frame.packet_mut(), headers, &mut quote, Side::Destination, &quoted);
    rewrite::apply(frame.packet_mut(), headers, Side::Source, &source, &offload);
}

/// Gives an error from inside about a packet that came round through `wan` (hairpin) the addresses that its receiver knows,
/// outside and inside the quote; the outer destination alone, whose inside form is `receiver`, is left for the caller.
///
/// # Errors
/// The error is malformed, or quotes nothing that came round to an inside host.
pub fn rewrite_hairpin(
    wan: &Wan,
    receiver: Mapped,
    headers: &mut Headers,
    frame: &mut Frame<'_>,
) -> Result<(), DropReason> {
    let mut quote = inner::quote(frame.packet(), headers, &frame.offload)?;
    if quote.headers.source != headers.destination {
        return Err(DropReason::StrayIcmpError);
    }
    let quoted = quote.headers.destination;
    let quoted = address::public_beside(wan, quoted, receiver.lease).map_err(|_| DropReason::StrayIcmpError)?;
    if quoted.shared {
        return Err(DropReason::StrayIcmpError);
    }
    let source = speaker(wan, headers, quoted);
    let packet = frame.packet_mut();
    inner::apply(packet, headers, &mut quote, Side::Destination, &quoted);
    inner::apply(packet, headers, &mut quote, Side::Source, &receiver);
    rewrite::apply(packet, headers, Side::Source, &source, &Offload::NONE);
    Ok(())
}

/// Who sends an error from inside, seen from outside: without a mapping of its own, the quoted host (RFC 5508 REQ-5).
fn speaker(wan: &Wan, headers: &Headers, quoted: Mapped) -> Mapped {
    address::public_beside(wan, headers.source, quoted.lease).unwrap_or(Mapped { neutral: false, ..quoted })
}

/// Restores the quoted packet of an error from a WAN to what the inside host sent, and gives its headers. `mapped` is the
/// inside form of the error's destination.
///
/// # Errors
/// The error is malformed, or was sent to another address than the quoted packet came from (RFC 5508 REQ-4).
fn rewrite_inbound(headers: &Headers, mapped: Mapped, frame: &mut Frame<'_>) -> Result<Headers, DropReason> {
    let mut quote = inner::quote(frame.packet(), headers, &frame.offload)?;
    if quote.headers.source != headers.destination {
        return Err(DropReason::StrayIcmpError);
    }
    inner::apply(frame.packet_mut(), headers, &mut quote, Side::Source, &mapped);
    Ok(quote.headers)
}
