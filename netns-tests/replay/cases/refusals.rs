//! ICMP errors on their way through, and what is refused, with the errors that the router itself sends.

use crate::story::packets::{Ip, ip};
use crate::story::{At, HOST6, SERVER, SERVER6, Step, Story, answered, arrives, cut4, leaves, router_error};
use At::{Cable, Fiber, Inside};
use Step::{Drop, In, Out};

/// ICMP errors in both directions and families: delivered by the packet they quote, the quote restored (RFC 5508 §4).
pub fn errors() -> Story {
    let hop = "198.18.0.9";
    let hop6 = "2001:db8:99::1";
    let asked = |from, ttl| ip(from, SERVER).ttl(ttl).udp((40000, 443), b"0123456789");
    let called = |to, ttl| ip(SERVER, to).ttl(ttl).udp((7, 9), b"xyz");
    let asked6 = |from, ttl| ip(from, SERVER6).ttl(ttl).udp((40000, 443), b"0123456789");
    let mut cracked = ip(hop, "192.0.2.2").icmp(3, 1, [0; 4], &asked("192.0.2.2", 60)[..28]);
    cracked[23] ^= 1;
    let steps = vec![
        In(Inside, asked("10.250.250.2", 64)),
        leaves(Fiber, &asked("192.0.2.2", 63)),
        arrives(Fiber, &ip(hop, "192.0.2.2").icmp(3, 4, [0, 0, 5, 0x78], &asked("192.0.2.2", 60)[..28])),
        Out(Inside, ip(hop, "10.250.250.2").ttl(63).icmp(3, 4, [0, 0, 5, 0x78], &asked("10.250.250.2", 60)[..28])),
        arrives(Fiber, &called("192.0.2.2", 64)),
        Out(Inside, called("10.250.250.2", 63)),
        In(Inside, ip("10.250.250.2", SERVER).icmp(3, 3, [0; 4], &called("10.250.250.2", 63))),
        leaves(Fiber, &ip("192.0.2.2", SERVER).ttl(63).icmp(3, 3, [0; 4], &called("192.0.2.2", 63))),
        In(Inside, asked6(HOST6, 64)),
        leaves(Fiber, &asked6("2001:db8:a:c81::100", 63)),
        arrives(Fiber, &ip(hop6, "2001:db8:a:c81::100").icmp(2, 0, [0, 0, 5, 0], &asked6("2001:db8:a:c81::100", 60))),
        Out(Inside, ip(hop6, HOST6).ttl(63).icmp(2, 0, [0, 0, 5, 0], &asked6(HOST6, 60))),
        // A broken checksum, and an error about somebody else's packet, die.
        arrives(Fiber, &cracked),
        Drop("bad-icmp-checksum"),
        arrives(Fiber, &ip(hop, "192.0.2.2").icmp(3, 1, [0; 4], &asked("198.51.100.2", 60)[..28])),
        Drop("stray-icmp-error"),
    ];
    Story::new("errors", steps, 3)
}

/// The last hop is told, from an address on the sender's side, with the packet as it was sent (RFC 1812 §4.3.2.3).
pub fn hops() -> Story {
    let exceeded = |from: &str, to: &str, quoted: &[u8]| {
        let kind = if to.contains(':') { 3 } else { 11 };
        router_error(from, to, kind, 0, [0; 4], quoted)
    };
    let out = ip("10.250.250.2", SERVER).ttl(1).udp((33434, 33434), b"traceroute");
    let out6 = ip(HOST6, SERVER6).ttl(1).udp((33434, 33434), b"traceroute");
    let inn = ip(SERVER, "192.0.2.2").ttl(1).udp((33434, 33434), b"traceroute");
    let dead = ip("10.250.250.2", SERVER).ttl(0).udp((33434, 33434), b"traceroute");
    let steps = vec![
        In(Inside, out.clone()),
        Out(Inside, exceeded("10.250.250.1", "10.250.250.2", &out)),
        Drop("ttl-expired"),
        In(Inside, out6.clone()),
        Out(Inside, exceeded("fd00:bad:b01::1", HOST6, &out6)),
        Drop("ttl-expired"),
        arrives(Fiber, &inn),
        answered(Fiber, &exceeded("192.0.2.2", SERVER, &inn)),
        Drop("ttl-expired"),
        In(Inside, dead),
        Drop("ttl-expired"),
    ];
    Story::new("hops", steps, 0)
}

