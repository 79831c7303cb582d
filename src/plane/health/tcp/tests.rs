//! The client against whatever may come.

use super::*;
use proptest::prelude::*;

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
