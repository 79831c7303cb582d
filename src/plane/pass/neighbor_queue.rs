//! Packets whose next hop is not resolved yet: set aside on the way out (neighbor/queue.rs), dropped when that queue is
//! full, sent when its MAC is known, answered with host unreachable when it stays silent (RFC 1812 §5.2.7.1, RFC 4861
//! §7.2.2). Must never know: how MACs are found.

use crate::plane::context::{Ctx, Line};
use crate::plane::counters::Event;
use crate::plane::craft::icmp::{self, Unreachable};
use crate::plane::lease::Via;
use crate::plane::neighbor::queue::{Awaited, EgressState, ORIGINAL, Queued};
use crate::plane::neighbor::{self, Full, Resolution};
use crate::plane::packet::headers::Headers;
use crate::plane::packet::parse::quoted;
use crate::plane::policy::Wan;
use crate::plane::refusal::Refusal;
use crate::plane::state::Core;
use crate::plane::verdict::{DropReason, Verdict};
use crate::types::{Direction, End, Frame, Mac, Standing};

/// Milliseconds until packets that wait are looked at again; another worker may have resolved their next hop.
pub const RECHECK_MS: u64 = 20;

/// The beginning of a packet as its sender sent it: all that an ICMP error can quote (RFC 4443 §2.4(c)).
pub type Original = Vec<u8>;

/// Where a packet goes on its link.
pub enum NextHop {
    /// To this station.
    Known(Mac),
    /// To nobody yet: it waits, and this is what its sender would be told about.
    Awaited(Awaited, Original),
}

/// The next hop of a packet that leaves a WAN by `via`. A host of the link that nobody has sent to is asked for.
///
/// # Errors
/// The host does not answer, or too many do not.
#[inline]
pub fn next_hop(
    core: &mut Core,
    ctx: &mut Ctx<'_>,
    (line, via): (Line<'_>, Via),
    headers: &Headers,
    frame: &Frame<'_>,
) -> Result<NextHop, Refusal> {
    let family = headers.family();
    match via {
        Via::Gateway => Ok(match core.shared.neighbors.mac(line.id, family) {
            Some(mac) => NextHop::Known(mac),
            None => NextHop::Awaited(Awaited::Gateway(family), original(frame)),
        }),
        Via::Direct => host(core, ctx, line, headers, frame),
    }
}

fn original(frame: &Frame<'_>) -> Original {
    let packet = frame.packet();
    packet[..packet.len().min(ORIGINAL)].to_vec()
}

/// The same for a packet to a host of the link.
fn host(
    core: &mut Core,
    ctx: &mut Ctx<'_>,
    line: Line<'_>,
    headers: &Headers,
    frame: &Frame<'_>,
) -> Result<NextHop, Refusal> {
    let ends = (headers.destination, headers.source);
    let neighbors = &core.shared.neighbors;
    match neighbor::resolve(ctx.now, (line.id, line.wan), ends, neighbors, ctx.outbox) {
        Ok(Resolution::Known(mac)) => Ok(NextHop::Known(mac)),
        Ok(Resolution::Asked) => Ok(NextHop::Awaited(Awaited::Host(headers.destination), original(frame))),
        Ok(Resolution::Failed) => Err(Refusal::unreachable(DropReason::NoNeighbor, Unreachable::Host)),
        Err(Full) => Err(DropReason::HoldFull.into()),
    }
}

/// Sets the rewritten packet in `frame` aside.
pub fn enqueue(
    core: &mut Core,
    ctx: &Ctx<'_>,
    (line, to): (Line<'_>, Awaited),
    (frame, original): (&Frame<'_>, &[u8]),
) -> Result<Verdict, DropReason> {
    let packet = Queued { packet: frame.packet(), original, offload: frame.offload, header_len: frame.header_len };
    core.queue.push((line.id, to), packet, ctx.now).map_err(|_| DropReason::HoldFull)?;
    let due = ctx.now.plus_millis(RECHECK_MS).min(core.shared.neighbors.due());
    core.wake = core.wake.min(due);
    Ok(Verdict::Held)
}

/// Sends what waited for a MAC that is known by now, and gives up what waited too long.
pub fn release(core: &mut Core, ctx: &mut Ctx<'_>) {
    if core.queue.is_empty() {
        return;
    }
    let Core { queue, shared, limits, counters, .. } = core;
    let (policy, now) = (ctx.policy, ctx.now);
    let resolution = |id, to| match to {
        Awaited::Gateway(family) => shared.neighbors.mac(id, family).map_or(Resolution::Asked, Resolution::Known),
        // One that is no more among those that are asked has been given up.
        Awaited::Host(host) => shared.neighbors.find(now, id, host).unwrap_or(Resolution::Failed),
    };
    let egress = |id, to| match (policy.wan(id), resolution(id, to)) {
        (Some(wan), _) if is_down(wan, to) => EgressState::Down,
        (Some(wan), Resolution::Known(mac)) => {
            EgressState::Ready { wan, mac, mtu: shared.paths.mtu(id, wan, to.family()) }
        }
        (Some(_), Resolution::Failed) => EgressState::Down,
        _ => EgressState::Unresolved,
    };
    queue.flush(now, egress, counters, ctx.outbox, |original, outbox| {
        counters.count_drop(Direction::Outbound, DropReason::NoNeighbor);
        let Ok(headers) = quoted(original) else { return };
        let from = policy.inside.router(headers.family()).filter(|_| icmp::is_answerable(&headers, false));
        let Some(from) = from else { return };
        if limits.allow(now, End::Inside, headers.source) {
            outbox.push(End::Inside, &[], |out| icmp::unreachable(out, original, &headers, from, Unreachable::Host));
        } else {
            counters.event(Event::IcmpRateLimited);
        }
    });
}

fn is_down(wan: &Wan, to: Awaited) -> bool {
    match to {
        Awaited::Gateway(family) => wan.standing(family) == Standing::HardDown,
        Awaited::Host(host) => !wan.can_send_to(host),
    }
}
