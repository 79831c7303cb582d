//! The state machine of one flow: what it is doing and how long its silence may last (RFC 7857 §2 for TCP, RFC 4787, 5508
//! and 6092 for the rest). Sequence numbers are not looked at, so that a flow met in mid-stream works (RFC 6092 REC-32);
//! record.rs decides which RST is believed. What a worker keeps is in plane/state.rs, what a WAN is in health/state.rs.
//! Must never know: time, tables.
//!
//! TCP in one picture. *Opening*: not both ends have acknowledged anything. *Established*: both have; a handshake, a
//! simultaneous open and a flow met in mid-stream all get there. *Closing*: a FIN each way, or a RST. After a RST, which
//! may be forged, any segment that is no SYN, FIN or RST brings the flow back to where it was; after two FINs only a new
//! SYN does, which starts over.

use crate::plane::packet::numbers::{protocol, tcp_flag};
use crate::types::{Direction, Timeouts};

/// Bits: each end has spoken (TCP: acknowledged), each end has sent a FIN, somebody has sent a RST; flowpin has terminated
/// the flow. Two say nothing of what the flow is doing and are kept here for room's sake: the inside has sent something since
/// the last reply; the remote has shown that it gets what the inside sends.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct State(u8);

const INSIDE: u8 = 0b01;
const SPOKE: u8 = 0b11;
const FIN: u8 = 0b1100;
const RESET: u8 = 0b1_0000;
const WAITS: u8 = 0b10_0000;
const TERMINATED: u8 = 0b100_0000;
const ASSURED: u8 = 0b1000_0000;

impl State {
    /// A flow of which nothing has been seen.
    pub const NEW: Self = Self(0);
    /// A flow that flowpin has ended itself. No packet leads out of this state: only a new flow takes its place.
    pub const TERMINATED: Self = Self(SPOKE | RESET | TERMINATED);

    /// The state after one more packet. `tcp_flags`: the flags byte of a TCP segment; `None` when it is not at hand, as
    /// in a later fragment, which leaves a TCP flow where it is.
    #[must_use]
    pub fn after(self, protocol: u8, direction: Direction, tcp_flags: Option<u8>) -> Self {
        let end = match direction {
            Direction::Outbound => INSIDE,
            Direction::Inbound => SPOKE & !INSIDE,
        };
        match (protocol, tcp_flags) {
            (protocol::TCP, None) => self,
            (protocol::TCP, Some(flags)) => self.after_segment(end, flags),
            _ => Self(self.0 | end),
        }
    }

    fn after_segment(self, end: u8, flags: u8) -> Self {
        let seen = |bits: u8| flags & bits != 0;
        if seen(tcp_flag::RST) {
            return Self(self.0 | RESET);
        }
        if seen(tcp_flag::SYN) && !seen(tcp_flag::ACK) {
            return if self.is_closing() && !self.is_terminated() { Self::NEW } else { self };
        }
        if !seen(tcp_flag::ACK) {
            return self;
        }
        let mut bits = self.0 | end;
        if seen(tcp_flag::FIN) && !seen(tcp_flag::SYN) {
            bits |= end << 2;
        } else if !seen(tcp_flag::SYN) {
            bits &= !RESET;
        }
        Self(bits)
    }

    /// Whether flowpin has ended the flow itself.
    #[must_use]
    pub fn is_terminated(self) -> bool {
        self.0 & TERMINATED != 0
    }

    /// Whether it is about to end.
    #[must_use]
    pub fn is_closing(self) -> bool {
        self.0 & RESET != 0 || self.0 & FIN == FIN
    }

    /// A TCP flow whose handshake is not through.
    #[must_use]
    pub fn is_opening(self) -> bool {
        !self.is_closing() && !self.is_two_way()
    }

    /// A TCP flow that is established.
    #[must_use]
    pub fn is_established(self) -> bool {
        self.is_two_way() && !self.is_closing()
    }

    /// Whether each end has spoken; of TCP, acknowledged something.
    #[must_use]
    pub fn is_two_way(self) -> bool {
        self.0 & SPOKE == SPOKE
    }

    /// Whether nothing but SYNs without an answer has been seen.
    #[must_use]
    pub fn is_untouched(self) -> bool {
        self.0 & !WAITS == Self::NEW.0
    }

    /// Whether the inside has sent something since the last reply.
    #[must_use]
    pub fn waits(self) -> bool {
        self.0 & WAITS != 0
    }

