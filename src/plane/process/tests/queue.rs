//! Packets whose next hop is not resolved yet.

use super::*;

#[test]
fn a_packet_waits_for_its_next_hop_and_leaves_when_the_mac_is_known() {
    let mut rig = Rig::new(policy());
    rig.plane = Plane::new(Arc::new(policy()), Arc::new(Shared::new(10, 0)), true);
    let port = port_for(A);
    let query = packet("10.250.250.2", SERVER, protocol::UDP, &udp(port, 53, b"query"));
    assert_eq!(rig.outbound(&query).verdict, Verdict::Held);
    rig.plane.tick(rig.now, &mut rig.outbox);
    rig.sent();
    let reply =
        [&[0u8, 1, 8, 0, 6, 4, 0, 2][..], &GATEWAY[0].0, &[192, 0, 2, 1], &OWN[0].0, &[192, 0, 2, 200], &[0; 18]]
            .concat();
    let link = [&OWN[0].0[..], &GATEWAY[0].0, &[8, 6]].concat();
    rig.process(End::Wan(A), &link, &reply, None);
    let sent = rig.sent();
    assert_eq!(sent.len(), 1);
    assert_eq!((sent[0].0, hosts(&sent[0].2)), (End::Wan(A), (ip("192.0.2.12"), ip(SERVER))));
    assert_eq!(sent[0].1, [&GATEWAY[0].0[..], &OWN[0].0, &[8, 0]].concat());
}

#[test]
fn a_worker_that_does_not_ask_looks_again_soon_whether_another_has_heard_of_the_next_hop() {
    let mut rig = Rig::new(policy());
    rig.plane = Plane::new(Arc::new(policy()), Arc::new(Shared::new(10, 0)), false);
    rig.plane.tick(rig.now, &mut rig.outbox);
    assert_eq!(rig.plane.wake(), Tick(u64::MAX));
    let query = packet("10.250.250.2", SERVER, protocol::UDP, &udp(port_for(A), 53, b"query"));
    assert_eq!(rig.outbound(&query).verdict, Verdict::Held);
    let due = rig.plane.wake();
    assert!(due <= rig.now.plus_millis(20), "{due:?}");
    rig.plane.shared().neighbors.set(A, Family::V4, GATEWAY[0]);
    rig.plane.tick(due, &mut rig.outbox);
    assert_eq!(rig.sent().len(), 1);
}

#[test]
fn a_next_hop_that_stays_silent_is_reported_to_the_sender() {
    let mut rig = Rig::new(policy());
    rig.plane = Plane::new(Arc::new(policy()), Arc::new(Shared::new(10, 0)), false);
    let query = packet("10.250.250.2", SERVER, protocol::UDP, &udp(4000, 53, b"query"));
    assert_eq!(rig.outbound(&query).verdict, Verdict::Held);
    rig.plane.tick(rig.now.plus_millis(2999), &mut rig.outbox);
    assert_eq!(rig.sent().len(), 0);
    rig.plane.tick(rig.now.plus_millis(3000), &mut rig.outbox);
    let (end, _, answer) = &rig.sent()[0];
    assert_eq!((*end, answer[20], answer[21]), (End::Inside, 3, 1));
    assert_eq!(&answer[28..], &query[..]);
    rig.assert_dropped(Direction::Outbound, DropReason::NoNeighbor);
}
