//! Random events against the whole router but for its ports: what the kernel says of the links, what becomes of probes,
//! what operators say, and packets, through the real controller, judge and data plane (two workers), beside what the
//! manual says of lines and prefixes, and the laws of flows that the model knows too. What differs is shrunk to the fewest events.
//! `FLOWPIN_STORM_SEED` runs one seed; `FLOWPIN_STORM_SEQUENCES` runs more of them.

mod event;
mod line;
mod net;
mod packets;
mod prefixes;
mod router;

use crate::model::chance::Chance;
use crate::model::router::Tally;
use event::Event;
use net::Net;
use router::Router;

/// Events of one sequence.
const EVENTS: usize = 80;
/// Sequences, each with the seed of its number, unless told otherwise.
const SEQUENCES: u64 = 1000;

/// What must have happened in that many sequences, or they prove little.
const HAPPENED: [&str; 18] = [
    "all-wans-down",
    "wan-down",
    "address-gone",
    "no-address",
    "reset",
    "rst",
    "moved",
    "called-back",
    "silent",
    "out",
    "in",
    "absent",
    "link-down",
    "no-gateway",
    "probing",
    "down",
    "drained",
    "up",
];

/// The events of a seed, and the sentence of the first disagreement, where they end.
fn draw(seed: u64, sum: &mut Tally) -> (Net, Vec<Event>, Option<String>) {
    let mut chance = Chance::new(seed);
    let net = Net::random(&mut chance);
    let mut router = Router::new(&net);
    let mut events = Vec::new();
    for _ in 0..EVENTS {
        events.push(Event::random(&mut chance, &net));
        if let Err(sentence) = router.happens(&events[events.len() - 1]) {
            return (net, events, Some(sentence));
        }
    }
    router.add_into(sum);
    (net, events, None)
}

/// The fewest of these events that still disagree: first halves are left out, then quarters, at last one by one.
fn shrink(net: &Net, mut events: Vec<Event>) -> (Vec<Event>, String) {
    let play = |events: &[Event]| {
        let mut router = Router::new(net);
        events.iter().try_for_each(|event| router.happens(event)).err()
    };
    let mut size = events.len();
    while size > 0 {
        let mut at = 0;
        while at < events.len() {
            let mut fewer = events.clone();
            fewer.drain(at..(at + size).min(events.len()));
            if play(&fewer).is_some() { events = fewer } else { at += size }
        }
        size /= 2;
    }
    let sentence = play(&events).expect("what disagrees does so every time");
    (events, sentence)
}

#[test]
fn flows_are_where_links_probes_and_operators_leave_them() {
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let seeds = match number("FLOWPIN_STORM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("FLOWPIN_STORM_SEQUENCES").unwrap_or(SEQUENCES),
    };
    let mut sum = Tally::new();
    for seed in seeds.clone() {
        if let (net, events, Some(_)) = draw(seed, &mut sum) {
            let (events, sentence) = shrink(&net, events);
            let lines: Vec<_> = events.iter().map(|event| format!("{event:?}")).collect();
            panic!("seed {seed}: {sentence}\n\n{}\n\n{}", net.toml(), lines.join("\n"));
        }
    }
    println!("seeds {seeds:?}, {EVENTS} events each: {sum:#?}");
    let missing: Vec<_> = HAPPENED.iter().filter(|name| !sum.contains_key(**name)).collect();
    assert!(seeds.end - seeds.start < SEQUENCES || missing.is_empty(), "these never happened: {missing:?}");
}
