//! What the two ends of a flow have said to each other, and how long the flow lives in silence after that: RFC 7857 §2 for
//! TCP, RFC 4787 REQ-5, RFC 5508 REQ-2 and RFC 6092 REC-12 for the rest. Packets from outside alone give no long life.
//! Must never know: WANs, bytes, tables.

use super::wire::{self, ACK, FIN, Ip, Numbers, RST, SYN, Talk};
use flowpin::types::Direction;
use std::net::IpAddr;

/// What makes packets one flow, seen from inside.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Key {
    pub protocol: u8,
    pub inside: IpAddr,
    pub port: u16,
    pub remote: IpAddr,
    pub remote_port: u16,
}

impl Key {
    pub fn of(ip: &Ip, talk: Talk, direction: Direction, inside: IpAddr) -> Self {
        let (source, destination) = match talk {
            Talk::Tcp { ports, .. } | Talk::Udp { ports } => ports,
            Talk::Query { id, .. } if direction == Direction::Outbound => (id, 0),
            Talk::Query { id, .. } => (0, id),
            _ => (0, 0),
        };
        let (port, remote, remote_port) = match direction {
            Direction::Outbound => (source, ip.destination, destination),
            Direction::Inbound => (destination, ip.source, source),
        };
        Self { protocol: ip.protocol, inside, port, remote, remote_port }
    }

    /// What of it decides the WAN of a new flow; the rest is blanked.
    pub fn as_balanced(self, balance: &str) -> Self {
        let Self { inside, .. } = self;
        let is_of_a_session =
            matches!((self.protocol, self.remote_port), (17, 500 | 4500) | (6, 1723) | (47 | 50 | 51, _));
        match balance {
            "endpoint" | "flow" if is_of_a_session => self.as_balanced("site"),
            "endpoint" => Self { remote: inside, remote_port: 0, ..self },
            "site" => Self { protocol: 0, port: 0, remote_port: 0, ..self },
            "source" => Self { protocol: 0, port: 0, remote: inside, remote_port: 0, inside },
            _ => self,
        }
    }
}

/// What was said. Pairs are for the inside end and the outside end.
#[derive(Clone, Debug)]
pub struct Life {
    /// The outside end began.
    pub from_outside: bool,
    /// Each end has spoken (TCP: acknowledged); each has closed; one has reset.
    spoke: [bool; 2],
    closed: [bool; 2],
    reset: bool,
    /// The next byte that the inside end of a connection waits for.
    awaits: u32,
    /// The byte behind the last that it sent.
    sent: u32,
    /// The millisecond in which the inside end asked first since it was answered last; else that of the last answer.
    asked: bool,
    quiet: u64,
    /// The outside end has said something after the inside one.
    assured: bool,
    /// The second when it began, and when something came in last where it began; nothing since it has left that.
    pub began: u64,
    pub heard: Option<u64>,
}

impl Life {
    /// A flow with its first packet.
    pub fn new(now: u64, direction: Direction, talk: Talk) -> Self {
        let from_outside = direction == Direction::Inbound;
        let (spoke, closed, quiet) = ([false; 2], [false; 2], now / 1_000_000);
        let (reset, asked, assured, awaits, sent, began) = (false, false, false, 0, 0, now / 1_000_000_000);
        let heard = Some(began);
        let mut life = Self { from_outside, spoke, closed, reset, awaits, sent, asked, quiet, assured, began, heard };
        if let (false, Talk::Tcp { flags, numbers, .. }) = (from_outside, talk) {
            life.sent = numbers.sequence;
            life.hears(now, direction, talk);
            life.sent = end(flags, numbers);
        } else {
            life.hears(now, direction, talk);
        }
        life
    }

    /// Since which millisecond nothing answers it, and whether it has asked.
    pub fn silence(&self) -> (bool, u64) {
        (self.asked, self.quiet)
    }

    /// It goes on by another line, where it has not asked yet.
    pub fn moves(&mut self) {
        self.asked = false;
    }

    /// Of TCP only what is to be acknowledged asks, and what the inside end has had already answers nothing.
    fn follow_silence(&mut self, now: u64, side: usize, talk: Talk) {
        let (asks, answers) = match talk {
            Talk::Tcp { flags, numbers, .. } => {
                let end = end(flags, numbers);
                let is_news = numbers.sequence == self.awaits || end.wrapping_sub(self.awaits) as i32 > 0;
                let is_keep_alive = numbers.sequence.wrapping_add(1) == self.sent;
                let asks = flags & RST == 0 && (end != numbers.sequence || is_keep_alive);
                (asks, is_news || !self.spoke[0])
            }
            _ => (true, true),
        };
        match side {
            0 if asks && !self.asked => (self.asked, self.quiet) = (true, now / 1_000_000),
            1 if answers => (self.asked, self.quiet) = (false, now / 1_000_000),
            _ => {}
        }
    }

