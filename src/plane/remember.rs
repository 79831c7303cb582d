//! Which too-big messages are believed: those about a packet that may have been ours. They were translated and delivered
//! all the same; this is about what flowpin itself makes of them. Must never know: how long they are believed.

use super::flow::key::FlowKey;
use super::packet::{Fragment, Headers};
use super::path::{floor, said_too_big};
use super::policy::Policy;
use super::state::Core;
use crate::types::{Direction, Frame, Tick, WanId};

impl Core {
    /// Remembers what an error from `id`, translated by now, says of the path to the remote of the packet it quotes. It
    /// must belong to a living flow of that WAN (off-path senders do not know one, RFC 5927 §7), the packet must have been
    /// larger than what would pass, and that must be less than what is known and no less than any path carries: below
    /// 1280 nothing is learned for IPv6 (RFC 8201 §4), below 576 nothing for IPv4.
    pub(super) fn remember(
        &self,
        policy: &Policy,
        now: Tick,
        id: WanId,
        headers: &Headers,
        quoted: &Headers,
        frame: &Frame<'_>,
    ) {
        let Some((mtu, wan)) = said_too_big(headers, frame.packet()).zip(policy.wan(id)) else { return };
        let v4 = quoted.is_v4();
        let sane = mtu >= floor(v4) && u32::from(mtu) < quoted.len && mtu < self.mtu(id, wan, v4);
        if !sane || matches!(quoted.fragment, Fragment::Later(_)) {
            return;
        }
        let key = FlowKey::new(quoted, Direction::Outbound, quoted.source);
        if self.shared.table.peek(&key, now).is_some_and(|pin| pin.wan == id) {
            self.shared.paths.memory.learn(id, quoted.destination, mtu, now);
        }
    }
}

#[cfg(test)]
mod tests;
