//! The router itself in the storm: controller, judge, and two workers' planes through the worker's own turn; and the
//! reference beside it. Says in a sentence where the two differ. Must never know: how events are drawn.

use super::event::{Event, Talk, What};
use super::flows::{Fate, Flows};
use super::line::{Fault, Line};
use super::net::{HOSTS, INTERVAL, Net, SERVERS, delegated};
use super::prefixes::Prefixes;
use crate::model::form::header;
use crate::model::life::Key;
use crate::model::wire::{self, TCP};
use flowpin::control::compile::{InsideState, LinkState, no_link, replay_gateway_mac};
use flowpin::control::controller::{Controller, Effects};
use flowpin::plane::counters::Event as Counted;
use flowpin::plane::flow::key::FlowKey;
use flowpin::plane::outbox::Outbox;
use flowpin::plane::policy::Policy;
use flowpin::plane::verdict::Verdict;
use flowpin::plane::{Plane, Shared, choose::steer};
use flowpin::ports::memory::{Sink, Source, Stored};
use flowpin::types::{Direction, End, Failure, Family, Frame, Mac, Outcome, Probed, Remedy, Standing, Tick, WanId};
use flowpin::workers::turn::{self, Observe, Transmitters, Turned};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

/// What happened, by name.
pub type Tally = BTreeMap<String, u64>;

pub struct Router {
    controller: Controller,
    wake: Option<Tick>,
    links: Vec<LinkState>,
    /// By line: what is broken about its link; which prefixes are lent, by the kernel's list and by the rules.
    faults: Vec<[Option<Fault>; 2]>,
    listed: Vec<Vec<u8>>,
    lent: Vec<Prefixes>,
    /// By line, then family: whether probes pass; `None`: nothing is heard of them.
    paths: Vec<[Option<bool>; 2]>,
    workers: Vec<Worker>,
    now: u64,
    /// By line, then family.
    lines: Vec<[Line; 2]>,
    flows: Flows,
    tally: Tally,
}

struct Worker {
    plane: Plane,
    outbox: Outbox,
    transmitters: Transmitters,
    sinks: Vec<(End, Sink)>,
}

/// What was decided about the frames of one turn.
#[derive(Default)]
struct Decided(Vec<Verdict>);

impl Observe for Decided {
    fn verdict(&mut self, _: End, _: &Frame<'_>, verdict: Verdict) {
        self.0.push(verdict);
    }
}

const ROUTER: InsideState =
    InsideState { v4: Some(std::net::Ipv4Addr::new(10, 250, 250, 1)), v6: None, mtu: Some(1500), machine: Vec::new() };

fn link(line: usize, fault: [Option<Fault>; 2], mtu: u16, lent: &[u8]) -> LinkState {
    let has = |family: usize| !matches!(fault[family], Some(Fault::NoGateway));
    let last = line as u8 + 1;
    if fault.contains(&Some(Fault::Absent)) {
        return no_link();
    }
    LinkState {
        present: true,
        mac: Mac([2, 0, 0, 0, 0, last]),
        came_up: (!fault.contains(&Some(Fault::NoCarrier))).then_some(1),
        mtu,
        gateway4: has(0).then_some([198, 51, 100, last].into()),
        gateway6: has(1).then_some([0xfe80, 0, 0, 0, 0, 0, 0, u16::from(last)].into()),
        delegated: lent.iter().map(|prefix| delegated(line, *prefix)).collect(),
        ..LinkState::default()
    }
}

