//! The policy rules and routes that carry packets between the firewall's link and the TUN. What must be there is decided
//! from a dump, before anything is changed. Must never know: sysctls, nftables.

use super::super::netlink::{Family, Hop, Netlink, Route, TABLE_LOCAL, TABLE_MAIN, kind, sentence};
use super::Plan;
use ipnet::IpNet;
use rtnetlink::packet_route::route::{RouteAttribute, RouteMessage, RouteProtocol, RouteScope, RouteType};
use rtnetlink::packet_route::rule::{RuleAction, RuleAttribute, RuleMessage};
use std::io;
use std::net::IpAddr;

/// `rtm_protocol` and `FRA_PROTOCOL` of everything flowpin makes. Not in iproute2's list of known programs.
pub const PROTOCOL: u8 = 0x66;
/// The table that sends what arrives on the firewall's link into the TUN.
pub const TABLE: u32 = 5250;
/// Priority of `iif <tun> lookup main`: no rule of the machine leads astray what flowpin delivers inside.
pub const PRIORITY_INSIDE: u32 = 60;
/// Priority of `iif <downstream> lookup TABLE`. Below both stands only `lookup local`: the router's own addresses stay
/// with the kernel.
pub const PRIORITY_OUTSIDE: u32 = 61;

/// Behind the route into the TUN: without a TUN, after a crash, packets are refused instead of leaving untranslated.
const METRIC_LAST: u32 = u32::MAX;

/// What the machine has now.
pub(super) struct Dump {
    pub rules: Vec<(Family, Rule)>,
    pub routes: Vec<Route>,
    pub tun: u32,
    /// Index of the firewall's link.
    pub downstream: u32,
}

/// A policy rule, as far as it matters here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Rule {
    priority: u32,
    iif: Option<String>,
    table: u32,
    protocol: u8,
}

/// The steps from what is there to what must be there.
#[derive(Default, PartialEq, Eq, Debug)]
pub(super) struct Changes {
    delete_rules: Vec<(Family, Rule)>,
    delete_routes: Vec<Route>,
    add_routes: Vec<Route>,
    add_rules: Vec<(Family, Rule)>,
}

impl Dump {
    /// Reads rules and routes of both families; one that the kernel does not have counts as empty.
    pub async fn read(netlink: &Netlink, tun: u32, downstream: u32) -> Result<Self, String> {
        let mut dump = Self { rules: Vec::new(), routes: Vec::new(), tun, downstream };
        for family in Family::BOTH {
            if family == Family::V6 && super::sysctl::read("net/ipv6/conf/all/forwarding").is_none() {
                continue;
            }
            dump.rules.extend(netlink.rules(family).await?.iter().map(|rule| (family, Rule::read(rule))));
            dump.routes.extend(netlink.routes(family).await?);
        }
        Ok(dump)
    }

    /// The removal of everything that flowpin has made.
    pub fn removal(&self) -> Changes {
        Changes {
            delete_rules: self.rules.iter().filter(|(_, rule)| rule.protocol == PROTOCOL).cloned().collect(),
            delete_routes: self.routes.iter().filter(|route| route.is_ours()).cloned().collect(),
            ..Changes::default()
        }
    }

