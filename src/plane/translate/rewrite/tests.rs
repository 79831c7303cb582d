//! Right checksums stay right, wrong ones stay wrong, and nothing else changes.

mod ports;

use super::*;
use crate::plane::packet::parse::parse;
use crate::plane::packet::sample::{
    finish_partial, fix_transport, hex, icmp, ip, is_right, make_partial, packet, tcp, udp,
};
use crate::plane::translate::nptv6::Translator;
use crate::types::NptMode;
use proptest::prelude::*;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Makes `new` the address on this side.
fn readdress(bytes: &mut [u8], headers: &mut Headers, side: Side, new: IpAddr) {
    apply(bytes, headers, side, &Mapped::fixed(new), &Offload::NONE);
}

fn from(bytes: &mut [u8], new: &str) {
    let mut headers = parse(bytes, &Offload::NONE).unwrap();
    readdress(bytes, &mut headers, Side::Source, ip(new));
    decrement_ttl(bytes, &headers);
    assert_eq!(headers.source, ip(new));
}

#[test]
fn c_81_a_udp_checksum_that_becomes_zero_is_sent_as_all_ones() {
    let mut bytes = hex("4500002000014000401108a80afafa022d2100079c400035000c45feeb3d0000");
    from(&mut bytes, "104.57.226.193");
    assert_eq!(bytes, hex("45000020000140003f11c3a96839e2c12d2100079c400035000cffffeb3d0000"));
}

#[test]
fn c_82_a_tcp_checksum_that_becomes_zero_is_sent_as_zero() {
    let mut bytes = hex("4500002a00024000400608a80afafa022d2100079c4001bb0000000100000001501801f545fe000097b5");
    from(&mut bytes, "104.57.226.193");
    assert_eq!(bytes, hex("4500002a000240003f06c3a96839e2c12d2100079c4001bb0000000100000001501801f50000000097b5"));
}

#[test]
fn c_81_udp_without_a_checksum_stays_without_in_both_families() {
    for (source, destination, new) in
        [("10.250.250.3", "192.0.2.1", "198.51.100.3"), ("fd00:bad:b01:1::2", "2001:db8::1", "2001:db8:a:c81::2")]
    {
        let mut bytes = packet(source, destination, protocol::UDP, &udp(4000, 53, b"question"));
        let headers = parse(&bytes, &Offload::NONE).unwrap();
        let at = headers.checksum_at().unwrap();
        bytes[at..at + 2].fill(0);
        from(&mut bytes, new);
        assert_eq!(bytes[at..at + 2], [0, 0]);
    }
}

#[test]
fn c_83_a_wrong_checksum_stays_wrong_by_the_same_difference() {
    for (protocol, payload) in [(protocol::UDP, udp(4000, 53, b"x")), (protocol::TCP, tcp(4000, 80, 16, &[], b"x"))] {
        let mut right = packet("10.250.250.3", "192.0.2.1", protocol, &payload);
        let mut wrong = right.clone();
        let at = parse(&right, &Offload::NONE).unwrap().checksum_at().unwrap();
        wrong[at] ^= 0x10;
        let difference = |a: &[u8], b: &[u8]| {
            let field = |bytes: &[u8]| i32::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
            (field(a) - field(b)).rem_euclid(0xffff)
        };
        let before = difference(&right, &wrong);
        from(&mut right, "198.51.100.3");
        from(&mut wrong, "198.51.100.3");
        assert!(is_right(&right) && !is_right(&wrong));
        assert_eq!(difference(&right, &wrong), before);
    }
}

#[test]
fn a_wrong_ip_header_checksum_is_not_repaired() {
    let mut bytes = packet("10.250.250.3", "192.0.2.1", protocol::UDP, &udp(1, 2, b""));
    let mut headers = parse(&bytes, &Offload::NONE).unwrap();
    bytes[10] ^= 1;
    readdress(&mut bytes, &mut headers, Side::Source, ip("198.51.100.3"));
    decrement_ttl(&mut bytes, &headers);
    assert!(parse(&bytes, &Offload::NONE).is_err());
}

#[test]
fn protocols_without_a_pseudo_header_keep_every_byte_behind_the_ip_header() {
    for protocol in [protocol::ICMP, 47, 50, protocol::SCTP, 253] {
        let payload = icmp(8, 0, [7, 1], b"some sixteen bytes");
        let before = packet("10.250.250.3", "192.0.2.1", protocol, &payload);
        let mut bytes = before.clone();
        from(&mut bytes, "198.51.100.3");
        assert_eq!(bytes[20..], before[20..]);
        assert!(is_right(&bytes));
    }
}

#[test]
fn a_later_fragment_keeps_every_byte_behind_the_ip_header() {
    let mut before = packet("10.250.250.3", "192.0.2.1", protocol::UDP, &[0xab; 64]);
    before[6..8].copy_from_slice(&[0, 4]);
    crate::plane::packet::sample::fix_ip(&mut before);
    let mut bytes = before.clone();
    from(&mut bytes, "198.51.100.3");
    assert_eq!(bytes[20..], before[20..]);
}

