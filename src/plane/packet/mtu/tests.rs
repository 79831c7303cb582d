//! The clamp on every shape of option list, and what fits.

use super::*;
use crate::plane::packet::numbers::protocol;
use crate::plane::packet::parse::parse;
use crate::plane::packet::sample::finish_partial;
use crate::plane::packet::sample::{fix_ip, fix_transport, is_right, make_partial, packet, tcp, udp};
use crate::types::{Gso, GsoKind};
use proptest::prelude::*;

const SYN: u8 = tcp_flag::SYN;
const SYN_ACK: u8 = tcp_flag::SYN | tcp_flag::ACK;

fn syn4(flags: u8, options: &[u8]) -> Vec<u8> {
    packet("10.250.250.2", "192.0.2.1", protocol::TCP, &tcp(40000, 443, flags, options, b""))
}

fn syn6(flags: u8, options: &[u8]) -> Vec<u8> {
    packet("fd00:bad:b01:1::2", "2001:db8::1", protocol::TCP, &tcp(40000, 443, flags, options, b""))
}

/// Clamps a right packet, demands that it stays right and nothing in front of its options changes but the checksum, and
/// returns what stands behind the header.
fn clamp(mut bytes: Vec<u8>, mtu: u16) -> (bool, Vec<u8>) {
    let headers = parse(&bytes, &Offload::NONE).unwrap();
    let before = bytes.clone();
    let changed = clamp_mss(&mut bytes, &headers, mtu, &Offload::NONE);
    assert!(is_right(&bytes));
    assert_eq!(changed, bytes != before);
    let l4 = usize::from(headers.l4);
    assert_eq!((&bytes[..l4 + 16], &bytes[l4 + 18..l4 + 20]), (&before[..l4 + 16], &before[l4 + 18..l4 + 20]));
    (changed, bytes[l4 + 20..].to_vec())
}

#[test]
fn c_57_the_mss_is_the_mtu_less_forty_or_sixty() {
    for (mtu, mss4, mss6) in
        [(1500u16, 1460u16, 1440u16), (1492, 1452, 1432), (1420, 1380, 1360), (1400, 1360, 1340), (1280, 1240, 1220)]
    {
        let announced = [2, 4, 0x22, 0xb8];
        let lowered = |mss: u16| (true, [&[2, 4], &mss.to_be_bytes()[..]].concat());
        for flags in [SYN, SYN_ACK] {
            assert_eq!(clamp(syn4(flags, &announced), mtu), lowered(mss4), "IPv4, MTU {mtu}");
            assert_eq!(clamp(syn6(flags, &announced), mtu), lowered(mss6), "IPv6, MTU {mtu}");
        }
    }
}

#[test]
fn c_57_an_mss_that_fits_is_left_alone() {
    for mss in [0u16, 1, 88, 536, 1220, 1400, 1439, 1440, 1459, 1460] {
        let options = [&[2, 4], &mss.to_be_bytes()[..]].concat();
        assert_eq!(clamp(syn4(SYN, &options), 1500), (false, options.clone()));
        if mss <= 1440 {
            assert_eq!(clamp(syn6(SYN, &options), 1500), (false, options));
        }
    }
}

#[test]
fn c_57_only_segments_with_syn_are_looked_at() {
    for flags in [0, 1, 4, 16, 17, 20, 24, 0x30, 0xfd] {
        let options = [2, 4, 0x22, 0xb8];
        assert_eq!(clamp(syn4(flags, &options), 1500), (false, options.to_vec()));
    }
}

