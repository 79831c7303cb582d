//! Neighbour solicitations and advertisements (RFC 4861 §4.3, §4.4, §7), duplicate address detection (RFC 4862 §5.4).
//! Must never know: when to ask.

use super::context::{Answer, NeighborContext};
use super::word::Said;
use crate::plane::craft::ip;
use crate::plane::packet::numbers::{ethertype, protocol};
use crate::plane::policy::source;
use crate::plane::verdict::DropReason;
use crate::types::{Frame, Mac};
use pnet::packet::ip::IpNextHeaderProtocols;
use pnet::packet::util::ipv6_checksum;
use std::net::{IpAddr, Ipv6Addr};

const SOLICITATION: u8 = 135;
const ADVERTISEMENT: u8 = 136;
const ROUTER_ADVERTISEMENT: u8 = 134;
const SOURCE_LINK_ADDRESS: u8 = 1;
const TARGET_LINK_ADDRESS: u8 = 2;
const ROUTER: u8 = 0x80;
const SOLICITED: u8 = 0x40;
const OVERRIDE: u8 = 0x20;
const IP_HEADER: usize = 40;
/// An NS or NA without options.
const FIXED_PART: usize = 24;
/// An RA without options.
const ROUTER_FIXED_PART: usize = 16;
/// An NS or NA with one link-layer address, as we send them.
const LEN: usize = IP_HEADER + FIXED_PART + 8;
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// Answers a solicitation for an owned address. What an NS, an NA or an RA says of its sender comes beside.
pub(super) fn answer(frame: &Frame<'_>, place: &mut NeighborContext<'_>) -> (Answer, Option<Said>) {
    let message = match Message::parse(frame) {
        Ok(Some(message)) => message,
        Ok(None) => return (Answer::Kernel, None),
        Err(reason) => return (Answer::Drop(reason), None),
    };
    let Some(from) = frame.link().get(6..12).and_then(|octets| octets.try_into().ok()).map(Mac) else {
        return (Answer::Kernel, None);
    };
    if from == place.wan.link.mac {
        return (Answer::Kernel, None);
    }
    if message.kind == ADVERTISEMENT {
        return (Answer::Kernel, said_by_advertisement(&message, from, place));
    }
    let said = |mac| Said { next_hop: IpAddr::V6(message.source), mac, is_answer: false };
    let said = message.link_address.map(said);
    if message.kind != SOLICITATION || !answers_for(place, message.target) {
        return (Answer::Kernel, said);
    }
    advertise_to(&message, message.link_address.unwrap_or(from), place);
    (Answer::Answered, said)
}

/// RFC 4861 §7.2.5: another MAC is a claim if it overrides. An answer to a question that was sent to one station needs not name
/// its MAC (§7.2.4): it is the answer of the station that sent it, if that is the known one or the one that is claimed.
fn said_by_advertisement(message: &Message, from: Mac, place: &NeighborContext<'_>) -> Option<Said> {
    let (known, claimed) = place.neighbors.macs(place.id, IpAddr::V6(message.target))?;
    let is_answer = message.flags & SOLICITED != 0;
    let mac = match message.link_address {
        Some(mac) if is_answer || message.flags & OVERRIDE != 0 || known.is_none_or(|known| known == mac) => mac,
        None if is_answer && [known, claimed].contains(&Some(from)) => from,
        _ => return None,
    };
    Some(Said { next_hop: IpAddr::V6(message.target), mac, is_answer })
}

/// The owned addresses, of the link's own network only those in use; what the kernel has for itself, be it out of the
/// delegated prefix, only on a tagged link; and our own link-local address where the kernel has none.
fn answers_for(place: &NeighborContext<'_>, target: Ipv6Addr) -> bool {
    let wan = place.wan;
    if wan.host6.inside_of(target).is_some() {
        return true;
    }
    if wan.link.has(IpAddr::V6(target)) {
        return wan.link.speaks_for(IpAddr::V6(target));
    }
    if source::link_local(wan) == target || source::own_hosts(wan).any(|own| own == target) {
        return true;
    }
    let is_shared = wan.link.is_on_link(IpAddr::V6(target));
    let is_owned = wan.owns_address(IpAddr::V6(target))
        && !wan.link.gateways.iter().flat_map(|of| of.iter()).any(|gateway| gateway.address == IpAddr::V6(target));
    is_owned && (!is_shared || place.neighbors.in_use.is_asked(place.now, place.id, target))
}

/// RFC 4861 §7.2.4: to the one who asked, or to all nodes when it has no address yet.
fn advertise_to(message: &Message, mac: Mac, place: &mut NeighborContext<'_>) {
    let own = place.wan.link.mac;
    if message.source.is_unspecified() {
        let packet = build(ADVERTISEMENT, ROUTER | OVERRIDE, (message.target, ALL_NODES), message.target, own);
        place.send(multicast_mac(ALL_NODES), ethertype::IPV6, &packet);
    } else {
        let ends = (message.target, message.source);
        let packet = build(ADVERTISEMENT, ROUTER | SOLICITED | OVERRIDE, ends, message.target, own);
        place.send(mac, ethertype::IPV6, &packet);
    }
}

/// Asks who has `target`: everybody, or the one who is believed to have it.
pub(super) fn send_solicitation(place: &mut NeighborContext<'_>, target: Ipv6Addr, known: Option<Mac>) {
    let destination = if known.is_some() { target } else { solicited_node(target) };
    let packet = build(SOLICITATION, 0, (source::link_local(place.wan), destination), target, place.wan.link.mac);
    place.send(known.unwrap_or_else(|| multicast_mac(destination)), ethertype::IPV6, &packet);
}

