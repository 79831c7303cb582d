//! Which MSS the SYNs of TCP may announce on their way: what both links, the WAN's path and the remote's path carry.
//! Must never know: bytes of options (packet/mtu.rs), how a path is searched (path.rs).

use super::fit;
use crate::plane::context::{Ctx, Line};
use crate::plane::counters::Event;
use crate::plane::packet::headers::Headers;
use crate::plane::packet::mtu;
use crate::plane::state::Core;
use crate::types::Frame;

/// Lowers the MSS of a SYN to what both links, the WAN's path and, if it is remembered, the remote's path carry.
pub fn apply(core: &Core, ctx: &Ctx<'_>, line: Line<'_>, headers: &Headers, frame: &mut Frame<'_>) {
    if !mtu::is_syn(headers) {
        return;
    }
    let remote = if ctx.policy.is_inside(headers.source) { headers.destination } else { headers.source };
    let remembered = core.shared.paths.memory.find(line.id, remote, ctx.now).unwrap_or(u16::MAX);
    let mtu = fit::mtu(core, line, headers.family()).min(ctx.policy.inside.mtu).min(remembered);
    lower(core, headers, frame, mtu);
}

/// Lowers the MSS of a SYN to what `mtu` bytes carry.
pub fn lower(core: &Core, headers: &Headers, frame: &mut Frame<'_>, mtu: u16) {
    let offload = frame.offload;
    if mtu::clamp_mss(frame.packet_mut(), headers, mtu, &offload) {
        core.counters.event(Event::Clamped);
    }
}