impl Router {
    pub fn new(net: &Net) -> Self {
        let toml = net.toml();
        let settings = flowpin::config::file::parse(&toml, "storm.toml");
        let settings = settings.unwrap_or_else(|faults| panic!("{faults:?}\n{toml}"));
        let links: Vec<_> = (0..net.lines.len()).map(|line| link(line, [None; 2], 1500, &net.lent[line])).collect();
        let controller = Controller::new(Arc::new(settings), links.clone(), ROUTER, Tick(0));
        let shared = Arc::new(Shared::new(1000, 0));
        for wan in (0..net.lines.len() as u8).map(WanId) {
            let _ = Family::ALL.map(|family| shared.neighbors.set(wan, family, replay_gateway_mac(wan)));
        }
        let worker = || Worker::new(Plane::new(Arc::clone(controller.policy()), Arc::clone(&shared), false));
        let workers = vec![worker(), worker()];
        let lines: Vec<_> = net.lines.iter().map(|said| [0, 1].map(|_| Line::new(said, None))).collect();
        let (flows, paths) = (Flows::new(net, stand(&lines, 0)), vec![[Some(true); 2]; net.lines.len()]);
        let mut lent = vec![Prefixes::default(); net.lines.len()];
        lent.iter_mut().zip(&net.lent).for_each(|(lent, listed)| lent.listed(0, listed));
        let (faults, listed) = (vec![[None; 2]; net.lines.len()], net.lent.clone());
        let mut router = Self {
            controller,
            wake: None,
            links,
            faults,
            listed,
            lent,
            paths,
            workers,
            now: 0,
            lines,
            flows,
            tally: Tally::new(),
        };
        router.wake = router.controller.tick(Tick(0)).wake;
        router
    }

    fn count(&mut self, name: &str) {
        *self.tally.entry(name.to_owned()).or_default() += 1;
    }

    /// Adds what happened to `sum`.
    pub fn add_into(&self, sum: &mut Tally) {
        for (name, count) in &self.tally {
            *sum.entry(name.clone()).or_default() += count;
        }
        *sum.entry("moved".into()).or_default() += self.flows.moved;
        *sum.entry("called-back".into()).or_default() += self.flows.called;
    }

    /// Lets an event happen; the sentence of a disagreement.
    pub fn happens(&mut self, event: &Event) -> Result<(), String> {
        self.live_until(self.now + event.after)?;
        self.take_in(&event.what)?;
        self.counts_agree()
    }

    fn take_in(&mut self, what: &What) -> Result<(), String> {
        let (now, tick) = (self.now, Tick::from_millis(self.now));
        match what {
            What::Link { line, fault, mtu } => {
                self.faults[*line] = *fault;
                self.link_says(*line, *mtu)
            }
            What::Lent { line, prefixes } => {
                self.listed[*line].clone_from(prefixes);
                self.link_says(*line, self.links[*line].mtu)
            }
            What::Set { line, prefix, seconds } => {
                let millis = seconds.map(|seconds| u64::from(seconds) * 1000);
                self.lent[*line].set(now, *prefix, millis);
                self.know_faults();
                let said = delegated(*line, *prefix);
                let effects = self.controller.prefix_set(tick, WanId(*line as u8), said, *seconds)?;
                self.obey(effects, false)
            }
            What::Path { line, v6, passes } => {
                self.paths[*line][usize::from(*v6)] = *passes;
                Ok(())
            }
            What::Hand { line, verb } => {
                self.lines[*line].iter_mut().for_each(|line| line.verb = *verb);
                let effects = self.controller.by_hand(tick, WanId(*line as u8), *verb, "");
                self.obey(effects, false)
            }
            What::Packet { worker, from, talk, old } => self.packet(*worker, from.map(|line| (line, *old)), *talk),
        }
    }

    /// The kernel's word on a link. It is heard of every link, said anew or not.
    fn link_says(&mut self, line: usize, mtu: u16) -> Result<(), String> {
        self.links[line] = link(line, self.faults[line], mtu, &self.listed[line]);
        let listed = if self.links[line].present { &self.listed[line][..] } else { &[] };
        if self.flows.net.lines[line].lends {
            self.lent[line].listed(self.now, listed);
        }
        self.know_faults();
        let effects = self.controller.links_seen(Tick::from_millis(self.now), self.links.clone(), ROUTER);
        self.obey(effects, true)
    }

    /// Tells the reference what is broken, the lack of a prefix for one.
    fn know_faults(&mut self) {
        for (at, families) in self.lines.iter_mut().enumerate() {
            let has_none = self.flows.net.lines[at].lends && self.lent[at].valid(self.now).is_empty();
            let [v4, v6] = self.faults[at];
            families[0].link(self.now, v4);
            families[1].link(self.now, v6.or(has_none.then_some(Fault::NoAddress)));
        }
    }

