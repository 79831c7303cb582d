//! Quoted packets: vectors, and the law that a quote is translated like the packet it quotes.

use super::*;
use crate::plane::packet::headers::Transport;
use crate::plane::packet::parse::parse;
use crate::plane::packet::sample::{fix_transport, hex, icmp, ip, is_right, packet, tcp, udp};
use crate::plane::translate::nptv6::Translator;
use crate::types::{NptMode, PartialChecksum};
use proptest::prelude::*;
use std::net::IpAddr;

const INSIDE4: &str = "10.250.250.2";
const PUBLIC4: &str = "198.51.100.2";
const INSIDE6: &str = "fd00:bad:b01:1::100";
const PUBLIC6: &str = "2001:db8:a:c81::100";

fn quoted(bytes: &[u8]) -> (Headers, Quote) {
    let headers = parse(bytes, &Offload::NONE).unwrap();
    assert_eq!(headers.transport, Transport::Error);
    let quote = quote(bytes, &headers, &Offload::NONE).unwrap();
    (headers, quote)
}

fn refused(bytes: &[u8]) -> DropReason {
    let headers = parse(bytes, &Offload::NONE).unwrap();
    quote(bytes, &headers, &Offload::NONE).unwrap_err()
}

/// An ICMP error from somewhere on the way, about a packet from `to`.
fn error(to: &str, quote: &[u8]) -> Vec<u8> {
    match ip(to) {
        IpAddr::V4(_) => packet("203.0.113.9", to, protocol::ICMP, &icmp(3, 4, [0, 1400], quote)),
        IpAddr::V6(_) => packet("2001:db8:ffff::9", to, protocol::ICMPV6, &icmp(2, 0, [0, 1400], quote)),
    }
}

/// What the router does to an error that came in from outside.
fn bring_in(bytes: &mut [u8], inside: &str, neutral: bool) -> Quote {
    bring_in_to(bytes, &Mapped { neutral, ..Mapped::fixed(ip(inside)) })
}

fn bring_in_to(bytes: &mut [u8], mapped: &Mapped) -> Quote {
    let (mut headers, mut quote) = quoted(bytes);
    apply(bytes, &headers, &mut quote, Side::Source, mapped);
    rewrite::apply(bytes, &mut headers, Side::Destination, mapped, &Offload::NONE);
    rewrite::decrement_ttl(bytes, &headers);
    assert_eq!(quote.headers.source, mapped.address);
    quote
}

/// Shows RFC 5508 REQ-4, RFC 5508 REQ-4a, RFC 5508 REQ-4b, RFC 5508 REQ-4c.
#[test]
fn c_30_fragmentation_needed_comes_back_to_the_inside_host_byte_for_byte() {
    let mut bytes = hex(
        "4500003800090000fa0148a12d21fffe6839e2c10304418c00000578450005dc000740003c11c0e76839e2c12d2100079c4001bb05c81234",
    );
    let quote = bring_in(&mut bytes, INSIDE4, false);
    assert_eq!((quote.at, quote.headers.len), (28, 1500));
    assert_eq!(quote.headers.transport, Transport::Udp { source: 40000, destination: 443 });
    assert_eq!(
        bytes,
        hex(
            "4500003800090000f9018f9f2d21fffe0afafa020304fb8d00000578450005dc000740003c1106e60afafa022d2100079c4001bb05c85832"
        )
    );
}

#[test]
fn a_neutral_translation_leaves_the_icmp_checksum_as_it_is() {
    let net = |text: &str| text.parse().unwrap();
    let translator = Translator::new(net("fd00:bad:b01::/60"), net("2001:db8:a:c80::/60"), NptMode::Rfc6296);
    let public = translator.outbound(INSIDE6.parse().unwrap()).unwrap().to_string();
    let sent = packet(&public, "2001:db8::7", protocol::UDP, &udp(40000, 443, &[7; 1300]));
    let mut bytes = error(&public, &sent[..1232]);
    let before = bytes.clone();
    assert!(is_right(&bytes));
    bring_in(&mut bytes, INSIDE6, true);
    assert!(is_right(&bytes));
    assert_eq!(bytes[40..56], before[40..56], "the ICMP header with its checksum, and the quoted packet's first bytes");
    assert_eq!(bytes[56..72], INSIDE6.parse::<std::net::Ipv6Addr>().unwrap().octets());
    assert_eq!(bytes[72..], before[72..]);
}

