//! The rules of the router, short, from the RFCs and the product's promises, written without a look at the data plane:
//! for each packet, where it goes and as which bytes, or why it dies and who is told, and which flow it belongs to.
//! Where a rule leaves a choice (the WAN of a new flow), the router's word is taken if it is a lawful one.

use super::form::{clamped, error, pieces, readdress, translate_error};
use super::life::{Key, Life};
use super::net::{NOT_OURS, Net};
use super::wire::{self, Ip, Piece, RST, SYN, Talk};
use flowpin::types::{Direction, End, WanId};
use std::collections::HashMap;
use std::net::IpAddr;

/// What must happen to a packet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fate {
    /// In one piece or, cut to fit, in more.
    Sent(End, Vec<Vec<u8>>),
    /// Until the first fragment of its datagram has come.
    Waits,
    Dropped(&'static str),
    Kernel,
}

/// What must come of a packet: its own fate, and the ICMP error for its sender.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    pub fate: Fate,
    pub error: Option<(End, Vec<u8>)>,
    pub clamped: bool,
}

/// A rule turned into its opposite, to see that the model would notice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Twist {
    None,
    /// Replies to what came from outside leave by the first WAN.
    RepliesLeaveByTheFirstWan,
}

/// Everything a router must remember.
pub struct Rules {
    pub net: Net,
    pub now: u64,
    pub flows: HashMap<Key, Life>,
    pub made: u64,
    twist: Twist,
    /// What the path to a remote by way of a WAN was said to carry, and until when that is believed.
    paths: HashMap<(usize, IpAddr), (u16, u64)>,
    /// Which WAN the first fragment of a datagram took, and when.
    firsts: HashMap<Datagram, (usize, u64)>,
    /// Later fragments that wait for it, since when; and those that need not any more.
    waiting: Vec<(Datagram, Vec<u8>, u64)>,
    released: Vec<Vec<u8>>,
    /// Which WAN sockets have been given under this configuration.
    given: HashMap<Key, usize>,
}

/// What names a datagram until it is whole again (RFC 791 §3.2; in IPv6 no protocol, RFC 8200 §4.5).
type Datagram = (IpAddr, IpAddr, Option<u8>, u32);

/// Where a packet goes, the pieces it goes in, and whether its MSS was lowered.
type Course = (End, Vec<Vec<u8>>, bool);

/// How long a fragment remembers its first, and how long it waits for it (RFC 6146 §3.4: 2 s or more).
const FIRST_REMEMBERED: u64 = 30_000_000_000;
const FIRST_AWAITED: u64 = 3_000_000_000;

