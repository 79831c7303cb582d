//! Which line a flow is on, by the rules: it stays on its line while that is up; when it is down the line's settings say
//! whether it stays, ends or goes elsewhere. Must never know: tables, why a line stands as it does.

use super::net::Net;
use crate::model::life::{Key, Life};
use crate::model::wire::{self, ACK, RST, SYN, TCP};
use flowpin::types::{Direction, Remedy, Standing};
use std::collections::HashMap;
use std::net::IpAddr;

/// The line that the router would choose for a new flow.
pub type Word<'w> = &'w dyn Fn(&Key) -> Option<usize>;

/// A line, and the prefix of it that an address is out of, if that is lent.
pub type Exit = (usize, Option<u8>);

/// By line: how it stands in each family, whether it wants flows of worse lines back, and the prefixes that it is lent.
pub type Shape = (Vec<[Standing; 2]>, Vec<[bool; 2]>, Vec<Vec<u8>>);

/// What becomes of a packet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fate {
    /// Out of one of these lines, from the host's address there.
    Out(Vec<usize>),
    Inside,
    Refused(&'static str),
}

pub struct Flows {
    pub net: Net,
    /// By line, then family.
    pub stand: Vec<[Standing; 2]>,
    /// The same: whether it wants flows of worse lines back.
    pub wants: Vec<[bool; 2]>,
    lives: HashMap<Key, Flow>,
    /// Connections ended, flows moved; those that a better line called back among them.
    pub reset: u64,
    pub moved: u64,
    pub called: u64,
}

struct Flow {
    life: Life,
    /// The prefix that it has its address from, if that is lent.
    lent: Option<u8>,
    /// It has been looked at since anything changed.
    proved: bool,
}

fn family(host: IpAddr) -> usize {
    usize::from(host.is_ipv6())
}

impl Flows {
    pub fn new(net: &Net, stand: Vec<[Standing; 2]>) -> Self {
        let wants = vec![[false; 2]; stand.len()];
        Self { net: net.clone(), stand, wants, lives: HashMap::new(), reset: 0, moved: 0, called: 0 }
    }

    /// What the better line that a new flow would take by the router's word wants of this one, which is on a line that is
    /// up. What came from outside nobody wants.
    fn recall(&self, life: &Life, key: &Key, word: Word<'_>) -> Option<Remedy> {
        let better = word(key).filter(|line| self.lawful(key).contains(line))?;
        let (is, would_be) = (&self.net.lines[life.wan], &self.net.lines[better]);
        let is_wanted = self.wants[better][family(key.inside)] && would_be.tier < is.tier && !life.from_outside;
        Some(would_be.up[usize::from(key.protocol != TCP)]).filter(|remedy| is_wanted && *remedy != Remedy::Drain)
    }

    /// What is to be done with a flow. What its line would let stay a better one may call; who would be given the same line
    /// again, as the last resort, stays.
    fn remedy(&self, flow: &Flow, key: &Key, word: Word<'_>) -> Option<Remedy> {
        let (line, kind) = (flow.life.wan, usize::from(key.protocol != TCP));
        if self.is_gone(key, flow) {
            return Some(self.net.lines[line].hard[kind]);
        }
        let is_resort = || word(key).filter(|line| self.lawful(key).contains(line)) == Some(line);
        match remedy(&self.net, &self.stand, line, key) {
            stays @ (None | Some(Remedy::Drain)) => self.recall(&flow.life, key, word).or(stays),
            Some(_) if self.net.last_resort && is_resort() => None,
            down => down,
        }
    }

