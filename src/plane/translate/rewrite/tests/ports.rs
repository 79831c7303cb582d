//! Ports and identifiers change with an address, and every checksum follows.

use super::*;
use crate::plane::packet::headers::Transport;
use crate::plane::packet::sample::fix_ip;

/// The ends of packets in one family: an inside host, its public address, a remote.
const ENDS4: [&str; 3] = ["10.250.250.3", "198.51.100.3", "203.0.113.10"];
const ENDS6: [&str; 3] = ["fd00:bad:b01:1::100", "2001:db8:a:c81::100", "2001:db8:ffff::10"];

/// What speaks between two ports: the protocol, and the payload for a port on this side.
type Speech = (u8, fn(Side, u16) -> Vec<u8>);

fn tcp_at(side: Side, port: u16) -> Vec<u8> {
    if side == Side::Source { tcp(port, 443, 24, &[1; 4], b"odd") } else { tcp(443, port, 24, &[1; 4], b"odd") }
}

fn udp_at(side: Side, port: u16) -> Vec<u8> {
    if side == Side::Source { udp(port, 53, b"question") } else { udp(53, port, b"question") }
}

fn echo4(side: Side, id: u16) -> Vec<u8> {
    icmp(if side == Side::Source { 8 } else { 0 }, 0, [id, 7], b"ping")
}

fn timestamp4(side: Side, id: u16) -> Vec<u8> {
    icmp(if side == Side::Source { 13 } else { 14 }, 0, [id, 7], &[9; 12])
}

fn echo6(side: Side, id: u16) -> Vec<u8> {
    icmp(if side == Side::Source { 128 } else { 129 }, 0, [id, 7], b"ping")
}

const SPEECH4: [Speech; 4] =
    [(protocol::TCP, tcp_at), (protocol::UDP, udp_at), (protocol::ICMP, echo4), (protocol::ICMP, timestamp4)];
const SPEECH6: [Speech; 3] = [(protocol::TCP, tcp_at), (protocol::UDP, udp_at), (protocol::ICMPV6, echo6)];

/// A packet whose end on this side is `own`, with that port; the other end is the remote.
fn between(own: &str, remote: &str, side: Side, (number, payload): Speech, port: u16) -> Vec<u8> {
    let (source, destination) = if side == Side::Source { (own, remote) } else { (remote, own) };
    packet(source, destination, number, &payload(side, port))
}

/// Every speech from either side: the packet with the inside end and port 4000, and with the public end and port 61000.
fn pairs() -> impl Iterator<Item = (Side, &'static str, Vec<u8>, Vec<u8>)> {
    let four = SPEECH4.into_iter().map(|speech| (ENDS4, speech));
    let six = SPEECH6.into_iter().map(|speech| (ENDS6, speech));
    four.chain(six).flat_map(|([inside, public, remote], speech)| {
        [Side::Source, Side::Destination].map(|side| {
            let [before, after] =
                [(inside, 4000), (public, 61000)].map(|(own, port)| between(own, remote, side, speech, port));
            (side, public, before, after)
        })
    })
}

fn mapped(address: &str, port: u16) -> Mapped {
    Mapped { port: Some(port), ..Mapped::fixed(ip(address)) }
}

#[test]
fn a_port_or_identifier_changes_with_the_address_on_either_side() {
    for (side, public, mut bytes, after) in pairs() {
        let mut headers = parse(&bytes, &Offload::NONE).unwrap();
        apply(&mut bytes, &mut headers, side, &mapped(public, 61000), &Offload::NONE);
        assert_eq!(bytes, after, "{side:?} {headers:?}");
        assert_eq!(headers, parse(&after, &Offload::NONE).unwrap(), "what is known of the packet follows");
        let end = headers.endpoint(side);
        assert_eq!((end.address, end.port), (ip(public), 61000));
    }
}

#[test]
fn a_port_alone_changes_too_and_one_that_stays_costs_nothing() {
    for (side, public, _, after) in pairs() {
        let mut bytes = after.clone();
        let mut headers = parse(&bytes, &Offload::NONE).unwrap();
        for port in [1, 61000] {
            apply(&mut bytes, &mut headers, side, &mapped(public, port), &Offload::NONE);
            assert!(is_right(&bytes), "{headers:?}");
            assert_eq!(headers.endpoint(side).port, port);
        }
        assert_eq!(bytes, after);
        apply(&mut bytes, &mut headers, side, &Mapped::fixed(ip(public)), &Offload::NONE);
        assert_eq!(bytes, after);
    }
}

#[test]
fn a_checksum_that_the_kernel_owes_is_finished_right() {
    for (side, public, mut bytes, mut after) in pairs() {
        let number = parse(&bytes, &Offload::NONE).unwrap().protocol;
        if !matches!(number, protocol::TCP | protocol::UDP) {
            continue;
        }
        let (offload, expected) = (make_partial(&mut bytes), make_partial(&mut after));
        let mut headers = parse(&bytes, &offload).unwrap();
        apply(&mut bytes, &mut headers, side, &mapped(public, 61000), &offload);
        assert_eq!((&bytes, offload), (&after, expected), "the field holds no port yet");
        finish_partial(&mut bytes, &offload);
        assert!(is_right(&bytes));
    }
}

#[test]
fn a_neutral_address_shows_in_no_checksum_and_its_port_does() {
    let net = |text: &str| text.parse().unwrap();
    let translator = Translator::new(net("fd00:bad:b01::/60"), net("2001:db8:a:c80::/60"), NptMode::Rfc6296);
    let public = translator.outbound(ENDS6[0].parse().unwrap()).unwrap().to_string();
    for speech in SPEECH6 {
        let mut bytes = between(ENDS6[0], ENDS6[2], Side::Source, speech, 4000);
        let mut headers = parse(&bytes, &Offload::NONE).unwrap();
        let mapped = Mapped { neutral: true, ..mapped(&public, 61000) };
        apply(&mut bytes, &mut headers, Side::Source, &mapped, &Offload::NONE);
        assert_eq!(bytes, between(&public, ENDS6[2], Side::Source, speech, 61000), "{headers:?}");
    }
}

