//! C-44: ICMPv6 errors are translated outside and inside the packet they quote. Must never know: how addresses are
//! computed.

use super::translator;
use crate::story::packets::ip;
use crate::story::{self, At, HOST6, SERVER6, comes_in, goes_out, unhex};
use At::{Cable, Fiber};

const PUBLICS: [(At, &str); 2] = [(Fiber, "2001:db8:a:c81::100"), (Cable, "2001:db8:b:be01:27ea::100")];
const HOP: &str = "2001:db8:99::1";

/// Type, code and the word behind the checksum of every error.
const ERRORS: [(u8, u8, [u8; 4]); 10] = [
    (1, 0, [0; 4]),
    (1, 1, [0; 4]),
    (1, 3, [0; 4]),
    (1, 4, [0; 4]),
    (2, 0, [0, 0, 5, 0]),
    (3, 0, [0; 4]),
    (3, 1, [0; 4]),
    (4, 0, [0, 0, 0, 6]),
    (4, 1, [0, 0, 0, 40]),
    (4, 2, [0, 0, 0, 48]),
];

/// Shows RFC 6296 §2 errors, RFC 4443 §5.1.
#[test]
fn c_44_an_error_from_outside_reaches_the_host_with_its_packet_as_the_host_sent_it() {
    for (wan, public) in PUBLICS {
        let call = |to, ttl| ip(SERVER6, to).ttl(ttl).udp((10, 9), b"call");
        let answer = |from, ttl| ip(from, SERVER6).ttl(ttl).udp((9, 10), b"answer");
        let error = |(kind, code, word): (u8, u8, [u8; 4])| {
            comes_in(
                wan,
                &ip(HOP, public).icmp(kind, code, word, &answer(public, 61)),
                &ip(HOP, HOST6).ttl(63).icmp(kind, code, word, &answer(HOST6, 61)),
            )
        };
        let talk = [
            comes_in(wan, &call(public, 64), &call(HOST6, 63)),
            goes_out(wan, &answer(HOST6, 64), &answer(public, 63)),
        ];
        let steps = talk.into_iter().chain(ERRORS.map(error)).flatten().collect();
        story::check("c-44", steps, 1);
    }
}

/// Shows RFC 6296 §2 errors, RFC 4443 §5.1.
#[test]
fn c_44_an_error_from_inside_leaves_with_public_addresses_outside_and_in_its_quote() {
    for (wan, public) in PUBLICS {
        let call = |to, ttl| ip(SERVER6, to).ttl(ttl).udp((10, 9), b"call");
        let error = |(kind, code, word): (u8, u8, [u8; 4])| {
            goes_out(
                wan,
                &ip(HOST6, SERVER6).icmp(kind, code, word, &call(HOST6, 63)),
                &ip(public, SERVER6).ttl(63).icmp(kind, code, word, &call(public, 63)),
            )
        };
        let called = comes_in(wan, &call(public, 64), &call(HOST6, 63));
        let steps = [called].into_iter().chain(ERRORS.map(error)).flatten().collect();
        story::check("c-44", steps, 1);
    }
}

#[test]
fn c_44_the_neutral_mode_leaves_the_checksum_of_the_error_as_it_is() {
    let quote = |source| format!("60000000000c113e{source}2a0104f80000000000000000000000079c4001bb000cff5470696e67");
    let error = |hops, source, destination| {
        let outer = format!("60000000003c3a{hops}2a0104f800000000000000000000fffe{destination}");
        unhex(&format!("{outer}0200033700000578{}", quote(source)))
    };
    let (host, public) = ("3d060bad0b0100010000000000000100", "260017002f710c81dac2000000000100");
    let steps = comes_in(Fiber, &error("40", public, public), &error("3f", host, host));
    story::check_with(&translator("3d06:bad:b01::/60", "2600:1700:2f71:c80::/60"), "c-44", steps.into(), 0);
}