    /// Something changed. How many silent connections end now, and their hosts are told.
    pub fn change(&mut self, now: u64, (stand, wants, lent): Shape, word: Word<'_>) -> u64 {
        self.lives.values_mut().for_each(|flow| flow.proved = false);
        let before = std::mem::replace(&mut self.stand, stand);
        let wanted = std::mem::replace(&mut self.wants, wants);
        let had = std::mem::replace(&mut self.net.lent, lent);
        let has_lost_one = |line: usize| {
            let is_gone = had[line].iter().any(|prefix| !self.net.lent[line].contains(prefix));
            is_gone && self.net.lines[line].hard[0] == Remedy::Reset
        };
        let ends = |stand: &[[Standing; 2]], line: usize, family: usize| match stand[line][family] {
            Standing::SoftDown => self.net.lines[line].soft[0] == Remedy::Reset,
            Standing::HardDown => self.net.lines[line].hard[0] == Remedy::Reset,
            _ => false,
        };
        let calls = |wants: &[[bool; 2]], line: usize, family: usize| {
            wants[line][family] && self.net.lines[line].up[0] == Remedy::Reset
        };
        let is_news = |line| {
            (0..2).any(|family| {
                ends(&self.stand, line, family) && !ends(&before, line, family)
                    || calls(&self.wants, line, family) && !calls(&wanted, line, family)
            })
        };
        let is_spared =
            |line| self.net.last_resort && before != self.stand && (0..2).any(|it| ends(&self.stand, line, it));
        if !(0..self.stand.len()).any(|line| is_news(line) || has_lost_one(line) || is_spared(line)) {
            return 0;
        }
        let is_doomed = |(key, flow): &(&Key, &Flow)| {
            let is_silent = key.protocol == TCP && flow.life.lives(now) && flow.life.awaits().is_some();
            is_silent && self.remedy(flow, key, word) == Some(Remedy::Reset)
        };
        let doomed: Vec<Key> = self.lives.iter().filter(is_doomed).map(|(key, _)| *key).collect();
        for key in &doomed {
            if let Some(flow) = self.lives.get_mut(key) {
                flow.life.cut(now);
            }
        }
        self.reset += doomed.len() as u64;
        doomed.len() as u64
    }

    /// The lines of which one must take a new flow of this host.
    fn lawful(&self, key: &Key) -> Vec<usize> {
        let worst = if self.net.last_resort { Standing::SoftDown } else { Standing::Degraded };
        let rank = |line: usize| (self.stand[line][family(key.inside)], self.net.lines[line].tier);
        let able = |line: &usize| self.net.public(*line, key.inside).is_some() && rank(*line).0 <= worst;
        let best = (0..self.stand.len()).filter(able).map(rank).min();
        (0..self.stand.len()).filter(able).filter(|line| Some(rank(*line)) == best).collect()
    }

    /// A packet from inside; `took` is the line that the router chose, where the rules leave a choice.
    pub fn outbound(&mut self, now: u64, key: Key, talk: wire::Talk, took: Option<usize>, word: Word<'_>) -> Fate {
        let lawful = self.lawful(&key);
        let known = self.lives.get(&key).filter(|flow| flow.life.lives(now));
        let Some(flow) = known else { return self.begins(now, key, talk, took, &lawful) };
        let (line, proved, cut, came_in) = (flow.life.wan, flow.proved, flow.life.cut, flow.life.from_outside);
        let (is_gone, remedy) = (self.is_gone(&key, flow), self.remedy(flow, &key, word));
        let is_called = !is_gone && remedy.is_some() && remedy == self.recall(&flow.life, &key, word);
        self.called += u64::from(is_called && !proved && !cut);
        let can_send = !is_gone && self.stand[line][family(key.inside)] != Standing::HardDown;
        let why_not = if is_gone { "address-gone" } else { "wan-down" };
        let flags = if let wire::Talk::Tcp { flags, .. } = talk { Some(flags) } else { None };
        let (is_rst, is_syn) =
            (flags.is_some_and(|flags| flags & RST != 0), flags.is_some_and(|flags| flags & (SYN | ACK | RST) == SYN));
        let is_tcp = flags.is_some();
        match remedy {
            _ if cut && is_rst => {
                if can_send {
                    Fate::Out(vec![line])
                } else {
                    Fate::Refused(why_not)
                }
            }
            _ if cut && is_tcp && !is_syn => Fate::Refused("reset"),
            _ if cut => self.begins(now, key, talk, took, &lawful),
            None => self.goes(now, key, talk, line),
            Some(_) if proved && can_send => self.goes(now, key, talk, line),
            Some(Remedy::Reset) if is_rst && can_send => self.goes(now, key, talk, line),
            Some(Remedy::Reset) if is_rst => Fate::Refused(why_not),
            Some(Remedy::Reset) if is_syn && !came_in => self.moves(now, key, talk, took, can_send, &lawful),
            Some(Remedy::Reset) => self.ends(now, &key),
            Some(Remedy::Move) if !came_in => self.moves(now, key, talk, took, can_send, &lawful),
            Some(_) if can_send => self.goes(now, key, talk, line),
            Some(_) => Fate::Refused(why_not),
        }
    }

    fn begins(&mut self, now: u64, key: Key, talk: wire::Talk, took: Option<usize>, lawful: &[usize]) -> Fate {
        if lawful.is_empty() {
            return self.nowhere(&key);
        }
        if let Some(line) = took.filter(|line| lawful.contains(line)) {
            let exit = (line, self.newest(line, key.inside));
            self.make(now, key, talk, exit, Direction::Outbound);
        }
        Fate::Out(lawful.to_vec())
    }

