//! Claims about pages: nothing is missed or doubled, whatever the size and whatever happens meanwhile.

use super::*;
use crate::api::{FlowQuery, Flows};
use crate::control::compile;
use crate::control::report::flows::filter::MOST;
use crate::control::sample::settings;
use crate::plane::flow::table::{Fate, Seen};
use crate::types::{Direction, WanId};
use std::net::Ipv4Addr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Flows that live until second 300.
const MANY: u32 = 100_000;

/// The `number`th flow: neither in the order of keys nor by protocol in one place.
fn key(number: u32) -> FlowKey {
    let remote = Ipv4Addr::from(0xcb00_7100 + number.wrapping_mul(40_503) % 65_536);
    let inside = Ipv4Addr::new(10, 250, 250, 2 + (number % 5) as u8);
    let protocol = if number.is_multiple_of(4) { 6 } else { 17 };
    FlowKey::from_parts(protocol, (inside.into(), (number >> 16) as u16), (remote.into(), 443))
}

fn insert(table: &FlowTable, policy: &Policy, number: u32) {
    let now = Tick::from_secs(1);
    let seen = Seen {
        direction: Direction::Outbound,
        now,
        bytes: 60,
        packets: 1,
        segment: None,
        refresh: true,
        arrival: None,
        begins: false,
    };
    table.insert(key(number), WanId((number % 2) as u8), 1, &seen, &policy.fixed.timeouts).unwrap();
}

fn table(flows: u32) -> (FlowTable, Arc<Policy>) {
    let (table, policy) = (FlowTable::new(MANY as usize * 2), compile::replay_policy(&settings()));
    (0..flows).for_each(|number| insert(&table, &policy, number));
    (table, Arc::new(policy))
}

/// The same for all who only read.
fn crowd() -> &'static (FlowTable, Arc<Policy>) {
    static CROWD: OnceLock<(FlowTable, Arc<Policy>)> = OnceLock::new();
    CROWD.get_or_init(|| table(MANY))
}

fn page(table: &FlowTable, policy: &Arc<Policy>, query: &FlowQuery) -> Page {
    let filter = Filter::new(query, &settings()).unwrap();
    Page::gather(table, Arc::clone(policy), &filter, Tick::from_secs(100))
}

fn answer(page: Page) -> Flows {
    let text = page.pieces().collect::<Vec<_>>().concat();
    let flows: Flows = serde_json::from_slice(&text).unwrap();
    assert_eq!(serde_json::to_vec(&flows).unwrap(), text, "the fields and their order are those of `api`");
    flows
}

/// The keys on all pages, each page of `limit` flows, and how many matched in the end.
fn walk(table: &FlowTable, policy: &Arc<Policy>, mut query: FlowQuery) -> (Vec<FlowKey>, u64) {
    let mut keys = Vec::new();
    loop {
        let page = page(table, policy, &query);
        assert!(page.flows.len() <= query.limit.unwrap_or(100).min(MOST));
        keys.extend(page.flows.iter().map(|(key, _)| *key));
        let (matched, next) = (page.matched, page.has_more.then(|| cursor::text(&page.flows.last().unwrap().0)));
        if next.is_none() {
            return (keys, matched);
        }
        query.after = next;
    }
}

#[test]
fn a_hundred_thousand_flows_are_listed_once_each_in_the_order_of_their_keys() {
    let (table, policy) = crowd();
    let mut all: Vec<_> = (0..MANY).map(key).collect();
    all.sort_unstable();
    for limit in [MOST, 20_000] {
        let (keys, matched) = walk(table, policy, FlowQuery { limit: Some(limit), ..FlowQuery::default() });
        assert!(keys == all, "{} flows with pages of {limit}", keys.len());
        assert_eq!(matched, u64::from(MANY));
    }
    let query = FlowQuery { limit: Some(10_000), protocol: Some("tcp".into()), ..FlowQuery::default() };
    let (keys, matched) = walk(table, policy, query);
    all.retain(|key| key.protocol() == 6);
    assert!(keys == all, "{} flows", keys.len());
    assert_eq!(matched, u64::from(MANY / 4));
}

#[test]
fn no_page_is_larger_than_the_largest_and_memory_is_twice_that() {
    let (table, policy) = crowd();
    let page = page(table, policy, &FlowQuery { limit: Some(usize::MAX), ..FlowQuery::default() });
    assert_eq!((page.flows.len(), page.flows.capacity(), page.has_more), (MOST, MOST, true));
    assert_eq!(size_of::<(FlowKey, FlowRecord)>(), 112);
    let longest = page.pieces().map(|piece| piece.len()).max().unwrap();
    assert!(longest < 128 << 10, "{longest} bytes in a piece");
    let mut first = First::new(MOST);
    table.for_each(|key, record| {
        first.offer(key, record);
        assert!(first.flows.capacity() <= 2 * MOST);
    });
}

#[test]
fn a_page_says_whether_and_where_the_next_begins() {
    let (table, policy) = table(10);
    let ask = |limit, after: Option<&str>| {
        let query = FlowQuery { limit: Some(limit), after: after.map(str::to_owned), ..FlowQuery::default() };
        let flows = answer(page(&table, &policy, &query));
        assert_eq!(flows.matched, 10);
        (flows.flows.len(), flows.next)
    };
    assert_eq!([0, 10, 11].map(|limit| ask(limit, None)), [(0, None), (10, None), (10, None)]);
    let (nine, next) = ask(9, None);
    assert_eq!((nine, ask(9, next.as_deref())), (9, (1, None)));
    assert_eq!(ask(5, Some("255-ffff::-0-::-0")), (0, None), "behind all");
    let mut all: Vec<_> = (0..10).map(key).collect();
    all.sort_unstable();
    assert_eq!(next, Some(cursor::text(&all[8])));
    assert_eq!(table.expire(&all[8], Tick::from_secs(10_000)), Fate::Expired);
    assert_eq!(answer(page(&table, &policy, &FlowQuery { after: next, ..FlowQuery::default() })).flows.len(), 1);
}

#[test]
fn what_stays_is_on_exactly_one_page_while_others_come_and_go() {
    const STAY: u32 = 10_000;
    let (table, policy) = table(STAY);
    let over = AtomicBool::new(false);
    let mut stay: Vec<_> = (0..STAY).map(key).collect();
    stay.sort_unstable();
    let walks = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Relaxed) {
                (STAY..2 * STAY).for_each(|number| insert(&table, &policy, number));
                (STAY..2 * STAY).for_each(|number| _ = table.expire(&key(number), Tick::from_secs(10_000)));
            }
        });
        let query = || FlowQuery { limit: Some(4_000), ..FlowQuery::default() };
        let walks: Vec<_> = (0..3).map(|_| walk(&table, &policy, query()).0).collect();
        over.store(true, Relaxed);
        walks
    });
    for keys in walks {
        assert!(keys.is_sorted_by(|one, other| one < other), "in order, none twice");
        assert_eq!(stay.iter().filter(|key| keys.binary_search(key).is_ok()).count(), stay.len());
    }
}
