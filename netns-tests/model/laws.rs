//! What holds for every packet, whatever happened before: it stops for a reason that holds, or leaves as what it was between
//! the addresses of one mapping; a flow keeps its WAN; whoever is told something is told the truth; and everything that left
//! or was counted is explained once. Where the laws leave a choice (the WAN of a new flow), the router's is taken if lawful.

mod addresses;
mod errors;
mod paths;
pub mod told;
pub mod trace;
mod way;

use super::flows::{Flow, Flows, Lawful, Wan};
use super::form::{self, Came};
use super::life::Key;
use super::net::{Net, Uplink};
use super::wire::{self, ACK, Ip, Piece, RST, Talk};
use addresses::{fits, may_enter, may_go_inside, may_leave, receiver, way_round};
use flowpin::types::{Direction, End, Remedy, Standing, WanId};
use paths::Paths;
use std::collections::HashMap;
use std::net::IpAddr;
use told::{Halt, counter, explain, explain_unreadable, stops};
use trace::{Station, Trace};
use way::Way;

/// A law that no router obeys, to see that the model would notice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Twist {
    None,
    /// Replies to what came from outside leave by the first WAN.
    RepliesLeaveByTheFirstWan,
}

/// What the laws must know of the past.
pub struct Laws {
    pub flows: Flows<Net>,
    pub now: u64,
    twist: Twist,
    paths: Paths,
    /// Which WAN the first fragment of a datagram took, and when.
    firsts: HashMap<Datagram, (usize, u64)>,
    /// Later fragments that wait for it, since when.
    waiting: Vec<(Datagram, Vec<u8>, u64)>,
    /// Which WAN sockets have been given under this configuration.
    given: HashMap<Key, usize>,
}

/// What names a datagram until it is whole again (RFC 791 §3.2; in IPv6 no protocol, RFC 8200 §4.5).
type Datagram = (IpAddr, IpAddr, Option<u8>, u32);

/// How long a fragment remembers its first, and how long it waits for it (RFC 6146 §3.4: 2 s or more).
const FIRST_REMEMBERED: u64 = 30_000_000_000;
const FIRST_AWAITED: u64 = 3_000_000_000;

/// The counter of segments that end a connection for its remote.
const REMOTE_RESET: &str = "remote-reset";

fn datagram(ip: &Ip, id: u32) -> Datagram {
    (ip.source, ip.destination, ip.source.is_ipv4().then_some(ip.protocol), id)
}

fn wans(net: &Net) -> Vec<Wan> {
    let stand = |dead| if dead { Standing::HardDown } else { Standing::Up };
    let wan = |link: &Uplink| Wan {
        tier: link.tier,
        stands: link.dead.map(stand),
        soft: [Remedy::Drain; 2],
        hard: [Remedy::Reset, Remedy::Move],
        up: [Remedy::Drain; 2],
        wants: [false; 2],
        drains: [None; 2],
    };
    net.wans.iter().map(wan).collect()
}

impl Laws {
    pub fn new(net: Net, twist: Twist) -> Self {
        let (paths, firsts, waiting, given) = Default::default();
        let flows = Flows::new(net.clone(), wans(&net), false);
        Self { flows, now: 0, twist, paths, firsts, waiting, given }
    }

    pub fn net(&self) -> &Net {
        &self.flows.addresses
    }

    /// Time passes. How many fragments have waited in vain.
    pub fn wait(&mut self, nanoseconds: u64) -> u64 {
        self.now += nanoseconds;
        let before = self.waiting.len();
        self.waiting.retain(|(_, _, since)| self.now < since + FIRST_AWAITED);
        (before - self.waiting.len()) as u64
    }

    /// Another configuration, or WANs that die or come back. Whether silent connections may have to end.
    pub fn change(&mut self, net: &Net) -> bool {
        self.given.clear();
        self.flows.change(net.clone(), wans(net))
    }

    /// The RSTs for the silent hosts of connections that ended with that change, by what the table said before and says after.
    pub fn swept(
        &mut self,
        has_to_look: bool,
        tables: impl Fn(&Key) -> (Option<Flow>, Option<Flow>),
    ) -> Result<Vec<Vec<u8>>, String> {
        let tables = |key: &Key| (tables(key).0, tables(key).1, None);
        let ended = self.flows.swept(self.now, has_to_look, tables)?;
        let rst = |(key, awaits): (Key, u32)| {
            form::rst((key.remote, key.remote_port), (key.inside, key.port), [awaits, 0], RST)
        };
        Ok(ended.into_iter().map(rst).collect())
    }

