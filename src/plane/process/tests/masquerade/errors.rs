//! ICMP errors about packets of a shared address, both ways.

use super::*;

#[test]
fn c_30_an_error_about_what_a_host_sent_goes_to_that_host_with_the_quote_as_it_sent_it() {
    for (number, payload) in [
        (protocol::UDP, udp(50001, 53, b"question")),
        (protocol::TCP, tcp(50001, 443, 2, &[], b"")),
        (protocol::ICMP, icmp(8, 0, [50001, 1], b"ping")),
    ] {
        let mut rig = rig();
        out(&mut rig, ONE, SERVER, number, &payload);
        let (_, seen) = out(&mut rig, TWO, SERVER, number, &payload);
        let error = packet("198.18.0.1", SHARED, protocol::ICMP, &icmp(11, 0, [0, 0], &seen));
        let done = rig.inbound(A, &error);
        assert_eq!(done.verdict, Verdict::Forward(End::Inside));
        assert!(is_right(&done.packet));
        assert_eq!(hosts(&done.packet), (ip("198.18.0.1"), ip(TWO)));
        let quoted = &done.packet[28..];
        assert!(is_right(quoted), "as it was sent, but for a hop");
        assert_eq!((hosts(quoted).0, end(quoted, Side::Source).port), (ip(TWO), 50001));
    }
}

#[test]
fn c_31_an_error_of_a_host_about_what_came_to_it_quotes_what_the_remote_sent() {
    let mut rig = rig();
    let (public, _) = out(&mut rig, ONE, SERVER, protocol::UDP, &udp(50001, 53, b"x"));
    let came = packet(SERVER, SHARED, protocol::UDP, &udp(53, public.port, b"answer"));
    let inside = rig.inbound(A, &came).packet;
    let done = rig.outbound(&packet(ONE, SERVER, protocol::ICMP, &icmp(3, 3, [0, 0], &inside)));
    assert_eq!(done.verdict, Verdict::Forward(End::Wan(A)));
    assert!(is_right(&done.packet) && is_right(&done.packet[28..]));
    assert_eq!(hosts(&done.packet), (ip(SHARED), ip(SERVER)));
    assert_eq!(end(&done.packet[28..], Side::Destination), end(&came, Side::Destination));
}

#[test]
fn an_error_about_what_the_router_itself_sent_is_the_kernels_and_one_about_nothing_known_goes_nowhere() {
    let mut rig = rig();
    let (_, seen) = out(&mut rig, ONE, SERVER, protocol::UDP, &udp(20000, 53, b"x"));
    let about = |quoted: &[u8]| icmp(3, 1, [0, 0], quoted);
    let own = packet(SHARED, SERVER, protocol::TCP, &tcp(40000, 443, 2, &[], b""));
    assert_eq!(back(&mut rig, SERVER, protocol::ICMP, &about(&own)), Err(Verdict::Kernel));
    let mut other = seen.clone();
    other[23] = 54;
    assert_eq!(
        back(&mut rig, SERVER, protocol::ICMP, &about(&other)),
        Err(Verdict::Drop(DropReason::StrayIcmpError)),
        "the mapping is there, and that remote was never spoken to"
    );
    assert!(back(&mut rig, SERVER, protocol::ICMP, &about(&seen)).is_ok());
}
