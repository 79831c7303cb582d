//! Which flow a packet belongs to, and by which WAN it goes.

use super::*;

#[test]
fn a_reply_leaves_by_the_wan_its_request_came_in_on() {
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
fn one_outside_port_that_speaks_to_both_public_addresses_is_answered_from_each() {
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

/// A plane whose table holds one flow, and is full.
fn full() -> Rig {
    let mut rig = Rig::with_room(policy(), 1);
    let old = packet("10.250.250.2", SERVER, protocol::UDP, &udp(1, 2, b""));
    assert!(matches!(rig.outbound(&old).verdict, Verdict::Forward(_)));
    rig
}

/// Packets of new flows from the same host and port of each protocol, out and what comes back from `public`.
fn strangers(port: u16, public: [&str; 2]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let (host, host6, [public, public6]) = ("10.250.250.2", "fd00:bad:b01:1::100", public);
    let echo = |kind, id: u16| {
        icmp(kind, 0, [0, 0], &[]).into_iter().enumerate().map(move |(at, byte)| match at {
            4 => id.to_be_bytes()[0],
            5 => id.to_be_bytes()[1],
            _ => byte,
        })
    };
    let pairs = [
        (protocol::TCP, tcp(port, 443, 2, &[], &[]), tcp(443, port, 18, &[], &[])),
        (protocol::UDP, udp(port, 53, b"question"), udp(53, port, b"answer")),
        (47, vec![1; 8], vec![2; 8]),
    ];
    let mut all = Vec::new();
    for (protocol, out, back) in &pairs {
        all.push((packet(host, SERVER, *protocol, out), packet(SERVER, public, *protocol, back)));
        all.push((packet(host6, SERVER6, *protocol, out), packet(SERVER6, public6, *protocol, back)));
    }
    let fixed = |source, target, protocol, kind| {
        let mut packet = packet(source, target, protocol, &echo(kind, port).collect::<Vec<_>>());
        fix_transport(&mut packet);
        packet
    };
    all.push((fixed(host, SERVER, protocol::ICMP, 8), fixed(SERVER, public, protocol::ICMP, 0)));
    all.push((fixed(host6, SERVER6, protocol::ICMPV6, 128), fixed(SERVER6, public6, protocol::ICMPV6, 129)));
    all
}

const PUBLIC: [&str; 2] = ["192.0.2.12", "198.51.100.12"];
const PUBLIC6: &str = "2001:db8:a:c81::100";

#[test]
fn a_full_table_lets_flows_from_inside_pass_by_the_hash_and_their_replies_come_back() {
    let mut rig = full();
    let mut unpinned = 0;
    for port in 1000..1040 {
        for (number, (out, _)) in strangers(port, [PUBLIC[0], PUBLIC6]).into_iter().enumerate() {
            let first = rig.outbound(&out);
            let Verdict::Forward(End::Wan(wan)) = first.verdict else { panic!("{number}: {:?}", first.verdict) };
            assert_eq!(rig.outbound(&out).packet, first.packet, "the same again");
            let source = hosts(&first.packet).0.to_string();
            let public = if source.contains(':') { [PUBLIC[0], &source] } else { [&source, PUBLIC6] };
            let back = strangers(port, public).swap_remove(number).1;
            assert_eq!(rig.inbound(wan, &back).verdict, Verdict::Forward(End::Inside), "{number} by {wan:?}");
            unpinned += 3;
        }
    }
    let totals = rig.totals();
    assert_eq!((totals.events(Event::Unpinned), rig.plane.shared().table.len()), (unpinned, 1));
    assert!(DropReason::ALL.iter().all(|reason| totals.dropped(Direction::Outbound, *reason) == 0));
    assert!(matches!(
        rig.outbound(&packet("10.250.250.2", SERVER, protocol::UDP, &udp(1, 2, b""))).verdict,
        Verdict::Forward(_)
    ));
}

#[test]
fn a_full_table_refuses_a_flow_from_outside_that_would_be_answered_from_elsewhere() {
    let mut rig = full();
    for port in 2000..2040u16 {
        // The share of one receiver in the limit of errors grows again.
        rig.now = Tick(rig.now.0 + 1_000_000_000);
        let request = |public: &str| packet(SERVER, public, protocol::TCP, &tcp(port, 443, 2, &[], &[]));
        let out = packet("10.250.250.2", SERVER, protocol::TCP, &tcp(443, port, 18, &[], &[]));
        let Verdict::Forward(End::Wan(home)) = rig.outbound(&out).verdict else { panic!("it leaves") };
        let other = WanId(1 - home.0);
        let [own, foreign] = [home, other].map(|wan| request(PUBLIC[wan.index()]));
        assert_eq!(rig.inbound(home, &own).verdict, Verdict::Forward(End::Inside));
        assert_eq!(rig.sent().len(), 0);
        assert_eq!(rig.inbound(other, &foreign).verdict, Verdict::Drop(DropReason::TableFull));
        let (end, _, answer) = rig.sent().remove(0);
        assert_eq!((end, answer[20], answer[21]), (End::Wan(other), 3, 13));
    }
    assert_eq!(rig.totals().dropped(Direction::Inbound, DropReason::TableFull), 40);
    assert_eq!(rig.totals().events(Event::Unpinned), 80);
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
