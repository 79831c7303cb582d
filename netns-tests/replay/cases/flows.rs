//! Flows of IPv4 in both directions, and the protocols beside TCP and UDP.

use crate::story::packets::{ACK, Ip, SYN, ip};
use crate::story::{At, HOST6, SERVER, SERVER6, Step, Story, arrives, cut4, leaves};
use At::{Cable, Fiber, Inside};
use Step::{In, Out};

/// A handshake and a request from inside, answered.
pub fn tcp() -> Story {
    let options = [2, 4, 0x05, 0xb4, 1, 1, 4, 2];
    let out = |from, ttl| ip(from, SERVER).ttl(ttl);
    let back = |to, ttl| ip(SERVER, to).ttl(ttl);
    let (ports, stop) = ((40000, 443), (443, 40000));
    let steps = vec![
        In(Inside, out("10.250.250.2", 64).tcp(ports, SYN, &options, b"")),
        leaves(Fiber, &out("192.0.2.2", 63).tcp(ports, SYN, &options, b"")),
        arrives(Fiber, &back("192.0.2.2", 57).tcp(stop, SYN | ACK, &options, b"")),
        Out(Inside, back("10.250.250.2", 56).tcp(stop, SYN | ACK, &options, b"")),
        In(Inside, out("10.250.250.2", 64).tcp(ports, ACK, b"", b"GET / HTTP/1.0\r\n\r\n")),
        leaves(Fiber, &out("192.0.2.2", 63).tcp(ports, ACK, b"", b"GET / HTTP/1.0\r\n\r\n")),
        arrives(Fiber, &back("192.0.2.2", 57).tcp(stop, ACK, b"", b"odd")),
        Out(Inside, back("10.250.250.2", 56).tcp(stop, ACK, b"", b"odd")),
    ];
    Story::new("tcp", steps, 1)
}

/// Cable's MTU is 1400: 1360 of payload in IPv4, 1340 in IPv6, both ways, at odd places, and never raised.
pub fn mss() -> Story {
    let mss = |size: u16| [&[1, 2, 4][..], &size.to_be_bytes(), &[1, 1, 1]].concat();
    let out = |from, ttl| ip(from, SERVER).ttl(ttl);
    let back = |to, ttl| ip(SERVER, to).ttl(ttl);
    let (host6, public6) = ("fd00:bad:b01:2::50", "2001:db8:b:be02:27ea::50");
    let steps = vec![
        In(Inside, out("10.250.250.3", 64).tcp((1, 80), SYN, &mss(1460), b"")),
        leaves(Cable, &out("198.51.100.3", 63).tcp((1, 80), SYN, &mss(1360), b"")),
        arrives(Cable, &back("198.51.100.3", 64).tcp((80, 1), SYN | ACK, &mss(1361), b"")),
        Out(Inside, back("10.250.250.3", 63).tcp((80, 1), SYN | ACK, &mss(1360), b"")),
        In(Inside, out("10.250.250.3", 64).tcp((2, 80), SYN, &mss(536), b"")),
        leaves(Cable, &out("198.51.100.3", 63).tcp((2, 80), SYN, &mss(536), b"")),
        In(Inside, out("10.250.250.3", 64).tcp((2, 80), ACK, &mss(1460), b"")),
        leaves(Cable, &out("198.51.100.3", 63).tcp((2, 80), ACK, &mss(1460), b"")),
        arrives(Cable, &ip(SERVER6, public6).tcp((9, 22), SYN, &mss(1440), b"")),
        Out(Inside, ip(SERVER6, host6).ttl(63).tcp((9, 22), SYN, &mss(1340), b"")),
    ];
    Story::new("mss", steps, 3)
}

