//! Workers that run at the same time on what they share: nothing stops, nothing leaves by a WAN that is not its own, and
//! every frame has one end. Which end, the laws say elsewhere. Must never know: the laws.

use super::chance::Chance;
use super::event::{Draw, What};
use super::net::Net;
use super::router::{self, Tally, frame};
use super::wire;
use flowpin::plane::Shared;
use flowpin::types::{End, Tick};
use std::sync::Arc;

const WORKERS: u64 = 3;
const FRAMES: u64 = 6000;

/// One worker's life, from a seed of its own, and what it counted.
fn work(net: &Net, shared: &Arc<Shared>, seed: u64) -> Tally {
    let mut worker = router::worker(net, shared);
    let mut draw = Draw::new(Chance::new(seed), net.clone());
    let (mut now, mut received) = (Tick(0), 0);
    while received < FRAMES {
        // Less of a pause than drawn, so that the workers' clocks stay together.
        now = now.plus_millis(3);
        let What::Packet { from, way, packet } = draw.event().what else { continue };
        let (_, sent) = worker.send(now, from, frame(net, from, way, &packet));
        received += 1;
        for (end, frame) in &sent {
            assert!(net.may_send(*end, wire::address_of(&frame.packet, 0)), "seed {seed}: {end:?} sent {frame:02x?}");
        }
        let other_side = |end: &End| (*end == End::Inside) != (from == End::Inside);
        draw.passed.extend(sent.into_iter().filter(|(end, _)| other_side(end)).map(|(end, frame)| (end, frame.packet)));
    }
    worker.wait(now.plus_millis(10_000));
    worker.tally()
}

/// A configuration in which nothing is cut, so that one frame is one packet.
fn wide(seed: u64) -> Net {
    let mut net = Net { flows: 300, inside_mtu: 9000, ..Net::random(&mut Chance::new(seed)) };
    net.wans.iter_mut().for_each(|wan| wan.mtu = 9000);
    net
}

#[test]
fn workers_at_once_stop_nothing_and_lose_count_of_nothing() {
    for seed in 0..4 {
        let net = wide(seed);
        let shared = router::shared(net.wans.len(), net.flows);
        let counted: Vec<_> = std::thread::scope(|threads| {
            let (net, shared) = (&net, &shared);
            let started: Vec<_> =
                (0..WORKERS).map(|worker| threads.spawn(move || work(net, shared, seed * 100 + worker))).collect();
            started.into_iter().map(|worker| worker.join().expect("it ends in order")).collect()
        });
        let sum = |counts: fn(&str) -> bool| -> u64 {
            let all = counted.iter().flatten();
            all.filter(|(name, _)| counts(name)).map(|(_, count)| count).sum()
        };
        // What waited has been sent or dropped in the end, and is counted there.
        let dropped = sum(|name| name.contains(' ') && !name.contains(" of "));
        let ended =
            dropped + sum(|name| name.contains("packets of")) + sum(|name| name == "hairpinned" || name == "kernel");
        assert_eq!(ended, WORKERS * FRAMES, "{counted:#?}");
        assert!(sum(|name| name == "held") > 0 && sum(|name| name.ends_with("table-full")) > 0, "{counted:#?}");
        assert_eq!(sum(|name| name == "fragmented"), 0);
        assert!(shared.table.len() <= net.flows);
    }
}