    /// Time passes, with all that it brings: probes end, the controller is woken when it asked to be, and the reference
    /// looks when it must.
    fn live_until(&mut self, end: u64) -> Result<(), String> {
        loop {
            let woken = self.wake.map(|wake| wake.0.div_ceil(1_000_000));
            let lent = self.lent.iter().filter_map(|lent| lent.due(self.now));
            let due = self.lines.iter().flatten().filter_map(|line| line.due(self.now)).chain(lent).min();
            let probed = (self.now / INTERVAL + 1) * INTERVAL;
            let at = [woken, due, Some(probed)].into_iter().flatten().min().unwrap_or(probed);
            if at > end {
                break;
            }
            self.now = at;
            self.lines.iter_mut().flatten().for_each(|line| line.pass(at));
            self.know_faults();
            self.note();
            if woken == Some(at) {
                let effects = self.controller.tick(Tick::from_millis(at));
                self.obey(effects, false)?;
            }
            if probed == at {
                self.probes_end()?;
            }
            self.stands_agree()?;
        }
        self.now = end;
        let now = Tick::from_millis(end);
        self.workers.iter_mut().for_each(|worker| drop(worker.tick(now)));
        Ok(())
    }

    /// Those of all lines at once.
    fn probes_end(&mut self) -> Result<(), String> {
        let (at, epoch) = (Tick::from_millis(self.now), self.controller.policy().epoch);
        let mut ended = Vec::new();
        for (line, paths) in self.paths.iter().enumerate() {
            for (family, passes) in paths.iter().enumerate() {
                let Some(passes) = *passes else { continue };
                self.lines[line][family].probed(self.now, passes);
                let passed = Outcome::Passed { round_trip: 5_000_000 };
                let outcome = if passes { passed } else { Outcome::Failed(Failure::Silent) };
                ended.push(Probed { wan: WanId(line as u8), probe: family as u16, epoch, at, outcome });
            }
        }
        let effects = self.controller.probed(at, &ended);
        self.obey(effects, false)
    }

    /// Puts a snapshot in force; silent connections end as the reference says.
    fn obey(&mut self, effects: Effects, may_be_news: bool) -> Result<(), String> {
        self.wake = effects.wake;
        effects.changes.iter().for_each(|change| self.count(change.to.name()));
        self.note();
        let (stand, wants) = (stand(&self.lines, self.now), self.wants());
        let lent: Vec<_> = self.lent.iter().map(|lent| lent.valid(self.now)).collect();
        let is_same = stand == self.flows.stand && wants == self.flows.wants && lent == self.flows.net.lent;
        let Some(policy) = effects.policy else {
            return if is_same { self.stands_agree() } else { Err("no snapshot says what changed".into()) };
        };
        if !may_be_news && is_same {
            return Err("a snapshot that says nothing new".into());
        }
        let net = Net { lent: lent.clone(), ..self.flows.net.clone() };
        let wanted = self.flows.change(self.now * 1_000_000, (stand, wants, lent), &|key| chosen(&policy, &net, key));
        let now = Tick::from_millis(self.now);
        let (mut told, mut asked) = (0, Vec::new());
        for worker in &mut self.workers {
            worker.plane.adopt(Arc::clone(&policy));
            let sent = worker.tick(now);
            told += sent.iter().filter(|(end, _)| *end == End::Inside).count() as u64;
            asked.extend(sent);
        }
        self.tally.entry("rst".into()).and_modify(|sum| *sum += told).or_insert(told);
        if told != wanted {
            return Err(format!("{wanted} silent connections must end, and {told} were told"));
        }
        self.own_sources(None, &asked)?;
        self.stands_agree()
    }

    fn note(&mut self) {
        self.lines.iter_mut().flatten().for_each(|line| line.note(self.now));
    }

    /// By line, then family: whether flows of worse lines are wanted back.
    fn wants(&self) -> Vec<[bool; 2]> {
        let said = self.flows.net.lines.iter().map(|said| said.up != [Remedy::Drain; 2]);
        let lines = self.lines.iter().zip(said);
        lines.map(|(families, is_said)| [0, 1].map(|it| is_said && families[it].wants(self.now))).collect()
    }

