//! What strangers on the Internet can do to the flows of a site: their packets are spoofed, and nobody inside answers.

use super::*;

const HOST: &str = "10.250.250.2";

/// A datagram that a stranger sends from this port of any address.
fn spoofed(rig: &mut Rig, id: WanId, number: u32) -> Verdict {
    let source = std::net::Ipv4Addr::from_bits(0x0505_0000 + number).to_string();
    let public = ["192.0.2.12", "198.51.100.12"][id.index()];
    rig.inbound(id, &packet(&source, public, protocol::UDP, &udp(9, 53, b"?"))).verdict
}

fn udp_to_server(rig: &mut Rig, port: u16) -> Verdict {
    rig.outbound(&packet(HOST, SERVER, protocol::UDP, &udp(port, 53, b"question"))).verdict
}

/// Room for that many flows.
const LIMIT: usize = 200;
/// Flows from outside that are not assured: one begins to take another's place at this number.
const CROWD: usize = LIMIT / 2 - LIMIT / 16;

#[test]
fn a_flood_from_outside_of_more_flows_than_the_table_holds_takes_no_entry_from_inside() {
    let mut rig = Rig::with_room(policy(), LIMIT);
    for number in 0..LIMIT as u32 * 6 / 5 {
        let id = [A, B][number as usize % 2];
        assert_eq!(spoofed(&mut rig, id, number), Verdict::Forward(End::Inside));
        rig.now = rig.now.plus_millis(1);
    }
    for port in 1000..1000 + LIMIT as u16 / 2 {
        assert!(matches!(udp_to_server(&mut rig, port), Verdict::Forward(End::Wan(_))));
    }
    let (totals, table) = (rig.totals(), &rig.plane.shared().table);
    assert_eq!((table.len(), table.unassured()), (CROWD + LIMIT / 2, CROWD));
    assert_eq!((totals.events(Event::Unpinned), totals.events(Event::Evicted)), (0, (LIMIT * 6 / 5 - CROWD) as u64));
    // Who has come last is answered by the WAN it came in on.
    for number in LIMIT as u32 * 6 / 5 - 20..LIMIT as u32 * 6 / 5 {
        let remote = std::net::Ipv4Addr::from_bits(0x0505_0000 + number).to_string();
        let answer = rig.outbound(&packet(HOST, &remote, protocol::UDP, &udp(53, 9, b"!")));
        assert_eq!(answer.verdict, Verdict::Forward(End::Wan([A, B][number as usize % 2])), "{number}");
    }
    rig.now = rig.now.plus_millis(301_000);
    while rig.plane.tick(rig.now, &mut rig.outbox) < rig.now.plus_millis(2) {}
    let table = &rig.plane.shared().table;
    assert_eq!((table.len(), table.unassured()), (0, 0), "each place comes back");
}

#[test]
fn a_flood_of_pings_and_syns_that_hosts_inside_answer_by_themselves_takes_no_entry_either() {
    let mut rig = Rig::with_room(policy(), LIMIT);
    for number in 0..LIMIT as u32 * 2 {
        let (id, source) = (A, std::net::Ipv4Addr::from_bits(0x0505_0000 + number).to_string());
        let (protocol, come, go) = match number % 3 {
            0 => (protocol::TCP, tcp(9, 443, 2, &[], &[]), tcp(443, 9, 18, &[], &[])),
            1 => (protocol::ICMP, icmp(8, 0, [0, 1], b"ping"), icmp(0, 0, [0, 1], b"ping")),
            _ => (protocol::UDP, udp(9, 53, b"question"), udp(53, 9, b"answer")),
        };
        assert_eq!(
            rig.inbound(id, &packet(&source, "192.0.2.12", protocol, &come)).verdict,
            Verdict::Forward(End::Inside)
        );
        assert_eq!(rig.outbound(&packet(HOST, &source, protocol, &go)).verdict, Verdict::Forward(End::Wan(id)));
    }
    for port in 1000..1000 + (LIMIT - CROWD) as u16 {
        assert!(matches!(udp_to_server(&mut rig, port), Verdict::Forward(End::Wan(_))));
    }
    let (totals, table) = (rig.totals(), &rig.plane.shared().table);
    assert_eq!((table.len(), table.unassured(), totals.events(Event::Unpinned)), (LIMIT, CROWD, 0));
    // The inside needs more, and strangers make way.
    for port in 2000..2000 + CROWD as u16 {
        assert!(matches!(udp_to_server(&mut rig, port), Verdict::Forward(End::Wan(_))));
    }
    let (totals, table) = (rig.totals(), &rig.plane.shared().table);
    assert_eq!((table.len(), table.unassured(), totals.events(Event::Unpinned)), (LIMIT, 0, 0));
    assert_eq!(totals.events(Event::Evicted), (LIMIT * 2) as u64);
}

