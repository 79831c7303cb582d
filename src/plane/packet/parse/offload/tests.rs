//! Which offload metadata fits which packet.

use super::*;
use crate::plane::packet::headers::Side;
use crate::plane::packet::parse::parse;
use crate::plane::packet::sample::{fix_ip, icmp, ip, make_partial, packet, tcp, udp};
use crate::plane::translate::mapped::Mapped;
use crate::plane::translate::rewrite;
use proptest::prelude::*;

const V4: (&str, &str) = ("10.250.250.2", "192.0.2.1");
const V6: (&str, &str) = ("fd00:bad:b01:1::2", "2001:db8::1");

fn partial(start: u16, offset: u16) -> Offload {
    Offload { partial: Some(PartialChecksum { start, offset }), gso: None }
}

#[test]
fn c_63_a_partial_checksum_stands_where_the_protocol_has_its_field() {
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
fn c_63_a_checksum_owed_inside_the_padding_does_not_fit() {
    let mut bytes = packet(V4.0, V4.1, 253, &[0; 4]);
    bytes.resize(46, 0);
    assert_eq!(parse(&bytes, &partial(20, 3)), Err(DropReason::BadOffload));
    assert!(parse(&bytes, &partial(20, 2)).is_ok());
}

#[test]
fn c_63_a_super_frame_is_what_its_kind_says() {
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
fn c_63_a_fragment_owes_nothing() {
    let mut bytes = packet(V4.0, V4.1, protocol::UDP, &udp(1, 2, &[0; 24]));
    bytes[6] = 0x20;
    fix_ip(&mut bytes);
    assert_eq!(parse(&bytes, &partial(20, 6)), Err(DropReason::BadOffload));
}

prop_compose! {
    /// A virtio header, its numbers near what a packet has or anywhere.
    fn virtio()(flags in 0u8..4, kind in any::<u8>(), near in any::<bool>(), numbers in any::<[u16; 4]>()) -> [u8; 10] {
        let [_, size, start, offset] = if near { numbers.map(|number| number % 96) } else { numbers };
        let mut header = [0; 10];
        header[..2].copy_from_slice(&[flags, (kind % 6) | (kind & 0x80)]);
        for (at, number) in [(2, numbers[0]), (4, size), (6, start), (8, offset)] {
            header[at..at + 2].copy_from_slice(&number.to_ne_bytes());
        }
        header
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn c_63_whatever_a_virtio_header_says_a_rewrite_touches_addresses_and_checksums_alone(
        header in virtio(), l2 in prop::sample::select(vec![0u16, 14]), v4 in any::<bool>(), protocol in 0usize..4
    ) {
        let Some(offload) = Offload::decode(&header, l2) else { return Ok(()) };
        let (kind, payload) = match protocol {
            0 => (protocol::TCP, tcp(1, 2, 16, &[], &[7; 40])),
            1 => (protocol::UDP, udp(1, 2, &[7; 40])),
            2 => (protocol::SCTP, vec![7; 40]),
            _ => (253, vec![7; 40]),
        };
        let (ends, new) = if v4 { (V4, "192.0.2.99") } else { (V6, "2001:db8:a::99") };
        let before = packet(ends.0, ends.1, kind, &payload);
        let mut headers = match parse(&before, &offload) {
            Ok(headers) => headers,
            Err(reason) => {
                prop_assert_eq!(reason, DropReason::BadOffload);
                return Ok(());
            }
        };
        let mut after = before.clone();
        rewrite::apply(&mut after, &mut headers, Side::Source, &Mapped::fixed(ip(new)), &offload);
        let changed = before.iter().zip(&after).enumerate().filter(|(_, (before, after))| before != after);
        let checksum = headers.checksum_at().map_or(0..0, |at| at..at + 2);
        for (at, _) in changed {
            prop_assert!(at < usize::from(headers.l4) || checksum.contains(&at), "byte {} with {:?}", at, offload);
        }
    }
}
