//! The router itself under the model: its workers' planes through the worker's own turn, with ticks and counters, and
//! the rules beside it. Says in a sentence where the two differ. Must never know: how events are drawn.

use super::event::{Event, Way, What};
use super::life::Key;
use super::net::Net;
use super::rules::{Fate, Outcome, Rules, Twist, Word};
use super::wire;
use flowpin::control::compile::{replay_gateway_mac, replay_policy};
use flowpin::plane::choose::{address, steer};
use flowpin::plane::counters::{Event as Counted, Totals};
use flowpin::plane::flow::key::FlowKey;
use flowpin::plane::outbox::Outbox;
use flowpin::plane::policy::Policy;
use flowpin::plane::{Plane, Shared};
use flowpin::ports::memory::{Sink, Source, Stored};
use flowpin::types::{Direction, End, Family, Mac, Standing, Tick, WanId};
use flowpin::workers::turn::{self, Transmitters, Turned};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The router on an ISP's link that sends everything.
const STATION: [u8; 6] = [2, 0, 0x5e, 0x10, 0, 9];

/// A frame that left, and when.
pub type Left = (u64, End, Vec<u8>);

/// What was counted, by name.
pub type Tally = BTreeMap<String, u64>;

/// Two workers and the rules.
pub struct Live {
    workers: Vec<Worker>,
    shared: Arc<Shared>,
    rules: Rules,
    epoch: u32,
    started: bool,
    pub sent: Vec<Left>,
}

/// One worker's plane with its transmitters.
pub struct Worker {
    pub plane: Plane,
    outbox: Outbox,
    transmitters: Transmitters,
    sinks: Vec<(End, Sink)>,
    wanted: Tick,
    /// What the rules say that its counters show.
    tally: Tally,
}

pub fn policy(net: &Net, epoch: u32) -> Arc<Policy> {
    let settings = flowpin::config::file::parse(&net.toml(), "model.toml");
    let settings = settings.unwrap_or_else(|faults| panic!("{faults:?}\n{}", net.toml()));
    let mut policy = Policy { epoch, ..replay_policy(&settings) };
    for ((_, wan), said) in policy.wans.iter_mut().zip(&net.wans) {
        wan.standing = said.dead.map(|dead| if dead { Standing::HardDown } else { Standing::Up });
    }
    Arc::new(policy)
}

/// What the workers of one router share: next hops are known.
pub fn shared(net: &Net) -> Arc<Shared> {
    let shared = Shared::new(net.flows, 0);
    for wan in (0..net.wans.len() as u8).map(WanId) {
        shared.neighbors.set(wan, Family::V4, replay_gateway_mac(wan));
        shared.neighbors.set(wan, Family::V6, replay_gateway_mac(wan));
    }
    Arc::new(shared)
}

impl Live {
    pub fn new(net: &Net, twist: Twist) -> Self {
        let shared = shared(net);
        let wans: Vec<_> = (0..net.wans.len() as u8).map(WanId).collect();
        let policy = policy(net, 1);
        let worker = || Worker::new(Plane::new(Arc::clone(&policy), Arc::clone(&shared), false), &wans);
        let workers = vec![worker(), worker()];
        Self { workers, shared, rules: Rules::new(net.clone(), twist), epoch: 1, started: false, sent: Vec::new() }
    }