#[test]
fn a_first_fragment_changes_like_the_whole_datagram_and_a_later_one_shows_no_port() {
    for (side, public, before, after) in pairs().filter(|(.., after)| after[0] >> 4 == 4) {
        let cut = |whole: &[u8], offset: [u8; 2], range: std::ops::Range<usize>| {
            let mut part = [&whole[..20], &whole[range]].concat();
            let len = part.len() as u16;
            part[2..4].copy_from_slice(&len.to_be_bytes());
            part[6..8].copy_from_slice(&offset);
            fix_ip(&mut part);
            part
        };
        let first = if before[9] == protocol::TCP { 20..44 } else { 20..28 };
        let rest = first.end..before.len();
        let at = [0, (first.len() / 8) as u8];
        for (more, range) in [([0x20, 0], first), (at, rest)] {
            let mut part = cut(&before, more, range.clone());
            let mut headers = parse(&part, &Offload::NONE).unwrap();
            apply(&mut part, &mut headers, side, &mapped(public, 61000), &Offload::NONE);
            assert_eq!(part, cut(&after, more, range), "{headers:?}");
        }
    }
}

#[test]
fn udp_without_a_checksum_stays_without() {
    for (side, public, mut bytes, mut after) in pairs() {
        let headers = parse(&bytes, &Offload::NONE).unwrap();
        if headers.protocol == protocol::UDP {
            let at = headers.checksum_at().unwrap();
            for packet in [&mut bytes, &mut after] {
                packet[at..at + 2].fill(0);
            }
            apply(&mut bytes, &mut { headers }, side, &mapped(public, 61000), &Offload::NONE);
            assert_eq!(bytes, after);
        }
    }
}

#[test]
fn what_has_no_port_that_is_known_keeps_every_byte_behind_the_ip_header() {
    let quoted = packet("203.0.113.10", "198.51.100.3", protocol::UDP, &udp(1, 2, b""));
    for (number, payload) in [
        (protocol::ICMP, icmp(3, 3, [0, 0], &quoted)),
        (protocol::ICMP, icmp(9, 0, [4000, 4000], b"others")),
        (protocol::SCTP, udp(4000, 4000, b"others")),
        (50, udp(4000, 4000, b"others")),
    ] {
        let before = packet(ENDS4[0], ENDS4[2], number, &payload);
        let mut bytes = before.clone();
        let mut headers = parse(&bytes, &Offload::NONE).unwrap();
        apply(&mut bytes, &mut headers, Side::Source, &mapped(ENDS4[1], 61000), &Offload::NONE);
        assert_eq!((&bytes[20..], headers.source), (&before[20..], ip(ENDS4[1])), "{number}");
        assert!(is_right(&bytes));
    }
}

#[test]
fn a_port_on_the_way_to_another_destination_is_in_the_checksum() {
    let routing = [&[17, 0, 4, 1, 0, 0, 0, 0][..], &udp(53, 4000, b"data")].concat();
    let before = packet(ENDS6[2], ENDS6[0], 43, &routing);
    let sum = |bytes: &[u8]| u16::from_be_bytes([bytes[54], bytes[55]]);
    let mut bytes = before.clone();
    let mut headers = parse(&bytes, &Offload::NONE).unwrap();
    assert_eq!(headers.transport, Transport::Udp { source: 53, destination: 4000 });
    apply(&mut bytes, &mut headers, Side::Destination, &mapped(ENDS6[1], 61000), &Offload::NONE);
    let only_port = Delta::NONE.word(4000, 61000).apply(sum(&before), Field::OrNone);
    assert_eq!((sum(&bytes), &bytes[50..52]), (only_port, &61000u16.to_be_bytes()[..]));
}

#[test]
fn a_mapping_into_the_other_family_changes_nothing() {
    let before = between(ENDS4[0], ENDS4[2], Side::Source, SPEECH4[1], 4000);
    let mut bytes = before.clone();
    let mut headers = parse(&bytes, &Offload::NONE).unwrap();
    apply(&mut bytes, &mut headers, Side::Source, &mapped(ENDS6[1], 61000), &Offload::NONE);
    assert_eq!((bytes, headers.endpoint(Side::Source).port), (before, 4000));
}

proptest! {
    #[test]
    fn a_right_packet_stays_right_and_comes_back(
        bytes in any_packet(&KINDS[..4]), new in any::<u128>(), port in any::<u16>(), source in any::<bool>(),
    ) {
        let (before, side) = (bytes.clone(), if source { Side::Source } else { Side::Destination });
        let mut bytes = bytes;
        let mut headers = parse(&bytes, &Offload::NONE).unwrap();
        let old = headers.endpoint(side);
        let mapped = Mapped { port: Some(port), ..Mapped::fixed(same_family(&bytes, new)) };
        apply(&mut bytes, &mut headers, side, &mapped, &Offload::NONE);
        prop_assert!(is_right(&bytes));
        prop_assert_eq!(parse(&bytes, &Offload::NONE).unwrap(), headers);
        let back = Mapped { port: Some(old.port), ..Mapped::fixed(old.address) };
        apply(&mut bytes, &mut headers, side, &back, &Offload::NONE);
        // The two zeros of one's complement are one number; everything else is the same.
        prop_assert!(bytes == before || is_right(&bytes));
    }
}
