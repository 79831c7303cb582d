//! Inside hosts that share the link's own address with each other and with the kernel.

mod errors;
mod fragments;
mod life;

use super::*;
use crate::plane::lease::{Lease, Leased};
use crate::plane::packet::headers::{Endpoint, Side};
use crate::plane::packet::sample::{finish_partial, make_partial};
use crate::plane::translate::masquerade::Masquerade;
use crate::types::{Filtering, PortRange};
use std::collections::HashMap;

/// Hosts without an address of their own.
const ONE: &str = "10.250.250.4";
const TWO: &str = "10.250.250.5";
/// The address of the link.
const SHARED: &str = "192.0.2.200";

/// A packet's payload with these ports, or with the first as its identifier.
type Payload = fn(u16, u16) -> Vec<u8>;

fn leased(lease: u8, address: &str) -> Leased<std::net::Ipv4Addr> {
    Leased { lease: Lease(lease), since: 1, held: address.parse().unwrap() }
}

/// The same ports on the WAN `a` alone.
fn shares(first: u16, last: u16) -> Policy {
    let mut policy = policy();
    let shared = Masquerade::new(PortRange { first, last }, usize::MAX, Filtering::default());
    policy.wans[0].masquerade = Some(shared.with([leased(2, SHARED)]));
    policy
}

/// Where strangers may speak to the ports.
fn open(filtering: Filtering) -> Rig {
    let mut policy = shares(16384, 32767);
    policy.wans[0].masquerade.as_mut().unwrap().filtering = filtering;
    Rig::new(policy)
}

fn rig() -> Rig {
    Rig::new(shares(16384, 32767))
}

fn end(packet: &[u8], side: Side) -> Endpoint {
    parse(packet, &Offload::NONE).unwrap().endpoint(side)
}

/// Sends it out of `a`: what the remote sees.
fn out(rig: &mut Rig, from: &str, to: &str, number: u8, payload: &[u8]) -> (Endpoint, Vec<u8>) {
    let done = rig.outbound(&packet(from, to, number, payload));
    assert_eq!(done.verdict, Verdict::Forward(End::Wan(A)), "{from}");
    assert!(is_right(&done.packet));
    let source = end(&done.packet, Side::Source);
    assert_eq!(source.address, ip(SHARED));
    (source, done.packet)
}

/// Brings it in to the shared address: whom it goes to.
fn back(rig: &mut Rig, from: &str, number: u8, payload: &[u8]) -> Result<Endpoint, Verdict> {
    let done = rig.inbound(A, &packet(from, SHARED, number, payload));
    if done.verdict != Verdict::Forward(End::Inside) {
        return Err(done.verdict);
    }
    assert!(is_right(&done.packet));
    assert_eq!(end(&done.packet, Side::Source).address, ip(from));
    Ok(end(&done.packet, Side::Destination))
}

fn is_end(end: Endpoint, address: &str, port: u16) -> bool {
    (end.address, end.port) == (ip(address), port)
}

/// Shows RFC 4787 REQ-3, RFC 5382 REQ-7.
#[test]
fn c_05_two_hosts_with_one_source_port_have_two_public_ports_and_each_its_own_answers() {
    for (number, payload) in [
        (protocol::UDP, (|from, to| udp(from, to, b"x")) as Payload),
        (protocol::TCP, |from, to| tcp(from, to, 2, &[2, 4, 5, 180], b"")),
    ] {
        let mut rig = rig();
        let (one, _) = out(&mut rig, ONE, SERVER, number, &payload(20000, 53));
        let (two, _) = out(&mut rig, TWO, SERVER, number, &payload(20000, 53));
        assert_eq!(one.port, 20000, "kept where it is free");
        assert!(two.port != 20000 && (16384..=32767).contains(&two.port));
        assert!(is_end(back(&mut rig, SERVER, number, &payload(53, one.port)).unwrap(), ONE, 20000));
        assert!(is_end(back(&mut rig, SERVER, number, &payload(53, two.port)).unwrap(), TWO, 20000));
        // The known flow has what it had.
        assert_eq!(out(&mut rig, TWO, SERVER, number, &payload(20000, 53)).0, two);
    }
}

#[test]
fn c_04_one_socket_has_one_public_port_for_all_of_its_remotes() {
    let mut rig = rig();
    let (first, _) = out(&mut rig, ONE, SERVER, protocol::UDP, &udp(40000, 3478, b"x"));
    for (remote, port) in [(SERVER, 3479), ("198.18.0.9", 3478)] {
        assert_eq!(out(&mut rig, ONE, remote, protocol::UDP, &udp(40000, port, b"x")).0, first);
    }
}

