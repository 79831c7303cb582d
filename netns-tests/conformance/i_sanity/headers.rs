//! C-85: the tests of an IPv4 header (RFC 1812 §5.2.2), options included, and of an IPv6 header; what fails says nothing.
//! Lengths are claimed where they are read, in src/plane/packet/parse.

use crate::story::packets::{Ip, ethernet, ip};
use crate::story::{self, At, HOST6, SERVER, SERVER6, Step, comes_in, goes_out, sum_again};
use At::{Fiber, Inside};
use Step::{Drop, In};

const STATION: [u8; 6] = [2, 0, 0x5e, 0x10, 0, 1];

/// A frame from fiber with that EtherType around these bytes.
fn frame(kind: [u8; 2], packet: &[u8]) -> Vec<u8> {
    let mut frame = ethernet([0, 0, 0x5e, 0, 0x53, 1], STATION, None, &[0x45]);
    frame.truncate(12);
    [&frame[..], &kind, packet].concat()
}

/// The same fault from inside and from outside is dropped silently under that name.
fn dropped(what: &str, reason: &'static str, make: impl Fn(&str, &str) -> Vec<u8>) {
    let (inside, public, server, kind) = if what.starts_with("IPv6") {
        (HOST6, "2001:db8:a:c81::100", SERVER6, [0x86, 0xdd])
    } else {
        ("10.250.250.2", "192.0.2.2", SERVER, [8, 0])
    };
    let steps = vec![
        In(Inside, make(inside, server)),
        Drop(reason),
        In(Fiber, frame(kind, &make(server, public))),
        Drop(reason),
    ];
    story::check(&format!("c-85 {what}"), steps, 0);
}

/// A packet after a change to its header, its checksum right again.
fn changed(from: &str, to: &str, change: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    let mut packet = ip(from, to).udp((1, 2), b"0123456789");
    change(&mut packet);
    if packet.len() >= 20 && usize::from(packet[0] & 15) * 4 <= packet.len() && packet[0] & 15 > 0 {
        sum_again(&mut packet);
    }
    packet
}

/// Shows RFC 1812 §5.2.2.
#[test]
fn c_85_a_packet_shorter_than_its_header_is_dropped() {
    for len in [1, 2, 19] {
        dropped("cut", "truncated", |from, to| ip(from, to).udp((1, 2), b"")[..len].to_vec());
    }
    story::check("c-85", vec![In(Fiber, frame([8, 0], b"")), Drop("truncated")], 0);
    story::check("c-85", vec![In(Fiber, frame([0x86, 0xdd], b"")), Drop("truncated")], 0);
    // 60 bytes of header are said, 38 are there.
    dropped("header", "truncated", |from, to| {
        let mut packet = changed(from, to, |_| ());
        packet[0] = 0x4f;
        packet
    });
}

/// Shows RFC 1812 §5.2.2.
#[test]
fn c_85_a_wrong_checksum_is_dropped() {
    for at in [1, 4, 8, 10, 11, 12, 19] {
        dropped("checksum", "bad-ip-checksum", |from, to| {
            let mut packet = changed(from, to, |_| ());
            packet[at] ^= 0x10;
            packet
        });
    }
    // Of a header with options, too.
    dropped("options", "bad-ip-checksum", |from, to| {
        let mut packet = with_options(from, to, 64, &[1; 8]);
        packet[25] ^= 1;
        packet
    });
}

/// Shows RFC 1812 §5.2.2.
#[test]
fn c_85_a_version_that_is_not_4_is_dropped() {
    for version in [0u8, 1, 2, 3, 5, 7, 15] {
        dropped("version", "bad-ip-header", |from, to| changed(from, to, |packet| packet[0] = version << 4 | 5));
    }
    // Nor does a frame of one version carry the other.
    let six = ip(SERVER6, "2001:db8:a:c81::100").udp((1, 2), b"six");
    let four = ip(SERVER, "192.0.2.2").udp((1, 2), b"four");
    let steps = vec![
        In(Fiber, frame([8, 0], &six)),
        Drop("bad-ip-header"),
        In(Fiber, frame([0x86, 0xdd], &four)),
        Drop("bad-ip-header"),
    ];
    story::check("c-85", steps, 0);
}

/// A datagram with IP options in front of it.
fn with_options(from: &str, to: &str, ttl: u8, options: &[u8]) -> Vec<u8> {
    let packet = ip(from, to).ttl(ttl).udp((1, 2), b"0123456789");
    let mut long = [&packet[..20], options, &packet[20..]].concat();
    long[0] = 0x40 | u8::try_from(5 + options.len() / 4).unwrap();
    let length = u16::try_from(long.len()).unwrap();
    long[2..4].copy_from_slice(&length.to_be_bytes());
    sum_again(&mut long);
    long
}

/// Options are a matter of hosts, and of routers that want to be one: whole, cut, unknown or nonsense, they pass as they are.
/// Shows RFC 1812 §5.3.13.1, RFC 1812 §5.3.13.4, RFC 1812 §5.3.13.5, RFC 1812 §5.3.13.6.
#[test]
fn c_85_options_pass_as_they_are() {
    let cases: [&[u8]; 17] = [
        &[1, 1, 1, 1],
        &[0, 0, 0, 0],
        &[1, 0, 99, 99],
        &[0x94, 4, 0, 0],
        &[7, 7, 4, 0, 0, 0, 0, 0],
        &[7, 7, 8, 1, 2, 3, 4, 0],
        &[7, 3, 4, 0],
        &[7, 39, 40, 0],
        &[68, 12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        &[68, 12, 13, 0xf1, 1, 2, 3, 4, 0, 0, 0, 9],
        &[68, 4, 1, 0],
        &[131, 7, 4, 203, 0, 113, 99, 0],
        &[137, 7, 4, 203, 0, 113, 99, 0],
        &[130, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        &[0x5e, 0, 0, 0],
        &[0x5e, 1, 0, 0],
        &[0x5e, 200, 0, 0],
    ];
    let longest = [7u8; 40];
    for options in cases.into_iter().chain([&longest[..]]) {
        let steps = [
            goes_out(
                Fiber,
                &with_options("10.250.250.2", SERVER, 64, options),
                &with_options("192.0.2.2", SERVER, 63, options),
            ),
            comes_in(
                Fiber,
                &with_options(SERVER, "192.0.2.2", 64, options),
                &with_options(SERVER, "10.250.250.2", 63, options),
            ),
        ];
        story::check("c-85", steps.concat(), 2);
    }
}

/// Shows RFC 1812 §5.2.5.
#[test]
fn c_85_the_unused_flag_bit_stays() {
    for field in [0x8000, 0xc000] {
        let packet = |from, ttl| Ip { fragment: field, ..ip(from, SERVER) }.ttl(ttl).udp((1, 2), b"evil?");
        story::check("c-85", goes_out(Fiber, &packet("10.250.250.2", 64), &packet("192.0.2.2", 63)).into(), 1);
    }
}
