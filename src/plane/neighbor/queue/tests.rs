//! Claims about waiting packets.

use super::*;
use crate::plane::neighbor::Neighbors;
use crate::plane::neighbor::sample::{policy, sent};
use crate::plane::policy::Policy;
use crate::types::{Gso, GsoKind};

const A: WanId = WanId(0);
const MAC: Mac = Mac([2, 0, 0, 0, 0xee, 1]);

/// An IPv4 packet from the public address of WAN a, told apart by its last byte.
fn packet(mark: u8) -> Vec<u8> {
    let mut packet = vec![0; 40];
    packet[0] = 0x45;
    packet[12..16].copy_from_slice(&[192, 0, 2, 3]);
    packet[39] = mark;
    packet
}

struct Run {
    queue: NeighborQueue,
    neighbors: Neighbors,
    counters: Counters,
    outbox: Outbox,
    policy: Policy,
}

impl Run {
    fn new() -> Self {
        let (queue, neighbors, counters) = (NeighborQueue::new(), Neighbors::new(), Counters::default());
        Self { queue, neighbors, counters, outbox: Outbox::new(), policy: policy() }
    }

    fn hold(&mut self, packet: &[u8], millis: u64) -> Result<(), Full> {
        let original = [b"sent: ", packet].concat();
        self.push((A, Family::V4), packet, &original, millis)
    }

    fn push(&mut self, to: (WanId, Family), packet: &[u8], original: &[u8], millis: u64) -> Result<(), Full> {
        let queued = Queued { packet, original, offload: Offload::NONE, header_len: 40 };
        self.queue.push((to.0, Awaited::Gateway(to.1)), queued, Tick::from_millis(millis))
    }

    fn flush_into(&mut self, now: Tick, expired: impl FnMut(&[u8], &mut Outbox)) {
        let Self { queue, neighbors, counters, outbox, policy } = self;
        let mac = |id, to| match to {
            Awaited::Gateway(family) => neighbors.mac(id, family),
            Awaited::Host(_) => None,
        };
        let egress = |id, to| match policy.wan(id).zip(mac(id, to)) {
            Some((wan, mac)) => EgressState::Ready { wan, mac, mtu: wan.mtu },
            None => EgressState::Unresolved,
        };
        queue.flush(now, egress, counters, outbox, expired);
    }

    /// The last bytes of what left, and of what expired.
    fn flush(&mut self, millis: u64) -> (Vec<u8>, Vec<u8>) {
        let mut expired = Vec::new();
        let now = Tick::from_millis(millis);
        self.flush_into(now, |original, _| {
            assert_eq!(&original[..6], b"sent: ");
            expired.push(*original.last().unwrap());
        });
        let left = sent(&mut self.outbox).into_iter().map(|(_, bytes)| *bytes.last().unwrap()).collect();
        (left, expired)
    }
}

#[test]
fn packets_leave_in_order_once_their_next_hop_is_known() {
    let mut run = Run::new();
    assert!((1..=3).all(|mark| run.hold(&packet(mark), 0).is_ok()));
    assert_eq!(run.flush(100), (vec![], vec![]));
    assert_eq!(run.queue.len(), 3);
    run.neighbors.set(A, Family::V6, MAC);
    assert_eq!(run.flush(100), (vec![], vec![]), "the other family's MAC is of no use");
    run.neighbors.set(A, Family::V4, MAC);
    assert_eq!(run.flush(200), (vec![1, 2, 3], vec![]));
    assert!(run.queue.is_empty());
}

#[test]
fn a_packet_leaves_with_its_link_header_and_what_the_kernel_owes_it() {
    let mut run = Run::new();
    let gso = Some(Gso { kind: GsoKind::Tcp4, size: 1448, ecn: false });
    let offload = Offload { partial: None, gso };
    let queued = Queued { packet: &packet(9), original: &[], offload, header_len: 52 };
    run.queue.push((A, Awaited::Gateway(Family::V4)), queued, Tick(0)).unwrap();
    run.neighbors.set(A, Family::V4, MAC);
    run.flush_into(Tick(0), |_, _| ());
    let mut seen = Vec::new();
    run.outbox.drain(|batch| seen.extend(batch.iter().map(|f| (f.link().to_vec(), f.offload, f.header_len))));
    assert_eq!(seen, [(vec![2, 0, 0, 0, 0xee, 1, 2, 0, 0, 0, 0, 0xa, 8, 0], offload, 52)]);
}

