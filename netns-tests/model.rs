//! Random events against laws that hold for every packet: seeded sequences of packets, time and changed configurations run
//! through the real data plane (two workers, the worker's own turn), and whatever leaves or is counted must be explained by
//! `laws`. What breaks one is shrunk to a capture that `flowpin replay` shows.
//! `FLOWPIN_MODEL_SEED` runs one seed; `FLOWPIN_MODEL_SEQUENCES` runs more of them.

mod build;
pub mod chance;
mod crowd;
mod event;
pub mod flows;
pub mod form;
mod laws;
pub mod life;
mod live;
mod net;
mod owed;
pub mod router;
mod shrink;
pub mod wire;

use chance::Chance;
use event::{Draw, Event, What};
use laws::Twist;
use live::{Live, Sequence};
use net::Net;
use router::Tally;

use crate::story::{assert_same, stderr};
use std::ffi::OsStr;
use std::process::Command;

/// Events of one sequence.
const EVENTS: usize = 60;
/// Sequences, each with the seed of its number, unless told otherwise.
const SEQUENCES: u64 = 2000;

/// What must have happened in that many sequences, or they prove little.
const HAPPENED: &str = "clamped evicted fragmented hairpinned held kernel moved remote-reset reset unpinned";
const STOPPED_OUTBOUND: &str = "all-wans-down bad-fragment bad-transport-header foreign-source inside-to-inside \
    martian-destination no-wan reset stray-icmp-error too-big unknown-fragment unmappable \
    unmappable-identifier wan-down";
const STOPPED_INBOUND: &str = "bad-extension-header bad-fragment bad-icmp-checksum bad-ip-checksum bad-ip-header \
    bad-transport-header martian-source spoofed-source stray-icmp-error table-full too-big truncated \
    ttl-expired unmappable unmappable-identifier wan-down wrong-mac wrong-vlan";

/// The sequence of a seed, drawn while it happens; and the sentence of the first law that is broken, where it ends.
fn draw(seed: u64, twist: Twist, sum: &mut Tally) -> (Sequence, Option<String>) {
    let mut chance = Chance::new(seed);
    let net = Net::random(&mut chance);
    let mut live = Live::new(&net, twist);
    let mut draw = Draw::new(chance, net.clone());
    let mut events = Vec::new();
    for _ in 0..EVENTS {
        events.push(draw.event());
        match live.happens(&events[events.len() - 1]) {
            Ok(passed) => draw.passed.extend(passed),
            Err(sentence) => return (Sequence { net, events }, Some(sentence)),
        }
    }
    live.add_into(sum);
    let sentence = live.flows_agree().err();
    (Sequence { net, events }, sentence)
}

fn seeds() -> std::ops::Range<u64> {
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    match number("FLOWPIN_MODEL_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("FLOWPIN_MODEL_SEQUENCES").unwrap_or(SEQUENCES),
    }
}

#[test]
fn random_packets_obey_the_laws() {
    let mut sum = Tally::new();
    for seed in seeds() {
        if let (sequence, Some(_)) = draw(seed, Twist::None, &mut sum) {
            panic!("{}", shrink::shrink(seed, sequence, Twist::None).report());
        }
    }
    println!("seeds {:?}, {EVENTS} events each: {sum:#?}", seeds());
    let names = |all: &'static str, prefix| all.split_whitespace().map(move |name| format!("{prefix}{name}"));
    let stopped = names(STOPPED_OUTBOUND, "outbound ").chain(names(STOPPED_INBOUND, "inbound "));
    let missing: Vec<_> = names(HAPPENED, "").chain(stopped).filter(|name| !sum.contains_key(name)).collect();
    assert!(seeds().end - seeds().start < SEQUENCES || missing.is_empty(), "these never happened: {missing:?}");
}

#[test]
fn a_law_that_is_broken_shrinks_to_a_capture_that_replays() {
    let twist = Twist::RepliesLeaveByTheFirstWan;
    let one_configuration = |events: &[Event]| events.iter().all(|event| matches!(event.what, What::Packet { .. }));
    let found = (0..100).find_map(|seed| match draw(seed, twist, &mut Tally::new()) {
        (sequence, Some(_)) if one_configuration(&sequence.events) => Some((seed, sequence)),
        _ => None,
    });
    let (seed, sequence) = found.expect("a law that is broken is noticed soon");
    let shrunk = shrink::shrink(seed, sequence, twist);
    assert_eq!(shrunk.sequence.events.len(), 2, "a request and its reply: {}", shrunk.report());
    let path = shrunk.write();
    let (config, input, output) =
        (path.with_extension("toml"), path.with_extension("pcapng"), path.with_extension("out"));
    let replay = Command::new(env!("CARGO_BIN_EXE_flowpin"))
        .arg("replay")
        .args([OsStr::new("--config"), config.as_os_str(), OsStr::new("--in"), input.as_os_str()])
        .args([OsStr::new("--out"), output.as_os_str()])
        .output()
        .unwrap();
    assert!(replay.status.success(), "{}", stderr(&replay));
    assert_same("the shrunk capture", &std::fs::read(&output).unwrap(), &shrunk.output());
}
