//! `Plane::process`: the whole life of a packet, outbound and inbound as mirror images. Each call names the file that does
//! the step. Must never know: ports, clocks, settings.

use super::choose::address;
use super::choose::admit;
use super::choose::inbound::{self, Arrival};
use super::choose::outbound::{self, OutboundPath};
use super::choose::shared;
use super::context::{Ctx, Line};
use super::counters::Event;
use super::lease::Binding;
use super::outbox::Outbox;
use super::packet::headers::{Headers, Side, Transport};
use super::packet::parse::parse;
use super::pass::fit::{self, fits, has_hops};
use super::pass::late_fragments::{self, LateFragments};
use super::pass::link::{self, Link};
use super::pass::{
    errors, hairpin, identification, mss_clamp, neighbor_discovery, neighbor_queue, probe_answers, send,
};
use super::refusal::Refusal;
use super::state::{Core, Plane};
use super::tell::respond::Back;
use super::tell::{malformed, remote, respond};
use super::translate::mapped::Mapped;
use super::translate::rewrite;
use super::verdict::{DropReason, Verdict};
use crate::types::{Direction, Disposition, End, Frame, HEADROOM, Offload, Tick, WanId};

impl Plane {
    /// Decides about one frame from `from`, rewrites it in place and sets where it ends.
    pub fn process(&mut self, now: Tick, from: End, frame: &mut Frame<'_>, outbox: &mut Outbox) -> Verdict {
        let (core, ctx) = (&mut self.core, &mut Ctx { policy: &self.policy, now, outbox });
        match from {
            End::Inside => {
                let (decided, late) = outbound(core, ctx, frame);
                let verdict = conclude(core, Direction::Outbound, decided, frame);
                if !late.is_empty() {
                    send_late(core, ctx, late);
                }
                verdict
            }
            End::Wan(id) => {
                let decided = inbound(core, ctx, id, frame);
                conclude(core, Direction::Inbound, decided, frame)
            }
        }
    }
}

/// What is decided about a packet; why, if it is dropped.
type Decided = Result<Verdict, DropReason>;

/// The life of a packet from inside: read, bound to a WAN, judged against that, rewritten, sent. The later fragments that
/// are to follow it come beside.
fn outbound(core: &mut Core, ctx: &mut Ctx<'_>, frame: &mut Frame<'_>) -> (Decided, LateFragments) {
    let none = LateFragments::new();
    let headers = match parse(frame.packet(), &frame.offload) {
        Ok(headers) => headers,
        Err(reason) => return (Err(malformed::refuse(core, ctx, End::Inside, reason, frame)), none),
    };
    frame.truncate(headers.len as usize);
    if headers.transport == Transport::Error {
        return (outbound_error(core, ctx, headers, frame), none);
    }
    let (decided, late) = match choose_path(core, ctx, &headers, frame) {
        Ok(OutboundPath::Out(binding)) => {
            let late = late_fragments::release(core, ctx, &headers, binding);
            (leave(core, ctx, binding, headers, frame), late)
        }
        Ok(OutboundPath::Hairpin(owner)) => (hairpin::pass(core, ctx, owner, headers, frame), none),
        Ok(OutboundPath::Wait) => (Ok(Verdict::Held), none),
        Err(_) if admit::is_of_the_link(&headers, ctx.policy) => (Ok(Verdict::Kernel), none),
        Err(refusal) => (Err(refusal), none),
    };
    (decided.map_err(|refusal| respond::refuse(core, ctx, refusal, Back::Inside, &headers, frame)), late)
}

/// The life of a packet from a WAN: read, told its receiver, judged against its flow, rewritten, sent.
fn inbound(core: &mut Core, ctx: &mut Ctx<'_>, id: WanId, frame: &mut Frame<'_>) -> Decided {
    let line = ctx.line(id).ok_or(DropReason::NoWan)?;
    let addressed = link::judge(frame, line.wan)?;
    match addressed {
        Link::Foreign => return Ok(Verdict::Kernel),
        Link::Arp => return neighbor_discovery::handle(core, ctx, id, frame),
        Link::Unicast | Link::Group => {}
    }
    let headers = match parse(frame.packet(), &frame.offload) {
        Ok(headers) => headers,
        Err(reason) if addressed == Link::Group => return Err(reason),
        Err(reason) => return Err(malformed::refuse(core, ctx, End::Wan(id), reason, frame)),
    };
    frame.truncate(headers.len as usize);
    if neighbor_discovery::is_one(&headers) {
        return neighbor_discovery::handle(core, ctx, id, frame);
    }
    if addressed == Link::Unicast && probe_answers::handle(core, ctx, line, &headers, frame) {
        return Ok(if line.wan.owns(&headers.endpoint(Side::Destination)) {
            Verdict::Answered
        } else {
            Verdict::Kernel
        });
    }
    let decided = arrive(core, ctx, line, (headers, addressed), frame);
    decided.map_err(|refusal| respond::refuse(core, ctx, refusal, Back::wan(line, &headers, frame), &headers, frame))
}

/// The path of a packet from inside, if it has hops left.
fn choose_path(core: &mut Core, ctx: &Ctx<'_>, headers: &Headers, frame: &Frame<'_>) -> Result<OutboundPath, Refusal> {
    if let Err(expired) = has_hops(headers, 0) {
        admit::outbound(headers, ctx.policy)?;
        return Err(expired);
    }
    outbound::path(core, ctx, headers, frame)
}

