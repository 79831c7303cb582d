//! What a frame from a WAN is by its link header: for whom, and of which protocol.
//! Must never know: flow, translate, addresses.

use crate::plane::packet::numbers::ethertype;
use crate::plane::policy::Wan;
use crate::plane::verdict::DropReason;
use crate::types::{Frame, LinkLayer, Mac};

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

const VLAN_ID: u16 = 0x0fff;

/// Judges the link header of a frame from `wan`. A priority tag (VLAN id 0) counts as untagged (IEEE 802.1Q §9.6).
///
/// # Errors
/// The frame is cut, tagged for another VLAN, for another station, or holds another IP version than it says.
pub fn judge(frame: &Frame<'_>, wan: &Wan) -> Result<Link, DropReason> {
    if wan.link.layer == LinkLayer::None {
        return judge_packet(frame);
    }
    let header = frame.link();
    if header.len() < LinkLayer::Ethernet.header_len() {
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

/// Judges a frame of a link without a link layer, which can only be for us. One with a link header was received before the
/// link became such a one.
fn judge_packet(frame: &Frame<'_>) -> Result<Link, DropReason> {
    match (frame.link(), frame.packet().first().map(|octet| octet >> 4)) {
        (_, None) => Err(DropReason::Truncated),
        ([], Some(4 | 6)) => Ok(Link::Unicast),
        ([], Some(_)) => Err(DropReason::BadIpHeader),
        _ => Err(DropReason::WrongMac),
    }
}

/// The station that sent a frame from a WAN. The header has been judged by [`judge`].
#[must_use]
pub fn sender(frame: &Frame<'_>) -> Mac {
    frame.link().get(6..12).and_then(|octets| octets.try_into().ok()).map_or(Mac::default(), Mac)
}
