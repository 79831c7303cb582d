//! The search for the largest packet that a path carries, as a state machine: packetization layer path MTU discovery
//! (RFC 8899) with acknowledged probes. The smallest size is confirmed first, then the link's own MTU, which is the
//! common case, then sizes between, down to the byte. Must never know: what a probe is, links, other paths.

use crate::types::{Family, Tick};

/// Probes of one size until it counts as too large (RFC 8899 §5.1.2 `MAX_PROBES`).
const TRIES: u32 = 3;
/// Milliseconds between them (RFC 8899 §5.1.1: at least a second).
const TRY_MS: u64 = 1000;
/// Milliseconds between confirmations of what was found, and between attempts while nobody answers.
const CONFIRM_MS: u64 = 30_000;
/// Milliseconds until larger sizes are tried again (RFC 8899 §5.1.1 `PMTU_RAISE_TIMER`).
const RAISE_MS: u64 = 600_000;

/// How far the search is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(u8)]
pub enum State {
    /// This path is not probed.
    #[default]
    Off,
    /// Probes are under way.
    Searching,
    /// The MTU is known, and confirmed now and then.
    Found,
    /// No target answers even the smallest probe.
    NoAnswer,
}

impl State {
    /// Every state, in the order of its discriminant.
    pub const ALL: [Self; 4] = [Self::Off, Self::Searching, Self::Found, Self::NoAnswer];

    /// The name that people read.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Searching => "searching",
            Self::Found => "found",
            Self::NoAnswer => "no answer",
        }
    }
}

/// The smallest size of a family: what every IPv4 host takes (RFC 791 §3.2), what every IPv6 link carries (RFC 8200 §5).
#[must_use]
pub fn floor(family: Family) -> u16 {
    match family {
        Family::V4 => 576,
        Family::V6 => 1280,
    }
}

/// A probe to be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Probe {
    /// Bytes of the IP packet.
    pub size: u16,
    /// Not a repetition: an answer to an earlier probe says nothing of this one.
    pub fresh: bool,
}

/// One search. Sizes are bytes of IP packets.
#[derive(Clone, Debug)]
pub struct Search {
    floor: u16,
    ceiling: u16,
    targets: u32,
    phase: Phase,
    /// The largest size that passed, and the smallest that did not.
    low: u16,
    high: u16,
    /// What the path's MTU is believed to be: said by a router, or known from before.
    hint: Option<u16>,
    found: Option<u16>,
    size: u16,
    tries: u32,
    due: Tick,
    raise_at: Tick,
    /// Targets that were given up since the last answer, and ever.
    silent: u32,
    given_up: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// Does anybody answer the smallest size?
    Base,
    /// Does this size pass?
    Search,
    /// This size did not pass: does what passed before still do? Else it is the target that fell silent.
    Check { failed: u16 },
    /// Does what was found still pass?
    Done,
}

impl Search {
    /// A search between `floor` and `ceiling` (the link's MTU) that has `targets` hosts to ask, at least one.
    #[must_use]
    pub fn new(floor: u16, ceiling: u16, targets: u32, now: Tick) -> Self {
        Self {
            floor,
            ceiling: usable(ceiling),
            targets: targets.max(1),
            phase: Phase::Base,
            low: floor,
            high: usable(ceiling) + 1,
            hint: None,
            found: None,
            size: floor,
            tries: 0,
            due: now,
            raise_at: now,
            silent: 0,
            given_up: 0,
        }
    }

    /// The same path with another link MTU, or another path with other targets: the search starts over. What was found
    /// is believed until it knows better.
    pub fn restart(&mut self, ceiling: u16, targets: u32, now: Tick) {
        let found = self.found.map(|found| found.min(usable(ceiling)));
        *self = Self { found, ..Self::new(self.floor, ceiling, targets, now) };
    }

    /// The upper bound that it works with.
    #[must_use]
    pub fn ceiling(&self) -> u16 {
        self.ceiling
    }

    /// The MTU of the path as far as it is known; `None` and nothing has shown that the link's own does not pass.
    #[must_use]
    pub fn found(&self) -> Option<u16> {
        self.found
    }

    /// How far the search is.
    #[must_use]
    pub fn state(&self) -> State {
        match self.phase {
            Phase::Base if self.silent >= self.targets => State::NoAnswer,
            Phase::Base | Phase::Search | Phase::Check { .. } => State::Searching,
            Phase::Done => State::Found,
        }
    }