    /// The flow that a packet belongs to, or that the packet which it quotes belongs to.
    pub fn key(&self, from: End, packet: &[u8]) -> Option<(Key, Talk)> {
        let (ip, talk, packet) = whole(packet).ok()?;
        let (direction, host) = match from {
            End::Inside => (Direction::Outbound, ip.source),
            End::Wan(wan) => (Direction::Inbound, self.net().wans[wan.index()].inside(ip.destination).ok()?),
        };
        if talk == Talk::Error {
            let (quoted, talk, _) = errors::quote(&ip, packet).ok()?;
            return Some(match direction {
                Direction::Outbound => (Key::of(&quoted, talk, Direction::Inbound, quoted.destination), talk),
                Direction::Inbound => (Key::of(&quoted, talk, Direction::Outbound, host), talk),
            });
        }
        (!matches!(ip.piece, Piece::Later(_))).then(|| (Key::of(&ip, talk, direction, host), talk))
    }

    /// A packet from inside, and those that waited for it.
    pub fn outbound(&mut self, packet: &[u8], trace: &mut Trace) -> Result<(), String> {
        for released in self.one_outbound(packet, trace)? {
            self.one_outbound(&released, trace)?;
        }
        Ok(())
    }

    /// One packet from inside. The fragments that need not wait any more.
    fn one_outbound(&mut self, packet: &[u8], trace: &mut Trace) -> Result<Vec<Vec<u8>>, String> {
        let from = End::Inside;
        let (ip, talk, packet) = match whole(packet) {
            Ok(read) => read,
            Err(reason) => {
                let may_be_told = |ip: &Ip| may_leave(self.net(), ip).is_ok();
                return explain_unreadable(reason, from, packet, may_be_told, trace).map(|()| Vec::new());
            }
        };
        let came = &Came { from, ip: &ip, talk, packet };
        let way = match talk {
            Talk::Error => errors::error_outbound(self.net(), came, trace.step.as_ref()),
            _ => self.way_out(came, trace),
        };
        // The followers of a first fragment need its WAN, whether it fits there itself or not.
        let has_wan = match &way {
            Ok(way) => way.end != End::Inside,
            Err(halt) => matches!(halt, Halt::Stop(stop) if stop.reasons == ["too-big"]),
        };
        let released = match ip.piece {
            Piece::First(id) if has_wan && talk != Talk::Error => {
                let is_of_it = |it: &mut (Datagram, Vec<u8>, u64)| it.0 == datagram(&ip, id);
                self.waiting.extract_if(.., is_of_it).map(|(_, packet, _)| packet).collect()
            }
            _ => Vec::new(),
        };
        match (self.comes_of(came, way, trace)?, ip.piece) {
            (Some("held"), Piece::Later(id)) => self.waiting.push((datagram(&ip, id), packet.to_vec(), self.now)),
            (Some("held"), _) => return Err("only later fragments wait".into()),
            (Some("reset"), _) => self.remote_is_told(came, trace)?,
            _ => {}
        }
        Ok(released)
    }

