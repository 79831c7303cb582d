//! Which WAN a flow is on, as laws about what the router's table says of it before and after a packet. A flow keeps its WAN
//! while that stands; when it does not, the WAN's settings say whether the flow stays, ends or moves, and what came from
//! outside never moves. A new flow may take any WAN that translates its host and is of the best standing and tier; which of
//! them, the router's hash decides. UDP from outside moves where it would be refused else, and what nobody inside has answered
//! yields to a SYN or a ping from inside where another WAN stands better. Must never know: bytes of packets, why a WAN stands as it does.

use super::life::{Key, Life};
use super::wire::{ACK, RST, SYN, TCP, Talk, UDP};
use flowpin::types::{Direction, Remedy, Standing};
use std::collections::HashMap;
use std::net::IpAddr;

/// One WAN. Pairs are for IPv4 and IPv6, remedies for TCP and for the rest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wan {
    pub tier: u8,
    pub stands: [Standing; 2],
    /// What becomes of its flows when it is softly down, and when hard.
    pub soft: [Remedy; 2],
    pub hard: [Remedy; 2],
    /// What becomes of flows on worse tiers while it wants them back.
    pub up: [Remedy; 2],
    pub wants: [bool; 2],
    /// While it is softly down, what those are judged by that drain.
    pub drains: [Option<Drains>; 2],
}

impl Wan {
    /// Whether connections on it end that nothing answers.
    pub fn ends_unanswered(&self) -> bool {
        let judges = |family: usize| self.drains[family].is_some() && self.stands[family] == Standing::SoftDown;
        (judges(0) || judges(1)) && self.soft[0] == Remedy::Drain && self.hard[0] == Remedy::Reset
    }
}

/// Milliseconds: how long a flow may wait for an answer; since when the WAN is down; since when its path may be dead, if
/// its probes say so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Drains {
    pub silence: u64,
    pub since: u64,
    pub dead_since: Option<u64>,
}

/// The public addresses that the WANs have for inside hosts.
pub trait Addresses {
    /// Whether a WAN has one for a new flow of this host.
    fn translates(&self, wan: usize, host: IpAddr) -> bool;

    /// Whether an address that a WAN had for this host is not the WAN's any more.
    fn is_gone(&self, wan: usize, host: IpAddr, public: IpAddr) -> bool;

    /// Whether a WAN has lost addresses that it had before.
    fn has_lost_some(&self, before: &Self, wan: usize) -> bool;
}

/// A flow as the table shows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flow {
    pub wan: usize,
    pub from_outside: bool,
    /// The router has ended it.
    pub terminated: bool,
    /// It has been judged under the configuration in force; or it is with each packet.
    pub proved: bool,
    pub watched: bool,
    /// The second at which it ends in silence.
    pub expires: u64,
}

/// A packet of a flow, and what the router says of that: its table before and after, its hash.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub now: u64,
    pub key: Key,
    pub talk: Talk,
    pub before: Option<Flow>,
    pub after: Option<Flow>,
    /// The WAN that the hash gives a new flow.
    pub hash: Option<usize>,
    /// The table holds as many flows as it may.
    pub is_full: bool,
    /// That, or nearly half as many from outside that are not assured.
    pub is_crowded: bool,
}

/// The WANs that a packet from inside may leave by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Lawful {
    /// Its flow's.
    Own(usize),
    /// The one of a flow that has ended, which it has nothing to do with any more.
    Once(usize),
    /// One of these, being of a new flow; of one that moves.
    New(Vec<usize>),
    Moved(Vec<usize>),
}

impl Lawful {
    pub fn has(&self, wan: usize) -> bool {
        match self {
            Self::Own(own) | Self::Once(own) => *own == wan,
            Self::New(wans) | Self::Moved(wans) => wans.contains(&wan),
        }
    }
}

