//! What of others' too-big messages is believed and remembered. All of them are translated and delivered; this is about
//! what flowpin itself makes of them. Must never know: how long a message is believed (path/memory.rs), who uses it.

use super::fit;
use crate::plane::context::{Ctx, Line};
use crate::plane::flow::key::FlowKey;
use crate::plane::packet::headers::{Fragment, Headers};
use crate::plane::path::{floor, said_too_big};
use crate::plane::state::Core;
use crate::types::{Direction, Frame};

/// Remembers what an error from a WAN, translated by now, says of the path to the remote of the packet it quotes. It must
/// belong to a living flow of that WAN (off-path senders do not know one, RFC 5927 §7), the packet must have been larger
/// than what would pass, and that must be less than what is known and no less than any path carries: below 1280 nothing
/// is learned for IPv6 (RFC 8201 §4), below 576 nothing for IPv4.
pub fn learn(core: &Core, ctx: &Ctx<'_>, line: Line<'_>, headers: &Headers, quoted: &Headers, frame: &Frame<'_>) {
    let Some(mtu) = said_too_big(headers, frame.packet()) else { return };
    let family = quoted.family();
    let sane = mtu >= floor(family) && u32::from(mtu) < quoted.len && mtu < fit::mtu(core, line, family);
    if !sane || matches!(quoted.fragment, Fragment::Later(_)) {
        return;
    }
    let key = FlowKey::new(quoted, Direction::Outbound, quoted.source);
    if core.shared.table.peek(&key, ctx.now).is_some_and(|pin| pin.binding.wan == line.id) {
        core.shared.paths.memory.learn(line.id, quoted.destination, mtu, ctx.now);
    }
}

#[cfg(test)]
mod tests;