    /// The steps to the plan, which names a downstream link; or every conflict, one sentence each.
    pub fn reconcile(&self, plan: &Plan, downstream: &str) -> Result<Changes, Vec<String>> {
        let families: Vec<Family> = Family::BOTH
            .into_iter()
            .filter(|family| plan.inside.iter().any(|net| Family::of(net) == *family))
            .collect();
        let mut faults = Vec::new();
        let (mut rules, mut routes) = (Vec::new(), Vec::new());
        for family in families {
            self.rule_conflicts(family, plan, downstream, &mut faults);
            self.table_conflicts(family, &mut faults);
            rules.extend(wanted_rules(plan, downstream).map(|rule| (family, rule)));
            routes.extend(wanted_table(family, self.tun));
        }
        for prefix in &plan.inside {
            match self.inside_route(plan, downstream, prefix) {
                Ok(route) => routes.extend(route),
                Err(fault) => faults.push(fault),
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let Changes { mut delete_rules, mut delete_routes, .. } = self.removal();
        delete_rules.retain(|rule| !rules.contains(rule));
        delete_routes.retain(|route| !routes.iter().any(|wanted| wanted.same(route)));
        rules.retain(|rule| !self.rules.contains(rule));
        routes.retain(|wanted| !self.routes.iter().any(|route| wanted.same(route)));
        Ok(Changes { delete_rules, delete_routes, add_routes: routes, add_rules: rules })
    }

    fn rule_conflicts(&self, family: Family, plan: &Plan, downstream: &str, faults: &mut Vec<String>) {
        let name = family_name(family);
        let foreign = |rule: &&Rule| rule.protocol != PROTOCOL;
        let rules = || self.rules.iter().filter(|(of, _)| *of == family).map(|(_, rule)| rule);
        let claims = |rule: &&Rule| {
            let iif = rule.iif.as_deref();
            [PRIORITY_INSIDE, PRIORITY_OUTSIDE].contains(&rule.priority)
                || rule.table == TABLE
                || iif == Some(downstream)
                || iif == Some(plan.tun.as_str())
        };
        for rule in rules().filter(foreign).filter(claims) {
            faults.push(format!(
                "the {name} policy rule {rule} is in the way: flowpin needs the priorities {PRIORITY_INSIDE} and \
                 {PRIORITY_OUTSIDE}, table {TABLE} and what arrives on \"{downstream}\"; delete or renumber that rule"
            ));
        }
        if !rules().any(|rule| rule.table == TABLE_LOCAL && rule.priority < PRIORITY_INSIDE) {
            faults.push(format!(
                "the {name} policy rule \"lookup local\" must stand before priority {PRIORITY_INSIDE}, or the router's own \
                 addresses become unreachable from \"{downstream}\"; put it back to priority 0"
            ));
        }
    }

    fn table_conflicts(&self, family: Family, faults: &mut Vec<String>) {
        let foreign = |route: &&Route| route.table == TABLE && route.protocol != PROTOCOL;
        let of_family = |route: &&Route| Family::of(&route.destination) == family;
        if let Some(route) = self.routes.iter().filter(of_family).find(foreign) {
            faults.push(format!(
                "routing table {TABLE} already holds a route to {} that is not flowpin's; flowpin needs this table for \
                 itself, move the route to another",
                route.destination
            ));
        }
    }

    /// The route that brings an inside prefix to the firewall, or `None` if the machine has one already.
    fn inside_route(&self, plan: &Plan, downstream: &str, prefix: &IpNet) -> Result<Option<Route>, String> {
        let next_hop: Option<IpAddr> = match prefix {
            IpNet::V4(_) => plan.next_hop4.map(IpAddr::V4),
            IpNet::V6(_) => plan.next_hop6.map(IpAddr::V6),
        };
        let prefix = prefix.trunc();
        let main = || self.routes.iter().filter(|route| route.table == TABLE_MAIN && route.protocol != PROTOCOL);
        let here = |route: &Route| {
            route.kind == RouteType::Unicast && route.hops.iter().all(|hop| hop.link == self.downstream)
        };
        let agrees = |hop: &Hop| hop.gateway.is_none() || next_hop.is_none() || hop.gateway == next_hop;
        if let Some(route) = main().find(|route| route.destination == prefix) {
            return if here(route) && route.hops.iter().all(agrees) {
                Ok(None)
            } else {
                Err(format!(
                    "the machine already has a route for the inside prefix {prefix} that does not lead to the firewall \
                     over \"{downstream}\"{}; delete it, or correct [downstream] prefixes",
                    next_hop.map(|hop| format!(" via {hop}")).unwrap_or_default()
                ))
            };
        }
        let covering = main().filter(|route| route.destination.prefix_len() > 0 && route.destination.contains(&prefix));
        let closest = covering.max_by_key(|route| route.destination.prefix_len()).filter(|route| here(route));
        let on_link = closest.is_some_and(|route| route.hops.iter().all(|hop| hop.gateway.is_none()));
        match next_hop {
            _ if on_link => Ok(None),
            Some(gateway) => {
                let metric = default_metric(Family::of(&prefix));
                let hops = vec![Hop { link: self.downstream, gateway: Some(gateway) }];
                let kind = RouteType::Unicast;
                Ok(Some(Route { table: TABLE_MAIN, destination: prefix, kind, protocol: PROTOCOL, metric, hops }))
            }
            None if closest.is_some() => Ok(None),
            None => Err(format!(
                "the inside prefix {prefix} is not on-link on \"{downstream}\" and no route leads there: set next_hop{} in \
                 [downstream] to the firewall's address",
                if matches!(prefix, IpNet::V4(_)) { '4' } else { '6' }
            )),
        }
    }
}

fn family_name(family: Family) -> &'static str {
    if family == Family::V4 { "IPv4" } else { "IPv6" }
}

fn wanted_rules(plan: &Plan, downstream: &str) -> impl Iterator<Item = Rule> {
    let rule = |priority, iif: &str, table| Rule { priority, iif: Some(iif.to_owned()), table, protocol: PROTOCOL };
    [rule(PRIORITY_INSIDE, &plan.tun, TABLE_MAIN), rule(PRIORITY_OUTSIDE, downstream, TABLE)].into_iter()
}

fn wanted_table(family: Family, tun: u32) -> [Route; 2] {
    let route = |kind, metric, link| Route {
        table: TABLE,
        destination: family.everything(),
        kind,
        protocol: PROTOCOL,
        metric,
        hops: vec![Hop { link, gateway: None }],
    };
    [route(RouteType::Unreachable, METRIC_LAST, 0), route(RouteType::Unicast, default_metric(family), tun)]
}

/// What the kernel gives a route that names no metric (`IP6_RT_PRIO_USER`, net/ipv6.h).
fn default_metric(family: Family) -> u32 {
    if family == Family::V4 { 0 } else { 1024 }
}

impl Changes {
    /// Takes the steps; deletes first, rules last, so that no packet meets a rule without its routes.
    pub async fn make(&self, netlink: &Netlink) -> Result<(), Vec<String>> {
        let mut faults = Vec::new();
        for (family, rule) in &self.delete_rules {
            let message = rule.message(*family);
            report(netlink.handle.rule().del(message).execute().await, true, &mut faults, || {
                format!("delete the policy rule {rule}")
            });
        }
        for route in &self.delete_routes {
            let message = route.message();
            report(netlink.handle.route().del(message).execute().await, true, &mut faults, || {
                format!("delete the route {route}")
            });
        }
        for route in &self.add_routes {
            let message = route.message();
            report(netlink.handle.route().add(message).execute().await, false, &mut faults, || {
                format!("add the route {route}")
            });
        }
        for (family, rule) in &self.add_rules {
            let mut request = netlink.handle.rule().add();
            *request.message_mut() = rule.message(*family);
            report(request.execute().await, false, &mut faults, || format!("add the policy rule {rule}"));
        }
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }
}

fn report(done: Result<(), rtnetlink::Error>, gone_is_fine: bool, faults: &mut Vec<String>, what: impl Fn() -> String) {
    if let Err(error) = done
        && !(gone_is_fine && is_gone(&error))
    {
        faults.push(format!("cannot {}: {}", what(), sentence(&error)));
    }
}

/// ENOENT, ESRCH and ENODEV: what was to be deleted is not there.
fn is_gone(error: &rtnetlink::Error) -> bool {
    let rtnetlink::Error::NetlinkError(message) = error else { return false };
    kind(error) == Some(io::ErrorKind::NotFound)
        || [libc::ESRCH, libc::ENODEV].map(Some).contains(&message.to_io().raw_os_error())
}

impl Rule {
    fn read(message: &RuleMessage) -> Self {
        let mut rule = Self { priority: 0, iif: None, table: u32::from(message.header.table), protocol: 0 };
        for attribute in &message.attributes {
            match attribute {
                RuleAttribute::Priority(priority) => rule.priority = *priority,
                RuleAttribute::Iifname(name) => rule.iif = Some(name.clone()),
                RuleAttribute::Table(table) => rule.table = *table,
                RuleAttribute::Protocol(protocol) => rule.protocol = (*protocol).into(),
                _ => {}
            }
        }
        rule
    }

