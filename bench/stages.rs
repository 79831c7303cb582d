//! Each stage of the plane alone, to see where a packet's time goes. `cargo bench --bench stages`; figures are per call.
//! Stages that change bytes run on a fresh copy of the headers: `restore` is what that costs.

#[path = "../netns-tests/story/packets.rs"]
#[allow(dead_code)]
mod packets;
mod traffic;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use flowpin::plane::choose::steer;
use flowpin::plane::craft::icmp;
use flowpin::plane::flow::key::FlowKey;
use flowpin::plane::flow::table::{FlowTable, Seen};
use flowpin::plane::packet::headers::Side;
use flowpin::plane::packet::{checksum, mtu, parse};
use flowpin::plane::translate::mapped::Mapped;
use flowpin::plane::translate::nptv6::Translator;
use flowpin::plane::translate::{inner, rewrite};
use flowpin::types::{Balance, Direction, NptMode, Offload, Tick, Timeouts, WanId};
use packets::{SYN, ip};
use std::hint::black_box;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;
use traffic::{KINDS, Kind, SIZES, Size, Traffic, policy};

const NOW: Tick = Tick::from_secs(1);

fn traffic(kind: Kind, size: Size) -> Traffic {
    Traffic::new(kind, Direction::Outbound, size)
}

fn reading(c: &mut Criterion) {
    let mut group = c.benchmark_group("parse");
    for (name, kind) in [KINDS[0], KINDS[1]] {
        for (size_name, size) in SIZES {
            let mut traffic = traffic(kind, size);
            let offload = traffic.offload();
            let frame = traffic.frame();
            let run = || parse::parse(black_box(frame.packet()), &offload);
            group.bench_function(BenchmarkId::new(name, size_name), |b| b.iter(run));
        }
    }
    group.finish();
}

fn table(c: &mut Criterion) {
    let mut traffic = traffic(Kind::Nat44, Size::Small);
    let headers = parse::parse(traffic.frame().packet(), &Offload::NONE).expect("a good packet");
    let table = FlowTable::new(1 << 10);
    let timeouts = Timeouts::default();
    let key = || FlowKey::new(black_box(&headers), Direction::Outbound, headers.source);
    let seen = Seen {
        direction: Direction::Outbound,
        now: NOW,
        bytes: 64,
        packets: 1,
        segment: None,
        refresh: true,
        arrival: None,
        begins: false,
    };
    table.insert(key(), WanId(0), 1, &seen, &timeouts).expect("room for one");
    c.bench_function("key", |b| b.iter(key));
    c.bench_function("touch", |b| b.iter(|| table.touch(&key(), 1, &seen, &timeouts)));
}

fn steering(c: &mut Criterion) {
    let mut group = c.benchmark_group("steer");
    let hosts = [IpAddr::from([10, 250, 250, 2]), IpAddr::from([203, 0, 113, 10])];
    let key = FlowKey::from_parts(17, (hosts[0], 4000), (hosts[1], 443));
    for (name, balance) in
        [("endpoint", Balance::Endpoint), ("site", Balance::Site), ("source", Balance::Source), ("flow", Balance::Flow)]
    {
        let mut policy = policy(Kind::Nat44);
        policy.fixed_mut().balance = balance;
        let every = policy.wans().map(|(id, _)| id).collect();
        group.bench_function(name, |b| b.iter(|| steer::choose(&policy, black_box(&key), every)));
    }
    group.finish();
}