    /// Whether each line stands as the reference says.
    fn stands_agree(&self) -> Result<(), String> {
        for (line, families) in self.lines.iter().enumerate() {
            for (family, said) in Family::ALL.into_iter().zip(families) {
                let wan = WanId(line as u8);
                let state = self.controller.judge().condition(wan, family).map(|condition| condition.state.name());
                let found = (self.controller.policy().wan(wan).unwrap().standing(family), state.unwrap_or("?"));
                let wanted = said.stands(self.now);
                if found != wanted {
                    let now = self.now;
                    return Err(format!("at {now} ms line {line} is {found:?} in {family} and must be {wanted:?}"));
                }
            }
        }
        Ok(())
    }

    fn counts_agree(&self) -> Result<(), String> {
        let counted = |event| self.workers.iter().map(|worker| worker.plane.counters().snapshot().events(event)).sum();
        let (found, wanted): ((u64, u64), _) =
            ((counted(Counted::Reset), counted(Counted::Moved)), (self.flows.reset, self.flows.moved));
        if found == wanted { Ok(()) } else { Err(format!("{found:?} flows were reset and moved, not {wanted:?}")) }
    }

    fn packet(&mut self, worker: usize, from: Option<(usize, bool)>, said: Talk) -> Result<(), String> {
        let (host, server): (IpAddr, IpAddr) =
            (HOSTS[said.host].parse().unwrap(), SERVERS[said.server].parse().unwrap());
        let net = &self.flows.net;
        if from.is_some_and(|(line, _)| self.links[line].came_up.is_none()) {
            return Ok(());
        }
        let from = from.map(|(line, old)| {
            let prefix = if old { net.lent[line].last() } else { net.lent[line].first() };
            (line, prefix.copied().filter(|_| net.is_lent(line, host)))
        });
        let public = match from {
            Some((line, Some(prefix))) => net.public_under(line, host, prefix),
            Some((line, None)) => net.public(line, host),
            None => Some(host),
        };
        let Some(ours) = public else { return Ok(()) };
        let ends = if from.is_some() { [(server, 443), (ours, said.port)] } else { [(ours, said.port), (server, 443)] };
        let bytes = built(ends, &said);
        let ip = wire::read(&bytes).expect("a right packet");
        let talk = wire::talk(&ip, &bytes, false).expect("a right packet");
        let (end, link) = match from {
            Some((line, _)) => {
                let mac = self.links[line].mac.0;
                let kind = if host.is_ipv4() { [8, 0] } else { [0x86, 0xdd] };
                (End::Wan(WanId(line as u8)), [&mac[..], &replay_gateway_mac(WanId(line as u8)).0, &kind].concat())
            }
            None => (End::Inside, Vec::new()),
        };
        let (now, nanos) = (Tick::from_millis(self.now), self.now * 1_000_000);
        let direction = if from.is_some() { Direction::Inbound } else { Direction::Outbound };
        let key = Key::of(&ip, talk, direction, host);
        let (verdict, sent) = self.workers[worker].send(now, end, Stored::new(&link, &bytes));
        let took = match verdict {
            Verdict::Forward(End::Wan(wan)) => Some(wan.index()),
            _ => None,
        };
        let fate = match from {
            Some(exit) => self.flows.inbound(nanos, exit, key, talk),
            None => {
                let (policy, net) = (Arc::clone(self.controller.policy()), self.flows.net.clone());
                self.flows.outbound(nanos, key, talk, took, &|key| chosen(&policy, &net, key))
            }
        };
        self.count(match &fate {
            Fate::Out(_) => "out",
            Fate::Inside => "in",
            Fate::Refused(reason) => reason,
        });
        let right = match (&fate, verdict) {
            (Fate::Out(lines), Verdict::Forward(End::Wan(wan))) => lines.contains(&wan.index()),
            (Fate::Inside, Verdict::Forward(End::Inside)) => true,
            (Fate::Refused(wanted), Verdict::Drop(reason)) => *wanted == reason.name(),
            _ => false,
        };
        if !right {
            return Err(format!(
                "at {} ms {key:?} {talk:?} from {from:?} must be {fate:?} and is {verdict:?}",
                self.now
            ));
        }
        self.own_sources(Some(&key).filter(|_| from.is_none()), &sent)
    }