/// All WANs, what the ends of all flows have said, and what was to be counted.
pub struct Flows<A> {
    pub addresses: A,
    pub wans: Vec<Wan>,
    pub last_resort: bool,
    lives: HashMap<Key, Life>,
    /// The public address that a flow had last.
    publics: HashMap<Key, IpAddr>,
    pub made: u64,
    /// Packets that no flow was made for, there being no room; flows ended, moved, called back by a better WAN.
    pub unpinned: u64,
    pub reset: u64,
    pub moved: u64,
    pub called: u64,
    /// Those that were ended or moved because nothing answered them.
    pub silent: u64,
}

pub fn family(host: IpAddr) -> usize {
    usize::from(host.is_ipv6())
}

fn flags(talk: Talk) -> Option<u8> {
    if let Talk::Tcp { flags, .. } = talk { Some(flags) } else { None }
}

/// Whether a packet may ask for an answer.
fn asks(talk: Talk) -> bool {
    match talk {
        Talk::Tcp { flags, .. } => flags & (SYN | ACK) == SYN,
        Talk::Query { request, .. } => request,
        _ => true,
    }
}

impl Step {
    fn is_rst(&self) -> bool {
        flags(self.talk).is_some_and(|flags| flags & RST != 0)
    }

    /// Nothing is remembered of the packet.
    fn is_forgotten(&self) -> Result<(), String> {
        if self.after == self.before { Ok(()) } else { Err(format!("it must leave no trace: {self:?}")) }
    }
}

impl<A: Addresses> Flows<A> {
    pub fn new(addresses: A, wans: Vec<Wan>, last_resort: bool) -> Self {
        let (lives, publics, made, unpinned, reset, moved, called, silent) = Default::default();
        Self { addresses, wans, last_resort, lives, publics, made, unpinned, reset, moved, called, silent }
    }

    /// Those that there have been.
    pub fn keys(&self) -> Vec<Key> {
        self.lives.keys().copied().collect()
    }

    /// The WANs of which one must take a new flow.
    pub fn lawful(&self, host: IpAddr) -> Vec<usize> {
        let worst = if self.last_resort { Standing::SoftDown } else { Standing::Degraded };
        let rank = |wan: &usize| (self.wans[*wan].stands[family(host)], self.wans[*wan].tier);
        let able = (0..self.wans.len()).filter(|wan| self.addresses.translates(*wan, host) && rank(wan).0 <= worst);
        let best = able.clone().map(|wan| rank(&wan)).min();
        able.filter(|wan| Some(rank(wan)) == best).collect()
    }

    /// Whether the public address that a flow had is not its WAN's any more.
    pub fn is_gone(&self, key: &Key, flow: &Flow) -> bool {
        self.publics.get(key).is_some_and(|public| self.addresses.is_gone(flow.wan, key.inside, *public))
    }

    /// What a better WAN that a new flow would take wants of this one, which is on a WAN that is up.
    fn recall(&self, key: &Key, flow: &Flow, hash: Option<usize>) -> Option<Remedy> {
        let better = hash.filter(|wan| self.lawful(key.inside).contains(wan))?;
        let (is, would_be) = (&self.wans[flow.wan], &self.wans[better]);
        let is_wanted = would_be.wants[family(key.inside)] && would_be.tier < is.tier && !flow.from_outside;
        Some(would_be.up[usize::from(key.protocol != TCP)]).filter(|remedy| is_wanted && *remedy != Remedy::Drain)
    }

    /// What a flow is judged by that drains, what becomes of it if nothing answers it, and its silence. `None`: it is not
    /// judged, or nothing would be better for it.
    fn judged(&self, key: &Key, flow: &Flow, hash: Option<usize>) -> Option<(Drains, Remedy, (bool, u64))> {
        let (wan, kind, family) = (&self.wans[flow.wan], usize::from(key.protocol != TCP), family(key.inside));
        let drains = wan.drains[family].filter(|_| wan.stands[family] == Standing::SoftDown)?;
        let better = hash.filter(|wan| self.lawful(key.inside).contains(wan) && *wan != flow.wan);
        let is_judged = better.is_some() && wan.soft[kind] == Remedy::Drain && wan.hard[kind] != Remedy::Drain;
        is_judged.then_some((drains, wan.hard[kind], self.lives.get(key)?.silence()))
    }

