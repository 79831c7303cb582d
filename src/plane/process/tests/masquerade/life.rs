//! How long a public port is an inside end's, and what becomes of a flow that finds none or loses its address.

use super::*;
use crate::plane::mapping::Class;

fn pass_time(rig: &mut Rig, seconds: u64) {
    rig.now = rig.now.plus_millis(seconds * 1000);
    while rig.plane.tick(rig.now, &mut rig.outbox) < rig.now.plus_millis(2) {}
    rig.sent();
}

fn used(rig: &Rig, class: Class) -> usize {
    rig.plane.shared().table.mappings().used(A, class)
}

/// Shows RFC 4787 REQ-5, RFC 4787 REQ-6.
#[test]
fn c_16_what_comes_from_outside_keeps_no_mapping_alive_and_what_goes_out_does() {
    let mut rig = rig();
    let (public, _) = out(&mut rig, ONE, SERVER, protocol::UDP, &udp(20000, 53, b"x"));
    pass_time(&mut rig, 200);
    out(&mut rig, ONE, SERVER, protocol::UDP, &udp(20000, 53, b"x"));
    for _ in 0..2 {
        pass_time(&mut rig, 149);
        assert!(back(&mut rig, SERVER, protocol::UDP, &udp(53, public.port, b"x")).is_ok());
    }
    pass_time(&mut rig, 10);
    assert_eq!(used(&rig, Class::Udp), 0);
    let late = back(&mut rig, SERVER, protocol::UDP, &udp(53, public.port, b"x"));
    assert_eq!(late, Err(Verdict::Drop(DropReason::NoMapping)));
}

#[test]
fn a_mapping_lives_until_the_last_of_its_flows_ends() {
    let mut rig = rig();
    let (public, _) = out(&mut rig, ONE, SERVER, protocol::UDP, &udp(20000, 53, b"x"));
    pass_time(&mut rig, 200);
    out(&mut rig, ONE, "198.18.0.9", protocol::UDP, &udp(20000, 53, b"x"));
    pass_time(&mut rig, 200);
    let gone = back(&mut rig, SERVER, protocol::UDP, &udp(53, public.port, b"x"));
    assert_eq!((gone, used(&rig, Class::Udp)), (Err(Verdict::Drop(DropReason::Filtered)), 1));
    assert_eq!(out(&mut rig, ONE, SERVER, protocol::UDP, &udp(20000, 53, b"x")).0, public, "REQ-11");
}

/// Shows RFC 5508 REQ-8.
#[test]
fn c_11_where_no_port_is_left_the_next_wan_takes_the_flow_and_without_one_its_sender_is_told() {
    let mut policy = shares(20000, 20001);
    policy.wans[1].fixed_mut().tier = 2;
    policy.wans[1].nat44 = Nat44Map::new(&[(TWO.parse().unwrap(), "198.51.100.15".parse().unwrap())]);
    let mut rig = Rig::new(policy);
    for port in [1, 2] {
        out(&mut rig, ONE, SERVER, protocol::UDP, &udp(port, 53, b"x"));
    }
    let other = rig.outbound(&packet(TWO, SERVER, protocol::UDP, &udp(3, 53, b"x")));
    assert_eq!(other.verdict, Verdict::Forward(End::Wan(B)));
    let refused = rig.outbound(&packet(ONE, SERVER, protocol::UDP, &udp(3, 53, b"x")));
    assert_eq!(refused.verdict, Verdict::Drop(DropReason::PortsExhausted));
    let sent = rig.sent();
    assert_eq!((sent.len(), &sent[0].2[20..22]), (1, &[3, 13][..]), "administratively prohibited");
    rig.assert_dropped(Direction::Outbound, DropReason::PortsExhausted);
    assert_eq!(rig.totals().events(Event::PortsExhausted), 2);
    // Other protocols have ports of their own, and when one is free again it is taken.
    out(&mut rig, ONE, SERVER, protocol::TCP, &tcp(3, 53, 2, &[], b""));
    pass_time(&mut rig, 301);
    out(&mut rig, ONE, SERVER, protocol::UDP, &udp(3, 53, b"x"));
}

#[test]
fn a_table_without_room_gives_no_port_away() {
    let mut rig = Rig::with_room(shares(16384, 32767), 2);
    out(&mut rig, ONE, SERVER, protocol::UDP, &udp(1, 53, b"x"));
    out(&mut rig, ONE, SERVER, protocol::UDP, &udp(2, 53, b"x"));
    let refused = rig.outbound(&packet(ONE, SERVER, protocol::UDP, &udp(3, 53, b"x")));
    assert_eq!(refused.verdict, Verdict::Drop(DropReason::TableFull));
    assert_eq!(used(&rig, Class::Udp), 2);
}

/// Shows RFC 5382 REQ-5.
#[test]
fn c_12_a_port_rests_after_its_connection_as_long_as_rfc_5382_says() {
    let mut rig = rig();
    let (public, _) = out(&mut rig, ONE, SERVER, protocol::TCP, &tcp(50000, 443, 2, &[], b""));
    assert!(back(&mut rig, SERVER, protocol::TCP, &tcp(443, public.port, 18, &[], b"")).is_ok());
    for flags in [16, 17] {
        out(&mut rig, ONE, SERVER, protocol::TCP, &tcp(50000, 443, flags, &[], b""));
    }
    assert!(back(&mut rig, SERVER, protocol::TCP, &tcp(443, public.port, 17, &[], b"")).is_ok());
    out(&mut rig, ONE, SERVER, protocol::TCP, &tcp(50000, 443, 16, &[], b""));
    pass_time(&mut rig, 235);
    assert_eq!(used(&rig, Class::Tcp), 1);
    pass_time(&mut rig, 10);
    assert_eq!(used(&rig, Class::Tcp), 0);
}

