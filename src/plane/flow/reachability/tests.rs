//! Claims about what packets show, on exact sequences. `>` goes out, `<` comes in.

use super::*;
use crate::plane::flow::table::{FlowTable, Seen};
use crate::types::{Direction, Tick, Timeouts, WanId};
use std::net::IpAddr;

/// One flow, one packet after the other.
struct Flow {
    table: FlowTable,
    key: FlowKey,
}

impl Flow {
    fn new(protocol: u8, remote_port: u16) -> Self {
        let (inside, remote): (IpAddr, IpAddr) = ("10.250.250.2".parse().unwrap(), "203.0.113.9".parse().unwrap());
        Self { table: FlowTable::new(10), key: FlowKey::from_parts(protocol, (inside, 4000), (remote, remote_port)) }
    }

    fn tcp() -> Self {
        Self::new(protocol::TCP, 443)
    }

    /// A TCP connection, through with its handshake: the inside's next byte is 100, the remote's 900.
    fn connected() -> Self {
        let flow = Self::tcp();
        assert_eq!(flow.play("> S 99 0 0, < SA 899 100 0, > A 100 900 0"), "t a -");
        flow
    }

    fn see(&self, out: bool, segment: Option<Segment>) -> Reachability {
        let direction = if out { Direction::Outbound } else { Direction::Inbound };
        let seen = Seen::sample(direction, Tick(0), segment);
        let timeouts = Timeouts::default();
        let known = self.table.touch(&self.key, 1, &seen, &timeouts);
        known.unwrap_or_else(|| self.table.insert(self.key, WanId(0), 1, &seen, &timeouts).unwrap()).shown
    }

    /// What each packet of a script shows: `t` tried, `a` answered, `r` replied, `-` nothing. A segment is its direction,
    /// flags, sequence number, acknowledgment and payload; another packet its direction alone.
    fn play(&self, script: &str) -> String {
        let shown = script.split(',').map(|packet| {
            let words: Vec<_> = packet.split_whitespace().collect();
            let segment = words.get(1).map(|flags| {
                let number = |place: usize| words[place].parse().unwrap();
                let (sequence, acknowledgment, payload) = (number(2), number(3), number(4));
                Segment { flags: flags.chars().map(flag).sum(), sequence, acknowledgment, payload }
            });
            match self.see(words[0] == ">", segment) {
                Reachability::Nothing => "-",
                Reachability::Tried => "t",
                Reachability::Answered => "a",
                Reachability::Replied => "r",
            }
        });
        shown.collect::<Vec<_>>().join(" ")
    }
}

fn flag(letter: char) -> u8 {
    match letter {
        'S' => tcp_flag::SYN,
        'A' => tcp_flag::ACK,
        'F' => tcp_flag::FIN,
        'R' => tcp_flag::RST,
        _ => panic!("no flag: {letter}"),
    }
}

#[test]
fn a_handshake_is_tried_once_and_answered_once() {
    let script = "> S 99 0 0, > S 99 0 0, < SA 899 100 0, < SA 899 100 0, > A 100 900 0, < SA 899 100 0";
    assert_eq!(Flow::tcp().play(script), "t - a - - -");
}

#[test]
fn a_refusal_answers_a_handshake_and_a_redial_by_the_same_port_is_another() {
    let script = "> S 99 0 0, < RA 0 100 0, < RA 0 100 0, > S 500 0 0, < SA 899 501 0";
    assert_eq!(Flow::tcp().play(script), "t a - t a");
}

#[test]
fn what_answers_no_syn_from_inside_is_no_answer() {
    assert_eq!(Flow::tcp().play("> S 99 0 0, < A 899 100 0, < R 0 0 0"), "t - -");
    let of_a_stranger = "< S 99 0 0, > SA 899 100 0, < A 100 900 0, > A 900 100 50, < A 100 950 50";
    assert_eq!(Flow::tcp().play(of_a_stranger), "- - - - -", "it began outside");
    assert_eq!(Flow::tcp().play("< SA 899 100 0, > R 100 0 0"), "- -", "a handshake that nobody tried");
}

