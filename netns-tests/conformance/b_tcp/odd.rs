//! C-28 and C-29: segments that are odd or impossible leave with the bits they came with.

use crate::story::packets::ip;
use crate::story::{self, At, HOST6, SERVER, SERVER6, Scratch, Step, Story, comes_in, goes_out, stdout};
use At::{Cable, Fiber};

/// TCP Fast Open with a cookie (RFC 7413), an experiment (RFC 6994) and an unknown kind, and options that end too early.
const OPTIONS: [[u8; 16]; 3] = [
    [34, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1, 1, 1, 1, 1],
    [253, 6, 0xf9, 0x89, 7, 7, 1, 1, 172, 5, 0, 0, 9, 0, 0, 0],
    [1, 0, 8, 200, 9, 9, 9, 9, 19, 1, 2, 3, 4, 5, 6, 7],
];

/// RFC 2385: kind 19, 16 bytes of digest, padded.
const MD5: [u8; 20] = [19, 18, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 1, 1];

/// A segment that is right but for what `change` does to its header before it is summed.
fn segment(from: &str, to: &str, ttl: u8, odd: &Odd) -> Vec<u8> {
    let mut segment = [40000u16.to_be_bytes(), 443u16.to_be_bytes()].concat();
    let offset = (20 + odd.options.len()) as u8 * 4;
    segment.extend([0, 0, 0x30, 0x39, 0, 0, 0x10, 0x92, offset | odd.reserved, odd.flags, 0xfa, 0xf0, 0, 0]);
    segment.extend(odd.urgent.to_be_bytes());
    segment.extend(&odd.options);
    segment.extend(&odd.payload);
    ip(from, to).ttl(ttl).summed(segment)
}

#[derive(Default)]
struct Odd {
    flags: u8,
    /// The four bits behind the data offset; the last is AE (RFC 9768), NS before.
    reserved: u8,
    urgent: u16,
    options: Vec<u8>,
    payload: Vec<u8>,
}

fn odd_ones() -> Vec<Odd> {
    let flags = |flags| Odd { flags, ..Odd::default() };
    let mut odd = vec![
        flags(0),
        flags(0x29),
        flags(0xff),
        flags(0x03),
        flags(0x06),
        flags(0xc2),
        Odd { reserved: 1, ..flags(0xc2) },
        Odd { reserved: 0x0e, ..flags(0x10) },
        Odd { urgent: 0xffff, payload: vec![1, 2, 3], ..flags(0x30) },
        Odd { urgent: 7, ..flags(0x10) },
        Odd { payload: vec![9; 100], ..flags(0x02) },
        Odd { options: MD5.to_vec(), ..flags(0x18) },
    ];
    let with = |options: &[u8; 16]| Odd { options: options.to_vec(), payload: vec![7; 30], ..flags(0x02) };
    odd.extend(OPTIONS.iter().map(with));
    odd
}

/// Steps out by fiber and in on cable, and back inside; all are one flow each way.
fn both_ways(odd: &Odd) -> Vec<Step> {
    let casts = [
        ("10.250.250.2", ["192.0.2.2", "198.51.100.2"], SERVER),
        (HOST6, ["2001:db8:a:c81::100", "2001:db8:b:be01:27ea::100"], SERVER6),
    ];
    let mut steps = Vec::new();
    for (host, public, server) in casts {
        steps.extend(goes_out(Fiber, &segment(host, server, 64, odd), &segment(public[0], server, 63, odd)));
        for (wan, public) in [(Fiber, public[0]), (Cable, public[1])] {
            steps.extend(comes_in(wan, &segment(server, public, 64, odd), &segment(server, host, 63, odd)));
        }
    }
    steps
}

/// Shows RFC 5382 REQ-2.
#[test]
fn c_28_odd_flags_and_options_pass_bit_by_bit() {
    for odd in odd_ones() {
        // A RST alone makes no flow; otherwise one goes out and one comes in, in each family.
        let flows = if odd.flags & 4 != 0 { 0 } else { 4 };
        story::check("c-28", both_ways(&odd), flows);
    }
}

#[test]
fn c_29_a_data_offset_that_cannot_be_is_passed_on_and_nothing_clamped() {
    // A SYN with an MSS that would be clamped, if only its header were as long as it says.
    for claimed in [0u8, 1, 4, 15] {
        let made = |from: &str, to: &str, ttl| {
            let mut segment = [40000u16.to_be_bytes(), 443u16.to_be_bytes()].concat();
            segment.extend([0, 0, 0, 1, 0, 0, 0, 0, claimed << 4, 2, 0xfa, 0xf0, 0, 0, 0, 0, 2, 4, 0x23, 0x28]);
            ip(from, to).ttl(ttl).summed(segment)
        };
        let steps = [
            goes_out(Fiber, &made("10.250.250.2", SERVER, 64), &made("192.0.2.2", SERVER, 63)),
            comes_in(Cable, &made(SERVER, "198.51.100.3", 64), &made(SERVER, "10.250.250.3", 63)),
            goes_out(Fiber, &made(HOST6, SERVER6, 64), &made("2001:db8:a:c81::100", SERVER6, 63)),
        ];
        let story = Story::new("c-29", steps.concat(), 3);
        story.check();
        let scratch = Scratch::new("c-29");
        scratch.file("in.pcapng", &story.input());
        let report = stdout(&scratch.replay(&["--in", "in.pcapng", "--json"]));
        let report: serde_json::Value = serde_json::from_str(&report).unwrap();
        assert_eq!(report["events"], serde_json::json!({}), "nothing is counted as clamped");
    }
}