#[test]
fn a_first_fragment_carries_the_checksum_of_the_whole_datagram() {
    let whole = packet("10.250.250.3", "192.0.2.1", protocol::UDP, &udp(4000, 53, &[7; 64]));
    let mut translated = whole.clone();
    from(&mut translated, "198.51.100.3");
    let mut first = whole[..52].to_vec();
    first[2..4].copy_from_slice(&[0, 52]);
    first[6..8].copy_from_slice(&[0x20, 0]);
    crate::plane::packet::sample::fix_ip(&mut first);
    from(&mut first, "198.51.100.3");
    assert_eq!(first[20..28], translated[20..28]);
}

#[test]
fn an_address_of_the_other_family_changes_nothing() {
    let before = packet("10.250.250.3", "192.0.2.1", protocol::UDP, &udp(1, 2, b""));
    let mut bytes = before.clone();
    let mut headers = parse(&bytes, &Offload::NONE).unwrap();
    readdress(&mut bytes, &mut headers, Side::Source, ip("2001:db8::1"));
    assert_eq!((bytes, headers.source), (before, ip("10.250.250.3")));
}

#[test]
fn a_hop_is_counted_once_and_never_below_zero() {
    let mut bytes = packet("10.250.250.3", "192.0.2.1", protocol::UDP, &udp(1, 2, b""));
    let headers = parse(&bytes, &Offload::NONE).unwrap();
    for expected in (0..64).rev().chain([0]) {
        decrement_ttl(&mut bytes, &headers);
        assert_eq!(parse(&bytes, &Offload::NONE).unwrap().ttl, expected);
    }
    let mut bytes = packet("fd00::1", "2001:db8::1", protocol::UDP, &udp(1, 2, b""));
    let headers = parse(&bytes, &Offload::NONE).unwrap();
    decrement_ttl(&mut bytes, &headers);
    assert_eq!(bytes[7], 63);
}

#[test]
fn a_neutral_rewrite_touches_nothing_behind_the_addresses() {
    let mut bytes = hex(
        "60000000000d11403d060bad0b01000100000000000001002a0104f80000000000000000000000019c4001bb000d000cff5470696e67",
    );
    let len = bytes.len() - 40;
    bytes[4..6].copy_from_slice(&(len as u16).to_be_bytes());
    let before = bytes.clone();
    let mut headers = parse(&bytes, &Offload::NONE).unwrap();
    let net = |text: &str| text.parse().unwrap();
    let translator = Translator::new(net("3d06:bad:b01::/60"), net("2600:1700:2f71:c80::/60"), NptMode::Rfc6296);
    let IpAddr::V6(inside) = headers.source else { unreachable!() };
    let outside = translator.outbound(inside).unwrap();
    let mapped = Mapped { neutral: true, ..Mapped::fixed(outside) };
    apply(&mut bytes, &mut headers, Side::Source, &mapped, &Offload::NONE);
    decrement_ttl(&mut bytes, &headers);
    assert_eq!(bytes[7], 0x3f);
    assert_eq!(bytes[8..24], hex("260017002f710c81dac2000000000100"));
    assert_eq!(bytes[24..], before[24..], "the wrong checksum too");
}

