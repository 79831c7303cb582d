//! ICMP errors on their way through: whom they may reach, which addresses the packet that they quote must have there, and
//! what is learnt from them. Must never know: bytes of other packets.

use super::told::{Halt, Stop, stops};
use super::trace::Trace;
use super::{Laws, Way};
use crate::model::flows::Flow;
use crate::model::form::{Came, Quoted};
use crate::model::wire::{self, Ip, Piece, Talk};
use flowpin::types::{End, WanId};
use std::net::IpAddr;
use std::ops::Range;

/// How long a too-big message is believed, in nanoseconds (RFC 1191 §6.3).
const BELIEVED: u64 = 600_000_000_000;

/// Whether an error is not about a packet that its receiver sent (RFC 5508 REQ-4).
fn is_stray(is: bool) -> Result<(), Stop> {
    stops(&[("stray-icmp-error", is)])
}

impl Laws {
    /// An error from inside goes where the flow of the packet it quotes lives (RFC 5508 REQ-5).
    pub(super) fn error_outbound(&self, came: &Came, trace: &Trace) -> Result<Way, Halt> {
        let ip = came.ip;
        if let Some(owner) = self.may_leave(ip)? {
            return self.error_round(owner, came);
        }
        let (quoted, _, at) = quote(ip, came.packet)?;
        is_stray(quoted.source != ip.destination || matches!(quoted.piece, Piece::Later(_)))?;
        let flow: Option<Flow> = trace.step.and_then(|step| step.before);
        let wan = flow.ok_or("stray-icmp-error")?.wan;
        let link = &self.net().wans[wan];
        let named = link.public(quoted.destination).map_err(|_| "stray-icmp-error")?;
        stops(&[("wan-down", link.is_dead(ip.source)), ("ttl-expired", ip.hops < 2)])?;
        self.fits(ip, link.mtu)?;
        let sender = link.public(ip.source).unwrap_or(named);
        let quoted = Quoted { ends: [quoted.source, named], ip: quoted, at };
        Ok(Way { end: End::Wan(WanId(wan as u8)), ends: [sender, ip.destination], quoted: Some(quoted), mtu: u16::MAX })
    }

    /// An error about a packet that came round: all four addresses become what its receiver knows (RFC 5508 REQ-7).
    fn error_round(&self, wan: usize, came: &Came) -> Result<Way, Halt> {
        let (link, ip) = (&self.net().wans[wan], came.ip);
        let host = link.inside(ip.destination).map_err(|_| "unmappable")?;
        self.may_go_inside(ip)?;
        let (quoted, _, at) = quote(ip, came.packet)?;
        let named = link.public(quoted.destination).map_err(|_| "stray-icmp-error")?;
        is_stray(quoted.source != ip.destination)?;
        let sender = link.public(ip.source).unwrap_or(named);
        let quoted = Quoted { ends: [host, named], ip: quoted, at };
        Ok(Way { end: End::Inside, ends: [sender, host], quoted: Some(quoted), mtu: u16::MAX })
    }

    /// An error from outside must quote what its receiver sent (RFC 5508 REQ-4).
    pub(super) fn error_inbound(&mut self, wan: usize, came: &Came, host: IpAddr, trace: &Trace) -> Result<Way, Halt> {
        let ip = came.ip;
        self.may_enter(ip)?;
        self.may_go_inside(ip)?;
        let (quoted, _, at) = quote(ip, came.packet)?;
        is_stray(quoted.source != ip.destination)?;
        self.learn(wan, came, &quoted, trace.step.and_then(|step| step.before));
        let quoted = Quoted { ends: [host, quoted.destination], ip: quoted, at };
        Ok(Way { end: End::Inside, ends: [ip.source, host], quoted: Some(quoted), mtu: u16::MAX })
    }

    /// What a too-big message says of a remote's path is believed, if it is about a packet of a living flow of this WAN,
    /// sane (RFC 8201 §4) and news.
    fn learn(&mut self, wan: usize, came: &Came, quoted: &Ip, flow: Option<Flow>) {
        let (said, least) = match (came.ip.source.is_ipv4(), &came.packet[came.ip.l4..]) {
            (true, [3, 4, _, _, _, _, high, low, ..]) => (u16::from_be_bytes([*high, *low]), 576),
            (false, [2, 0, _, _, 0, 0, high, low, ..]) => (u16::from_be_bytes([*high, *low]), 1280),
            _ => return,
        };
        let is_sane = said >= least && usize::from(said) < quoted.len && said < self.net().wans[wan].mtu;
        let is_ours = flow.is_some_and(|flow| flow.wan == wan);
        let is_news = self.remembered(wan, quoted.destination).is_none_or(|known| said <= known);
        if is_sane && is_ours && is_news && !matches!(quoted.piece, Piece::Later(_)) {
            self.paths.insert((wan, quoted.destination), (said, self.now + BELIEVED));
        }
    }
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
