//! Claims about what asks, what answers, and how time is told.

use super::*;
use proptest::prelude::*;

const OUT: Direction = Direction::Outbound;
const IN: Direction = Direction::Inbound;
const ACK: u8 = tcp_flag::ACK;

fn at(millis: u64) -> Tick {
    Tick::from_millis(millis)
}

fn segment(flags: u8, sequence: u32, payload: u32) -> Option<Segment> {
    Some(Segment { flags, sequence, acknowledgment: 0, payload })
}

/// Of a host that has sent all before 100 and waits for 900: whether it asks after this packet at 5 s, and since when the
/// flow is silent, in seconds; before, it heard something at 1 s or has asked at 1 s.
fn after(asking: bool, direction: Direction, segment: Option<Segment>) -> (bool, u64) {
    let before = if asking { Silence::new(at(1000), OUT, None) } else { Silence::new(at(1000), IN, None) };
    let after = before.after(at(5000), direction, segment, [100, 900], true);
    (after.is_asking(), if after.has_lasted(3000, at(5000)) { 1 } else { 5 })
}

#[test]
fn what_has_to_be_acknowledged_asks_and_an_acknowledgment_alone_does_not() {
    let rows = [
        ("data", segment(ACK, 100, 10), (true, 5)),
        ("data again", segment(ACK, 90, 10), (true, 5)),
        ("a SYN", segment(tcp_flag::SYN, 99, 0), (true, 5)),
        ("a FIN", segment(ACK | tcp_flag::FIN, 100, 0), (true, 5)),
        ("a keep-alive", segment(ACK, 99, 0), (true, 5)),
        ("an acknowledgment", segment(ACK, 100, 0), (false, 1)),
        ("a RST", segment(tcp_flag::RST, 99, 0), (false, 1)),
        ("a datagram", None, (true, 5)),
    ];
    for (name, segment, expected) in rows {
        assert_eq!(after(false, OUT, segment), expected, "{name}");
        assert_eq!(after(true, OUT, segment), (true, 1), "{name}: it has asked before");
    }
}

#[test]
fn everything_from_outside_answers_but_what_the_host_has_had() {
    let rows = [
        ("the next data", segment(ACK, 900, 10), true),
        ("an acknowledgment", segment(ACK, 900, 0), true),
        ("data behind a gap", segment(ACK, 950, 10), true),
        ("data that the host has half of", segment(ACK, 890, 20), true),
        ("the last data again", segment(ACK, 890, 10), false),
        ("older data again", segment(ACK, 800, 10), false),
        ("a keep-alive", segment(ACK, 899, 0), false),
        ("a datagram", None, true),
    ];
    for (name, segment, answers) in rows {
        for asking in [false, true] {
            let expected = if answers { (false, 5) } else { (asking, 1) };
            assert_eq!(after(asking, IN, segment), expected, "{name}");
        }
    }
    let unknown = Silence::new(at(1000), OUT, segment(tcp_flag::SYN, 99, 0));
    let syn_ack = segment(tcp_flag::SYN | ACK, 4_000_000_000, 0);
    assert!(!unknown.after(at(5000), IN, syn_ack, [100, 0], false).is_asking(), "its number is as good as any");
}

#[test]
fn a_flow_begins_with_what_its_first_packet_is() {
    let asks = |direction, segment| Silence::new(at(0), direction, segment).is_asking();
    assert!(asks(OUT, None) && asks(OUT, segment(tcp_flag::SYN, 7, 0)) && asks(OUT, segment(ACK, 7, 1)));
    assert!(!asks(OUT, segment(ACK, 7, 0)) && !asks(IN, None) && !asks(IN, segment(tcp_flag::SYN, 7, 0)));
    assert!(!Silence::new(at(0), OUT, None).elsewhere().is_asking());
}

proptest! {
    #[test]
    fn time_is_told_to_the_millisecond_whenever_it_is(
        start in 0..20_000_000_000u64, lasts in 0..300_000u32, least in 1..10_000u32, asking in any::<bool>()
    ) {
        let (then, now) = (at(start), at(start + u64::from(lasts)));
        let silence = Silence::new(then, if asking { OUT } else { IN }, None);
        prop_assert_eq!(silence.has_lasted(least, now), lasts >= least);
        prop_assert!(silence.began_since(then, now) && silence.began_since(at(0), now));
        prop_assert!(!silence.began_since(then.plus_millis(1), now.plus_millis(1)));
    }
}
