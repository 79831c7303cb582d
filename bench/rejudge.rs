//! A million flows get a snapshot in which one of their two WANs is dead: the longest time that one call into the data
//! plane takes while each flow is judged anew by its next packet, and while silent connections are looked for.
//! `cargo bench --bench rejudge -- [--flows 1000000] [--runs 5]`; figures are medians over the runs, in microseconds of
//! the thread's own time: what other programs take from it is not the plane's. Reading that clock is a part of each call.

#[path = "../netns-tests/story/packets.rs"]
#[allow(dead_code)]
mod packets;
mod traffic;

use flowpin::plane::outbox::Outbox;
use flowpin::plane::policy::Policy;
use flowpin::plane::verdict::Verdict;
use flowpin::plane::{Plane, counters::Event};
use flowpin::types::{Direction, Standing, Tick, WanId};
use nix::time::{ClockId, clock_gettime};
use std::sync::Arc;
use traffic::{Kind, Size, Traffic, plane, policy};

fn main() {
    let (flows, runs) = wish();
    let measured: Vec<[Pauses; 3]> = (0..runs).map(|_| run(flows)).collect();
    println!("{flows} flows, {runs} runs; one call takes, in us{:>10}{:>10}{:>10}", "median", "p99.9", "longest");
    for (index, name) in
        ["to adopt the snapshot", "to judge a packet's flow", "of the look for the silent"].iter().enumerate()
    {
        let of = |field: fn(&Pauses) -> f64| middle(measured.iter().map(|run| field(&run[index])).collect());
        let row = [of(|it| it.median), of(|it| it.rare), of(|it| it.longest)];
        println!("{name:<44}{:>10.2}{:>10.2}{:>10.2}", row[0], row[1], row[2]);
    }
}

/// Flows and runs. cargo says `--bench` when it benches; without it (`cargo test --benches`) this is a test.
fn wish() -> (u32, usize) {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let said = |name: &str| words.iter().position(|word| word == name).and_then(|at| words.get(at + 1)?.parse().ok());
    let benching = words.iter().any(|word| word == "--bench");
    (
        said("--flows").unwrap_or(if benching { 1_000_000 } else { 10_000 }),
        said("--runs").unwrap_or(if benching { 5 } else { 1 }) as usize,
    )
}

/// How long calls took, microseconds.
#[derive(Clone, Copy)]
struct Pauses {
    median: f64,
    rare: f64,
    longest: f64,
}

impl Pauses {
    fn of(mut nanos: Vec<u64>) -> Self {
        nanos.sort_unstable();
        let at = |thousandths: usize| nanos[(nanos.len() - 1) * thousandths / 1000] as f64 / 1000.0;
        Self { median: at(500), rare: at(999), longest: at(1000) }
    }
}

/// Nanoseconds that this thread has run.
fn now() -> u64 {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("every thread has its clock");
    time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Of the adoption, of the packets, of the sweep.
fn run(flows: u32) -> [Pauses; 3] {
    let mut crowd = Crowd::new(flows);
    let adoption = crowd.lose(WAN);
    let packets = crowd.each_packet();
    let mut crowd = Crowd::new(flows);
    crowd.lose(WAN);
    let sweep = crowd.sweep();
    [Pauses::of(vec![adoption]), Pauses::of(packets), Pauses::of(sweep)]
}

/// The one that dies.
const WAN: WanId = WanId(0);
const NOW: Tick = Tick::from_secs(1);
const SOON: Tick = Tick::from_secs(2);

/// A plane with many flows, every other one of TCP.
struct Crowd {
    plane: Plane,
    outbox: Outbox,
    kinds: [Traffic; 2],
    flows: u32,
}

impl Crowd {
    fn new(flows: u32) -> Self {
        let kinds = [Size::Small, Size::Super].map(|size| Traffic::new(Kind::Nat44, Direction::Outbound, size));
        let plane = plane(policy(Kind::Nat44), flows as usize + 1024);
        let mut crowd = Self { plane, outbox: Outbox::new(), kinds, flows };
        (0..flows).for_each(|flow| assert!(matches!(crowd.process(NOW, flow), Verdict::Forward(_)), "flow {flow}"));
        crowd
    }

    /// The next packet of a flow.
    fn process(&mut self, now: Tick, flow: u32) -> Verdict {
        let Self { plane, outbox, kinds, .. } = self;
        let traffic = &mut kinds[flow as usize % 2];
        traffic.flow(flow);
        let from = traffic.from;
        plane.process(now, from, &mut traffic.frame(), outbox)
    }

    /// The snapshot comes. Nanoseconds that it takes.
    fn lose(&mut self, wan: WanId) -> u64 {
        let mut next: Policy = policy(Kind::Nat44);
        next.epoch += 1;
        next.wans.get_mut(wan).expect("both WANs are there").standing = [Standing::HardDown; 2];
        let (next, before) = (Arc::new(next), now());
        self.plane.adopt(next);
        now() - before
    }

    /// A packet of every flow: those of the dead WAN move or end. Nanoseconds of each.
    fn each_packet(&mut self) -> Vec<u64> {
        let mut times = Vec::with_capacity(self.flows as usize);
        for flow in 0..self.flows {
            let before = now();
            self.process(SOON, flow);
            times.push(now() - before);
            self.outbox.drain(|_| ());
        }
        let counters = self.plane.counters().snapshot();
        let [moved, reset] = [Event::Moved, Event::Reset].map(|event| counters.events(event));
        assert_eq!(self.plane.shared().table.pinned(WAN) as u64, reset, "all others moved");
        assert!(moved > 0 && reset > 0, "{moved} moved, {reset} reset");
        times
    }

    /// Time passes until the look is over. Nanoseconds of each step.
    fn sweep(&mut self) -> Vec<u64> {
        let mut times = Vec::new();
        let mut tick = SOON;
        loop {
            let before = now();
            let next = self.plane.tick(tick, &mut self.outbox);
            times.push(now() - before);
            self.outbox.drain(|_| ());
            if next.since(tick) > 1_000_000 {
                return times;
            }
            tick = next;
        }
    }
}