#[test]
fn c_58_the_option_is_found_wherever_it_stands_and_lowered_each_time() {
    let cases: &[(&[u8], &[u8])] = &[
        (&[1, 1, 1, 1, 2, 4, 0x22, 0xb8], &[1, 1, 1, 1, 2, 4, 5, 0xb4]),
        (&[1, 2, 4, 0x22, 0xb8, 1, 1, 0], &[1, 2, 4, 5, 0xb4, 1, 1, 0]),
        (&[3, 3, 7, 2, 4, 0x22, 0xb8, 0], &[3, 3, 7, 2, 4, 5, 0xb4, 0]),
        (&[4, 2, 2, 4, 0x22, 0xb8, 1, 1], &[4, 2, 2, 4, 5, 0xb4, 1, 1]),
        (&[2, 4, 0x22, 0xb8, 2, 4, 0x22, 0xb8], &[2, 4, 5, 0xb4, 2, 4, 5, 0xb4]),
        (&[2, 4, 5, 0, 2, 4, 0xff, 0xff], &[2, 4, 5, 0, 2, 4, 5, 0xb4]),
        (&[2, 4, 0x22, 0xb8, 1, 2, 4, 5, 0, 0, 0, 0], &[2, 4, 5, 0xb4, 1, 2, 4, 5, 0, 0, 0, 0]),
        (&[2, 4, 0xff, 0xff, 0, 2, 4, 9], &[2, 4, 5, 0xb4, 0, 2, 4, 9]),
        (
            &[8, 10, 9, 9, 9, 9, 0, 0, 0, 0, 2, 4, 0x22, 0xb8, 1, 0],
            &[8, 10, 9, 9, 9, 9, 0, 0, 0, 0, 2, 4, 5, 0xb4, 1, 0],
        ),
        (&[254, 5, 1, 2, 3, 2, 4, 0x22, 0xb8, 0, 0, 0], &[254, 5, 1, 2, 3, 2, 4, 5, 0xb4, 0, 0, 0]),
        (&[0xfd, 6, 0, 0, 0, 0, 1, 2, 4, 0xff, 0xff, 0], &[0xfd, 6, 0, 0, 0, 0, 1, 2, 4, 5, 0xb4, 0]),
    ];
    for (before, after) in cases {
        assert_eq!(clamp(syn4(SYN, before), 1500), (true, after.to_vec()), "{before:?}");
    }
}

#[test]
fn c_58_options_that_make_no_sense_are_left_alone() {
    let cases: &[&[u8]] = &[
        &[],
        &[1, 1, 1, 1],
        &[0, 1, 1, 1, 2, 4, 0x22, 0xb8],
        &[2, 2, 1, 1],
        &[2, 3, 0x22, 0xb8],
        &[2, 5, 0x22, 0xb8, 0, 0, 0, 0],
        &[2, 6, 0x22, 0xb8, 0x22, 0xb8, 1, 1],
        &[2, 0, 0x22, 0xb8],
        &[2, 1, 0x22, 0xb8],
        &[8, 1, 2, 4, 0x22, 0xb8, 0, 0],
        &[1, 1, 2, 4],
        &[1, 1, 1, 2],
        &[8, 10, 2, 4, 0x22, 0xb8, 0, 0],
    ];
    for options in cases {
        assert_eq!(clamp(syn4(SYN, options), 1500), (false, options.to_vec()), "{options:?}");
    }
}

#[test]
fn c_58_an_impossible_data_offset_is_forwarded_unclamped() {
    for data_offset in [0u8, 1, 4, 7, 15] {
        let mut bytes = syn4(SYN, &[2, 4, 0x22, 0xb8]);
        bytes[32] = data_offset << 4;
        fix_transport(&mut bytes);
        let headers = parse(&bytes, &Offload::NONE).unwrap();
        assert!(matches!(headers.transport, Transport::Tcp { header_len: 0, .. }));
        assert_eq!(clamp(bytes, 1500), (false, vec![2, 4, 0x22, 0xb8]));
    }
}

#[test]
fn c_58_a_syn_with_data_or_in_a_first_fragment_or_behind_extension_headers_is_clamped() {
    let options = [1, 2, 4, 0x22, 0xb8, 0, 0, 0];
    let data = packet("10.250.250.2", "192.0.2.1", protocol::TCP, &tcp(1, 2, SYN, &options, b"fast open, twenty by"));
    assert_eq!(clamp(data.clone(), 1500), (true, [&[1, 2, 4, 5, 0xb4, 0, 0, 0][..], b"fast open, twenty by"].concat()));

    let mut first = data.clone();
    first[6] = 0x20;
    fix_ip(&mut first);
    let headers = parse(&first, &Offload::NONE).unwrap();
    let mut whole = data;
    let whole_headers = parse(&whole, &Offload::NONE).unwrap();
    assert!(clamp_mss(&mut first, &headers, 1500, &Offload::NONE));
    assert!(clamp_mss(&mut whole, &whole_headers, 1500, &Offload::NONE));
    assert_eq!(first[20..], whole[20..]);

    let chains: [(u8, &[u8]); 4] = [
        (0, &[6, 0, 1, 4, 0, 0, 0, 0]),
        (60, &[6, 0, 1, 4, 0, 0, 0, 0]),
        (0, &[43, 0, 1, 4, 0, 0, 0, 0, 60, 0, 4, 0, 0, 0, 0, 0, 6, 0, 1, 4, 0, 0, 0, 0]),
        // A fragment header of no fragment.
        (44, &[6, 0, 0, 0, 0, 0, 0, 7]),
    ];
    for (first, chain) in chains {
        let behind = packet("fd00::2", "2001:db8::1", first, &[chain, &tcp(1, 2, SYN, &options, b"")].concat());
        assert_eq!(clamp(behind, 1500), (true, vec![1, 2, 4, 5, 0xa0, 0, 0, 0]), "{chain:?}");
    }
}