    /// Explains what came of a packet: how it left, or why it stopped and who was told. The reason.
    fn comes_of(&self, came: &Came, way: Result<Way, Halt>, trace: &mut Trace) -> Result<Option<&'static str>, String> {
        match way {
            Ok(way) => self.passes(came, way, trace).map(|()| None),
            Err(Halt::Stop(stop)) => explain(&stop, came, trace).map(Some),
            Err(Halt::Broken(sentence)) => Err(sentence),
        }
    }

    /// The remote of a connection that has ended is reset too, if the WAN can send: in the place of this segment.
    fn remote_is_told(&self, came: &Came, trace: &mut Trace) -> Result<(), String> {
        let (Talk::Tcp { ports, flags, numbers }, ip) = (came.talk, came.ip) else { return Ok(()) };
        let Some(wan) = trace.step.and_then(|step| step.before).map(|flow| flow.wan) else { return Ok(()) };
        let link = &self.net().wans[wan];
        let Some(public) = link.public(ip.source).ok().filter(|_| !link.is_dead(ip.source)) else { return Ok(()) };
        let acknowledged = if flags & ACK != 0 { numbers.acknowledgment } else { 0 };
        let numbers = [numbers.sequence, acknowledged];
        let rst = form::rst((public, ports.0), (ip.destination, ports.1), numbers, RST | flags & ACK);
        trace.counted(REMOTE_RESET, 1)?;
        trace.is(End::Wan(WanId(wan as u8)), Station::Gateway, &rst)
    }

    fn way_out(&mut self, came: &Came, trace: &mut Trace) -> Result<Way, Halt> {
        let ip = came.ip;
        stops(&[("kernel", addresses::stays_on_its_link(ip.destination) && !self.net().is_inside(ip.source))])?;
        if let Some(owner) = may_leave(self.net(), ip)? {
            return way_round(self.net(), owner, ip);
        }
        stops(&[("ttl-expired", ip.hops < 2)])?;
        let wan = match ip.piece {
            Piece::Later(id) => match self.firsts.get(&datagram(ip, id)) {
                Some((wan, at)) if self.now - at < FIRST_REMEMBERED => *wan,
                _ => return Err("held".into()),
            },
            _ => self.wan_of(trace)?,
        };
        if let Piece::First(id) = ip.piece {
            self.firsts.insert(datagram(ip, id), (wan, self.now));
        }
        let link = &self.net().wans[wan];
        stops(&[("wan-down", link.is_dead(ip.source))])?;
        let public = link.public(ip.source)?;
        fits(ip, link.mtu)?;
        let mtu = self.path(wan, ip.destination);
        Ok(Way { end: End::Wan(WanId(wan as u8)), ends: [public, ip.destination], quoted: None, mtu })
    }

    /// The WAN of a flow: its own, or the one that the router chose, if that is a lawful one and what the same socket got
    /// before.
    fn wan_of(&mut self, trace: &mut Trace) -> Result<usize, Halt> {
        let step = trace.step.ok_or_else(|| "it belongs to a flow".to_owned())?;
        let counts = [self.flows.moved, self.flows.reset, self.flows.unpinned];
        let lawful = self.flows.outbound(&step);
        self.flows.remembers_outbound(&step, &lawful, None)?;
        trace.counted("moved", self.flows.moved - counts[0])?;
        trace.counted("reset", self.flows.reset - counts[1])?;
        trace.counted("unpinned", self.flows.unpinned - counts[2])?;
        let why_none = self.net().why_none(step.key.inside);
        match lawful.map_err(|reason| if reason == "no-wan" { why_none } else { reason })? {
            Lawful::Own(_) if self.twist != Twist::None && step.before.is_some_and(|flow| flow.from_outside) => Ok(0),
            Lawful::Own(wan) | Lawful::Once(wan) => Ok(wan),
            Lawful::New(wans) | Lawful::Moved(wans) => {
                let pinned = step.after.filter(|flow| !flow.terminated).map(|flow| flow.wan);
                let took = pinned.or(trace.wan()).or(step.hash);
                let wan = took.filter(|wan| wans.contains(wan)).unwrap_or(wans[0]);
                Ok(*self.given.entry(step.key.as_balanced(self.net().balance)).or_insert(wan))
            }
        }
    }

    /// A packet from a WAN.
    pub fn inbound(&mut self, wan: usize, packet: &[u8], to_group: bool, trace: &mut Trace) -> Result<(), String> {
        let from = End::Wan(WanId(wan as u8));
        let (ip, talk, packet) = match whole(packet) {
            Ok(read) => read,
            Err(reason) => {
                let link = &self.net().wans[wan];
                let is_ours = |ip: &Ip| link.inside(ip.destination).is_ok() && may_enter(self.net(), ip).is_ok();
                let may_be_told = |ip: &Ip| !to_group && !link.is_dead(ip.source) && is_ours(ip);
                return explain_unreadable(reason, from, packet, may_be_told, trace);
            }
        };
        let came = &Came { from, ip: &ip, talk, packet };
        let way = self.way_in(wan, came, to_group, trace);
        self.comes_of(came, way, trace).map(drop)
    }

    fn way_in(&mut self, wan: usize, came: &Came, to_group: bool, trace: &mut Trace) -> Result<Way, Halt> {
        let ip = came.ip;
        let host = receiver(self.net(), wan, ip, to_group)?;
        if came.talk == Talk::Error {
            return self.error_in(wan, came, host, trace);
        }
        may_enter(self.net(), ip)?;
        may_go_inside(self.net(), ip)?;
        if let Some(step) = trace.step {
            let unpinned = self.flows.unpinned;
            let has_ended = self.flows.inbound(&step, wan, ip.destination)??;
            trace.counted("unpinned", self.flows.unpinned - unpinned)?;
            let rst = form::answer(ip, came.talk);
            if has_ended && !matches!(came.talk, Talk::Tcp { flags, .. } if flags & RST != 0) && !rst.is_empty() {
                trace.counted(REMOTE_RESET, 1)?;
                trace.is(came.from, Station::Gateway, &rst)?;
            }
        }
        let mtu = self.path(wan, ip.source);
        Ok(Way { end: End::Inside, ends: [ip.source, host], quoted: None, mtu })
    }

    /// An error from a WAN. What it says of a path is learnt, if it is about a packet of a living flow of this WAN.
    fn error_in(&mut self, wan: usize, came: &Came, host: IpAddr, trace: &Trace) -> Result<Way, Halt> {
        let way = errors::error_inbound(self.net(), came, host)?;
        let is_ours = trace.step.and_then(|step| step.before).is_some_and(|flow| flow.wan == wan);
        if let Some(quoted) = way.quoted.as_ref().filter(|_| is_ours) {
            let link = (wan, self.net().wans[wan].mtu);
            self.paths.learn(link, &came.packet[came.ip.l4..], &quoted.ip, self.now);
        }
        Ok(way)
    }

    /// Explains that a packet left, in one piece or in those that its link carries.
    fn passes(&self, came: &Came, way: Way, trace: &mut Trace) -> Result<(), String> {
        let mtu = match way.end {
            End::Inside => self.net().inside_mtu,
            End::Wan(wan) => self.net().wans[wan.index()].mtu,
        };
        let mut pieces = vec![trace.packet(way.end, Station::Gateway)?];
        let header = usize::from(came.packet[0] & 15) * 4;
        let carried = |pieces: &[Vec<u8>]| pieces.iter().map(|piece| piece.len() - header).sum::<usize>() + header;
        while came.ip.may_fragment && carried(&pieces) < came.packet.len() {
            pieces.push(trace.packet(way.end, Station::Gateway)?);
        }
        let sent = form::joined(&pieces, mtu)?;
        let lowered = form::compare(came, &sent, way.ends, way.quoted.as_ref(), way.mtu)?;
        trace.counted("clamped", lowered.into())?;
        trace.counted("fragmented", u64::from(pieces.len() > 1))?;
        match (way.end, came.from) {
            (End::Wan(wan), _) | (_, End::Wan(wan)) => {
                let bytes = pieces.iter().map(Vec::len).sum::<usize>();
                trace.counted(&counter(came.from, &format!("packets of {}", wan.0)), pieces.len() as u64)?;
                trace.counted(&counter(came.from, &format!("bytes of {}", wan.0)), bytes as u64)?;
            }
            _ => trace.counted("hairpinned", 1)?,
        }
        trace.passed.extend(pieces.into_iter().map(|piece| (way.end, piece)));
        Ok(())
    }

    /// What a SYN between inside and `remote` may announce that fits.
    fn path(&self, wan: usize, remote: IpAddr) -> u16 {
        let link = self.net().wans[wan].mtu.min(self.net().inside_mtu);
        self.paths.remembered(wan, remote, self.now).map_or(link, |mtu| mtu.min(link))
    }
}

fn whole(packet: &[u8]) -> Result<(Ip, Talk, &[u8]), &'static str> {
    let ip = wire::read(packet)?;
    let packet = packet.get(..ip.len).ok_or("truncated")?;
    let cut = if !ip.source.is_ipv4() && ip.piece != Piece::Whole { "bad-fragment" } else { "bad-transport-header" };
    let talk = wire::talk(&ip, packet, false).ok_or(cut)?;
    Ok((ip, talk, packet))
}
