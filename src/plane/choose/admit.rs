//! Who may have a flow at all: the checks of a packet's addresses before it touches any state.
//! Must never know: flow, state.

use super::address;
use crate::plane::lease::Lease;
use crate::plane::packet::headers::{Endpoint, Headers, Side, Transport};
use crate::plane::policy::{Policy, Wan};
use crate::plane::refusal::Refusal;
use crate::plane::translate::mapped::Mapped;
use crate::plane::translate::nptv6::Unmappable;
use crate::plane::verdict::DropReason;
use crate::types::{Direction, WanId};
use std::net::IpAddr;

/// Whether a packet from inside may pass by its addresses. The WAN whose public address it goes to, if it does: it will
/// come back inside.
///
/// # Errors
/// Names the address that may not.
pub fn outbound(headers: &Headers, policy: &Policy) -> Result<Option<WanId>, DropReason> {
    if !policy.is_inside(headers.source) {
        return Err(DropReason::ForeignSource);
    }
    if is_no_host(policy, headers.destination) {
        return Err(DropReason::MartianDestination);
    }
    if policy.is_inside(headers.destination) {
        return Err(DropReason::InsideToInside);
    }
    Ok(policy.owner(&headers.endpoint(Side::Destination)))
}

/// Whether it is the kernel that speaks on the TUN, of the groups it listens to: no inside host, to a group that never
/// leaves its link (RFC 5771 §4, RFC 4291 §2.7).
#[must_use]
pub fn is_of_the_link(headers: &Headers, policy: &Policy) -> bool {
    let stays = match headers.destination {
        IpAddr::V4(group) => group.octets()[..3] == [224, 0, 0],
        IpAddr::V6(group) => group.is_multicast() && group.octets()[1] & 0x0f <= 2,
    };
    stays && !policy.is_inside(headers.source)
}

/// Whether a packet to an owned address is for the kernel all the same: an answer to its DHCP client, from which it has
/// that address (RFC 2131 §4.1).
#[must_use]
fn is_for_dhcp_client(headers: &Headers, lease: Lease) -> bool {
    headers.is_v4() && lease != Lease::FIXED && headers.transport == Transport::Udp { source: 67, destination: 68 }
}

/// Whether a packet from a WAN to an owned address may pass by its source.
///
/// # Errors
/// Names what is wrong with the source.
pub fn inbound(headers: &Headers, policy: &Policy) -> Result<(), DropReason> {
    if is_no_host(policy, headers.source) {
        return Err(DropReason::MartianSource);
    }
    if policy.is_inside(headers.source) || policy.is_own(headers.source) {
        return Err(DropReason::SpoofedSource);
    }
    Ok(())
}

/// The inside host that a packet from `wan` is for; `None` when it is not flowpin's. `to_group`: its frame was sent to a
/// link-layer group.
///
/// # Errors
/// Nobody has that address inside, or it may not be reached so; or the source may not pass.
#[inline]
pub fn receiver(policy: &Policy, wan: &Wan, headers: &Headers, to_group: bool) -> Result<Option<Mapped>, Refusal> {
    match inside_end(policy, wan, &headers.endpoint(Side::Destination)) {
        Err(Unmappable::NotOurs) => Ok(None),
        Ok(Ok(host)) if is_for_dhcp_client(headers, host.lease) => Ok(None),
        _ if to_group => Err(DropReason::WrongMac.into()),
        Ok(host) => Ok(host.map(Some)?),
        Err(unmappable) => {
            inbound(headers, policy)?;
            Err(Refusal::unmappable(unmappable, Direction::Inbound))
        }
    }
}

/// The inside end behind a public one of `wan`; an address of this machine is no inside host, whatever maps to it.
///
/// # Errors
/// The address is not owned, or no inside address is possible.
#[inline]
pub fn inside_end(policy: &Policy, wan: &Wan, public: &Endpoint) -> Result<Result<Mapped, DropReason>, Unmappable> {
    let host = address::inside(wan, public)?;
    Ok(if policy.inside.machine.contains(&host.address) { Err(DropReason::RouterAddress) } else { Ok(host) })
}

/// Whether no single host has this address: a group, a martian, or all hosts of a WAN's link (RFC 2644).
fn is_no_host(policy: &Policy, address: IpAddr) -> bool {
    address.is_multicast()
        || policy.fixed.martians.iter().any(|prefix| prefix.contains(&address))
        || policy.wans().any(|(_, wan)| wan.link.is_broadcast(address))
}
