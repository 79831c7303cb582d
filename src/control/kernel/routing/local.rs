//! Which networks of this machine inside hosts reach without flowpin, and over which links. Must never know: rules, the TUN.

use super::dump::{Dump, may_lead};
use crate::config::settings::Local;
use crate::control::kernel::plan::Plan;
use crate::control::netlink::{Route, link_name};
use ipnet::IpNet;
use rtnetlink::packet_route::link::LinkMessage;
use std::net::IpAddr;

/// A network and the names of the links that lead there, none where there is no such link now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::control::kernel) struct LocalNetwork {
    pub prefix: IpNet,
    pub links: Vec<String>,
}

impl Dump {
    /// The networks that the plan calls local; WAN links lead to none.
    pub fn local_networks(&self, plan: &Plan, links: &[LinkMessage]) -> Vec<LocalNetwork> {
        let is_other = |name: &str| Some(name) != plan.downstream.as_deref() && name != plan.tun && name != "lo";
        let name_of = |index: u32| {
            let link = links.iter().find(|link| link.header.index == index)?;
            link_name(link).filter(|name| is_other(name) && plan.wans.iter().all(|wan| wan != name)).map(String::from)
        };
        let routes: Vec<&Route> = self.routes.iter().filter(|route| may_lead(&plan.local, route)).collect();
        let over = |prefix: &IpNet| {
            let leading = routes.iter().filter(|route| prefix.contains(&route.destination));
            let mut names: Vec<String> = leading.flat_map(|it| &it.hops).filter_map(|hop| name_of(hop.link)).collect();
            names.sort_unstable();
            names.dedup();
            names
        };
        let mut prefixes = match &plan.local {
            Local::Prefixes(prefixes) => prefixes.clone(),
            Local::Connected => routes.iter().map(|route| route.destination).filter(|it| !is_link_local(it)).collect(),
        };
        prefixes.sort_unstable();
        prefixes.dedup();
        let networks = prefixes.into_iter().map(|prefix| LocalNetwork { links: over(&prefix), prefix });
        let is_inside = |prefix: &IpNet| plan.inside.iter().any(|it| it.contains(prefix) || prefix.contains(it));
        let connected = plan.local == Local::Connected;
        networks.filter(|it| !connected || !it.links.is_empty() && !is_inside(&it.prefix)).collect()
    }
}

fn is_link_local(prefix: &IpNet) -> bool {
    match prefix.addr() {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local() || address.is_multicast(),
    }
}
