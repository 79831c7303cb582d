//! The flow list: which flows a question means, and how one is shown. Must never know: sockets.

mod cursor;
mod page;

pub use page::Page;

use crate::api::{Flow, FlowQuery, Traffic};
use crate::config::nearest::nearest;
use crate::config::settings::Settings;
use crate::plane::choose::address;
use crate::plane::counters;
use crate::plane::flow::key::FlowKey;
use crate::plane::flow::table::FlowRecord;
use crate::plane::packet::numbers::protocol;
use crate::plane::policy::Policy;
use crate::types::{Direction, Tick, WanId};
use std::net::IpAddr;

/// Flows listed when the question names no limit.
const DEFAULT_LIMIT: usize = 100;

/// A question, checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Filter {
    wan: Option<WanId>,
    host: Option<IpAddr>,
    /// Any of these; empty means any at all.
    protocols: Vec<u8>,
    port: Option<u16>,
    /// Only what comes behind it in the order of keys.
    after: Option<FlowKey>,
    limit: usize,
}

impl Filter {
    /// Checks a question.
    ///
    /// # Errors
    /// One sentence: a WAN, protocol or place in the list that is none.
    pub fn new(query: &FlowQuery, settings: &Settings) -> Result<Self, String> {
        Ok(Self {
            wan: query.wan.as_deref().map(|name| find_wan(name, settings)).transpose()?,
            host: query.host.map(|host| host.to_canonical()),
            protocols: query.protocol.as_deref().map(protocols).transpose()?.unwrap_or_default(),
            port: query.port,
            after: query.after.as_deref().map(cursor::parse).transpose()?,
            limit: query.limit.unwrap_or(DEFAULT_LIMIT).min(page::MOST),
        })
    }

    fn takes(&self, key: &FlowKey, record: &FlowRecord) -> bool {
        self.wan.is_none_or(|wan| wan == record.binding.wan)
            && (self.protocols.is_empty() || self.protocols.contains(&key.protocol()))
            && self.host.is_none_or(|host| host == key.inside() || host == key.remote())
            && self.port.is_none_or(|port| port == key.inside_port() || port == key.remote_port())
    }
}

/// The WAN of that name, or one sentence with what is likely meant.
pub(super) fn find_wan(name: &str, settings: &Settings) -> Result<WanId, String> {
    let found = settings.wans.iter().zip(0u8..).find(|(wan, _)| wan.name == name);
    found.map(|(_, id)| WanId(id)).ok_or_else(|| {
        let names: Vec<_> = settings.wans.iter().map(|wan| wan.name.as_str()).collect();
        match nearest(name, names.iter().copied()) {
            Some(meant) => format!("no WAN is named \"{name}\": did you mean \"{meant}\"?"),
            None => format!("no WAN is named \"{name}\": there is {}", names.join(", ")),
        }
    })
}

fn protocols(text: &str) -> Result<Vec<u8>, String> {
    Ok(match text {
        "tcp" => vec![protocol::TCP],
        "udp" => vec![protocol::UDP],
        "icmp" => vec![protocol::ICMP, protocol::ICMPV6],
        "icmp6" => vec![protocol::ICMPV6],
        number => vec![number.parse().map_err(|_| {
            format!("\"{number}\" is no protocol: write tcp, udp, icmp, icmp6 or a number from 0 to 255")
        })?],
    })
}

fn row(key: &FlowKey, record: &FlowRecord, policy: &Policy, now: Tick) -> Flow {
    let wan = policy.wan(record.binding.wan);
    Flow {
        protocol: protocol_name(key.protocol()),
        inside: key.inside(),
        inside_port: key.inside_port(),
        remote: key.remote(),
        remote_port: key.remote_port(),
        public: wan
            .and_then(|wan| address::public_under(wan, key.inside(), record.binding.lease).ok())
            .map(|mapped| mapped.address),
        wan: wan.map(|wan| wan.fixed.name.to_string()).unwrap_or_default(),
        origin: direction_name(record.origin).to_owned(),
        state: record.state.to_owned(),
        age_seconds: now.secs().saturating_sub(record.created).into(),
        expires_seconds: record.expires.saturating_sub(now.secs()).into(),
        outbound: traffic(record.outbound),
        inbound: traffic(record.inbound),
    }
}

fn protocol_name(number: u8) -> String {
    match number {
        protocol::TCP => "tcp".to_owned(),
        protocol::UDP => "udp".to_owned(),
        protocol::ICMP => "icmp".to_owned(),
        protocol::ICMPV6 => "icmp6".to_owned(),
        other => other.to_string(),
    }
}

/// The word for a direction in `api`.
pub fn direction_name(direction: Direction) -> &'static str {
    match direction {
        Direction::Outbound => "outbound",
        Direction::Inbound => "inbound",
    }
}

/// Traffic in the words of `api`.
pub fn traffic(traffic: counters::Traffic) -> Traffic {
    Traffic { packets: traffic.packets, bytes: traffic.bytes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Flows;
    use crate::control::compile;
    use crate::control::sample::settings;
    use crate::plane::flow::table::{FlowTable, Seen};
    use crate::plane::packet::segment::Segment;
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
            wan: "fiber".into(),
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
}
