//! Which flow a packet belongs to, and by which WAN it goes.

use super::*;

#[test]
fn c_02_a_reply_leaves_by_the_wan_its_request_came_in_on() {
    for (id, public) in [(A, "192.0.2.12"), (B, "198.51.100.12")] {
        let mut rig = Rig::new(policy());
        let request = rig.inbound(id, &packet(SERVER, public, protocol::TCP, &tcp(5000, 443, 2, &[], &[])));
        assert_eq!(request.verdict, Verdict::Forward(End::Inside));
        assert_eq!(hosts(&request.packet), (ip(SERVER), ip("10.250.250.2")));
        let reply = rig.outbound(&packet("10.250.250.2", SERVER, protocol::TCP, &tcp(443, 5000, 18, &[], &[])));
        assert_eq!(reply.verdict, Verdict::Forward(End::Wan(id)));
        assert_eq!(hosts(&reply.packet), (ip(public), ip(SERVER)));
        assert!(is_right(&reply.packet));
    }
}

#[test]
fn c_03_one_outside_port_that_speaks_to_both_public_addresses_is_answered_from_each() {
    let mut rig = Rig::new(policy());
    let reply = packet("10.250.250.2", SERVER, protocol::UDP, &udp(7, 5000, b"pong"));
    for (id, public) in [(A, "192.0.2.12"), (B, "198.51.100.12"), (A, "192.0.2.12")] {
        rig.inbound(id, &packet(SERVER, public, protocol::UDP, &udp(5000, 7, b"ping")));
        let done = rig.outbound(&reply);
        assert_eq!((done.verdict, hosts(&done.packet).0), (Verdict::Forward(End::Wan(id)), ip(public)));
    }
    assert_eq!(rig.plane.shared().table.len(), 1);
}

#[test]
fn a_flow_from_inside_and_a_standing_connection_stay_when_a_packet_arrives_elsewhere() {
    let mut rig = Rig::new(policy());
    let port = port_for(A);
    let query = packet("10.250.250.2", SERVER, protocol::UDP, &udp(port, 53, b"query"));
    assert_eq!(rig.outbound(&query).verdict, Verdict::Forward(End::Wan(A)));
    rig.inbound(B, &packet(SERVER, "198.51.100.12", protocol::UDP, &udp(53, port, b"forged")));
    assert_eq!(rig.outbound(&query).verdict, Verdict::Forward(End::Wan(A)));

    let inbound = |flags| packet(SERVER, "192.0.2.12", protocol::TCP, &tcp(5000, 443, flags, &[], &[]));
    let outbound = |flags| packet("10.250.250.2", SERVER, protocol::TCP, &tcp(443, 5000, flags, &[], &[]));
    rig.inbound(A, &inbound(2));
    rig.outbound(&outbound(18));
    rig.inbound(A, &inbound(16));
    let elsewhere = packet(SERVER, "198.51.100.12", protocol::TCP, &tcp(5000, 443, 2, &[], &[]));
    rig.inbound(B, &elsewhere);
    assert_eq!(rig.outbound(&outbound(16)).verdict, Verdict::Forward(End::Wan(A)), "the connection stands");
    rig.inbound(A, &inbound(17));
    rig.outbound(&outbound(17));
    rig.inbound(B, &elsewhere);
    assert_eq!(rig.outbound(&outbound(18)).verdict, Verdict::Forward(End::Wan(B)), "a new connection after its end");
}

#[test]
fn a_pin_survives_a_new_snapshot_that_still_translates_it() {
    let mut rig = Rig::new(policy());
    let query = packet("10.250.250.2", SERVER, protocol::UDP, &udp(port_for(A), 53, b"query"));
    assert_eq!(rig.outbound(&query).verdict, Verdict::Forward(End::Wan(A)));
    let mut heavier = policy();
    heavier.epoch = 2;
    heavier.wans[1].fixed_mut().weight = 1_000_000;
    rig.plane.adopt(Arc::new(heavier));
    assert_eq!(rig.outbound(&query).verdict, Verdict::Forward(End::Wan(A)));
    let mut without = policy();
    without.epoch = 3;
    without.wans[0].nat44 = Nat44Map::default();
    rig.plane.adopt(Arc::new(without));
    assert_eq!(rig.outbound(&query).verdict, Verdict::Forward(End::Wan(B)));
}

#[test]
fn a_refused_packet_from_outside_keeps_no_flow_alive() {
    let ends = |rig: &Rig| {
        let mut ends = Vec::new();
        rig.plane.shared().table.for_each(|_, flow| ends.push((flow.expires, flow.inbound.packets)));
        ends
    };
    let mut rig = Rig::new(policy());
    let port = port_for(A);
    rig.outbound(&packet("10.250.250.2", SERVER, protocol::UDP, &udp(port, 53, b"query")));
    rig.now = rig.now.plus_millis(100_000);
    let mut last = packet(SERVER, "192.0.2.12", protocol::UDP, &udp(53, port, b"late"));
    last[8] = 1;
    fix_ip(&mut last);
    let long = packet(SERVER, "192.0.2.12", protocol::UDP, &udp(53, port, &[0; 1473]));
    assert_eq!(rig.inbound(A, &last).verdict, Verdict::Drop(DropReason::TtlExpired));
    assert_eq!(rig.inbound(A, &long).verdict, Verdict::Drop(DropReason::TooBig));
    let mut forbids = policy();
    forbids.epoch = 2;
    forbids.fixed_mut().martians.push("203.0.113.0/24".parse().unwrap());
    rig.plane.adopt(Arc::new(forbids));
    let answer = packet(SERVER, "192.0.2.12", protocol::UDP, &udp(53, port, b"answer"));
    assert_eq!(rig.inbound(A, &answer).verdict, Verdict::Drop(DropReason::MartianSource));
    assert_eq!(ends(&rig), [(1300, 0)], "as the query left it");
    let allows = Policy { epoch: 3, ..policy() };
    rig.plane.adopt(Arc::new(allows));
    assert_eq!(rig.inbound(A, &answer).verdict, Verdict::Forward(End::Inside));
    assert_eq!(ends(&rig), [(1400, 1)]);
    let query = packet("10.250.250.2", SERVER, protocol::UDP, &udp(port, 53, b"query"));
    assert_eq!(rig.outbound(&query).verdict, Verdict::Forward(End::Wan(A)));
    rig.plane.shared().table.for_each(|_, flow| assert_eq!((flow.epoch, flow.outbound.packets), (3, 2)));
}
