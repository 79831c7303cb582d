//! ARP and ND frames from a WAN: answered, learnt from, and what waited for them is sent.
//! Must never know: how an answer is written (neighbor.rs).

use super::neighbor_queue;
use crate::plane::context::Ctx;
use crate::plane::health;
use crate::plane::neighbor::{self, Answer};
use crate::plane::packet::headers::{Headers, Transport};
use crate::plane::packet::numbers::protocol;
use crate::plane::state::Core;
use crate::plane::verdict::{DropReason, Verdict};
use crate::types::{Family, Frame, WanId};

/// Whether the packet is a neighbour solicitation, or an advertisement of a neighbour or router (RFC 4861 §4.2 to §4.4).
pub fn is_one(headers: &Headers) -> bool {
    headers.protocol == protocol::ICMPV6 && matches!(headers.transport, Transport::OtherIcmp(134..=136))
}

/// Takes an ARP or ND frame from a WAN.
pub fn handle(core: &mut Core, ctx: &mut Ctx<'_>, id: WanId, frame: &Frame<'_>) -> Result<Verdict, DropReason> {
    let answer = neighbor::answer(frame, (ctx.now, ctx.policy), id, &core.shared.neighbors, ctx.outbox);
    for family in Family::ALL {
        if core.shared.neighbors.has_spoken(id, family) {
            health::on_neighbor_answer(&core.shared.health, ctx.now, id, family);
        }
    }
    core.wake = core.wake.min(core.shared.neighbors.due());
    neighbor_queue::release(core, ctx);
    match answer {
        Answer::Answered => Ok(Verdict::Answered),
        Answer::Kernel => Ok(Verdict::Kernel),
        Answer::Drop(reason) => Err(reason),
    }
}
