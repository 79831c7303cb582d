//! The rules of the router, short, from the RFCs and the product's promises, written without a look at the data plane:
//! for each packet, where it goes and as which bytes, or why it dies and who is told, and which flow it belongs to.
//! Where a rule leaves a choice (the WAN of a new flow), the router's word is taken if it is a lawful one.

mod errors;
mod failover;
mod told;

use super::form::{clamped, pieces, readdress};
use super::life::{Key, Life};
use super::net::{NOT_OURS, Net};
use super::wire::{self, Ip, Piece, RST, SYN, Talk};
use failover::Turn;
use flowpin::types::{Direction, End, WanId};
use std::collections::HashMap;
use std::net::IpAddr;
use told::{RESET, Refusal, WAITS, alive, fits, nowhere, outcome, router, silent, stranded, unreadable, untranslated};

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
    /// The RST for the remote, and by which WAN.
    pub farewell: Option<(usize, Vec<u8>)>,
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
    /// What came in belongs to a connection that has ended.
    ended: bool,
    /// What else was to be counted.
    pub notes: Vec<&'static str>,
}

/// What names a datagram until it is whole again (RFC 791 §3.2; in IPv6 no protocol, RFC 8200 §4.5).
type Datagram = (IpAddr, IpAddr, Option<u8>, u32);

/// Where a packet goes, the pieces it goes in, and whether its MSS was lowered.
type Course = (End, Vec<Vec<u8>>, bool);

/// How long a fragment remembers its first, and how long it waits for it (RFC 6146 §3.4: 2 s or more).
const FIRST_REMEMBERED: u64 = 30_000_000_000;
const FIRST_AWAITED: u64 = 3_000_000_000;

fn datagram(ip: &Ip, id: u32) -> Datagram {
    (ip.source, ip.destination, ip.source.is_ipv4().then_some(ip.protocol), id)
}

/// The router's word where the rules leave a choice.
#[derive(Clone, Copy)]
pub struct Word<'w> {
    /// Which WAN a flow is on, or its packet took.
    pub of: &'w dyn Fn(&Key) -> Option<usize>,
    /// Whether the flow has an entry.
    pub pinned: &'w dyn Fn(&Key) -> bool,
    /// Which WAN the hash gives a new flow.
    pub hash: &'w dyn Fn(&Key) -> Option<usize>,
}

impl Rules {
    pub fn new(net: Net, twist: Twist) -> Self {
        let (flows, paths, firsts, given) = Default::default();
        let (waiting, released) = Default::default();
        Self {
            net,
            now: 0,
            flows,
            made: 0,
            twist,
            paths,
            firsts,
            waiting,
            released,
            given,
            ended: false,
            notes: Vec::new(),
        }
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
            return Outcome { fate: Fate::Kernel, error: None, farewell: None, clamped: false };
        }
        let sent = match talk {
            Talk::Error => self.error_outbound(&ip, packet),
            _ => self.out(&ip, talk, packet, word),
        };
        let farewell = if let Err((RESET, _)) = sent { self.farewell(&ip, talk) } else { None };
        Outcome { farewell, ..outcome(sent, End::Inside, router(ip.source), &ip, talk, packet) }
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
        if link.is_dead(ip.source) {
            return Err(stranded(ip.source));
        }
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
        let dead = |fate| Outcome { fate, error: None, farewell: None, clamped: false };
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
        let is_rst = matches!(talk, Talk::Tcp { flags, .. } if flags & RST != 0);
        let rst = std::mem::take(&mut self.ended) && !is_rst;
        let farewell = rst.then(|| (wan, failover::answer(&ip, talk))).filter(|(_, rst)| !rst.is_empty());
        Outcome { farewell, ..outcome(sent, End::Wan(WanId(wan as u8)), ip.destination, &ip, talk, packet) }
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
        let translates = |wan: &usize| self.net.wans[*wan].public(key.inside).is_ok();
        let old = self.flows.get(&key).filter(|life| life.lives(now)).map(|life| life.wan);
        let turn = match old {
            Some(wan) if translates(&wan) => self.turn(&key, talk)?,
            Some(_) => Turn::Moves,
            None => Turn::Anew,
        };
        let able = |wan: &usize| Self::is_able(&self.net, *wan, key.inside);
        let wan = match (old, &turn) {
            (Some(wan), Turn::Stays | Turn::Passes) => wan,
            _ => {
                let able = (0..self.net.wans.len()).filter(able);
                let best = able.clone().map(|wan| self.net.wans[wan].tier).min();
                let lawful: Vec<_> = able.filter(|wan| Some(self.net.wans[*wan].tier) == best).collect();
                let first = lawful.first().ok_or_else(|| nowhere(&self.net, key.inside))?;
                let socket = key.as_balanced(self.net.balance);
                match (word.of)(&key).filter(|wan| lawful.contains(wan)) {
                    Some(wan) => *self.given.entry(socket).or_insert(wan),
                    None => *self.given.get(&socket).unwrap_or(first),
                }
            }
        };
        if let Turn::Passes = turn {
            return Ok(wan);
        }
        if let (Some(_), Turn::Anew) = (old, &turn) {
            self.replace(key, wan, Direction::Outbound, talk);
            return Ok(wan);
        }
        if old.is_some_and(|old| old != wan) {
            self.notes.push("moved");
        }
        match self.flows.get_mut(&key).filter(|_| old.is_some()) {
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
        if life.cut {
            if asks(talk) {
                self.replace(key, wan, Direction::Inbound, talk);
            } else {
                self.ended = true;
            }
            return Ok(());
        }
        life.sees(key.protocol, Direction::Inbound, talk, now);
        if life.follows_its_requests(key.protocol) && asks(talk) {
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
        if living >= self.net.flows || may_be_full && !(word.pinned)(&key) {
            // What translates is stateless, so that a packet passes without where the hash gives its flow this WAN.
            if direction == Direction::Outbound || (word.hash)(&key) == Some(wan) {
                self.notes.push("unpinned");
                return Ok(());
            }
            let told = if key.inside.is_ipv4() { (3, 13, 0) } else { (1, 1, 0) };
            return Err(("table-full", Some(told)));
        }
        self.made += 1;
        self.flows.insert(key, Life::new(key.protocol, wan, direction, talk, now));
        Ok(())
    }

    fn remembered(&self, wan: usize, remote: IpAddr) -> Option<u16> {
        self.paths.get(&(wan, remote)).filter(|(_, end)| *end > self.now).map(|(mtu, _)| *mtu)
    }

    /// What a SYN between inside and `remote` may announce that fits.
    fn path(&self, wan: usize, remote: IpAddr) -> u16 {
        let link = self.net.wans[wan].mtu.min(self.net.inside_mtu);
        self.remembered(wan, remote).map_or(link, |mtu| mtu.min(link))
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

/// Whether a packet may ask for an answer.
fn asks(talk: Talk) -> bool {
    match talk {
        Talk::Tcp { flags, .. } => flags & (SYN | wire::ACK) == SYN,
        Talk::Query { request, .. } => request,
        _ => true,
    }
}

fn whole(packet: &[u8]) -> Result<(Ip, Talk, &[u8]), &'static str> {
    let ip = wire::read(packet)?;
    let packet = packet.get(..ip.len).ok_or("truncated")?;
    let cut = if !ip.source.is_ipv4() && ip.piece != Piece::Whole { "bad-fragment" } else { "bad-transport-header" };
    let talk = wire::talk(&ip, packet, false).ok_or(cut)?;
    Ok((ip, talk, packet))
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
