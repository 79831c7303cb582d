//! How wide the way through a WAN is: what of others' too-big messages is believed, and what the SYNs of TCP are told. All
//! messages are translated and delivered; this is about what flowpin itself makes of them.
//! Must never know: how a path is searched, how long a message is believed.

use crate::plane::counters::Event;
use crate::plane::flow::key::FlowKey;
use crate::plane::packet::headers::{Fragment, Headers};
use crate::plane::packet::mtu;
use crate::plane::path::{floor, said_too_big};
use crate::plane::policy::{Policy, Wan};
use crate::plane::state::Core;
use crate::types::{Direction, Family, Frame, Tick, WanId};

impl Core {
    /// The largest packet that goes through `wan`, in bytes.
    pub fn mtu(&self, id: WanId, wan: &Wan, family: Family) -> u16 {
        self.shared.paths.mtu(id, wan, family)
    }

    /// Lowers the MSS of a SYN to what both links, the WAN's path and, if it is remembered, the remote's path carry.
    pub fn clamp_through(
        &mut self,
        policy: &Policy,
        now: Tick,
        (id, wan): (WanId, &Wan),
        headers: &Headers,
        frame: &mut Frame<'_>,
    ) {
        if !mtu::is_syn(headers) {
            return;
        }
        let remote = if policy.is_inside(headers.source) { headers.destination } else { headers.source };
        let remembered = self.shared.paths.memory.find(id, remote, now).unwrap_or(u16::MAX);
        let mtu = self.mtu(id, wan, headers.family()).min(policy.inside.mtu).min(remembered);
        self.clamp(headers, frame, mtu);
    }

    /// Lowers the MSS of a SYN to what `mtu` bytes carry.
    pub fn clamp(&mut self, headers: &Headers, frame: &mut Frame<'_>, mtu: u16) {
        let offload = frame.offload;
        if mtu::clamp_mss(frame.packet_mut(), headers, mtu, &offload) {
            self.counters.event(Event::Clamped);
        }
    }

    /// Remembers what an error from `id`, translated by now, says of the path to the remote of the packet it quotes. It
    /// must belong to a living flow of that WAN (off-path senders do not know one, RFC 5927 §7), the packet must have been
    /// larger than what would pass, and that must be less than what is known and no less than any path carries: below
    /// 1280 nothing is learned for IPv6 (RFC 8201 §4), below 576 nothing for IPv4.
    pub fn remember(
        &self,
        policy: &Policy,
        now: Tick,
        id: WanId,
        headers: &Headers,
        quoted: &Headers,
        frame: &Frame<'_>,
    ) {
        let Some((mtu, wan)) = said_too_big(headers, frame.packet()).zip(policy.wan(id)) else { return };
        let family = quoted.family();
        let sane = mtu >= floor(family) && u32::from(mtu) < quoted.len && mtu < self.mtu(id, wan, family);
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
