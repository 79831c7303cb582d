//! The router itself in the storm: controller, judge, and two workers' planes through the worker's own turn; and the
//! lines and flows beside it as the rules have them. Says in a sentence where the two differ. Must never know: how events are drawn.

use super::event::{Event, What};
use super::line::{Fault, Line};
use super::net::{INTERVAL, Net, delegated};
use super::prefixes::Prefixes;
use crate::model::flows::{Flow, Flows, Wan};
use crate::model::life::Key;
use crate::model::router::{self, Tally, Worker, flow_key};
use flowpin::control::compile::{InsideState, LinkState, no_link};
use flowpin::control::controller::{Controller, Effects, Event as Happens};
use flowpin::plane::choose::{candidates, steer};
use flowpin::plane::counters::Event as Counted;
use flowpin::plane::policy::{Gateway, Policy};
use flowpin::plane::{Plane, Shared};
use flowpin::types::{End, Failure, Family, Mac, Outcome, Probed, Remedy, Tick, WanId};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

pub struct Router {
    pub controller: Controller,
    wake: Option<Tick>,
    pub links: Vec<LinkState>,
    /// By line: what is broken about its link; which prefixes are lent, by the kernel's list and by the rules.
    faults: Vec<[Option<Fault>; 2]>,
    listed: Vec<Vec<u8>>,
    pub lent: Vec<Prefixes>,
    /// By line, then family: whether probes pass; `None`: nothing is heard of them.
    paths: Vec<[Option<bool>; 2]>,
    pub workers: Vec<Worker>,
    shared: Arc<Shared>,
    pub now: u64,
    /// By line, then family.
    lines: Vec<[Line; 2]>,
    pub flows: Flows<Net>,
    /// When connections are looked for next that nothing answers.
    looks: u64,
    tally: Tally,
}

/// Milliseconds from one such look to the next.
const LOOKS: u64 = 1000;

/// Room for so many flows, which is enough.
const FLOWS: usize = 1000;

const ROUTER: InsideState = InsideState {
    v4: Some(std::net::Ipv4Addr::new(10, 250, 250, 1)),
    v6: None,
    mtu: Some(1500),
    machine: Vec::new(),
    own: Vec::new(),
};

