//! Why a packet goes no further, and how its sender is told: one value from where that is decided to where it is told.
//! What each reason tells its sender stands beside it in verdict.rs; the errors are written by tell/respond.rs.
//! Must never know: counters, state, policy.

use super::craft::icmp::Unreachable;
use super::flow::pin::Pin;
use super::translate::nptv6::Unmappable;
use super::verdict::DropReason;
use crate::types::Direction;

/// A packet is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// What is counted.
    pub reason: DropReason,
    /// What its sender is told.
    pub tell: Tell,
}

/// What the sender of a refused packet is told, where an error about it may be sent at all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tell {
    /// Nothing.
    Nothing,
    /// Its hops are used up.
    TimeExceeded,
    /// Packets of so many bytes would pass.
    TooBig(u16),
    /// Its destination cannot be reached.
    Unreachable(Unreachable),
    /// An IPv6 header has a field that is wrong: the code, and the byte that it is about.
    ParameterProblem(u8, u32),
    /// The flow with this pin has ended: TCP ends are told by a RST, others that it is prohibited. What is unreachable as
    /// a host or net is no reason for a connected UDP socket of Linux to give up; what is prohibited is.
    Reset(Pin),
}

impl From<DropReason> for Refusal {
    /// Nobody is told.
    fn from(reason: DropReason) -> Self {
        Self { reason, tell: Tell::Nothing }
    }
}

impl Refusal {
    /// Told as unreachable.
    #[must_use]
    pub fn unreachable(reason: DropReason, why: Unreachable) -> Self {
        Self { reason, tell: Tell::Unreachable(why) }
    }

    /// Of a packet that may not be fragmented and is longer than `mtu` bytes.
    #[must_use]
    pub fn too_big(mtu: u16) -> Self {
        Self { reason: DropReason::TooBig, tell: Tell::TooBig(mtu) }
    }

    /// Of a packet with `hops` left, which are too few. One that should not have been sent any more is not answered.
    #[must_use]
    pub fn no_hops(hops: u8) -> Self {
        Self { reason: DropReason::TtlExpired, tell: if hops > 0 { Tell::TimeExceeded } else { Tell::Nothing } }
    }

    /// Of a packet whose flow flowpin has ended.
    #[must_use]
    pub fn reset(pin: Pin) -> Self {
        Self { reason: DropReason::Reset, tell: Tell::Reset(pin) }
    }

    /// Of a packet whose own address, the source outbound and the destination inbound, has no other side.
    #[must_use]
    pub fn unmappable(unmappable: Unmappable, direction: Direction) -> Self {
        match unmappable {
            Unmappable::NotOurs => Self::unreachable(DropReason::NoWan, Unreachable::NoRoute),
            Unmappable::NoWord => Self::unreachable(DropReason::Unmappable, Unreachable::Host),
            Unmappable::ZeroIdentifier => {
                let address = match direction {
                    Direction::Outbound => SOURCE,
                    Direction::Inbound => DESTINATION,
                };
                Self { reason: DropReason::UnmappableIdentifier, tell: Tell::ParameterProblem(0, address) }
            }
        }
    }
}

/// Where the addresses stand in an IPv6 header (RFC 8200 §3).
const SOURCE: u32 = 8;
const DESTINATION: u32 = 24;
