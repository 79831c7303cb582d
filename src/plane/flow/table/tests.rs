//! Claims about the flow table.

mod strangers;

use super::*;
use crate::plane::counters::Traffic;
use crate::plane::flow::silence::Silence;
use crate::plane::packet::numbers::tcp_flag;
use crate::plane::packet::segment::Segment;
use crate::types::Direction;
use std::net::IpAddr;
use std::sync::Barrier;

const TIMES: Timeouts = Timeouts {
    tcp_established: 7440,
    tcp_opening: 240,
    tcp_closing: 240,
    udp: 300,
    icmp: 60,
    other: 300,
    unanswered: 30,
};
const A: WanId = WanId(0);
const B: WanId = WanId(1);

fn key(protocol: u8, port: u16) -> FlowKey {
    let (inside, remote): (IpAddr, IpAddr) = ("10.250.250.2".parse().unwrap(), "203.0.113.9".parse().unwrap());
    FlowKey::from_parts(protocol, (inside, port), (remote, 443))
}

fn seen(direction: Direction, millis: u64, flags: u8) -> Seen {
    let now = Tick::from_millis(millis);
    Seen::sample(direction, now, Some(segment(flags, 0, 0)))
}

fn segment(flags: u8, sequence: u32, acknowledgment: u32) -> Segment {
    Segment { flags, sequence, acknowledgment, payload: 0 }
}

fn record(table: &FlowTable, wanted: &FlowKey) -> FlowRecord {
    let mut found = None;
    table.for_each(|key, record| {
        if key == wanted {
            found = Some(*record);
        }
    });
    found.unwrap()
}

#[test]
fn a_flow_keeps_its_pin_and_counts_both_ways() {
    let table = FlowTable::new(10);
    let tcp = key(6, 1);
    let syn = seen(Direction::Outbound, 5_500, tcp_flag::SYN);
    assert_eq!(table.touch(&tcp, 3, &syn, &TIMES), None);
    let fresh = table.insert(tcp, B, 3, &syn, &TIMES).unwrap();
    assert_eq!(
        fresh,
        Pin {
            binding: B.into(),
            rule: 0,
            epoch: 3,
            fresh: true,
            expires: 246,
            follows_arrival: false,
            came_in: false,
            terminated: false,
            yields: false,
            shown: Reachability::Tried,
            silence: fresh.silence,
        }
    );
    let back = Seen { bytes: 2896, packets: 2, ..seen(Direction::Inbound, 6_000, tcp_flag::SYN | tcp_flag::ACK) };
    assert_eq!(
        table.touch(&tcp, 3, &back, &TIMES),
        Some(Pin {
            fresh: false,
            shown: Reachability::Answered,
            silence: Silence::new(back.now, back.direction, back.segment),
            ..fresh
        })
    );
    let third = table.touch(&tcp, 3, &seen(Direction::Outbound, 6_001, tcp_flag::ACK), &TIMES).unwrap();
    assert_eq!(third.expires, 7447);
    assert_eq!(
        record(&table, &tcp),
        FlowRecord {
            binding: B.into(),
            epoch: 3,
            origin: Direction::Outbound,
            state: "established",
            created: 5,
            last: 6,
            expires: 7447,
            outbound: Traffic { packets: 2, bytes: 200 },
            inbound: Traffic { packets: 2, bytes: 2896 },
        }
    );
}

#[test]
fn a_rst_shortens_a_life_and_never_prolongs_it() {
    let table = FlowTable::new(10);
    let tcp = key(6, 1);
    table.insert(tcp, A, 1, &seen(Direction::Outbound, 0, tcp_flag::ACK), &TIMES).unwrap();
    table.touch(&tcp, 1, &seen(Direction::Inbound, 0, tcp_flag::ACK), &TIMES).unwrap();
    let expires = |seconds: u64, flags| {
        table.touch(&tcp, 1, &seen(Direction::Inbound, seconds * 1000, flags), &TIMES).unwrap().expires
    };
    assert_eq!(expires(10, tcp_flag::RST), 250);
    assert_eq!(expires(100, tcp_flag::RST), 250, "repeated by whoever forges it");
    assert_eq!(expires(200, tcp_flag::ACK), 7640, "data proves the flow alive");
}

#[test]
fn a_rst_from_outside_ends_an_established_connection_only_with_the_number_that_is_awaited() {
    let table = FlowTable::new(10);
    let tcp = key(6, 1);
    let see = |direction, it| {
        let seen = Seen { segment: Some(it), ..seen(direction, 0, 0) };
        table
            .touch(&tcp, 1, &seen, &TIMES)
            .map_or_else(|| table.insert(tcp, A, 1, &seen, &TIMES).unwrap().expires, |pin| pin.expires)
    };
    let (out, inn) = (Direction::Outbound, Direction::Inbound);
    let rst = |sequence| segment(tcp_flag::RST, sequence, 0);
    // The numbers wrap round.
    see(out, segment(tcp_flag::SYN, 7, 0));
    see(inn, segment(tcp_flag::SYN | tcp_flag::ACK, u32::MAX - 1, 8));
    assert_eq!(see(out, segment(tcp_flag::ACK, 8, u32::MAX)), 7440);
    assert_eq!(see(inn, rst(u32::MAX - 1)), 7440);
    see(inn, Segment { payload: 10, ..segment(tcp_flag::ACK, u32::MAX, 8) });
    see(inn, Segment { payload: 10, ..segment(tcp_flag::ACK, 1000, 8) });
    assert_eq!([u32::MAX, 1010, 10].map(|number| see(inn, rst(number))), [7440; 3]);
    see(out, segment(tcp_flag::ACK, 8, 5));
    assert_eq!(see(inn, rst(5)), 7440, "an acknowledgment that came late");
    assert_eq!(see(inn, rst(9)), 240);
    assert_eq!(record(&table, &tcp).state, "closing");
}

