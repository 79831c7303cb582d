//! What the sender of a refused packet is told, and how the answer finds its way back.
//! Must never know: why the packet was refused, beyond the reason's name.

use crate::plane::choose::exit;
use crate::plane::counters::Event;
use crate::plane::craft::icmp;
use crate::plane::craft::icmp::Unreachable;
use crate::plane::craft::rst;
use crate::plane::neighbor;
use crate::plane::outbox::Outbox;
use crate::plane::packet::headers::{Headers, Transport};
use crate::plane::packet::numbers::{ethertype, protocol};
use crate::plane::packet::parse;
use crate::plane::pass::admit;
use crate::plane::policy::{Policy, Wan};
use crate::plane::state::Core;
use crate::plane::verdict::DropReason;
use crate::types::{End, Frame, Mac, Tick, WanId};
use std::net::{IpAddr, SocketAddr};

/// A refusal: the reason, and for packets that are too big the MTU they should have fitted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// What is counted.
    pub reason: DropReason,
    /// Bytes; 0 when size was not the matter.
    pub mtu: u16,
}

impl From<DropReason> for Refusal {
    fn from(reason: DropReason) -> Self {
        Self { reason, mtu: 0 }
    }
}

/// The way back to the sender of a refused packet.
#[derive(Debug)]
pub enum Back<'a> {
    /// Through the TUN, from the router's own addresses.
    Inside(&'a Policy),
    /// Out of the WAN it came from, to the station that sent it.
    Wan {
        /// The WAN.
        id: WanId,
        /// Its settings.
        wan: &'a Wan,
        /// The station.
        to: Mac,
        /// Source of the answer.
        from: IpAddr,
    },
}

impl<'a> Back<'a> {
    /// Towards inside.
    #[must_use]
    pub fn inside(policy: &'a Policy) -> Self {
        Self::Inside(policy)
    }

    /// Towards the WAN that `frame` came from. The answer's source is an address of the router on that link; a link
    /// without one answers from the address that the packet was sent to.
    #[must_use]
    pub fn wan(id: WanId, wan: &'a Wan, headers: &Headers, frame: &Frame<'_>) -> Self {
        let own4 = wan.link.addresses4.first().map(|net| IpAddr::V4(net.addr()));
        let own6 =
            wan.link.addresses6.iter().find(|address| !address.is_unicast_link_local()).map(|it| IpAddr::V6(*it));
        let own = if headers.is_v4() { own4 } else { own6 };
        Self::Wan { id, wan, to: admit::sender(frame), from: own.unwrap_or(headers.destination) }
    }

    fn end(&self) -> End {
        match self {
            Self::Inside(_) => End::Inside,
            Self::Wan { id, .. } => End::Wan(*id),
        }
    }

    fn source(&self, headers: &Headers) -> Option<IpAddr> {
        match self {
            Self::Inside(policy) => policy.inside.router(headers.family()),
            Self::Wan { from, .. } => Some(*from),
        }
    }
}

impl Core {
    /// Tells the sender of the packet in `frame`, as it was received, why it was refused, if its kind of refusal is
    /// told at all (RFC 1812 §4.3.2.7, RFC 4443 §2.4) and the rate limit allows. Returns the reason.
    pub fn refuse(
        &mut self,
        now: Tick,
        refusal: Refusal,
        back: Back<'_>,
        headers: &Headers,
        frame: &Frame<'_>,
        outbox: &mut Outbox,
    ) -> DropReason {
        let packet = frame.packet();
        if refusal.reason == DropReason::Reset && headers.protocol == protocol::TCP {
            push_reset(headers, packet, outbox);
            return refusal.reason;
        }
        let told = is_told(refusal.reason, headers);
        let from = back.source(headers).filter(|_| told && self.may_tell(now, back.end(), headers.source));
        if let Some(from) = from {
            match back {
                Back::Inside(_) => {
                    outbox.push(End::Inside, &[], |out| write(out, refusal, packet, headers, from, SOURCE))
                }
                Back::Wan { id, wan, to, .. } => {
                    let link = neighbor::link_header(wan, to, ethertype::of(headers.family()));
                    outbox.push(End::Wan(id), &link, |out| write(out, refusal, packet, headers, from, DESTINATION))
                }
            };
        }
        refusal.reason
    }

    /// Whether the limits allow one more error; counts it where they do not.
    pub fn may_tell(&mut self, now: Tick, to: End, receiver: IpAddr) -> bool {
        let allowed = self.limits.allow(now, to, receiver);
        if !allowed {
            self.counters.event(Event::Untold);
        }
        allowed
    }
}

/// Answers a segment from inside by a RST. No rate limits it: it is shorter than what it answers, and ends that.
fn push_reset(headers: &Headers, packet: &[u8], outbox: &mut Outbox) {
    let Transport::Tcp { source, destination, .. } = headers.transport else { return };
    let Some(segment) = exit::segment(headers, packet) else { return };
    let (from, to) = (SocketAddr::new(headers.source, source), SocketAddr::new(headers.destination, destination));
    outbox.push(End::Inside, &[], |out| rst::answer(out, from, to, &segment));
}

fn is_told(reason: DropReason, headers: &Headers) -> bool {
    let is_kind = match reason {
        DropReason::TtlExpired => headers.ttl > 0,
        DropReason::BadFragment => !headers.is_v4(),
        DropReason::TooBig
        | DropReason::NoWan
        | DropReason::AllWansDown
        | DropReason::WanDown
        | DropReason::Reset
        | DropReason::AddressGone
        | DropReason::TableFull
        | DropReason::NoNeighbor
        | DropReason::Unmappable
        | DropReason::UnmappableIdentifier => true,
        _ => false,
    };
    is_kind && icmp::is_answerable(headers, reason == DropReason::TooBig)
}

/// `own` is where the address that flowpin translates stands in an IPv6 header.
///
/// What is unreachable as a host or net is no reason for a connected UDP socket of Linux to give up; what is prohibited is.
fn write(out: &mut Vec<u8>, refusal: Refusal, packet: &[u8], headers: &Headers, from: IpAddr, own: u32) -> bool {
    match refusal.reason {
        DropReason::TtlExpired => icmp::time_exceeded(out, packet, headers, from),
        DropReason::TooBig => icmp::too_big(out, packet, headers, from, refusal.mtu),
        DropReason::TableFull | DropReason::Reset => {
            icmp::unreachable(out, packet, headers, from, Unreachable::AdminProhibited)
        }
        DropReason::NoWan | DropReason::AllWansDown => {
            icmp::unreachable(out, packet, headers, from, Unreachable::NoRoute)
        }
        DropReason::UnmappableIdentifier => icmp::parameter_problem6(out, packet, headers, from, (0, own)),
        DropReason::BadFragment => parse::problem(packet)
            .is_some_and(|it| icmp::parameter_problem6(out, packet, headers, from, (it.code, it.pointer))),
        _ => icmp::unreachable(out, packet, headers, from, Unreachable::Host),
    }
}

/// Where the addresses stand in an IPv6 header (RFC 8200 §3).
const SOURCE: u32 = 8;
const DESTINATION: u32 = 24;