#[test]
fn a_flood_that_one_worker_sees_leaves_room_for_what_comes_in_at_another() {
    const ROOM: u32 = 6400;
    let mut rig = Rig::with_room(policy(), ROOM as usize);
    for number in 0..ROOM {
        spoofed(&mut rig, A, number);
    }
    let other = crate::plane::Plane::new(Arc::clone(rig.plane.policy()), Arc::clone(rig.plane.shared()), false);
    let first = std::mem::replace(&mut rig.plane, other);
    for number in ROOM..ROOM * 2 {
        assert_eq!(spoofed(&mut rig, B, number), Verdict::Forward(End::Inside));
    }
    let totals = [first.counters(), rig.plane.counters()].map(|counters| counters.snapshot());
    let share = u64::from(ROOM / 128);
    assert_eq!(totals.map(|totals| totals.events(Event::Evicted)), [u64::from(ROOM) - 2800, u64::from(ROOM) - share]);
    assert_eq!(rig.plane.shared().table.unassured() as u64, 2800 + share);
}

/// What a stranger sends, what the inside begins with the same ports, and what would be an answer: TCP and ping.
fn crossings() -> [(u8, [Vec<u8>; 3]); 2] {
    let ping = |kind| icmp(kind, 0, [4000, 1], b"ping");
    let syn = |ports: (u16, u16), flags| tcp(ports.0, ports.1, flags, &[], &[]);
    let connection = [syn((443, 4000), 2), syn((4000, 443), 2), syn((4000, 443), 18)];
    [(protocol::TCP, connection), (protocol::ICMP, [ping(8), ping(8), ping(0)])]
}

/// A policy where B is down softly, so that it hears strangers and takes no new flows.
fn with_one_down() -> Policy {
    let mut policy = policy();
    policy.wans[B.index()].standing = [Standing::SoftDown; 2];
    policy
}

#[test]
fn a_stranger_does_not_lead_what_the_inside_begins_to_a_wan_that_is_down() {
    for (protocol, [spoofed, own, answer]) in &crossings() {
        let own = packet(HOST, SERVER, *protocol, own);
        let mut rig = Rig::new(with_one_down());
        for _ in 0..2 {
            rig.inbound(B, &packet(SERVER, "198.51.100.12", *protocol, spoofed));
            assert_eq!(rig.outbound(&own).verdict, Verdict::Forward(End::Wan(A)), "the inside begins, and goes on");
        }
        let table = &rig.plane.shared().table;
        assert_eq!((table.len(), table.unassured(), table.created(), table.pinned(A)), (1, 0, 2, 1));

        let mut rig = Rig::new(with_one_down());
        rig.inbound(B, &packet(SERVER, "198.51.100.12", *protocol, spoofed));
        let answered = rig.outbound(&packet(HOST, SERVER, *protocol, answer)).verdict;
        assert_eq!(answered, Verdict::Forward(End::Wan(B)), "an answer leaves by where its question came in");
        assert_eq!(rig.outbound(&own).verdict, Verdict::Forward(End::Wan(B)), "the inside has taken part");
    }
}

#[test]
fn two_ends_that_begin_at_once_meet_on_a_wan_that_is_up() {
    for (protocol, [crossing, own, _]) in &crossings() {
        for (id, public) in [(A, "192.0.2.12"), (B, "198.51.100.12")] {
            let mut policy = policy();
            policy.wans[B.index()].fixed_mut().tier = 2;
            let mut rig = Rig::new(policy);
            rig.inbound(id, &packet(SERVER, public, *protocol, crossing));
            let met = rig.outbound(&packet(HOST, SERVER, *protocol, own)).verdict;
            assert_eq!(met, Verdict::Forward(End::Wan(id)), "RFC 5382 REQ-2");
            assert_eq!(rig.plane.shared().table.created(), 1);
        }
    }
}

/// A plane with room for 1000 flows, where no source has more than 50.
fn bounded() -> Rig {
    let mut rig = Rig::new(policy());
    let shared = Arc::new(crate::plane::Shared::with_sources(1000, 50, 0));
    for (id, family) in [A, B].into_iter().flat_map(|id| Family::ALL.map(|family| (id, family))) {
        shared.neighbors.set(id, family, crate::plane::sample::GATEWAY[id.index()]);
    }
    rig.plane = crate::plane::Plane::new(Arc::clone(rig.plane.policy()), shared, true);
    rig
}