/// Both directions, a checksum left out (0 stays 0), and one that comes out as 0 (sent as FFFF, RFC 768).
pub fn udp() -> Story {
    let out = |from, ttl| ip(from, SERVER).ttl(ttl);
    let ports = (40000, 53);
    let plain = out("192.0.2.2", 63).udp(ports, &[0, 0]);
    let zero: [u8; 2] = plain[26..28].try_into().unwrap();
    let translated = out("192.0.2.2", 63).udp(ports, &zero);
    assert_eq!(translated[26..28], [0xff, 0xff], "this case is about a checksum of zero");
    let caller = "203.0.113.20";
    let steps = vec![
        In(Inside, out("10.250.250.2", 64).udp(ports, b"question")),
        leaves(Fiber, &out("192.0.2.2", 63).udp(ports, b"question")),
        In(Inside, out("10.250.250.2", 64).udp_unsummed(ports, b"question")),
        leaves(Fiber, &out("192.0.2.2", 63).udp_unsummed(ports, b"question")),
        In(Inside, out("10.250.250.2", 64).udp(ports, &zero)),
        leaves(Fiber, &translated),
        arrives(Fiber, &ip(SERVER, "192.0.2.2").udp((53, 40000), b"answer!")),
        Out(Inside, ip(SERVER, "10.250.250.2").ttl(63).udp((53, 40000), b"answer!")),
        // Who is called on cable answers on cable, though new flows take fiber.
        arrives(Cable, &ip(caller, "198.51.100.2").udp((5060, 5060), b"INVITE")),
        Out(Inside, ip(caller, "10.250.250.2").ttl(63).udp((5060, 5060), b"INVITE")),
        In(Inside, ip("10.250.250.2", caller).udp((5060, 5060), b"OK")),
        leaves(Cable, &ip("198.51.100.2", caller).ttl(63).udp((5060, 5060), b"OK")),
    ];
    Story::new("udp", steps, 2)
}

/// Echo both ways, pinned by its identifier.
pub fn echo() -> Story {
    let steps = vec![
        In(Inside, ip("10.250.250.2", SERVER).echo(8, 77, b"abcdefg")),
        leaves(Fiber, &ip("192.0.2.2", SERVER).ttl(63).echo(8, 77, b"abcdefg")),
        arrives(Fiber, &ip(SERVER, "192.0.2.2").echo(0, 77, b"abcdefg")),
        Out(Inside, ip(SERVER, "10.250.250.2").ttl(63).echo(0, 77, b"abcdefg")),
        arrives(Cable, &ip(SERVER, "198.51.100.2").echo(8, 5, b"ping")),
        Out(Inside, ip(SERVER, "10.250.250.2").ttl(63).echo(8, 5, b"ping")),
        In(Inside, ip("10.250.250.2", SERVER).echo(0, 5, b"ping")),
        leaves(Cable, &ip("198.51.100.2", SERVER).ttl(63).echo(0, 5, b"ping")),
        In(Inside, ip(HOST6, SERVER6).echo(128, 9, b"six")),
        leaves(Fiber, &ip("2001:db8:a:c81::100", SERVER6).ttl(63).echo(128, 9, b"six")),
        arrives(Fiber, &ip(SERVER6, "2001:db8:a:c81::100").echo(129, 9, b"six")),
        Out(Inside, ip(SERVER6, HOST6).ttl(63).echo(129, 9, b"six")),
    ];
    Story::new("echo", steps, 3)
}

/// Protocols without ports pass by their addresses, not a byte behind the IP header changed.
pub fn protocols() -> Story {
    let gre = [0, 0, 8, 0, 1, 2, 3];
    let steps = vec![
        In(Inside, ip("10.250.250.2", SERVER).raw(47, &gre)),
        leaves(Fiber, &ip("192.0.2.2", SERVER).ttl(63).raw(47, &gre)),
        arrives(Fiber, &ip(SERVER, "192.0.2.2").raw(47, &gre)),
        Out(Inside, ip(SERVER, "10.250.250.2").ttl(63).raw(47, &gre)),
        arrives(Cable, &ip(SERVER, "198.51.100.3").raw(253, b"")),
        Out(Inside, ip(SERVER, "10.250.250.3").ttl(63).raw(253, b"")),
    ];
    Story::new("protocols", steps, 2)
}

/// Fragments follow their first, also when they come before it.
pub fn fragments() -> Story {
    let payload: Vec<u8> = (0..40).collect();
    // Two pieces of one datagram, whose checksum spans both.
    let pieces = |from: &str, to: &str, ttl: u8| {
        let whole = Ip { id: 99, fragment: 0, ttl, ..ip(from, to) }.udp((40000, 53), &payload);
        <[Vec<u8>; 2]>::try_from(cut4(&whole, &[24])).unwrap()
    };
    let [first, last] = pieces("10.250.250.2", SERVER, 64);
    let [first_out, last_out] = pieces("192.0.2.2", SERVER, 63);
    let [first_in, last_in] = pieces(SERVER, "198.51.100.3", 64);
    let [first_inside, last_inside] = pieces(SERVER, "10.250.250.3", 63);
    let steps = vec![
        In(Inside, last),
        In(Inside, first),
        leaves(Fiber, &first_out),
        leaves(Fiber, &last_out),
        arrives(Cable, &first_in),
        Out(Inside, first_inside),
        arrives(Cable, &last_in),
        Out(Inside, last_inside),
    ];
    Story::new("fragments", steps, 2)
}