#[test]
fn an_error_from_inside_has_its_quoted_destination_translated() {
    let reply = packet("192.0.2.1", INSIDE4, protocol::UDP, &udp(53, 40000, b"answer"));
    let mut bytes = packet(INSIDE4, "192.0.2.1", protocol::ICMP, &icmp(3, 3, [0, 0], &reply));
    let (mut headers, mut quote) = quoted(&bytes);
    let public = Mapped::fixed(ip(PUBLIC4));
    apply(&mut bytes, &headers, &mut quote, Side::Destination, &public);
    rewrite::apply(&mut bytes, &mut headers, Side::Source, &public, &Offload::NONE);
    assert!(is_right(&bytes));
    assert!(is_right(&bytes[28..]), "the quoted packet is right as well");
    assert_eq!(quoted(&bytes).1.headers.destination, ip(PUBLIC4));
}

#[test]
fn extensions_behind_the_quote_are_kept_and_not_read_as_part_of_it() {
    let sent = packet(PUBLIC4, "192.0.2.1", protocol::UDP, &udp(40000, 443, b"data"));
    let mut body = sent.clone();
    body.resize(128, 0);
    body.extend_from_slice(&hex("20007f3a0008010100018701"));
    let mut bytes = packet("203.0.113.9", PUBLIC4, protocol::ICMP, &icmp(11, 0, [32, 0], &body));
    bring_in(&mut bytes, INSIDE4, false);
    assert!(is_right(&bytes) && is_right(&bytes[28..60]));
    assert_eq!(bytes[60..], body[32..]);
}

#[test]
fn a_quote_whose_length_field_leaves_no_transport_is_stray() {
    let sent = packet(PUBLIC4, "192.0.2.1", protocol::UDP, &udp(40000, 443, b"data"));
    let bytes = packet("203.0.113.9", PUBLIC4, protocol::ICMP, &icmp(11, 0, [5, 0], &sent));
    assert_eq!(refused(&bytes), DropReason::StrayIcmpError);
    let longer = packet("203.0.113.9", PUBLIC4, protocol::ICMP, &icmp(11, 0, [200, 0], &sent));
    assert_eq!(quoted(&longer).1.headers.transport, Transport::Udp { source: 40000, destination: 443 });
}

/// Shows RFC 5508 REQ-3, RFC 5508 REQ-3a.
#[test]
fn c_30_a_wrong_checksum_of_the_message_or_of_the_quoted_header_drops_the_error() {
    for to in [PUBLIC4, PUBLIC6] {
        let sent = packet(to, if to == PUBLIC4 { "192.0.2.1" } else { "2001:db8::7" }, 17, &udp(1, 2, b"data"));
        let mut bytes = error(to, &sent);
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        assert_eq!(refused(&bytes), DropReason::BadIcmpChecksum);
    }
    let mut sent = packet(PUBLIC4, "192.0.2.1", 17, &udp(1, 2, b"data"));
    sent[10] ^= 1;
    assert_eq!(refused(&error(PUBLIC4, &sent)), DropReason::BadIcmpChecksum);
}

/// Shows RFC 5508 REQ-3c.
#[test]
fn c_30_a_wrong_transport_checksum_in_the_quote_is_nobodys_business() {
    let mut sent = packet(PUBLIC4, "192.0.2.1", 17, &udp(1, 2, b"data"));
    sent[26] ^= 1;
    let mut bytes = error(PUBLIC4, &sent);
    bring_in(&mut bytes, INSIDE4, false);
    assert!(is_right(&bytes) && !is_right(&bytes[28..]));
}

#[test]
fn a_quote_of_udp_without_a_checksum_stays_without() {
    let mut sent = packet(PUBLIC4, "192.0.2.1", 17, &udp(1, 2, b"data"));
    sent[26..28].fill(0);
    let mut bytes = error(PUBLIC4, &sent);
    bring_in(&mut bytes, INSIDE4, false);
    assert!(is_right(&bytes));
    assert_eq!(bytes[54..56], [0, 0]);
}

#[test]
fn c_33_an_error_that_names_no_flow_is_stray() {
    let sent = packet(PUBLIC4, "192.0.2.1", 17, &udp(1, 2, b"data"));
    for len in [0, 1, 19, 20, 27] {
        assert_eq!(refused(&error(PUBLIC4, &sent[..len])), DropReason::StrayIcmpError, "{len} bytes quoted");
    }
    let sent6 = packet(PUBLIC6, "2001:db8::7", 17, &udp(1, 2, b"data"));
    for len in [0, 1, 39, 40, 47] {
        assert_eq!(refused(&error(PUBLIC6, &sent6[..len])), DropReason::StrayIcmpError, "{len} bytes quoted");
    }
    assert_eq!(refused(&error(PUBLIC6, &sent)), DropReason::StrayIcmpError, "IPv4 quoted by ICMPv6");
    assert_eq!(refused(&error(PUBLIC4, &sent6)), DropReason::StrayIcmpError, "IPv6 quoted by ICMP");
    assert_eq!(refused(&error(PUBLIC6, &error(PUBLIC6, &sent6))), DropReason::StrayIcmpError);
    let about_error = error(PUBLIC4, &error(PUBLIC4, &sent));
    assert_eq!(refused(&about_error), DropReason::StrayIcmpError);
}

