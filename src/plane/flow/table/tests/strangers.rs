//! Claims about flows that strangers make: what packets from outside alone can do to the table.

use super::*;
use proptest::prelude::*;

/// A packet from outside, some milliseconds after the one before it: TCP flags and numbers, whether it is of the flow
/// itself (no ICMP error).
type Stranger = (u64, u8, u32, u32, bool);

fn strangers() -> impl Strategy<Value = Vec<Stranger>> {
    prop::collection::vec((0..40_000u64, any::<u8>(), any::<u32>(), any::<u32>(), any::<bool>()), 1..40)
}

/// One flow, and its packets.
struct Talk {
    table: FlowTable,
    key: FlowKey,
    millis: u64,
}

impl Talk {
    fn new(protocol: u8) -> Self {
        Self { table: FlowTable::new(10), key: key(protocol, 1), millis: 1000 }
    }

    /// One packet, and how many seconds the flow lives from then in silence, begun ones in full.
    fn see(&mut self, direction: Direction, it: Segment, refresh: bool) -> u64 {
        let segment = (self.key.protocol() == 6).then_some(it);
        let seen = Seen { segment, refresh, ..seen(direction, self.millis, 0) };
        let known = self.table.touch(&self.key, 1, &seen, &TIMES);
        let pin = known.unwrap_or_else(|| self.table.insert(self.key, A, 1, &seen, &TIMES).unwrap());
        u64::from(pin.expires).saturating_sub(self.millis.div_ceil(1000))
    }

    fn strange(&mut self, (pause, flags, sequence, acknowledgment, refresh): Stranger) -> u64 {
        self.millis += pause;
        self.see(Direction::Inbound, segment(flags, sequence, acknowledgment), refresh)
    }
}

fn protocols() -> impl Strategy<Value = u8> {
    prop::sample::select(vec![6, 6, 17, 1, 58, 47])
}

proptest! {
    #[test]
    fn what_only_strangers_sent_lives_for_30_seconds_of_silence_and_one_answer_is_enough(
        protocol in protocols(),
        strangers in strangers(),
    ) {
        let mut talk = Talk::new(protocol);
        for stranger in strangers {
            let lives = talk.strange(stranger);
            prop_assert!(lives <= 30, "{lives} after {stranger:?}");
        }
        // The ports of a connection may be used again, where a RST has been seen.
        let answer = talk.see(Direction::Outbound, segment(tcp_flag::SYN | tcp_flag::ACK, 7, 8), true);
        prop_assert!(answer >= 60, "{answer}");
    }

    /// The inside host has answered a SYN, as any open port does by itself.
    #[test]
    fn strangers_who_do_not_know_what_the_inside_sent_establish_nothing(strangers in strangers(), sent in any::<u32>()) {
        let mut talk = Talk::new(6);
        talk.see(Direction::Inbound, segment(tcp_flag::SYN, 1, 0), true);
        let syn_ack = talk.see(Direction::Outbound, segment(tcp_flag::SYN | tcp_flag::ACK, sent.wrapping_sub(1), 2), true);
        prop_assert_eq!(syn_ack, 240);
        for stranger in strangers.into_iter().filter(|(.., acknowledgment, _)| *acknowledgment != sent) {
            let lives = talk.strange(stranger);
            prop_assert!(lives <= 240, "{lives} after {stranger:?}");
        }
    }
}

#[test]
fn whoever_acknowledges_a_syn_ack_establishes_its_connection() {
    let mut talk = Talk::new(6);
    assert_eq!(talk.see(Direction::Inbound, segment(tcp_flag::SYN, 1, 0), true), 30);
    assert_eq!(talk.see(Direction::Outbound, segment(tcp_flag::SYN | tcp_flag::ACK, 100, 2), true), 240);
    assert_eq!(talk.see(Direction::Inbound, segment(tcp_flag::ACK, 2, 102), true), 240, "a guess");
    assert_eq!(talk.see(Direction::Inbound, segment(tcp_flag::ACK, 2, 101), true), 7440);
    talk.millis += 7_300_000;
    assert_eq!(talk.see(Direction::Inbound, segment(tcp_flag::ACK, 2, 99), true), 240, "a guess prolongs little");
    assert_eq!(talk.see(Direction::Outbound, segment(tcp_flag::ACK, 101, 3), true), 7440);
}

#[test]
fn a_connection_that_the_inside_goes_on_with_is_established_whatever_came() {
    let mut talk = Talk::new(6);
    talk.see(Direction::Inbound, segment(tcp_flag::ACK, 50, 60), true);
    assert_eq!(talk.see(Direction::Inbound, segment(tcp_flag::ACK, 50, 60), true), 30, "met in mid-stream");
    assert_eq!(talk.see(Direction::Outbound, segment(tcp_flag::ACK, 60, 50), true), 7440);
}
