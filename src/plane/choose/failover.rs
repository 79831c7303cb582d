//! What becomes of a known flow under another snapshot: it stays, goes to another WAN, or ends, as its WAN stands and as
//! the WAN's settings say, or those of a better one. A flow that came from outside does not move while its WAN can send: its
//! remote knows it by an address of that WAN. Must never know: tables, how a host is told.
//!
//! UDP from outside goes to another WAN where it would be refused else. An answer to a question gets lost there as here, but
//! a tunnel or a call finds its other end again (RFC 9000 §9, RFC 4555), and a stranger who has pinned a tunnel to a WAN by
//! one spoofed datagram with its ports does not hold it there when that dies.

use super::address;
use super::candidates::would_take;
use super::failback;
use super::soft_down;
use crate::plane::craft::icmp::Unreachable;
use crate::plane::flow::key::FlowKey;
use crate::plane::flow::pin::Pin;
use crate::plane::packet::headers::{Headers, Transport};
use crate::plane::packet::numbers::{protocol, tcp_flag};
use crate::plane::policy::Policy;
use crate::plane::refusal::Refusal;
use crate::plane::verdict::DropReason;
use crate::types::{Remedy, Tick};

/// What becomes of a known flow, and of the packet that asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// The flow stays bound as it is.
    Keep,
    /// The flow is bound anew; where no WAN would take it, it stays if `may_stay`.
    Repin {
        /// Its own WAN can still send.
        may_stay: bool,
    },
    /// The flow is over, and this packet begins another.
    Restart,
    /// The flow is terminated now, and its host is told.
    Reset,
    /// This packet is refused, and nothing else changes.
    Refuse(Refusal),
    /// This packet passes by the flow's WAN, and nothing else changes.
    PassOnce,
}

/// What becomes of the flow of an outbound packet whose pin is of another snapshot, or that was terminated. A flow whose
/// public address is gone
/// fares as if its WAN were hard down; one whose host the WAN translates no more goes elsewhere.
pub fn action(policy: &Policy, headers: &Headers, key: &FlowKey, pin: &Pin, now: Tick) -> Action {
    let family = headers.family();
    let flags = match headers.transport {
        Transport::Tcp { flags, .. } => Some(flags),
        _ => None,
    };
    let Some(wan) = policy.wan(pin.binding.wan) else { return Action::Repin { may_stay: false } };
    let has_address = address::public_kept(wan, headers.source, pin).is_some();
    if !has_address && !address::is_gone(wan, family, pin) && !pin.terminated {
        return Action::Repin { may_stay: false };
    }
    let way = if !has_address {
        Err(Refusal::unreachable(DropReason::AddressGone, Unreachable::Host))
    } else if !wan.can_send_to(key.remote()) {
        Err(Refusal::unreachable(DropReason::WanDown, Unreachable::Host))
    } else {
        Ok(())
    };
    if pin.terminated {
        return after_the_end(flags, pin, way);
    }
    match soft_down::begins_anew(policy, headers, key, pin, now) {
        Some(Remedy::Reset) => return Action::Restart,
        Some(_) => return Action::Repin { may_stay: true },
        None => {}
    }
    let is_unanswered_udp = || key.protocol() == protocol::UDP && soft_down::remedy(policy, key, pin, now).is_some();
    match (remedy(policy, key, pin, now), way) {
        (None, _) => Action::Keep,
        (Some(Remedy::Reset), _) => reset(flags, pin, way),
        (Some(Remedy::Move), _) if !pin.came_in => Action::Repin { may_stay: way.is_ok() },
        (Some(Remedy::Move), Ok(())) if is_unanswered_udp() => Action::Repin { may_stay: true },
        (Some(Remedy::Move), Err(_)) if key.protocol() == protocol::UDP => Action::Repin { may_stay: false },
        (Some(Remedy::Move | Remedy::Drain), Ok(())) => Action::Keep,
        (Some(Remedy::Move | Remedy::Drain), Err(refusal)) => Action::Refuse(refusal),
    }
}

/// What is to be done with a living flow under this snapshot; `None`: it stays. A flow that its WAN lets stay may have to go
/// back to a better one, or be without an answer for too long. One to a neighbour on the link stays while that is there, however
/// the line stands behind it. A flow whose only choice, as a last resort, is its present
/// WAN keeps it.
pub fn remedy(policy: &Policy, key: &FlowKey, pin: &Pin, now: Tick) -> Option<Remedy> {
    let wan = policy.wan(pin.binding.wan)?;
    let (family, is_tcp) = (key.family(), key.protocol() == protocol::TCP);
    if address::is_gone(wan, family, pin) {
        return Some(wan.hard_remedy(is_tcp));
    }
    if wan.is_neighbor(key.remote()) && wan.can_send_to(key.remote()) {
        return None;
    }
    match wan.remedy(family, is_tcp) {
        None => failback::remedy(policy, key, pin),
        Some(Remedy::Drain) => failback::remedy(policy, key, pin)
            .or_else(|| soft_down::remedy(policy, key, pin, now))
            .or(Some(Remedy::Drain)),
        Some(_) if policy.fixed.last_resort && would_take(policy, key) == Some(pin.binding.wan) => None,
        remedy => remedy,
    }
}

/// A RST still tells the remote, where there is a `way`; else that says why not. Of TCP only a SYN begins another flow.
fn after_the_end(flags: Option<u8>, pin: &Pin, way: Result<(), Refusal>) -> Action {
    match flags {
        Some(flags) if flags & tcp_flag::RST != 0 => way.map_or_else(Action::Refuse, |()| Action::PassOnce),
        Some(flags) if !tcp_flag::is_initial_syn(flags) => Action::Refuse(Refusal::reset(*pin)),
        _ => Action::Restart,
    }
}

/// A RST is not answered by a RST, and a SYN that nobody answered yet may as well go by another WAN.
fn reset(flags: Option<u8>, pin: &Pin, way: Result<(), Refusal>) -> Action {
    match flags {
        Some(flags) if flags & tcp_flag::RST != 0 => way.map_or_else(Action::Refuse, |()| Action::Keep),
        Some(flags) if tcp_flag::is_initial_syn(flags) && !pin.came_in => Action::Repin { may_stay: way.is_ok() },
        _ => Action::Reset,
    }
}

#[cfg(test)]
mod tests;
