//! The whole way of one packet, `Plane::process`, by translation, direction, known or new flow, and size.
//! `cargo bench --bench process`; figures are per frame. `restore` is what the bench itself costs per frame.

#[path = "../netns-tests/story/packets.rs"]
#[allow(dead_code)]
mod packets;
mod traffic;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use flowpin::plane::outbox::Outbox;
use flowpin::types::{Direction, Tick};
use std::hint::black_box;
use std::time::Duration;
use traffic::{DIRECTIONS, KINDS, Kind, SIZES, Size, Traffic, plane, policy};

fn known(c: &mut Criterion) {
    let mut group = c.benchmark_group("known");
    let mut restored = Traffic::new(Kind::Nat44, Direction::Outbound, Size::Small);
    group.bench_function("restore", |b| b.iter(|| black_box(restored.frame()).link_len()));
    for (kind_name, kind) in KINDS {
        for (direction_name, direction) in DIRECTIONS {
            for (size_name, size) in SIZES {
                let mut plane = plane(policy(kind), 1 << 10);
                let mut outbox = Outbox::new();
                let mut traffic = Traffic::new(kind, direction, size);
                let name = BenchmarkId::new(format!("{kind_name}/{direction_name}"), size_name);
                group.bench_function(name, |b| b.iter(|| traffic.pass(&mut plane, NOW, &mut outbox)));
            }
        }
    }
    group.finish();
}

const NOW: Tick = Tick::from_secs(1);

/// 100 000 flows in turn, so that neither table nor branch predictor has the flow at hand.
fn many(c: &mut Criterion) {
    const FLOWS: u32 = 100_000;
    let mut group = c.benchmark_group("known-100k");
    for (kind_name, kind) in KINDS {
        for (direction_name, direction) in DIRECTIONS {
            let mut plane = plane(policy(kind), FLOWS as usize);
            let mut outbox = Outbox::new();
            let mut traffic = Traffic::new(kind, direction, Size::Small);
            let mut number = 0u32;
            let mut pass = || {
                // A full cycle in steps that no cache foresees: 52711 and 100000 share no factor.
                number = (number + 52_711) % FLOWS;
                traffic.flow(number);
                traffic.pass(&mut plane, NOW, &mut outbox);
            };
            (0..FLOWS).for_each(|_| pass());
            group.bench_function(BenchmarkId::new(kind_name, direction_name), |b| b.iter(&mut pass));
        }
    }
    group.finish();
}

/// Each packet is the first of its flow. Flows live one second and packets come a hundred thousand a second, so that the
/// table stays at one size and the cost of expiry is in the figure.
fn new(c: &mut Criterion) {
    let mut group = c.benchmark_group("new");
    for (kind_name, kind) in KINDS {
        for (direction_name, direction) in DIRECTIONS {
            let mut policy = policy(kind);
            policy.fixed_mut().timeouts.udp = 1;
            policy.fixed_mut().timeouts.tcp_established = 1;
            policy.fixed_mut().timeouts.tcp_opening = 1;
            for (size_name, size) in SIZES {
                let mut plane = plane(policy.clone(), 1 << 20);
                let mut outbox = Outbox::new();
                let mut traffic = Traffic::new(kind, direction, size);
                let (mut number, mut wanted) = (0u32, Tick(0));
                let mut pass = || {
                    number = number.wrapping_add(1);
                    let now = Tick(u64::from(number) * 10_000);
                    if now >= wanted {
                        wanted = plane.tick(now, &mut outbox);
                    }
                    traffic.flow(number);
                    traffic.pass(&mut plane, now, &mut outbox);
                };
                (0..300_000).for_each(|_| pass());
                let name = BenchmarkId::new(format!("{kind_name}/{direction_name}"), size_name);
                group.bench_function(name, |b| b.iter(&mut pass));
            }
        }
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(30).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    targets = known, many, new
}
criterion_main!(benches);
