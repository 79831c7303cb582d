//! The client against whatever may come.

use super::*;
use proptest::prelude::*;

/// A connection whose own numbers begin at 100 and the server's at 7000, with a request of ten bytes.
fn connected() -> Client {
    let mut client = Client::new(100, 10);
    let answer = Received { flags: SYN | ACK, seq: 7000, ack: 101, payload: &[] };
    assert_eq!(client.handle(&answer), TcpEvent::Connected);
    client
}

#[test]
fn a_number_may_be_off_by_a_window_and_no_more() {
    let mut client = connected();
    for (off, is_foreign) in [(65_535i64, false), (65_536, true), (-65_535, false), (-65_536, true)] {
        let seq = (7001 + off) as u32;
        let event = client.handle(&Received { flags: ACK, seq, ack: 101, payload: b"x" });
        assert_eq!(event == TcpEvent::Foreign, is_foreign, "{off}");
    }
    for (ack, is_foreign) in [(100, true), (101, false), (111, false), (112, true)] {
        let event = client.handle(&Received { flags: ACK, seq: 7001, ack, payload: &[] });
        assert_eq!(event == TcpEvent::Foreign, is_foreign, "{ack} is acknowledged");
    }
}

#[test]
fn a_server_that_has_not_heard_of_the_connection_is_told_until_it_has_sent_something() {
    let mut client = connected();
    let repeated = Received { flags: SYN | ACK, seq: 7000, ack: 101, payload: &[] };
    assert_eq!(client.handle(&repeated), TcpEvent::Connected);
    assert_eq!(client.handle(&Received { seq: 6999, ..repeated }), TcpEvent::Nothing, "another beginning");
    assert_eq!(client.handle(&Received { flags: ACK, seq: 7001, ack: 111, payload: b"x" }), TcpEvent::More);
    assert_eq!(client.handle(&Received { seq: 7001, ..repeated }), TcpEvent::Nothing);
}

proptest! {
    /// Any segments in any order: nothing panics, and no more is taken than there is room for.
    #[test]
    fn any_segments_leave_it_in_order(
        isn: u32,
        segments in prop::collection::vec((any::<u8>(), -3..20_000i64, -2..12i64, 0..3000usize), 0..30),
    ) {
        let mut client = Client::new(isn, 10);
        let server = 0xffff_f000u32;
        let _ = client.handle(&Received { flags: SYN | ACK, seq: server, ack: isn.wrapping_add(1), payload: &[] });
        let bytes = [7u8; 3000];
        for (flags, seq, ack, len) in segments {
            let (seq, ack) = (server.wrapping_add(seq as u32), isn.wrapping_add(ack as u32));
            let _ = client.handle(&Received { flags, seq, ack, payload: &bytes[..len] });
            prop_assert!(client.answer().0.len() <= ROOM);
            prop_assert_eq!(usize::from(client.window()), ROOM - client.answer().0.len());
        }
    }
}