#[test]
fn an_error_never_owes_its_checksum() {
    let bytes = error(PUBLIC4, &packet(PUBLIC4, "192.0.2.1", 17, &udp(1, 2, b"data")));
    let headers = parse(&bytes, &Offload::NONE).unwrap();
    let offload = Offload { partial: Some(PartialChecksum { start: 20, offset: 2 }), gso: None };
    assert_eq!(quote(&bytes, &headers, &offload), Err(DropReason::BadOffload));
}

#[test]
fn a_neutral_translation_of_a_quote_shows_its_port_alone() {
    let net = |text: &str| text.parse().unwrap();
    let translator = Translator::new(net("fd00:bad:b01::/60"), net("2001:db8:a:c80::/60"), NptMode::Rfc6296);
    let public = translator.outbound(INSIDE6.parse().unwrap()).unwrap().to_string();
    let sent = |from: &str, port| packet(from, "2001:db8::7", protocol::UDP, &udp(port, 443, &[7; 100]));
    let mut bytes = error(&public, &sent(&public, 61000));
    let mapped = Mapped { port: Some(40000), neutral: true, ..Mapped::fixed(ip(INSIDE6)) };
    let quote = bring_in_to(&mut bytes, &mapped);
    assert!(is_right(&bytes));
    assert_eq!(bytes[usize::from(quote.at)..], sent(INSIDE6, 40000));
}

#[test]
fn a_quote_of_a_later_fragment_changes_only_its_addresses() {
    let mut sent = packet(PUBLIC4, "192.0.2.1", 17, &[0xee; 32]);
    sent[6..8].copy_from_slice(&[0x20, 9]);
    crate::plane::packet::sample::fix_ip(&mut sent);
    let mut bytes = error(PUBLIC4, &sent);
    bring_in(&mut bytes, INSIDE4, false);
    assert!(is_right(&bytes));
    assert_eq!(bytes[48..], sent[20..]);
}

/// Where the checksum of a protocol stands that covers the addresses, from the transport header on: RFC 9293, 768, 3828,
/// 4340, 7401, 4443, 6275, 5340.
fn checksum_of(protocol: u8, v6: bool) -> Option<usize> {
    match (protocol, v6) {
        (6, _) => Some(16),
        (17 | 33 | 136, _) => Some(6),
        (139, _) => Some(4),
        (58, true) => Some(2),
        (135, true) => Some(4),
        _ => None,
    }
}

/// An IPv4 packet, or an IPv6 one behind an extension header that need not be there.
fn quoted_packet(v6: bool, extension: Option<u8>, protocol: u8, body: &[u8]) -> Vec<u8> {
    match extension {
        _ if !v6 => packet(PUBLIC4, "192.0.2.1", protocol, body),
        None => packet(PUBLIC6, "2001:db8::7", protocol, body),
        Some(extension) => {
            packet(PUBLIC6, "2001:db8::7", extension, &[&[protocol, 0, 1, 4, 0, 0, 0, 0], body].concat())
        }
    }
}

#[test]
fn of_a_quote_without_a_checksum_not_a_byte_is_repaired_whatever_it_says_it_is() {
    // Every protocol, 59 (no next header) too, whole and cut, with a length that is true, too long or too short.
    for (v6, extension) in [(false, None), (true, None), (true, Some(60)), (true, Some(44))] {
        for (protocol, cut, said) in (0..=255u8)
            .flat_map(|it| [8, 12, 20, 40].map(|cut| (it, cut, 1400u16)))
            .chain((0..=255).flat_map(|it| [0, 8, 17, 40].map(|said| (it, 40, said))))
        {
            let body = &[0xa5; 40][..cut];
            let mut sent = quoted_packet(v6, extension, protocol, body);
            let start = sent.len() - cut;
            let said = said + if v6 { start as u16 - 40 } else { 20 };
            sent[if v6 { 4..6 } else { 2..4 }].copy_from_slice(&said.to_be_bytes());
            crate::plane::packet::sample::fix_ip(&mut sent);
            let (public, inside) = if v6 { (PUBLIC6, INSIDE6) } else { (PUBLIC4, INSIDE4) };
            let mut bytes = error(public, &sent);
            let headers = parse(&bytes, &Offload::NONE).unwrap();
            if quote(&bytes, &headers, &Offload::NONE).is_err() {
                continue;
            }
            let before = bytes.clone();
            let quote = bring_in(&mut bytes, inside, false);
            assert!(is_right(&bytes), "{protocol} {cut} {said}");
            let at = usize::from(quote.at) + usize::from(quote.headers.l4);
            let sums = checksum_of(quote.headers.protocol, v6).map(|sum| at + sum..at + sum + 2);
            let mut changed = (usize::from(quote.at) + start..bytes.len()).filter(|at| bytes[*at] != before[*at]);
            let odd = changed.find(|at| sums.as_ref().is_none_or(|sums| !sums.contains(at)));
            assert_eq!(odd, None, "IPv6 {v6}, behind {extension:?}, protocol {protocol}, {cut} bytes, {said} said");
        }
    }
}

