//! C-30, C-32 to C-34: errors from outside reach the host that they are about, the packet in them as it sent it, and change
//! nothing else.

use super::{Family, N6, V4, V6};
use crate::story::packets::{DF, Ip, ip};
use crate::story::{self, At, SERVER, Step, arrives, comes_in, goes_out, leaves, sum_again, unhex};
use At::{Cable, Fiber, Inside};
use Step::{Drop, Wait};
use std::time::Duration;

/// An error from a hop about the packet `quoted(source, ttl)`, as it arrives and as it must come in.
fn error(of: &Family, kind: u8, code: u8, word: [u8; 4], quoted: impl Fn(&str, u8) -> Vec<u8>) -> [Step; 2] {
    let before = ip(of.hop, of.public).icmp(kind, code, word, &quoted(of.public, 60));
    let after = ip(of.hop, of.inside).ttl(63).icmp(kind, code, word, &quoted(of.inside, 60));
    comes_in(of.wan, &before, &after)
}

/// Shows RFC 5508 REQ-4a, RFC 5508 REQ-4b, RFC 5508 REQ-4c, RFC 5508 REQ-10a, RFC 4787 REQ-12a, RFC 4787 REQ-12b, RFC 5382 REQ-9, RFC 4443 §5.1.
#[test]
fn c_30_every_type_and_code_comes_in_unchanged_with_the_quote_restored() {
    let v4 = [(3, 0..=15), (4, 0..=0), (11, 0..=1), (12, 0..=2)];
    let v6 = [(1, 0..=8), (2, 0..=0), (3, 0..=1), (4, 0..=3)];
    for (of, kinds) in [(V4, v4), (V6, v6.clone()), (N6, v6)] {
        for (kind, code) in kinds.into_iter().flat_map(|(kind, codes)| codes.map(move |code| (kind, code))) {
            let steps = error(&of, kind, code, [0, 0, 5, 0x14], |from, ttl| of.query(from, ttl));
            story::check("c-30", steps.into(), 0);
        }
    }
}

#[test]
fn c_30_every_protocol_is_found_in_a_quote() {
    for of in [V4, V6, N6] {
        let echo = if of.header == 20 { 8 } else { 128 };
        let steps = [
            error(&of, of.unreachable, 0, [0; 4], |from, ttl| of.sent(from, ttl, |ip| ip.tcp((9, 80), 2, b"", b""))),
            error(&of, of.unreachable, 0, [0; 4], |from, ttl| of.sent(from, ttl, |ip| ip.echo(echo, 42, b"ping"))),
            error(&of, of.unreachable, 0, [0; 4], |from, ttl| of.sent(from, ttl, |ip| ip.raw(50, b"esp bytes"))),
            error(&of, of.unreachable, 0, [0; 4], |from, ttl| of.sent(from, ttl, |ip| ip.udp_unsummed((9, 9), b"x"))),
        ];
        story::check("c-30", steps.concat(), 0);
    }
}

/// A packet with IP options in front of its transport header.
fn with_options(from: &str, ttl: u8, options: &[u8]) -> Vec<u8> {
    let packet = V4.query(from, ttl);
    let mut long = [&packet[..20], options, &packet[20..]].concat();
    long[0] = 0x40 | u8::try_from(5 + options.len() / 4).unwrap();
    long[3] += u8::try_from(options.len()).unwrap();
    sum_again(&mut long);
    long
}

/// Shows RFC 5508 REQ-3b.
#[test]
fn c_30_options_of_the_quoted_header_are_skipped() {
    for options in [&[0x94, 4, 0, 0][..], &[7, 39, 4].repeat(13), &[1; 40]] {
        let options = &options[..options.len() / 4 * 4];
        story::check("c-30", error(&V4, 11, 0, [0; 4], |from, ttl| with_options(from, ttl, options)).into(), 0);
    }
}

