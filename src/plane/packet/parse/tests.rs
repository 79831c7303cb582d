//! What is accepted, what it is read as, and by which name the rest is dropped.

use super::*;
use crate::plane::packet::headers::{Fragment, Transport};
use crate::plane::packet::numbers::protocol;
use crate::plane::packet::sample::{any_offload, fix_ip, icmp, ip, nearly_a_packet, packet, tcp, udp};
use proptest::prelude::*;

const V4: (&str, &str) = ("10.250.250.2", "192.0.2.1");
const V6: (&str, &str) = ("fd00:bad:b01:1::2", "2001:db8::1");

fn read(bytes: &[u8]) -> Result<Headers, DropReason> {
    parse(bytes, &Offload::NONE)
}

fn datagram((source, destination): (&str, &str)) -> Vec<u8> {
    packet(source, destination, protocol::UDP, &udp(40000, 53, b"question"))
}

/// Extension headers in front of `payload`, as (own protocol number, bytes behind the next-header octet).
fn chain(headers: &[(u8, &[u8])], last: u8, payload: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for (index, (_, rest)) in headers.iter().enumerate() {
        body.push(headers.get(index + 1).map_or(last, |(kind, _)| *kind));
        body.extend_from_slice(rest);
    }
    body.extend_from_slice(payload);
    packet(V6.0, V6.1, headers.first().map_or(last, |(kind, _)| *kind), &body)
}

const OPTIONS: &[u8] = &[0, 1, 4, 0, 0, 0, 0];
const SEGMENT_ROUTING: &[u8] = &[0, 4, 0, 0, 0, 0, 0];
const AH: &[u8] = &[4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];

fn fragment6(offset: u16, more: bool) -> [u8; 7] {
    let [high, low] = (offset << 3 | u16::from(more)).to_be_bytes();
    [0, high, low, 0xde, 0xad, 0xbe, 0xef]
}

#[test]
fn a_datagram_is_read_in_both_families() {
    for (ends, l4) in [(V4, 20), (V6, 40)] {
        let headers = read(&datagram(ends)).unwrap();
        assert_eq!((headers.source, headers.destination), (ip(ends.0), ip(ends.1)));
        assert_eq!((headers.l4, headers.len, headers.ttl), (l4, u32::from(l4) + 16, 64));
        assert_eq!((headers.protocol, headers.fragment, headers.dont_fragment), (17, Fragment::Whole, true));
        assert_eq!(headers.transport, Transport::Udp { source: 40000, destination: 53 });
        assert_eq!(headers.header_len(), l4 + 8);
    }
}

#[test]
fn padding_behind_the_packet_is_not_part_of_it() {
    let mut bytes = datagram(V4);
    bytes.resize(46, 0);
    assert_eq!(read(&bytes).unwrap().len, 36);
}

#[test]
fn a_tcp_header_is_read_as_far_as_it_makes_sense() {
    let segment = tcp(40000, 443, 0x12, &[2, 4, 5, 0xb4], b"");
    let mut bytes = packet(V4.0, V4.1, protocol::TCP, &segment);
    let expected = |header_len| Transport::Tcp { source: 40000, destination: 443, flags: 0x12, header_len };
    assert_eq!(read(&bytes).unwrap().transport, expected(24));
    for (data_offset, header_len) in [(0u8, 0u8), (4, 0), (5, 20), (6, 24), (7, 0), (15, 0)] {
        bytes[32] = data_offset << 4;
        assert_eq!(read(&bytes).unwrap().transport, expected(header_len), "data offset {data_offset}");
    }
}