/// A refusal: its reason, and what the sender is told (type, code, the word behind the checksum).
type Refusal = (&'static str, Option<(u8, u8, u32)>);

/// Not refused, but not sent either.
const WAITS: &str = "waits";

fn datagram(ip: &Ip, id: u32) -> Datagram {
    (ip.source, ip.destination, ip.source.is_ipv4().then_some(ip.protocol), id)
}

fn silent<T>(reason: &'static str) -> Result<T, Refusal> {
    Err((reason, None))
}

/// The router's word where the rules leave a choice.
pub type Word<'w> = &'w dyn Fn(&Key) -> Option<usize>;

impl Rules {
    pub fn new(net: Net, twist: Twist) -> Self {
        let (flows, paths, firsts, given) = Default::default();
        let (waiting, released) = Default::default();
        Self { net, now: 0, flows, made: 0, twist, paths, firsts, waiting, released, given }
    }

    pub fn adopt(&mut self, net: Net) {
        self.net = net;
        self.given.clear();
    }

    /// Time passes. How many fragments have waited in vain.
    pub fn wait(&mut self, nanoseconds: u64) -> u64 {
        self.now += nanoseconds;
        let before = self.waiting.len();
        self.waiting.retain(|(_, _, since)| self.now < since + FIRST_AWAITED);
        (before - self.waiting.len()) as u64
    }

    /// A packet from inside, and what waited for it.
    pub fn outbound(&mut self, packet: &[u8], word: Word<'_>) -> Vec<Outcome> {
        let mut outcomes = vec![self.one_outbound(packet, word)];
        for follower in std::mem::take(&mut self.released) {
            outcomes.push(self.one_outbound(&follower, word));
        }
        outcomes
    }

    fn one_outbound(&mut self, packet: &[u8], word: Word<'_>) -> Outcome {
        let (ip, talk, packet) = match whole(packet) {
            Ok(read) => read,
            Err(reason) => {
                let complaint = |ends: &Ip| self.may_leave(ends).is_ok().then_some((End::Inside, router(ends.source)));
                return unreadable(reason, packet, complaint);
            }
        };
        if talk != Talk::Error && is_of_the_link(ip.destination) && !self.net.is_inside(ip.source) {
            return Outcome { fate: Fate::Kernel, error: None, clamped: false };
        }
        let sent = match talk {
            Talk::Error => self.error_outbound(&ip, packet),
            _ => self.out(&ip, talk, packet, word),
        };
        outcome(sent, End::Inside, router(ip.source), &ip, talk, packet)
    }

    fn out(&mut self, ip: &Ip, talk: Talk, packet: &[u8], word: Word<'_>) -> Result<Course, Refusal> {
        let owner = self.may_leave(ip)?;
        alive(ip, 0)?;
        if let Some(owner) = owner {
            return self.round(owner, ip, talk, packet);
        }
        let wan = match ip.piece {
            Piece::Later(id) => match self.firsts.get(&datagram(ip, id)) {
                Some((wan, at)) if self.now - at < FIRST_REMEMBERED => *wan,
                _ => {
                    self.waiting.push((datagram(ip, id), packet.to_vec(), self.now));
                    return silent(WAITS);
                }
            },
            _ => self.pin(Key::of(ip, talk, Direction::Outbound, ip.source), talk, word)?,
        };
        if let Piece::First(id) = ip.piece {
            self.firsts.insert(datagram(ip, id), (wan, self.now));
            let released = self.waiting.extract_if(.., |(waits, ..)| *waits == datagram(ip, id));
            self.released = released.map(|(_, packet, _)| packet).collect();
        }
        let link = &self.net.wans[wan];
        let public = link.public(ip.source).map_err(|reason| untranslated(reason, ip.source, 8))?;
        fits(ip, link.mtu)?;
        let (mut sent, clamped) = clamped(packet, ip, talk, self.path(wan, ip.destination));
        readdress(&mut sent, ip, [Some(public), None]);
        wire::carry_over(packet, &mut sent, ip);
        Ok(self.to(End::Wan(WanId(wan as u8)), sent, clamped))
    }

    /// Hairpin: to an own address and back inside, from the sender's address on that WAN (RFC 4787 REQ-9a).
    fn round(&self, wan: usize, ip: &Ip, talk: Talk, packet: &[u8]) -> Result<Course, Refusal> {
        let link = &self.net.wans[wan];
        let public = link.public(ip.source).map_err(|reason| untranslated(reason, ip.source, 8))?;
        let host = link.inside(ip.destination).map_err(|_| untranslated("unmappable", ip.source, 8))?;
        alive(ip, 1)?;
        fits(ip, self.net.inside_mtu)?;
        let (mut sent, clamped) = clamped(packet, ip, talk, self.net.inside_mtu);
        readdress(&mut sent, ip, [Some(public), Some(host)]);
        wire::carry_over(packet, &mut sent, ip);
        Ok(self.to(End::Inside, sent, clamped))
    }

    /// A packet from a WAN.
    pub fn inbound(&mut self, wan: usize, packet: &[u8], to_group: bool, word: Word<'_>) -> Outcome {
        let dead = |fate| Outcome { fate, error: None, clamped: false };
        let (ip, talk, packet) = match whole(packet) {
            Ok(read) => read,
            Err(reason) => {
                let told = |ends: &Ip| {
                    let ours = self.net.wans[wan].inside(ends.destination).is_ok() && self.may_enter(ends).is_ok();
                    (ours && !to_group).then_some((End::Wan(WanId(wan as u8)), ends.destination))
                };
                return unreadable(reason, packet, told);
            }
        };
        let host = match self.net.wans[wan].inside(ip.destination) {
            Err(NOT_OURS) => return dead(Fate::Kernel),
            _ if to_group => return dead(Fate::Dropped("wrong-mac")),
            host => host,
        };
        let sent = match (host, talk) {
            (Err(reason), _) => self.may_enter(&ip).and(Err(untranslated(reason, ip.destination, 24))),
            (Ok(host), Talk::Error) => self.error_inbound(wan, &ip, host, packet),
            (Ok(host), _) => self.inn(wan, &ip, talk, (host, word), packet),
        };
        outcome(sent, End::Wan(WanId(wan as u8)), ip.destination, &ip, talk, packet)
    }

    fn inn(
        &mut self,
        wan: usize,
        ip: &Ip,
        talk: Talk,
        (host, word): (IpAddr, Word<'_>),
        packet: &[u8],
    ) -> Result<Course, Refusal> {
        self.may_enter(ip)?;
        alive(ip, 1)?;
        fits(ip, self.net.inside_mtu)?;
        if !matches!(ip.piece, Piece::Later(_)) {
            self.seen_inbound(wan, Key::of(ip, talk, Direction::Inbound, host), talk, word)?;
        }
        let (mut sent, clamped) = clamped(packet, ip, talk, self.path(wan, ip.source));
        readdress(&mut sent, ip, [None, Some(host)]);
        wire::carry_over(packet, &mut sent, ip);
        Ok(self.to(End::Inside, sent, clamped))
    }

    /// A flow keeps its WAN as long as that translates it; a new one gets any of the lowest tier that can.
    fn pin(&mut self, key: Key, talk: Talk, word: Word<'_>) -> Result<usize, Refusal> {
        let now = self.now;
        let able = |wan: &usize| self.net.wans[*wan].public(key.inside).is_ok();
        let known = self.flows.get_mut(&key).filter(|life| life.lives(now));
        let wan = match known.as_ref().map(|life| life.wan).filter(able) {
            Some(wan) => wan,
            None => {
                let able = (0..self.net.wans.len()).filter(able);
                let best = able.clone().map(|wan| self.net.wans[wan].tier).min();
                let lawful: Vec<_> = able.filter(|wan| Some(self.net.wans[*wan].tier) == best).collect();
                let first = lawful.first().ok_or_else(|| nowhere(&self.net, key.inside))?;
                let socket = key.as_balanced(self.net.balance);
                match word(&key).filter(|wan| lawful.contains(wan)) {
                    Some(wan) => *self.given.entry(socket).or_insert(wan),
                    None => *self.given.get(&socket).unwrap_or(first),
                }
            }
        };
        match known {
            Some(life) => {
                life.sees(key.protocol, Direction::Outbound, talk, now);
                life.wan = wan;
                if self.twist == Twist::RepliesLeaveByTheFirstWan && life.from_outside {
                    return Ok(0);
                }
            }
            None => self.make(key, wan, Direction::Outbound, talk, word)?,
        }
        Ok(wan)
    }

    /// What comes in on a WAN is answered there; a connection that stands is not moved by a packet on another WAN.
    fn seen_inbound(&mut self, wan: usize, key: Key, talk: Talk, word: Word<'_>) -> Result<(), Refusal> {
        let now = self.now;
        let Some(life) = self.flows.get_mut(&key).filter(|life| life.lives(now)) else {
            return self.make(key, wan, Direction::Inbound, talk, word);
        };
        life.sees(key.protocol, Direction::Inbound, talk, now);
        let asks = match talk {
            Talk::Tcp { flags, .. } => flags & (SYN | wire::ACK) == SYN,
            Talk::Query { request, .. } => request,
            _ => true,
        };
        if life.follows_its_requests(key.protocol) && asks {
            life.wan = wan;
        }
        Ok(())
    }

    /// A new flow, if there is room: a full table refuses it and leaves the old ones alone. The dead make room, each at
    /// its time, for which there is a bound.
    fn make(&mut self, key: Key, wan: usize, direction: Direction, talk: Talk, word: Word<'_>) -> Result<(), Refusal> {
        if matches!(talk, Talk::Tcp { flags, .. } if flags & RST != 0) {
            return Ok(());
        }
        let (now, bound) = (self.now, 257 * 1_000_000_000);
        self.flows.retain(|_, life| life.lives(now.saturating_sub(bound)));
        let living = self.flows.values().filter(|life| life.lives(now)).count();
        let may_be_full = self.flows.len() >= self.net.flows;
        if living >= self.net.flows || may_be_full && word(&key).is_none() {
            let told = if key.inside.is_ipv4() { (3, 13, 0) } else { (1, 1, 0) };
            return Err(("table-full", Some(told)));
        }
        self.made += 1;
        self.flows.insert(key, Life::new(key.protocol, wan, direction, talk, now));
        Ok(())
    }

    /// An error from inside goes where the flow of the packet it quotes lives (RFC 5508 REQ-5).
    fn error_outbound(&self, ip: &Ip, packet: &[u8]) -> Result<Course, Refusal> {
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
    fn error_inbound(&mut self, wan: usize, ip: &Ip, host: IpAddr, packet: &[u8]) -> Result<Course, Refusal> {
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

    fn remembered(&self, wan: usize, remote: IpAddr) -> Option<u16> {
        self.paths.get(&(wan, remote)).filter(|(_, end)| *end > self.now).map(|(mtu, _)| *mtu)
    }

    /// What a SYN between inside and `remote` may announce that fits.
    fn path(&self, wan: usize, remote: IpAddr) -> u16 {
        let link = self.net.wans[wan].mtu.min(self.net.inside_mtu);
        self.remembered(wan, remote).map_or(link, |mtu| mtu.min(link))
    }

    /// An error that does not fit dies silently.
    fn fits_inside(&self, ip: &Ip) -> Result<(), Refusal> {
        alive(ip, 1).and_then(|()| fits(ip, self.net.inside_mtu)).or_else(|(reason, _)| silent(reason))
    }

    /// On to an end, in as many pieces as its link needs.
    fn to(&self, end: End, packet: Vec<u8>, clamped: bool) -> Course {
        let mtu = match end {
            End::Inside => self.net.inside_mtu,
            End::Wan(wan) => self.net.wans[wan.index()].mtu,
        };
        (end, pieces(packet, mtu.into()), clamped)
    }

    /// Whether a packet from inside may pass by its addresses, and the WAN that owns the address it goes to.
    fn may_leave(&self, ip: &Ip) -> Result<Option<usize>, Refusal> {
        match ip.destination {
            _ if !self.net.is_inside(ip.source) => silent("foreign-source"),
            to if is_martian(to) => silent("martian-destination"),
            to if self.net.is_inside(to) => silent("inside-to-inside"),
            to => Ok(self.net.wans.iter().position(|wan| wan.owns(to))),
        }
    }

    fn may_enter(&self, ip: &Ip) -> Result<(), Refusal> {
        match ip.source {
            from if is_martian(from) => silent("martian-source"),
            from if self.net.is_inside(from) || self.net.is_owned(from) => silent("spoofed-source"),
            _ => Ok(()),
        }
    }
}

fn whole(packet: &[u8]) -> Result<(Ip, Talk, &[u8]), &'static str> {
    let ip = wire::read(packet)?;
    let packet = packet.get(..ip.len).ok_or("truncated")?;
    let cut = if !ip.source.is_ipv4() && ip.piece != Piece::Whole { "bad-fragment" } else { "bad-transport-header" };
    let talk = wire::talk(&ip, packet, false).ok_or(cut)?;
    Ok((ip, talk, packet))
}

/// The router's own address towards inside.
fn router(receiver: IpAddr) -> IpAddr {
    if receiver.is_ipv4() { "10.250.250.1" } else { "fd00:bad:b01::1" }.parse().unwrap()
}

/// The end of what cannot be read: the sender of a bad IPv6 fragment is told, if `back` says whereto and as whom.
fn unreadable(reason: &'static str, packet: &[u8], back: impl Fn(&Ip) -> Option<(End, IpAddr)>) -> Outcome {
    let told = || {
        let (code, pointer) = if reason == "bad-fragment" { wire::complaint(packet) } else { None }?;
        let ends = wire::ends(packet);
        let (end, from) = back(&ends)?;
        Some((end, error(&ends, &packet[..ends.len], from, (4, code, pointer))))
    };
    Outcome { fate: Fate::Dropped(reason), error: told(), clamped: false }
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

fn alive(ip: &Ip, more: u8) -> Result<(), Refusal> {
    let told = (ip.hops > 0).then_some(if ip.source.is_ipv4() { (11, 0, 0) } else { (3, 0, 0) });
    if ip.hops > 1 + more { Ok(()) } else { Err(("ttl-expired", told)) }
}

fn fits(ip: &Ip, mtu: u16) -> Result<(), Refusal> {
    let told = if ip.source.is_ipv4() { (3, 4, mtu.into()) } else { (2, 0, mtu.into()) };
    if ip.len <= usize::from(mtu) || ip.may_fragment { Ok(()) } else { Err(("too-big", Some(told))) }
}

/// No WAN translates the source: the most telling of their reasons.
fn nowhere(net: &Net, inside: IpAddr) -> Refusal {
    let mut reasons = net.wans.iter().filter_map(|wan| wan.public(inside).err());
    untranslated(reasons.find(|reason| *reason != NOT_OURS).unwrap_or(NOT_OURS), inside, 8)
}

/// `place` is where the address stands in an IPv6 header.
fn untranslated(reason: &'static str, inside: IpAddr, place: u32) -> Refusal {
    let told = match reason {
        "unmappable-identifier" => (4, 0, place),
        NOT_OURS if inside.is_ipv4() => (3, 0, 0),
        NOT_OURS => (1, 0, 0),
        _ => (1, 3, 0),
    };
    (reason, Some(told))
}

fn is_martian(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => matches!(v4.octets(), [0 | 127 | 224.., ..] | [169, 254, ..]),
        IpAddr::V6(v6) => matches!(v6.segments(), [0, 0, 0, 0, 0, 0 | 0xffff, ..] | [0xfe80..=0xfebf | 0xff00.., ..]),
    }
}

/// Multicast that never leaves its link (RFC 5771 §4, RFC 4291 §2.7).
fn is_of_the_link(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => matches!(v4.octets(), [224, 0, 0, _]),
        IpAddr::V6(v6) => matches!(v6.octets(), [0xff, scope, ..] if scope & 15 <= 2),
    }
}

fn outcome(sent: Result<Course, Refusal>, back: End, from: IpAddr, ip: &Ip, talk: Talk, packet: &[u8]) -> Outcome {
    match sent {
        Ok((end, pieces, clamped)) => Outcome { fate: Fate::Sent(end, pieces), error: None, clamped },
        Err((WAITS, _)) => Outcome { fate: Fate::Waits, error: None, clamped: false },
        Err((reason, told)) => {
            let error =
                told.filter(|told| may_be_told(ip, talk, told.0)).map(|told| (back, error(ip, packet, from, told)));
            Outcome { fate: Fate::Dropped(reason), error, clamped: false }
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
