//! Proof that a packet of a known flow allocates nothing: every kind of translation, direction, size and protocol goes
//! through the plane under a counting allocator. Exit 1 if one allocates. `cargo bench --bench allocations`
#![allow(unsafe_code)]

#[path = "../netns-tests/story/packets.rs"]
#[allow(dead_code)]
mod packets;
mod traffic;

use flowpin::plane::Plane;
use flowpin::plane::outbox::Outbox;
use flowpin::types::{Direction, Offload, Tick};
use packets::{SYN, ip};
use std::alloc::{GlobalAlloc, Layout, System};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use traffic::{DIRECTIONS, KINDS, Kind, SIZES, Traffic, plane, policy};

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call is handed to the system's allocator unchanged; counting touches no memory of the caller.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`, which is the same there.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` came from `alloc` above with this layout, thus from the system's allocator.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
        // SAFETY: as for `dealloc`; the caller keeps the contract of `realloc`.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const PACKETS: u64 = 10_000;

fn main() -> ExitCode {
    println!("{:<28} {:>12} {:>14}", "TRAFFIC", "FIRST PACKET", "10000 PACKETS");
    let mut clean = true;
    for (kind_name, kind) in KINDS {
        for (direction_name, direction) in DIRECTIONS {
            for (size_name, size) in SIZES {
                let name = format!("{kind_name} {direction_name} {size_name}");
                clean &= row(&name, kind, Traffic::new(kind, direction, size));
            }
            for (what, packet, header) in others(kind, direction) {
                let traffic = Traffic::at(direction, &packet, header, Offload::NONE);
                clean &= row(&format!("{kind_name} {direction_name} {what}"), kind, traffic);
            }
        }
    }
    if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// One flow: what its first packet allocates, and what the next ten thousand do.
fn row(name: &str, kind: Kind, mut traffic: Traffic) -> bool {
    let mut plane = plane(policy(kind), 1 << 10);
    let mut outbox = Outbox::new();
    let first = counted(&mut plane, &mut outbox, &mut traffic, 0..1);
    let known = counted(&mut plane, &mut outbox, &mut traffic, 1..PACKETS + 1);
    println!("{name:<28} {first:>12} {known:>14}{}", if known == 0 { "" } else { "  NOT ZERO" });
    known == 0
}

/// Allocations of these packets, a millisecond apart, with the calls that the plane wants in between.
fn counted(plane: &mut Plane, outbox: &mut Outbox, traffic: &mut Traffic, packets: std::ops::Range<u64>) -> u64 {
    let before = ALLOCATIONS.load(Relaxed);
    let mut wanted = Tick(0);
    for number in packets {
        let now = Tick::from_millis(1000 + number);
        if now >= wanted {
            wanted = plane.tick(now, outbox);
        }
        traffic.pass(plane, now, outbox);
    }
    ALLOCATIONS.load(Relaxed) - before
}

/// An SYN that is clamped, an echo, a protocol without ports and an ICMP error about a flow.
fn others(kind: Kind, direction: Direction) -> Vec<(&'static str, Vec<u8>, usize)> {
    let (inside, public, remote, header) = match kind {
        Kind::Nat44 => ("10.250.250.2", "192.0.2.2", "203.0.113.10", 20),
        Kind::Prefix => ("fd00:bad:b01:1::100", "2001:db8:a:c81::100", "2001:db8:5::10", 40),
        Kind::Rfc6296 => ("fd00:bad:b01:1::100", "2001:db8:a:c81:d96b::100", "2001:db8:5::10", 40),
    };
    let v4 = header == 20;
    let addresses = if direction == Direction::Outbound { ip(inside, remote) } else { ip(remote, public) };
    let mut all = vec![
        ("syn", addresses.tcp((4000, 443), SYN, &[2, 4, 0x23, 0], b""), header),
        ("echo", addresses.echo(if v4 { 8 } else { 128 }, 7, b"ping"), header),
        ("gre", addresses.raw(47, &[0; 24]), header),
    ];
    if direction == Direction::Inbound {
        let quoted = ip(public, remote).udp((4000, 443), b"0123456789");
        let kind = if v4 { 3 } else { 1 };
        all.push(("error", ip(remote, public).icmp(kind, 1, [0; 4], &quoted), header));
    }
    all
}
