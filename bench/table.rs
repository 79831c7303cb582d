//! The flow table alone: a known flow, an unknown one, one that comes and goes, at three sizes; and two workers at once.
//! `cargo bench --bench table`; figures are per call.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use flowpin::clock::Clock;
use flowpin::plane::flow::key::FlowKey;
use flowpin::plane::flow::table::{FlowTable, Seen};
use flowpin::plane::packet::segment::Segment;
use flowpin::types::{Direction, Tick, Timeouts, WanId};
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Barrier;
use std::time::Duration;

const SIZES: [(&str, u32); 3] = [("1k", 1_000), ("100k", 100_000), ("1M", 1_000_000)];

/// The flow with that number: five inside hosts, many remotes.
fn key(number: u32) -> FlowKey {
    let inside = IpAddr::V4(Ipv4Addr::new(10, 250, 250, 2 + (number % 5) as u8));
    let remote = IpAddr::V4(Ipv4Addr::from_bits(0xc612_0000 | (number >> 6 & 0x1_ffff)));
    FlowKey::from_parts(6, (inside, 1024 + (number % 64_000) as u16), (remote, 443))
}

fn seen(now: Tick) -> Seen {
    let segment = Some(Segment { flags: 16, sequence: 1, acknowledgment: 1, payload: 1348 });
    Seen {
        direction: Direction::Outbound,
        now,
        bytes: 1400,
        packets: 1,
        segment,
        refresh: true,
        arrival: None,
        begins: false,
    }
}

const NOW: Tick = Tick::from_secs(1);

fn filled(flows: u32) -> FlowTable {
    let table = FlowTable::new(flows as usize + 1024);
    for number in 0..flows {
        let made = table.insert(key(number), WanId(0), 1, &seen(NOW), &Timeouts::default());
        assert!(made.is_ok_and(|pin| pin.fresh), "flow {number} is new");
    }
    table
}

/// Every flow once, in an order that no cache foresees: a full cycle modulo a prime above each size.
fn shuffled(flows: u32) -> Vec<FlowKey> {
    const PRIME: u64 = 1_000_003;
    (0..PRIME).map(|step| (step * 524_287 % PRIME) as u32).filter(|number| *number < flows).map(key).collect()
}

fn one_worker(c: &mut Criterion) {
    let mut group = c.benchmark_group("table");
    let timeouts = Timeouts::default();
    for (name, flows) in SIZES {
        let table = filled(flows);
        let keys = shuffled(flows);
        let mut known = keys.iter().cycle();
        group.bench_function(BenchmarkId::new("touch", name), |b| {
            b.iter(|| table.touch(known.next().unwrap(), 1, &seen(NOW), &timeouts));
        });
        let mut number = flows;
        group.bench_function(BenchmarkId::new("touch-unknown", name), |b| {
            b.iter(|| {
                number = number.wrapping_add(1).max(flows);
                table.touch(&key(number), 1, &seen(NOW), &timeouts)
            });
        });
        let late = Tick::from_secs(1_000_000);
        group.bench_function(BenchmarkId::new("insert-and-expire", name), |b| {
            b.iter(|| {
                number = number.wrapping_add(1).max(flows);
                let key = key(number);
                let _ = black_box(table.insert(key, WanId(1), 1, &seen(NOW), &timeouts));
                table.expire(&key, late)
            });
        });
    }
    group.finish();
}

fn two_workers(c: &mut Criterion) {
    let mut group = c.benchmark_group("contention");
    for (name, flows) in SIZES {
        let table = filled(flows);
        let keys = shuffled(flows);
        let half = keys.len() / 2;
        for (how, mine, other) in [
            ("apart", &keys[..half], &keys[half..]),
            ("together", &keys[..], &keys[..]),
            ("one-flow", &keys[..1], &keys[..1]),
        ] {
            group.bench_function(BenchmarkId::new(how, name), |b| {
                b.iter_custom(|calls| both(&table, mine, other, calls));
            });
        }
    }
    group.finish();
}

/// The time of `calls` calls on each of two threads.
fn both(table: &FlowTable, mine: &[FlowKey], other: &[FlowKey], calls: u64) -> Duration {
    let start = Barrier::new(2);
    let work = |keys: &[FlowKey]| {
        start.wait();
        let clock = Clock::start();
        for key in keys.iter().cycle().take(calls as usize) {
            black_box(table.touch(key, 1, &seen(NOW), &Timeouts::default()));
        }
        clock.now()
    };
    let (first, second) = std::thread::scope(|scope| {
        let other = scope.spawn(|| work(other));
        (work(mine), other.join().unwrap())
    });
    Duration::from_nanos(first.max(second).0)
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    targets = one_worker, two_workers
}
criterion_main!(benches);