fn translating(c: &mut Criterion) {
    let mut group = c.benchmark_group("rewrite");
    let mut restored = traffic(Kind::Nat44, Size::Small);
    group.bench_function("restore", |b| b.iter(|| black_box(restored.frame()).link_len()));
    for (name, kind, new, neutral) in [
        ("v4", Kind::Nat44, "192.0.2.2", false),
        ("v6", Kind::Prefix, "2001:db8:a:c81::100", false),
        ("v6-neutral", Kind::Rfc6296, "2001:db8:a:c81:d96b::100", true),
    ] {
        for (size_name, size) in [SIZES[0], SIZES[2]] {
            let mut traffic = traffic(kind, size);
            let offload = traffic.offload();
            let parsed = parse::parse(traffic.frame().packet(), &offload).expect("a good packet");
            let new: IpAddr = new.parse().expect("an address");
            let mapped = Mapped { neutral, ..Mapped::fixed(new) };
            group.bench_function(BenchmarkId::new(name, size_name), |b| {
                b.iter(|| {
                    let (mut frame, mut headers) = (traffic.frame(), parsed);
                    rewrite::apply(frame.packet_mut(), &mut headers, Side::Source, black_box(&mapped), &offload);
                    rewrite::decrement_ttl(frame.packet_mut(), &headers);
                });
            });
        }
    }
    group.finish();
}

fn prefixes(c: &mut Criterion) {
    let mut group = c.benchmark_group("nptv6");
    let host: Ipv6Addr = "fd00:bad:b01:1::100".parse().expect("an address");
    for (name, mode) in [("prefix", NptMode::Prefix), ("rfc6296", NptMode::Rfc6296)] {
        let nets = ["fd00:bad:b01::/60", "2001:db8:a:c80::/60"].map(|net| net.parse().expect("a prefix"));
        let translator = Translator::new(nets[0], nets[1], mode);
        group.bench_function(name, |b| b.iter(|| translator.outbound(black_box(host))));
    }
    group.finish();
}

fn sizes(c: &mut Criterion) {
    let mut group = c.benchmark_group("clamp");
    let addresses = ip("10.250.250.2", "203.0.113.10");
    for (name, options) in [("lowered", [2, 4, 0x05, 0xb4]), ("left", [2, 4, 0x02, 0x18])] {
        let packet = addresses.tcp((4000, 443), SYN, &options, b"");
        let mut traffic = Traffic::at(Direction::Outbound, &packet, 20, Offload::NONE);
        let headers = parse::parse(&packet, &Offload::NONE).expect("a good packet");
        group.bench_function(name, |b| {
            b.iter(|| mtu::clamp_mss(traffic.frame().packet_mut(), &headers, 1400, &Offload::NONE));
        });
    }
    group.finish();
    let mut traffic = traffic(Kind::Nat44, Size::Super);
    let offload = traffic.offload();
    let headers = parse::parse(traffic.frame().packet(), &offload).expect("a good packet");
    c.bench_function("fits", |b| b.iter(|| mtu::fits(black_box(&headers), &offload, 1500)));
}

fn errors(c: &mut Criterion) {
    let quoted = ip("192.0.2.2", "203.0.113.10").udp((4000, 443), b"0123456789");
    let packet = ip("198.18.0.9", "192.0.2.2").icmp(3, 4, [0, 0, 5, 0x78], &quoted);
    let headers = parse::parse(&packet, &Offload::NONE).expect("a good packet");
    c.bench_function("quote", |b| b.iter(|| inner::quote(black_box(&packet), &headers, &Offload::NONE)));
    let packet = ip("10.250.250.2", "203.0.113.10").ttl(1).udp((4000, 443), &[7; 1372]);
    let headers = parse::parse(&packet, &Offload::NONE).expect("a good packet");
    let mut out = Vec::with_capacity(1500);
    c.bench_function("time-exceeded", |b| {
        b.iter(|| {
            out.clear();
            icmp::time_exceeded(&mut out, black_box(&packet), &headers, IpAddr::from([10, 250, 250, 1]))
        });
    });
}

fn sums(c: &mut Criterion) {
    let mut group = c.benchmark_group("checksum");
    for size in [20, 64, 1400, 65_000] {
        let bytes = vec![7; size];
        group.bench_function(BenchmarkId::from_parameter(size), |b| b.iter(|| checksum::sum(black_box(&bytes))));
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(30).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    targets = reading, table, steering, translating, prefixes, sizes, errors, sums
}
criterion_main!(benches);
