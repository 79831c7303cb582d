//! Claims about the flow list as it is asked for.

use super::*;
use crate::api::{Flow, FlowQuery, Flows, Traffic};
use crate::control::compile;
use crate::control::sample::settings;
use crate::plane::flow::key::FlowKey;
use crate::plane::flow::table::{FlowTable, Seen};
use crate::plane::packet::segment::Segment;
use crate::plane::policy::Policy;
use crate::types::{Direction, Tick, WanId};
use std::net::IpAddr;
use std::sync::Arc;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A TCP flow over fiber at second 5, an ICMPv6 one over cable at second 10.
fn table(policy: &Policy) -> FlowTable {
    let table = FlowTable::new(10);
    let tcp = FlowKey::from_parts(6, (ip("10.250.250.2"), 40_000), (ip("203.0.113.9"), 443));
    let echo = FlowKey::from_parts(58, (ip("fd00:bad:b01::2"), 77), (ip("2001:db8:ffff::1"), 0));
    let seen = Seen {
        direction: Direction::Outbound,
        now: Tick::from_secs(5),
        bytes: 60,
        packets: 1,
        segment: Some(Segment { flags: 2, sequence: 0, acknowledgment: 0, payload: 0 }),
        refresh: true,
        arrival: None,
        begins: false,
    };
    table.insert(tcp, WanId(0), 1, &seen, &policy.fixed.timeouts).unwrap();
    let seen = Seen { direction: Direction::Inbound, now: Tick::from_secs(10), segment: None, ..seen };
    table.insert(echo, WanId(1), 1, &seen, &policy.fixed.timeouts).unwrap();
    table
}

fn ask(query: FlowQuery, second: u64) -> Flows {
    let (settings, policy) = (settings(), Arc::new(compile::replay_policy(&settings())));
    let filter = Filter::new(&query, &settings).unwrap();
    let page = Page::gather(&table(&policy), policy, &filter, Tick::from_secs(second));
    serde_json::from_slice(&page.pieces().collect::<Vec<_>>().concat()).unwrap()
}

#[test]
fn a_flow_is_shown_with_the_address_that_the_remote_sees() {
    let flows = ask(FlowQuery { wan: Some("fiber".into()), ..FlowQuery::default() }, 20);
    let expected = Flow {
        protocol: "tcp".into(),
        inside: ip("10.250.250.2"),
        inside_port: 40_000,
        remote: ip("203.0.113.9"),
        remote_port: 443,
        public: Some(ip("192.0.2.193")),
        public_port: None,
        wan: "fiber".into(),
        direct: false,
        origin: "outbound".into(),
        state: "opening".into(),
        age_seconds: 15,
        expires_seconds: 225,
        outbound: Traffic { packets: 1, bytes: 60 },
        inbound: Traffic::default(),
    };
    assert_eq!(flows, Flows { matched: 1, flows: vec![expected], next: None });
}

#[test]
fn every_part_of_a_question_narrows_the_list() {
    let count = |query| ask(query, 20).matched;
    let all = FlowQuery::default;
    assert_eq!(count(all()), 2);
    assert_eq!(count(FlowQuery { host: Some(ip("2001:db8:ffff::1")), ..all() }), 1);
    assert_eq!(count(FlowQuery { host: Some(ip("10.250.250.3")), ..all() }), 0);
    assert_eq!(count(FlowQuery { protocol: Some("icmp".into()), ..all() }), 1);
    assert_eq!(count(FlowQuery { protocol: Some("17".into()), ..all() }), 0);
    assert_eq!(count(FlowQuery { port: Some(443), ..all() }), 1);
    assert_eq!(count(FlowQuery { port: Some(77), wan: Some("fiber".into()), ..all() }), 0);
    let limited = ask(FlowQuery { limit: Some(1), ..all() }, 20);
    assert_eq!((limited.matched, limited.flows.len()), (2, 1));
}

#[test]
fn a_flow_whose_time_is_up_is_not_listed() {
    assert_eq!(ask(FlowQuery::default(), 70).matched, 1, "the echo expired at second 70");
}

#[test]
fn a_question_that_cannot_be_is_refused_in_one_sentence() {
    let refusal = |query| Filter::new(&query, &settings()).unwrap_err();
    let unknown = FlowQuery { wan: Some("dsl".into()), ..FlowQuery::default() };
    assert_eq!(refusal(unknown), "no WAN is named \"dsl\": there is fiber, cable");
    let wrong = FlowQuery { protocol: Some("300".into()), ..FlowQuery::default() };
    assert_eq!(refusal(wrong), "\"300\" is no protocol: write tcp, udp, icmp, icmp6 or a number from 0 to 255");
    let nowhere = FlowQuery { after: Some("7".into()), ..FlowQuery::default() };
    assert_eq!(refusal(nowhere), "\"7\" is no place in the list: take it from \"next\" of an answer");
}
