//! Hairpin: a packet from inside to an own public address turns round and comes back inside, from the sender's public
//! address on that WAN to the inside host of the address (RFC 4787 REQ-9a, RFC 5508 REQ-7, RFC 6296 §4.3).
//! Stateless, so that every protocol and every fragment passes alike. Must never know: flows, ports.

use super::errors;
use super::fit::fits;
use super::send::has_hops;
use crate::plane::choose::address;
use crate::plane::choose::address::Mapped;
use crate::plane::choose::exit;
use crate::plane::counters::Event;
use crate::plane::lease::Lease;
use crate::plane::outbox::Outbox;
use crate::plane::packet::headers::Headers;
use crate::plane::policy::{Policy, Wan};
use crate::plane::state::Core;
use crate::plane::tell::respond::Refusal;
use crate::plane::translate::rewrite;
use crate::plane::verdict::{DropReason, Verdict};
use crate::types::{Frame, WanId};

/// The two new addresses of a packet that turns round.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    source: Mapped,
    destination: Mapped,
}

/// Whether a packet to a public address of `owner` may come back inside, and with which addresses.
pub fn judge(policy: &Policy, owner: WanId, headers: &Headers, frame: &Frame<'_>) -> Result<Turn, Refusal> {
    let wan = policy.wan(owner).ok_or(DropReason::NoWan)?;
    let destination = behind(wan, headers);
    let lease = destination.map_or(Lease::FIXED, |it| it.lease);
    let source = address::public_beside(wan, headers.source, lease).map_err(exit::reason)?;
    let destination = destination?;
    has_hops(headers, policy.inside.hops)?;
    fits(headers, frame, policy.inside.mtu)?;
    Ok(Turn { source, destination })
}

fn behind(wan: &Wan, headers: &Headers) -> Result<Mapped, DropReason> {
    address::inside(wan, headers.destination).map_err(|_| DropReason::Unmappable)
}

impl Core {
    /// Gives the packet the addresses of its way back, and the rest of what any packet towards inside gets.
    pub fn turn_round(
        &mut self,
        policy: &Policy,
        mut headers: Headers,
        turn: Turn,
        frame: &mut Frame<'_>,
        outbox: &mut Outbox,
    ) -> Result<Verdict, DropReason> {
        self.clamp(&headers, frame, policy.inside.mtu);
        let (offload, source) = (frame.offload, turn.source);
        rewrite::source(frame.packet_mut(), &mut headers, source.address, &offload, source.neutral);
        self.counters.event(Event::Hairpinned);
        self.go_inside(policy, headers, turn.destination, None, frame, outbox)
    }

    /// The same for an ICMP error from inside: the packet it quotes came round from the host that it goes to, and all four
    /// addresses go back to what that host knows.
    pub fn turn_error_round(
        &mut self,
        policy: &Policy,
        owner: WanId,
        mut headers: Headers,
        frame: &mut Frame<'_>,
        outbox: &mut Outbox,
    ) -> Result<Verdict, DropReason> {
        let wan = policy.wan(owner).ok_or(DropReason::NoWan)?;
        let destination = behind(wan, &headers)?;
        has_hops(&headers, policy.inside.hops)
            .and_then(|()| fits(&headers, frame, policy.inside.mtu))
            .map_err(|refusal| refusal.reason)?;
        errors::rewrite_hairpin(wan, destination, &mut headers, frame)?;
        self.counters.event(Event::Hairpinned);
        self.go_inside(policy, headers, destination, None, frame, outbox)
    }
}

#[cfg(test)]
mod tests;