#[test]
fn queries_errors_and_the_rest_of_icmp_are_told_apart() {
    use Transport::{Error, OtherIcmp, Query};
    let id = |request| Query { id: 0x1234, request };
    let cases4 = [(8, id(true)), (0, id(false)), (13, id(true)), (14, id(false)), (3, Error), (4, Error), (11, Error)];
    for (kind, expected) in cases4.into_iter().chain([(12, Error), (5, OtherIcmp(5)), (10, OtherIcmp(10))]) {
        let bytes = packet(V4.0, V4.1, protocol::ICMP, &icmp(kind, 0, [0x1234, 1], b""));
        assert_eq!(read(&bytes).unwrap().transport, expected, "IPv4 type {kind}");
    }
    let cases6 = [(128, id(true)), (129, id(false)), (1, Error), (2, Error), (3, Error), (4, Error)];
    for (kind, expected) in cases6.into_iter().chain([(135, OtherIcmp(135)), (5, OtherIcmp(5))]) {
        let bytes = packet(V6.0, V6.1, protocol::ICMPV6, &icmp(kind, 0, [0x1234, 1], b""));
        assert_eq!(read(&bytes).unwrap().transport, expected, "IPv6 type {kind}");
    }
    let foreign = packet(V4.0, V4.1, protocol::ICMPV6, &icmp(128, 0, [1, 1], b""));
    assert_eq!(read(&foreign).unwrap().transport, Transport::Opaque, "ICMPv6 means nothing over IPv4");
}

#[test]
fn c_85_a_transport_header_cut_short_is_dropped() {
    let cases = [(protocol::TCP, 20), (protocol::UDP, 8), (protocol::ICMP, 8)];
    for (kind, needed) in cases {
        let payload = &[8; 20][..needed];
        assert!(read(&packet(V4.0, V4.1, kind, payload)).is_ok());
        for len in [0, 3, 4, needed - 1] {
            let short = packet(V4.0, V4.1, kind, &payload[..len]);
            assert_eq!(read(&short), Err(DropReason::BadTransportHeader), "protocol {kind}, {len} bytes");
        }
    }
    let four_bytes = packet(V6.0, V6.1, protocol::ICMPV6, &[200, 0, 0, 0]);
    assert_eq!(read(&four_bytes).unwrap().transport, Transport::OtherIcmp(200));
    assert!(read(&packet(V4.0, V4.1, 253, b"")).is_ok(), "an unknown protocol may be empty");
}

/// Points 1 to 5. Shows RFC 1812 §5.2.2.
#[test]
fn c_85_an_impossible_ipv4_header_is_dropped_with_its_reason() {
    let edit = |at: usize, value: u8| {
        let mut bytes = datagram(V4);
        bytes[at] = value;
        if at < 20 && (bytes[0] & 15) * 4 >= 20 && usize::from(bytes[0] & 15) * 4 <= bytes.len() {
            fix_ip(&mut bytes);
        }
        read(&bytes)
    };
    for version in [0, 1, 2, 3, 5, 7, 15] {
        assert_eq!(edit(0, version << 4 | 5), Err(DropReason::BadIpHeader), "version {version}");
    }
    for ihl in 0..5 {
        assert_eq!(edit(0, 0x40 | ihl), Err(DropReason::BadIpHeader), "header of {ihl} words");
    }
    assert_eq!(edit(0, 0x4f), Err(DropReason::Truncated), "options beyond the packet");
    assert_eq!(edit(3, 19), Err(DropReason::BadIpHeader), "total length below the header's");
    assert_eq!(edit(3, 0), Err(DropReason::BadIpHeader), "total length 0");
    assert_eq!(edit(3, 1), Err(DropReason::BadIpHeader), "total length 1");
    assert_eq!(edit(2, 0xff), Err(DropReason::Truncated), "total length far beyond the bytes");
    assert_eq!(edit(3, 37), Err(DropReason::Truncated), "total length beyond the bytes");
    assert_eq!(edit(3, 27), Err(DropReason::BadTransportHeader), "total length inside the UDP header");
    let mut bytes = datagram(V4);
    bytes[10] ^= 0x80;
    assert_eq!(read(&bytes), Err(DropReason::BadIpChecksum));
    for len in 0..20 {
        assert_eq!(read(&datagram(V4)[..len]), Err(DropReason::Truncated), "{len} bytes");
    }
    assert_eq!(read(&[]), Err(DropReason::Truncated));
}

#[test]
fn ipv4_options_are_part_of_the_header() {
    let plain = datagram(V4);
    for words in 1..=10usize {
        let mut bytes = plain[..20].to_vec();
        bytes.extend(std::iter::repeat_n([1u8, 1, 1, 0], words).flatten());
        bytes.extend_from_slice(&plain[20..]);
        bytes[0] = 0x45 + words as u8;
        bytes[3] = bytes.len() as u8;
        fix_ip(&mut bytes);
        let headers = read(&bytes).unwrap();
        let mut less = bytes.clone();
        less[3] = 19 + words as u8 * 4;
        fix_ip(&mut less);
        assert_eq!(read(&less), Err(DropReason::BadIpHeader), "{words} words of options beyond the total length");
        assert_eq!(usize::from(headers.l4), 20 + words * 4);
        assert_eq!(headers.transport, Transport::Udp { source: 40000, destination: 53 });
    }
}

