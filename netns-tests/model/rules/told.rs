//! Refusals, and what senders are told of them: by RFC 792, RFC 1812 §4.3 and RFC 4443.
//! Must never know: flows, translations.

use super::{Course, Fate, Outcome, failover};
use crate::model::form::error;
use crate::model::net::{NOT_OURS, Net};
use crate::model::wire::{self, Ip, Piece, Talk};
use flowpin::types::End;
use std::net::IpAddr;

/// A refusal: its reason, and what the sender is told (type, code, the word behind the checksum).
pub type Refusal = (&'static str, Option<(u8, u8, u32)>);

/// Not refused, but not sent either.
pub const WAITS: &str = "waits";

/// The sender of a segment gets a RST.
pub const RESET: &str = "reset";

pub fn silent<T>(reason: &'static str) -> Result<T, Refusal> {
    Err((reason, None))
}

pub fn alive(ip: &Ip, more: u8) -> Result<(), Refusal> {
    let told = (ip.hops > 0).then_some(if ip.source.is_ipv4() { (11, 0, 0) } else { (3, 0, 0) });
    if ip.hops > 1 + more { Ok(()) } else { Err(("ttl-expired", told)) }
}

pub fn fits(ip: &Ip, mtu: u16) -> Result<(), Refusal> {
    let told = if ip.source.is_ipv4() { (3, 4, mtu.into()) } else { (2, 0, mtu.into()) };
    if ip.len <= usize::from(mtu) || ip.may_fragment { Ok(()) } else { Err(("too-big", Some(told))) }
}

/// The line of the flow is dead, and the flow may go by no other.
pub fn stranded(inside: IpAddr) -> Refusal {
    ("wan-down", Some(if inside.is_ipv4() { (3, 1, 0) } else { (1, 3, 0) }))
}

/// No WAN translates the source: those that could are dead, or the most telling of their reasons.
pub fn nowhere(net: &Net, inside: IpAddr) -> Refusal {
    if net.wans.iter().any(|wan| wan.public(inside).is_ok()) {
        return ("all-wans-down", Some(if inside.is_ipv4() { (3, 0, 0) } else { (1, 0, 0) }));
    }
    let mut reasons = net.wans.iter().filter_map(|wan| wan.public(inside).err());
    untranslated(reasons.find(|reason| *reason != NOT_OURS).unwrap_or(NOT_OURS), inside, 8)
}

/// `place` is where the address stands in an IPv6 header.
pub fn untranslated(reason: &'static str, inside: IpAddr, place: u32) -> Refusal {
    let told = match reason {
        "unmappable-identifier" => (4, 0, place),
        NOT_OURS if inside.is_ipv4() => (3, 0, 0),
        NOT_OURS => (1, 0, 0),
        _ => (1, 3, 0),
    };
    (reason, Some(told))
}

pub fn outcome(sent: Result<Course, Refusal>, back: End, from: IpAddr, ip: &Ip, talk: Talk, packet: &[u8]) -> Outcome {
    match sent {
        Ok((end, pieces, clamped)) => Outcome { fate: Fate::Sent(end, pieces), error: None, farewell: None, clamped },
        Err((WAITS, _)) => Outcome { fate: Fate::Waits, error: None, farewell: None, clamped: false },
        Err((RESET, _)) => {
            let error = Some((End::Inside, failover::answer(ip, talk)));
            Outcome { fate: Fate::Dropped(RESET), error, farewell: None, clamped: false }
        }
        Err((reason, told)) => {
            let error =
                told.filter(|told| may_be_told(ip, talk, told.0)).map(|told| (back, error(ip, packet, from, told)));
            Outcome { fate: Fate::Dropped(reason), error, farewell: None, clamped: false }
        }
    }
}

/// RFC 1812 §4.3.2.7, RFC 4443 §2.4 (e).
fn may_be_told(ip: &Ip, talk: Talk, kind: u8) -> bool {
    match (ip.source, ip.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let about_icmp = matches!(talk, Talk::Error | Talk::Icmp(5 | 19..));
            let nobody = matches!(source.octets()[0], 0 | 127 | 224..);
            let many = destination.is_multicast() || destination.is_broadcast();
            !about_icmp && !nobody && !many && !matches!(ip.piece, Piece::Later(_))
        }
        _ => !matches!(talk, Talk::Error | Talk::Icmp(0..128 | 137)) && (kind == 2 || !ip.destination.is_multicast()),
    }
}
/// The router's own address towards inside.
pub fn router(receiver: IpAddr) -> IpAddr {
    if receiver.is_ipv4() { "10.250.250.1" } else { "fd00:bad:b01::1" }.parse().unwrap()
}

/// The end of what cannot be read: the sender of a bad IPv6 fragment is told, if `back` says whereto and as whom.
pub fn unreadable(reason: &'static str, packet: &[u8], back: impl Fn(&Ip) -> Option<(End, IpAddr)>) -> Outcome {
    let told = || {
        let (code, pointer) = if reason == "bad-fragment" { wire::complaint(packet) } else { None }?;
        let ends = wire::ends(packet);
        let (end, from) = back(&ends)?;
        Some((end, error(&ends, &packet[..ends.len], from, (4, code, pointer))))
    };
    Outcome { fate: Fate::Dropped(reason), error: told(), farewell: None, clamped: false }
}
