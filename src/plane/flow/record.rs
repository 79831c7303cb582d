//! What the table remembers of a flow: what a packet changes in it, and when it ends.
//! Must never know: maps, locks.
//!
//! A RST from outside may come from somebody who only guesses the ports. As the inside host itself (RFC 5961 §3.2), the
//! record believes one in an established connection only if its sequence number is the next that the host waits for. That
//! is what the host has acknowledged, or the end of what has reached it since without a gap; no window is kept, and every
//! segment passes, believed or not.
//!
//! No packets from outside alone give a long life, for their sources may be spoofed. What came from outside lives for
//! `unanswered` at the most until the inside has answered. In a TCP connection a segment from outside earns the life of an
//! established one only if it acknowledges all that the inside host has sent, which nobody can know who has not received it;
//! after any other it lives on like an opening one, until the inside host sends something.
//!
//! A flow from outside is *assured*, which is Linux's word for it, once its remote has said something after the inside, and in
//! a TCP connection has acknowledged what the inside sent lately. Until then its source may be spoofed even if a host inside
//! answers it, as each open port and each pinged host does: it has its place in the table only while that is not needed for another.
//! So has what is beyond the share of its remote's network.
//!
//! A flow at a public port of its own is kept alive from inside alone (RFC 4787 REQ-6), and with it the mapping.

use super::home::{Home, SETTLED};
use super::key::FlowKey;
use super::packed::Packed;
use super::pin::{Pin, WATCHED};
use super::reachability;
use super::silence::Silence;
use super::state::State;
use super::tally::Tally;
use crate::plane::counters::{Reachability, Traffic};
use crate::plane::lease::Binding;
use crate::plane::packet::numbers::{protocol, tcp_flag};
use crate::plane::packet::segment::Segment;
use crate::types::{Direction, Tick, Timeouts};

/// How far an acknowledgment from outside may lag behind what the inside has sent, in bytes, to assure a connection. Whoever
/// guesses needs four thousand attempts.
const LATELY: u32 = 1 << 20;

/// Bytes of the largest window (RFC 7323 §2.2): what seems more is a segment that repeats something, as a keep-alive does.
const MOST_IN_FLIGHT: u32 = 1 << 30;

/// One packet or super-frame as the table sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seen {
    /// Which way it goes.
    pub direction: Direction,
    /// When.
    pub now: Tick,
    /// IP bytes, all segments together.
    pub bytes: u32,
    /// Segments of a super-frame; else 1.
    pub packets: u32,
    /// What a TCP segment says; `None` where that is not at hand, as in a later fragment.
    pub segment: Option<Segment>,
    /// Whether it moves the state and keeps the flow alive. True for outbound packets (RFC 4787 REQ-6) and by default for
    /// inbound ones of the flow; false for ICMP errors (RFC 5508 REQ-6), which only count as traffic. A RST moves the
    /// state and never prolongs a life, whatever is said here.
    pub refresh: bool,
    /// Where it came in, and to which public end; `None` of what the inside sends.
    pub arrival: Option<Binding>,
    /// Whether it can be nothing but the first of a flow or a repetition of that: a SYN, an ICMP query's request.
    pub begins: bool,
}

#[cfg(test)]
impl Seen {
    /// One packet of 100 bytes, for tests.
    pub(super) fn sample(direction: Direction, now: Tick, segment: Option<Segment>) -> Self {
        Self { direction, now, bytes: 100, packets: 1, segment, refresh: true, arrival: None, begins: false }
    }
}

impl Seen {
    fn flags(&self) -> Option<u8> {
        self.segment.map(|segment| segment.flags)
    }
}

/// A flow as it is listed. Times are whole seconds of the workers' clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FlowRecord {
    /// The WAN it is pinned to, and its public end there.
    pub binding: Binding,
    /// Epoch of the policy that the pin was last proved against.
    pub epoch: u32,
    /// Who spoke first.
    pub origin: Direction,
    /// Such as `established`.
    pub state: &'static str,
    /// First packet.
    pub created: u32,
    /// Last packet that kept it alive.
    pub last: u32,
    /// When it ends if it stays silent.
    pub expires: u32,
    /// Inside to remote.
    pub outbound: Traffic,
    /// Remote to inside.
    pub inbound: Traffic,
}

