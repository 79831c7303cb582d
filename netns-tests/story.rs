//! The language of stories: what arrives at a router, what must leave it because of that, and what is dropped and why, all
//! built from scratch. [`check`] plays a story through `flowpin replay` and compares every byte and every count.
//! Must never know: any single claim, how flowpin translates.

mod frames;
pub mod packets;
pub mod pcapng;
mod pieces;
mod report;
mod scratch;

pub use frames::{TAG, answered, arrives, comes_in, from_station, goes_out, leaves, router_error};
pub use pieces::{behind, cut4, cut6, hex, sum_again, unhex};
pub use scratch::{Scratch, code, stderr, stdout};

use pcapng::{ETHERNET, RAW, file, packet};
use std::time::Duration;

/// An end, by its place among the interfaces of a capture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum At {
    Inside = 0,
    Fiber = 1,
    Cable = 2,
}

/// The ends in that order.
pub const ENDS: [&str; 3] = ["inside", "fiber", "cable"];
/// The interfaces of a story's capture: raw IP from inside, Ethernet from WANs.
pub const INTERFACES: [(&str, u8); 3] = [(ENDS[0], RAW), (ENDS[1], ETHERNET), (ENDS[2], ETHERNET)];
const DROPPED: [(&str, u8); 3] = [("dropped:inside", RAW), ("dropped:fiber", ETHERNET), ("dropped:cable", ETHERNET)];

/// A server outside, and one in IPv6.
pub const SERVER: &str = "203.0.113.10";
pub const SERVER6: &str = "2001:db8:5::10";
/// An inside host; 2001:db8:a:c81::100 on fiber, 2001:db8:b:be01:27ea::100 on cable.
pub const HOST6: &str = "fd00:bad:b01:1::100";

/// Nanoseconds since 1970 of the first packet; each other follows a millisecond after the one before.
pub const START: u64 = 1_700_000_000_123_456_789;
pub const STEP: u64 = 1_000_000;

