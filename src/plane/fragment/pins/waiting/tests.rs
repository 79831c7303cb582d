//! How many fragments wait, and who gives way to one more: to the packet and to the byte.

use super::*;

const NOW: Tick = Tick::from_secs(1);

/// A datagram of a sender of that number.
fn datagram(sender: u8, id: u32) -> Datagram {
    Datagram { source: [10, 0, 0, sender].into(), destination: [203, 0, 113, 10].into(), protocol: 17, id }
}

/// One fragment each of so many datagrams of a sender, each of so many bytes with the room in front; how many gave way.
fn push(waiting: &mut Waiting, sender: u8, ids: std::ops::Range<u32>, bytes: usize) -> usize {
    ids.map(|id| waiting.push(datagram(sender, id), &vec![sender; bytes - HEADROOM], NOW)).sum()
}

/// The datagrams of a sender that still wait, of the first 300.
fn waits(waiting: &mut Waiting, sender: u8) -> Vec<u32> {
    (0..300).filter(|id| !waiting.take(&datagram(sender, *id)).is_empty()).collect()
}

#[test]
fn one_more_packet_than_a_sender_may_have_waiting_costs_its_oldest_alone() {
    let mut waiting = Waiting::default();
    assert_eq!(push(&mut waiting, 1, 0..128, 100), 0);
    assert_eq!(push(&mut waiting, 2, 0..1, 100), 0);
    assert_eq!(push(&mut waiting, 1, 128..129, 100), 1);
    assert_eq!(waits(&mut waiting, 1), (1..129).collect::<Vec<_>>());
    assert_eq!(waits(&mut waiting, 2), [0]);
    assert_eq!(waiting.bytes(), 0);
}

#[test]
fn one_more_byte_than_a_sender_may_have_waiting_costs_its_oldest_alone() {
    let mut waiting = Waiting::default();
    assert_eq!(push(&mut waiting, 2, 0..1, 100), 0);
    assert_eq!(push(&mut waiting, 1, 0..16, 8 * 1024), 0, "128 KiB");
    assert_eq!(push(&mut waiting, 1, 16..17, HEADROOM + 1), 1);
    assert_eq!(waiting.bytes(), 100 + 15 * 8 * 1024 + HEADROOM + 1);
    assert_eq!(push(&mut waiting, 1, 17..18, 16 * 1024), 2, "a larger one takes the room of two");
    assert_eq!(waits(&mut waiting, 1), (3..18).collect::<Vec<_>>());
    assert_eq!(waits(&mut waiting, 2), [0]);
}

#[test]
fn one_more_packet_or_byte_than_all_may_have_waiting_costs_the_oldest_of_all() {
    let mut waiting = Waiting::default();
    assert_eq!(push(&mut waiting, 1, 0..128, 100) + push(&mut waiting, 2, 0..128, 100), 0);
    assert_eq!(push(&mut waiting, 3, 0..1, 100), 1);
    assert_eq!(waits(&mut waiting, 1), (1..128).collect::<Vec<_>>());
    assert_eq!((waits(&mut waiting, 2).len(), waits(&mut waiting, 3)), (128, vec![0]));

    assert_eq!(push(&mut waiting, 1, 0..16, 8 * 1024) + push(&mut waiting, 2, 0..16, 8 * 1024), 0, "256 KiB");
    assert_eq!(push(&mut waiting, 3, 0..1, HEADROOM), 1);
    assert_eq!(waiting.bytes(), 31 * 8 * 1024 + HEADROOM);
    assert_eq!(waits(&mut waiting, 1), (1..16).collect::<Vec<_>>());
}