#[test]
fn a_request_and_its_answer_and_the_end_are_replies() {
    let talk = "> A 100 900 50, < A 900 150 0, < A 900 150 1000, > A 150 1900 0, < A 1900 150 500";
    assert_eq!(Flow::connected().play(talk), "- r - - r", "one reply for each thing that was sent");
    let end = "> FA 100 900 0, < A 900 101 0, < FA 900 101 0, > A 101 901 0";
    assert_eq!(Flow::connected().play(end), "- r - -");
    assert_eq!(Flow::connected().play("> A 100 900 50, < R 900 0 0"), "- r");
}

#[test]
fn keep_alives_from_inside_are_replied_to_and_those_of_the_remote_show_nothing() {
    assert_eq!(Flow::connected().play("> A 99 900 0, < A 900 100 0, > A 99 900 0, < A 900 100 0"), "- r - r");
    assert_eq!(Flow::connected().play("< A 899 100 0, > A 100 900 0, < A 899 100 0, < A 899 100 1"), "- - - -");
}

/// What the remote has under way arrives, and then it repeats what nobody acknowledges.
#[test]
fn a_download_whose_way_out_is_dead_shows_nothing_after_what_was_under_way() {
    let alive = "< A 900 100 1000, > A 100 1900 0, < A 1900 100 1000, > A 100 2900 0";
    let dead = "< A 2900 100 1000, > A 100 3900 0, < A 1900 100 1000, > A 100 3900 0, < A 2900 100 1000, \
                > A 100 3900 0, < A 1900 100 1000";
    let flow = Flow::connected();
    assert_eq!(flow.play(alive), "r - r -");
    assert_eq!(flow.play(dead), "r - - - - - -");
}

/// A segment was lost before: what comes again to fill the gap is new, once.
#[test]
fn what_fills_a_gap_is_a_reply_and_what_lay_behind_the_gap_is_none() {
    let gap = "< A 1900 100 1000, > A 100 900 0, < A 2900 100 1000, > A 100 900 0, < A 900 100 1000, > A 100 3900 0, \
               < A 1900 100 1000, < A 2900 100 1000";
    assert_eq!(Flow::connected().play(gap), "- - - - r - - -");
}

/// The inside sends the same again and again, and the remote, who hears nothing, only its keep-alives.
#[test]
fn an_upload_whose_way_out_is_dead_shows_nothing() {
    let flow = Flow::connected();
    assert_eq!(flow.play("> A 100 900 1000, < A 900 1100 0, > A 1100 900 1000, > A 2100 900 1000"), "- r - -");
    assert_eq!(flow.play("> A 1100 900 1000, < A 899 1100 0, > A 1100 900 1000, < A 899 1100 0"), "- - - -");
}

#[test]
fn a_connection_met_in_mid_stream_is_no_handshake_and_its_replies_count() {
    assert_eq!(Flow::tcp().play("> A 100 900 50, < A 900 150 20, < A 900 150 20"), "- r -");
}

#[test]
fn a_datagram_flow_has_one_first_answer_and_media_that_come_on_show_nothing() {
    let media = Flow::new(protocol::UDP, 5004);
    assert_eq!(media.play(">, <, >, <, <, >, <"), "- r - - - - -");
    assert_eq!(Flow::new(protocol::UDP, 443).play("<, >, <"), "- - -", "it began outside");
    assert_eq!(Flow::new(47, 0).play(">, <, >, <"), "- r - -");
}

#[test]
fn each_name_and_each_time_and_each_echo_that_was_asked_for_is_a_reply() {
    for (protocol, port) in [(protocol::UDP, 53), (protocol::UDP, 123), (protocol::ICMP, 0), (protocol::ICMPV6, 0)] {
        assert_eq!(Flow::new(protocol, port).play(">, <, <, >, >, <, <"), "- r - - - r -", "{protocol} {port}");
    }
}