#[test]
fn a_host_inside_that_floods_loses_its_own_pins_and_no_other_host_notices() {
    for (flooder, other, server) in [
        ("10.250.250.2", "10.250.250.3", SERVER),
        ("fd00:bad:b01:1::100", "fd00:bad:b01:1::101", SERVER6),
        ("fd00:bad:b01:1::100", "fd00:bad:b01:2::100", SERVER6),
    ] {
        let mut rig = bounded();
        let ask = |rig: &mut Rig, host: &str, port| {
            let done = rig.outbound(&packet(host, server, protocol::UDP, &udp(port, 53, b"question")));
            assert!(matches!(done.verdict, Verdict::Forward(End::Wan(_))), "{host} {port}: {:?}", done.verdict);
        };
        (1000..3000).for_each(|port| ask(&mut rig, flooder, port));
        assert_eq!(rig.plane.shared().table.len(), 50);
        (1000..1050).for_each(|port| ask(&mut rig, other, port));
        let totals = rig.totals();
        assert_eq!(rig.plane.shared().table.len(), 100);
        assert_eq!((totals.events(Event::SourceLimited), totals.events(Event::Unpinned)), (1950, 1950));
        // What the flooder has ended gives its place back.
        rig.now = rig.now.plus_millis(301_000);
        while rig.plane.tick(rig.now, &mut rig.outbox) < rig.now.plus_millis(2) {}
        (1000..1050).for_each(|port| ask(&mut rig, flooder, port));
        assert_eq!(rig.totals().events(Event::SourceLimited), 1950);
    }
}

#[test]
fn a_host_with_as_many_flows_as_it_may_have_uses_ports_again() {
    let mut rig = bounded();
    let dial = |rig: &mut Rig, port, flags| {
        rig.outbound(&packet(HOST, SERVER, protocol::TCP, &tcp(port, 443, flags, &[], &[]))).verdict
    };
    (1000..1050).for_each(|port| _ = dial(&mut rig, port, 2));
    assert!(matches!(dial(&mut rig, 1050, 2), Verdict::Forward(End::Wan(_))));
    assert_eq!(rig.totals().events(Event::SourceLimited), 1);
    let key =
        crate::plane::flow::key::FlowKey::from_parts(6, (HOST.parse().unwrap(), 1000), (SERVER.parse().unwrap(), 443));
    rig.plane.shared().table.terminate(&key, rig.now, &rig.plane.policy().fixed.timeouts);
    assert_eq!(dial(&mut rig, 1000, 16), Verdict::Drop(DropReason::Reset));
    assert!(matches!(dial(&mut rig, 1000, 2), Verdict::Forward(End::Wan(_))), "another connection");
    assert!(matches!(dial(&mut rig, 1000, 16), Verdict::Forward(End::Wan(_))), "it goes on");
    assert_eq!((rig.totals().events(Event::SourceLimited), rig.plane.shared().table.len()), (1, 50));
}

#[test]
fn a_host_inside_that_makes_up_addresses_has_a_quarter_of_the_table() {
    let mut rig = bounded();
    for number in 0..2000 {
        let host = format!("fd00:bad:b01:1::{number:x}");
        rig.outbound(&packet(&host, SERVER6, protocol::UDP, &udp(7, 53, b"question")));
    }
    assert_eq!((rig.plane.shared().table.len(), rig.totals().events(Event::SourceLimited)), (250, 1750));
}

/// A network that is not spoofed, and talks with a host inside from so many ports.
fn converse(rig: &mut Rig, network: &str, ports: std::ops::Range<u16>) {
    for port in ports {
        let source = format!("{network}.{}", port % 200);
        for _ in 0..2 {
            let visit = packet(&source, "192.0.2.12", protocol::UDP, &udp(port, 53, b"?"));
            assert_eq!(rig.inbound(A, &visit).verdict, Verdict::Forward(End::Inside));
            let answer = rig.outbound(&packet(HOST, &source, protocol::UDP, &udp(53, port, b"!")));
            assert_eq!(answer.verdict, Verdict::Forward(End::Wan(A)), "{source} {port}");
        }
    }
}

#[test]
fn a_network_outside_keeps_as_many_flows_as_one_source_may_and_the_rest_makes_way_for_others() {
    let mut rig = bounded();
    converse(&mut rig, "203.0.113", 1000..1400);
    assert_eq!((rig.plane.shared().table.len(), rig.plane.shared().table.unassured()), (400, 350));
    converse(&mut rig, "203.0.112", 2000..2030);
    assert_eq!(
        (rig.plane.shared().table.len(), rig.plane.shared().table.unassured()),
        (430, 350),
        "others have their own"
    );
    for number in 0..2000 {
        assert_eq!(spoofed(&mut rig, A, number), Verdict::Forward(End::Inside));
    }
    let mut lasting = [0; 2];
    rig.plane.shared().table.for_each(|key, _| {
        let octets = key.remote().to_string();
        lasting[0] += usize::from(octets.starts_with("203.0.113."));
        lasting[1] += usize::from(octets.starts_with("203.0.112."));
    });
    assert_eq!(lasting, [50, 30]);
    // Whose flows have ended has room again.
    rig.now = rig.now.plus_millis(301_000);
    while rig.plane.tick(rig.now, &mut rig.outbox) < rig.now.plus_millis(2) {}
    converse(&mut rig, "203.0.113", 1000..1060);
    assert_eq!((rig.plane.shared().table.len(), rig.plane.shared().table.unassured()), (60, 10));
}