/// What the map holds: one cache line.
#[derive(Clone, Copy)]
pub(super) struct Record {
    tally: Tally,
    pub(super) epoch: u32,
    created: u32,
    last: u32,
    pub(super) expires: u32,
    /// The sequence number that the inside host of a TCP connection waits for, once it has acknowledged anything.
    rcv_nxt: u32,
    /// The sequence number behind what the inside host of a TCP connection sent last.
    snd_nxt: u32,
    silence: Silence,
    /// The first that it has sent and the remote has not acknowledged.
    snd_una: u32,
    pub(super) binding: Packed,
    rule: u16,
    home: Home,
    state: State,
}

impl Record {
    fn origin(&self) -> Direction {
        self.home.origin()
    }

    /// Whether the flow follows a request that arrives on another WAN: it came from outside, and no TCP connection stands.
    fn follows_arrival(&self, protocol: u8) -> bool {
        self.origin() == Direction::Inbound && (protocol != protocol::TCP || self.state.is_opening())
    }

    /// Whether the flow stays with its line whatever requests come in on another.
    pub(super) fn holds_its_line(&self, now: Tick) -> bool {
        self.home.hears(now) && self.state.is_assured() && now.secs().saturating_sub(self.created) >= SETTLED
    }

    /// Whether the inside host has sent something, and in a TCP connection from this sequence number on something that is
    /// not acknowledged.
    pub(super) fn has_in_flight(&self, key: &FlowKey, sequence: Option<u32>) -> bool {
        let flies = |at: u32| at.wrapping_sub(self.snd_una) < self.in_flight();
        !self.tally.is_empty(Direction::Outbound) && (key.protocol() != protocol::TCP || sequence.is_some_and(flies))
    }

    /// Bytes that the inside host has sent and the remote has not acknowledged.
    fn in_flight(&self) -> u32 {
        let bytes = self.snd_nxt.wrapping_sub(self.snd_una);
        if bytes < MOST_IN_FLIGHT { bytes } else { 0 }
    }

    /// The record of a flow with this first packet, and what that shows.
    pub(super) fn new(
        key: &FlowKey,
        binding: Binding,
        epoch: u32,
        seen: &Seen,
        timeouts: &Timeouts,
    ) -> (Self, Reachability) {
        let from_inside = seen.direction == Direction::Outbound;
        let state = State::NEW.after(key.protocol(), seen.direction, seen.flags()).waiting(from_inside);
        let mut record = Self {
            tally: Tally::default(),
            epoch,
            created: seen.now.secs(),
            last: seen.now.secs(),
            expires: 0,
            rcv_nxt: seen.segment.map_or(0, |segment| segment.acknowledgment),
            snd_nxt: seen.segment.filter(|_| from_inside).map_or(0, |segment| segment.end()),
            silence: Silence::new(seen.now, seen.direction, seen.segment),
            snd_una: seen.segment.filter(|_| from_inside).map_or(0, |segment| segment.sequence),
            home: Home::new(seen.now, seen.direction),
            binding: binding.into(),
            rule: 0,
            state,
        };
        record.expires = record.end_of_silence(key, seen, timeouts);
        record.count(seen);
        (record, if from_inside { reachability::of_first(seen.segment) } else { Reachability::Nothing })
    }

    /// One more packet, and what it shows.
    pub(super) fn see(&mut self, key: &FlowKey, seen: &Seen, timeouts: &Timeouts) -> Reachability {
        self.count(seen);
        if seen.arrival.is_some_and(|arrival| arrival.end() == self.binding.get().end()) {
            self.home = self.home.heard(seen.now);
        }
        let reset = seen.segment.is_some_and(|segment| segment.has(tcp_flag::RST));
        if !seen.refresh && !reset || !self.believes(seen) {
            return Reachability::Nothing;
        }
        let shown = self.step(key, seen);
        let expires = self.end_of_silence(key, seen, timeouts);
        if reset || seen.direction == Direction::Inbound && self.binding.get().port.is_some() {
            self.expires = self.expires.min(expires);
        } else {
            self.expires = expires;
            self.last = seen.now.secs();
        }
        shown
    }

    /// When the flow ends if this packet, which has moved the state, is its last.
    fn end_of_silence(&self, key: &FlowKey, seen: &Seen, timeouts: &Timeouts) -> u32 {
        let timeout = self.state.timeout(key.protocol(), timeouts);
        if seen.direction == Direction::Outbound {
            return deadline(seen.now, timeout);
        }
        if self.is_unanswered() {
            return deadline(seen.now, timeout.min(timeouts.unanswered));
        }
        match (key.protocol(), seen.segment) {
            (protocol::TCP, Some(segment)) if self.state.is_established() && !self.is_acknowledged_by(&segment) => {
                self.expires.max(deadline(seen.now, timeout.min(timeouts.tcp_opening)))
            }
            _ => deadline(seen.now, timeout),
        }
    }