    fn make(&mut self, now: u64, key: Key, talk: wire::Talk, (line, lent): Exit, direction: Direction) {
        if !matches!(talk, wire::Talk::Tcp { flags, .. } if flags & RST != 0) {
            let life = Life::new(key.protocol, line, direction, talk, now);
            self.lives.insert(key, Flow { life, lent, proved: true });
        }
    }

    fn nowhere(&self, key: &Key) -> Fate {
        let any = (0..self.stand.len()).any(|line| self.net.public(line, key.inside).is_some());
        Fate::Refused(if any { "all-wans-down" } else { "no-wan" })
    }

    fn goes(&mut self, now: u64, key: Key, talk: wire::Talk, line: usize) -> Fate {
        if let Some(flow) = self.lives.get_mut(&key) {
            flow.life.sees(key.protocol, Direction::Outbound, talk, now);
            (flow.life.wan, flow.proved) = (line, true);
        }
        Fate::Out(vec![line])
    }

    fn moves(
        &mut self,
        now: u64,
        key: Key,
        talk: wire::Talk,
        took: Option<usize>,
        may_stay: bool,
        lawful: &[usize],
    ) -> Fate {
        let (old, lent, is_gone) = {
            let flow = &self.lives[&key];
            (flow.life.wan, flow.lent, self.is_gone(&key, flow))
        };
        if lawful.is_empty() {
            return if may_stay { self.goes(now, key, talk, old) } else { self.nowhere(&key) };
        }
        if let Some(line) = took.filter(|line| lawful.contains(line)) {
            // Whoever comes back to its line keeps its address, if there still is such.
            let new = if line == old && !is_gone { lent } else { self.newest(line, key.inside) };
            self.moved += u64::from((line, new) != (old, lent));
            self.goes(now, key, talk, line);
            self.lives.entry(key).and_modify(|flow| flow.lent = new);
        }
        Fate::Out(lawful.to_vec())
    }

    fn ends(&mut self, now: u64, key: &Key) -> Fate {
        if let Some(flow) = self.lives.get_mut(key) {
            flow.life.cut(now);
        }
        self.reset += 1;
        Fate::Refused("reset")
    }

    /// A packet from a line, to a host's address out of a prefix if that is lent. Replies are to leave from there.
    pub fn inbound(&mut self, now: u64, exit: Exit, key: Key, talk: wire::Talk) -> Fate {
        if self.stand[exit.0][family(key.inside)] == Standing::HardDown {
            return Fate::Refused("wan-down");
        }
        let asks = !matches!(talk, wire::Talk::Tcp { flags, .. } if flags & (SYN | ACK) != SYN);
        match self.lives.get_mut(&key).filter(|flow| flow.life.lives(now)) {
            None => self.make(now, key, talk, exit, Direction::Inbound),
            Some(flow) if flow.life.cut => {
                if asks {
                    self.make(now, key, talk, exit, Direction::Inbound);
                }
            }
            Some(flow) => {
                flow.life.sees(key.protocol, Direction::Inbound, talk, now);
                if flow.life.follows_its_requests(key.protocol) && asks && (flow.life.wan, flow.lent) != exit {
                    (flow.life.wan, flow.lent, flow.proved) = (exit.0, exit.1, true);
                }
            }
        }
        Fate::Inside
    }

    /// The prefix of a new flow, if it is lent.
    fn newest(&self, line: usize, host: IpAddr) -> Option<u8> {
        self.net.lent[line].first().copied().filter(|_| self.net.is_lent(line, host))
    }

    fn is_gone(&self, key: &Key, flow: &Flow) -> bool {
        let is_there = |prefix: &u8| self.net.lent[flow.life.wan].contains(prefix);
        self.net.is_lent(flow.life.wan, key.inside) && !flow.lent.as_ref().is_some_and(is_there)
    }

    /// The source of a packet of this flow that leaves by a line.
    pub fn source(&self, now: u64, key: &Key, line: usize) -> Option<IpAddr> {
        let flow = self.lives.get(key).filter(|flow| flow.life.wan == line && flow.life.lives(now));
        match flow.and_then(|flow| flow.lent) {
            Some(prefix) => self.net.public_under(line, key.inside, prefix),
            None => self.net.public(line, key.inside),
        }
    }
}

fn remedy(net: &Net, stand: &[[Standing; 2]], line: usize, key: &Key) -> Option<Remedy> {
    let kind = usize::from(key.protocol != TCP);
    match stand[line][family(key.inside)] {
        Standing::Up | Standing::Degraded => None,
        Standing::SoftDown => Some(net.lines[line].soft[kind]),
        Standing::HardDown => Some(net.lines[line].hard[kind]),
    }
}
