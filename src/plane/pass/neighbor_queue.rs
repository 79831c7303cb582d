//! Packets whose next hop is not resolved yet: set aside on the way out (neighbor/queue.rs), dropped when that queue is
//! full, sent when its MAC is known, answered with host unreachable when it stays silent (RFC 1812 §5.2.7.1, RFC 4861
//! §7.2.2). Must never know: how MACs are found.

use crate::plane::context::{Ctx, Line};
use crate::plane::counters::Event;
use crate::plane::craft::icmp::{self, Unreachable};
use crate::plane::neighbor::queue::{EgressState, ORIGINAL, Queued};
use crate::plane::packet::headers::Headers;
use crate::plane::packet::parse::quoted;
use crate::plane::state::Core;
use crate::plane::verdict::{DropReason, Verdict};
use crate::types::{Direction, End, Frame, Mac, Standing};

/// Milliseconds until packets that wait are looked at again; another worker may have resolved their next hop.
pub const RECHECK_MS: u64 = 20;

/// The beginning of a packet as its sender sent it: all that an ICMP error can quote (RFC 4443 §2.4(c)).
pub type Original = Vec<u8>;

/// The MAC of the next hop of a WAN, or a copy of the packet for its sender, for it will have to wait.
pub fn next_hop(core: &Core, line: Line<'_>, headers: &Headers, frame: &Frame<'_>) -> Result<Mac, Original> {
    core.shared.neighbors.mac(line.id, headers.family()).ok_or_else(|| {
        let packet = frame.packet();
        packet[..packet.len().min(ORIGINAL)].to_vec()
    })
}

/// Sets the rewritten packet in `frame` aside.
pub fn enqueue(
    core: &mut Core,
    ctx: &Ctx<'_>,
    line: Line<'_>,
    headers: &Headers,
    (frame, original): (&Frame<'_>, &[u8]),
) -> Result<Verdict, DropReason> {
    let packet = Queued { packet: frame.packet(), original, offload: frame.offload, header_len: frame.header_len };
    let queued = core.queue.push((line.id, headers.family()), packet, ctx.now);
    queued.map_err(|_| DropReason::HoldFull)?;
    core.wake = core.wake.min(ctx.now.plus_millis(RECHECK_MS));
    Ok(Verdict::Held)
}

/// Sends what waited for a MAC that is known by now, and gives up what waited too long.
pub fn release(core: &mut Core, ctx: &mut Ctx<'_>) {
    if core.queue.is_empty() {
        return;
    }
    let Core { queue, shared, limits, counters, .. } = core;
    let (policy, now) = (ctx.policy, ctx.now);
    let egress = |id, family| match policy.wan(id) {
        Some(wan) if wan.standing(family) == Standing::HardDown => EgressState::Down,
        Some(wan) => match shared.neighbors.mac(id, family) {
            Some(mac) => EgressState::Ready { wan, mac, mtu: shared.paths.mtu(id, wan, family) },
            None => EgressState::Unresolved,
        },
        None => EgressState::Unresolved,
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
