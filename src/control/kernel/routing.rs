//! The policy rules and routes that carry packets between the firewall's link and the TUN. What must be there is decided
//! from a dump, before anything is changed. Must never know: sysctls, nftables.

mod conflicts;
mod entry;
mod inside;
mod steps;

pub(super) use steps::Changes;

use super::Plan;
use crate::control::netlink::{Family, Hop, Netlink, Route, TABLE_MAIN};
use entry::Rule;
use ipnet::IpNet;
use rtnetlink::packet_route::route::RouteType;

/// `rtm_protocol` and `FRA_PROTOCOL` of everything flowpin makes. Not in iproute2's list of known programs.
pub const PROTOCOL: u8 = 0x66;
/// The table that sends what arrives on the firewall's link into the TUN.
pub const TABLE: u32 = 5250;
/// Priority of `iif <tun> lookup main`: no rule of the machine leads astray what flowpin delivers inside.
pub const PRIORITY_INSIDE: u32 = 60;
/// Priority of `iif <downstream> lookup TABLE`. Before both stands `lookup local`: the router's own addresses stay with
/// the kernel.
pub const PRIORITY_OUTSIDE: u32 = 61;

/// Behind the route into the TUN: without a TUN, after a crash, packets are refused instead of leaving untranslated.
const METRIC_LAST: u32 = u32::MAX;

/// What the machine has now.
pub(super) struct Dump {
    rules: Vec<(Family, Rule)>,
    routes: Vec<Route>,
    /// Index of the TUN.
    tun: u32,
    /// Index of the firewall's link.
    downstream: u32,
}

impl Dump {
    /// Reads the rules of both families, and flowpin's routes, those in its table and those that lead to `inside`. A family
    /// that the kernel does not have counts as empty.
    pub async fn read(netlink: &Netlink, tun: u32, downstream: u32, inside: &[IpNet]) -> Result<Self, String> {
        let leads_inside = |route: &Route| inside.iter().any(|prefix| route.destination.contains(prefix));
        let wanted = |route: &Route| route.protocol == PROTOCOL || route.table == TABLE || leads_inside(route);
        let mut dump = Self { rules: Vec::new(), routes: Vec::new(), tun, downstream };
        for family in Family::BOTH {
            if family == Family::V6 && super::sysctl::read("net/ipv6/conf/all/forwarding").is_none() {
                continue;
            }
            dump.rules.extend(netlink.rules(family).await?.iter().map(|rule| (family, Rule::read(rule))));
            dump.routes.extend(netlink.routes(family, wanted).await?);
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

    /// The steps to the plan, which names `downstream`; or every conflict, one sentence each. A family without an inside
    /// prefix is none of flowpin's business.
    pub fn reconcile(&self, plan: &Plan, downstream: &str) -> Result<Changes, Vec<String>> {
        let mut faults = Vec::new();
        let (mut rules, mut routes) = (Vec::new(), Vec::new());
        for family in Family::BOTH {
            if !plan.inside.iter().any(|prefix| Family::of(prefix) == family) {
                continue;
            }
            conflicts::name(self, family, plan, downstream, &mut faults);
            rules.extend(wanted_rules(plan, downstream).map(|rule| (family, rule)));
            routes.extend(wanted_table(family, self.tun));
        }
        for prefix in &plan.inside {
            match inside::route(self, plan, downstream, prefix) {
                Ok(route) => routes.extend(route),
                Err(fault) => faults.push(fault),
            }
        }
        if faults.is_empty() { Ok(self.steps_to(rules, routes)) } else { Err(faults) }
    }

    fn steps_to(&self, mut rules: Vec<(Family, Rule)>, mut routes: Vec<Route>) -> Changes {
        let Changes { mut delete_rules, mut delete_routes, .. } = self.removal();
        delete_rules.retain(|rule| !rules.contains(rule));
        delete_routes.retain(|route| !routes.iter().any(|wanted| wanted.same(route)));
        rules.retain(|rule| !self.rules.contains(rule));
        routes.retain(|wanted| !self.routes.iter().any(|route| wanted.same(route)));
        Changes { delete_rules, delete_routes, add_routes: routes, add_rules: rules }
    }
}

fn wanted_rules(plan: &Plan, downstream: &str) -> [Rule; 2] {
    let rule = |priority, iif: &str, table| Rule {
        priority,
        iif: Some(iif.to_owned()),
        table,
        protocol: PROTOCOL,
        takes_all: false,
    };
    [rule(PRIORITY_INSIDE, &plan.tun, TABLE_MAIN), rule(PRIORITY_OUTSIDE, downstream, TABLE)]
}

fn wanted_table(family: Family, tun: u32) -> [Route; 2] {
    let route = |kind, metric, link| Route {
        table: TABLE,
        destination: family.everything(),
        source: None,
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