    /// No packet leaves a line with a source that is not its flow's on that line, or of no one flow any of that line's
    /// (RFC 3704 §4.3), nor a line that cannot send.
    fn own_sources(&self, key: Option<&Key>, sent: &[(End, Stored)]) -> Result<(), String> {
        for (end, frame) in sent {
            let End::Wan(wan) = end else { continue };
            let (line, source) = (wan.index(), wire::read(&frame.packet).expect("a right packet").source);
            let is_own = match key {
                Some(key) => self.flows.source(self.now * 1_000_000, key, line) == Some(source),
                None => self.flows.net.owns(line, source),
            };
            if !is_own {
                return Err(format!("line {line} has sent a packet of {source}"));
            }
            if self.flows.stand[line][usize::from(source.is_ipv6())] == Standing::HardDown {
                return Err(format!("line {line} cannot send, and has"));
            }
        }
        Ok(())
    }
}

/// The line that the router's hash gives a new flow. What the rules say of it is not asked.
fn chosen(policy: &Policy, net: &Net, key: &Key) -> Option<usize> {
    let translates = |id: WanId| net.public(id.index(), key.inside).is_some();
    let key = FlowKey::from_parts(key.protocol, (key.inside, key.port), (key.remote, key.remote_port));
    steer::choose(policy, &key, translates).map(WanId::index)
}

/// A small packet: a UDP datagram or a TCP segment without options.
fn built([from, to]: [(IpAddr, u16); 2], said: &Talk) -> Vec<u8> {
    let mut l4 = [from.1.to_be_bytes(), to.1.to_be_bytes()].concat();
    match said.protocol {
        TCP => {
            l4.extend([0, 0, 0, 1, 0, 0, 0, 1, 0x50, said.flags, 0x20, 0, 0, 0, 0, 0]);
        }
        _ => l4.extend([0, 8, 0, 0]),
    }
    let mut packet = header(from.0, to.0, 0, said.protocol, l4.len());
    packet.extend(l4);
    wire::seal(&mut packet);
    packet
}

fn stand(lines: &[[Line; 2]], now: u64) -> Vec<[Standing; 2]> {
    lines.iter().map(|families| [0, 1].map(|family| families[family].stands(now).0)).collect()
}

impl Worker {
    fn new(plane: Plane) -> Self {
        let inside = Sink::default();
        let mut sinks = vec![(End::Inside, inside.clone())];
        let mut transmitters = Transmitters { inside: Box::new(inside), wans: Vec::new() };
        for wan in (0..3).map(WanId) {
            let sink = Sink::default();
            sinks.push((End::Wan(wan), sink.clone()));
            transmitters.wans.push(Some(Box::new(sink)));
        }
        Self { plane, outbox: Outbox::new(), transmitters, sinks }
    }

    /// One call that is due now, and what it sends.
    fn tick(&mut self, now: Tick) -> Vec<(End, Stored)> {
        self.plane.tick(now, &mut self.outbox);
        turn::flush(&mut self.transmitters, &mut self.outbox, &mut Turned::default()).unwrap();
        self.sent()
    }

    /// One frame in: what was decided, and what leaves because of it.
    fn send(&mut self, now: Tick, from: End, frame: Stored) -> (Verdict, Vec<(End, Stored)>) {
        let (mut source, mut decided) = (Source::default(), Decided::default());
        source.push(frame);
        turn::turn(now, from, &mut source, &mut self.transmitters, &mut self.plane, &mut self.outbox, &mut decided)
            .unwrap();
        (decided.0[0], self.sent())
    }

    fn sent(&self) -> Vec<(End, Stored)> {
        self.sinks.iter().flat_map(|(end, sink)| sink.take().into_iter().map(|frame| (*end, frame))).collect()
    }
}
