//! Claims about the wheel, and the wheel with the table against a model.

use super::*;
use crate::plane::flow::table::Seen;
use crate::plane::packet::segment::Segment;
use crate::types::{Direction, Timeouts, WanId};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::net::IpAddr;

const TIMES: Timeouts = Timeouts {
    tcp_established: 7440,
    tcp_opening: 240,
    tcp_closing: 240,
    udp: 300,
    icmp: 60,
    other: 5,
    unanswered: 30,
};

fn key(protocol: u8, port: u16) -> FlowKey {
    let (inside, remote): (IpAddr, IpAddr) = ("fd00:bad:b01::2".parse().unwrap(), "2001:db8::9".parse().unwrap());
    FlowKey::from_parts(protocol, (inside, port), (remote, 443))
}

fn seen(now: Tick) -> Seen {
    let segment = Some(Segment { flags: 16, sequence: 0, acknowledgment: 0, payload: 60 });
    Seen::sample(Direction::Outbound, now, segment)
}

fn insert(table: &FlowTable, wheel: &mut Wheel, key: FlowKey, now: Tick) -> bool {
    let Ok(pin) = table.insert(key, WanId(0), 1, &seen(now), &TIMES) else { return false };
    if pin.fresh {
        wheel.schedule(key, pin.expires, pin.came_in);
    }
    true
}

#[test]
fn a_silent_flow_ends_at_its_second_and_not_before() {
    let (table, mut wheel) = (FlowTable::new(10), Wheel::new(Tick::from_secs(100)));
    assert!(insert(&table, &mut wheel, key(47, 0), Tick::from_secs(100)));
    assert_eq!(wheel.turn(Tick::from_millis(104_999), &table, 100), 0);
    assert_eq!(wheel.turn(Tick::from_secs(105), &table, 100), 1);
    assert_eq!((table.len(), wheel.watched(), table.expired()), (0, 0, 1));
}

#[test]
fn a_flow_that_was_refreshed_is_watched_on() {
    let (table, mut wheel) = (FlowTable::new(10), Wheel::new(Tick(0)));
    assert!(insert(&table, &mut wheel, key(47, 0), Tick(0)));
    assert!(table.touch(&key(47, 0), 1, &seen(Tick::from_secs(4)), &TIMES).is_some());
    assert_eq!((wheel.turn(Tick::from_secs(8), &table, 100), wheel.watched()), (0, 1));
    assert_eq!((wheel.turn(Tick::from_secs(9), &table, 100), wheel.watched()), (1, 0));
}

#[test]
fn a_life_longer_than_the_wheel_ends_in_time() {
    let (table, mut wheel) = (FlowTable::new(10), Wheel::new(Tick(0)));
    assert!(insert(&table, &mut wheel, key(17, 1), Tick(0)));
    let ended = (0..400).find(|second| wheel.turn(Tick::from_secs(*second), &table, 100) == 1);
    assert_eq!(ended, Some(300));
}

#[test]
fn work_beyond_the_budget_waits_for_the_next_call() {
    let (table, mut wheel) = (FlowTable::new(100), Wheel::new(Tick(0)));
    for port in 0..25 {
        assert!(insert(&table, &mut wheel, key(47, port), Tick(0)));
    }
    let now = Tick::from_secs(1000);
    assert_eq!([10, 10, 10, 10].map(|budget| wheel.turn(now, &table, budget)), [10, 10, 5, 0]);
    assert!(!wheel.is_behind(now));
}

#[test]
fn a_jump_in_time_costs_one_round_and_loses_nothing() {
    let (table, mut wheel) = (FlowTable::new(100), Wheel::new(Tick(0)));
    for port in 0..100u16 {
        let now = Tick::from_secs(u64::from(port));
        wheel.turn(now, &table, 100);
        assert!(insert(&table, &mut wheel, key(17, port), now));
    }
    let far = Tick::from_secs(4_000_000_000);
    assert_eq!((wheel.turn(far, &table, 1000), table.len(), wheel.watched()), (100, 0, 0));
    assert!(insert(&table, &mut wheel, key(17, 1), far));
    assert_eq!(wheel.turn(Tick::from_secs(4_000_000_300), &table, 1000), 1);
    assert_eq!(wheel.turn(Tick(u64::MAX), &table, 1000), 0);
}

#[test]
fn an_empty_slot_gives_its_memory_back() {
    let (table, mut wheel) = (FlowTable::new(20_000), Wheel::new(Tick(0)));
    for port in 0..20_000 {
        assert!(insert(&table, &mut wheel, key(47, port), Tick(0)));
    }
    assert_eq!(wheel.turn(Tick::from_secs(6), &table, 20_001), 20_000);
    assert!(wheel.slots.iter().flatten().all(|slot| slot.capacity() <= KEPT));
}

/// A datagram from outside, or from inside, of the flow with this port.
fn datagram(direction: Direction, table: &FlowTable, wheel: &mut Wheel, port: u16, now: Tick) {
    let (key, seen) = (key(17, port), Seen { direction, segment: None, ..seen(now) });
    if table.touch(&key, 1, &seen, &TIMES).is_none() {
        let pin = table.insert(key, WanId(0), 1, &seen, &TIMES).unwrap();
        wheel.schedule(key, pin.expires, pin.came_in);
    }
}

fn ports(table: &FlowTable) -> Vec<u16> {
    let mut ports = Vec::new();
    table.for_each(|key, _| ports.push(key.inside_port()));
    ports.sort_unstable();
    ports
}

