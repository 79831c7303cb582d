//! What each error says, how much it quotes, and to whom none is sent.

use super::*;
use crate::plane::packet::parse::parse;
use crate::plane::packet::sample::{fix_ip, icmp, ip, is_right, packet, tcp, udp};
use crate::types::Offload;
use proptest::prelude::*;

const ROUTER4: &str = "10.250.250.1";
const ROUTER6: &str = "fd00:bad:b01::1";

fn original4(len: usize) -> Vec<u8> {
    packet("10.250.250.2", "192.0.2.1", protocol::UDP, &udp(40000, 53, &vec![7; len - 28]))
}

fn original6(len: usize) -> Vec<u8> {
    packet("fd00:bad:b01:1::2", "2001:db8::1", protocol::UDP, &udp(40000, 53, &vec![7; len - 48]))
}

fn router(original: &[u8]) -> IpAddr {
    ip(if original[0] >> 4 == 4 { ROUTER4 } else { ROUTER6 })
}

/// The reply that `make` builds about `original`; checked to be a right packet back to its sender.
fn reply(original: &[u8], make: impl Fn(&mut Vec<u8>, &Headers) -> bool) -> Option<Vec<u8>> {
    let headers = parse(original, &Offload::NONE).unwrap();
    let mut out = vec![0xaa; 18];
    if !make(&mut out, &headers) {
        assert_eq!(out, [0xaa; 18], "nothing is appended");
        return None;
    }
    assert_eq!(out[..18], [0xaa; 18]);
    let bytes = out.split_off(18);
    let back = parse(&bytes, &Offload::NONE).unwrap();
    assert!(is_right(&bytes));
    assert_eq!((back.source, back.destination), (router(original), headers.source));
    assert_eq!((back.ttl, back.len as usize, back.transport), (64, bytes.len(), Transport::Error));
    Some(bytes)
}

fn exceeded(original: &[u8]) -> Option<Vec<u8>> {
    reply(original, |out, headers| time_exceeded(out, original, headers, router(original)))
}

fn too_big_of(original: &[u8], mtu: u16) -> Option<Vec<u8>> {
    reply(original, |out, headers| too_big(out, original, headers, router(original), mtu))
}

fn unreachable_of(original: &[u8], why: Unreachable) -> Option<Vec<u8>> {
    reply(original, |out, headers| unreachable(out, original, headers, router(original), why))
}

#[test]
fn time_exceeded_quotes_the_packet_as_it_came() {
    let original = original4(60);
    let bytes = exceeded(&original).unwrap();
    assert_eq!((&bytes[20..22], &bytes[24..28]), (&[11, 0][..], &[0; 4][..]));
    assert_eq!(bytes[28..], original);
    let original = original6(80);
    let bytes = exceeded(&original).unwrap();
    assert_eq!((&bytes[40..42], &bytes[44..48]), (&[3, 0][..], &[0; 4][..]));
    assert_eq!(bytes[48..], original);
}

#[test]
fn padding_is_not_quoted() {
    let mut original = original4(30);
    original.resize(46, 0);
    assert_eq!(exceeded(&original).unwrap().len(), 28 + 30);
}

/// Shows RFC 1812 §4.3.2.3, RFC 4443 §2.4 c.
#[test]
fn c_35_a_quote_is_as_long_as_an_error_may_be() {
    for (len, total) in [(28, 56), (547, 575), (548, 576), (549, 576), (1500, 576), (60000, 576)] {
        let original = original4(len);
        let bytes = too_big_of(&original, 1400).unwrap();
        assert_eq!(bytes.len(), total, "IPv4 packet of {len}");
        assert_eq!(bytes[28..], original[..total - 28]);
    }
    for (len, total) in [(48, 96), (1231, 1279), (1232, 1280), (1233, 1280), (60000, 1280)] {
        let original = original6(len);
        let bytes = too_big_of(&original, 1400).unwrap();
        assert_eq!(bytes.len(), total, "IPv6 packet of {len}");
        assert_eq!(bytes[48..], original[..total - 48]);
    }
}

#[test]
fn too_big_names_the_mtu_and_never_less_than_a_link_must_carry() {
    for (mtu, named) in [(1400u16, 1400u32), (68, 68), (67, 68), (0, 68), (9000, 9000)] {
        let bytes = too_big_of(&original4(1500), mtu).unwrap();
        assert_eq!((&bytes[20..22], &bytes[24..28]), (&[3, 4][..], &named.to_be_bytes()[..]));
    }
    for (mtu, named) in [(1400u16, 1400u32), (1280, 1280), (1279, 1280), (9000, 9000)] {
        let bytes = too_big_of(&original6(1500), mtu).unwrap();
        assert_eq!((&bytes[40..42], &bytes[44..48]), (&[2, 0][..], &named.to_be_bytes()[..]));
    }
}

#[test]
fn unreachable_has_the_code_of_its_family() {
    for (why, code4, code6) in [
        (Unreachable::NoRoute, 0, 0),
        (Unreachable::Host, 1, 3),
        (Unreachable::AdminProhibited, 13, 1),
        (Unreachable::Port, 3, 4),
    ] {
        assert_eq!(unreachable_of(&original4(60), why).unwrap()[20..22], [3, code4], "{why:?}");
        assert_eq!(unreachable_of(&original6(80), why).unwrap()[40..42], [1, code6], "{why:?}");
    }
}

#[test]
fn a_parameter_problem_points_at_the_byte() {
    let original = original6(80);
    let problem = |original: &[u8]| {
        reply(original, |out, headers| parameter_problem6(out, original, headers, router(original), (0, 16)))
    };
    let bytes = problem(&original).unwrap();
    assert_eq!((&bytes[40..42], &bytes[44..48]), (&[4, 0][..], &[0, 0, 0, 16][..]));
    assert_eq!(problem(&original4(60)), None);
}

