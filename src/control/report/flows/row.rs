//! How a flow is shown. Must never know: sockets, questions.

use crate::api::{Flow, Traffic};
use crate::plane::choose::address;
use crate::plane::counters;
use crate::plane::flow::key::FlowKey;
use crate::plane::flow::table::FlowRecord;
use crate::plane::lease::Via;
use crate::plane::packet::numbers::protocol;
use crate::plane::policy::Policy;
use crate::types::{Direction, Tick};
use std::num::NonZeroU16;

/// A flow in the words of `api`.
#[must_use]
pub fn row(key: &FlowKey, record: &FlowRecord, policy: &Policy, now: Tick) -> Flow {
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
        public_port: record.binding.port.map(NonZeroU16::get),
        wan: wan.map(|wan| wan.fixed.name.to_string()).unwrap_or_default(),
        direct: record.binding.via == Via::Direct,
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