    /// What becomes of a flow that nothing answers; `None`: it drains. A connection from inside that was spoken to until
    /// the line died, and hears no more, need not ask. Where an operator wants the line down, only questions since then count.
    fn unanswered(&self, now: u64, key: &Key, flow: &Flow, hash: Option<usize>) -> Option<Remedy> {
        let (drains, remedy, (asked, since)) = self.judged(key, flow, hash)?;
        let counts = match drains.dead_since {
            Some(dead) => asked || key.protocol == TCP && !flow.from_outside && (dead..drains.since).contains(&since),
            None => asked && since >= drains.since,
        };
        (counts && now / 1_000_000 >= since + drains.silence).then_some(remedy)
    }

    /// Whether the inside host begins another flow with a packet of this one: `Reset`, where it is another connection, or
    /// `Move`, where it goes on elsewhere.
    fn begins_anew(&self, step: &Step, flow: &Flow) -> Option<Remedy> {
        let judged = self.judged(&step.key, flow, step.hash).filter(|_| !flow.from_outside);
        let (drains, _, (asked, since)) = judged?;
        let (is_dead, is_long) = (drains.dead_since.is_some(), step.now / 1_000_000 >= since + drains.silence);
        match step.talk {
            Talk::Tcp { flags, .. } if flags & (SYN | ACK | RST) == SYN && (is_dead || is_long) => Some(Remedy::Reset),
            Talk::Tcp { .. } | Talk::Query { request: false, .. } => None,
            Talk::Udp { .. } | Talk::Query { .. } if is_dead && is_long && !asked && since < drains.since => {
                Some(Remedy::Move)
            }
            _ => None,
        }
    }

    /// What is to be done with a flow; `None`: it stays. What its WAN would let stay a better one may call back, or nothing
    /// answers it; and a flow whose only choice, as a last resort, is its present WAN keeps it.
    fn remedy(&self, now: u64, key: &Key, flow: &Flow, hash: Option<usize>) -> Option<Remedy> {
        let (wan, kind) = (&self.wans[flow.wan], usize::from(key.protocol != TCP));
        if self.is_gone(key, flow) {
            return Some(wan.hard[kind]);
        }
        let remedy = match wan.stands[family(key.inside)] {
            Standing::Up | Standing::Degraded => None,
            Standing::SoftDown => Some(wan.soft[kind]),
            Standing::HardDown => Some(wan.hard[kind]),
        };
        let is_resort = || hash.filter(|wan| self.lawful(key.inside).contains(wan)) == Some(flow.wan);
        match remedy {
            None => self.recall(key, flow, hash),
            Some(Remedy::Drain) => {
                self.recall(key, flow, hash).or_else(|| self.unanswered(now, key, flow, hash)).or(remedy)
            }
            Some(_) if self.last_resort && is_resort() => None,
            _ => remedy,
        }
    }

