//! ICMP errors on their way through.

use super::*;

#[test]
fn an_icmp_error_from_outside_reaches_the_host_that_owns_the_flow() {
    let mut rig = Rig::new(policy());
    let mut quoted = packet("192.0.2.12", SERVER, protocol::UDP, &udp(4000, 53, b"query"));
    quoted.truncate(28);
    let error = packet("198.18.0.1", "192.0.2.12", protocol::ICMP, &icmp(3, 4, [0, 1400], &quoted));
    let done = rig.inbound(A, &error);
    assert_eq!(done.verdict, Verdict::Forward(End::Inside));
    assert_eq!(hosts(&done.packet), (ip("198.18.0.1"), ip("10.250.250.2")));
    assert!(is_right(&done.packet));
    let original = packet("10.250.250.2", SERVER, protocol::UDP, &udp(4000, 53, b"query"));
    assert_eq!(&done.packet[28..], &original[..28]);
    assert_eq!(rig.plane.shared().table.len(), 0, "an error makes no flow");
}

/// Shows RFC 5508 REQ-4.
#[test]
fn c_33_an_icmp_error_from_outside_that_contradicts_itself_is_stray() {
    let cases = [
        ("192.0.2.13", SERVER, "198.18.0.1", "192.0.2.12", (protocol::ICMP, 3)),
        ("2001:db8:a:c81::100", SERVER6, "2001:db8:ffff::9", "2001:db8:a:c82::50", (protocol::ICMPV6, 1)),
    ];
    for (about, server, hop, to, (kind, unreachable)) in cases {
        let mut rig = Rig::new(policy());
        let quoted = packet(about, server, protocol::UDP, &udp(4000, 53, b"query"));
        let error = packet(hop, to, kind, &icmp(unreachable, 3, [0, 0], &quoted));
        assert_eq!(rig.inbound(A, &error).verdict, Verdict::Drop(DropReason::StrayIcmpError));
        rig.assert_dropped(Direction::Inbound, DropReason::StrayIcmpError);
        assert!(rig.sent().is_empty());
    }
}

#[test]
fn an_icmp_error_from_inside_follows_the_pin_of_the_flow_it_quotes() {
    for (id, public) in [(A, "192.0.2.12"), (B, "198.51.100.12")] {
        let mut rig = Rig::new(policy());
        let request = rig.inbound(id, &packet(SERVER, public, protocol::UDP, &udp(5000, 9, b"hello")));
        let error = packet("10.250.250.2", SERVER, protocol::ICMP, &icmp(3, 3, [0, 0], &request.packet));
        let done = rig.outbound(&error);
        assert_eq!(done.verdict, Verdict::Forward(End::Wan(id)));
        assert_eq!(hosts(&done.packet), (ip(public), ip(SERVER)));
        assert_eq!(hosts(&done.packet[28..]), (ip(SERVER), ip(public)));
        assert!(is_right(&done.packet) && is_right(&done.packet[28..]));
    }
}