/// One line of a story.
#[derive(Clone, Debug)]
pub enum Step {
    /// This arrives, a millisecond after what arrived before: raw IP from inside, an Ethernet frame from a WAN.
    In(At, Vec<u8>),
    /// This leaves because of it.
    Out(At, Vec<u8>),
    /// It is dropped, and this is its reason.
    Drop(&'static str),
    /// A packet from inside that was held is given up, and this is the reason.
    GiveUp(&'static str),
    /// So much more time passes before the next arrival.
    Wait(Duration),
}

/// A story with a name and what the router counts in it.
#[derive(Clone, Debug)]
pub struct Story {
    pub name: String,
    pub steps: Vec<Step>,
    /// Flows made.
    pub flows: u64,
    /// Of those, how many have timed out at the end.
    pub expired: u64,
    config: String,
}

/// Plays a story with the configuration of [`config`]; `flows` are made, none of them times out.
#[track_caller]
pub fn check(name: &str, steps: Vec<Step>, flows: u64) {
    Story::new(name, steps, flows).check();
}

/// The same with another configuration, whose WANs are also called fiber and cable.
#[track_caller]
pub fn check_with(config: &str, name: &str, steps: Vec<Step>, flows: u64) {
    Story::new(name, steps, flows).with_config(config).check();
}

/// The configuration of all stories that bring none; change it with `replace`.
pub fn config() -> String {
    include_str!("captures/two-wans.toml").to_owned()
}

impl Story {
    pub fn new(name: &str, steps: Vec<Step>, flows: u64) -> Self {
        Self { name: name.to_owned(), steps, flows, expired: 0, config: config() }
    }

    /// With another configuration.
    pub fn with_config(self, config: &str) -> Self {
        Self { config: config.to_owned(), ..self }
    }

    /// So many of its flows have timed out at its end.
    pub fn with_expired(self, expired: u64) -> Self {
        Self { expired, ..self }
    }

    /// Plays it: every byte, every drop, every flow.
    #[track_caller]
    pub fn check(&self) {
        let scratch = Scratch::with_config(&self.name, &self.config);
        scratch.file("in.pcapng", &self.input());
        let output = scratch.replay(&["--in", "in.pcapng", "--out", "out.pcapng", "--drop-comments", "--json"]);
        assert_eq!(code(&output), 0, "{}: {}", self.name, stderr(&output));
        assert_same(&self.name, &scratch.read("out.pcapng"), &self.expected(true));
        self.assert_counts(&stdout(&output));
    }

    /// The capture of what arrives.
    pub fn input(&self) -> Vec<u8> {
        let mut capture = file(&INTERFACES);
        for (time, step) in self.timed() {
            if let Step::In(at, bytes) = step {
                capture.extend(packet(*at as u32, time, bytes, None));
            }
        }
        capture
    }

    /// The capture that has to come out; with the dropped packets and their reasons if `comments`.
    pub fn expected(&self, comments: bool) -> Vec<u8> {
        let interfaces = [&INTERFACES[..], if comments { &DROPPED } else { &[] }].concat();
        let mut capture = file(&interfaces);
        let mut last: (At, &[u8]) = (At::Inside, &[]);
        for (time, step) in self.timed() {
            match step {
                Step::In(at, bytes) => last = (*at, bytes),
                Step::Out(at, bytes) => capture.extend(packet(*at as u32, time, bytes, None)),
                Step::Drop(reason) if comments => {
                    let comment = format!("dropped: {reason}");
                    capture.extend(packet(3 + last.0 as u32, time, last.1, Some(&comment)));
                }
                Step::Drop(_) | Step::GiveUp(_) | Step::Wait(_) => {}
            }
        }
        capture
    }

    /// Each step with its time; what the router does happens at the time of the last arrival.
    pub fn timed(&self) -> Vec<(u64, &Step)> {
        let mut time = START - STEP;
        let mut pause = 0;
        let timed = self.steps.iter().map(|step| {
            match step {
                Step::In(..) => time += STEP + std::mem::take(&mut pause),
                Step::Wait(duration) => pause += u64::try_from(duration.as_nanos()).unwrap(),
                Step::Out(..) | Step::Drop(_) | Step::GiveUp(_) => {}
            }
            (time, step)
        });
        timed.collect()
    }
}

/// Packet by packet, so that a difference is seen in the packet that has it.
#[track_caller]
pub fn assert_same(story: &str, found: &[u8], wanted: &[u8]) {
    if found == wanted {
        return;
    }
    let (found, wanted) = (blocks(found), blocks(wanted));
    for (number, (found, wanted)) in found.iter().zip(&wanted).enumerate() {
        let [found_is, wanted_is] = [found, wanted].map(|block| about(block));
        let sentence = format!("{story}: block {number}: found (left) {found_is}, wanted (right) {wanted_is}");
        assert_eq!(hex(found), hex(wanted), "{sentence}");
    }
    let longer = if found.len() > wanted.len() { &found[wanted.len()..] } else { &wanted[found.len()..] };
    let rest: Vec<_> = longer.iter().map(|block| hex(block)).collect();
    panic!("{story}: {} blocks found, {} wanted; the rest: {rest:?}", found.len(), wanted.len());
}

/// What a block holds, in words: why the packet was dropped, or that it was not.
fn about(block: &[u8]) -> String {
    let text = String::from_utf8_lossy(block);
    let dropped =
        text.find("dropped: ").map(|at| text[at..].chars().take_while(char::is_ascii).filter(|c| !c.is_control()));
    dropped.map_or_else(|| "what left".to_owned(), Iterator::collect)
}

/// The blocks of a pcapng file.
pub fn blocks(file: &[u8]) -> Vec<&[u8]> {
    let mut rest = file;
    let mut blocks = Vec::new();
    while rest.len() >= 12 {
        let length = u32::from_le_bytes(rest[4..8].try_into().unwrap()) as usize;
        let (block, behind) = rest.split_at(length.clamp(12, rest.len()));
        blocks.push(block);
        rest = behind;
    }
    blocks
}