    /// Lets an event happen; what was forwarded, or the sentence of a disagreement.
    pub fn happens(&mut self, event: &Event) -> Result<Vec<(End, Vec<u8>)>, String> {
        // The clock of a capture starts with its first packet.
        let gone = self.rules.wait(if self.started { event.after } else { 0 });
        self.started |= matches!(event.what, What::Packet { .. });
        let now = Tick(self.rules.now);
        for worker in &mut self.workers {
            worker.wait(now);
        }
        if gone > 0 {
            // Whichever looks first finds them: here, the first.
            self.workers[0].count("outbound unknown-fragment", gone);
        }
        match &event.what {
            What::Configuration(net) => {
                self.epoch += 1;
                let policy = policy(net, self.epoch);
                self.workers.iter_mut().for_each(|worker| worker.plane.adopt(Arc::clone(&policy)));
                let before = std::mem::replace(&mut self.rules.net, (**net).clone());
                self.rules.adopt((**net).clone());
                self.swept(now, &before)
            }
            // A dead line brings nothing.
            What::Packet { from: End::Wan(wan), packet, .. }
                if self.rules.net.wans[wan.index()].dead[kind_of(packet)] =>
            {
                Ok(Vec::new())
            }
            What::Packet { from, way, packet } => self.packet(now, event.worker, *from, *way, packet),
        }
    }

    /// Connections over lines that died end, and their silent hosts are told.
    fn swept(&mut self, now: Tick, before: &Net) -> Result<Vec<(End, Vec<u8>)>, String> {
        let mut wanted = self.rules.sweep(before);
        let mut sent = Vec::new();
        for worker in &mut self.workers {
            let told = worker.tick(now);
            worker.count("reset", told.len() as u64);
            sent.extend(told);
        }
        let inside = |packet: Vec<u8>| (now.0, End::Inside, packet);
        self.sent.extend(sent.iter().cloned().map(inside));
        wanted.sort();
        sent.sort();
        if sent == wanted {
            Ok(Vec::new())
        } else {
            Err(format!("lines died: {wanted:02x?} must be told, and {sent:02x?} were"))
        }
    }

    fn packet(
        &mut self,
        now: Tick,
        worker: usize,
        from: End,
        way: Way,
        packet: &[u8],
    ) -> Result<Vec<(End, Vec<u8>)>, String> {
        let frame = frame(&self.rules.net, from, way, packet);
        let bytes = |(end, frame): (End, Stored)| match end {
            End::Inside => (end, frame.packet),
            End::Wan(_) => (end, [frame.link, frame.packet].concat()),
        };
        let sent: Vec<_> = self.workers[worker].send(now, from, frame).into_iter().map(bytes).collect();
        self.sent.extend(sent.iter().map(|(end, bytes)| (now.0, *end, bytes.clone())));
        let left = sent.iter().find_map(|(end, _)| match end {
            End::Wan(wan) if from == End::Inside => Some(wan.index()),
            _ => None,
        });
        let table = &self.shared.table;
        let policy = Arc::clone(self.workers[worker].plane.policy());
        let pin = |key: &Key| table.peek(&flow_key(key), now).map(|pin| pin.binding.wan.index());
        let of = |key: &Key| pin(key).or(left).or_else(|| new_flow(&policy, key));
        let pinned = |key: &Key| pin(key).is_some();
        let hash = |key: &Key| new_flow(&policy, key);
        let word = Word { of: &of, pinned: &pinned, hash: &hash };
        let outcomes = match from {
            End::Inside => self.rules.outbound(packet, word),
            End::Wan(_) if way == Way::WrongTag => {
                vec![Outcome { fate: Fate::Dropped("wrong-vlan"), error: None, farewell: None, clamped: false }]
            }
            End::Wan(wan) => vec![self.rules.inbound(wan.index(), packet, way == Way::ToAGroup, word)],
        };
        for outcome in &outcomes {
            self.workers[worker].expect(from, outcome);
        }
        for note in std::mem::take(&mut self.rules.notes) {
            self.workers[worker].count(note, 1);
        }
        let rule = outcomes.iter().map(said).collect::<Vec<_>>().join(", what waited ");
        if let Some((end, frame)) = sent.iter().find(|(end, frame)| is_foreign(&self.rules.net, *end, frame)) {
            return Err(format!(
                "{}: {end:?} has sent {}, whose source is none of its own",
                told(from, packet),
                hex(frame)
            ));
        }
        let wanted = wanted(&self.rules.net, from, &outcomes);
        if sent != wanted {
            return Err(format!("{}: by the rules it {rule}{}", told(from, packet), difference(&sent, &wanted)));
        }
        let (counted, tally) =
            (tally(&self.workers[worker].plane.counters().snapshot(), &self.rules.net), &self.workers[worker].tally);
        if counted != *tally {
            let told = told(from, packet);
            return Err(format!(
                "{told}: by the rules it {rule}, so the counters must say {tally:?}, and they say {counted:?}"
            ));
        }
        let passed = outcomes.into_iter().flat_map(|outcome| match outcome.fate {
            Fate::Sent(end, pieces) => pieces.into_iter().map(|piece| (end, piece)).collect(),
            _ => Vec::new(),
        });
        Ok(passed.collect())
    }

