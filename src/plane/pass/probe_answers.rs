//! What comes back from a WAN to something that the data plane asked.
//! Must never know: what was asked (path.rs).

use crate::plane::context::{Ctx, Line};
use crate::plane::health::{self, ProbeContext};
use crate::plane::packet::headers::Headers;
use crate::plane::path;
use crate::plane::state::Core;
use crate::types::Frame;

/// Whether a packet from a WAN is about a probe of its path or of its health; notes what it says then.
pub fn handle(core: &Core, ctx: &mut Ctx<'_>, line: Line<'_>, headers: &Headers, frame: &Frame<'_>) -> bool {
    let (health, neighbors) = (&core.shared.health, &core.shared.neighbors);
    let place = ProbeContext { now: ctx.now, id: line.id, wan: line.wan, health, neighbors };
    path::handle(&core.shared.paths, line.id, line.wan, headers, frame)
        || health::handle(place, headers, frame, ctx.outbox)
}
