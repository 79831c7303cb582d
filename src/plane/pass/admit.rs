//! Who may pass: the checks of link header and addresses before a packet touches any state.
//! Must never know: flows, translations.

use crate::plane::lease::Lease;
use crate::plane::packet::headers::{Headers, Transport};
use crate::plane::packet::numbers::ethertype;
use crate::plane::policy::{Policy, Wan};
use crate::plane::verdict::DropReason;
use crate::types::{Frame, Mac, WanId};
use std::net::IpAddr;

/// What a frame from a WAN is by its link header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Link {
    /// ARP, to be answered or learnt from.
    Arp,
    /// IP, sent to our station.
    Unicast,
    /// IP, sent to a link-layer group.
    Group,
    /// Another protocol: the kernel's.
    Foreign,
}

const ETHERNET_LEN: usize = 14;
const VLAN_ID: u16 = 0x0fff;

/// Judges the link header of a frame from `wan`. A priority tag (VLAN id 0) counts as untagged (IEEE 802.1Q §9.6).
///
/// # Errors
/// The frame is cut, tagged for another VLAN, for another station, or holds another IP version than it says.
pub fn link(frame: &Frame<'_>, wan: &Wan) -> Result<Link, DropReason> {
    let header = frame.link();
    if header.len() < ETHERNET_LEN {
        return Err(DropReason::Truncated);
    }
    let vlan = frame.tag.map(|tci| tci & VLAN_ID).filter(|id| *id != 0);
    if vlan != wan.link.vlan {
        return Err(DropReason::WrongVlan);
    }
    let to = Mac([header[0], header[1], header[2], header[3], header[4], header[5]]);
    if !to.is_group() && to != wan.link.mac && !wan.link.any_mac {
        return Err(DropReason::WrongMac);
    }
    let version = match u16::from_be_bytes([header[12], header[13]]) {
        ethertype::ARP => return Ok(Link::Arp),
        ethertype::IPV4 => 4,
        ethertype::IPV6 => 6,
        _ => return Ok(Link::Foreign),
    };
    if frame.packet().first().is_some_and(|octet| octet >> 4 != version) {
        return Err(DropReason::BadIpHeader);
    }
    Ok(if to.is_group() { Link::Group } else { Link::Unicast })
}

/// The station that sent a frame from a WAN. The header has been judged by [`link`].
#[must_use]
pub fn sender(frame: &Frame<'_>) -> Mac {
    frame.link().get(6..12).and_then(|octets| octets.try_into().ok()).map_or(Mac::default(), Mac)
}

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
    Ok(policy.owner(headers.destination))
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
pub fn is_for_dhcp_client(headers: &Headers, lease: Lease) -> bool {
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

/// Whether no single host has this address: a group, a martian, or all hosts of a WAN's link (RFC 2644).
fn is_no_host(policy: &Policy, address: IpAddr) -> bool {
    address.is_multicast()
        || policy.martians.iter().any(|prefix| prefix.contains(&address))
        || policy.wans.iter().any(|wan| wan.link.is_broadcast(address))
}
