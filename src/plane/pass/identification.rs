//! A datagram that leaves from a shared address gets an identification of its own there, where it may be in fragments some day.
//! Must never know: which one (fragment/identification.rs).

use crate::plane::context::Ctx;
use crate::plane::packet::headers::Headers;
use crate::plane::state::Core;
use crate::plane::translate::mapped::Mapped;
use crate::plane::translate::rewrite;
use crate::types::Frame;

/// Names the packet in `frame`, whose headers are those that its sender gave it and whose source becomes this.
#[inline]
pub fn apply(core: &Core, ctx: &Ctx<'_>, headers: &Headers, source: &Mapped, frame: &mut Frame<'_>) {
    if !source.shared {
        return;
    }
    let (packets, _) = headers.segments(&frame.offload);
    if let Some(id) = core.shared.identifications().of(headers, packets, ctx.now) {
        rewrite::identify(frame.packet_mut(), id);
    }
}