    /// What the inside end of a connection that has not ended waits for, once it has acknowledged anything.
    pub fn awaits(&self) -> Option<u32> {
        (self.spoke[0] && !self.is_closing()).then_some(self.awaits)
    }

    /// One more packet. Whether it counts: whoever cannot know what the inside end waits for may not end its connection
    /// (RFC 5961 §3.2).
    pub fn hears(&mut self, now: u64, direction: Direction, talk: Talk) -> bool {
        let side = usize::from(direction == Direction::Inbound);
        let Talk::Tcp { flags, numbers, .. } = talk else {
            self.assured |= side == 1 && self.spoke[0];
            self.spoke[side] = true;
            self.follow_silence(now, side, talk);
            return true;
        };
        if flags & RST != 0 && side == 1 && self.spoke == [true; 2] && numbers.sequence != self.awaits {
            return false;
        }
        self.follow_silence(now, side, talk);
        self.follow(side, flags, numbers);
        let (syn, ack, fin) = (flags & SYN != 0, flags & ACK != 0, flags & FIN != 0);
        match (flags & RST != 0, syn, ack) {
            (true, ..) => self.reset = true,
            // The ports are used again (RFC 7857 §2.1): whoever asks now began it.
            (false, true, false) if self.is_closing() => {
                *self = Self { spoke: [false; 2], closed: [false; 2], reset: false, from_outside: side == 1, ..*self };
            }
            (false, _, true) => {
                self.spoke[side] = true;
                self.closed[side] |= fin && !syn;
                // Data after a RST proves it a forgery (RFC 7857 §2.2).
                self.reset &= syn || fin;
            }
            _ => {}
        }
        true
    }

    fn follow(&mut self, side: usize, flags: u8, numbers: Numbers) {
        let end = end(flags, numbers);
        let begins = flags & SYN != 0 && !self.is_established();
        if side == 0 && flags & RST == 0 && (begins || flags & ACK != 0) {
            self.sent = end;
        }
        let is_news = numbers.acknowledgment.wrapping_sub(self.awaits) as i32 >= 0;
        if side == 0 && flags & ACK != 0 && (is_news || !self.spoke[0]) {
            self.awaits = numbers.acknowledgment;
        } else if side == 1 && numbers.sequence == self.awaits {
            self.awaits = end;
        }
    }

    fn is_closing(&self) -> bool {
        self.reset || self.closed == [true; 2]
    }

    /// A caller who speaks to two addresses of one host is answered where he spoke last, until a connection stands; but a
    /// call of ten seconds that has stayed where it is stays while its remote is heard there every three.
    pub fn follows_its_requests(&self, protocol: u8, second: u64) -> bool {
        let stays = self.assured && second - self.began >= 10 && self.heard.is_some_and(|heard| second - heard < 3);
        let is_free = if protocol == wire::TCP { self.spoke != [true; 2] && !self.is_closing() } else { !stays };
        self.from_outside && is_free
    }

    /// Seconds of silence that the flow survives after a packet in this direction.
    pub fn patience(&self, protocol: u8, direction: Direction) -> u64 {
        match protocol {
            _ if direction == Direction::Inbound && self.is_unanswered() => 30,
            wire::TCP if self.is_established() => 7440,
            wire::TCP => 240,
            wire::ICMP | wire::ICMPV6 => 60,
            _ => 300,
        }
    }

    /// Whether it came from outside, and the inside has said nothing.
    pub fn is_unanswered(&self) -> bool {
        self.from_outside && !self.spoke[0]
    }

    /// Whether a packet that was heard may be a stranger's guess, in a connection that stands.
    pub fn may_be_guessed(&self, direction: Direction, talk: Talk) -> bool {
        let Talk::Tcp { flags, numbers, .. } = talk else { return false };
        let knows = flags & ACK != 0 && numbers.acknowledgment == self.sent;
        self.is_established() && direction == Direction::Inbound && !knows
    }

    fn is_established(&self) -> bool {
        self.spoke == [true; 2] && !self.is_closing()
    }
}

/// The number behind a segment.
fn end(flags: u8, numbers: Numbers) -> u32 {
    let marks = (flags & SYN != 0) as u32 + (flags & FIN != 0) as u32;
    numbers.sequence.wrapping_add(numbers.payload + marks)
}
