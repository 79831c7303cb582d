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

/// Flows that came from outside and are not assured, counted one by one.
fn counted(table: &FlowTable) -> usize {
    table.flows.iter().filter(|entry| entry.value().is_unassured()).count()
}

#[test]
fn strangers_have_half_of_the_table_and_the_inside_finds_the_other() {
    let table = FlowTable::new(100);
    let come = |port| table.insert(key(17, port), A, 1, &seen(Direction::Inbound, 0, 0), &TIMES).is_ok();
    let go = |port| table.insert(key(17, port), A, 1, &seen(Direction::Outbound, 0, 0), &TIMES).is_ok();
    assert_eq!((0..120).filter(|port| come(*port)).count(), 50);
    assert!(table.is_crowded(usize::MAX));
    assert_eq!((1000..1060).filter(|port| go(*port)).count(), 50);
    assert_eq!((table.len(), table.unassured()), (100, 50));
    // What the remote says to an answer gives a place of strangers free, the end of a flow one of the table.
    for direction in [Direction::Inbound, Direction::Outbound] {
        table.touch(&key(17, 0), 1, &seen(direction, 0, 0), &TIMES).unwrap();
        assert_eq!(table.unassured(), 50, "the remote has said nothing since");
    }
    table.touch(&key(17, 0), 1, &seen(Direction::Inbound, 0, 0), &TIMES).unwrap();
    assert_eq!((table.len(), table.unassured(), come(200)), (100, 49, false));
    assert_eq!(table.expire(&key(17, 1000), Tick::from_secs(300)), Fate::Expired);
    assert!(come(200) && !come(201));
    assert_eq!(table.unassured(), 50);
}

#[test]
fn a_connection_from_outside_is_assured_by_an_acknowledgment_that_nobody_can_guess() {
    let sent = 5_000_000u32;
    for (acknowledgment, flags, is_assured) in [
        (sent, tcp_flag::ACK, true),
        (sent - 1_000_000, tcp_flag::ACK, true),
        (sent - 2_000_000, tcp_flag::ACK, false),
        (sent + 1, tcp_flag::ACK, false),
        (sent, tcp_flag::SYN, false),
    ] {
        let mut talk = Talk::new(6);
        talk.see(Direction::Inbound, segment(tcp_flag::SYN, 1, 0), true);
        talk.see(Direction::Outbound, segment(tcp_flag::SYN | tcp_flag::ACK, sent - 1, 2), true);
        assert_eq!(talk.table.unassured(), 1, "every open port answers");
        talk.see(Direction::Inbound, segment(flags, 2, acknowledgment), true);
        assert_eq!(talk.table.unassured(), usize::from(!is_assured), "{acknowledgment} {flags}");
        talk.table.terminate(&talk.key, Tick::from_millis(1000), &TIMES);
        assert_eq!(talk.table.unassured(), 0);
    }
}

/// What happens to one of a few flows.
#[derive(Clone, Copy, Debug)]
enum Happens {
    Packet { outbound: bool, flags: u8 },
    Terminated { silent: bool },
    Expires,
    Evicted,
}

fn happens() -> impl Strategy<Value = Happens> {
    let flags = prop::sample::select(vec![2u8, 18, 16, 17, 4, 20, 0]);
    prop_oneof![
        8 => (any::<bool>(), flags).prop_map(|(outbound, flags)| Happens::Packet { outbound, flags }),
        1 => any::<bool>().prop_map(|silent| Happens::Terminated { silent }),
        2 => Just(Happens::Expires),
        1 => Just(Happens::Evicted),
    ]
}

proptest! {
    #[test]
    fn the_places_of_strangers_are_counted_exactly(
        steps in prop::collection::vec((happens(), protocols(), 0..8u16, 0..60_000u64), 1..300)
    ) {
        const LIMIT: usize = 12;
        let (table, mut millis) = (FlowTable::new(LIMIT), 0);
        for (happens, protocol, port, pause) in steps {
            millis += pause;
            let (key, now) = (key(protocol, port), Tick::from_millis(millis));
            match happens {
                Happens::Packet { outbound, flags } => {
                    let direction = if outbound { Direction::Outbound } else { Direction::Inbound };
                    let seen = seen(direction, millis, flags);
                    let (had, had_strangers) = (table.len(), table.unassured());
                    if table.touch(&key, 1, &seen, &TIMES).is_none() && table.insert(key, A, 1, &seen, &TIMES).is_err() {
                        prop_assert!(had == LIMIT || !outbound && had_strangers >= LIMIT / 2);
                    }
                }
                Happens::Terminated { silent: false } => table.terminate(&key, now, &TIMES),
                Happens::Terminated { silent: true } => _ = table.terminate_silent(&key, now, &TIMES, |_| true),
                Happens::Expires => _ = table.expire(&key, now),
                Happens::Evicted => {
                    let was_unassured = table.flows.get(&key).is_some_and(|record| record.is_unassured());
                    prop_assert_eq!(table.evict(&key) == Fate::Expired, was_unassured);
                }
            }
            prop_assert_eq!(table.unassured(), counted(&table));
        }
        for key in (0..8).flat_map(|port| [6, 17, 1, 58, 47].map(|protocol| key(protocol, port))) {
            table.expire(&key, Tick::from_secs(1_000_000));
        }
        prop_assert_eq!((table.len(), table.unassured()), (0, 0));
    }
}