#[test]
fn an_icmp_error_counts_but_refreshes_nothing() {
    let table = FlowTable::new(10);
    let udp = key(17, 1);
    table.insert(udp, A, 1, &seen(Direction::Outbound, 0, 0), &TIMES).unwrap();
    let error = Seen { refresh: false, segment: None, ..seen(Direction::Inbound, 100_000, 0) };
    assert_eq!(table.touch(&udp, 1, &error, &TIMES).unwrap().expires, 300);
    let after = record(&table, &udp);
    assert_eq!((after.last, after.state, after.inbound.packets), (0, "one-way", 1));
}

#[test]
fn a_packet_that_the_pins_snapshot_has_not_judged_changes_nothing() {
    let table = FlowTable::new(10);
    let udp = key(17, 1);
    table.insert(udp, A, 1, &seen(Direction::Outbound, 0, 0), &TIMES).unwrap();
    let later = seen(Direction::Inbound, 100_000, 0);
    let pin = table.touch(&udp, 2, &later, &TIMES).unwrap();
    assert_eq!((pin.epoch, pin.expires), (1, 300));
    assert_eq!(table.touch(&udp, 1, &later, &TIMES).unwrap().expires, 400);
    table.for_each(|_, flow| assert_eq!((flow.outbound.packets, flow.inbound.packets, flow.last), (1, 1, 100)));
}

#[test]
fn a_flow_whose_time_is_up_is_replaced_in_place() {
    let table = FlowTable::new(10);
    let udp = key(17, 1);
    table.insert(udp, A, 1, &seen(Direction::Outbound, 0, 0), &TIMES).unwrap();
    let late = seen(Direction::Inbound, 300_000, 0);
    assert_eq!(table.touch(&udp, 1, &late, &TIMES), None);
    assert_eq!(table.peek(&udp, late.now), None);
    let pin = table.insert(udp, B, 2, &late, &TIMES).unwrap();
    let expected = Pin {
        binding: B.into(),
        rule: 0,
        epoch: 2,
        fresh: false,
        expires: 330,
        follows_arrival: true,
        came_in: true,
        terminated: false,
        yields: false,
        shown: Reachability::Nothing,
        silence: pin.silence,
    };
    assert_eq!(pin, expected, "its wheel watches it already");
    assert_eq!((table.len(), table.created(), table.expired()), (1, 2, 1));
    assert_eq!((table.pinned(A), table.pinned(B)), (0, 1));
    assert_eq!(record(&table, &udp).origin, Direction::Inbound);
}

#[test]
fn a_full_table_refuses_new_flows_and_serves_the_old() {
    let table = FlowTable::new(2);
    let packet = seen(Direction::Outbound, 0, 0);
    assert!(table.insert(key(17, 1), A, 1, &packet, &TIMES).is_ok());
    assert!(table.insert(key(17, 2), A, 1, &packet, &TIMES).is_ok());
    assert_eq!(table.insert(key(17, 3), A, 1, &packet, &TIMES), Err(Full));
    assert_eq!(table.insert(key(17, 2), B, 1, &packet, &TIMES).map(|pin| pin.binding.wan), Ok(A));
    assert_eq!((table.len(), table.refused(), table.pinned(A)), (2, 1, 2));
    assert_eq!(table.expire(&key(17, 1), Tick::from_secs(300)), Fate::Expired);
    assert!(table.insert(key(17, 3), B, 1, &packet, &TIMES).is_ok());
    assert_eq!((table.len(), table.pinned(A), table.pinned(B)), (2, 1, 1));
}

#[test]
fn a_pin_moves_with_its_count() {
    let table = FlowTable::new(2);
    table.insert(key(17, 1), A, 1, &seen(Direction::Outbound, 0, 0), &TIMES).unwrap();
    assert!(table.repin(&key(17, 1), B, 9));
    assert!(!table.repin(&key(17, 2), B, 9));
    let pin = table.peek(&key(17, 1), Tick(0)).unwrap();
    assert_eq!((pin.binding.wan, pin.epoch, table.pinned(A), table.pinned(B)), (B, 9, 0, 1));
}

#[test]
fn of_two_workers_that_meet_a_flow_at_once_one_makes_it() {
    let table = FlowTable::new(1000);
    let start = Barrier::new(4);
    let fresh = std::thread::scope(|scope| {
        let worker = |wan: u8| {
            let (table, start) = (&table, &start);
            scope.spawn(move || {
                start.wait();
                let insert = |port| {
                    table.insert(key(17, port), WanId(wan), 1, &seen(Direction::Outbound, 0, 0), &TIMES).unwrap()
                };
                (0..2000).map(|n| insert(n % 1000)).filter(|pin| pin.fresh).count()
            })
        };
        let workers: Vec<_> = (0..4).map(worker).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum::<usize>()
    });
    assert_eq!((fresh, table.len(), table.created()), (1000, 1000, 1000));
    let mut packets = 0;
    table.for_each(|_, record| packets += record.outbound.packets);
    assert_eq!(packets, 8000);
    assert_eq!((0..4).map(|wan| table.pinned(WanId(wan))).sum::<usize>(), 1000);
}

#[test]
fn workers_that_race_for_the_last_places_never_pass_the_limit() {
    let table = FlowTable::new(500);
    std::thread::scope(|scope| {
        for worker in 0..4u16 {
            let table = &table;
            scope.spawn(move || {
                for port in 0..1000 {
                    let _ = table.insert(key(17, worker * 1000 + port), A, 1, &seen(Direction::Outbound, 0, 0), &TIMES);
                }
            });
        }
    });
    assert_eq!((table.len(), table.created(), table.refused()), (500, 500, 3500));
}
