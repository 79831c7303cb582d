//! C-70 to C-77: fragments in any order, both families and directions; bounded, and never judged by what they overlap.
//! What a worker does with one that waits is claimed in src/plane/pass/late_fragments and src/plane/fragment/pins.

mod flood;
mod kernels;

use crate::story::packets::{ACK, Ip, ip};
use crate::story::{self, At, HOST6, SERVER, SERVER6, Step, answered, arrives, behind, comes_in, cut4, cut6, goes_out};
use crate::story::{leaves, router_error};
use At::{Cable, Fiber, Inside};
use Step::{Drop, GiveUp, Wait};
use std::time::Duration;

/// [`HOST6`] on each WAN.
const FIBER6: &str = "2001:db8:a:c81::100";
const CABLE6: &str = "2001:db8:b:be01:27ea::100";

/// Three fragments of one UDP datagram that may be fragmented.
fn three(from: &str, to: &str, ttl: u8, id: u16) -> Vec<Vec<u8>> {
    let payload: Vec<u8> = (0..100).collect();
    let ends = Ip { id, fragment: 0, ttl, ..ip(from, to) };
    if from.contains(':') {
        return cut6(&ends.udp((4000, 53), &payload), id.into(), &[48, 40]);
    }
    cut4(&ends.udp((4000, 53), &payload), &[48, 40])
}

const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0], [2, 0, 1], [0, 2, 1]];

/// Shows RFC 4787 REQ-14, RFC 8200 §4.5 order.
#[test]
fn c_70_outbound_fragments_that_overtake_their_first_leave_behind_it_in_the_order_of_their_arrival() {
    let cases = [(Fiber, "10.250.250.2", "192.0.2.2", SERVER), (Cable, "10.250.250.3", "198.51.100.3", SERVER)];
    for (wan, inside, public, server) in cases.into_iter().chain([(Fiber, HOST6, FIBER6, SERVER6)]) {
        for order in ORDERS {
            let (before, after) = (three(inside, server, 64, 7), three(public, server, 63, 7));
            let (mut steps, mut waiting, mut passed) = (Vec::new(), Vec::new(), false);
            for number in order {
                steps.push(arrives(Inside, &before[number]));
                waiting.push(number);
                passed |= number == 0;
                if passed {
                    waiting.sort_by_key(|number| *number != 0);
                    steps.extend(waiting.drain(..).map(|number| leaves(wan, &after[number])));
                }
            }
            story::check("c-70", steps, 1);
        }
    }
}

/// Shows RFC 4787 REQ-14.
#[test]
fn c_70_a_fragmented_answer_leaves_by_the_wan_of_its_flow_in_whatever_order() {
    for order in ORDERS {
        let question = |to, ttl| ip(SERVER6, to).ttl(ttl).udp((53, 4000), b"?");
        let (before, after) = (three(HOST6, SERVER6, 64, 7), three(CABLE6, SERVER6, 63, 7));
        let mut steps = comes_in(Cable, &question(CABLE6, 64), &question(HOST6, 63)).to_vec();
        let first = order.iter().position(|number| *number == 0).unwrap();
        steps.extend(order[..first].iter().map(|number| arrives(Inside, &before[*number])));
        steps.extend(goes_out(Cable, &before[0], &after[0]));
        steps.extend(order[..first].iter().map(|number| leaves(Cable, &after[*number])));
        for number in &order[first + 1..] {
            steps.extend(goes_out(Cable, &before[*number], &after[*number]));
        }
        story::check("c-70", steps, 1);
    }
}

/// Shows RFC 4787 REQ-14, RFC 8200 §4.5 order.
#[test]
fn c_70_inbound_fragments_pass_at_once_in_whatever_order() {
    let cases = [("192.0.2.2", "10.250.250.2", SERVER), (FIBER6, HOST6, SERVER6)];
    for (public, inside, server) in cases {
        for order in ORDERS {
            let (before, after) = (three(server, public, 64, 7), three(server, inside, 63, 7));
            let steps = order.map(|number| comes_in(Fiber, &before[number], &after[number])).concat();
            story::check("c-70", steps, 1);
        }
    }
}

