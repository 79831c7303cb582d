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
/// belong to a living flow of that WAN whose inside host has sent something, and quote of a TCP connection what is in flight
/// (off-path senders know neither, RFC 5927 §4, §7); the packet must have been larger than what would pass, and that must be less
/// than what is known and no less than any path carries: below 1280 nothing is learned for IPv6 (RFC 8201 §4), below 576
/// nothing for IPv4.
pub fn learn(core: &Core, ctx: &Ctx<'_>, line: Line<'_>, headers: &Headers, quoted: &Headers, frame: &Frame<'_>) {
    let Some(mtu) = said_too_big(headers, frame.packet()) else { return };
    let family = quoted.family();
    let sane = mtu >= floor(family) && u32::from(mtu) < quoted.len && mtu < fit::mtu(core, line, family);
    if !sane || matches!(quoted.fragment, Fragment::Later(_)) {
        return;
    }
    let key = FlowKey::new(quoted, Direction::Outbound, quoted.source);
    let sent = core.shared.table.in_flight(&key, ctx.now, sequence(headers, quoted, frame));
    if sent.is_some_and(|pin| pin.binding.wan == line.id) {
        core.shared.paths.memory.learn(line.id, quoted.destination, mtu, ctx.now);
    }
}

/// The sequence number in a quoted TCP header, which each quote reaches (RFC 792).
fn sequence(headers: &Headers, quoted: &Headers, frame: &Frame<'_>) -> Option<u32> {
    let tcp = usize::from(headers.l4) + 8 + usize::from(quoted.l4);
    let number = frame.packet().get(tcp + 4..tcp + 8)?;
    number.try_into().ok().map(u32::from_be_bytes)
}

#[cfg(test)]
mod tests;
