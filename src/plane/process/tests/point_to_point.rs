//! A link without a link layer: packets stand for themselves, and there is nobody to ask or to tell.

use super::*;
use crate::plane::outbox::Outbox;
use crate::plane::policy::Gateway;
use crate::types::{LinkLayer, Mac};

fn bare() -> Policy {
    let mut policy = policy();
    let mut wan = policy.wans[0].clone();
    wan.link.layer = LinkLayer::None;
    (wan.link.mac, wan.link.gateway_macs) = (Mac::default(), [Some(Mac::default()); 2]);
    wan.link.gateways = [Gateway::only([0; 4]), Gateway::only([0u16; 8])];
    policy.wans = [wan, policy.wans[1].clone()].into_iter().collect();
    policy
}

/// One whose next hops nobody has told.
fn rig() -> Rig {
    let shared = Arc::new(Shared::new(1000, 0));
    let plane = Plane::new(Arc::new(bare()), shared, true);
    let mut rig = Rig { plane, outbox: Outbox::new(), now: Tick::from_secs(1000) };
    rig.plane.tick(rig.now, &mut rig.outbox);
    rig
}

#[test]
fn packets_go_out_and_come_in_without_a_link_header() {
    let mut rig = rig();
    for (public, inside, server) in
        [("192.0.2.12", "10.250.250.2", SERVER), ("2001:db8:a:c80::9", "fd00:bad:b01::9", SERVER6)]
    {
        let come = packet(server, public, protocol::UDP, &udp(5000, 7, b"ping"));
        let request = rig.process(End::Wan(A), &[], &come, None);
        assert_eq!(request.verdict, Verdict::Forward(End::Inside));
        let reply = rig.outbound(&packet(inside, server, protocol::UDP, &udp(7, 5000, b"pong")));
        assert_eq!((reply.verdict, reply.link.len()), (Verdict::Forward(End::Wan(A)), 0));
        assert_eq!(hosts(&reply.packet), (ip(public), ip(server)));
    }
}

#[test]
fn nobody_is_asked_and_nothing_is_announced_there() {
    let mut rig = rig();
    for _ in 0..100 {
        let sent = rig.sent();
        assert!(sent.iter().all(|(end, ..)| *end == End::Wan(B)), "{sent:?}");
        rig.now = rig.now.plus_millis(100);
        rig.plane.tick(rig.now, &mut rig.outbox);
    }
}

#[test]
fn what_is_no_packet_or_was_received_with_a_link_header_is_dropped() {
    let good = packet(SERVER, "192.0.2.12", protocol::UDP, &udp(5000, 7, b"ping"));
    let header = [&OWN[0].0[..], &GATEWAY[0].0, &[8, 0]].concat();
    let cases: [(&[u8], &[u8], DropReason); 3] = [
        (&header, &good, DropReason::WrongMac),
        (&[], &[], DropReason::Truncated),
        (&[], &[0x75; 40], DropReason::BadIpHeader),
    ];
    for (link, packet, reason) in cases {
        let mut rig = rig();
        assert_eq!(rig.process(End::Wan(A), link, packet, None).verdict, Verdict::Drop(reason));
        rig.assert_dropped(Direction::Inbound, reason);
    }
}
