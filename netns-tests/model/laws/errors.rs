//! ICMP errors on their way through: whom they may reach, and which addresses the packet that they quote must have there.
//! Must never know: bytes of other packets.

use super::addresses::{fits, may_enter, may_go_inside, may_leave};
use super::told::{Halt, Stop, stops};
use super::way::Way;
use crate::model::flows::Step;
use crate::model::form::{Came, Quoted};
use crate::model::net::Net;
use crate::model::wire::{self, Ip, Piece, Talk};
use flowpin::types::{End, WanId};
use std::net::IpAddr;
use std::ops::Range;

/// Whether an error is not about a packet that its receiver sent (RFC 5508 REQ-4).
fn is_stray(is: bool) -> Result<(), Stop> {
    stops(&[("stray-icmp-error", is)])
}

/// An error from inside goes where the flow of the packet it quotes lives (RFC 5508 REQ-5).
pub fn error_outbound(net: &Net, came: &Came, step: Option<&Step>) -> Result<Way, Halt> {
    let ip = came.ip;
    if let Some(owner) = may_leave(net, ip)? {
        return error_round(net, owner, came);
    }
    let (quoted, _, at) = quote(ip, came.packet)?;
    is_stray(quoted.source != ip.destination || matches!(quoted.piece, Piece::Later(_)))?;
    let wan = step.and_then(wan_of).ok_or("stray-icmp-error")?;
    let link = &net.wans[wan];
    let named = link.public(quoted.destination).map_err(|_| "stray-icmp-error")?;
    stops(&[("wan-down", link.is_dead(ip.source)), ("ttl-expired", ip.hops < 2)])?;
    fits(ip, link.mtu)?;
    let sender = link.public(ip.source).unwrap_or(named);
    let quoted = Quoted { ends: [quoted.source, named], ip: quoted, at };
    Ok(Way { end: End::Wan(WanId(wan as u8)), ends: [sender, ip.destination], quoted: Some(quoted), mtu: u16::MAX })
}

/// The WAN of the flow that a packet is quoted of: of one that has no entry while the table is full, the hash's, by which
/// its packets pass.
fn wan_of(step: &Step) -> Option<usize> {
    step.before.map(|flow| flow.wan).or(step.hash.filter(|_| step.is_crowded))
}

/// An error about a packet that came round: all four addresses become what its receiver knows (RFC 5508 REQ-7).
fn error_round(net: &Net, wan: usize, came: &Came) -> Result<Way, Halt> {
    let (link, ip) = (&net.wans[wan], came.ip);
    let host = link.inside(ip.destination).map_err(|_| "unmappable")?;
    may_go_inside(net, ip)?;
    let (quoted, _, at) = quote(ip, came.packet)?;
    let named = link.public(quoted.destination).map_err(|_| "stray-icmp-error")?;
    is_stray(quoted.source != ip.destination)?;
    let sender = link.public(ip.source).unwrap_or(named);
    let quoted = Quoted { ends: [host, named], ip: quoted, at };
    Ok(Way { end: End::Inside, ends: [sender, host], quoted: Some(quoted), mtu: u16::MAX })
}

/// An error from outside must quote what its receiver sent (RFC 5508 REQ-4). The packet that it quotes may be of a flow.
pub fn error_inbound(net: &Net, came: &Came, host: IpAddr) -> Result<Way, Halt> {
    let ip = came.ip;
    may_enter(net, ip)?;
    may_go_inside(net, ip)?;
    let (quoted, _, at) = quote(ip, came.packet)?;
    is_stray(quoted.source != ip.destination)?;
    let quoted = Quoted { ends: [host, quoted.destination], ip: quoted, at };
    Ok(Way { end: End::Inside, ends: [ip.source, host], quoted: Some(quoted), mtu: u16::MAX })
}

/// The packet that an ICMP error quotes: its headers, and where it stands (RFC 5508 REQ-3).
pub fn quote(ip: &Ip, packet: &[u8]) -> Result<(Ip, Talk, Range<usize>), Stop> {
    stops(&[("bad-icmp-checksum", !wire::icmp_is_right(packet, ip))])?;
    let at = ip.l4 + 8;
    // Extensions may follow where the message says how long the quote is (RFC 4884 §4).
    let said = match (ip.source.is_ipv4(), packet[ip.l4]) {
        (true, 3 | 11 | 12) => usize::from(packet[ip.l4 + 5]) * 4,
        (false, 1 | 3) => usize::from(packet[ip.l4 + 4]) * 8,
        _ => 0,
    };
    let body = if said == 0 { &packet[at..] } else { &packet[at..packet.len().min(at + said)] };
    let quoted = match wire::read(body) {
        Err("bad-ip-checksum") => return Err("bad-icmp-checksum".into()),
        Ok(quoted) if quoted.source.is_ipv4() == ip.source.is_ipv4() => quoted,
        _ => return Err("stray-icmp-error".into()),
    };
    let body = &body[..body.len().min(quoted.len)];
    match wire::talk(&quoted, body, true) {
        None | Some(Talk::Error) => Err("stray-icmp-error".into()),
        Some(talk) => Ok((quoted, talk, at..at + body.len())),
    }
}
