//! The last steps of a packet that nothing stops: one hop less, what it owes, then out of a WAN behind its link header, or
//! inside. Must never know: how the packet was judged.

use super::fit::Onto;
use super::neighbor_queue::Original;
use crate::plane::choose::address::Mapped;
use crate::plane::neighbor;
use crate::plane::outbox::Outbox;
use crate::plane::packet::headers::Headers;
use crate::plane::packet::numbers::ethertype;
use crate::plane::packet::sctp;
use crate::plane::policy::{Policy, Wan};
use crate::plane::state::Core;
use crate::plane::tell::respond::Refusal;
use crate::plane::translate::rewrite;
use crate::plane::verdict::{DropReason, Verdict};
use crate::types::{Direction, End, Frame, Mac, Tick, WanId};

/// Whether the packet lives on behind this hop and `more` behind it.
pub fn has_hops(headers: &Headers, more: u8) -> Result<(), Refusal> {
    if headers.ttl.saturating_sub(more) > 1 { Ok(()) } else { Err(DropReason::TtlExpired.into()) }
}

impl Core {
    /// The last steps of an outbound packet: hop limit, link header, or the wait for a next hop.
    pub fn leave(
        &mut self,
        now: Tick,
        (id, wan): (WanId, &Wan),
        headers: Headers,
        hop: &Result<Mac, Original>,
        frame: &mut Frame<'_>,
        outbox: &mut Outbox,
    ) -> Result<Verdict, DropReason> {
        rewrite::decrement_ttl(frame.packet_mut(), &headers);
        sctp::finish(frame, &headers);
        frame.header_len = headers.header_len();
        let mac = match hop {
            Ok(mac) => *mac,
            Err(original) => return self.hold(now, id, headers.family(), frame, original).map(|()| Verdict::Held),
        };
        let link = neighbor::link_header(wan, mac, ethertype::of(headers.family()));
        let mtu = self.mtu(id, wan, headers.family());
        let onto = Onto { to: End::Wan(id), link: &link, mtu, counted: Some((id, Direction::Outbound)) };
        self.forward(onto, &headers, frame, outbox)
    }

    /// What every packet towards inside gets: its receiver's address and one hop less. `from` is the WAN that it counts for.
    pub fn go_inside(
        &mut self,
        policy: &Policy,
        mut headers: Headers,
        receiver: Mapped,
        from: Option<WanId>,
        frame: &mut Frame<'_>,
        outbox: &mut Outbox,
    ) -> Result<Verdict, DropReason> {
        let offload = frame.offload;
        rewrite::destination(frame.packet_mut(), &mut headers, receiver.address, &offload, receiver.neutral);
        rewrite::decrement_ttl(frame.packet_mut(), &headers);
        sctp::finish(frame, &headers);
        frame.header_len = headers.header_len();
        let counted = from.map(|id| (id, Direction::Inbound));
        self.forward(Onto { to: End::Inside, link: &[], mtu: policy.inside.mtu, counted }, &headers, frame, outbox)
    }
}