    /// Adds what both workers counted to `sum`.
    pub fn add_into(&self, sum: &mut Tally) {
        for (name, count) in self.workers.iter().flat_map(|worker| &worker.tally) {
            *sum.entry(name.clone()).or_default() += count;
        }
    }

    /// Whether the table holds exactly the flows that live by the rules, in their states, on their WANs.
    pub fn flows_agree(&mut self) -> Result<(), String> {
        let now = self.rules.now;
        let mut found = BTreeMap::new();
        self.shared.table.for_each(|key, flow| {
            if now / 1_000_000_000 < u64::from(flow.expires) {
                found.insert(format!("{key:?}"), (flow.binding.wan.index(), flow.state, u64::from(flow.expires)));
            }
        });
        let living = self.rules.flows.iter().filter(|(_, life)| life.lives(now));
        let wanted: BTreeMap<_, _> = living
            .map(|(key, life)| (format!("{:?}", flow_key(key)), (life.wan, life.state(key.protocol), life.end)))
            .collect();
        for (key, flow) in &wanted {
            if found.get(key) != Some(flow) {
                return Err(format!(
                    "by the rules the flow {key} is {flow:?} (WAN, state, end), and the table has {:?}",
                    found.get(key)
                ));
            }
        }
        match found.keys().find(|key| !wanted.contains_key(*key)) {
            Some(key) => Err(format!("the table has the flow {key}: {:?}, and by the rules there is none", found[key])),
            None if self.shared.table.created() != self.rules.made => {
                Err(format!("{} flows were made, by the rules {}", self.shared.table.created(), self.rules.made))
            }
            None => Ok(()),
        }
    }
}

impl Worker {
    pub fn new(plane: Plane, wans: &[WanId]) -> Self {
        let inside = Sink::default();
        let mut sinks = vec![(End::Inside, inside.clone())];
        let mut transmitters = Transmitters { inside: Box::new(inside), wans: Vec::new() };
        for wan in wans {
            let sink = Sink::default();
            sinks.push((End::Wan(*wan), sink.clone()));
            transmitters.wans.push(Some(Box::new(sink)));
        }
        Self { plane, outbox: Outbox::new(), transmitters, sinks, wanted: Tick(0), tally: Tally::new() }
    }

    /// Lives through the time until `now` with the calls that the plane wants; of a long time, its ends.
    pub fn wait(&mut self, now: Tick) {
        const CALLS: usize = 4;
        let mut calls = 0;
        while self.wanted <= now {
            let at = self.wanted;
            self.wanted = self.plane.tick(at, &mut self.outbox).max(at.plus_millis(1));
            turn::flush(&mut self.transmitters, &mut self.outbox, &mut Turned::default()).unwrap();
            calls += 1;
            if calls == CALLS {
                self.wanted = self.wanted.max(Tick(now.0.saturating_sub(2_000_000_000)));
            }
        }
        self.plane.tick(now, &mut self.outbox);
    }

    /// One call that is due now, and what it sends inside.
    fn tick(&mut self, now: Tick) -> Vec<Vec<u8>> {
        self.plane.tick(now, &mut self.outbox);
        turn::flush(&mut self.transmitters, &mut self.outbox, &mut Turned::default()).unwrap();
        self.sinks[0].1.take().into_iter().map(|frame| frame.packet).collect()
    }

