//! Makes a sequence that breaks a law as short as it can be, and writes it down for people: a capture, its
//! configuration, and the command that replays it. Must never know: what the laws are.

use super::event::{Event, What};
use super::laws::Twist;
use super::live::{Left, Sequence};
use super::net::Net;
use super::router::frame;
use crate::story::pcapng::{self, ETHERNET, RAW};
use flowpin::types::End;
use std::path::PathBuf;

/// The shortest sequence found, and what it shows.
pub struct Shrunk {
    pub seed: u64,
    pub sequence: Sequence,
    pub sentence: String,
    /// Each frame that left, and when.
    sent: Vec<Left>,
}

/// Nanoseconds since 1970 of a capture's first packet.
const START: u64 = 1_700_000_000_000_000_000;

/// Leaves events out as long as some disagreement stays: first halves, then quarters, at last one by one; then gives
/// everything to one worker and one configuration, if it stays even so.
pub fn shrink(seed: u64, mut sequence: Sequence, twist: Twist) -> Shrunk {
    let differs = |sequence: &Sequence| sequence.play(twist).0.is_some();
    let mut size = sequence.events.len();
    while size > 0 {
        let mut at = 0;
        while at < sequence.events.len() {
            let mut shorter = sequence.clone();
            shorter.events.drain(at..(at + size).min(sequence.events.len()));
            if differs(&shorter) { sequence = shorter } else { at += size }
        }
        size /= 2;
    }
    let candidates = [one_worker(&sequence), one_configuration(&sequence), one_configuration(&one_worker(&sequence))];
    if let Some(simpler) = candidates.into_iter().rev().find(differs) {
        sequence = simpler;
    }
    let (sentence, sent) = sequence.play(twist);
    let sentence = sentence.expect("a sequence that disagrees does so every time");
    Shrunk { seed, sequence, sentence, sent }
}

fn one_worker(sequence: &Sequence) -> Sequence {
    let mut simpler = sequence.clone();
    simpler.events.iter_mut().for_each(|event| event.worker = 0);
    simpler
}

/// From the start with the configuration that there is at the end.
fn one_configuration(sequence: &Sequence) -> Sequence {
    let mut simpler = sequence.clone();
    simpler.events.retain(|event| match &event.what {
        What::Configuration(net) => {
            simpler.net = (**net).clone();
            false
        }
        What::Packet { .. } => true,
    });
    simpler
}

impl Shrunk {
    /// What a person needs to know.
    pub fn report(&self) -> String {
        let Self { seed, sentence, sequence, .. } = self;
        let events: Vec<_> = sequence.events.iter().map(Event::to_string).collect();
        let (path, shown) = (self.write(), if self.is_whole() { "shows it" } else { "shows it in part" });
        let path = path.display();
        format!(
            "seed {seed}: {sentence}\n\n{}\n\nflowpin replay --config {path}.toml --in {path}.pcapng --out {path}.out.pcapng \
             --drop-comments\n{shown}; FLOWPIN_MODEL_SEED={seed} runs the whole sequence again",
            events.join("\n")
        )
    }

    /// Whether a capture can tell all of it: one worker, one configuration.
    fn is_whole(&self) -> bool {
        let told = |event: &Event| event.worker == 0 && matches!(event.what, What::Packet { .. });
        self.sequence.events.iter().all(told)
    }

    /// Writes capture and configuration; their path without its ending.
    pub fn write(&self) -> PathBuf {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("model-{}", self.seed));
        std::fs::write(path.with_extension("toml"), self.sequence.net.toml()).unwrap();
        std::fs::write(path.with_extension("pcapng"), self.input()).unwrap();
        path
    }

    fn input(&self) -> Vec<u8> {
        let net = &self.sequence.net;
        let mut capture = file(net);
        let mut time = START;
        for (number, event) in self.sequence.events.iter().enumerate() {
            time += if number > 0 { event.after } else { 0 };
            if let What::Packet { from, way, packet } = &event.what {
                let frame = frame(net, *from, *way, packet);
                let tag = frame.tag.map_or(vec![], |tag| [[0x81, 0], tag.to_be_bytes()].concat());
                let at = frame.link.len().min(12);
                let bytes = [&frame.link[..at], &tag, &frame.link[at..], packet].concat();
                capture.extend(pcapng::packet(interface(*from), time, &bytes, None));
            }
        }
        capture
    }

    /// The capture of what left.
    pub fn output(&self) -> Vec<u8> {
        let mut capture = file(&self.sequence.net);
        for (time, end, bytes) in &self.sent {
            capture.extend(pcapng::packet(interface(*end), START + time, bytes, None));
        }
        capture
    }
}

fn file(net: &Net) -> Vec<u8> {
    let wans = net.wans.iter().map(|wan| (wan.name, ETHERNET));
    pcapng::file(&std::iter::once(("inside", RAW)).chain(wans).collect::<Vec<_>>())
}

fn interface(end: End) -> u32 {
    match end {
        End::Inside => 0,
        End::Wan(wan) => u32::from(wan.0) + 1,
    }
}