/// Shows RFC 4787 REQ-14a.
#[test]
fn c_71_a_thousand_fragments_without_a_first_make_room_for_others() {
    // Each shard of the router's memory holds 128 of one sender: the youngest.
    let mut steps = Vec::new();
    for id in 0..20_000 {
        steps.push(arrives(Inside, &three("10.250.250.2", SERVER, 64, id)[1]));
    }
    let (before, after) = (three("10.250.250.3", SERVER, 64, 7), three("198.51.100.3", SERVER, 63, 7));
    steps.push(arrives(Inside, &before[2]));
    steps.extend(goes_out(Cable, &before[0], &after[0]));
    steps.push(leaves(Cable, &after[2]));
    steps.push(Wait(Duration::from_secs(30)));
    steps.extend(std::iter::repeat_n(GiveUp("unknown-fragment"), 20_000));
    steps.extend(goes_out(
        Fiber,
        &ip("10.250.250.2", SERVER).udp((1, 2), b"alive"),
        &ip("192.0.2.2", SERVER).ttl(63).udp((1, 2), b"alive"),
    ));
    story::check("c-71", steps, 2);
}

#[test]
fn c_72_overlapping_fragments_pass_as_they_are_for_the_receiver_to_judge() {
    for (inside, public, server) in [("10.250.250.2", "192.0.2.2", SERVER), (HOST6, FIBER6, SERVER6)] {
        let overlapping = |from, ttl| {
            let mut pieces = three(from, server, ttl, 7);
            // The middle once more, exactly; then with other bytes; then the last, which begins inside the middle.
            let mut junk = pieces[1].clone();
            junk.truncate(junk.len() - 8);
            let length = if server == SERVER { 2 } else { 4 };
            junk[length + 1] -= 8;
            junk[50] ^= 0xff;
            if server == SERVER {
                story::sum_again(&mut junk);
            }
            pieces.extend([pieces[1].clone(), junk]);
            pieces
        };
        let (before, after) = (overlapping(inside, 64), overlapping(public, 63));
        let pairs = before.iter().zip(&after);
        let steps = pairs.flat_map(|(before, after)| goes_out(Fiber, before, after)).collect();
        story::check("c-72", steps, 1);
    }
}

/// Shows RFC 8200 §4.5 atomic.
#[test]
fn c_73_an_atomic_fragment_passes_alone_and_disturbs_none_of_the_same_identification() {
    let atomic = |from, ttl| cut6(&ip(from, SERVER6).ttl(ttl).udp((4000, 53), b"alone"), 7, &[]).remove(0);
    let (before, after) = (three(HOST6, SERVER6, 64, 7), three(FIBER6, SERVER6, 63, 7));
    let mut steps = vec![arrives(Inside, &before[2])];
    steps.extend(goes_out(Fiber, &atomic(HOST6, 64), &atomic(FIBER6, 63)));
    steps.extend(goes_out(Fiber, &before[0], &after[0]));
    steps.push(leaves(Fiber, &after[2]));
    steps.extend(goes_out(Fiber, &atomic(HOST6, 64), &atomic(FIBER6, 63)));
    steps.extend(goes_out(Fiber, &before[1], &after[1]));
    story::check("c-73", steps, 1);
}

/// A fragment in IPv4 with these flags and offset, and so many bytes of payload.
fn piece4(from: &str, to: &str, fragment: u16, size: usize) -> Vec<u8> {
    Ip { id: 9, fragment, ..ip(from, to) }.raw(17, &vec![0xa5; size])
}

/// A fragment in IPv6, its offset in bytes.
fn piece6(from: &str, to: &str, next: u8, offset: u16, more: bool, payload: &[u8]) -> Vec<u8> {
    let [high, low] = (offset | u16::from(more)).to_be_bytes();
    ip(from, to).raw(44, &[&[next, 0, high, low, 0, 0, 0, 9][..], payload].concat())
}

const MORE: u16 = 0x2000;

#[test]
fn c_74_ipv4_fragments_that_no_datagram_can_be_made_of_are_dropped_without_a_word() {
    let mut steps = Vec::new();
    // Not a multiple of 8 though more follow, empty, and beyond 65535.
    for (fragment, size) in [(MORE, 20), (MORE | 3, 9), (MORE, 0), (MORE | 3, 0), (3, 0), (8189, 4), (8191, 800)] {
        steps.extend([arrives(Inside, &piece4("10.250.250.2", SERVER, fragment, size)), Drop("bad-fragment")]);
        steps.extend([arrives(Fiber, &piece4(SERVER, "192.0.2.2", fragment, size)), Drop("bad-fragment")]);
    }
    // The last that just fits.
    let last = |to, ttl| Ip { id: 9, fragment: 8189, ttl, ..ip(SERVER, to) }.raw(17, &[1; 3]);
    steps.extend(comes_in(Fiber, &last("192.0.2.2", 64), &last("10.250.250.2", 63)));
    story::check("c-74", steps, 0);
}