    /// The WANs that a packet from inside may leave by; the reason, if it must not.
    pub fn outbound(&mut self, step: &Step) -> Result<Lawful, &'static str> {
        let (key, lawful) = (&step.key, self.lawful(step.key.inside));
        let any = (0..self.wans.len()).any(|wan| self.addresses.translates(wan, key.inside));
        let nowhere = if any { "all-wans-down" } else { "no-wan" };
        let begins = || if lawful.is_empty() { Err(nowhere) } else { Ok(Lawful::New(lawful.clone())) };
        let is_syn = flags(step.talk).is_some_and(|flags| flags & (SYN | ACK | RST) == SYN);
        let starts = is_syn || matches!(step.talk, Talk::Query { request: true, .. });
        let may_yield = starts && self.lives.get(key).is_some_and(Life::is_unanswered);
        let stands = |wan: usize| self.wans[wan].stands[family(key.inside)];
        let better = |than: usize| lawful.first().is_some_and(|wan| stands(*wan) < stands(than));
        let yields = |flow: &Flow| may_yield && !flow.terminated && better(flow.wan);
        let Some(flow) = step.before.as_ref().filter(|flow| !yields(flow)) else { return begins() };
        let (own, is_gone) = (flow.wan, self.is_gone(key, flow));
        let remedy = self.remedy(step.now, key, flow, step.hash);
        let has_address = !is_gone && self.addresses.translates(own, key.inside);
        let can_send = has_address && self.wans[own].stands[family(key.inside)] != Standing::HardDown;
        let moves = |may_stay: bool| match lawful.is_empty() {
            true if may_stay => Ok(Lawful::Own(own)),
            true => Err(nowhere),
            false => Ok(Lawful::Moved(lawful.clone())),
        };
        if !is_gone && !has_address && !flow.terminated {
            return moves(false);
        }
        let is_called = !is_gone && remedy.is_some() && remedy == self.recall(key, flow, step.hash);
        self.called += u64::from(is_called && !flow.proved && !flow.terminated);
        let is_unanswered = self.unanswered(step.now, key, flow, step.hash).is_some();
        let refused = Err(if has_address { "wan-down" } else { "address-gone" });
        match remedy {
            _ if flow.terminated && step.is_rst() && can_send => Ok(Lawful::Once(own)),
            _ if flow.terminated && step.is_rst() => refused,
            _ if flow.terminated && key.protocol == TCP && !is_syn => Err("reset"),
            _ if flow.terminated => begins(),
            _ if self.begins_anew(step, flow) == Some(Remedy::Reset) => begins(),
            _ if self.begins_anew(step, flow) == Some(Remedy::Move) => moves(true),
            None => Ok(Lawful::Own(own)),
            Some(_) if flow.proved && can_send => Ok(Lawful::Own(own)),
            Some(Remedy::Reset) if step.is_rst() && can_send => Ok(Lawful::Own(own)),
            Some(Remedy::Reset) if step.is_rst() => refused,
            Some(Remedy::Reset) if !is_syn || flow.from_outside => Err("reset"),
            Some(Remedy::Reset | Remedy::Move) if !flow.from_outside => moves(can_send),
            Some(Remedy::Move) if key.protocol == UDP && is_unanswered => moves(true),
            Some(_) if can_send => Ok(Lawful::Own(own)),
            Some(Remedy::Move) if key.protocol == UDP => moves(false),
            Some(_) => refused,
        }
    }

    /// Whether the table remembers of a packet from inside what it must. `public` is the source that the packet left with.
    pub fn remembers_outbound(
        &mut self,
        step: &Step,
        lawful: &Result<Lawful, &'static str>,
        public: Option<IpAddr>,
    ) -> Result<(), String> {
        let leaves = step.before.filter(|flow| !flow.terminated).and_then(|flow| {
            self.unanswered(step.now, &step.key, &flow, step.hash).or_else(|| self.begins_anew(step, &flow))
        });
        let is_silent = u64::from(leaves.is_some());
        let wans = match lawful {
            Err("reset") if step.before.is_some_and(|flow| !flow.terminated) => {
                self.silent += is_silent;
                return self.ends(step);
            }
            Err(_) | Ok(Lawful::Once(_)) => return step.is_forgotten(),
            Ok(Lawful::New(_)) if step.is_rst() => return step.is_forgotten(),
            Ok(Lawful::New(_)) if step.is_full && step.after.is_none() => {
                self.unpinned += 1;
                return Ok(());
            }
            Ok(wans) => wans,
        };
        let (before, is_new) =
            (step.before.filter(|_| !matches!(wans, Lawful::New(_))), matches!(wans, Lawful::New(_)));
        let is_judged = |flow: &Flow| flow.proved || flow.watched;
        let after = step.after.filter(|flow| wans.has(flow.wan) && is_judged(flow) && !flow.terminated);
        let after = after.ok_or_else(|| format!("it must be remembered on {wans:?}: {step:?}"))?;
        let was = public.and_then(|public| self.publics.insert(step.key, public)).filter(|_| !is_new);
        let is_moved = before.is_some_and(|flow| flow.wan != after.wan) || was.is_some_and(|was| Some(was) != public);
        if let Some(life) = self.lives.get_mut(&step.key).filter(|_| is_moved) {
            life.heard = None;
        }
        if is_moved && matches!(wans, Lawful::Moved(_)) {
            self.moved += 1;
            self.silent += is_silent;
            self.lives.entry(step.key).and_modify(|life| {
                if before.is_some_and(|flow| flow.wan != after.wan) {
                    life.moves()
                }
            });
        }
        if is_moved && matches!(wans, Lawful::Own(_)) {
            return Err(format!("it must stay where it is: {step:?}, {was:?}, {public:?}"));
        }
        self.lives_on(step, Direction::Outbound, is_new)
    }

    /// Whether a flow that ends now is known as ended for a while.
    fn ends(&mut self, step: &Step) -> Result<(), String> {
        self.reset += 1;
        let before = step.before.filter(|before| step.after == Some(ended(before, step.now)));
        before.map(|_| ()).ok_or_else(|| format!("it must be known as ended: {step:?}"))
    }

    /// Whether a flow lives as long from now as its ends have earned; a RST only makes that shorter.
    fn lives_on(&mut self, step: &Step, direction: Direction, is_new: bool) -> Result<(), String> {
        let Some(after) = &step.after else { return Err(format!("it must be remembered: {step:?}")) };
        let known = self.lives.get_mut(&step.key).filter(|_| !is_new);
        let counts = known.is_none_or(|life| life.hears(step.now, direction, step.talk));
        if is_new {
            self.made += 1;
            self.lives.insert(step.key, Life::new(step.now, direction, step.talk));
        }
        let life = self.lives.get(&step.key).ok_or("it is remembered, and nobody began it")?;
        let end = step.now.div_ceil(1_000_000_000) + life.patience(step.key.protocol, direction);
        let end = match step.before.filter(|_| !is_new) {
            Some(before) if !counts => before.expires,
            Some(before) if step.is_rst() => before.expires.min(end),
            // It lives on like an opening connection.
            Some(before) if life.may_be_guessed(direction, step.talk) => before.expires.max(end - 7440 + 240),
            _ => end,
        };
        if (after.expires, after.from_outside) == (end, life.from_outside) {
            return Ok(());
        }
        Err(format!("it must end at {end} by {life:?}: {step:?}"))
    }

    /// Whether the table remembers of a packet from a WAN what it must, and whether its flow has ended; the reason, if it
    /// must not enter. Replies are to leave from where it came in, `public` there; but a connection that stands is not
    /// moved by what comes in elsewhere.
    pub fn inbound(&mut self, step: &Step, wan: usize, public: IpAddr) -> Result<Result<bool, &'static str>, String> {
        if self.wans[wan].stands[family(step.key.inside)] == Standing::HardDown {
            return step.is_forgotten().map(|()| Err("wan-down"));
        }
        let is_new = match &step.before {
            None if step.is_rst() => return step.is_forgotten().map(|()| Ok(false)),
            None if step.after.is_none() && step.is_crowded && step.hash != Some(wan) => {
                return Ok(Err("table-full"));
            }
            None if step.after.is_none() && step.is_crowded => {
                self.unpinned += 1;
                return Ok(Ok(false));
            }
            None => true,
            Some(flow) if flow.terminated && !asks(step.talk) => return step.is_forgotten().map(|()| Ok(true)),
            Some(flow) => flow.terminated,
        };
        self.lives_on(step, Direction::Inbound, is_new)?;
        let second = step.now / 1_000_000_000;
        let is_at_home = step.before.is_some_and(|flow| flow.wan == wan)
            && self.publics.get(&step.key).is_none_or(|its| *its == public);
        let life = self.lives.get_mut(&step.key).ok_or("it is remembered, and nobody began it")?;
        life.heard = if is_at_home { life.heard.map(|_| second) } else { life.heard };
        let follows = life.follows_its_requests(step.key.protocol, second) && asks(step.talk);
        if follows && !is_new && !is_at_home {
            life.heard = None;
        }
        let must_be = step.before.filter(|_| !is_new && !follows).map_or(wan, |flow| flow.wan);
        if is_new || follows {
            self.publics.insert(step.key, public);
        }
        match step.after {
            Some(flow) if flow.wan == must_be => Ok(Ok(false)),
            _ => Err(format!("its replies must leave by {must_be}: {step:?}")),
        }
    }

    /// Something changed. Whether connections whose hosts are silent may have to end.
    pub fn change(&mut self, addresses: A, wans: Vec<Wan>) -> bool {
        let had = std::mem::replace(&mut self.addresses, addresses);
        let before = std::mem::replace(&mut self.wans, wans);
        let ends = |wan: &Wan, family: usize| match wan.stands[family] {
            Standing::SoftDown => wan.soft[0] == Remedy::Reset,
            Standing::HardDown => wan.hard[0] == Remedy::Reset,
            _ => false,
        };
        let calls = |wan: &Wan, family: usize| wan.wants[family] && wan.up[0] == Remedy::Reset;
        let is_other = self.wans.iter().zip(&before).any(|(is, was)| is.stands != was.stands);
        let has_lost = |at: usize| self.wans[at].hard[0] == Remedy::Reset && self.addresses.has_lost_some(&had, at);
        let is_news = |(is, was): (&Wan, &Wan), it| {
            let is_spared = self.last_resort && is_other && ends(is, it);
            is_spared || ends(is, it) && !ends(was, it) || calls(is, it) && !calls(was, it)
        };
        let mut pairs = self.wans.iter().zip(&before).enumerate();
        pairs.any(|(at, pair)| has_lost(at) || is_news(pair, 0) || is_news(pair, 1))
    }

    /// Whether a change ended those connections that it had to, if it had to look, and no other flow. `tables` says of a flow
    /// what the table said before and says after, and its hash. The number that the silent host of each waits for.
    pub fn swept(
        &mut self,
        now: u64,
        has_to_look: bool,
        tables: impl Fn(&Key) -> (Option<Flow>, Option<Flow>, Option<usize>),
    ) -> Result<Vec<(Key, u32)>, String> {
        let (mut doomed, mut silent) = (Vec::new(), 0);
        for (key, life) in &self.lives {
            let (before, after, hash) = tables(key);
            let Some(before) = before else { continue };
            let is_doomed = has_to_look
                && key.protocol == TCP
                && !before.terminated
                && self.remedy(now, key, &before, hash) == Some(Remedy::Reset);
            let awaits = life.awaits().filter(|_| is_doomed);
            let must_be = if awaits.is_some() { ended(&before, now) } else { before };
            if after.map(|after| Flow { proved: false, ..after }) != Some(Flow { proved: false, ..must_be }) {
                return Err(format!("{key:?} must become {must_be:?} and is {after:?}"));
            }
            silent += u64::from(awaits.is_some() && self.unanswered(now, key, &before, hash).is_some());
            doomed.extend(awaits.map(|awaits| (*key, awaits)));
        }
        self.reset += doomed.len() as u64;
        self.silent += silent;
        Ok(doomed)
    }
}

/// A flow that ends now is known as ended for four minutes, or for what was left of its life.
fn ended(flow: &Flow, now: u64) -> Flow {
    let expires = flow.expires.min(now.div_ceil(1_000_000_000) + 240);
    Flow { terminated: true, proved: false, expires, ..*flow }
}