    fn count(&mut self, name: &str, by: u64) {
        if by == 0 {
            return;
        }
        *self.tally.entry(name.to_owned()).or_default() += by;
    }

    /// One frame in, and what leaves because of it, end by end.
    pub fn send(&mut self, now: Tick, from: End, frame: Stored) -> Vec<(End, Stored)> {
        let mut source = Source::default();
        source.push(frame);
        turn::turn(now, from, &mut source, &mut self.transmitters, &mut self.plane, &mut self.outbox, &mut ()).unwrap();
        self.sinks.iter().flat_map(|(end, sink)| sink.take().into_iter().map(|frame| (*end, frame))).collect()
    }

    fn expect(&mut self, from: End, outcome: &Outcome) {
        let direction = if from == End::Inside { "outbound" } else { "inbound" };
        match &outcome.fate {
            Fate::Dropped(reason) => self.count(&format!("{direction} {reason}"), 1),
            Fate::Kernel => self.count("kernel", 1),
            Fate::Waits => self.count("held", 1),
            Fate::Sent(to, pieces) => {
                if pieces.len() > 1 {
                    self.count("fragmented", 1);
                }
                match (*to, from) {
                    (End::Wan(wan), _) | (_, End::Wan(wan)) => {
                        self.count(&format!("{direction} packets of {}", wan.0), pieces.len() as u64);
                        self.count(
                            &format!("{direction} bytes of {}", wan.0),
                            pieces.iter().map(Vec::len).sum::<usize>() as u64,
                        );
                    }
                    _ => self.count("hairpinned", 1),
                }
            }
        }
        if outcome.clamped {
            self.count("clamped", 1);
        }
        self.count("remote-reset", outcome.farewell.iter().len() as u64);
    }
}

pub fn tally(totals: &Totals, net: &Net) -> Tally {
    let mut tally = Tally::new();
    for (direction, name) in [(Direction::Outbound, "outbound"), (Direction::Inbound, "inbound")] {
        tally.extend(totals.drops(direction).map(|(reason, count)| (format!("{name} {}", reason.name()), count)));
        for wan in (0..net.wans.len() as u8).map(WanId) {
            let traffic = totals.forwarded(wan, direction);
            tally.insert(format!("{name} packets of {}", wan.0), traffic.packets);
            tally.insert(format!("{name} bytes of {}", wan.0), traffic.bytes);
        }
    }
    tally.extend(Counted::ALL.iter().map(|event| (event.name().to_owned(), totals.events(*event))));
    tally.retain(|_, count| *count > 0);
    tally
}

/// The WAN that the hash gives a new flow.
fn new_flow(policy: &Policy, key: &Key) -> Option<usize> {
    let translates = |id| policy.wan(id).is_some_and(|wan| address::public(wan, key.inside).is_ok());
    steer::choose(policy, &flow_key(key), translates).map(WanId::index)
}

fn flow_key(key: &Key) -> FlowKey {
    FlowKey::from_parts(key.protocol, (key.inside, key.port), (key.remote, key.remote_port))
}

fn kind_of(packet: &[u8]) -> usize {
    usize::from(packet.first().is_some_and(|first| first >> 4 == 6))
}

fn kind(packet: &[u8]) -> [u8; 2] {
    if packet.first().is_some_and(|first| first >> 4 == 6) { [0x86, 0xdd] } else { [0x08, 0x00] }
}

/// The frame as a port hands it over.
pub fn frame(net: &Net, from: End, way: Way, packet: &[u8]) -> Stored {
    let End::Wan(wan) = from else { return Stored::new(&[], packet) };
    let own = [2, 0xf1, 0, 0, 0, wan.0 + 1];
    let to = if way == Way::ToAGroup { [0xff; 6] } else { own };
    let right = net.wans[wan.index()].vlan;
    let tag = if way == Way::WrongTag { Some(77) } else { right };
    Stored { tag, ..Stored::new(&[&to[..], &STATION, &kind(packet)].concat(), packet) }
}

