//! C-71 with real kernels: a flood of fragments costs memory up to a bound, and others not a packet.

use crate::lab::{Echo, Raw, Router, echo, ethernet, lab, start, wait_until};
use crate::story::packets::{Ip, ip};
use flowpin::clock::pause;
use flowpin::lab::topology::{INSIDE4, SERVER4, mac};
use flowpin::lab::{Lab, Options};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Fragments of one flood, and those sent in one go: less than the TUN's queue holds.
const FLOOD: u64 = 100_000;
const BURST: u64 = 2500;

/// Fragment `number` of a flood, each of another datagram, to where the ISPs know the way and nobody is.
fn fragment(number: u64, place: u16) -> Vec<u8> {
    let nobody = format!("203.0.113.{}", 100 + (number >> 16) as u16 + place % 16);
    let ends = ip("10.250.250.6", &nobody);
    let payload = [0x0f, 0xa0, 0, 53, 0, 200, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
    Ip { id: number as u16, fragment: place, ..ends }.raw(17, &payload)
}

/// Sends a flood of fragments at that place, each burst after the one before was dealt with.
fn flood(lab: &Lab, router: &Router, place: u16, dealt_with: impl Fn(&Router) -> u64) {
    let mut link = Raw::open(&lab.fw, "lan0");
    let header = ethernet(mac::RT_LAN, mac::FW, 0x0800);
    let before = dealt_with(router);
    for number in 0..FLOOD {
        link.send(&[&header[..], &fragment(number, place)].concat());
        if (number + 1).is_multiple_of(BURST) {
            wait_until("a burst is dealt with", || dealt_with(router) - before > number);
        }
    }
}

/// Kibibytes of memory that flowpin uses.
fn memory(router: &mut Router) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", router.service().pid())).expect("it lives");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Asks, a large and a small datagram in turn and never twice, until told to stop; how often.
fn ask(lab: &Lab, server: SocketAddr, stop: &AtomicBool) -> u32 {
    let mut asked = 0u32;
    while !stop.load(Ordering::Relaxed) {
        let from = SocketAddr::new(INSIDE4[asked as usize % 4].into(), 30_000 + (asked / 4 % 30_000) as u16);
        echo(&lab.fw, from, server, if asked.is_multiple_of(2) { 4000 } else { 100 });
        asked += 1;
        pause(Duration::from_millis(5));
    }
    asked
}

/// Says stop when dropped.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Shows RFC 4787 REQ-14a.
#[test]
fn c_71_a_hundred_thousand_fragments_cost_others_nothing_and_memory_up_to_a_bound() {
    let lab = lab(Options { wan_mtu: [1500, 1400], ..Options::default() });
    let mut router = start(&lab);
    let server = Echo::start(&lab.inet, SocketAddr::new(SERVER4.into(), 4000));
    let before = memory(&mut router);
    let stop = AtomicBool::new(false);
    let asked = std::thread::scope(|scope| {
        let _stopped_by_a_panic_too = Stop(&stop);
        let asking = scope.spawn(|| ask(&lab, server.at, &stop));
        // First fragments: each is remembered. Then later ones: each waits.
        let sent = |router: &Router| router.flows("host=10.250.250.6").iter().map(|flow| flow.outbound.packets).sum();
        flood(&lab, &router, 0x2000, sent);
        flood(&lab, &router, 0x2000 | 7000, |router| router.status().events.get("held").copied().unwrap_or(0));
        drop(Stop(&stop));
        asking.join().expect("every question was answered at once")
    });
    assert!(asked > 20, "{asked} questions during the flood");
    let after = memory(&mut router);
    assert!(after < before + 32 * 1024, "{before} KiB before and {after} KiB after the flood");
    let given_up = |router: &Router| router.status().drops["outbound"]["unknown-fragment"];
    wait_until("the last are given up", || given_up(&router) == FLOOD);
    router.end(&[("outbound", "unknown-fragment", FLOOD)]);
}
