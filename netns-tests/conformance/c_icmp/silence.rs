//! C-36: what no router may answer with an error, whatever is wrong with it. Which messages
//! and pieces are answered is claimed where errors are written, in src/plane/craft/icmp.

use super::{V4, V6};
use crate::story::packets::{ethernet, ip};
use crate::story::{self, At, HOST6, SERVER, Step, arrives, from_station, sum_again};
use At::{Fiber, Inside};
use Step::{Drop, In};

/// Arrives with its last hop used up, and nothing is said of it.
fn silent(at: At, packet: &[u8], reason: &'static str) {
    story::check("c-36", vec![arrives(at, packet), Drop(reason)], 0);
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