#[test]
fn the_oldest_that_is_not_assured_goes_first() {
    let (table, mut wheel) = (FlowTable::new(100), Wheel::new(Tick(0)));
    for (port, secs) in [(1, 0), (2, 0), (3, 0), (4, 5), (5, 5)] {
        datagram(Direction::Inbound, &table, &mut wheel, port, Tick::from_secs(secs));
    }
    datagram(Direction::Outbound, &table, &mut wheel, 6, Tick(0));
    datagram(Direction::Outbound, &table, &mut wheel, 2, Tick::from_secs(6));
    datagram(Direction::Inbound, &table, &mut wheel, 2, Tick::from_secs(6));
    let left = [vec![2, 3, 4, 5, 6], vec![2, 4, 5, 6], vec![2, 5, 6], vec![2, 6]];
    for ports_left in left {
        assert!(wheel.evict(&table));
        assert_eq!((ports(&table), wheel.watched()), (ports_left.clone(), ports_left.len()));
    }
    assert!(!wheel.evict(&table), "the others are assured, or came from inside");
    assert_eq!((wheel.turn(Tick::from_secs(299), &table, 100), wheel.turn(Tick::from_secs(300), &table, 100)), (0, 1));
    assert_eq!((wheel.turn(Tick::from_secs(306), &table, 100), table.len(), wheel.watched()), (1, 0, 0));
}

#[test]
fn a_flow_that_was_evicted_and_comes_again_is_watched_once() {
    let (table, mut wheel) = (FlowTable::new(100), Wheel::new(Tick(0)));
    for millis in 0..1000 {
        datagram(Direction::Inbound, &table, &mut wheel, 1, Tick::from_millis(millis * 100));
        assert_eq!(wheel.watched(), 1);
        assert!(wheel.evict(&table) && wheel.watched() == 0);
    }
}

#[test]
fn a_walk_shows_every_flow_that_stays_while_others_are_evicted_under_it() {
    let (table, mut wheel) = (FlowTable::new(1000), Wheel::new(Tick(0)));
    for port in 0..300 {
        datagram(Direction::Inbound, &table, &mut wheel, port, Tick::from_secs(u64::from(port) / 100));
    }
    datagram(Direction::Outbound, &table, &mut wheel, 300, Tick(0));
    let (mut walk, mut shown) = (Some(Walk::default()), Vec::new());
    while let Some(at) = walk {
        walk = wheel.walk(at, 10, |key| {
            shown.push(key.inside_port());
            true
        });
        (0..3).for_each(|_| _ = wheel.evict(&table));
    }
    let left = ports(&table);
    assert!(left.len() > 100 && left.iter().all(|port| shown.contains(port)), "{left:?} {shown:?}");
}

/// One step of a random run.
#[derive(Clone, Copy, Debug)]
enum Step {
    Packet { port: u16, protocol: u8 },
    Pass { millis: u64 },
    Turn { budget: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let protocol = prop_oneof![Just(1u8), Just(17), Just(47), Just(6)];
    prop_oneof![
        4 => (0..40u16, protocol).prop_map(|(port, protocol)| Step::Packet { port, protocol }),
        2 => prop_oneof![3 => 0..4_000u64, 2 => 4_000..120_000u64, 1 => 120_000..20_000_000u64]
            .prop_map(|millis| Step::Pass { millis }),
        2 => (1..20usize).prop_map(|budget| Step::Turn { budget }),
    ]
}

proptest! {
    #[test]
    fn the_table_holds_what_a_model_without_wheel_or_shards_holds(steps in prop::collection::vec(step(), 1..200)) {
        const LIMIT: usize = 30;
        let (table, mut wheel, mut now) = (FlowTable::new(LIMIT), Wheel::new(Tick(0)), Tick(0));
        // What lives, by key: the second it ends at. Removed from the table or not yet, as the budgets have it.
        let mut model: BTreeMap<FlowKey, u32> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Pass { millis } => now = now.plus_millis(millis),
                Step::Turn { budget } => {
                    let before = table.len();
                    let removed = wheel.turn(now, &table, budget);
                    prop_assert!(removed <= budget);
                    prop_assert_eq!(table.len(), before - removed);
                }
                Step::Packet { port, protocol } => {
                    let key = key(protocol, port);
                    let lives = model.get(&key).is_some_and(|expires| *expires > now.secs());
                    let pin = table.touch(&key, 1, &seen(now), &TIMES);
                    prop_assert_eq!(pin.is_some(), lives);
                    let inserted = lives || insert(&table, &mut wheel, key, now);
                    prop_assert!(inserted || table.len() == LIMIT);
                    if inserted {
                        let life = match protocol { 1 => 60, 17 => 300, 6 => 240, _ => 5 };
                        let ends = now.secs() + life + u32::from(now.0 % 1_000_000_000 != 0);
                        model.insert(key, ends);
                    }
                }
            }
            prop_assert_eq!(wheel.watched(), table.len(), "every flow is watched once");
            let living = model.values().filter(|expires| **expires > now.secs()).count();
            prop_assert!(living <= table.len());
        }
        let mut rounds = 0;
        while wheel.is_behind(now) {
            wheel.turn(now, &table, 7);
            rounds += 1;
            prop_assert!(rounds < 1000, "the wheel catches up");
        }
        wheel.turn(now, &table, 1000);
        model.retain(|_, expires| *expires > now.secs());
        let mut left = BTreeMap::new();
        table.for_each(|key, record| { left.insert(*key, record.expires); });
        // A flow whose deadline has passed may wait in a later slot for a round at the most.
        left.retain(|_, expires| *expires > now.secs());
        prop_assert_eq!(&left, &model);
        for _ in 0..2 {
            now = now.plus_millis(1_000_000_000);
            wheel.turn(now, &table, 1000);
        }
        prop_assert_eq!((table.len(), wheel.watched()), (0, 0), "nothing lives for ever");
    }
}