#[test]
fn a_destination_on_the_way_to_another_is_not_in_the_checksum() {
    const ROUTING: u8 = 43;
    let authentication = [&[ROUTING, 4][..], &[0; 22]].concat();
    // Protocol number of the first header, and what stands in front of the routing header.
    let chains: [(u8, &[u8]); 5] = [
        (ROUTING, &[]),
        (0, &[ROUTING, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        (60, &[ROUTING, 0, 1, 4, 0, 0, 0, 0]),
        (51, &authentication),
        (44, &[ROUTING, 0, 0, 0, 0, 0, 0, 7]),
    ];
    for ((first, chain), (segments_left, covered)) in
        chains.into_iter().flat_map(|it| [(it, (0u8, true)), (it, (1, false))])
    {
        let routing = [60, 0, 4, segments_left, 0, 0, 0, 0, 17, 0, 1, 4, 0, 0, 0, 0];
        let before = packet("fd00::2", "2001:db8::1", first, &[chain, &routing, &udp(1, 2, b"data")].concat());
        let mut bytes = before.clone();
        let mut headers = parse(&bytes, &Offload::NONE).unwrap();
        readdress(&mut bytes, &mut headers, Side::Destination, ip("2001:db8:5::1"));
        assert_eq!(bytes[40..] != before[40..], covered, "{segments_left} segments left, first {first}");
        bytes = before.clone();
        readdress(&mut bytes, &mut headers, Side::Source, ip("2001:db8:5::2"));
        assert_ne!(bytes[40..], before[40..], "the source always is");
    }
}

/// Every kind of checksum there is.
const KINDS: &[u8] = &[protocol::TCP, protocol::UDP, protocol::ICMP, protocol::ICMPV6, protocol::DCCP, protocol::SCTP];

/// A packet of one of these protocols, of one family.
fn any_packet(kinds: &'static [u8]) -> impl Strategy<Value = Vec<u8>> {
    let body = proptest::collection::vec(any::<u8>(), 0..100);
    let protocol = proptest::sample::select(kinds);
    (any::<bool>(), any::<[u128; 2]>(), protocol, any::<[u16; 2]>(), body).prop_map(
        |(v6, ends, protocol, ports, body)| {
            let address = |bits: u128| match v6 {
                true => Ipv6Addr::from_bits(bits).to_string(),
                false => Ipv4Addr::from_bits(bits as u32).to_string(),
            };
            let payload = match protocol {
                protocol::TCP => tcp(ports[0], ports[1], 16, &[], &body),
                protocol::UDP => udp(ports[0], ports[1], &body),
                _ => icmp(if v6 { 128 } else { 8 }, 0, ports, &body),
            };
            packet(&address(ends[0]), &address(ends[1]), protocol, &payload)
        },
    )
}

fn same_family(bytes: &[u8], bits: u128) -> IpAddr {
    if bytes[0] >> 4 == 4 { Ipv4Addr::from_bits(bits as u32).into() } else { Ipv6Addr::from_bits(bits).into() }
}

proptest! {
    #[test]
    fn a_right_packet_stays_right(bytes in any_packet(KINDS), new in any::<[u128; 2]>()) {
        let mut bytes = bytes;
        prop_assert!(is_right(&bytes));
        let mut headers = parse(&bytes, &Offload::NONE).unwrap();
        let ends = new.map(|bits| same_family(&bytes, bits));
        readdress(&mut bytes, &mut headers, Side::Source, ends[0]);
        readdress(&mut bytes, &mut headers, Side::Destination, ends[1]);
        decrement_ttl(&mut bytes, &headers);
        prop_assert!(is_right(&bytes));
        let read = parse(&bytes, &Offload::NONE).unwrap();
        prop_assert_eq!((read.source, read.destination, read.ttl), (ends[0], ends[1], 63));
    }

    #[test]
    fn a_partial_checksum_finishes_right(bytes in any_packet(&KINDS[..2]), new in any::<[u128; 2]>()) {
        let mut bytes = bytes;
        let offload = make_partial(&mut bytes);
        let mut headers = parse(&bytes, &offload).unwrap();
        let ends = new.map(|bits| same_family(&bytes, bits));
        apply(&mut bytes, &mut headers, Side::Source, &Mapped::fixed(ends[0]), &offload);
        apply(&mut bytes, &mut headers, Side::Destination, &Mapped::fixed(ends[1]), &offload);
        decrement_ttl(&mut bytes, &headers);
        finish_partial(&mut bytes, &offload);
        prop_assert!(is_right(&bytes));
    }

    #[test]
    fn out_and_in_again_is_the_identity(bytes in any_packet(KINDS), new in any::<u128>(), wrong in any::<u8>()) {
        let mut bytes = bytes;
        let mut headers = parse(&bytes, &Offload::NONE).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= wrong;
        fix_transport(&mut bytes);
        let (before, old) = (bytes.clone(), headers.source);
        let new = same_family(&bytes, new);
        readdress(&mut bytes, &mut headers, Side::Source, new);
        readdress(&mut bytes, &mut headers, Side::Source, old);
        // The two zeros of one's complement are one number; everything else is the same.
        if bytes != before {
            prop_assert!(is_right(&bytes) && is_right(&before));
        }
    }

    #[test]
    fn nothing_that_was_accepted_makes_it_panic(
        bytes in crate::plane::packet::sample::nearly_a_packet(), offload in crate::plane::packet::sample::any_offload(),
        owes in any::<bool>(), new in any::<u128>(), port in any::<Option<u16>>(), neutral in any::<bool>(),
        mtu in any::<u16>(),
    ) {
        let mut bytes = bytes;
        let offload = if owes { offload } else { Offload::NONE };
        if let Ok(mut headers) = parse(&bytes, &offload) {
            let len = bytes.len();
            let new = same_family(&bytes, new);
            let _ = crate::plane::packet::mtu::fits(&headers, &offload, mtu);
            crate::plane::packet::mtu::clamp_mss(&mut bytes, &headers, mtu, &offload);
            let mapped = Mapped { port, neutral, ..Mapped::fixed(new) };
            apply(&mut bytes, &mut headers, Side::Source, &mapped, &offload);
            apply(&mut bytes, &mut headers, Side::Destination, &mapped, &offload);
            decrement_ttl(&mut bytes, &headers);
            prop_assert_eq!((bytes.len(), headers.source, headers.destination), (len, new, new));
            prop_assert!(headers.is_v4() || parse(&bytes, &offload).is_ok());
        }
    }
}