/// Shows RFC 5508 REQ-3d.
#[test]
fn c_30_extensions_behind_the_quote_are_kept() {
    // RFC 4884: 128 bytes of quote, padded with zeros, then an MPLS label stack (RFC 4950) with a checksum of its own.
    let extension = unhex("2000dfff 0008 0101 00001140");
    let quoted = |of: &Family, from: &str, ttl| {
        let mut quote = of.query(from, ttl);
        quote.resize(128, 0);
        [&quote[..], &extension].concat()
    };
    story::check("c-30", error(&V4, 11, 0, [0, 32, 0, 0], |from, ttl| quoted(&V4, from, ttl)).into(), 0);
    for of in [V6, N6] {
        story::check("c-30", error(&of, 3, 0, [16, 0, 0, 0], |from, ttl| quoted(&of, from, ttl)).into(), 0);
    }
}

#[test]
fn c_30_an_error_about_a_later_fragment_needs_no_ports() {
    let later4 = |from: &str, ttl| Ip { id: 9, fragment: 0x2000 | 9, ..ip(from, SERVER) }.ttl(ttl).raw(17, &[0xee; 40]);
    let later6 = |from: &str, ttl| {
        let piece = [&[17u8, 0, 0, 73, 0, 0, 0, 9][..], &[0xee; 40]].concat();
        ip(from, V6.server).ttl(ttl).raw(44, &piece)
    };
    let steps = [
        error(&V4, 3, 4, [0, 0, 5, 0x14], later4),
        error(&V6, 2, 0, [0, 0, 5, 0x14], later6),
        error(&N6, 2, 0, [0, 0, 5, 0x14], later6),
    ];
    story::check("c-30", steps.concat(), 0);
}

/// Shows RFC 5508 REQ-11, RFC 1812 §4.3.2.1, RFC 4443 §2.1.
#[test]
fn c_30_other_icmp_messages_pass_by_their_addresses() {
    // Timestamp and its reply, router advertisement, extended echo, and numbers that nobody has defined.
    for kind in [13, 14, 9, 42, 43, 44, 200, 255] {
        let message = |ip: Ip| ip.icmp(kind, 7, [1, 2, 3, 4], b"whatever it says");
        let (before, after) = (ip(SERVER, V4.public), ip(SERVER, V4.inside).ttl(63));
        let out = goes_out(Fiber, &message(ip(V4.inside, SERVER)), &message(ip(V4.public, SERVER).ttl(63)));
        story::check("c-30", [comes_in(Fiber, &message(before), &message(after)), out].concat(), 1);
    }
    for kind in [5, 100, 127, 144, 160, 200, 255] {
        let message = |ip: Ip| ip.icmp(kind, 7, [1, 2, 3, 4], b"whatever it says");
        let (before, after) = (ip(V6.server, V6.public), ip(V6.server, V6.inside).ttl(63));
        let out = goes_out(Fiber, &message(ip(V6.inside, V6.server)), &message(ip(V6.public, V6.server).ttl(63)));
        story::check("c-30", [comes_in(Fiber, &message(before), &message(after)), out].concat(), 1);
    }
}

/// Shows RFC 5508 REQ-4.
#[test]
fn c_30_an_error_to_an_address_that_nobody_has_is_not_flowpins() {
    let stranger = ip(V4.hop, "192.0.2.77").icmp(3, 1, [0; 4], &V4.query("192.0.2.77", 60));
    story::check("c-30", vec![arrives(Fiber, &stranger)], 0);
}

/// Shows RFC 4787 REQ-12, RFC 5508 REQ-6.
#[test]
fn c_32_no_flood_of_errors_ends_or_prolongs_a_flow() {
    for of in [V4, V6, N6] {
        let kinds = if of.header == 20 { [(3, 15), (11, 1), (12, 2)] } else { [(1, 8), (3, 1), (4, 3)] };
        let codes = kinds.into_iter().flat_map(|(kind, last)| (0..=last).map(move |code| (kind, code)));
        let flood = codes.flat_map(|(kind, code)| error(&of, kind, code, [0; 4], |from, ttl| of.query(from, ttl)));
        let steps = [
            comes_in(of.wan, &of.call(of.public, 64), &of.call(of.inside, 63)).to_vec(),
            goes_out(of.wan, &of.query(of.inside, 64), &of.query(of.public, 63)).to_vec(),
            flood.collect(),
            comes_in(of.wan, &of.call(of.public, 64), &of.call(of.inside, 63)).to_vec(),
            goes_out(of.wan, &of.query(of.inside, 64), &of.query(of.public, 63)).to_vec(),
        ];
        story::check("c-32", steps.concat(), 1);
    }
}