/// What may not pass, and what is not flowpin's.
pub fn refused() -> Story {
    let mut bad_sum = ip("10.250.250.2", SERVER).udp((1, 2), b"");
    bad_sum[10] ^= 1;
    let steps = vec![
        In(Inside, ip("192.168.7.7", SERVER).udp((1, 2), b"")),
        Drop("foreign-source"),
        In(Inside, ip("10.250.250.2", "127.0.0.1").udp((1, 2), b"")),
        Drop("martian-destination"),
        In(Inside, ip("10.250.250.2", "224.0.0.251").udp((1, 2), b"")),
        Drop("martian-destination"),
        In(Inside, ip("10.250.250.2", "10.250.250.3").udp((1, 2), b"")),
        Drop("inside-to-inside"),
        In(Inside, ip(HOST6, "fe80::9").udp((1, 2), b"")),
        Drop("martian-destination"),
        In(Inside, bad_sum),
        Drop("bad-ip-checksum"),
        In(Inside, ip("10.250.250.2", SERVER).udp((1, 2), b"cut short")[..25].to_vec()),
        Drop("truncated"),
        arrives(Fiber, &ip("127.0.0.1", "192.0.2.2").udp((1, 2), b"")),
        Drop("martian-source"),
        arrives(Fiber, &ip("10.250.250.3", "192.0.2.2").udp((1, 2), b"")),
        Drop("spoofed-source"),
        arrives(Fiber, &ip("198.51.100.2", "192.0.2.2").udp((1, 2), b"")),
        Drop("spoofed-source"),
        // The kernel's: an address on fiber's link that nobody translates.
        arrives(Fiber, &ip(SERVER, "192.0.2.77").udp((1, 2), b"")),
    ];
    Story::new("refused", steps, 0)
}

/// What does not fit is said so, with the MTU that the sender may use; what fits to the byte passes.
pub fn sizes() -> Story {
    let bytes = [7; 1500];
    let out = |from, ttl, size: usize| ip(from, SERVER).ttl(ttl).udp((9, 9), &bytes[..size - 28]);
    let (host6, public6) = ("fd00:bad:b01:f::1", "2001:db8:b:be0f:27ea::1");
    let out6 = |from, ttl, size: usize| ip(from, SERVER6).ttl(ttl).udp((9, 9), &bytes[..size - 48]);
    let may_fragment = |from, ttl| Ip { fragment: 0, ttl, ..ip(from, SERVER) }.udp((9, 9), &bytes[..1373]);
    let pieces = cut4(&may_fragment("198.51.100.3", 63), &[1376]);
    let big = ip(SERVER, "192.0.2.2").udp((9, 9), &bytes[..1473]);
    let steps = vec![
        In(Inside, out("10.250.250.3", 64, 1400)),
        leaves(Cable, &out("198.51.100.3", 63, 1400)),
        In(Inside, out("10.250.250.3", 64, 1401)),
        Out(
            Inside,
            router_error("10.250.250.1", "10.250.250.3", 3, 4, [0, 0, 5, 0x78], &out("10.250.250.3", 64, 1401)[..548]),
        ),
        Drop("too-big"),
        In(Inside, may_fragment("10.250.250.3", 64)),
        leaves(Cable, &pieces[0]),
        leaves(Cable, &pieces[1]),
        arrives(Cable, &ip(SERVER6, public6).udp((9, 9), b"in")),
        Out(Inside, ip(SERVER6, host6).ttl(63).udp((9, 9), b"in")),
        In(Inside, out6(host6, 64, 1400)),
        leaves(Cable, &Ip { ttl: 63, ..ip(public6, SERVER6) }.raw(17, &out6(host6, 64, 1400)[40..])),
        In(Inside, out6(host6, 64, 1401)),
        Out(Inside, router_error("fd00:bad:b01::1", host6, 2, 0, [0, 0, 5, 0x78], &out6(host6, 64, 1401)[..1232])),
        Drop("too-big"),
        arrives(Fiber, &big),
        answered(Fiber, &router_error("192.0.2.2", SERVER, 3, 4, [0, 0, 5, 0xdc], &big[..548])),
        Drop("too-big"),
    ];
    Story::new("sizes", steps, 2)
}
