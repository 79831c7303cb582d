//! What goes in and what must come out, packet by packet, both built from scratch.

use super::packets::{ACK, DF, Ip, SYN, checksum, ethernet, ip};

/// An end, by its place among the interfaces of a capture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum At {
    Inside = 0,
    Fiber = 1,
    Cable = 2,
}

/// One line of a capture's story.
pub enum Step {
    /// This arrives.
    In(At, Vec<u8>),
    /// This leaves because of it.
    Out(At, Vec<u8>),
    /// It is dropped, and this is its reason.
    Drop(&'static str),
}

/// A story with a name, which is also the name of its files.
pub struct Case {
    pub name: &'static str,
    pub steps: Vec<Step>,
    /// Flows made.
    pub flows: u64,
}

use At::{Cable, Fiber, Inside};
use Step::{Drop, In, Out};

/// All of them.
pub fn all() -> Vec<Case> {
    vec![
        tcp(),
        mss(),
        udp(),
        echo(),
        protocols(),
        errors(),
        prefix(),
        neutral(),
        hops(),
        refused(),
        vlan(),
        fragments(),
    ]
}

const SERVER: &str = "203.0.113.10";
const SERVER6: &str = "2001:db8:5::10";
const HOST6: &str = "fd00:bad:b01:1::100";

/// The tag of cable, VLAN 3242, without priority.
const TAG: u16 = 3242;

/// A frame as an ISP's router sends it to the router of the capture.
fn arrives(at: At, packet: &[u8]) -> Step {
    In(at, from_station(at, (at == Cable).then_some(TAG), packet))
}

fn from_station(at: At, tag: Option<u16>, packet: &[u8]) -> Vec<u8> {
    ethernet([0, 0, 0x5e, 0, 0x53, at as u8], [2, 0, 0x5e, 0x10, 0, at as u8], tag, packet)
}

/// A frame as the replay sends it: from the WAN's own MAC to its gateway's.
fn leaves(at: At, packet: &[u8]) -> Step {
    let tag = (at == Cable).then_some(TAG);
    Out(at, ethernet([2, 0xf1, 0, 0, 1, at as u8], [2, 0xf1, 0, 0, 0, at as u8], tag, packet))
}

/// The same as an answer to the station that sent a frame.
fn answered(at: At, packet: &[u8]) -> Step {
    let tag = (at == Cable).then_some(TAG);
    Out(at, ethernet([2, 0, 0x5e, 0x10, 0, at as u8], [2, 0xf1, 0, 0, 0, at as u8], tag, packet))
}

/// A handshake and a request from inside, answered.
fn tcp() -> Case {
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
    Case { name: "tcp", steps, flows: 1 }
}

/// Cable's MTU is 1400: 1360 of payload in IPv4, 1340 in IPv6, both ways, at odd places, and never raised.
fn mss() -> Case {
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
    Case { name: "mss", steps, flows: 3 }
}

/// Both directions, a checksum left out (0 stays 0), and one that comes out as 0 (sent as FFFF, RFC 768).
fn udp() -> Case {
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
    Case { name: "udp", steps, flows: 2 }
}

/// Echo both ways, pinned by its identifier.
fn echo() -> Case {
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
    Case { name: "echo", steps, flows: 3 }
}

/// Protocols without ports pass by their addresses, not a byte behind the IP header changed.
fn protocols() -> Case {
    let gre = [0, 0, 8, 0, 1, 2, 3];
    let steps = vec![
        In(Inside, ip("10.250.250.2", SERVER).raw(47, &gre)),
        leaves(Fiber, &ip("192.0.2.2", SERVER).ttl(63).raw(47, &gre)),
        arrives(Fiber, &ip(SERVER, "192.0.2.2").raw(47, &gre)),
        Out(Inside, ip(SERVER, "10.250.250.2").ttl(63).raw(47, &gre)),
        arrives(Cable, &ip(SERVER, "198.51.100.3").raw(253, b"")),
        Out(Inside, ip(SERVER, "10.250.250.3").ttl(63).raw(253, b"")),
    ];
    Case { name: "protocols", steps, flows: 2 }
}

/// ICMP errors in both directions and families: delivered by the packet they quote, the quote restored (RFC 5508 §4).
fn errors() -> Case {
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
    Case { name: "errors", steps, flows: 3 }
}

/// NPTv6 `prefix`: the prefix changes, the interface identifier stays, the transport checksum follows.
fn prefix() -> Case {
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
    Case { name: "nptv6-prefix", steps, flows: 2 }
}

/// NPTv6 `rfc6296`: one word of the address absorbs the difference (27ea here), every byte behind the header stays, wrong
/// checksums too (conformance C-40, C-41).
fn neutral() -> Case {
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
    // What no checksum covers may not pass: the identifier of all zeros cannot be mapped from outside.
    Case { name: "nptv6-rfc6296", steps, flows: 4 }
}

/// The last hop is told, from an address on the sender's side, with the packet as it was sent (RFC 1812 §4.3.2.3).
fn hops() -> Case {
    let exceeded = |from: &str, to: &str, quoted: &[u8]| {
        let (kind, code) = if to.contains(':') { (3, 0) } else { (11, 0) };
        let mut answer = Ip { id: 0, fragment: DF, ..ip(from, to) }.icmp(kind, code, [0; 4], quoted);
        if kind == 11 {
            // Internetwork control (RFC 1812 §4.3.2.5); the header is summed again.
            answer[1] = 0xc0;
            answer[10..12].fill(0);
            let sum = checksum(&answer[..20]).to_be_bytes();
            answer[10..12].copy_from_slice(&sum);
        }
        answer
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
    Case { name: "hops", steps, flows: 0 }
}

/// What may not pass, and what is not flowpin's.
fn refused() -> Case {
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
    Case { name: "refused", steps, flows: 0 }
}

/// Cable is VLAN 3242, with any priority; fiber has none.
fn vlan() -> Case {
    let packet = ip(SERVER, "198.51.100.2").udp((1, 2), b"tagged");
    let steps = vec![
        In(Cable, from_station(Cable, Some(0x6000 | TAG), &packet)),
        Out(Inside, ip(SERVER, "10.250.250.2").ttl(63).udp((1, 2), b"tagged")),
        In(Cable, from_station(Cable, None, &packet)),
        Drop("wrong-vlan"),
        In(Cable, from_station(Cable, Some(7), &packet)),
        Drop("wrong-vlan"),
        In(Fiber, from_station(Fiber, Some(TAG), &ip(SERVER, "192.0.2.2").udp((1, 2), b""))),
        Drop("wrong-vlan"),
    ];
    Case { name: "vlan", steps, flows: 1 }
}

/// Fragments follow their first; one that nobody knows waits for nobody.
fn fragments() -> Case {
    const MORE: u16 = 0x2000;
    let payload: Vec<u8> = (0..40).collect();
    // Two pieces of one datagram, whose checksum spans both.
    let pieces = |from: &str, to: &str, ttl: u8| {
        let whole = ip(from, to).udp((40000, 53), &payload);
        let piece = |fragment, bytes: &[u8]| Ip { id: 99, fragment, ttl, ..ip(from, to) }.raw(17, bytes);
        [piece(MORE, &whole[20..44]), piece(3, &whole[44..])]
    };
    let [first, last] = pieces("10.250.250.2", SERVER, 64);
    let [first_out, last_out] = pieces("192.0.2.2", SERVER, 63);
    let [first_in, last_in] = pieces(SERVER, "198.51.100.3", 64);
    let [first_inside, last_inside] = pieces(SERVER, "10.250.250.3", 63);
    let steps = vec![
        In(Inside, last.clone()),
        Drop("unknown-fragment"),
        In(Inside, first),
        leaves(Fiber, &first_out),
        In(Inside, last),
        leaves(Fiber, &last_out),
        arrives(Cable, &first_in),
        Out(Inside, first_inside),
        arrives(Cable, &last_in),
        Out(Inside, last_inside),
    ];
    Case { name: "fragments", steps, flows: 2 }
}