/// Shows RFC 8200 §4.5 zero, RFC 8200 §4.5 long, RFC 8200 §4.5 chain, RFC 4443 §3.4.
#[test]
fn c_74_senders_of_bad_ipv6_fragments_are_told_what_is_wrong() {
    let tcp = &ip(HOST6, SERVER6).tcp((9, 80), ACK, b"", b"")[40..];
    let cases = [
        (17, 0, true, &[0; 20][..], (0, 4)),
        (17, 24, true, &[0; 9], (0, 4)),
        (17, 65_528, false, &[0; 8], (0, 42)),
        (6, 0, true, &tcp[..16], (3, 0)),
        (60, 0, true, &[17, 9, 1, 4, 0, 0, 0, 0], (3, 0)),
        (17, 0, true, &[], (3, 0)),
    ];
    let mut steps = Vec::new();
    for (next, offset, more, payload, (code, pointer)) in cases {
        let out = piece6(HOST6, SERVER6, next, offset, more, payload);
        let told = router_error("fd00:bad:b01::1", HOST6, 4, code, [0, 0, 0, pointer], &out);
        steps.extend([arrives(Inside, &out), leaves(Inside, &told), Drop("bad-fragment")]);
        let inn = piece6(SERVER6, FIBER6, next, offset, more, payload);
        let told = router_error(FIBER6, SERVER6, 4, code, [0, 0, 0, pointer], &inn);
        steps.extend([arrives(Fiber, &inn), answered(Fiber, &told), Drop("bad-fragment")]);
    }
    story::check("c-74", steps, 0);
}

/// Shows RFC 4443 §2.4 e1.
#[test]
fn c_74_nobody_is_told_about_errors_strangers_and_empty_later_fragments() {
    let error = [&[1u8, 0][..], &[0; 18]].concat();
    let steps = [
        (Inside, piece6(HOST6, SERVER6, 58, 0, true, &error)),
        (Inside, piece6(HOST6, SERVER6, 17, 24, true, &[])),
        (Inside, piece6("2001:db8:77::1", SERVER6, 17, 0, true, &[0; 20])),
        (Fiber, piece6("fd00:bad:b01:2::1", FIBER6, 17, 0, true, &[0; 20])),
        (Fiber, piece6(SERVER6, "2001:db8:77::1", 17, 0, true, &[0; 20])),
    ];
    let steps = steps.iter().flat_map(|(at, piece)| [arrives(*at, piece), Drop("bad-fragment")]).collect();
    story::check("c-74", steps, 0);
}

#[test]
fn c_74_atomic_fragments_pass_by_the_hundred_and_not_within_each_other() {
    let atomic = |from, ttl, id| cut6(&ip(from, SERVER6).ttl(ttl).udp((4000, 53), b"alone"), id, &[]).remove(0);
    let mut steps: Vec<_> =
        (0..260).flat_map(|id| goes_out(Fiber, &atomic(HOST6, 64, id), &atomic(FIBER6, 63, id))).collect();
    for depth in [9, 130, 260] {
        let headers = vec![(44, &[0u8, 0, 0, 0, 0, 0, 9][..]); depth];
        steps.extend([
            arrives(Inside, &behind(&ip(HOST6, SERVER6).udp((1, 2), b"deep"), &headers)),
            Drop("bad-extension-header"),
        ]);
    }
    story::check("c-74", steps, 1);
}

#[test]
fn c_77_udp_without_a_checksum_passes_in_fragments() {
    let pieces = |from, to, ttl| {
        cut4(&Ip { id: 3, fragment: 0, ttl, ..ip(from, to) }.udp_unsummed((4000, 53), &[9; 100]), &[48])
    };
    let (before, after) = (pieces("10.250.250.2", SERVER, 64), pieces("192.0.2.2", SERVER, 63));
    let mut steps: Vec<_> =
        before.iter().zip(&after).flat_map(|(before, after)| goes_out(Fiber, before, after)).collect();
    let (before, after) = (pieces(SERVER, "192.0.2.2", 64), pieces(SERVER, "10.250.250.2", 63));
    steps.extend(before.iter().zip(&after).flat_map(|(before, after)| comes_in(Fiber, before, after)));
    story::check("c-77", steps, 2);
}