/// Whether a WAN sends a packet with a source that is not its own (RFC 3704 §4.3).
pub fn is_foreign(net: &Net, end: End, frame: &[u8]) -> bool {
    let End::Wan(wan) = end else { return false };
    let link = &net.wans[wan.index()];
    let packet = &frame[if link.vlan.is_some() { 18 } else { 14 }..];
    let v4 = packet[0] >> 4 == 4;
    !link.owns(wire::address(packet, wire::places(v4).0, v4))
}

/// What must leave, with its link headers, end by end.
fn wanted(net: &Net, from: End, outcomes: &[Outcome]) -> Vec<(End, Vec<u8>)> {
    let framed = |end: End, to: Mac, packet: &[u8]| {
        let End::Wan(wan) = end else { return (end, packet.to_vec()) };
        let tag = net.wans[wan.index()].vlan.map_or(vec![], |tag| [[0x81, 0], tag.to_be_bytes()].concat());
        (end, [&to.0[..], &[2, 0xf1, 0, 0, 0, wan.0 + 1], &tag, &kind(packet), packet].concat())
    };
    let mut wanted = Vec::new();
    for outcome in outcomes {
        if let Fate::Sent(end, pieces) = &outcome.fate {
            let gateway = if let End::Wan(wan) = end { replay_gateway_mac(*wan) } else { Mac::default() };
            wanted.extend(pieces.iter().map(|piece| framed(*end, gateway, piece)));
        }
        if let Some((wan, rst)) = &outcome.farewell {
            let wan = WanId(*wan as u8);
            wanted.push(framed(End::Wan(wan), replay_gateway_mac(wan), rst));
        }
        if let Some((end, bytes)) = &outcome.error {
            assert_eq!(*end, from);
            wanted.push(framed(*end, Mac(STATION), bytes));
        }
    }
    wanted.sort_by_key(|(end, _)| if let End::Wan(wan) = end { wan.index() + 1 } else { 0 });
    wanted
}

fn difference(sent: &[(End, Vec<u8>)], wanted: &[(End, Vec<u8>)]) -> String {
    let list = |frames: &[(End, Vec<u8>)]| match frames {
        [] => "nothing".to_owned(),
        frames => frames.iter().map(|(end, bytes)| format!("{end:?} {}", hex(bytes))).collect::<Vec<_>>().join(" and "),
    };
    let mut pairs = wanted.iter().zip(sent).filter(|(wanted, sent)| wanted != sent);
    let place = pairs.find_map(|((_, wanted), (_, sent))| {
        let at = wanted.iter().zip(sent).position(|(wanted, sent)| wanted != sent)?;
        Some(format!(" (byte {at} is {:02x} and must be {:02x})", sent[at], wanted[at]))
    });
    let place = place.unwrap_or_default();
    format!("{place}: what must leave is {}; what left is {}", list(wanted), list(sent))
}

fn said(outcome: &Outcome) -> String {
    let error = outcome.error.as_ref().map_or("", |_| " with an error to its sender");
    match &outcome.fate {
        Fate::Sent(end, pieces) if pieces.len() > 1 => format!("goes to {end:?} in {} pieces", pieces.len()),
        Fate::Sent(end, _) => format!("goes to {end:?}"),
        Fate::Waits => "waits for its first fragment".to_owned(),
        Fate::Dropped(reason) => format!("is dropped as {reason}{error}"),
        Fate::Kernel => "is the kernel's".to_owned(),
    }
}

/// A packet in words.
pub fn told(from: End, packet: &[u8]) -> String {
    match wire::read(packet) {
        Ok(ip) => {
            let talk = wire::talk(&ip, packet, false);
            let (source, destination, hops, len) = (ip.source, ip.destination, ip.hops, ip.len);
            format!("{source} to {destination} from {from:?}, {talk:?} {:?}, {hops} hops, {len} bytes", ip.piece)
        }
        Err(reason) => format!("a packet from {from:?} that is {reason}"),
    }
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
