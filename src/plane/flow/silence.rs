//! Since when nothing answers a flow: one word of its record, for whoever asks whether the path still carries it.
//! Must never know: WANs, what becomes of a flow that nobody answers.
//!
//! What asks for an answer: of TCP a segment that takes sequence numbers, and a keep-alive (RFC 9293 §3.4, §3.8.4), but no
//! acknowledgment alone; of all else every packet, for nobody can tell. What is an answer: everything from outside, except
//! a TCP segment that only repeats what the inside host has acknowledged. A remote to which nothing gets through repeats
//! that again and again.

use crate::plane::packet::numbers::tcp_flag;
use crate::plane::packet::segment::Segment;
use crate::types::{Direction, Tick};

/// The millisecond of the first packet from inside that asked for an answer since the last one, and a bit that says that
/// there is one; else the millisecond of that last answer. It wraps after 24 days: a longer silence looks shorter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Silence(u32);

const ASKING: u32 = 1;

impl Silence {
    /// Of a flow with this first packet.
    #[must_use]
    pub fn new(now: Tick, direction: Direction, segment: Option<Segment>) -> Self {
        let heard = Self::heard(now);
        heard.after(now, direction, segment, segment.map_or([0; 2], |segment| [segment.sequence; 2]), false)
    }

    /// After one more packet. `numbers`: what the inside host of a TCP connection sends next, as far as it is known, and
    /// what it waits for, if it `has_acknowledged` anything.
    #[must_use]
    #[inline]
    pub fn after(
        self,
        now: Tick,
        direction: Direction,
        segment: Option<Segment>,
        [snd_nxt, rcv_nxt]: [u32; 2],
        has_acknowledged: bool,
    ) -> Self {
        match (direction, segment) {
            (Direction::Inbound, Some(segment)) if has_acknowledged && is_repeat(&segment, rcv_nxt) => self,
            (Direction::Inbound, _) => Self::heard(now),
            (Direction::Outbound, _) if self.is_asking() => self,
            (Direction::Outbound, Some(segment)) if !asks(&segment, snd_nxt) => self,
            (Direction::Outbound, _) => Self(Self::heard(now).0 | ASKING),
        }
    }

    /// The same flow on another path: what it asked there is forgotten.
    #[must_use]
    pub fn elsewhere(self) -> Self {
        Self(self.0 & !ASKING)
    }

    /// Whether the inside has asked and is not answered yet.
    #[must_use]
    pub fn is_asking(self) -> bool {
        self.0 & ASKING != 0
    }

    /// Whether it has lasted for so many milliseconds.
    #[must_use]
    pub fn has_lasted(self, millis: u32, now: Tick) -> bool {
        self.millis(now) >= millis
    }

    /// Whether it began in the millisecond of `then` or later.
    #[must_use]
    pub fn began_since(self, then: Tick, now: Tick) -> bool {
        u64::from(self.millis(now)) <= now.millis().saturating_sub(then.millis())
    }

    fn heard(now: Tick) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "it wraps")]
        Self((now.millis() << 1) as u32)
    }

    /// Milliseconds from its beginning to `now`.
    fn millis(self, now: Tick) -> u32 {
        Self::heard(now).0.wrapping_sub(self.0 & !ASKING) >> 1
    }
}

/// Whether a segment from outside ends where the inside host has been already, which waits for `rcv_nxt`.
fn is_repeat(segment: &Segment, rcv_nxt: u32) -> bool {
    segment.sequence != rcv_nxt && segment.end().wrapping_sub(rcv_nxt).wrapping_sub(1) >= 1 << 31
}

/// Whether a segment from an inside host that has sent all before `snd_nxt` has to be acknowledged.
fn asks(segment: &Segment, snd_nxt: u32) -> bool {
    !segment.has(tcp_flag::RST) && (segment.end() != segment.sequence || segment.sequence.wrapping_add(1) == snd_nxt)
}

#[cfg(test)]
mod tests;