/// Out by the WAN that it is bound to, if that stands and carries a packet of this size.
fn leave(
    core: &mut Core,
    ctx: &mut Ctx<'_>,
    binding: Binding,
    mut headers: Headers,
    frame: &mut Frame<'_>,
) -> Result<Verdict, Refusal> {
    let line = ctx.line(binding.wan).ok_or(DropReason::NoWan)?;
    let source = address::public_of_binding(line.wan, headers.source, headers.destination, binding)?;
    fits(&headers, frame, fit::mtu(core, line, headers.family()))?;
    mss_clamp::apply(core, ctx, line, &headers, frame);
    let hop = neighbor_queue::next_hop(core, ctx, (line, binding.via), &headers, frame)?;
    identification::apply(core, ctx, &headers, &source, frame);
    let offload = frame.offload;
    rewrite::apply(frame.packet_mut(), &mut headers, Side::Source, &source, &offload);
    Ok(send::leave(core, ctx, line, &headers, &hop, frame)?)
}

/// Inside to its receiver, if its line stands and the inside carries a packet of this size. What is not flowpin's is the
/// kernel's.
fn arrive(
    core: &mut Core,
    ctx: &mut Ctx<'_>,
    line: Line<'_>,
    (headers, addressed): (Headers, Link),
    frame: &mut Frame<'_>,
) -> Result<Verdict, Refusal> {
    let Some(receiver) = receiver(core, ctx, line, (&headers, addressed), frame)? else {
        return Ok(Verdict::Kernel);
    };
    if !line.wan.can_send_to(headers.source) {
        return Err(DropReason::WanDown.into());
    }
    if headers.transport == Transport::Error {
        return Ok(errors::pass_inbound(core, ctx, line, (headers, receiver), frame)?);
    }
    let passes = has_hops(&headers, ctx.policy.fixed.hops).and_then(|()| fits(&headers, frame, ctx.policy.inside.mtu));
    if let Err(refusal) = passes {
        // What is refused keeps no flow alive (RFC 7857 §7).
        admit::inbound(&headers, ctx.policy)?;
        return Err(refusal);
    }
    if inbound::arrival(core, ctx, line.id, &headers, &receiver, frame)? == Arrival::Terminated {
        remote::answer(core, ctx, line, &headers, frame);
    }
    mss_clamp::apply(core, ctx, line, &headers, frame);
    let late = late_fragments::release_inbound(core, ctx, &headers, receiver);
    let verdict = send::to_inside(core, ctx, headers, receiver, Some(line.id), frame)?;
    if !late.is_empty() {
        send_late_inside(core, ctx, line.id, late);
    }
    Ok(verdict)
}

/// The inside end that a packet from a WAN is for, at an address of its own or one that it shares; `None`: it is the kernel's.
fn receiver(
    core: &Core,
    ctx: &Ctx<'_>,
    line: Line<'_>,
    (headers, addressed): (&Headers, Link),
    frame: &Frame<'_>,
) -> Result<Option<Mapped>, Refusal> {
    match admit::receiver(ctx.policy, line.wan, headers, addressed == Link::Group)? {
        None if addressed == Link::Unicast => shared::receiver(core, ctx, line, headers, frame),
        found => Ok(found),
    }
}

/// The life of an ICMP error from inside: out by the WAN of the flow that it is about, or back inside.
fn outbound_error(core: &mut Core, ctx: &mut Ctx<'_>, headers: Headers, frame: &mut Frame<'_>) -> Decided {
    match admit::outbound(&headers, ctx.policy)? {
        Some(owner) => hairpin::pass_error(core, ctx, owner, headers, frame),
        None => errors::pass_outbound(core, ctx, headers, frame),
    }
}

/// The end of every packet: its frame knows it, and so do the counters.
fn conclude(core: &Core, direction: Direction, decided: Decided, frame: &mut Frame<'_>) -> Verdict {
    let verdict = decided.unwrap_or_else(Verdict::Drop);
    frame.disposition = match verdict {
        Verdict::Forward(end) => Disposition::Send(end),
        _ => Disposition::Done,
    };
    match verdict {
        Verdict::Forward(_) | Verdict::Fragmented(_) => {}
        Verdict::Answered => core.counters.event(Event::Answered),
        Verdict::Held => core.counters.event(Event::Held),
        Verdict::Kernel => core.counters.event(Event::Kernel),
        Verdict::Drop(reason) => core.counters.count_drop(direction, reason),
    }
    verdict
}

/// Later fragments that waited for the first one just processed go behind it, in the order in which they came.
#[cold]
fn send_late(core: &mut Core, ctx: &mut Ctx<'_>, late: LateFragments) {
    for mut buffer in late {
        let end = buffer.len();
        let Some(mut frame) = Frame::new(&mut buffer, HEADROOM, HEADROOM, end, Offload::NONE) else { continue };
        let (decided, _) = outbound(core, ctx, &mut frame);
        let verdict = conclude(core, Direction::Outbound, decided, &mut frame);
        late_fragments::send(&frame, verdict, ctx.outbox);
    }
    ctx.outbox.keep_order();
}

/// The same for those that came from a WAN.
#[cold]
fn send_late_inside(core: &mut Core, ctx: &mut Ctx<'_>, id: WanId, late: LateFragments) {
    for mut buffer in late {
        let end = buffer.len();
        let Some(mut frame) = Frame::new(&mut buffer, HEADROOM, HEADROOM, end, Offload::NONE) else { continue };
        let Some((line, headers)) = ctx.line(id).zip(parse(frame.packet(), &frame.offload).ok()) else { continue };
        let decided = arrive(core, ctx, line, (headers, Link::Unicast), &mut frame);
        let verdict = conclude(core, Direction::Inbound, decided.map_err(|refusal| refusal.reason), &mut frame);
        late_fragments::send(&frame, verdict, ctx.outbox);
    }
    ctx.outbox.keep_order();
}

#[cfg(test)]
mod tests;
