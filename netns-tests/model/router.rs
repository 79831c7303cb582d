//! The router under test as every model sees it: workers' planes behind the worker's own turn, what they send, what they
//! count, what their table holds. The one file here that names the data plane. Must never know: what is right.

use super::event::Way;
use super::flows::Flow;
use super::life::Key;
use super::net::Net;
use flowpin::control::compile::{replay_gateway_mac, replay_policy};
use flowpin::plane::choose::candidates;
use flowpin::plane::counters::{Event as Counted, Totals};
use flowpin::plane::flow::key::FlowKey;
use flowpin::plane::outbox::Outbox;
use flowpin::plane::policy::Policy;
use flowpin::plane::verdict::Verdict;
use flowpin::plane::{Plane, Shared};
use flowpin::ports::memory::{Sink, Source, Stored};
use flowpin::types::{Direction, End, Family, Frame, Standing, Tick, WanId};
use flowpin::workers::turn::{self, Observe, Transmitters, Turned};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The router on an ISP's link that sends everything.
pub const STATION: [u8; 6] = [2, 0, 0x5e, 0x10, 0, 9];

/// What was counted, by name.
pub type Tally = BTreeMap<String, u64>;

/// One worker's plane with its transmitters.
pub struct Worker {
    pub plane: Plane,
    outbox: Outbox,
    transmitters: Transmitters,
    sinks: Vec<(End, Sink)>,
    wanted: Tick,
    /// What had been counted when somebody last asked.
    counted: Tally,
}

/// What was decided about the frames of one turn.
#[derive(Default)]
struct Decided(Vec<Verdict>);

impl Observe for Decided {
    fn verdict(&mut self, _: End, _: &Frame<'_>, verdict: Verdict) {
        self.0.push(verdict);
    }
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

/// What the workers of one router share, with so many WANs, whose next hops are known, and room for so many flows.
pub fn shared(wans: usize, flows: usize) -> Arc<Shared> {
    let shared = Shared::new(flows, 0);
    for wan in (0..wans as u8).map(WanId) {
        for family in Family::ALL {
            shared.neighbors.set(wan, family, replay_gateway_mac(wan));
        }
    }
    Arc::new(shared)
}

/// A worker of a router that begins with this configuration.
pub fn worker(net: &Net, shared: &Arc<Shared>) -> Worker {
    Worker::new(Plane::new(policy(net, 1), Arc::clone(shared), false), net.wans.len())
}

impl Worker {
    pub fn new(plane: Plane, wans: usize) -> Self {
        let inside = Sink::default();
        let mut sinks = vec![(End::Inside, inside.clone())];
        let mut transmitters = Transmitters { inside: Box::new(inside), wans: Vec::new() };
        for wan in (0..wans as u8).map(WanId) {
            let sink = Sink::default();
            sinks.push((End::Wan(wan), sink.clone()));
            transmitters.wans.push(Some(Box::new(sink)));
        }
        Self { plane, outbox: Outbox::new(), transmitters, sinks, wanted: Tick(0), counted: Tally::new() }
    }

    /// Lives through the time until `now` with the calls that the plane wants; of a long time, its ends.
    pub fn wait(&mut self, now: Tick) {
        const CALLS: usize = 4;
        let mut calls = 0;
        while self.wanted <= now {
            let at = self.wanted;
            self.wanted = self.plane.tick(at, &mut self.outbox).max(at.plus_millis(1));
            self.flush();
            calls += 1;
            if calls == CALLS {
                self.wanted = self.wanted.max(Tick(now.0.saturating_sub(2_000_000_000)));
            }
        }
        self.plane.tick(now, &mut self.outbox);
    }

    /// One call that is due now, and what it sends, end by end.
    pub fn tick(&mut self, now: Tick) -> Vec<(End, Stored)> {
        self.plane.tick(now, &mut self.outbox);
        self.flush();
        self.sent()
    }

