//! The last steps of a packet that nothing stops: its new address, one hop less, what it owes, then out of a WAN behind its
//! link header, or inside. Must never know: how the packet was judged (choose.rs).

use super::fit::{self, NextLink};
use super::neighbor_queue::{self, NextHop};
use crate::plane::context::{Ctx, Line};
use crate::plane::neighbor;
use crate::plane::packet::headers::{Headers, Side};
use crate::plane::packet::numbers::ethertype;
use crate::plane::packet::sctp;
use crate::plane::state::Core;
use crate::plane::translate::mapped::Mapped;
use crate::plane::translate::rewrite;
use crate::plane::verdict::{DropReason, Verdict};
use crate::types::{Direction, End, Frame, WanId};

/// The one way out: one hop less, then behind the link header of the next hop, or into the queue for it. The source has
/// been rewritten.
pub fn leave(
    core: &mut Core,
    ctx: &mut Ctx<'_>,
    line: Line<'_>,
    headers: &Headers,
    hop: &NextHop,
    frame: &mut Frame<'_>,
) -> Result<Verdict, DropReason> {
    finish(headers, frame);
    let mac = match hop {
        NextHop::Known(mac) => *mac,
        NextHop::Awaited(to, original) => return neighbor_queue::enqueue(core, ctx, (line, *to), (frame, original)),
    };
    let header = neighbor::link_header(line.wan, mac, ethertype::of(headers.family()));
    let mtu = fit::mtu(core, line, headers.family());
    let counted = Some((line.id, Direction::Outbound));
    let next = NextLink { to: End::Wan(line.id), header: &header, mtu, counted };
    fit::forward(core, next, headers, frame, ctx.outbox)
}

/// The one door inwards: the receiver's address and one hop less, then into the TUN. `from` is the WAN that the packet
/// counts for.
#[inline]
pub fn to_inside(
    core: &mut Core,
    ctx: &mut Ctx<'_>,
    mut headers: Headers,
    receiver: Mapped,
    from: Option<WanId>,
    frame: &mut Frame<'_>,
) -> Result<Verdict, DropReason> {
    let offload = frame.offload;
    rewrite::apply(frame.packet_mut(), &mut headers, Side::Destination, &receiver, &offload);
    finish(&headers, frame);
    let counted = from.map(|id| (id, Direction::Inbound));
    let next = NextLink { to: End::Inside, header: &[], mtu: ctx.policy.inside.mtu, counted };
    fit::forward(core, next, &headers, frame, ctx.outbox)
}

fn finish(headers: &Headers, frame: &mut Frame<'_>) {
    rewrite::decrement_ttl(frame.packet_mut(), headers);
    sctp::finish(frame, headers);
    frame.header_len = headers.header_len();
}