    /// Whether the flow came from outside, and the inside has said nothing since, but perhaps RSTs.
    pub(super) fn is_unanswered(&self) -> bool {
        self.origin() == Direction::Inbound && !self.state.inside_spoke()
    }

    /// Whether the inside has spoken from the public port that the flow has, if it has one.
    pub(super) fn keeps_port(&self) -> bool {
        self.binding.get().port.is_some() && !self.is_unanswered()
    }

    /// Whether the flow came from outside, lives, and its source may be spoofed.
    pub(super) fn is_unassured(&self) -> bool {
        self.origin() == Direction::Inbound && !self.state.is_assured() && !self.is_terminated()
    }

    /// The side whose source the flow counts for: the one it began on. What may be spoofed counts for nobody.
    pub(super) fn counts_for(&self) -> Option<Direction> {
        (self.origin() == Direction::Outbound || self.state.is_assured()).then_some(self.origin())
    }

    /// The remote's network has too many flows: this one is not assured after all.
    pub(super) fn disown(&mut self) {
        self.state = self.state.assured(false);
    }

    /// Whether a packet from outside shows that its sender gets what the inside sends: it comes after something of that.
    fn is_assured_by(&self, key: &FlowKey, seen: &Seen) -> bool {
        let acknowledges =
            |segment: Segment| segment.has(tcp_flag::ACK) && self.snd_nxt.wrapping_sub(segment.acknowledgment) < LATELY;
        self.state.inside_spoke() && (key.protocol() != protocol::TCP || seen.segment.is_some_and(acknowledges))
    }

    /// Whether the flow may yield to one that the inside begins with this packet: it came from outside, and the inside has not
    /// answered it. Nothing yields to a datagram, which may be an answer.
    pub(super) fn yields_to(&self, seen: &Seen) -> bool {
        seen.direction == Direction::Outbound && seen.begins && self.is_unanswered()
    }

    /// Whether a segment from outside shows that its sender has received what the inside host sent last.
    fn is_acknowledged_by(&self, segment: &Segment) -> bool {
        segment.has(tcp_flag::ACK) && segment.acknowledgment == self.snd_nxt
    }

    /// Moves the state.
    fn step(&mut self, key: &FlowKey, seen: &Seen) -> Reachability {
        let from_inside = seen.direction == Direction::Outbound;
        let before = self.state;
        let shown = match (from_inside, self.origin()) {
            (false, Direction::Outbound) => reachability::of_inbound(key, before, self.rcv_nxt, seen.segment),
            _ => Reachability::Nothing,
        };
        let is_assured = !from_inside && self.is_assured_by(key, seen);
        let (numbers, has_acknowledged) = ([self.snd_nxt, self.rcv_nxt], self.state.inside_spoke());
        self.silence = self.silence.after(seen.now, seen.direction, seen.segment, numbers, has_acknowledged);
        self.follow_numbers(seen);
        let after = before.after(key.protocol(), seen.direction, seen.flags());
        self.state = after.waiting(from_inside || before.waits() && shown == Reachability::Nothing);
        if after == State::NEW && before != State::NEW {
            self.home = self.home.of(seen.direction);
            return if from_inside { reachability::of_first(seen.segment) } else { Reachability::Nothing };
        }
        if is_assured {
            self.state = self.state.assured(true);
        }
        shown
    }

    /// Whether a packet is what it says; anything but a RST from outside is.
    fn believes(&self, seen: &Seen) -> bool {
        match (seen.direction, seen.segment) {
            (Direction::Inbound, Some(segment)) if segment.has(tcp_flag::RST) => {
                !self.state.is_two_way() || segment.sequence == self.rcv_nxt
            }
            _ => true,
        }
    }

    /// Follows what the inside host waits for: its acknowledgments never go back, and what arrives counts without a gap. What
    /// it repeats takes `snd_nxt` back, until it goes on; a RST may have any number.
    fn follow_numbers(&mut self, seen: &Seen) {
        match (seen.direction, seen.segment) {
            (Direction::Outbound, Some(segment)) => self.follow_sent(&segment),
            (Direction::Inbound, Some(segment)) => {
                let acknowledged = segment.acknowledgment.wrapping_sub(self.snd_una);
                if segment.has(tcp_flag::ACK) && acknowledged <= self.in_flight() {
                    self.snd_una = segment.acknowledgment;
                }
                if segment.sequence == self.rcv_nxt {
                    self.rcv_nxt = segment.end();
                }
            }
            _ => {}
        }
    }

