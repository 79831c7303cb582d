//! Which flows a question means. Must never know: sockets.

use super::cursor;
use crate::api::FlowQuery;
use crate::config::nearest::nearest;
use crate::config::settings::Settings;
use crate::plane::flow::key::FlowKey;
use crate::plane::flow::table::FlowRecord;
use crate::plane::packet::numbers::protocol;
use crate::types::{Tick, WanId};
use std::net::IpAddr;

/// Flows on a page at the most: as JSON 16 MiB.
pub const MOST: usize = 1 << 15;
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
    pub after: Option<FlowKey>,
    /// At most [`MOST`].
    pub limit: usize,
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
            limit: query.limit.unwrap_or(DEFAULT_LIMIT).min(MOST),
        })
    }

    /// Whether a flow that lives at `now` is meant, wherever in the list it comes.
    #[must_use]
    pub fn takes(&self, key: &FlowKey, record: &FlowRecord, now: Tick) -> bool {
        record.expires > now.secs()
            && self.wan.is_none_or(|wan| wan == record.binding.wan)
            && (self.protocols.is_empty() || self.protocols.contains(&key.protocol()))
            && self.host.is_none_or(|host| host == key.inside() || host == key.remote())
            && self.port.is_none_or(|port| port == key.inside_port() || port == key.remote_port())
    }
}

/// The WAN of that name, or one sentence with what is likely meant.
pub fn find_wan(name: &str, settings: &Settings) -> Result<WanId, String> {
    let found = settings.wans.iter().find(|(_, wan)| wan.name == name);
    found.map(|(id, _)| id).ok_or_else(|| {
        let names: Vec<_> = settings.wans.values().map(|wan| wan.name.as_str()).collect();
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
