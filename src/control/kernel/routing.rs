//! The policy rules and routes that carry packets between the firewall's link and the TUN. What must be there is decided
//! from a dump, before anything is changed. Must never know: sysctls, nftables.

mod conflicts;
mod dump;
mod entry;
mod inside;
mod local;
mod marks;
mod steps;

pub(super) use dump::Dump;
pub(super) use local::LocalNetwork;
pub use marks::{PRIORITY_INSIDE, PRIORITY_LOCAL, PRIORITY_OUTSIDE, PROTOCOL, TABLE};
pub(super) use steps::Changes;

use super::plan::Plan;
use crate::control::netlink::{Family, Hop, Route, TABLE_MAIN};
use entry::Rule;
use ipnet::IpNet;
use marks::{METRIC_LAST, default_metric};
use rtnetlink::packet_route::route::RouteType;

impl Dump {
    /// The steps to the plan, which names `downstream`; or every conflict, one sentence each. A family without an inside
    /// prefix is none of flowpin's business.
    pub fn reconcile(&self, plan: &Plan, downstream: &str, local: &[LocalNetwork]) -> Result<Changes, Vec<String>> {
        let mut faults = Vec::new();
        let (mut rules, mut routes) = (Vec::new(), Vec::new());
        for family in Family::BOTH {
            if !plan.inside.iter().any(|prefix| Family::of(prefix) == family) {
                continue;
            }
            conflicts::name(self, family, plan, downstream, &mut faults);
            rules.extend(wanted_rules(plan, downstream).map(|rule| (family, rule)));
            let of_family = local.iter().filter(|it| Family::of(&it.prefix) == family);
            rules.extend(of_family.map(|it| (family, local_rule(downstream, it.prefix))));
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
        to: None,
        table,
        suppressed: None,
        protocol: PROTOCOL,
        takes_all: false,
    };
    [rule(PRIORITY_INSIDE, &plan.tun, TABLE_MAIN), rule(PRIORITY_OUTSIDE, downstream, TABLE)]
}

/// What goes to a local network takes the machine's own routes there, and no wider ones: where there is none, flowpin gets it.
fn local_rule(downstream: &str, prefix: IpNet) -> Rule {
    Rule {
        priority: PRIORITY_LOCAL,
        iif: Some(downstream.to_owned()),
        to: Some(prefix),
        table: TABLE_MAIN,
        suppressed: Some(u32::from(prefix.prefix_len()).saturating_sub(1)),
        protocol: PROTOCOL,
        takes_all: false,
    }
}

fn wanted_table(family: Family, tun: u32) -> [Route; 2] {
    let route = |kind, metric, link| Route {
        table: TABLE,
        destination: family.everything(),
        source: None,
        preferred_source: None,
        mtu: None,
        kind,
        protocol: PROTOCOL,
        metric,
        preference: 0,
        hops: vec![Hop { link, gateway: None }],
    };
    [route(RouteType::Unreachable, METRIC_LAST, 0), route(RouteType::Unicast, default_metric(family), tun)]
}