    fn follow_sent(&mut self, segment: &Segment) {
        let (acks, resets) = (segment.has(tcp_flag::ACK), segment.has(tcp_flag::RST));
        let begins = segment.has(tcp_flag::SYN) && !self.state.is_established();
        if !resets && (begins || acks && !self.state.inside_spoke() && self.origin() == Direction::Inbound) {
            self.snd_una = segment.sequence;
        }
        if !resets && (begins || acks) {
            self.snd_nxt = segment.end();
        }
        let ahead = segment.acknowledgment.wrapping_sub(self.rcv_nxt) < 1 << 31;
        if acks && (ahead || !self.state.inside_spoke()) {
            self.rcv_nxt = segment.acknowledgment;
        }
    }

    /// The flow as it is known to a packet that shows this; `fresh`: the packet made it.
    pub(super) fn pin(&self, key: &FlowKey, fresh: bool, shown: Reachability) -> Pin {
        Pin {
            binding: self.binding.get(),
            rule: self.rule,
            epoch: self.epoch,
            fresh,
            expires: self.expires,
            follows_arrival: self.follows_arrival(key.protocol()),
            came_in: self.origin() == Direction::Inbound,
            terminated: self.is_terminated(),
            yields: false,
            shown,
            silence: self.silence,
        }
    }

    /// Binds it anew, or proves its pin by `epoch`, as [`Pin::epoch`] is. On another WAN nothing has been asked yet.
    pub(super) fn bind(&mut self, binding: Binding, epoch: u32) {
        let old = self.binding.get();
        if old.wan != binding.wan {
            self.silence = self.silence.elsewhere();
        }
        if old.end() != binding.end() {
            self.home = self.home.left();
        }
        (self.binding, self.epoch) = (binding.into(), epoch);
    }

    /// The flow as it is listed.
    pub(super) fn listed(&self, protocol: u8) -> FlowRecord {
        FlowRecord {
            binding: self.binding.get(),
            epoch: self.epoch & !WATCHED,
            origin: self.origin(),
            state: self.state.name(protocol),
            created: self.created,
            last: self.last,
            expires: self.expires,
            outbound: self.tally.traffic(Direction::Outbound),
            inbound: self.tally.traffic(Direction::Inbound),
        }
    }

    fn count(&mut self, seen: &Seen) {
        self.tally.add(seen.direction, seen.packets, seen.bytes);
    }

    /// Whether a packet under the snapshot of this epoch belongs to the flow without being judged anew: the pin was proved
    /// against it, the flow is not watched, and it has not been terminated.
    pub(super) fn is_proved(&self, epoch: u32) -> bool {
        self.epoch == epoch && !self.is_terminated()
    }

    pub(super) fn is_over(&self, now: Tick) -> bool {
        now.secs() >= self.expires
    }

    /// Ends the flow by flowpin's own will.
    pub(super) fn terminate(&mut self, now: Tick, timeouts: &Timeouts) {
        self.state = State::TERMINATED;
        self.expires = self.expires.min(deadline(now, timeouts.tcp_closing));
    }

    /// What a RST to the inside host of a silent TCP connection says; `None` where there is nothing to end.
    pub(super) fn reset_sequence(&self) -> Option<u32> {
        (self.state.inside_spoke() && !self.state.is_closing()).then_some(self.rcv_nxt)
    }

    pub(super) fn is_terminated(&self) -> bool {
        self.state.is_terminated()
    }
}

/// The first whole second at which at least `timeout` seconds have passed since `now`.
fn deadline(now: Tick, timeout: u32) -> u32 {
    let started = !now.0.is_multiple_of(1_000_000_000);
    now.secs().saturating_add(timeout).saturating_add(u32::from(started))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_never_cut_short_by_rounding() {
        assert_eq!(deadline(Tick::from_secs(10), 60), 70);
        assert_eq!(deadline(Tick(10_000_000_001), 60), 71);
        assert_eq!(deadline(Tick(u64::MAX), u32::MAX), u32::MAX);
    }

    #[test]
    fn a_record_takes_a_cache_line() {
        assert_eq!(size_of::<Record>(), 64);
    }
}