fn sent_packet() -> impl Strategy<Value = (bool, Vec<u8>)> {
    let body = proptest::collection::vec(any::<u8>(), 0..60);
    (any::<bool>(), 0..4u8, any::<[u16; 2]>(), body, any::<bool>()).prop_map(|(v6, kind, ports, body, right)| {
        let (kind, payload) = match kind {
            0 => (protocol::TCP, tcp(ports[0], ports[1], 16, &[], &body)),
            1 => (protocol::UDP, udp(ports[0], ports[1], &body)),
            2 if v6 => (protocol::ICMPV6, icmp(128, 0, ports, &body)),
            2 => (protocol::ICMP, icmp(8, 0, ports, &body)),
            _ => (50, icmp(1, 2, ports, &body)),
        };
        let ends = if v6 { (PUBLIC6, "2001:db8::7") } else { (PUBLIC4, "192.0.2.1") };
        let mut sent = packet(ends.0, ends.1, kind, &payload);
        if !right {
            let at = sent.len() - 1;
            sent[at] = !sent[at];
            fix_transport(&mut sent);
        }
        (v6, sent)
    })
}

proptest! {
    /// What the inside host finds quoted is what it sent: translating the whole packet and cutting it, or cutting it and
    /// translating the quote, is the same.
    #[test]
    fn the_quote_is_translated_like_the_packet_it_quotes(
        case in sent_packet(), port in any::<Option<u16>>(), cut in any::<prop::sample::Index>(),
    ) {
        let (v6, sent) = case;
        let (public, inside, shortest) = if v6 { (PUBLIC6, INSIDE6, 48) } else { (PUBLIC4, INSIDE4, 28) };
        let len = shortest + cut.index(sent.len() - shortest + 1);
        let mut whole = sent.clone();
        let mut headers = parse(&whole, &Offload::NONE).unwrap();
        let mapped = Mapped { port, ..Mapped::fixed(ip(inside)) };
        rewrite::apply(&mut whole, &mut headers, Side::Source, &mapped, &Offload::NONE);
        // Half a checksum cannot be updated, and nobody can verify it.
        prop_assume!(headers.checksum_at() != Some(len - 1));
        let mut bytes = error(public, &sent[..len]);
        let quote = bring_in_to(&mut bytes, &mapped);
        prop_assert!(is_right(&bytes));
        prop_assert_eq!(&bytes[usize::from(quote.at)..], &whole[..len]);
    }

    #[test]
    fn no_quote_makes_it_panic(
        body in crate::plane::packet::sample::nearly_a_packet(), v6 in any::<bool>(),
        kind in 1..13u8, word in any::<[u16; 2]>(), port in any::<Option<u16>>(), neutral in any::<bool>(),
    ) {
        let mut bytes = if v6 {
            packet("2001:db8::9", PUBLIC6, protocol::ICMPV6, &icmp(kind % 4 + 1, 0, word, &body))
        } else {
            packet("203.0.113.9", PUBLIC4, protocol::ICMP, &icmp(kind, 0, word, &body))
        };
        let headers = parse(&bytes, &Offload::NONE).unwrap();
        if let Ok(mut quote) = quote(&bytes, &headers, &Offload::NONE) {
            let inside = Mapped::fixed(ip(if v6 { INSIDE6 } else { INSIDE4 }));
            for side in [Side::Source, Side::Destination] {
                apply(&mut bytes, &headers, &mut quote, side, &Mapped { port, neutral: neutral && v6, ..inside });
            }
            prop_assert!(is_right(&bytes) || neutral);
        }
    }
}