/// Shows RFC 5382 REQ-10, RFC 5508 REQ-6.
#[test]
fn c_32_no_error_ends_a_connection() {
    for of in [V4, V6] {
        let out = |from: &str, ttl, flags| ip(from, of.server).ttl(ttl).tcp((40000, 80), flags, b"", b"");
        let back = |to: &str, flags| ip(of.server, to).tcp((80, 40000), flags, b"", b"");
        let back_in = |flags| ip(of.server, of.inside).ttl(63).tcp((80, 40000), flags, b"", b"");
        let sends = |flags| goes_out(Fiber, &out(of.inside, 64, flags), &out(of.public, 63, flags));
        let hears = |flags| comes_in(Fiber, &back(of.public, flags), &back_in(flags));
        let unreachable = |code| error(&of, of.unreachable, code, [0; 4], |from, ttl| out(from, ttl, 16));
        let opening = [sends(2), unreachable(0), unreachable(1), hears(18), sends(16)];
        let pause = vec![Wait(Duration::from_secs(3600))];
        let standing = [unreachable(2), unreachable(3), hears(16), sends(16)];
        story::check("c-32", [opening.concat(), pause, standing.concat()].concat(), 1);
    }
}

#[test]
fn c_34_an_error_on_the_other_wan_passes_if_it_quotes_that_wans_address() {
    let flow = goes_out(Fiber, &V4.query(V4.inside, 64), &V4.query(V4.public, 63));
    let own = comes_in(
        Cable,
        &ip(V4.hop, "198.51.100.2").icmp(3, 1, [0; 4], &V4.query("198.51.100.2", 60)),
        &ip(V4.hop, V4.inside).ttl(63).icmp(3, 1, [0; 4], &V4.query(V4.inside, 60)),
    );
    let others = ip(V4.hop, "198.51.100.2").icmp(3, 1, [0; 4], &V4.query(V4.public, 60));
    let steps = [&flow[..], &own, &[arrives(Cable, &others), Drop("stray-icmp-error")]].concat();
    story::check("c-34", steps, 1);
    // Fiber's address is not cable's to answer for.
    let astray = ip(V4.hop, V4.public).icmp(3, 1, [0; 4], &V4.query(V4.public, 60));
    story::check("c-34", vec![arrives(Cable, &astray)], 0);
}

#[test]
fn c_34_the_twin_in_ipv6_passes_by_the_same_rule() {
    let own = error(&N6, 1, 0, [0; 4], |from, ttl| N6.query(from, ttl));
    let others = ip(V6.hop, N6.public).icmp(1, 0, [0; 4], &V6.query(V6.public, 60));
    let steps = [&own[..], &[arrives(Cable, &others), Drop("stray-icmp-error")]].concat();
    story::check("c-34", steps, 0);
}

#[test]
fn c_30_dont_fragment_and_identification_of_the_quote_stay() {
    let query = |from: &str, ttl| Ip { id: 0xbeef, fragment: DF, ..ip(from, SERVER) }.ttl(ttl).udp((1, 2), b"x");
    let steps = [
        goes_out(Fiber, &query(V4.inside, 64), &query(V4.public, 63)).to_vec(),
        vec![
            arrives(Fiber, &ip(V4.hop, V4.public).icmp(3, 4, [0, 0, 5, 0x14], &query(V4.public, 60))),
            leaves(Inside, &ip(V4.hop, V4.inside).ttl(63).icmp(3, 4, [0, 0, 5, 0x14], &query(V4.inside, 60))),
        ],
    ];
    story::check("c-30", steps.concat(), 1);
}