#[test]
fn spoofed_packets_use_up_nobodys_share() {
    let mut rig = bounded();
    for port in 3000..3500 {
        rig.inbound(A, &packet("203.0.113.7", "192.0.2.12", protocol::UDP, &udp(port, 53, b"?")));
    }
    converse(&mut rig, "203.0.113", 1000..1050);
    let mut assured = 0;
    rig.plane
        .shared()
        .table
        .for_each(|key, record| assured += usize::from(record.state == "two-way" && key.remote_port() < 2000));
    assert_eq!((assured, rig.plane.shared().table.len() - rig.plane.shared().table.unassured()), (50, 50));
}

#[test]
fn errors_about_flows_without_an_entry_reach_their_senders_too() {
    let mut rig = bounded();
    for port in 1000..1060 {
        let done = rig.outbound(&packet(HOST, SERVER, protocol::UDP, &udp(port, 53, b"question")));
        let Verdict::Forward(End::Wan(id)) = done.verdict else { panic!("{:?}", done.verdict) };
        let public = ["192.0.2.12", "198.51.100.12"][id.index()];
        let answer = packet(SERVER, public, protocol::UDP, &udp(53, port, b"answer"));
        let came = rig.inbound(id, &answer);
        assert_eq!(came.verdict, Verdict::Forward(End::Inside));
        let error = packet(HOST, SERVER, protocol::ICMP, &icmp(3, 3, [0, 0], &came.packet));
        assert_eq!(rig.outbound(&error).verdict, Verdict::Forward(End::Wan(id)), "{port}");
    }
}

/// One datagram or ping of a remote at a WAN, and what the host inside says to it: the WAN by which that leaves.
fn exchange(rig: &mut Rig, protocol: u8, id: WanId) -> WanId {
    come(rig, protocol, id);
    let answer = if protocol == protocol::UDP { udp(5060, 5060, b"!") } else { icmp(0, 0, [7, 1], b"ping") };
    match rig.outbound(&packet(HOST, SERVER, protocol, &answer)).verdict {
        Verdict::Forward(End::Wan(id)) => id,
        verdict => panic!("{verdict:?}"),
    }
}

fn come(rig: &mut Rig, protocol: u8, id: WanId) {
    let public = ["192.0.2.12", "198.51.100.12"][id.index()];
    let request = if protocol == protocol::UDP { udp(5060, 5060, b"?") } else { icmp(8, 0, [7, 1], b"ping") };
    assert_eq!(rig.inbound(id, &packet(SERVER, public, protocol, &request)).verdict, Verdict::Forward(End::Inside));
}

#[test]
fn a_call_that_hears_its_remote_on_its_line_is_not_led_away_and_goes_along_when_that_falls_silent() {
    for protocol in [protocol::UDP, protocol::ICMP] {
        let mut rig = Rig::new(policy());
        for _ in 0..12 {
            assert_eq!(exchange(&mut rig, protocol, A), A);
            rig.now = rig.now.plus_millis(1000);
        }
        for _ in 0..20 {
            assert_eq!(exchange(&mut rig, protocol, B), A, "a stranger, or a second address used at once");
            assert_eq!(exchange(&mut rig, protocol, A), A);
            rig.now = rig.now.plus_millis(500);
        }
        rig.now = rig.now.plus_millis(1000);
        assert_eq!(exchange(&mut rig, protocol, B), A);
        rig.now = rig.now.plus_millis(2000);
        assert_eq!(exchange(&mut rig, protocol, B), B, "nothing came by A for some seconds");
        assert_eq!(exchange(&mut rig, protocol, A), A, "whoever has moved once goes where he is asked");
        assert_eq!(exchange(&mut rig, protocol, B), B);
    }
}

#[test]
fn whoever_speaks_to_two_addresses_is_answered_from_each_however_long() {
    for pause in [1, 900, 20_000] {
        let mut rig = Rig::new(policy());
        for _ in 0..40 {
            for id in [A, B] {
                assert_eq!(exchange(&mut rig, protocol::UDP, id), id, "C-03");
                rig.now = rig.now.plus_millis(pause);
            }
        }
    }
}
