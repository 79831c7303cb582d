//! Names what the machine has already and flowpin must not overwrite. Must never know: how anything is changed.

use super::dump::Dump;
use super::entry::Rule;
use super::marks::{PRIORITY_INSIDE, PRIORITY_OUTSIDE, PROTOCOL, TABLE};
use crate::control::kernel::plan::Plan;
use crate::control::netlink::{Family, Route, TABLE_LOCAL};

/// Adds a sentence for every conflict in one family.
pub(super) fn name(dump: &Dump, family: Family, plan: &Plan, downstream: &str, faults: &mut Vec<String>) {
    let rules: Vec<&Rule> = dump.rules.iter().filter(|(of, _)| *of == family).map(|(_, rule)| rule).collect();
    let title = if family == Family::V4 { "IPv4" } else { "IPv6" };
    let in_the_way = |rule: &&&Rule| is_in_the_way(rule, &plan.tun, downstream);
    faults.extend(rules.iter().filter(in_the_way).map(|rule| {
        format!(
            "the {title} policy rule {rule} is in the way: flowpin needs the priorities {PRIORITY_INSIDE} and \
             {PRIORITY_OUTSIDE}, table {TABLE} and what arrives on \"{downstream}\"; delete or renumber that rule"
        )
    }));
    if !rules.iter().any(|rule| rule.table == TABLE_LOCAL && rule.priority < PRIORITY_INSIDE) {
        faults.push(format!(
            "the {title} policy rule \"lookup local\" must stand before priority {PRIORITY_INSIDE}, or the router's own \
             addresses become unreachable from \"{downstream}\"; put it back to priority 0"
        ));
    }
    let foreign = |route: &&Route| route.table == TABLE && route.protocol != PROTOCOL;
    if let Some(route) = dump.routes.iter().filter(foreign).find(|route| Family::of(&route.destination) == family) {
        faults.push(format!(
            "routing table {TABLE} already holds a route to {} that is not flowpin's; flowpin needs this table for \
             itself, move the route to another",
            route.destination
        ));
    }
}

/// It claims what flowpin needs, or it takes every packet before flowpin's rules are asked.
fn is_in_the_way(rule: &Rule, tun: &str, downstream: &str) -> bool {
    let iif = rule.iif.as_deref();
    let claims = [PRIORITY_INSIDE, PRIORITY_OUTSIDE].contains(&rule.priority)
        || rule.table == TABLE
        || [Some(downstream), Some(tun)].contains(&iif);
    let comes_first = rule.priority < PRIORITY_OUTSIDE && rule.takes_all && rule.table != TABLE_LOCAL;
    rule.protocol != PROTOCOL && (claims || comes_first)
}