    /// Which of the targets to ask.
    #[must_use]
    pub fn target(&self) -> usize {
        (self.given_up % self.targets) as usize
    }

    /// Whether an answer is awaited.
    #[must_use]
    pub fn is_asking(&self) -> bool {
        self.tries > 0
    }

    /// When [`Search::step`] has something to do.
    #[must_use]
    pub fn due(&self) -> Tick {
        self.due
    }

    /// What is to be sent at `now`, if anything.
    pub fn step(&mut self, now: Tick) -> Option<Probe> {
        if now < self.due {
            return None;
        }
        if self.tries >= TRIES {
            self.give_up(now);
        } else if self.phase == Phase::Done && self.tries == 0 && now >= self.raise_at && self.low < self.ceiling {
            self.raise(now);
        }
        if now < self.due {
            return None;
        }
        self.tries += 1;
        self.due = now.plus_millis(TRY_MS);
        Some(Probe { size: self.size, fresh: self.tries == 1 })
    }

    /// The probe under way was answered.
    pub fn answered(&mut self, now: Tick) {
        if self.tries == 0 {
            return;
        }
        self.silent = 0;
        match self.phase {
            Phase::Base => {
                (self.low, self.high, self.hint) = (self.floor, self.ceiling + 1, self.found);
                self.advance(now);
            }
            Phase::Search => {
                self.low = self.size;
                self.advance(now);
            }
            Phase::Check { failed } => {
                self.high = failed;
                self.advance(now);
            }
            Phase::Done => self.ask(self.size, now.plus_millis(CONFIRM_MS)),
        }
    }

    /// A router said that the probe under way is too big and that `mtu` bytes would pass. What cannot be is not believed
    /// (RFC 8899 §4.6.1).
    pub fn too_big(&mut self, mtu: u16, now: Tick) {
        if self.tries == 0 || mtu < self.floor || mtu >= self.size {
            return;
        }
        if mtu < self.low {
            self.low = self.floor;
        }
        (self.high, self.hint, self.found) = (self.size, Some(mtu), Some(mtu.max(self.low)));
        self.choose(now);
    }

    /// Three probes of this size stayed unanswered.
    fn give_up(&mut self, now: Tick) {
        match self.phase {
            Phase::Base | Phase::Check { .. } => {
                self.silent = self.silent.saturating_add(1);
                self.given_up = self.given_up.wrapping_add(1);
                self.phase = Phase::Base;
                let pause = if self.silent.is_multiple_of(self.targets) { CONFIRM_MS } else { 0 };
                self.ask(self.floor, now.plus_millis(pause));
            }
            Phase::Search => {
                self.phase = Phase::Check { failed: self.size };
                self.ask(self.low, now);
            }
            Phase::Done => {
                self.phase = Phase::Check { failed: self.size };
                (self.low, self.hint) = (self.floor, None);
                self.ask(self.floor, now);
            }
        }
    }

    /// Tries what is larger than what was found, one byte more first: where that fails, all else would.
    fn raise(&mut self, now: Tick) {
        (self.high, self.hint) = (self.ceiling + 1, Some(self.low));
        self.choose(now);
    }

    /// The bounds have come closer. From the first size that did not pass, what passed is what is found.
    fn advance(&mut self, now: Tick) {
        if self.high <= self.ceiling || self.low == self.ceiling {
            self.found = Some(self.low);
        }
        self.choose(now);
    }

    /// The next size between the bounds; none, and the search is done.
    fn choose(&mut self, now: Tick) {
        if self.low + 1 >= self.high {
            self.phase = Phase::Done;
            self.found = Some(self.low);
            self.raise_at = now.plus_millis(RAISE_MS);
            return self.ask(self.low, now.plus_millis(CONFIRM_MS));
        }
        self.phase = Phase::Search;
        let size = match self.hint {
            Some(hint) if hint > self.low && hint < self.high => hint,
            Some(hint) if hint == self.low => hint + 1,
            _ if self.high > self.ceiling => self.ceiling,
            _ => self.low + (self.high - self.low) / 2,
        };
        self.ask(size, now);
    }

    fn ask(&mut self, size: u16, due: Tick) {
        (self.size, self.tries, self.due) = (size, 0, due);
    }
}

/// One more than an MTU is a size, too.
fn usable(ceiling: u16) -> u16 {
    ceiling.min(u16::MAX - 1)
}

#[cfg(test)]
mod tests;