/// Shows RFC 1812 §4.3.2.5.
#[test]
fn c_39_an_ipv4_error_has_internetwork_precedence_and_the_senders_type_of_service() {
    for (tos, expected) in [(0, 0xc0), (0xb8, 0xd8), (0x03, 0xc0), (0xff, 0xdc)] {
        let mut original = original4(60);
        original[1] = tos;
        fix_ip(&mut original);
        assert_eq!(exceeded(&original).unwrap()[1], expected, "TOS {tos:#x}");
    }
    assert_eq!(exceeded(&original4(60)).unwrap()[4..8], [0, 0, 0x40, 0], "an atomic datagram");
    let mut original = original6(80);
    original[..4].copy_from_slice(&[0x6f, 0xff, 0xff, 0xff]);
    assert_eq!(exceeded(&original).unwrap()[..4], [0x60, 0, 0, 0], "in IPv6 an error has no class and no label");
}

fn between(source: &str, destination: &str) -> Vec<u8> {
    packet(source, destination, protocol::UDP, &udp(1, 2, b""))
}

/// Shows RFC 1812 §4.3.2.7, RFC 4443 §2.4 e3, RFC 4443 §2.4 e6.
#[test]
fn c_36_packets_from_nobody_or_to_many_are_not_answered() {
    let (host4, host6) = ("192.0.2.1", "2001:db8::1");
    for source in ["0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255"] {
        assert_eq!(exceeded(&between(source, host4)), None, "from {source}");
    }
    for destination in ["224.0.0.1", "239.255.255.255", "255.255.255.255"] {
        assert_eq!(exceeded(&between(host4, destination)), None, "to {destination}");
        assert_eq!(too_big_of(&between(host4, destination), 1400), None, "to {destination}");
    }
    for source in ["::", "::1", "ff02::1"] {
        assert_eq!(exceeded(&between(source, host6)), None, "from {source}");
    }
    assert_eq!(exceeded(&between(host6, "ff0e::1")), None);
    assert!(too_big_of(&between(host6, "ff0e::1"), 1400).is_some(), "RFC 4443 §2.4 e.3");
}

/// Shows RFC 1812 §4.3.2.7, RFC 4443 §2.4 e1, RFC 4443 §2.4 e2.
#[test]
fn c_36_errors_are_not_answered_and_queries_are() {
    let message4 = |kind| packet("10.250.250.2", "192.0.2.1", protocol::ICMP, &icmp(kind, 0, [0, 0], &[0; 28]));
    for kind in [3, 4, 5, 11, 12, 30, 255] {
        assert_eq!(exceeded(&message4(kind)), None, "IPv4 type {kind}");
    }
    for kind in [0, 8, 13, 14, 17] {
        assert!(exceeded(&message4(kind)).is_some(), "IPv4 type {kind}");
    }
    let message6 = |kind| packet("fd00::2", "2001:db8::1", protocol::ICMPV6, &icmp(kind, 0, [0, 0], &[0; 48]));
    for kind in [0, 1, 2, 3, 4, 5, 100, 127, 137] {
        assert_eq!(exceeded(&message6(kind)), None, "IPv6 type {kind}");
    }
    for kind in [128, 129, 144] {
        assert!(exceeded(&message6(kind)).is_some(), "IPv6 type {kind}");
    }
}

/// Shows RFC 1812 §4.3.2.7.
#[test]
fn c_36_a_later_fragment_is_answered_over_ipv6_only() {
    let mut original = original4(60);
    for (word, answered) in [(0x2000u16, true), (0x2002, false), (0x0002, false)] {
        original[6..8].copy_from_slice(&word.to_be_bytes());
        fix_ip(&mut original);
        assert_eq!(exceeded(&original).is_some(), answered, "{word:#x}");
    }
    let later = [&[17, 0, 0, 0x11, 0, 0, 0, 9][..], &[7; 40]].concat();
    let original = packet("fd00::2", "2001:db8::1", 44, &later);
    assert!(too_big_of(&original, 1400).is_some());
}

#[test]
fn a_router_without_an_address_of_the_family_says_nothing() {
    let original = original4(60);
    let headers = parse(&original, &Offload::NONE).unwrap();
    let mut out = Vec::new();
    assert!(!time_exceeded(&mut out, &original, &headers, ip(ROUTER6)));
    assert!(!unreachable(&mut out, &original, &headers, ip(ROUTER6), Unreachable::Host));
    assert!(out.is_empty());
}

#[test]
fn a_segment_is_quoted_with_its_ports_and_sequence_number() {
    let original = packet("10.250.250.2", "192.0.2.1", protocol::TCP, &tcp(40000, 443, 16, &[], &[7; 1460]));
    let bytes = too_big_of(&original, 1400).unwrap();
    assert_eq!(bytes[48..56], [0x9c, 0x40, 1, 0xbb, 0, 0, 0, 1]);
}

proptest! {
    #[test]
    fn whatever_is_answered_is_answered_right(bytes in crate::plane::packet::sample::nearly_a_packet(), mtu in any::<u16>()) {
        let Ok(headers) = parse(&bytes, &Offload::NONE) else { return Ok(()) };
        let mut out = Vec::new();
        if too_big(&mut out, &bytes, &headers, router(&bytes), mtu) {
            prop_assert!(is_right(&out));
            let most = if headers.is_v4() { 576 } else { 1280 };
            prop_assert!(out.len() <= most);
        }
    }
}