/// The link has another address, and the old one is gone.
fn change_address(rig: &mut Rig) {
    let mut policy = Policy::clone(rig.plane.policy());
    policy.epoch += 1;
    let new = Leased { since: policy.epoch, ..leased(3, "192.0.2.201") };
    policy.wans[0].masquerade = policy.wans[0].masquerade.as_ref().map(|it| it.with([new]));
    rig.plane.adopt(Arc::new(policy));
}

#[test]
fn with_the_address_its_ports_go_and_flows_that_may_move_have_others_at_the_new_one() {
    let mut rig = rig();
    let (old, _) = out(&mut rig, ONE, SERVER, protocol::UDP, &udp(50000, 53, b"x"));
    out(&mut rig, ONE, SERVER, protocol::TCP, &tcp(50000, 443, 2, &[], b""));
    out(&mut rig, ONE, SERVER, protocol::TCP, &tcp(50000, 443, 16, &[], b""));
    change_address(&mut rig);
    let moved = rig.outbound(&packet(ONE, SERVER, protocol::UDP, &udp(50000, 53, b"x")));
    let new = end(&moved.packet, Side::Source);
    assert_eq!((moved.verdict, new.address), (Verdict::Forward(End::Wan(A)), ip("192.0.2.201")));
    assert!(is_right(&moved.packet));
    assert_eq!(used(&rig, Class::Udp), 1, "the old port is free");
    assert_eq!(back(&mut rig, SERVER, protocol::UDP, &udp(53, old.port, b"x")), Err(Verdict::Kernel));
    let answer = rig.inbound(A, &packet(SERVER, "192.0.2.201", protocol::UDP, &udp(53, new.port, b"x")));
    assert_eq!(answer.verdict, Verdict::Forward(End::Inside));
    let reset = rig.outbound(&packet(ONE, SERVER, protocol::TCP, &tcp(50000, 443, 16, &[], b"x")));
    assert_eq!(reset.verdict, Verdict::Drop(DropReason::Reset));
}

#[test]
fn a_remote_that_is_told_of_the_end_is_told_from_the_public_port() {
    let mut rig = rig();
    let (public, _) = out(&mut rig, ONE, SERVER, protocol::TCP, &tcp(50000, 443, 2, &[], b""));
    assert!(back(&mut rig, SERVER, protocol::TCP, &tcp(443, public.port, 18, &[], b"")).is_ok());
    out(&mut rig, ONE, SERVER, protocol::TCP, &tcp(50000, 443, 16, &[], b""));
    let mut policy = Policy::clone(rig.plane.policy());
    policy.epoch += 1;
    policy.wans[0].standing = [Standing::SoftDown; 2];
    policy.wans[0].fixed_mut().on_down.soft = crate::types::Remedies::all(crate::types::Remedy::Reset);
    rig.plane.adopt(Arc::new(policy));
    let reset = rig.outbound(&packet(ONE, SERVER, protocol::TCP, &tcp(50000, 443, 16, &[], b"x")));
    assert_eq!(reset.verdict, Verdict::Drop(DropReason::Reset));
    let to_remote: Vec<_> = rig.sent().into_iter().filter(|(end, ..)| *end == End::Wan(A)).collect();
    assert_eq!(to_remote.len(), 1);
    assert_eq!(end(&to_remote[0].2, Side::Source), public);
    assert!(is_right(&to_remote[0].2));
}

#[test]
fn c_16_strangers_who_may_speak_keep_no_mapping_and_answers_to_them_do() {
    let mut rig = open(Filtering::Endpoint);
    let (public, _) = out(&mut rig, ONE, SERVER, protocol::UDP, &udp(50000, 53, b"x"));
    let come = |rig: &mut Rig, number: u16| {
        back(rig, "198.18.0.9", protocol::UDP, &udp(number, public.port, b"x")).map(|end| is_end(end, ONE, 50000))
    };
    for number in 0..15 {
        assert_eq!(come(&mut rig, 1000 + number), Ok(true));
        pass_time(&mut rig, 20);
    }
    assert_eq!(
        come(&mut rig, 2000),
        Err(Verdict::Drop(DropReason::Filtered)),
        "nobody inside has said anything for 300 s"
    );
    pass_time(&mut rig, 31);
    assert_eq!(come(&mut rig, 2000), Err(Verdict::Drop(DropReason::NoMapping)));
    // A host that answers speaks.
    let (public, _) = out(&mut rig, ONE, SERVER, protocol::UDP, &udp(50000, 53, b"x"));
    let come =
        |rig: &mut Rig, number: u16| back(rig, "198.18.0.9", protocol::UDP, &udp(number, public.port, b"x")).is_ok();
    pass_time(&mut rig, 290);
    assert!(come(&mut rig, 1));
    out(&mut rig, ONE, "198.18.0.9", protocol::UDP, &udp(50000, 1, b"x"));
    pass_time(&mut rig, 290);
    assert!(come(&mut rig, 2));
}