#[test]
fn c_75_ipv4_fragments_are_told_by_flag_and_offset_and_none_may_rewrite_a_tcp_header() {
    let fragment = |word: u16, kind: u8| {
        let mut bytes = packet(V4.0, V4.1, kind, &[0; 24]);
        bytes[6..8].copy_from_slice(&word.to_be_bytes());
        fix_ip(&mut bytes);
        read(&bytes)
    };
    assert_eq!(fragment(0x4000, 17).unwrap().fragment, Fragment::Whole);
    assert_eq!(fragment(0x0000, 17).map(|headers| headers.dont_fragment), Ok(false));
    assert_eq!(fragment(0x2000, 17).unwrap().fragment, Fragment::First(0x1234));
    for word in [0x0001, 0x2001, 0x1fff - 10] {
        let headers = fragment(word, 17).unwrap();
        assert_eq!((headers.fragment, headers.transport), (Fragment::Later(0x1234), Transport::Opaque));
    }
    assert_eq!(fragment(0x1fff, 17), Err(DropReason::BadFragment), "ends beyond 65535");
    assert_eq!(fragment(0x0001, 6), Err(DropReason::BadTransportHeader), "RFC 1858 §4");
    assert!(fragment(0x0002, 6).is_ok());
}

#[test]
fn c_75_a_first_fragment_has_to_hold_the_transport_header() {
    let fragment = |kind: u8, len: usize| {
        let mut bytes = packet(V4.0, V4.1, kind, &[8; 24][..len]);
        bytes[6] = 0x20;
        fix_ip(&mut bytes);
        read(&bytes).map(|headers| headers.fragment)
    };
    for kind in [protocol::UDP, protocol::ICMP] {
        assert_eq!(fragment(kind, 8), Ok(Fragment::First(0x1234)));
    }
    assert_eq!(fragment(protocol::TCP, 24), Ok(Fragment::First(0x1234)));
    for len in [8, 16] {
        assert_eq!(fragment(protocol::TCP, len), Err(DropReason::BadTransportHeader), "RFC 1858 §3");
    }
}

#[test]
fn extension_headers_are_followed_to_the_transport() {
    let payload = udp(40000, 53, b"question");
    let mut fragment = fragment6(0, false);
    fragment[0] = 0x55;
    let cases: &[&[(u8, &[u8])]] = &[
        &[(0, OPTIONS)],
        &[(60, OPTIONS)],
        &[(43, SEGMENT_ROUTING)],
        &[(51, AH)],
        &[(44, &fragment)],
        &[(0, OPTIONS), (60, OPTIONS), (43, SEGMENT_ROUTING), (44, &fragment), (51, AH), (60, OPTIONS)],
    ];
    for headers in cases {
        let read = read(&chain(headers, protocol::UDP, &payload)).unwrap();
        let len: usize = headers.iter().map(|(_, rest)| rest.len() + 1).sum();
        assert_eq!((usize::from(read.l4), read.protocol), (40 + len, protocol::UDP), "{headers:?}");
        assert_eq!(read.fragment, Fragment::Whole, "an atomic fragment is whole (RFC 6946)");
        assert_eq!(read.transport, Transport::Udp { source: 40000, destination: 53 });
    }
}

#[test]
fn an_unknown_next_header_is_the_upper_protocol() {
    for last in [59, 50, 135, 139, 140, 253] {
        let headers = read(&chain(&[(60, OPTIONS)], last, &[0; 8])).unwrap();
        assert_eq!((headers.protocol, headers.l4, headers.transport), (last, 48, Transport::Opaque));
    }
}

