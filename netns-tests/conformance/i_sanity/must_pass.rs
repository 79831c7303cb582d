//! C-89: ICMPv6 that no firewall may stop (RFC 4890 §4.3.1), and tunnels (RFC 6092 REC-21 to REC-26), C-84 among them.

use crate::story::packets::{Ip, ip};
use crate::story::{self, At, HOST6, SERVER6, behind, comes_in, goes_out};
use At::{Cable, Fiber};

const PUBLIC6: &str = "2001:db8:a:c81::100";
const NEUTRAL: &str = "2001:db8:b:be01:27ea::100";

/// Out and in on fiber.
fn passes(make: impl Fn(Ip) -> Vec<u8>, flows: u64) {
    let steps = [
        goes_out(Fiber, &make(ip(HOST6, SERVER6)), &make(ip(PUBLIC6, SERVER6).ttl(63))),
        comes_in(Fiber, &make(ip(SERVER6, PUBLIC6)), &make(ip(SERVER6, HOST6).ttl(63))),
    ];
    story::check("c-89", steps.concat(), flows);
}

/// Shows RFC 4443 §4.2.
#[test]
fn c_89_echo_passes_both_ways() {
    passes(|ip| ip.echo(128, 42, b"request"), 1);
    passes(|ip| ip.echo(129, 42, b"reply"), 1);
}

/// Shows RFC 4443 §3.2, RFC 4443 §5.1.
#[test]
fn c_89_every_error_that_a_network_needs_passes_both_ways() {
    let errors = (0..=7).map(|code| (1, code)).chain([(2, 0), (3, 0), (3, 1), (4, 0), (4, 1), (4, 2)]);
    for (kind, code) in errors {
        let sent = |from, ttl| ip(from, SERVER6).ttl(ttl).udp((40000, 443), b"question");
        let call = |to, ttl| ip(SERVER6, to).ttl(ttl).udp((443, 40000), b"answer");
        let hop = "2001:db8:99::1";
        let steps = [
            goes_out(Fiber, &sent(HOST6, 64), &sent(PUBLIC6, 63)),
            comes_in(
                Fiber,
                &ip(hop, PUBLIC6).icmp(kind, code, [0, 0, 5, 0], &sent(PUBLIC6, 60)),
                &ip(hop, HOST6).ttl(63).icmp(kind, code, [0, 0, 5, 0], &sent(HOST6, 60)),
            ),
            comes_in(Fiber, &call(PUBLIC6, 64), &call(HOST6, 63)),
            goes_out(
                Fiber,
                &ip(HOST6, SERVER6).icmp(kind, code, [0, 0, 5, 0], &call(HOST6, 63)),
                &ip(PUBLIC6, SERVER6).ttl(63).icmp(kind, code, [0, 0, 5, 0], &call(PUBLIC6, 63)),
            ),
        ];
        story::check("c-89", steps.concat(), 1);
    }
}

#[test]
fn c_89_tunnels_and_their_keys_pass_both_ways() {
    passes(|ip| ip.udp((500, 500), b"ike"), 1);
    passes(|ip| ip.udp((4500, 4500), &[0, 0, 0, 0, 1]), 1);
    // ESP, IPv6 in IPv6, GRE, L2TP.
    for protocol in [50, 41, 47, 115] {
        passes(|ip| ip.raw(protocol, b"whatever a tunnel carries"), 1);
    }
    // An authentication header of 24 bytes around UDP.
    let header: (u8, &[u8]) = (51, &[4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    passes(|ip| behind(&ip.udp((9, 9), b"authentic"), &[header]), 1);
}

/// The checksum of HIP covers the addresses; a neutral translation leaves even that as it is.
#[test]
fn c_89_hip_passes_both_ways() {
    let hip = [59, 4, 1, 0x21, 0xbe, 0xef, 0, 0, 1, 2, 3, 4];
    let steps = [
        comes_in(Cable, &ip(SERVER6, NEUTRAL).raw(139, &hip), &ip(SERVER6, HOST6).ttl(63).raw(139, &hip)),
        goes_out(Cable, &ip(HOST6, SERVER6).raw(139, &hip), &ip(NEUTRAL, SERVER6).ttl(63).raw(139, &hip)),
    ];
    story::check("c-89", steps.concat(), 1);
}

#[test]
fn c_84_an_ipv6_udp_checksum_of_zero_passes_beside_others_of_the_same_flow() {
    let public = "2001:db8:a:c81::100";
    let none = |from, ttl| ip(from, SERVER6).ttl(ttl).udp_unsummed((40000, 4789), b"tunnel");
    let some = |from, ttl| ip(from, SERVER6).ttl(ttl).udp((40000, 4789), b"tunnel");
    let back = |to, ttl| ip(SERVER6, to).ttl(ttl).udp_unsummed((4789, 40000), b"tunnel");
    let steps = [
        goes_out(Fiber, &none(HOST6, 64), &none(public, 63)),
        goes_out(Fiber, &some(HOST6, 64), &some(public, 63)),
        comes_in(Fiber, &back(public, 64), &back(HOST6, 63)),
    ];
    story::check("c-84", steps.concat(), 1);
}
