//! Claims about cutting.

use super::*;
use crate::plane::packet::sample::{fix_ip, packet};
use proptest::prelude::*;

/// A packet that may be fragmented, with identification 7, these options and this word of flags and offset.
fn may_fragment(options: &[u8], place: u16, payload: &[u8]) -> Vec<u8> {
    let mut whole = packet("192.0.2.12", "203.0.113.10", 253, payload);
    whole.splice(20..20, options.iter().copied());
    whole[0] = 0x45 + (options.len() / 4) as u8;
    whole[1] = 0xb8;
    let len = whole.len() as u16;
    whole[2..4].copy_from_slice(&len.to_be_bytes());
    whole[4..6].copy_from_slice(&[0, 7]);
    whole[6..8].copy_from_slice(&place.to_be_bytes());
    fix_ip(&mut whole);
    whole
}

fn pieces(packet: &[u8], mtu: u16) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    assert!(split(packet, mtu, |header, payload| pieces.push([header, payload].concat())));
    pieces
}

/// Header length, total length, flags and offset.
fn shape(piece: &[u8]) -> (u8, u16, u16) {
    let word = |at: usize| u16::from_be_bytes([piece[at], piece[at + 1]]);
    (piece[0] & 15, word(2), word(6))
}

#[test]
fn c_51_fragments_are_as_long_as_the_link_allows_in_units_of_eight() {
    let whole = may_fragment(&[], 0, &[9; 4008]);
    let cut = pieces(&whole, 1400);
    assert_eq!(
        cut.iter().map(|piece| shape(piece)).collect::<Vec<_>>(),
        [(5, 1396, 0x2000), (5, 1396, 0x2000 + 172), (5, 1276, 344)]
    );
    for piece in cut {
        assert_eq!(checksum::sum(&piece[..20]), 0xffff);
        assert_eq!((piece[1], &piece[4..6], &piece[8..10]), (0xb8, &[0u8, 7][..], &whole[8..10]));
        assert_eq!(piece[12..20], whole[12..20]);
    }
}

#[test]
fn a_last_fragment_fills_the_link_to_the_byte() {
    let lens = |payload| pieces(&may_fragment(&[], 0, &vec![0; payload]), 577).iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(lens(557), [577]);
    assert_eq!(lens(558), [572, 26]);
    assert_eq!(lens(552 + 557), [572, 577]);
    assert_eq!(lens(552 + 558), [572, 572, 26]);
}

#[test]
fn c_51_a_fragment_that_is_cut_keeps_its_place_and_whether_more_follow() {
    let places = |place| -> Vec<u16> {
        pieces(&may_fragment(&[], place, &[1; 1480]), 1400).iter().map(|piece| shape(piece).2).collect()
    };
    assert_eq!(places(0x2000 + 185), [0x2000 + 185, 0x2000 + 185 + 172]);
    assert_eq!(places(370), [0x2000 + 370, 370 + 172]);
    assert_eq!(places(0x8000), [0xa000, 0x8000 + 172], "a bit without a meaning stays");
}

#[test]
fn c_51_later_fragments_carry_the_options_that_are_to_be_copied() {
    // Record route (7) stays with the first; the stream identifier (136) is copied (RFC 791 §3.1).
    let options = [7, 7, 4, 0, 0, 0, 0, 1, 136, 4, 0xab, 0xcd];
    let cut = pieces(&may_fragment(&options, 0, &[5; 100]), 68);
    assert_eq!(cut.iter().map(|piece| shape(piece).0).collect::<Vec<_>>(), [8, 6, 6]);
    assert_eq!((&cut[0][20..32], &cut[1][20..24], &cut[2][20..24]), (&options[..], &options[8..], &options[8..]));
    assert!(cut.iter().all(|piece| checksum::sum(&piece[..usize::from(piece[0] & 15) * 4]) == 0xffff));
}

#[test]
fn options_that_make_no_sense_stay_with_the_first() {
    for options in [[136u8, 9, 0, 0], [136, 1, 0, 0], [136, 0, 0, 0], [0, 136, 4, 0], [1, 1, 1, 136]] {
        let cut = pieces(&may_fragment(&options, 0, &[5; 100]), 68);
        assert_eq!((shape(&cut[0]).0, shape(&cut[1]).0), (6, 5), "{options:?}");
    }
}

#[test]
fn a_link_that_is_too_small_for_any_payload_gets_nothing() {
    let mut options = [1; 40];
    options[39] = 0;
    assert!(!split(&may_fragment(&options, 0, &[0; 16]), 67, |_, _| panic!("nothing may be emitted")));
    assert_eq!(pieces(&may_fragment(&options, 0, &[0; 16]), 68).len(), 2);
    assert!(!split(&[], 1500, |_, _| panic!("nothing may be emitted")));
}

/// What a receiver makes of fragments in order: the payload, and where it ends.
fn reassemble(pieces: &[Vec<u8>]) -> Vec<u8> {
    let mut whole = Vec::new();
    for (number, piece) in pieces.iter().enumerate() {
        let (words, len, place) = shape(piece);
        assert_eq!(usize::from(len), piece.len());
        assert_eq!(usize::from(place & OFFSET) * 8, whole.len());
        assert_eq!(place & MORE != 0, number + 1 < pieces.len());
        whole.extend_from_slice(&piece[usize::from(words) * 4..]);
    }
    whole
}

proptest! {
    #[test]
    fn c_51_what_is_cut_is_whole_again_at_the_other_end(
        size in 1401usize..=65_535, mtu in 68u16..=9000, words in 0usize..=10, seed in any::<u8>(),
    ) {
        let options: Vec<u8> = [136, 4, seed, 1].repeat(words);
        let payload: Vec<u8> = (0..size - 20 - options.len()).map(|at| (at as u8).wrapping_mul(31) ^ seed).collect();
        let cut = pieces(&may_fragment(&options, 0, &payload), mtu);
        prop_assert!(cut.iter().all(|piece| piece.len() <= usize::from(mtu)));
        prop_assert!(cut.iter().all(|piece| checksum::sum(&piece[..20 + options.len()]) == 0xffff));
        prop_assert!(reassemble(&cut) == payload);
        let room = (usize::from(mtu) - 20 - options.len()) & !7;
        let most_in_the_last = usize::from(mtu) - 20 - options.len();
        prop_assert_eq!(cut.len(), 1 + payload.len().saturating_sub(most_in_the_last).div_ceil(room), "as few as there can be");
    }

    #[test]
    fn cutting_twice_gives_fragments_of_the_one_datagram(size in 1401usize..=20_000, mtu in 600u16..=1500, smaller in 68u16..=600) {
        let payload: Vec<u8> = (0..size - 20).map(|at| at as u8).collect();
        let once = pieces(&may_fragment(&[], 0, &payload), mtu);
        let twice: Vec<_> = once.iter().flat_map(|piece| pieces(piece, smaller)).collect();
        prop_assert!(twice.iter().all(|piece| piece.len() <= usize::from(smaller)));
        prop_assert!(reassemble(&twice) == payload);
    }

    #[test]
    fn no_options_make_it_panic(options in proptest::collection::vec(any::<u8>(), 0..=40), mtu in 0u16..200) {
        let options = &options[..options.len() & !3];
        let _ = split(&may_fragment(options, 0, &[7; 300]), mtu, |header, payload| {
            assert!(header.len() + payload.len() <= usize::from(mtu));
        });
    }
}
