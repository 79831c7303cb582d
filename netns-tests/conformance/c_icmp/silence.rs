//! C-36: what no router may answer with an error, whatever is wrong with it.

use super::{N6, V4, V6};
use crate::story::packets::{Ip, ethernet, ip};
use crate::story::{self, At, HOST6, SERVER, Step, arrives, from_station, sum_again};
use At::{Fiber, Inside};
use Step::{Drop, In};

/// Arrives with its last hop used up, and nothing is said of it.
fn silent(at: At, packet: &[u8], reason: &'static str) {
    story::check("c-36", vec![arrives(at, packet), Drop(reason)], 0);
}

/// Shows RFC 1812 §4.3.2.7, RFC 4443 §2.4 e1, RFC 4443 §2.4 e2.
#[test]
fn c_36_an_icmp_error_is_never_answered() {
    for of in [V4, V6, N6] {
        let inn = ip(of.hop, of.public).ttl(1).icmp(of.unreachable, 0, [0; 4], &of.query(of.public, 60));
        silent(of.wan, &inn, "ttl-expired");
        let call = story::comes_in(of.wan, &of.call(of.public, 64), &of.call(of.inside, 63));
        let out = ip(of.inside, of.server).ttl(1).icmp(of.unreachable, of.port, [0; 4], &of.call(of.inside, 63));
        story::check("c-36", [&call[..], &[arrives(Inside, &out), Drop("ttl-expired")]].concat(), 1);
        // Of what is neither, such as a redirect, nobody knows whether it is one.
        let kind = if of.header == 20 { 5 } else { 137 };
        silent(Inside, &ip(of.inside, of.server).ttl(1).icmp(kind, 1, [0; 4], &of.call(of.inside, 63)), "ttl-expired");
        silent(Inside, &ip(of.inside, of.server).ttl(1).icmp(100, 0, [0; 4], b"unknown"), "ttl-expired");
    }
}

#[test]
fn c_36_an_echo_is_no_error() {
    let echo = ip(V4.inside, SERVER).ttl(1).echo(8, 1, b"traceroute -I");
    let told = story::router_error("10.250.250.1", V4.inside, 11, 0, [0; 4], &echo);
    let steps = vec![arrives(Inside, &echo), story::leaves(Inside, &told), Drop("ttl-expired")];
    story::check("c-36", steps, 0);
}

/// Shows RFC 1812 §4.3.2.7, RFC 4443 §2.4 e3.
#[test]
fn c_36_broadcast_and_multicast_are_never_answered() {
    for group in ["255.255.255.255", "224.0.0.5", "239.1.2.3"] {
        silent(Inside, &ip(V4.inside, group).ttl(1).udp((1, 2), b"all"), "martian-destination");
    }
    for group in ["ff02::1", "ff0e::5"] {
        silent(Inside, &ip(HOST6, group).ttl(1).udp((1, 2), b"all"), "martian-destination");
    }
}

/// Shows RFC 1812 §4.3.2.7, RFC 1812 §5.3.4, RFC 4443 §2.4 e4.
#[test]
fn c_36_a_broadcast_or_group_frame_is_never_answered() {
    for (to, packet) in [
        ([0xff; 6], V4.call(V4.public, 1)),
        ([1, 0, 0x5e, 0, 0, 5], V4.call(V4.public, 1)),
        ([0x33, 0x33, 0, 0, 0, 1], V6.call(V6.public, 1)),
    ] {
        let frame = ethernet(to, [2, 0, 0x5e, 0x10, 0, 1], None, &packet);
        story::check("c-36", vec![In(Fiber, frame), Drop("wrong-mac")], 0);
    }
}

/// Shows RFC 1812 §4.3.2.7.
#[test]
fn c_36_a_later_fragment_is_never_answered_in_ipv4() {
    let later = |from, to| Ip { id: 9, fragment: 9, ..ip(from, to) }.ttl(1).raw(17, &[0; 40]);
    silent(Inside, &later(V4.inside, SERVER), "ttl-expired");
    silent(Fiber, &later(SERVER, V4.public), "ttl-expired");
    // The first is.
    let first = Ip { id: 9, fragment: 0x2000, ..ip(SERVER, V4.public) }.ttl(1).raw(17, &[0; 40]);
    let told = story::router_error(V4.public, SERVER, 11, 0, [0; 4], &first);
    story::check("c-36", vec![arrives(Fiber, &first), story::answered(Fiber, &told), Drop("ttl-expired")], 0);
}

/// Shows RFC 1812 §4.3.2.7, RFC 4443 §2.4 e6.
#[test]
fn c_36_nobody_in_particular_is_never_answered() {
    for source in ["0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"] {
        silent(Fiber, &ip(source, V4.public).ttl(1).udp((1, 2), b"who?"), "martian-source");
        silent(Inside, &ip(source, SERVER).ttl(1).udp((1, 2), b"who?"), "foreign-source");
    }
    for source in ["::", "::1", "ff02::1", "fe80::9"] {
        silent(Fiber, &ip(source, V6.public).ttl(1).udp((1, 2), b"who?"), "martian-source");
        silent(Inside, &ip(source, V6.server).ttl(1).udp((1, 2), b"who?"), "foreign-source");
    }
}

/// Shows RFC 1812 §4.3.2.7.
#[test]
fn c_36_a_bad_header_is_never_answered() {
    let mut checksum = V4.call(V4.public, 1);
    checksum[10] ^= 1;
    silent(Fiber, &checksum, "bad-ip-checksum");
    let mut version = V4.call(V4.public, 1);
    version[0] = 0x55;
    sum_again(&mut version);
    // The frame says IPv4, the packet something else.
    let mut frame = from_station(Fiber, None, &V4.call(V4.public, 1));
    frame.truncate(14);
    frame.extend(version);
    story::check("c-36", vec![In(Fiber, frame), Drop("bad-ip-header")], 0);
}
