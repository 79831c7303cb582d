//! ICMP errors on their way through, by the rules: whom they reach, what becomes of the packet they quote, and what is
//! learned from them. Must never know: bytes of other packets.

use super::told::{Refusal, alive, fits, silent};
use super::{Course, Rules};
use crate::model::form::translate_error;
use crate::model::life::Key;
use crate::model::wire::{self, Ip, Piece, Talk};
use flowpin::types::{Direction, End, WanId};
use std::net::IpAddr;

impl Rules {
    /// An error from inside goes where the flow of the packet it quotes lives (RFC 5508 REQ-5).
    pub(super) fn error_outbound(&self, ip: &Ip, packet: &[u8]) -> Result<Course, Refusal> {
        if let Some(owner) = self.may_leave(ip)? {
            return self.error_round(owner, ip, packet);
        }
        let (quoted, talk, at, end) = quote(ip, packet)?;
        let key = Key::of(&quoted, talk, Direction::Inbound, quoted.destination);
        let wan = match self.flows.get(&key).filter(|life| life.lives(self.now)) {
            Some(life) if quoted.source == ip.destination && !matches!(quoted.piece, Piece::Later(_)) => life.wan,
            _ => return silent("stray-icmp-error"),
        };
        let link = &self.net.wans[wan];
        let Ok(named) = link.public(quoted.destination) else { return silent("stray-icmp-error") };
        if link.is_dead(ip.source) {
            return silent("wan-down");
        }
        alive(ip, 0).and_then(|()| fits(ip, link.mtu)).or_else(|(reason, _)| silent(reason))?;
        let sender = link.public(ip.source).unwrap_or(named);
        let sent = translate_error(packet, (ip, [Some(sender), None]), (&quoted, at, end, [None, Some(named)]));
        Ok(self.to(End::Wan(WanId(wan as u8)), sent, false))
    }

    /// An error about a packet that came round: all four addresses become what its receiver knows (RFC 5508 REQ-7).
    fn error_round(&self, wan: usize, ip: &Ip, packet: &[u8]) -> Result<Course, Refusal> {
        let link = &self.net.wans[wan];
        let host = link.inside(ip.destination).or_else(|_| silent("unmappable"))?;
        self.fits_inside(ip)?;
        let (quoted, _, at, end) = quote(ip, packet)?;
        let named = link.public(quoted.destination).or_else(|_| silent("stray-icmp-error"))?;
        if quoted.source != ip.destination {
            return silent("stray-icmp-error");
        }
        let sender = link.public(ip.source).unwrap_or(named);
        let inner = (&quoted, at, end, [Some(host), Some(named)]);
        Ok(self.to(End::Inside, translate_error(packet, (ip, [Some(sender), Some(host)]), inner), false))
    }

    /// An error from outside must quote what its receiver sent (RFC 5508 REQ-4).
    pub(super) fn error_inbound(
        &mut self,
        wan: usize,
        ip: &Ip,
        host: IpAddr,
        packet: &[u8],
    ) -> Result<Course, Refusal> {
        self.may_enter(ip)?;
        self.fits_inside(ip)?;
        let (quoted, talk, at, end) = quote(ip, packet)?;
        if quoted.source != ip.destination {
            return silent("stray-icmp-error");
        }
        self.learn(wan, ip, packet, &quoted, Key::of(&quoted, talk, Direction::Outbound, host));
        let sent = translate_error(packet, (ip, [None, Some(host)]), (&quoted, at, end, [Some(host), None]));
        Ok(self.to(End::Inside, sent, false))
    }

    /// What a too-big message says of a remote's path is believed for ten minutes, if it is about a packet of a living flow
    /// of this WAN, sane (RFC 8201 §4) and news (RFC 1191 §6.3).
    fn learn(&mut self, wan: usize, ip: &Ip, packet: &[u8], quoted: &Ip, key: Key) {
        let (said, least) = match (ip.source.is_ipv4(), &packet[ip.l4..]) {
            (true, [3, 4, _, _, _, _, high, low, ..]) => (u16::from_be_bytes([*high, *low]), 576),
            (false, [2, 0, _, _, 0, 0, high, low, ..]) => (u16::from_be_bytes([*high, *low]), 1280),
            _ => return,
        };
        let sane = said >= least && usize::from(said) < quoted.len && said < self.net.wans[wan].mtu;
        let ours = self.flows.get(&key).is_some_and(|life| life.lives(self.now) && life.wan == wan);
        let less = self.remembered(wan, key.remote).is_some_and(|known| known < said);
        if sane && ours && !less && !matches!(quoted.piece, Piece::Later(_)) {
            self.paths.insert((wan, key.remote), (said, self.now + 600_000_000_000));
        }
    }

    /// An error that does not fit dies silently.
    fn fits_inside(&self, ip: &Ip) -> Result<(), Refusal> {
        alive(ip, 1).and_then(|()| fits(ip, self.net.inside_mtu)).or_else(|(reason, _)| silent(reason))
    }
}

/// The quoted packet of an ICMP error: its headers, and from where to where it stands (RFC 5508 REQ-3).
fn quote(ip: &Ip, packet: &[u8]) -> Result<(Ip, Talk, usize, usize), Refusal> {
    if !wire::icmp_is_right(packet, ip) {
        return silent("bad-icmp-checksum");
    }
    let at = ip.l4 + 8;
    // Extensions may follow where the message says how long the quote is (RFC 4884 §4).
    let said = match (ip.source.is_ipv4(), packet[ip.l4]) {
        (true, 3 | 11 | 12) => usize::from(packet[ip.l4 + 5]) * 4,
        (false, 1 | 3) => usize::from(packet[ip.l4 + 4]) * 8,
        _ => 0,
    };
    let body = if said == 0 { &packet[at..] } else { &packet[at..packet.len().min(at + said)] };
    let quoted = match wire::read(body) {
        Err("bad-ip-checksum") => return silent("bad-icmp-checksum"),
        Err(_) => return silent("stray-icmp-error"),
        Ok(quoted) if quoted.source.is_ipv4() != ip.source.is_ipv4() => return silent("stray-icmp-error"),
        Ok(quoted) => quoted,
    };
    let body = &body[..body.len().min(quoted.len)];
    match wire::talk(&quoted, body, true) {
        None | Some(Talk::Error) => silent("stray-icmp-error"),
        Some(talk) => Ok((quoted, talk, at, at + body.len())),
    }
}
