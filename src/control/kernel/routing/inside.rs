//! How the kernel reaches an inside prefix over the firewall's link. Must never know: rules, the TUN.

use super::dump::Dump;
use super::marks::{PROTOCOL, default_metric};
use crate::control::kernel::plan::Plan;
use crate::control::netlink::{Family, Hop, Route, TABLE_MAIN};
use ipnet::IpNet;
use rtnetlink::packet_route::route::RouteType;
use std::net::IpAddr;

/// The route that brings the prefix to the firewall, or `None` if the machine has a way of its own.
pub(super) fn route(dump: &Dump, plan: &Plan, downstream: &str, prefix: &IpNet) -> Result<Option<Route>, String> {
    let prefix = prefix.trunc();
    let next_hop = match prefix {
        IpNet::V4(_) => plan.next_hop4.map(IpAddr::V4),
        IpNet::V6(_) => plan.next_hop6.map(IpAddr::V6),
    };
    if let Some(exact) = foreign(dump).find(|route| route.destination == prefix) {
        return if leads_there(exact, dump.downstream, next_hop) {
            Ok(None)
        } else {
            Err(format!(
                "the machine already has a route for the inside prefix {prefix} that does not lead to the firewall over \
                 \"{downstream}\"{}; delete it, or correct [downstream] prefixes",
                next_hop.map(|hop| format!(" via {hop}")).unwrap_or_default()
            ))
        };
    }
    let covering = covering(dump, &prefix);
    match next_hop {
        _ if covering.is_some_and(Route::is_on_link) => Ok(None),
        Some(gateway) => Ok(Some(via(gateway, dump.downstream, prefix))),
        None if covering.is_some() => Ok(None),
        None => Err(format!(
            "the inside prefix {prefix} is not on-link on \"{downstream}\" and no route leads there: set next_hop{} in \
             [downstream] to the firewall's address",
            if matches!(prefix, IpNet::V4(_)) { '4' } else { '6' }
        )),
    }
}

fn foreign(dump: &Dump) -> impl Iterator<Item = &Route> {
    dump.routes.iter().filter(|route| route.table == TABLE_MAIN && route.protocol != PROTOCOL)
}

/// The route that the kernel would take to all of the prefix, unless it is a default route or leads elsewhere.
fn covering<'a>(dump: &'a Dump, prefix: &IpNet) -> Option<&'a Route> {
    let wider = foreign(dump).filter(|route| route.destination.prefix_len() > 0 && route.destination.contains(prefix));
    wider.max_by_key(|route| route.destination.prefix_len()).filter(|route| leads_there(route, dump.downstream, None))
}

/// Every hop is on the link, and none contradicts the configured next hop.
fn leads_there(route: &Route, link: u32, next_hop: Option<IpAddr>) -> bool {
    let agrees = |hop: &Hop| hop.gateway.is_none() || next_hop.is_none() || hop.gateway == next_hop;
    route.kind == RouteType::Unicast && route.hops.iter().all(|hop| hop.link == link && agrees(hop))
}

fn via(gateway: IpAddr, link: u32, destination: IpNet) -> Route {
    Route {
        table: TABLE_MAIN,
        destination,
        source: None,
        preferred_source: None,
        mtu: None,
        kind: RouteType::Unicast,
        protocol: PROTOCOL,
        metric: default_metric(Family::of(&destination)),
        preference: 0,
        hops: vec![Hop { link, gateway: Some(gateway) }],
    }
}