    /// The same state, where the inside waits for a reply, or not.
    #[must_use]
    pub fn waiting(self, waits: bool) -> Self {
        Self(if waits { self.0 | WAITS } else { self.0 & !WAITS })
    }

    /// The same state, where the remote has shown that it gets what the inside sends, or not.
    #[must_use]
    pub fn assured(self, is_assured: bool) -> Self {
        Self(if is_assured { self.0 | ASSURED } else { self.0 & !ASSURED })
    }

    /// Whether the remote has shown that it gets what the inside sends, so that it is no spoofed address.
    #[must_use]
    pub fn is_assured(self) -> bool {
        self.0 & ASSURED != 0
    }

    /// Whether the inside end has.
    #[must_use]
    pub fn inside_spoke(self) -> bool {
        self.0 & INSIDE != 0
    }

    /// The name that people read.
    #[must_use]
    pub fn name(self, protocol: u8) -> &'static str {
        match (protocol == protocol::TCP, self.is_closing(), self.is_two_way()) {
            (true, true, _) => "closing",
            (true, false, true) => "established",
            (true, false, false) => "opening",
            (false, _, true) => "two-way",
            (false, _, false) => "one-way",
        }
    }

    /// Seconds of silence after which the flow ends. One direction's silence does not count.
    #[must_use]
    pub fn timeout(self, protocol: u8, timeouts: &Timeouts) -> u32 {
        match protocol {
            protocol::TCP if self.is_closing() => timeouts.tcp_closing,
            protocol::TCP if self.is_two_way() => timeouts.tcp_established,
            protocol::TCP => timeouts.tcp_opening,
            protocol::UDP => timeouts.udp,
            protocol::ICMP | protocol::ICMPV6 => timeouts.icmp,
            _ => timeouts.other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Runs a script of segments, `>` outbound and `<` inbound with flag letters, and gives the state's name after each.
    fn play(script: &str) -> Vec<&'static str> {
        let mut state = State::NEW;
        script
            .split_whitespace()
            .map(|step| {
                let direction = if step.starts_with('>') { Direction::Outbound } else { Direction::Inbound };
                let flags = step[1..].chars().fold(0, |flags, letter| flags | flag(letter));
                state = state.after(protocol::TCP, direction, Some(flags));
                state.name(protocol::TCP)
            })
            .collect()
    }

    fn flag(letter: char) -> u8 {
        match letter {
            'S' => tcp_flag::SYN,
            'A' => tcp_flag::ACK,
            'F' => tcp_flag::FIN,
            'R' => tcp_flag::RST,
            _ => 0,
        }
    }

    fn last(script: &str) -> &'static str {
        play(script).last().copied().unwrap_or("")
    }

    #[test]
    fn a_handshake_is_established_with_its_third_segment() {
        assert_eq!(play(">S <SA >A"), ["opening", "opening", "established"]);
        assert_eq!(play("<S >SA <A"), ["opening", "opening", "established"]);
    }

    #[test]
    fn a_simultaneous_open_is_established() {
        assert_eq!(play(">S <S >SA <SA"), ["opening", "opening", "opening", "established"]);
    }

    #[test]
    fn a_repeated_syn_ack_alone_establishes_nothing() {
        assert_eq!(last(">S <SA <SA <SA"), "opening");
        assert_eq!(last(">S <SA <SA >A <SA"), "established");
    }

    #[test]
    fn a_flow_met_in_mid_stream_is_established_once_both_ends_spoke() {
        assert_eq!(play(">A >A <A"), ["opening", "opening", "established"]);
    }

    #[test]
    fn a_half_closed_flow_stays_established() {
        assert_eq!(last(">S <SA >A >FA <A <A"), "established");
        assert_eq!(last(">S <SA >A <FA >A"), "established");
    }

    #[test]
    fn a_fin_each_way_closes_and_the_last_ack_does_not_reopen() {
        assert_eq!(play(">A <A >FA <A <FA >A")[3..], ["established", "closing", "closing"]);
        assert_eq!(last(">A <A <FA >FA <A"), "closing");
    }

    #[test]
    fn a_syn_in_closing_starts_over() {
        assert_eq!(play(">A <A >FA <FA >S <SA >A")[4..], ["opening", "opening", "established"]);
        assert_eq!(play(">A <A >FA <FA <S >S >SA <SA")[4..], ["opening", "opening", "opening", "established"]);
        assert_eq!(play(">A <A >R <S >SA <A")[3..], ["opening", "opening", "established"]);
    }

    #[test]
    fn a_syn_in_an_established_flow_changes_nothing_until_its_rst() {
        assert_eq!(
            play(">A <A >S <A >R >S <SA >A")[2..],
            ["established", "established", "closing", "opening", "opening", "established"]
        );
    }

    #[test]
    fn data_after_a_rst_proves_it_forged() {
        assert_eq!(play(">S <SA >A <R <A")[3..], ["closing", "established"]);
        assert_eq!(play(">S <R <SA >A")[1..], ["closing", "closing", "established"]);
        assert_eq!(last(">A <A <R <FA"), "closing");
        assert_eq!(last(">A <A <R <RA"), "closing");
    }

    #[test]
    fn segments_without_an_ack_move_nothing() {
        assert_eq!(last("> <"), "opening");
        assert_eq!(last(">A <A > <F >F"), "established");
    }

    #[test]
    fn a_fragment_without_flags_moves_nothing() {
        let state = State::NEW.after(protocol::TCP, Direction::Outbound, None);
        assert_eq!(state, State::NEW);
    }

    #[test]
    fn timeouts_follow_protocol_and_state() {
        let times =
            Timeouts { tcp_established: 1, tcp_opening: 2, tcp_closing: 3, udp: 4, icmp: 5, other: 6, unanswered: 7 };
        let two_way = State(SPOKE);
        assert_eq!(two_way.timeout(protocol::TCP, &times), 1);
        assert_eq!(State::NEW.timeout(protocol::TCP, &times), 2);
        assert_eq!(State(SPOKE | RESET).timeout(protocol::TCP, &times), 3);
        assert_eq!([17, 1, 58, 47].map(|protocol| two_way.timeout(protocol, &times)), [4, 5, 5, 6]);
    }

    #[test]
    fn no_packet_leads_out_of_a_terminated_flow() {
        assert!(!State(SPOKE | RESET).is_terminated(), "a RST of one end is not flowpin's");
        for direction in [Direction::Outbound, Direction::Inbound] {
            for flags in 0..=u8::MAX {
                let after = |state: State| state.after(protocol::TCP, direction, Some(flags)).waiting(true);
                assert!(after(State::TERMINATED).is_terminated() && !after(State::NEW).is_terminated(), "{flags:x}");
            }
        }
        assert_eq!(State::TERMINATED.name(protocol::TCP), "closing");
    }

    #[test]
    fn other_protocols_are_one_way_until_answered() {
        let once = State::NEW.after(protocol::UDP, Direction::Outbound, None);
        assert_eq!(once.name(protocol::UDP), "one-way");
        assert_eq!(once.after(protocol::UDP, Direction::Inbound, None).name(protocol::UDP), "two-way");
    }

    proptest! {
        #[test]
        fn no_end_is_treated_better_than_the_other(segments in prop::collection::vec((any::<bool>(), any::<u8>()), 0..40)) {
            let (mut one, mut mirrored) = (State::NEW, State::NEW);
            for (outbound, flags) in segments {
                let (this, that) = if outbound {
                    (Direction::Outbound, Direction::Inbound)
                } else {
                    (Direction::Inbound, Direction::Outbound)
                };
                one = one.after(protocol::TCP, this, Some(flags));
                mirrored = mirrored.after(protocol::TCP, that, Some(flags));
                prop_assert_eq!(one.name(protocol::TCP), mirrored.name(protocol::TCP));
            }
        }

        #[test]
        fn whatever_came_before_a_new_handshake_leads_to_established(
            segments in prop::collection::vec((any::<bool>(), any::<u8>()), 0..40)
        ) {
            let mut state = State::NEW;
            for (outbound, flags) in segments {
                let direction = if outbound { Direction::Outbound } else { Direction::Inbound };
                state = state.after(protocol::TCP, direction, Some(flags));
            }
            for (direction, flags) in [
                (Direction::Outbound, tcp_flag::SYN),
                (Direction::Inbound, tcp_flag::SYN | tcp_flag::ACK),
                (Direction::Outbound, tcp_flag::ACK),
            ] {
                state = state.after(protocol::TCP, direction, Some(flags));
            }
            prop_assert_eq!(state.name(protocol::TCP), "established");
        }
    }
}
