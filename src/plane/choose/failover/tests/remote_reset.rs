//! What the remote of a connection that has ended is told, while the line can still send.

use super::*;

/// A is down softly, and its connections are reset.
fn soft() -> Policy {
    let mut policy = standing(2, &[(A, Standing::SoftDown)]);
    policy.wans[0].fixed_mut().on_down.soft = Remedies::all(Remedy::Reset);
    policy
}

/// What was sent by A, behind the right link header and with right checksums: the part of the packet from its ports on.
fn said(rig: &mut Rig) -> Vec<Vec<u8>> {
    let sent: Vec<_> =
        rig.sent().into_iter().filter(|(end, _, packet)| *end == End::Wan(A) && packet[0] == 0x45).collect();
    let read = |(_, link, packet): &(End, Vec<u8>, Vec<u8>)| {
        assert_eq!(link[..], [&GATEWAY[0].0[..], &crate::plane::sample::OWN[0].0, &[8, 0]].concat());
        assert!(is_right(packet));
        assert_eq!(packet[..10], hex("45000028 00004000 4006"));
        assert_eq!(hosts(packet), ("192.0.2.12".parse().unwrap(), SERVER.parse().unwrap()));
        packet[20..34].to_vec()
    };
    sent.iter().map(read).collect()
}

/// Ports, numbers, and the length of the header with the flags.
fn from_host(port: u16, numbers: &str) -> Vec<u8> {
    [&port.to_be_bytes()[..], &hex("01bb"), &hex(numbers)].concat()
}

#[test]
fn a_remote_gets_a_rst_in_the_place_of_each_refused_segment() {
    let (mut rig, port) = connected();
    adopt(&mut rig, soft());
    assert_eq!(out(&mut rig, port, ACK, [109, 2001]).verdict, Verdict::Drop(DropReason::Reset));
    let inside = rig.sent();
    assert_eq!(inside.iter().map(|(end, ..)| *end).collect::<Vec<_>>(), [End::Wan(A), End::Inside]);
    out(&mut rig, port, ACK, [113, 2001]);
    assert_eq!(said(&mut rig), [from_host(port, "00000071 000007d1 5014")]);
    assert_eq!(events(&rig), [(Event::Reset, 1), (Event::RemoteReset, 2)]);
}

#[test]
fn a_remote_that_says_something_on_an_ended_connection_is_answered_by_a_rst() {
    let (mut rig, port) = connected();
    adopt(&mut rig, soft());
    out(&mut rig, port, ACK, [109, 2001]);
    let _ = rig.sent();
    assert_eq!(
        back(&mut rig, A, port, ACK, [2001, 109]).verdict,
        Verdict::Forward(End::Inside),
        "the host may hear it"
    );
    assert_eq!(said(&mut rig), [from_host(port, "0000006d 00000000 5004")]);
    back(&mut rig, A, port, tcp_flag::RST, [2001, 0]);
    assert_eq!(said(&mut rig), [] as [Vec<u8>; 0], "a RST is not answered");
}

#[test]
fn the_remote_of_a_silent_connection_is_asked_for_its_number_and_told() {
    let (mut rig, port) = connected();
    adopt(&mut rig, soft());
    let _ = rig.plane.tick(rig.now, &mut rig.outbox);
    assert_eq!(said(&mut rig), [from_host(port, "800007d1 000007d1 5010")]);
    // As RFC 9293 §3.10.7.4 has it: what is out of the window is answered with the number that is waited for.
    back(&mut rig, A, port, ACK, [2001, 105]);
    assert_eq!(said(&mut rig), [from_host(port, "00000069 00000000 5004")]);
    assert_eq!(events(&rig), [(Event::Reset, 1), (Event::RemoteReset, 2)]);
}

#[test]
fn nothing_is_said_by_a_line_that_cannot_send() {
    let (mut rig, port) = connected();
    adopt(&mut rig, standing(2, &[(A, Standing::HardDown)]));
    let _ = rig.plane.tick(rig.now, &mut rig.outbox);
    out(&mut rig, port, ACK, [109, 2001]);
    assert_eq!((said(&mut rig), events(&rig)), (vec![], vec![(Event::Reset, 1)]));
    adopt(&mut rig, standing(3, &[]));
    out(&mut rig, port, ACK, [109, 2001]);
    assert_eq!(said(&mut rig).len(), 1, "it is told when the line is back");
}