#[test]
fn a_bad_extension_chain_is_dropped() {
    let payload = udp(1, 2, b"");
    let bad = |bytes: &[u8], why: &str| assert_eq!(read(bytes), Err(DropReason::BadExtensionHeader), "{why}");
    bad(&chain(&[(43, &[0, 0, 1, 0, 0, 0, 0])], 17, &payload), "routing type 0, RFC 5095");
    bad(&chain(&[(43, &[0, 0, 0, 0, 0, 0, 0])], 17, &payload), "routing type 0 without segments left");
    bad(&chain(&[(60, OPTIONS), (0, OPTIONS)], 17, &payload), "hop-by-hop not first");
    bad(&chain(&[(60, OPTIONS); 9], 17, &payload), "nine headers");
    assert!(read(&chain(&[(60, OPTIONS); 8], 17, &payload)).is_ok());
    bad(&chain(&[(60, &[9, 1, 4, 0, 0, 0, 0])], 17, &payload), "longer than the packet");
    bad(&chain(&[(51, &[0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1])], 17, &payload), "authentication header of no length");
    bad(&packet(V6.0, V6.1, 60, &[17, 0, 1]), "cut inside");
    bad(&packet(V6.0, V6.1, 0, &[]), "missing");
    bad(&chain(&[(44, &fragment6(0, false)[..]); 130], 17, &payload), "130 atomic fragment headers");
    bad(&chain(&[(44, &fragment6(0, true)), (44, &fragment6(0, true))], 17, &payload), "a fragment of a fragment");
    bad(
        &chain(&[(44, &fragment6(0, true)), (43, &[0, 0, 1, 0, 0, 0, 0])], 17, &payload),
        "routing type 0 in a fragment",
    );
    bad(&packet(V6.0, V6.1, 44, &[17, 0, 0]), "a fragment header that is cut");
}

#[test]
fn fragments_that_no_datagram_can_be_made_of_are_dropped() {
    let v4 = |word: u16, len: usize| {
        let mut bytes = packet(V4.0, V4.1, 17, &vec![0; len]);
        bytes[6..8].copy_from_slice(&word.to_be_bytes());
        fix_ip(&mut bytes);
        read(&bytes).map(|headers| headers.fragment)
    };
    let v6 = |offset: u16, more: bool, len: usize| {
        read(&chain(&[(44, &fragment6(offset, more))], 17, &vec![0; len])).map(|headers| headers.fragment)
    };
    let bad = Err(DropReason::BadFragment);
    for (offset, more, len, why) in [
        (0, true, 0, "an empty first"),
        (3, true, 0, "an empty one in the middle"),
        (3, false, 0, "an empty last"),
        (0, true, 20, "a first that is no multiple of 8"),
        (3, true, 7, "one in the middle that is no multiple of 8"),
        (8190, true, 24, "more than 65535 bytes"),
        (8191, false, 16, "more than 65535 bytes at the end"),
    ] {
        assert_eq!((v4(offset | u16::from(more) << 13, len), v6(offset, more, len)), (bad, bad), "{why}");
    }
    assert_eq!(v4(8189, 3), Ok(Fragment::Later(0x1234)), "20 + 8189 * 8 + 3 = 65535");
    assert_eq!((v4(8189, 4), v6(8189, false, 23)), (bad, Ok(Fragment::Later(0xdead_beef))));
    assert_eq!((v6(8189, false, 24), v6(8191, false, 7)), (bad, Ok(Fragment::Later(0xdead_beef))));
    assert_eq!(v6(0, false, 9), Ok(Fragment::Whole), "an atomic fragment may have any length");
}

#[test]
fn an_ipv6_first_fragment_has_to_hold_all_headers() {
    let first = fragment6(0, true);
    for packet in [
        chain(&[(44, &first)], 60, &[17, 9, 1, 4, 0, 0, 0, 0]),
        chain(&[(44, &first), (60, OPTIONS)], 43, &[]),
        chain(&[(44, &first)], 51, &[17, 4, 0, 0, 0, 0, 0, 0]),
        chain(&[(60, OPTIONS), (44, &first)], 6, &[0; 16]),
        chain(&[(44, &first), (60, OPTIONS)], 17, &[]),
    ] {
        assert_eq!(read(&packet), Err(DropReason::BadFragment), "{packet:?}");
    }
}

