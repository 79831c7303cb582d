//! Makes a sequence that disagrees with the rules as short as it can be, and writes it down for people: a capture, its
//! configuration, and the command that replays it. Must never know: what the rules are.

use super::Sequence;
use super::event::Event;
use super::live::Live;
use super::rules::Twist;

/// The shortest sequence found, and what it shows.
pub struct Shrunk {
    pub seed: u64,
    pub sequence: Sequence,
    pub sentence: String,
}

/// The sentence of the first disagreement, if there is one.
pub fn disagreement(sequence: &Sequence, twist: Twist) -> Option<String> {
    let mut live = Live::new(&sequence.net, twist);
    let happened = sequence.events.iter().try_for_each(|event| live.happens(event).map(drop));
    happened.and_then(|()| live.flows_agree()).err()
}

/// Leaves events out as long as some disagreement stays: first halves, then quarters, at last one by one.
pub fn shrink(seed: u64, mut sequence: Sequence, twist: Twist) -> Shrunk {
    let mut sentence = disagreement(&sequence, twist).expect("a sequence that disagrees, every time");
    let mut size = sequence.events.len();
    while size > 0 {
        let mut at = 0;
        while at < sequence.events.len() {
            let mut shorter = sequence.clone();
            shorter.events.drain(at..(at + size).min(sequence.events.len()));
            match disagreement(&shorter, twist) {
                Some(found) => (sequence, sentence) = (shorter, found),
                None => at += size,
            }
        }
        size /= 2;
    }
    Shrunk { seed, sequence, sentence }
}

impl Shrunk {
    pub fn report(&self) -> String {
        let events: Vec<_> = self.sequence.events.iter().map(Event::to_string).collect();
        format!("seed {}: {}\n{}\n{}", self.seed, self.sentence, events.join("\n"), self.sequence.net.toml())
    }
}
