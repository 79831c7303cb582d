//! Claims about paying what a packet owes.

use super::*;
use crate::plane::packet::numbers::protocol;
use crate::plane::packet::sample::{fix_ip, fix_transport, is_right, make_partial, packet, udp};
use proptest::prelude::*;

fn paid(packet: &mut [u8], offload: Offload) -> Option<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    resolve(packet, &offload, |packet| all.push(packet.to_vec())).then_some(all)
}

/// A UDP super-frame.
fn super_frame(payload: &[u8], size: u16) -> (Vec<u8>, Offload) {
    let mut packet = packet("10.250.250.2", "203.0.113.10", protocol::UDP, &udp(4000, 53, payload));
    packet[4..6].copy_from_slice(&[0xff, 0xff]);
    fix_ip(&mut packet);
    let offload = make_partial(&mut packet);
    (packet, Offload { gso: Some(Gso { kind: GsoKind::UdpL4, size, ecn: false }), ..offload })
}

#[test]
fn a_packet_that_owes_nothing_stays_as_it_is() {
    let mut whole = packet("10.250.250.2", "203.0.113.10", protocol::UDP, &udp(1, 2, b"x"));
    let before = whole.clone();
    assert_eq!(paid(&mut whole, Offload::NONE), Some(vec![before]));
}

#[test]
fn an_owed_checksum_is_finished() {
    let mut expected = packet("10.250.250.2", "203.0.113.10", protocol::UDP, &udp(1, 2, b"odd"));
    fix_transport(&mut expected);
    let mut whole = expected.clone();
    let offload = make_partial(&mut whole);
    assert_ne!(whole, expected);
    assert_eq!(paid(&mut whole, offload), Some(vec![expected]));
}

#[test]
fn a_checksum_of_zero_is_sent_as_all_ones_in_udp_alone() {
    for (offset, expected) in [(6, [0xff, 0xff]), (16, [0, 0])] {
        let mut bytes = vec![0; 24];
        bytes[2..4].copy_from_slice(&[0xff, 0xff]);
        finish(&mut bytes, PartialChecksum { start: 0, offset });
        assert_eq!(bytes[usize::from(offset)..][..2], expected);
    }
}

#[test]
fn a_checksum_beyond_the_packet_is_left_alone() {
    for (start, offset) in [(40, 0), (0, 39), (0, 40), (65_535, 65_535)] {
        let mut bytes = [7; 40];
        finish(&mut bytes, PartialChecksum { start, offset });
        assert_eq!(bytes, [7; 40]);
    }
}

#[test]
fn segments_of_a_super_frame_are_datagrams_of_their_own() {
    let payload: Vec<u8> = (0..3000).map(|at| at as u8).collect();
    let (mut frame, offload) = super_frame(&payload, 1400);
    let segments = paid(&mut frame, offload).unwrap();
    assert_eq!(segments.iter().map(Vec::len).collect::<Vec<_>>(), [1428, 1428, 228]);
    for (number, mut segment) in segments.into_iter().enumerate() {
        assert_eq!(segment[4..6], [[0xff, 0xff], [0, 0], [0, 1]][number], "an identification of its own");
        fix_ip(&mut segment);
        assert!(is_right(&segment));
        let end = (number * 1400 + 1400).min(3000);
        assert_eq!(segment[28..], payload[number * 1400..end]);
    }
}

#[test]
fn a_tcp_super_frame_is_none_of_its_business() {
    let (mut frame, mut offload) = super_frame(&[0; 3000], 1400);
    offload.gso = Some(Gso { kind: GsoKind::Tcp4, size: 1400, ecn: false });
    assert_eq!(paid(&mut frame, offload), None);
}

proptest! {
    #[test]
    fn segments_add_up_to_the_payload(len in 1usize..65_000, size in 1u16..=65_000, seed in any::<u8>()) {
        let payload: Vec<u8> = (0..len).map(|at| (at as u8).wrapping_mul(7) ^ seed).collect();
        let size = size.max((len / 200) as u16 + 1);
        let (mut frame, offload) = super_frame(&payload, size);
        let segments = paid(&mut frame, offload).unwrap();
        prop_assert_eq!(segments.len(), len.div_ceil(usize::from(size)));
        let mut whole = Vec::new();
        for mut segment in segments {
            fix_ip(&mut segment);
            prop_assert!(is_right(&segment));
            whole.extend_from_slice(&segment[28..]);
        }
        prop_assert!(whole == payload);
    }
}