fn link(line: usize, fault: [Option<Fault>; 2], mtu: u16, lent: &[u8]) -> LinkState {
    let last = line as u8 + 1;
    let gateway = |family: usize, address: IpAddr| {
        let has = !matches!(fault[family], Some(Fault::NoGateway));
        has.then(|| Gateway::new(address, "default route")).into_iter().collect()
    };
    let v6 = [0xfe80, 0, 0, 0, 0, 0, 0, u16::from(last)];
    if fault.contains(&Some(Fault::Absent)) {
        return no_link();
    }
    LinkState {
        present: true,
        mac: Mac([2, 0, 0, 0, 0, last]),
        came_up: (!fault.contains(&Some(Fault::NoCarrier))).then_some(1),
        mtu,
        gateways: [gateway(0, IpAddr::from([198, 51, 100, last])), gateway(1, IpAddr::from(v6))],
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
        let shared = router::shared(net.lines.len(), FLOWS);
        let plane = || Plane::new(Arc::clone(controller.policy()), Arc::clone(&shared), false);
        let workers = vec![Worker::new(plane(), net.lines.len()), Worker::new(plane(), net.lines.len())];
        let lines: Vec<_> = net.lines.iter().map(|said| [0, 1].map(|_| Line::new(said, None))).collect();
        let flows = Flows::new(net.clone(), wans(net, &lines, 0), net.last_resort);
        let paths = vec![[Some(true); 2]; net.lines.len()];
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
            shared,
            now: 0,
            lines,
            flows,
            looks: 0,
            tally: Tally::new(),
        };
        router.wake = router.controller.handle(Happens::Tick, Tick(0)).wake;
        router
    }

    pub fn count(&mut self, name: &str) {
        *self.tally.entry(name.to_owned()).or_default() += 1;
    }

    /// Adds what happened to `sum`.
    pub fn add_into(&self, sum: &mut Tally) {
        for (name, count) in &self.tally {
            *sum.entry(name.clone()).or_default() += count;
        }
        *sum.entry("moved".into()).or_default() += self.flows.moved;
        *sum.entry("called-back".into()).or_default() += self.flows.called;
        *sum.entry("silent".into()).or_default() += self.flows.silent;
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
                let set = Happens::Prefix { wan: WanId(*line as u8), prefix: said, seconds: *seconds };
                let effects = self.controller.handle(set, tick);
                if let Some(sentence) = effects.refused {
                    return Err(sentence);
                }
                self.obey(effects, false)
            }
            What::Path { line, v6, passes } => {
                self.paths[*line][usize::from(*v6)] = *passes;
                Ok(())
            }
            What::Hand { line, verb } => {
                self.lines[*line].iter_mut().for_each(|line| line.verb = *verb);
                let by_hand = Happens::Operator { wan: WanId(*line as u8), verb: *verb, reason: String::new() };
                let effects = self.controller.handle(by_hand, tick);
                self.obey(effects, false)
            }
            What::Packet { worker, from, talk, old } => self.packet(*worker, from.map(|line| (line, *old)), *talk),
        }
    }

    /// The kernel's word on a link. It is heard of every link, said anew or not.
    fn link_says(&mut self, line: usize, mtu: u16) -> Result<(), String> {
        self.links[line] = link(line, self.faults[line], mtu, &self.listed[line]);
        let listed = if self.links[line].present { &self.listed[line][..] } else { &[] };
        if self.flows.addresses.lines[line].lends {
            self.lent[line].listed(self.now, listed);
        }
        self.know_faults();
        let tick = Tick::from_millis(self.now);
        if self.links[line].present && self.links[line].came_up.is_none() {
            // The loss alone is told before all else of the link, as soon as the kernel says so.
            let effects = self.controller.handle(Happens::LinkLost(vec![WanId(line as u8)]), tick);
            if effects.policy.is_some() {
                self.obey(effects, true)?;
            }
        }
        let effects = self.controller.handle(Happens::Links { links: self.links.clone(), inside: ROUTER }, tick);
        self.obey(effects, true)
    }

    /// Tells the reference what is broken, the lack of a prefix for one.
    fn know_faults(&mut self) {
        for (at, families) in self.lines.iter_mut().enumerate() {
            let has_none = self.flows.addresses.lines[at].lends && self.lent[at].valid(self.now).is_empty();
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
                let effects = self.controller.handle(Happens::Tick, Tick::from_millis(at));
                self.obey(effects, false)?;
            }
            if probed == at {
                self.probes_end()?;
            }
            self.stands_agree()?;
        }
        self.now = end;
        self.workers_pass(None)
    }

    /// Time passes for the workers, or another snapshot is in force, so that they may have to look for connections: those that
    /// end are those that must.
    fn workers_pass(&mut self, adopted: Option<(Arc<Policy>, Net, Vec<Wan>)>) -> Result<(), String> {
        let now = Tick::from_millis(self.now);
        let before: HashMap<Key, Option<Flow>> =
            self.flows.keys().into_iter().map(|key| (key, self.flow(&key))).collect();
        let mut has_to_look = false;
        if let Some((policy, net, wans)) = adopted {
            has_to_look = self.flows.change(net, wans);
            self.workers.iter_mut().for_each(|worker| worker.plane.adopt(Arc::clone(&policy)));
        }
        if !has_to_look && self.now >= self.looks && self.flows.wans.iter().any(Wan::ends_unanswered) {
            has_to_look = true;
            self.looks = self.now + LOOKS;
        }
        let asked: Vec<_> = self.workers.iter_mut().flat_map(|worker| worker.tick(now)).collect();
        let told = asked.iter().filter(|(end, _)| *end == End::Inside).count() as u64;
        let after: HashMap<Key, Option<Flow>> = before.keys().map(|key| (*key, self.flow(key))).collect();
        let (policy, net) = (Arc::clone(self.controller.policy()), self.flows.addresses.clone());
        let tables = |key: &Key| (before[key], after[key], chosen(&policy, &net, key));
        let wanted = self.flows.swept(now.0, has_to_look, tables)?.len() as u64;
        self.tally.entry("rst".into()).and_modify(|sum| *sum += told).or_insert(told);
        if told != wanted {
            return Err(format!("{wanted} silent connections must end, and {told} were told"));
        }
        self.own_sources(&asked)
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
        let effects = self.controller.handle(Happens::Probed(ended), at);
        self.obey(effects, false)
    }

    /// Puts a snapshot in force; silent connections end as the reference says.
    fn obey(&mut self, effects: Effects, may_be_news: bool) -> Result<(), String> {
        self.wake = effects.wake;
        effects.changes.iter().for_each(|change| self.count(change.to.name()));
        self.note();
        let lent: Vec<_> = self.lent.iter().map(|lent| lent.valid(self.now)).collect();
        let net = Net { lent, ..self.flows.addresses.clone() };
        let wans = wans(&net, &self.lines, self.now);
        let is_same = wans == self.flows.wans && net.lent == self.flows.addresses.lent;
        let Some(policy) = effects.policy else {
            return if is_same { self.stands_agree() } else { Err("no snapshot says what changed".into()) };
        };
        if !may_be_news && is_same {
            return Err("a snapshot that says nothing new".into());
        }
        self.workers_pass(Some((policy, net, wans)))?;
        self.stands_agree()
    }

    fn note(&mut self) {
        self.lines.iter_mut().flatten().for_each(|line| line.note(self.now));
    }

    /// A flow as the table shows it, if it lives.
    pub fn flow(&self, key: &Key) -> Option<Flow> {
        router::flow(&self.shared, &self.workers[0].plane, key, Tick::from_millis(self.now))
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
        let found: [u64; 3] = [Counted::Reset, Counted::Moved, Counted::Silent].map(counted);
        let wanted = [self.flows.reset, self.flows.moved, self.flows.silent];
        let says = || format!("{found:?} flows were reset, moved, and one or the other for silence, not {wanted:?}");
        if found == wanted { Ok(()) } else { Err(says()) }
    }
}

/// The line that the router's hash gives a new flow. What the laws say of it is not asked.
pub fn chosen(policy: &Policy, net: &Net, key: &Key) -> Option<usize> {
    let (key, translates) = (flow_key(key), |id: WanId| net.public(id.index(), key.inside).is_some());
    steer::choose(policy, &key, candidates::best(policy, key.family(), translates)).map(WanId::index)
}

/// What the laws of flows must know of the lines.
fn wans(net: &Net, lines: &[[Line; 2]], now: u64) -> Vec<Wan> {
    let wan = |(said, families): (&super::net::Line, &[Line; 2])| Wan {
        tier: said.tier,
        stands: [0, 1].map(|family| families[family].stands(now).0),
        soft: said.soft,
        hard: said.hard,
        up: said.up,
        wants: [0, 1].map(|family| said.up != [Remedy::Drain; 2] && families[family].wants(now)),
        drains: [0, 1].map(|family| families[family].drains(now)),
    };
    net.lines.iter().zip(lines).map(wan).collect()
}
