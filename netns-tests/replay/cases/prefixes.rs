//! IPv6 through both modes of prefix translation (RFC 6296).

use crate::story::packets::{ACK, SYN, ip};
use crate::story::{At, HOST6, SERVER6, Step, Story, arrives, leaves};
use At::{Cable, Fiber, Inside};
use Step::{In, Out};

/// NPTv6 `prefix`: the prefix changes, the interface identifier stays, the transport checksum follows.
pub fn prefix() -> Story {
    let options = [2, 4, 0x05, 0xa0];
    let public = "2001:db8:a:c81::100";
    let steps = vec![
        In(Inside, ip(HOST6, SERVER6).tcp((50000, 443), SYN, &options, b"")),
        leaves(Fiber, &ip(public, SERVER6).ttl(63).tcp((50000, 443), SYN, &options, b"")),
        arrives(Fiber, &ip(SERVER6, public).tcp((443, 50000), SYN | ACK, &options, b"")),
        Out(Inside, ip(SERVER6, HOST6).ttl(63).tcp((443, 50000), SYN | ACK, &options, b"")),
        arrives(Fiber, &ip(SERVER6, "2001:db8:a:c8f::1").udp((1000, 1000), b"new from outside")),
        Out(Inside, ip(SERVER6, "fd00:bad:b01:f::1").ttl(63).udp((1000, 1000), b"new from outside")),
        // IPv6 without a UDP checksum (RFC 6936): none is made up.
        In(Inside, ip("fd00:bad:b01:f::1", SERVER6).udp_unsummed((1000, 1000), b"tunnel")),
        leaves(Fiber, &ip("2001:db8:a:c8f::1", SERVER6).ttl(63).udp_unsummed((1000, 1000), b"tunnel")),
    ];
    Story::new("nptv6-prefix", steps, 2)
}

/// NPTv6 `rfc6296`: one word of the address absorbs the difference (27ea here), every byte behind the header stays, wrong
/// checksums too (conformance C-40, C-41).
pub fn neutral() -> Story {
    let vectors = [
        (HOST6, "2001:db8:b:be01:27ea::100"),
        ("fd00:bad:b01:f::1", "2001:db8:b:be0f:27ea::1"),
        ("fd00:bad:b01:1:ffff::1", "2001:db8:b:be01:ffff:27ea:0:1"),
        ("fd00:bad:b01:1:211:22ff:fe33:4455", "2001:db8:b:be01:29fb:22ff:fe33:4455"),
    ];
    let mut steps = Vec::new();
    for (host, public) in vectors {
        let mut wrong = ip(SERVER6, public).udp((6000, 6000), b"sum is wrong");
        wrong[46] ^= 0x55;
        let behind = wrong[40..].to_vec();
        steps.push(arrives(Cable, &wrong));
        steps.push(Out(Inside, ip(SERVER6, host).ttl(63).raw(17, &behind)));
        steps.push(In(Inside, ip(host, SERVER6).raw(17, &[&[0x17, 0x70, 0x17, 0x70, 0, 8, 0xab, 0xcd][..]].concat())));
        steps.push(leaves(Cable, &ip(public, SERVER6).ttl(63).raw(17, &[0x17, 0x70, 0x17, 0x70, 0, 8, 0xab, 0xcd])));
    }
    Story::new("nptv6-rfc6296", steps, 4)
}