#[test]
fn c_14_two_hosts_that_ping_with_one_identifier_each_get_their_own_replies() {
    let mut rig = rig();
    let (one, _) = out(&mut rig, ONE, SERVER, protocol::ICMP, &icmp(8, 0, [42, 1], b"ping"));
    let (two, _) = out(&mut rig, TWO, SERVER, protocol::ICMP, &icmp(8, 0, [42, 1], b"ping"));
    assert_ne!(one.port, two.port);
    for (end, host) in [(one, ONE), (two, TWO)] {
        let reply = icmp(0, 0, [end.port, 1], b"ping");
        assert!(is_end(back(&mut rig, SERVER, protocol::ICMP, &reply).unwrap(), host, 42));
    }
    let kernels = icmp(0, 0, [one.port, 1], b"ping");
    assert_eq!(back(&mut rig, "198.18.0.9", protocol::ICMP, &kernels), Err(Verdict::Kernel), "the router's own ping");
}

/// Shows RFC 7857 §6.
#[test]
fn c_06_only_what_was_spoken_to_answers_and_all_else_has_an_exact_reason() {
    let mut rig = rig();
    let (public, _) = out(&mut rig, ONE, SERVER, protocol::UDP, &udp(20000, 53, b"x"));
    let mut verdict = |from: &str, number, payload: &[u8]| back(&mut rig, from, number, payload).unwrap_err();
    let filtered = Verdict::Drop(DropReason::Filtered);
    assert_eq!(verdict(SERVER, protocol::UDP, &udp(54, public.port, b"x")), filtered, "another port");
    assert_eq!(verdict("198.18.0.9", protocol::UDP, &udp(53, public.port, b"x")), filtered, "another address");
    let unmapped = Verdict::Drop(DropReason::NoMapping);
    assert_eq!(verdict(SERVER, protocol::TCP, &tcp(53, public.port, 2, &[], b"")), unmapped, "another protocol");
    assert_eq!(verdict(SERVER, protocol::UDP, &udp(53, 20001, b"x")), unmapped);
    for kernels in [
        verdict(SERVER, protocol::UDP, &udp(53, 16383, b"x")),
        verdict(SERVER, protocol::TCP, &tcp(40000, 22, 2, &[], b"")),
        verdict(SERVER, protocol::TCP, &tcp(40000, 32768, 2, &[], b"")),
        verdict(SERVER, protocol::ICMP, &icmp(8, 0, [20000, 1], b"ping")),
        verdict(SERVER, 50, b"ESP"),
    ] {
        assert_eq!(kernels, Verdict::Kernel);
    }
    let drops: Vec<_> = rig.totals().drops(Direction::Inbound).collect();
    assert_eq!(drops, [(DropReason::NoMapping, 2), (DropReason::Filtered, 2)]);
    assert!(rig.sent().is_empty(), "nobody is told");
    assert_eq!(rig.plane.shared().table.len(), 1);
}

/// Shows RFC 4787 REQ-8a, RFC 5382 REQ-3a.
#[test]
fn c_06_other_filtering_lets_in_who_may_speak_and_what_it_begins_is_answered_from_the_same_port() {
    let stranger = "198.18.0.9";
    for (filtering, who) in [
        (Filtering::AddressAndPort, [false, false]),
        (Filtering::Address, [true, false]),
        (Filtering::Endpoint, [true, true]),
    ] {
        for (number, payload) in [
            (protocol::UDP, (|from, to| udp(from, to, b"x")) as Payload),
            (protocol::TCP, |from, to| tcp(from, to, 2, &[], b"")),
        ] {
            let mut rig = open(filtering);
            let (public, _) = out(&mut rig, ONE, SERVER, number, &payload(50000, 53));
            for (from, may) in [(SERVER, who[0]), (stranger, who[1])] {
                let came = back(&mut rig, from, number, &payload(54, public.port));
                if !may {
                    assert_eq!(came, Err(Verdict::Drop(DropReason::Filtered)));
                    continue;
                }
                assert!(is_end(came.unwrap(), ONE, 50000), "{filtering:?} {from}");
                assert_eq!(out(&mut rig, ONE, from, number, &payload(50000, 54)).0, public);
            }
        }
    }
}