#[test]
fn a_partial_checksum_has_no_options_in_it() {
    for options in [[2, 4, 0x22, 0xb8], [1, 2, 4, 0x22]] {
        let mut bytes = syn4(SYN, &[&options[..], &[0xb8, 0, 0, 0]].concat());
        let offload = make_partial(&mut bytes);
        let headers = parse(&bytes, &offload).unwrap();
        let before = bytes[36..38].to_vec();
        assert!(clamp_mss(&mut bytes, &headers, 1500, &offload));
        assert_eq!(bytes[36..38], before);
        finish_partial(&mut bytes, &offload);
        assert!(is_right(&bytes));
    }
}

#[test]
fn a_packet_fits_up_to_the_mtu_and_a_super_frame_by_its_segments() {
    let bytes = packet("10.250.250.2", "192.0.2.1", protocol::UDP, &udp(1, 2, &[0; 1372]));
    let headers = parse(&bytes, &Offload::NONE).unwrap();
    assert!(fits(&headers, &Offload::NONE, 1400) && !fits(&headers, &Offload::NONE, 1399));

    let timestamps = [1, 1, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0];
    let mut bytes = packet("fd00::2", "2001:db8::1", protocol::TCP, &tcp(1, 2, 16, &timestamps, &[0; 9000]));
    let mut offload = make_partial(&mut bytes);
    offload.gso = Some(Gso { kind: GsoKind::Tcp6, size: 1428, ecn: false });
    let headers = parse(&bytes, &offload).unwrap();
    assert!(fits(&headers, &offload, 1500) && !fits(&headers, &offload, 1499), "40 + 32 + 1428");

    let mut bytes = packet("10.250.250.2", "192.0.2.1", protocol::UDP, &udp(1, 2, &[0; 3000]));
    let mut offload = make_partial(&mut bytes);
    offload.gso = Some(Gso { kind: GsoKind::UdpL4, size: 1200, ecn: false });
    let headers = parse(&bytes, &offload).unwrap();
    assert!(fits(&headers, &offload, 1228) && !fits(&headers, &offload, 1227), "20 + 8 + 1200");
    offload.gso = Some(Gso { kind: GsoKind::UdpL4, size: 60000, ecn: false });
    assert!(fits(&headers, &offload, 3028) && !fits(&headers, &offload, 3027), "a single short segment");
}

proptest! {
    #[test]
    fn a_clamp_never_raises_and_keeps_the_checksum_right(
        options in proptest::collection::vec(prop_oneof![Just(1u8), Just(2), Just(4), any::<u8>()], 0..40),
        mtu in any::<u16>(), v6 in any::<bool>(),
    ) {
        let mut options = options;
        options.resize(options.len().next_multiple_of(4), 0);
        let mut bytes = if v6 { syn6(SYN, &options) } else { syn4(SYN, &options) };
        let headers = parse(&bytes, &Offload::NONE).unwrap();
        let before = bytes.clone();
        let changed = clamp_mss(&mut bytes, &headers, mtu, &Offload::NONE);
        prop_assert!(is_right(&bytes));
        prop_assert_eq!(changed, bytes != before);
        let l4 = usize::from(headers.l4);
        let raised = (l4 + 20..bytes.len()).find(|at| bytes[*at] != before[*at]).is_some_and(|at| bytes[at] > before[at]);
        prop_assert!(!raised, "the first byte that changed is the high one, or the low one below an equal high one");
    }
}
