//! Which offload metadata fits which packet.

use super::*;
use crate::plane::packet::sample::{fix_ip, icmp, make_partial, packet, tcp, udp};
use crate::plane::parse::parse;

const V4: (&str, &str) = ("10.250.250.2", "192.0.2.1");
const V6: (&str, &str) = ("fd00:bad:b01:1::2", "2001:db8::1");

fn partial(start: u16, offset: u16) -> Offload {
    Offload { partial: Some(PartialChecksum { start, offset }), gso: None }
}

#[test]
fn a_partial_checksum_stands_where_the_protocol_has_its_field() {
    let fits =
        |kind: u8, payload: &[u8], start, offset| parse(&packet(V4.0, V4.1, kind, payload), &partial(start, offset));
    let segment = tcp(1, 2, 16, &[], b"data");
    assert!(fits(protocol::TCP, &segment, 20, 16).is_ok());
    assert!(fits(protocol::UDP, &udp(1, 2, b"data"), 20, 6).is_ok());
    for (start, offset) in [(20, 6), (20, 15), (0, 36), (19, 17), (21, 15), (24, 16), (20, 65535), (65535, 65535)] {
        let read = fits(protocol::TCP, &segment, start, offset);
        assert_eq!(read, Err(DropReason::BadOffload), "start {start}, offset {offset}");
    }
    assert_eq!(fits(protocol::UDP, &udp(1, 2, b"data"), 20, 16), Err(DropReason::BadOffload));
    assert_eq!(fits(protocol::ICMP, &icmp(3, 3, [0, 0], b""), 20, 2), Err(DropReason::BadOffload));
}

#[test]
fn a_tunnel_may_owe_the_checksum_of_the_packet_it_carries() {
    let inner = packet("198.51.100.1", "198.51.100.2", protocol::TCP, &tcp(1, 2, 16, &[], b"data"));
    let ipip = packet(V4.0, V4.1, 4, &inner);
    assert!(parse(&ipip, &partial(40, 16)).is_ok());
    let encapsulated = packet(V4.0, V4.1, protocol::UDP, &udp(1, 4789, &inner));
    assert!(parse(&encapsulated, &partial(48, 16)).is_ok());
    assert_eq!(parse(&ipip, &partial(64, 16)), Err(DropReason::BadOffload), "beyond the packet");
    let sctp = packet(V4.0, V4.1, protocol::SCTP, &[0; 16]);
    assert!(parse(&sctp, &partial(20, 8)).is_ok());
}

#[test]
fn a_checksum_owed_inside_the_padding_does_not_fit() {
    let mut bytes = packet(V4.0, V4.1, 253, &[0; 4]);
    bytes.resize(46, 0);
    assert_eq!(parse(&bytes, &partial(20, 3)), Err(DropReason::BadOffload));
    assert!(parse(&bytes, &partial(20, 2)).is_ok());
}

#[test]
fn a_super_frame_is_what_its_kind_says() {
    let gso = |ends: (&str, &str), protocol, payload: &[u8], kind, partial: bool| {
        let mut bytes = packet(ends.0, ends.1, protocol, payload);
        let mut offload = if partial { make_partial(&mut bytes) } else { Offload::NONE };
        offload.gso = Some(Gso { kind, size: 100, ecn: false });
        parse(&bytes, &offload).is_ok()
    };
    let (segment, datagram) = (tcp(1, 2, 16, &[], &[0; 300]), udp(1, 2, &[0; 300]));
    for (ends, own, other) in [(V4, GsoKind::Tcp4, GsoKind::Tcp6), (V6, GsoKind::Tcp6, GsoKind::Tcp4)] {
        assert!(gso(ends, protocol::TCP, &segment, own, true));
        assert!(gso(ends, protocol::TCP, &segment, own, false), "the kernel makes a TCP checksum itself");
        assert!(!gso(ends, protocol::TCP, &segment, other, true));
        assert!(!gso(ends, protocol::TCP, &segment, GsoKind::UdpL4, true));
        assert!(gso(ends, protocol::UDP, &datagram, GsoKind::UdpL4, true));
        assert!(!gso(ends, protocol::UDP, &datagram, GsoKind::UdpL4, false), "each segment's is derived from it");
        assert!(!gso(ends, protocol::UDP, &datagram, own, true));
        assert!(!gso(ends, 47, &segment, own, false));
    }
    assert!(!gso(V4, protocol::TCP, &tcp(1, 2, 16, &[], b""), GsoKind::Tcp4, true), "nothing to cut");
}

#[test]
fn a_fragment_owes_nothing() {
    let mut bytes = packet(V4.0, V4.1, protocol::UDP, &udp(1, 2, &[0; 24]));
    bytes[6] = 0x20;
    fix_ip(&mut bytes);
    assert_eq!(parse(&bytes, &partial(20, 6)), Err(DropReason::BadOffload));
}
