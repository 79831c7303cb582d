//! The router and the laws side by side: each event happens to both, and what comes of it is explained or not.
//! Must never know: how events are drawn, what the laws are.

use super::event::{Event, Way, What};
use super::flows::{Flow, Step};
use super::laws::trace::{Station, Trace};
use super::laws::{Laws, Twist, told};
use super::life::Key;
use super::net::Net;
use super::router::{self, Tally, Worker, frame, hashed};
use super::wire;
use flowpin::plane::Shared;
use flowpin::ports::memory::Stored;
use flowpin::types::{End, Tick};
use std::collections::HashMap;
use std::sync::Arc;

/// Packets that were forwarded, and by which end.
pub type Passed = Vec<(End, Vec<u8>)>;

/// A frame that left, and when.
pub type Left = (u64, End, Vec<u8>);

/// A configuration and what happens under it.
#[derive(Clone)]
pub struct Sequence {
    pub net: Net,
    pub events: Vec<Event>,
}

impl Sequence {
    /// The sentence of the first law that is broken, if one is, and what left until then.
    pub fn play(&self, twist: Twist) -> (Option<String>, Vec<Left>) {
        let mut live = Live::new(&self.net, twist);
        let happened = self.events.iter().try_for_each(|event| live.happens(event).map(drop));
        (happened.and_then(|()| live.flows_agree()).err(), live.sent)
    }
}

/// Two workers and the laws.
pub struct Live {
    workers: Vec<Worker>,
    shared: Arc<Shared>,
    laws: Laws,
    epoch: u32,
    started: bool,
    pub sent: Vec<Left>,
}

impl Live {
    pub fn new(net: &Net, twist: Twist) -> Self {
        let shared = router::shared(net.wans.len(), net.flows);
        let workers = vec![router::worker(net, &shared), router::worker(net, &shared)];
        Self { workers, shared, laws: Laws::new(net.clone(), twist), epoch: 1, started: false, sent: Vec::new() }
    }

    /// Lets an event happen; what was forwarded, or a sentence about what no law explains.
    pub fn happens(&mut self, event: &Event) -> Result<Passed, String> {
        // The clock of a capture starts with its first packet.
        let gone = self.laws.wait(if self.started { event.after } else { 0 });
        self.started |= matches!(event.what, What::Packet { .. });
        let now = Tick(self.laws.now);
        self.workers.iter_mut().for_each(|worker| worker.wait(now));
        // Whichever worker looks first finds the fragments that nobody came for: here, the first.
        let mut waited = self.trace(0, Vec::new())?;
        waited.counted("outbound unknown-fragment", gone)?;
        waited.is_explained()?;
        match &event.what {
            What::Configuration(net) => self.change(net),
            What::Packet { from, way, packet } => {
                let passed = self.packet(event.worker, *from, *way, packet);
                passed.map_err(|fault| format!("from {from:?} {}: {fault}", wire::describe(packet)))
            }
        }
    }

    /// What a worker has sent and counted, to be explained.
    fn trace(&mut self, worker: usize, sent: Vec<(End, Stored)>) -> Result<Trace, String> {
        let now = self.laws.now;
        self.sent.extend(sent.iter().map(|(end, frame)| (now, *end, [&frame.link[..], &frame.packet].concat())));
        let counted = self.workers[worker].news();
        Trace::new(self.laws.net(), sent, counted)
    }

    fn flow(&self, key: &Key) -> Option<Flow> {
        router::flow(&self.shared, &self.workers[0].plane, key, Tick(self.laws.now))
    }

    /// Another configuration; connections over WANs that died end, and their silent hosts are told.
    fn change(&mut self, net: &Net) -> Result<Passed, String> {
        self.epoch += 1;
        let policy = router::policy(net, self.epoch);
        let before: HashMap<Key, Option<Flow>> =
            self.laws.flows.keys().into_iter().map(|key| (key, self.flow(&key))).collect();
        let has_to_look = self.laws.change(net);
        let mut told = Vec::new();
        for at in 0..self.workers.len() {
            self.workers[at].plane.adopt(Arc::clone(&policy));
            let sent = self.workers[at].tick(Tick(self.laws.now));
            let mut trace = self.trace(at, sent)?;
            let earlier = told.len();
            while !trace.is_empty(End::Inside) {
                told.push(trace.packet(End::Inside, Station::Sender)?);
            }
            trace.counted("reset", (told.len() - earlier) as u64)?;
            trace.is_explained()?;
        }
        let after: HashMap<Key, Option<Flow>> = before.keys().map(|key| (*key, self.flow(key))).collect();
        let mut wanted = self.laws.swept(has_to_look, |key| (before[key], after[key]))?;
        wanted.sort();
        told.sort();
        let says = || format!("WANs died: {wanted:02x?} must be sent, and {told:02x?} were");
        if told == wanted { Ok(Vec::new()) } else { Err(says()) }
    }

    fn packet(&mut self, worker: usize, from: End, way: Way, packet: &[u8]) -> Result<Passed, String> {
        let now = self.laws.now;
        let key = self.laws.key(from, packet);
        let before = key.and_then(|(key, _)| self.flow(&key));
        let is_full = self.shared.table.len() >= self.shared.table.limit();
        let (is_crowded, made) = (self.shared.table.is_crowded(usize::MAX), self.shared.table.created());
        let (_, sent) = self.workers[worker].send(Tick(now), from, frame(self.laws.net(), from, way, packet));
        let mut trace = self.trace(worker, sent)?;
        trace.step = key.map(|(key, talk)| {
            let hash = hashed(self.workers[worker].plane.policy(), &key);
            Step { now, key, talk, before, after: self.flow(&key), hash, is_full, is_crowded }
        });
        let needs_a_place = if from == End::Inside { is_full } else { is_crowded };
        if needs_a_place && self.shared.table.created() > made && trace.has_counted("evicted") {
            trace.counted("evicted", 1)?;
        }
        match from {
            End::Inside => self.laws.outbound(packet, &mut trace)?,
            End::Wan(_) if way == Way::WrongTag => trace.counted(&told::counter(from, "wrong-vlan"), 1)?,
            End::Wan(wan) => self.laws.inbound(wan.index(), packet, way == Way::ToAGroup, &mut trace)?,
        }
        trace.is_explained()?;
        Ok(trace.passed)
    }

    /// Adds what both workers counted to `sum`.
    pub fn add_into(&self, sum: &mut Tally) {
        for (name, count) in self.workers.iter().flat_map(Worker::tally) {
            *sum.entry(name).or_default() += count;
        }
    }

    /// Whether the table made no flow that no packet began.
    pub fn flows_agree(&self) -> Result<(), String> {
        let (found, wanted) = (self.shared.table.created(), self.laws.flows.made);
        if found == wanted { Ok(()) } else { Err(format!("{found} flows were made, and {wanted} must")) }
    }
}
