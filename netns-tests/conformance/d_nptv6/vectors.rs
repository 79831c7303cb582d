//! C-41, C-42 and C-48: which bytes stay, and which address becomes none. The vectors (C-40) are src/plane/translate/nptv6's.
//! Must never know: flows, real links.

use super::{SERVER, translator};
use crate::story::packets::{Ip, ip};
use crate::story::{self, At, Step, answered, arrives, comes_in, goes_out, router_error, unhex};
use At::{Fiber, Inside};
use Step::{Drop, In, Out};

/// Shows RFC 6296 §2 neutral.
#[test]
fn c_41_no_byte_behind_the_header_changes_even_of_a_wrong_checksum() {
    let before = "600000000018113d3d060bad0b01000100000000000001002a0104f8000000000000000000000007";
    let after = "600000000018113c260017002f710c81dac20000000001002a0104f8000000000000000000000007";
    // The vector: UDP with a right checksum, then the same with wrong ones, and what no translator can read.
    let udp = "9c4001bb000cff5470696e67";
    let tails = [
        (17, udp),
        (17, "9c4001bb000c123470696e67"),
        (17, "9c4001bb000c000070696e67"),
        (6, "9c4001bb000000010000000250180100dead000078"),
        (58, "8000beef123400010707"),
        (33, "9c4201bb040055aa030303030303030303030303"),
        (50, "00000001000000015a5a5a5a5a"),
        (132, "9c4301bb00000000010203040909090909090909"),
        (253, "a5a5a5"),
    ];
    let packet = |header: &str, next: u8, tail: &str| {
        let mut packet = unhex(&format!("{header}{tail}"));
        packet[5] = (tail.len() / 2) as u8;
        packet[6] = next;
        packet
    };
    let steps = tails.map(|(next, tail)| {
        let mut after = packet(after, next, tail);
        after[7] = 0x3c;
        goes_out(Fiber, &packet(before, next, tail), &after)
    });
    let vectors = translator("3d06:bad:b01::/60", "2600:1700:2f71:c80::/60");
    story::check_with(&vectors, "c-41", steps.concat(), 7);
    let whole = unhex(
        "60000000000c11403d060bad0b01000100000000000001002a0104f80000000000000000000000079c4001bb000cff5470696e67",
    );
    let sent = unhex(
        "60000000000c113f260017002f710c81dac20000000001002a0104f80000000000000000000000079c4001bb000cff5470696e67",
    );
    story::check_with(&vectors, "c-41", goes_out(Fiber, &whole, &sent).into(), 1);
}

/// What the sender of a packet is told: ICMPv6 type, code, pointer; and the counter.
type Answer = (u8, u8, u8, &'static str);
const UNREACHABLE: Answer = (1, 3, 0, "unmappable");
const NO_SOURCE: Answer = (4, 0, 8, "unmappable-identifier");
const NO_DESTINATION: Answer = (4, 0, 24, "unmappable-identifier");

/// From `host` to the server: dropped, and `host` is told by the router.
fn refused_outbound(router: &str, host: &str, (kind, code, pointer, reason): Answer) -> Vec<Step> {
    let packet = ip(host, SERVER).udp((4000, 53), b"nowhere");
    let told = router_error(router, host, kind, code, [0, 0, 0, pointer], &packet);
    vec![In(Inside, packet), Out(Inside, told), Drop(reason)]
}

/// From the server to `public`: dropped, and the server is told, in the name of the address it wrote to.
fn refused_inbound(public: &str, (kind, code, pointer, reason): Answer) -> Vec<Step> {
    let packet = ip(SERVER, public).udp((53, 4000), b"nowhere");
    let told = router_error(public, SERVER, kind, code, [0, 0, 0, pointer], &packet);
    vec![arrives(Fiber, &packet), answered(Fiber, &told), Drop(reason)]
}

/// Shows RFC 6296 §3.2 0xFFFF.
#[test]
fn c_42_the_subnet_of_all_ones_has_no_other_side_and_its_sender_is_told_unreachable() {
    let steps = [
        refused_outbound("fd01:203:405::1", "fd01:203:405:ffff::1", UNREACHABLE),
        refused_inbound("2001:db8:1:ffff::1", UNREACHABLE),
    ];
    story::check_with(&translator("fd01:203:405::/48", "2001:db8:1::/48"), "c-42", steps.concat(), 0);
}

/// Shows RFC 6296 §3.7, RFC 4443 §3.4.
#[test]
fn c_42_an_identifier_of_zeros_is_a_parameter_problem_and_one_of_all_ones_unreachable() {
    let steps = [
        refused_outbound("3d06:bad:b01::1", "3d06:bad:b01:1::", NO_SOURCE),
        refused_inbound("2600:1700:2f71:c81::", NO_DESTINATION),
        refused_outbound("3d06:bad:b01::1", "3d06:bad:b01:1:ffff:ffff:ffff:ffff", UNREACHABLE),
        refused_inbound("2600:1700:2f71:c81:ffff:ffff:ffff:ffff", UNREACHABLE),
    ];
    story::check_with(&translator("3d06:bad:b01::/60", "2600:1700:2f71:c80::/60"), "c-42", steps.concat(), 0);
    // It would become one of zeros, and never come back.
    let steps = refused_outbound("fd01:203:405:1::1", "fd01:203:405:1:2aaf::", NO_SOURCE);
    story::check_with(&translator("fd01:203:405:1::/64", "2001:db8:1::/48"), "c-42", steps, 0);
}

/// Shows RFC 6296 §3.1.
#[test]
fn c_48_of_two_lengths_what_the_longer_prefix_has_no_room_for_is_unreachable() {
    let steps = refused_outbound("fd01:203:405::1", "fd01:203:405:7:1::1", UNREACHABLE);
    story::check_with(&translator("fd01:203:405::/48", "2001:db8:1::/64"), "c-48", steps, 0);
    let steps = refused_inbound("2001:db8:1:7:1::1", UNREACHABLE);
    story::check_with(&translator("fd01:203:405:1::/64", "2001:db8:1::/48"), "c-48", steps, 0);
}

#[test]
fn c_48_another_delegated_prefix_leaves_the_inside_as_it_is_and_takes_nothing_for_the_old_one() {
    let host = "fd00:bad:b01:1::100";
    let through = |public: &str| {
        let out =
            goes_out(Fiber, &ip(host, SERVER).udp((4000, 53), b"?"), &ip(public, SERVER).ttl(63).udp((4000, 53), b"?"));
        let back =
            comes_in(Fiber, &ip(SERVER, public).udp((53, 4000), b"!"), &ip(SERVER, host).ttl(63).udp((53, 4000), b"!"));
        [out, back].concat()
    };
    let (old, new) = ("2001:db8:a:c81:d96b::100", "2001:db8:a:d01:d8eb::100");
    let config = translator("fd00:bad:b01::/60", "2001:db8:a:c80::/60");
    story::check_with(&config, "c-48", through(old), 1);
    // The old prefix is nobody's now: no answer, no way in.
    let late = arrives(Fiber, &Ip { ttl: 64, ..ip(SERVER, old) }.udp((53, 4000), b"!"));
    let steps = [through(new), vec![late]].concat();
    story::check_with(&config.replace("2001:db8:a:c80::", "2001:db8:a:d00::"), "c-48", steps, 1);
}