/// Announces `address` as ours (RFC 4861 §7.2.6).
pub(super) fn announce(place: &mut NeighborContext<'_>, address: Ipv6Addr) {
    let packet = build(ADVERTISEMENT, ROUTER | OVERRIDE, (address, ALL_NODES), address, place.wan.link.mac);
    place.send(multicast_mac(ALL_NODES), ethertype::IPV6, &packet);
}

/// RFC 4291 §2.7.1.
pub(super) fn solicited_node(target: Ipv6Addr) -> Ipv6Addr {
    let [.., a, b, c] = target.octets();
    Ipv6Addr::from([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, a, b, c])
}

/// RFC 2464 §7.
pub(super) fn multicast_mac(group: Ipv6Addr) -> Mac {
    let [.., a, b, c, d] = group.octets();
    Mac([0x33, 0x33, a, b, c, d])
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Message {
    kind: u8,
    flags: u8,
    source: Ipv6Addr,
    target: Ipv6Addr,
    link_address: Option<Mac>,
}

impl Message {
    /// `None`: neither NS, NA nor RA, or behind an extension header, where nobody sends them (RFC 6980).
    fn parse(frame: &Frame<'_>) -> Result<Option<Self>, DropReason> {
        let (header, rest) = frame.packet().split_first_chunk::<IP_HEADER>().ok_or(DropReason::Truncated)?;
        if header[6] != protocol::ICMPV6 {
            return Ok(None);
        }
        let len = usize::from(u16::from_be_bytes([header[4], header[5]]));
        let message = rest.get(..len).ok_or(DropReason::Truncated)?;
        let (kind, before_options, wanted) = match message.first() {
            Some(&kind @ SOLICITATION) => (kind, FIXED_PART, SOURCE_LINK_ADDRESS),
            Some(&kind @ ADVERTISEMENT) => (kind, FIXED_PART, TARGET_LINK_ADDRESS),
            Some(&kind @ ROUTER_ADVERTISEMENT) => (kind, ROUTER_FIXED_PART, SOURCE_LINK_ADDRESS),
            Some(_) => return Ok(None),
            None => return Err(DropReason::Truncated),
        };
        let (fixed, options) = message.split_at_checked(before_options).ok_or(DropReason::Truncated)?;
        let (source, destination) = (address_at(header, 8), address_at(header, 24));
        let sum = u16::from_be_bytes([fixed[2], fixed[3]]);
        if frame.offload.partial.is_none() && sum != checksum(message, source, destination) {
            return Err(DropReason::BadIcmpChecksum);
        }
        let link_address = find_option(options, wanted)?;
        let parsed = Self { kind, flags: fixed[4], source, target: address_at(fixed, 8), link_address };
        if header[7] == 255 && fixed[1] == 0 && parsed.is_valid(destination) {
            Ok(Some(parsed))
        } else {
            Err(DropReason::BadTransportHeader)
        }
    }

    /// RFC 4861 §6.1.2, §7.1.1 and §7.1.2, behind hop limit, checksum, code and lengths.
    fn is_valid(&self, destination: Ipv6Addr) -> bool {
        match self.kind {
            ROUTER_ADVERTISEMENT => self.source.is_unicast_link_local(),
            _ if self.target.is_multicast() => false,
            ADVERTISEMENT => !(destination.is_multicast() && self.flags & SOLICITED != 0),
            _ => {
                !self.source.is_unspecified()
                    || destination == solicited_node(self.target) && self.link_address.is_none()
            }
        }
    }
}

/// The address at this place; none where the bytes end before.
fn address_at(bytes: &[u8], at: usize) -> Ipv6Addr {
    let mut octets = [0; 16];
    if let Some(found) = bytes.get(at..at + 16) {
        octets.copy_from_slice(found);
    }
    Ipv6Addr::from(octets)
}

/// The link-layer address in the first option of that kind; every option must be whole (RFC 4861 §4.6).
fn find_option(mut options: &[u8], wanted: u8) -> Result<Option<Mac>, DropReason> {
    let mut found = None;
    while let [kind, units, ..] = *options {
        let (option, rest) = options.split_at_checked(8 * usize::from(units)).ok_or(DropReason::BadTransportHeader)?;
        match *option {
            [] => return Err(DropReason::BadTransportHeader),
            [_, 1, a, b, c, d, e, f] if kind == wanted && found.is_none() => found = Some(Mac([a, b, c, d, e, f])),
            _ => {}
        }
        options = rest;
    }
    if options.is_empty() { Ok(found) } else { Err(DropReason::BadTransportHeader) }
}

fn checksum(message: &[u8], source: Ipv6Addr, destination: Ipv6Addr) -> u16 {
    ipv6_checksum(message, 1, &[], &source, &destination, IpNextHeaderProtocols::Icmpv6)
}

/// A whole packet with our MAC in the option that belongs to its kind. `ends`: source and destination.
fn build(kind: u8, flags: u8, ends: (Ipv6Addr, Ipv6Addr), target: Ipv6Addr, own: Mac) -> [u8; LEN] {
    let mut packet = [0; LEN];
    let (header, message) = packet.split_at_mut(IP_HEADER);
    header.copy_from_slice(&ip::header6(ends.0, ends.1, protocol::ICMPV6, 255, (LEN - IP_HEADER) as u16));
    message[0] = kind;
    message[4] = flags;
    message[8..24].copy_from_slice(&target.octets());
    message[24] = if kind == SOLICITATION { SOURCE_LINK_ADDRESS } else { TARGET_LINK_ADDRESS };
    message[25] = 1;
    message[26..].copy_from_slice(&own.0);
    let sum = checksum(message, ends.0, ends.1);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    packet
}

#[cfg(test)]
mod tests;
