//! ARP for IPv4 over Ethernet (RFC 826), address probes and announcements (RFC 5227).
//! Must never know: when to ask.

use super::context::{Answer, NeighborContext};
use super::word::Said;
use crate::plane::packet::numbers::ethertype;
use crate::plane::policy::Wan;
use crate::plane::policy::source::{self, Purpose};
use crate::plane::verdict::DropReason;
use crate::types::{Frame, Mac};
use pnet::packet::arp::{ArpHardwareTypes, ArpOperation, ArpPacket, MutableArpPacket};
use pnet::packet::ethernet::EtherTypes;
use pnet::util::MacAddr;
use std::net::{IpAddr, Ipv4Addr};

const REQUEST: u16 = 1;
const REPLY: u16 = 2;
/// Bytes of an ARP packet for IPv4 over Ethernet.
const LEN: usize = 28;

/// Answers a request for an owned address, a probe (RFC 5227 §2.1.1) too; on a tagged link also for the kernel's. What the
/// frame says of its sender comes beside.
pub(super) fn answer(frame: &Frame<'_>, place: &mut NeighborContext<'_>) -> (Answer, Option<Said>) {
    let arp = match Arp::parse(frame.packet()) {
        Ok(Some(arp)) if arp.sender_mac != place.wan.link.mac => arp,
        Ok(_) => return (Answer::Kernel, None),
        Err(reason) => return (Answer::Drop(reason), None),
    };
    // A reply to itself is an announcement (RFC 5227 §3); some gateways send their replies to all.
    let is_answer = arp.operation == REPLY && arp.target != arp.sender;
    let said = Said { next_hop: IpAddr::V4(arp.sender), mac: arp.sender_mac, is_answer };
    (reply(&arp, place), Some(said))
}

fn reply(arp: &Arp, place: &mut NeighborContext<'_>) -> Answer {
    let target = IpAddr::V4(arp.target);
    if arp.operation != REQUEST || !(place.wan.owns_address(target) || place.wan.link.speaks_for(target)) {
        return Answer::Kernel;
    }
    let reply = build(REPLY, (place.wan.link.mac, arp.target), (arp.sender_mac, arp.sender));
    place.send(arp.sender_mac, ethertype::ARP, &reply);
    Answer::Answered
}

/// Asks who has `target`: everybody, or the one who is believed to have it.
pub(super) fn send_request(place: &mut NeighborContext<'_>, target: Ipv4Addr, known: Option<Mac>) {
    let source = source_for(place.wan, target);
    let request = build(REQUEST, (place.wan.link.mac, source), (Mac::default(), target));
    place.send(known.unwrap_or(Mac::BROADCAST), ethertype::ARP, &request);
}

/// Announces `address` as ours (RFC 5227 §2.3).
pub(super) fn announce(place: &mut NeighborContext<'_>, address: Ipv4Addr) {
    let request = build(REQUEST, (place.wan.link.mac, address), (Mac::default(), address));
    place.send(Mac::BROADCAST, ethertype::ARP, &request);
}

/// The sender address; none on a WAN without an address, which makes the request a probe (RFC 5227 §2.1.1).
fn source_for(wan: &Wan, target: Ipv4Addr) -> Ipv4Addr {
    match source::towards(wan, target.into(), Purpose::Question).map(|choice| choice.address) {
        Some(IpAddr::V4(source)) => source,
        _ => Ipv4Addr::UNSPECIFIED,
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Arp {
    operation: u16,
    sender_mac: Mac,
    sender: Ipv4Addr,
    target: Ipv4Addr,
}

impl Arp {
    /// `None`: ARP for something else than IPv4 over Ethernet.
    fn parse(packet: &[u8]) -> Result<Option<Self>, DropReason> {
        let view = ArpPacket::new(packet).ok_or(DropReason::Truncated)?;
        if view.get_hardware_type() != ArpHardwareTypes::Ethernet || view.get_protocol_type() != EtherTypes::Ipv4 {
            return Ok(None);
        }
        let sender_mac = Mac(view.get_sender_hw_addr().octets());
        if view.get_hw_addr_len() != 6 || view.get_proto_addr_len() != 4 || sender_mac.is_group() {
            return Err(DropReason::BadTransportHeader);
        }
        Ok(Some(Self {
            operation: view.get_operation().0,
            sender_mac,
            sender: view.get_sender_proto_addr(),
            target: view.get_target_proto_addr(),
        }))
    }
}

fn build(operation: u16, sender: (Mac, Ipv4Addr), target: (Mac, Ipv4Addr)) -> [u8; LEN] {
    let mut packet = [0; LEN];
    if let Some(mut view) = MutableArpPacket::new(&mut packet) {
        view.set_hardware_type(ArpHardwareTypes::Ethernet);
        view.set_protocol_type(EtherTypes::Ipv4);
        view.set_hw_addr_len(6);
        view.set_proto_addr_len(4);
        view.set_operation(ArpOperation::new(operation));
        view.set_sender_hw_addr(MacAddr::from(sender.0.0));
        view.set_sender_proto_addr(sender.1);
        view.set_target_hw_addr(MacAddr::from(target.0.0));
        view.set_target_proto_addr(target.1);
    }
    packet
}

#[cfg(test)]
mod tests;