#[test]
fn ipv6_fragments_carry_their_identification() {
    let first = read(&chain(&[(44, &fragment6(0, true))], 17, &udp(40000, 53, b"one half"))).unwrap();
    assert_eq!((first.fragment, first.l4), (Fragment::First(0xdead_beef), 48));
    assert_eq!(first.transport, Transport::Udp { source: 40000, destination: 53 });
    let later = read(&chain(&[(60, OPTIONS), (44, &fragment6(3, false))], 60, b"anything")).unwrap();
    assert_eq!((later.fragment, later.l4), (Fragment::Later(0xdead_beef), 56));
    assert_eq!((later.protocol, later.transport), (60, Transport::Opaque), "nothing behind a later fragment is read");
    let tiny = chain(&[(44, &fragment6(1, false))], 6, &[0; 24]);
    assert_eq!(read(&tiny), Err(DropReason::BadTransportHeader), "RFC 3128");
    assert_eq!(later.checksum_at(), None);
}

#[test]
fn c_85_an_ipv6_packet_shorter_than_it_says_is_dropped() {
    let bytes = datagram(V6);
    for len in 0..bytes.len() {
        assert_eq!(read(&bytes[..len]), Err(DropReason::Truncated), "{len} bytes");
    }
    let mut version = bytes;
    version[0] = 0x70;
    assert_eq!(read(&version), Err(DropReason::BadIpHeader));
}

#[test]
fn a_quoted_packet_may_lack_all_but_eight_bytes_of_its_transport() {
    let segment = packet(V4.0, V4.1, protocol::TCP, &tcp(40000, 443, 0x18, &[], &[0; 1000]));
    let headers = quoted(&segment[..28]).unwrap();
    assert_eq!(headers.len, 1040);
    let expected = |flags| Transport::Tcp { source: 40000, destination: 443, flags, header_len: 0 };
    assert_eq!(headers.transport, expected(0));
    assert_eq!(quoted(&segment[..40]).unwrap().transport, expected(0x18));
    assert_eq!(quoted(&segment[..27]), Err(DropReason::StrayIcmpError));
    let echo = packet(V6.0, V6.1, protocol::ICMPV6, &icmp(128, 0, [7, 1], &[0; 100]));
    assert_eq!(quoted(&echo[..48]).unwrap().transport, Transport::Query { id: 7, request: true });
}

#[test]
fn c_33_a_quote_that_cannot_be_matched_is_stray() {
    let stray = |bytes: &[u8], why: &str| assert_eq!(quoted(bytes), Err(DropReason::StrayIcmpError), "{why}");
    stray(&[], "empty");
    stray(&[0x45; 12], "cut inside the header");
    // 30 words of header cannot be written; 15 words with nothing behind them can.
    let mut options = datagram(V4);
    options[0] = 0x4f;
    options[2..4].copy_from_slice(&1000u16.to_be_bytes());
    options.resize(67, 0);
    fix_ip(&mut options);
    for len in [20, 21, 40, 59, 60, 64, 67] {
        stray(&options[..len], "cut inside the options, or right behind them");
    }
    stray(&packet(V4.0, V4.1, protocol::ICMP, &icmp(3, 1, [0, 0], &[0; 28])), "an error about an error");
    stray(&packet(V6.0, V6.1, protocol::ICMPV6, &icmp(1, 0, [0, 0], &[0; 48])), "an error about an error");
    stray(&chain(&[(60, &[9, 1, 4, 0, 0, 0, 0])], 17, &[0; 8]), "cut inside the extension headers");
    let mut checksum = datagram(V4);
    checksum[10] ^= 1;
    assert_eq!(quoted(&checksum), Err(DropReason::BadIcmpChecksum));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), offload in any_offload()) {
        let _ = parse(&bytes, &offload);
        let _ = quoted(&bytes);
    }

    #[test]
    fn what_is_accepted_lies_inside_the_packet(bytes in nearly_a_packet(), offload in any_offload()) {
        if let Ok(headers) = parse(&bytes, &offload) {
            prop_assert!(headers.len as usize <= bytes.len());
            prop_assert!(u32::from(headers.l4) <= headers.len);
            prop_assert!(u32::from(headers.header_len()) <= headers.len || headers.transport == Transport::Opaque);
            prop_assert_eq!(headers.source.is_ipv4(), headers.destination.is_ipv4());
            if let Some(partial) = offload.partial {
                prop_assert!(u32::from(partial.start) + u32::from(partial.offset) + 2 <= headers.len);
            }
        }
        if let Ok(headers) = quoted(&bytes) {
            prop_assert!(usize::from(headers.l4) <= bytes.len());
        }
    }
}
