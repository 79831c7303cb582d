//! Rules and routes of flowpin as netlink messages, and in words. Must never know: which ones there must be.

use super::marks::{PROTOCOL, TABLE};
use crate::control::netlink::{Family, Route, TABLE_MAIN};
use ipnet::IpNet;
use rtnetlink::packet_route::route::{RouteAttribute, RouteMessage, RouteProtocol, RouteScope, RouteType};
use rtnetlink::packet_route::rule::{RuleAction, RuleAttribute, RuleMessage};
use std::fmt;

/// A policy rule, as far as it matters here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::control::kernel) struct Rule {
    pub priority: u32,
    pub iif: Option<String>,
    pub to: Option<IpNet>,
    pub table: u32,
    /// Routes with prefixes of this length or shorter are passed over (`FRA_SUPPRESS_PREFIXLEN`).
    pub suppressed: Option<u32>,
    pub protocol: u8,
    /// It asks nothing of a packet.
    pub takes_all: bool,
}

impl Rule {
    pub fn read(message: &RuleMessage) -> Self {
        let header = &message.header;
        let asks = header.src_len > 0 || header.dst_len > 0 || header.tos > 0;
        let table = u32::from(header.table);
        let mut rule =
            Self { priority: 0, iif: None, to: None, table, suppressed: None, protocol: 0, takes_all: !asks };
        for attribute in &message.attributes {
            match attribute {
                RuleAttribute::Priority(priority) => rule.priority = *priority,
                RuleAttribute::Table(table) => rule.table = *table,
                RuleAttribute::Protocol(protocol) => rule.protocol = (*protocol).into(),
                // The kernel says "suppress nothing" of every rule.
                RuleAttribute::SuppressPrefixLen(u32::MAX) => {}
                RuleAttribute::SuppressPrefixLen(length) => {
                    rule.suppressed = Some(*length);
                    rule.takes_all = false;
                }
                RuleAttribute::Destination(address) => {
                    rule.to = IpNet::new(*address, header.dst_len).ok();
                    rule.takes_all = false;
                }
                RuleAttribute::Iifname(name) => {
                    rule.iif = Some(name.clone());
                    rule.takes_all = false;
                }
                _ => rule.takes_all = false,
            }
        }
        rule
    }

    pub fn message(&self, family: Family) -> RuleMessage {
        let mut message = RuleMessage::default();
        message.header.family = family.of_header();
        message.header.action = RuleAction::ToTable;
        message.attributes.extend(self.iif.clone().map(RuleAttribute::Iifname));
        if let Some(to) = self.to {
            message.header.dst_len = to.prefix_len();
            message.attributes.push(RuleAttribute::Destination(to.addr()));
        }
        message.attributes.extend(self.suppressed.map(RuleAttribute::SuppressPrefixLen));
        message.attributes.push(RuleAttribute::Priority(self.priority));
        message.attributes.push(RuleAttribute::Table(self.table));
        message.attributes.push(RuleAttribute::Protocol(RouteProtocol::from(self.protocol)));
        message
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (", self.priority)?;
        if let Some(iif) = &self.iif {
            write!(f, "iif {iif} ")?;
        }
        if let Some(to) = &self.to {
            write!(f, "to {to} ")?;
        }
        write!(f, "lookup {})", self.table)
    }
}

impl Route {
    pub(super) fn is_ours(&self) -> bool {
        self.protocol == PROTOCOL && [TABLE, TABLE_MAIN].contains(&self.table)
    }

    /// Its destination is reached without a gateway.
    pub(super) fn is_on_link(&self) -> bool {
        self.hops.iter().all(|hop| hop.gateway.is_none())
    }

    /// Whether the kernel would call both the same. A route that refuses has no next hop worth comparing.
    pub(super) fn same(&self, other: &Self) -> bool {
        let hops = self.hops == other.hops || (self.kind == other.kind && self.kind == RouteType::Unreachable);
        let key = |route: &Self| (route.table, route.destination, route.kind, route.protocol, route.metric);
        hops && key(self) == key(other)
    }

    pub(super) fn message(&self) -> RouteMessage {
        let mut message = RouteMessage::default();
        message.header.address_family = Family::of(&self.destination).of_header();
        message.header.destination_prefix_length = self.destination.prefix_len();
        message.header.protocol = RouteProtocol::from(self.protocol);
        message.header.kind = self.kind;
        let hop = self.hops.first().filter(|_| self.kind == RouteType::Unicast);
        let on_link = hop.is_some_and(|hop| hop.gateway.is_none()) && matches!(self.destination, IpNet::V4(_));
        message.header.scope = if on_link { RouteScope::Link } else { RouteScope::Universe };
        let attributes = &mut message.attributes;
        attributes.push(RouteAttribute::Table(self.table));
        if self.destination.prefix_len() > 0 {
            attributes.push(RouteAttribute::Destination(self.destination.addr().into()));
        }
        if self.metric > 0 {
            attributes.push(RouteAttribute::Priority(self.metric));
        }
        if let Some(hop) = hop {
            attributes.extend(hop.gateway.map(|gateway| RouteAttribute::Gateway(gateway.into())));
            attributes.push(RouteAttribute::Oif(hop.link));
        }
        message
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind == RouteType::Unreachable {
            f.write_str("unreachable ")?;
        }
        write!(f, "{}", self.destination)?;
        if let Some(gateway) = self.hops.first().and_then(|hop| hop.gateway) {
            write!(f, " via {gateway}")?;
        }
        if self.table == TABLE_MAIN { Ok(()) } else { write!(f, " in table {}", self.table) }
    }
}
