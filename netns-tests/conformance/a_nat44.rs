//! C-01 to C-17: 1:1 mappings of IPv4, what they let in, and how inside hosts reach each other under public addresses.
//! What concerns masquerade stands in src/plane/mapping and src/plane/process/tests/masquerade.

mod discovery;
mod filtering;
mod hairpin_lab;
mod mapping;
mod protocols;

use crate::story::packets::Ip;
use crate::story::{self, At, INTERFACES, START, STEP, Scratch, blocks, code, pcapng, stderr};

/// The identities of the inside and their public addresses on fiber and cable.
const HOSTS: [(&str, [&str; 2]); 2] =
    [("10.250.250.2", ["192.0.2.2", "198.51.100.2"]), ("10.250.250.3", ["192.0.2.3", "198.51.100.3"])];

/// The usual configuration, with both identities on both WANs.
fn full() -> String {
    let one = "\"10.250.250.2\" = \"192.0.2.2\"";
    story::config().replace(one, &format!("{one}\n\"10.250.250.3\" = \"192.0.2.3\""))
}

/// The same with new flows on both WANs.
fn balanced() -> String {
    full().replace("tier = 2", "tier = 1")
}

/// What leaves a WAN when these packets arrive from inside, in order: the WAN and the packet.
fn play(config: &str, packets: &[Vec<u8>]) -> Vec<(At, Vec<u8>)> {
    let scratch = Scratch::with_config("a-nat44", config);
    let mut capture = pcapng::file(&INTERFACES);
    for (time, packet) in (START..).step_by(STEP as usize).zip(packets) {
        capture.extend(pcapng::packet(0, time, packet, None));
    }
    scratch.file("in.pcapng", &capture);
    let output = scratch.replay(&["--in", "in.pcapng", "--out", "out.pcapng"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    blocks(&scratch.read("out.pcapng")).into_iter().filter_map(outcome).collect()
}

/// The end and the packet of an enhanced packet block.
fn outcome(block: &[u8]) -> Option<(At, Vec<u8>)> {
    let word = |at: usize| u32::from_le_bytes(block[at..at + 4].try_into().unwrap()) as usize;
    if word(0) != 6 {
        return None;
    }
    // Cable's frames carry a tag.
    let (at, link) = [(At::Inside, 0), (At::Fiber, 14), (At::Cable, 18)][word(8)];
    Some((at, block[28 + link..28 + word(20)].to_vec()))
}

/// The packet of an inside host as it must leave a WAN.
fn translated(at: At, host: usize, to: &str, make: impl Fn(Ip) -> Vec<u8>) -> Vec<u8> {
    make(crate::story::packets::ip(HOSTS[host].1[at as usize - 1], to).ttl(63))
}
