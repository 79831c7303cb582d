//! Claims about what bad fragments are answered.

use super::*;
use crate::plane::packet::sample::{nearly_a_packet, packet, udp};
use proptest::prelude::*;

/// A fragment of this next header, offset in bytes, and payload; options stand in front of the fragment header.
fn fragment(next: u8, offset: u16, more: bool, payload: &[u8]) -> Vec<u8> {
    let [high, low] = (offset | u16::from(more)).to_be_bytes();
    let body = [&[44, 0, 1, 4, 0, 0, 0, 0, next, 0, high, low, 0, 0, 0, 7][..], payload].concat();
    packet("fd00:bad:b01:1::2", "2001:db8::1", DESTINATION, &body)
}

/// Code and pointer.
fn told(packet: &[u8]) -> Option<(u8, u32)> {
    problem(packet).map(|problem| (problem.code, problem.pointer))
}

#[test]
fn each_problem_has_its_code_and_pointer() {
    assert_eq!(told(&fragment(17, 0, true, &[0; 20])), Some((0, 4)), "no multiple of 8: the payload length");
    assert_eq!(told(&fragment(17, 24, true, &[0; 9])), Some((0, 4)));
    assert_eq!(told(&fragment(17, 65_528, false, &[0; 8])), Some((0, 50)), "too long: the offset");
    assert_eq!(told(&fragment(17, 65_520, true, &[0; 16])), Some((0, 50)));
    assert_eq!(told(&fragment(6, 0, true, &[0; 16])), Some((3, 0)), "headers are missing");
    assert_eq!(told(&fragment(17, 0, true, &[])), Some((3, 0)));
}

#[test]
fn an_empty_later_fragment_and_what_is_none_have_no_problem() {
    assert_eq!(told(&fragment(17, 8, true, &[])), None);
    assert_eq!(told(&fragment(17, 8, false, &[])), None);
    assert_eq!(told(&packet("fd00::1", "fd00::2", 17, &udp(1, 2, b"x"))), None);
    assert_eq!(told(&packet("10.0.0.1", "10.0.0.2", 17, &udp(1, 2, b"x"))), None);
    let whole = fragment(17, 0, true, &[0; 20]);
    assert!((0..whole.len()).all(|len| told(&whole[..len]).is_none()), "cut short");
}

#[test]
fn the_headers_say_enough_to_answer_and_an_error_is_not_answered() {
    let headers = |packet: &[u8]| problem(packet).unwrap().headers;
    let read = headers(&fragment(17, 0, true, &[0; 20]));
    assert_eq!((read.fragment, read.protocol, read.l4, read.len), (Fragment::First(7), 17, 56, 76));
    assert_eq!(headers(&fragment(17, 8, true, &[0; 20])).fragment, Fragment::Later(7));
    let message = |kind: u8| [&[kind][..], &[0; 19]].concat();
    assert_eq!(headers(&fragment(58, 0, true, &message(1))).transport, Transport::Error);
    assert_eq!(headers(&fragment(58, 0, true, &message(128))).transport, Transport::Opaque);
    assert_eq!(headers(&fragment(58, 0, true, &[])).transport, Transport::Opaque);
    assert_eq!(headers(&fragment(58, 8, true, &message(1))).transport, Transport::Opaque);
    let behind = [&[58, 0, 1, 4, 0, 0, 0, 0][..], &message(1)].concat();
    assert_eq!(headers(&fragment(60, 0, true, &behind)).transport, Transport::Error);
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(packet in nearly_a_packet()) {
        if let Some(problem) = problem(&packet) {
            prop_assert!(problem.headers.len as usize <= packet.len());
        }
    }
}