    fn message(&self, family: Family) -> RuleMessage {
        let mut message = RuleMessage::default();
        message.header.family = family.of_header();
        message.header.action = RuleAction::ToTable;
        message.attributes.extend(self.iif.clone().map(RuleAttribute::Iifname));
        message.attributes.push(RuleAttribute::Priority(self.priority));
        message.attributes.push(RuleAttribute::Table(self.table));
        message.attributes.push(RuleAttribute::Protocol(RouteProtocol::from(self.protocol)));
        message
    }
}

impl std::fmt::Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (", self.priority)?;
        if let Some(iif) = &self.iif {
            write!(f, "iif {iif} ")?;
        }
        write!(f, "lookup {})", self.table)
    }
}

impl Route {
    fn is_ours(&self) -> bool {
        self.protocol == PROTOCOL && [TABLE, TABLE_MAIN].contains(&self.table)
    }

    /// Whether the kernel would call both the same. A route that refuses has no next hop worth comparing.
    fn same(&self, other: &Self) -> bool {
        let hops = self.hops == other.hops || (self.kind == other.kind && self.kind == RouteType::Unreachable);
        let key = |route: &Self| (route.table, route.destination, route.kind, route.protocol, route.metric);
        hops && key(self) == key(other)
    }

    fn message(&self) -> RouteMessage {
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

impl std::fmt::Display for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.destination)?;
        if let Some(gateway) = self.hops.first().and_then(|hop| hop.gateway) {
            write!(f, " via {gateway}")?;
        }
        if self.table == TABLE_MAIN { Ok(()) } else { write!(f, " in table {}", self.table) }
    }
}