#[test]
fn a_checksum_that_the_kernel_owes_is_finished_by_the_next_hop_as_ever() {
    let mut rig = rig();
    let mut segment = packet(ONE, SERVER, protocol::TCP, &tcp(50000, 443, 2, &[], b"hello"));
    let owes = make_partial(&mut segment);
    let mut done = rig.process_owing(End::Inside, &[], &segment, None, owes);
    assert_eq!(done.verdict, Verdict::Forward(End::Wan(A)));
    finish_partial(&mut done.packet, &done.offload);
    assert!(is_right(&done.packet));
    assert_ne!(end(&done.packet, Side::Source).port, 50000);
}

#[test]
fn who_has_an_address_of_its_own_keeps_that_and_its_ports() {
    let mut rig = rig();
    for port in [80, 20000] {
        let done = rig.outbound(&packet("10.250.250.2", SERVER, protocol::UDP, &udp(port, 53, b"x")));
        assert_eq!(end(&done.packet, Side::Source).port, port);
        assert_ne!(end(&done.packet, Side::Source).address, ip(SHARED));
    }
    assert_eq!(rig.plane.shared().table.mappings().used(A, crate::plane::mapping::Class::Udp), 0);
}

#[test]
fn what_has_no_ports_shares_no_address_and_is_told_so() {
    let mut rig = rig();
    assert_eq!(rig.outbound(&packet(ONE, SERVER, 47, b"GRE")).verdict, Verdict::Drop(DropReason::NoWan));
    assert_eq!(rig.sent().len(), 1);
}

#[test]
fn nobody_inside_calls_by_a_public_address_without_one_of_its_own() {
    let mut rig = rig();
    let to_mapped = rig.outbound(&packet(ONE, "192.0.2.12", protocol::UDP, &udp(20000, 53, b"x")));
    assert_eq!(to_mapped.verdict, Verdict::Drop(DropReason::NoWan));
    out(&mut rig, TWO, SERVER, protocol::UDP, &udp(20000, 53, b"x"));
    let to_shared = rig.outbound(&packet("10.250.250.2", SHARED, protocol::UDP, &udp(20000, 20000, b"x")));
    assert_eq!(to_shared.verdict, Verdict::Drop(DropReason::Unmappable));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// No two inside ends share an outside end, and the inverse is exact, at any time.
    #[test]
    fn an_outside_end_has_one_inside_end_while_it_lives(
        steps in proptest::collection::vec((0u8..3, 0u16..6, 0u8..3, 0u64..200), 1..120),
    ) {
        let (mut rig, mut ends) = (Rig::new(shares(20000, 20011)), HashMap::new());
        for (host, port, kind, seconds) in steps {
            rig.now = rig.now.plus_millis(seconds * 1000);
            while rig.plane.tick(rig.now, &mut rig.outbox) < rig.now.plus_millis(2) {}
            rig.sent();
            let host = format!("10.250.250.{}", 4 + host);
            let port = 19999 + port;
            let (number, go): (u8, Payload) = match kind {
                0 => (protocol::TCP, |from, to| tcp(from, to, 2, &[], b"")),
                1 => (protocol::UDP, |from, to| udp(from, to, b"x")),
                _ => (protocol::ICMP, |id, _| icmp(8, 0, [id, 1], b"x")),
            };
            let done = rig.outbound(&packet(&host, SERVER, number, &go(port, 443)));
            if done.verdict == Verdict::Drop(DropReason::PortsExhausted) {
                continue;
            }
            prop_assert_eq!(done.verdict, Verdict::Forward(End::Wan(A)));
            let public = end(&done.packet, Side::Source).port;
            prop_assert!((20000..=20011).contains(&public));
            ends.insert((number, public), (host, port));
            for ((number, public), (host, port)) in &ends {
                let reply = match *number {
                    protocol::TCP => tcp(443, *public, 18, &[], b""),
                    protocol::UDP => udp(443, *public, b"x"),
                    _ => icmp(0, 0, [*public, 1], b"x"),
                };
                match back(&mut rig, SERVER, *number, &reply) {
                    Ok(end) => prop_assert!(is_end(end, host, *port), "{end:?} is not {host} {port}"),
                    Err(verdict) => prop_assert!(
                        matches!(verdict, Verdict::Kernel | Verdict::Drop(DropReason::NoMapping | DropReason::Filtered))
                    ),
                }
            }
        }
    }
}