#[test]
fn a_packet_waits_three_seconds_and_no_longer() {
    let mut run = Run::new();
    run.hold(&packet(1), 0).unwrap();
    run.hold(&packet(2), 10).unwrap();
    assert_eq!(run.flush(2_999), (vec![], vec![]));
    assert_eq!(run.flush(3_000), (vec![], vec![1]));
    run.neighbors.set(A, Family::V4, MAC);
    assert_eq!(run.flush(9_000), (vec![2], vec![]), "late, but its way is known");
}

#[test]
fn no_more_wait_than_may() {
    let mut run = Run::new();
    assert!((0..64).all(|mark| run.hold(&packet(mark), 0).is_ok()));
    assert_eq!(run.hold(&packet(64), 0), Err(Full));
    assert_eq!(run.push((A, Family::V6), &packet(0), &[], 0), Ok(()), "another queue");
    assert_eq!(run.push((WanId(32), Family::V4), &packet(0), &[], 0), Err(Full));
}

#[test]
fn no_more_bytes_wait_than_may() {
    let mut run = Run::new();
    let large = [packet(0), vec![0; 64 * 1024]].concat();
    assert_eq!([(); 4].map(|()| run.hold(&large, 0).is_ok()), [true, true, true, false], "quotes count as well");
    assert_eq!(run.flush(3_000).1.len(), 3);
    assert_eq!(run.hold(&large, 3_000), Ok(()), "what left makes room");
}

#[test]
fn the_quote_of_a_large_packet_is_cut() {
    let mut run = Run::new();
    run.push((A, Family::V4), &packet(0), &[7; 9000], 0).unwrap();
    let mut lens = Vec::new();
    let late = Tick::from_secs(3);
    run.flush_into(late, |original, _| lens.push(original.len()));
    assert_eq!(lens, [1232]);
}

#[test]
fn a_packet_from_an_owned_address_or_the_kernels_own_leaves_and_no_other() {
    let from4 = |last: u8| {
        let mut packet = packet(last);
        packet[15] = last;
        packet
    };
    let from6 = |source: &str, mark: u8| {
        let source: Ipv6Addr = source.parse().unwrap();
        [&[0x60, 0, 0, 0, 0, 1, 253, 64][..], &source.octets(), &[0xfd; 16], &[mark]].concat()
    };
    let mut run = Run::new();
    for last in [1, 2, 3, 4] {
        run.hold(&from4(last), 0).unwrap();
    }
    let sources = ["2001:db8:a:c81::1", "2001:db8:a:c80::5", "fe80::2", "fe80::3", "2001:db8:b::1"];
    for (mark, source) in (11..).zip(sources) {
        let packet = from6(source, mark);
        run.push((A, Family::V6), &packet, &[b"sent: ", &packet[..]].concat(), 0).unwrap();
    }
    for family in [Family::V4, Family::V6] {
        run.neighbors.set(A, family, MAC);
    }
    assert_eq!(run.flush(10), (vec![2, 3, 11, 12, 13], vec![1, 4, 14, 15]));
}

#[test]
fn a_packet_whose_source_the_wan_lost_does_not_leave() {
    let mut run = Run::new();
    run.hold(&packet(5), 0).unwrap();
    run.neighbors.set(A, Family::V4, MAC);
    run.policy.wans = [1, 0].map(|slot| run.policy.wans[slot].clone()).into_iter().collect();
    assert_eq!(run.flush(10), (vec![], vec![5]));
    run.hold(&packet(6), 20).unwrap();
    run.policy.wans = Default::default();
    assert_eq!(run.flush(30), (vec![], vec![]), "a WAN that is gone may come back");
    assert_eq!(run.flush(3_020), (vec![], vec![6]));
}

#[test]
fn what_finds_no_room_in_the_outbox_waits_on() {
    let mut run = Run::new();
    for _ in 0..crate::plane::outbox::CAPACITY - 1 {
        assert!(run.outbox.push(End::Inside, &[], |_| true));
    }
    assert!((1..=2).all(|mark| run.hold(&packet(mark), 0).is_ok()));
    run.neighbors.set(A, Family::V4, MAC);
    assert_eq!((run.flush(10).0, run.queue.len()), (vec![1], 1));
    assert_eq!((run.flush(10).0, run.queue.len(), run.outbox.overflow), (vec![2], 0, 0));
}
