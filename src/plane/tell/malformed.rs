//! Packets that cannot be read: dropped, and in one case answered. Must never know: how packets are read (packet/parse.rs).

use super::respond::{self, Back};
use crate::plane::choose::{address, admit};
use crate::plane::context::Ctx;
use crate::plane::packet::headers::Side;
use crate::plane::packet::parse::problem;
use crate::plane::refusal::{Refusal, Tell};
use crate::plane::state::Core;
use crate::plane::verdict::DropReason;
use crate::types::{End, Frame};

/// Refuses a packet, sent to our station, that `parse` has refused: the sender of a bad IPv6 fragment is told
/// (RFC 8200 §4.5). Returns the reason.
#[cold]
pub fn refuse(core: &mut Core, ctx: &mut Ctx<'_>, from: End, reason: DropReason, frame: &Frame<'_>) -> DropReason {
    let Some(problem) = problem(frame.packet()).filter(|_| reason == DropReason::BadFragment) else { return reason };
    let headers = problem.headers;
    let back = match from {
        End::Inside => admit::outbound(&headers, ctx.policy).ok().map(|_| Back::Inside),
        End::Wan(id) => ctx
            .line(id)
            .filter(|line| address::inside(line.wan, &headers.endpoint(Side::Destination)).is_ok())
            .filter(|_| admit::inbound(&headers, ctx.policy).is_ok())
            .map(|line| Back::wan(line, &headers, frame)),
    };
    let refusal = Refusal { reason, tell: Tell::ParameterProblem(problem.code, problem.pointer) };
    match back {
        Some(back) => respond::refuse(core, ctx, refusal, back, &headers, frame),
        None => reason,
    }
}