    fn flush(&mut self) {
        turn::flush(&mut self.transmitters, &mut self.outbox, &mut Turned::default()).unwrap();
    }

    /// One frame in: what was decided, and what leaves because of it, end by end.
    pub fn send(&mut self, now: Tick, from: End, frame: Stored) -> (Verdict, Vec<(End, Stored)>) {
        let (mut source, mut decided) = (Source::default(), Decided::default());
        source.push(frame);
        turn::turn(now, from, &mut source, &mut self.transmitters, &mut self.plane, &mut self.outbox, &mut decided)
            .unwrap();
        (decided.0[0], self.sent())
    }

    fn sent(&self) -> Vec<(End, Stored)> {
        self.sinks.iter().flat_map(|(end, sink)| sink.take().into_iter().map(|frame| (*end, frame))).collect()
    }

    /// Everything that it has counted.
    pub fn tally(&self) -> Tally {
        tally(&self.plane.counters().snapshot(), self.sinks.len() - 1)
    }

    /// What it has counted since this was last asked.
    pub fn news(&mut self) -> Tally {
        let now = self.tally();
        let before = std::mem::replace(&mut self.counted, now.clone());
        let news = now.into_iter().map(|(name, count)| (count - before.get(&name).unwrap_or(&0), name));
        news.filter(|(count, _)| *count > 0).map(|(count, name)| (name, count)).collect()
    }
}

fn tally(totals: &Totals, wans: usize) -> Tally {
    let mut tally = Tally::new();
    for (direction, name) in [(Direction::Outbound, "outbound"), (Direction::Inbound, "inbound")] {
        tally.extend(totals.drops(direction).map(|(reason, count)| (format!("{name} {}", reason.name()), count)));
        for wan in (0..wans as u8).map(WanId) {
            let traffic = totals.forwarded(wan, direction);
            tally.insert(format!("{name} packets of {}", wan.0), traffic.packets);
            tally.insert(format!("{name} bytes of {}", wan.0), traffic.bytes);
        }
    }
    tally.extend(Counted::ALL.iter().map(|event| (event.name().to_owned(), totals.events(*event))));
    tally.retain(|_, count| *count > 0);
    tally
}

/// A flow as the table shows it to a worker, if it lives.
pub fn flow(shared: &Shared, plane: &Plane, key: &Key, now: Tick) -> Option<Flow> {
    let pin = shared.table.peek(&flow_key(key), now)?;
    Some(Flow {
        wan: pin.binding.wan.index(),
        from_outside: pin.came_in,
        terminated: pin.terminated,
        proved: pin.is_proved(plane.policy().epoch),
        watched: pin.epoch != pin.proved_at(),
        expires: pin.expires.into(),
    })
}

/// The WAN that the hash gives a new flow.
pub fn hashed(policy: &Policy, key: &Key) -> Option<usize> {
    candidates::would_take(policy, &flow_key(key)).map(WanId::index)
}

pub fn flow_key(key: &Key) -> FlowKey {
    FlowKey::from_parts(key.protocol, (key.inside, key.port), (key.remote, key.remote_port))
}

pub fn kind(packet: &[u8]) -> [u8; 2] {
    if packet.first().is_some_and(|first| first >> 4 == 6) { [0x86, 0xdd] } else { [0x08, 0x00] }
}

/// The station of a WAN's link.
pub fn own_mac(wan: WanId) -> [u8; 6] {
    [2, 0xf1, 0, 0, 0, wan.0 + 1]
}

/// The frame as a port hands it over.
pub fn frame(net: &Net, from: End, way: Way, packet: &[u8]) -> Stored {
    let End::Wan(wan) = from else { return Stored::new(&[], packet) };
    let to = if way == Way::ToAGroup { [0xff; 6] } else { own_mac(wan) };
    let right = net.wans[wan.index()].vlan;
    let tag = if way == Way::WrongTag { Some(77) } else { right };
    Stored { tag, ..Stored::new(&[&to[..], &STATION, &kind(packet)].concat(), packet) }
}
