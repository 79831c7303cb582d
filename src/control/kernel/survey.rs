//! One look at the machine before something is changed: its links, and what of its rules and routes is not as planned.
//! Must never know: how it is changed.

use super::plan::Plan;
use super::routing::{Changes, Dump, LocalNetwork};
use super::sysctl;
use crate::control::netlink::{Netlink, link_name};
use ipnet::IpNet;
use rtnetlink::packet_route::link::{LinkFlags, LinkMessage};

/// One look at the machine, and what is to be changed of its rules and routes.
pub(super) struct Survey {
    /// The plan, with the kernel's names of links.
    pub plan: Plan,
    pub links: Vec<LinkMessage>,
    /// Index of the TUN.
    pub tun: u32,
    /// Networks of the machine that inside hosts reach.
    pub local: Vec<LocalNetwork>,
    pub changes: Changes,
}

impl Survey {
    /// `leftover`: an earlier run may have left rules and routes though this plan wants none.
    pub async fn make(netlink: &Netlink, plan: &Plan, leftover: bool) -> Result<Self, Vec<String>> {
        let links = netlink.links().await.map_err(one)?;
        let plan = &plan.with_kernel_names(&links);
        let tun = index(&links, &plan.tun).ok_or_else(|| one(format!("there is no TUN \"{}\"", plan.tun)))?;
        let mut local = Vec::new();
        let changes = match &plan.downstream {
            Some(name) => {
                let downstream = downstream(&links, plan, name).map_err(one)?;
                let dump = Dump::read(netlink, (tun, downstream), &plan.inside, &plan.local).await.map_err(one)?;
                local = dump.local_networks(plan, &links);
                dump.reconcile(plan, name, &local)?
            }
            None if leftover => Dump::read(netlink, (tun, 0), &[], &plan.local).await.map_err(one)?.removal(),
            None => Changes::default(),
        };
        Ok(Self { plan: plan.clone(), links, tun, local, changes })
    }
}

fn index(links: &[LinkMessage], name: &str) -> Option<u32> {
    links.iter().find(|link| link_name(link) == Some(name)).map(|link| link.header.index)
}

/// Those of these links that are there, by the kernel's names.
pub(super) fn present(links: &[LinkMessage], names: &[String]) -> Vec<String> {
    names.iter().filter(|name| index(links, name).is_some()).cloned().collect()
}

/// The firewall's link must be there and up, with IPv6 if an inside prefix needs it: its routes hang on it.
fn downstream(links: &[LinkMessage], plan: &Plan, name: &str) -> Result<u32, String> {
    let link = links.iter().find(|link| link_name(link) == Some(name));
    let Some(link) = link else {
        return Err(format!(
            "there is no link \"{name}\" on this machine: correct [downstream] interface, or plug it in"
        ));
    };
    if !link.header.flags.contains(LinkFlags::Up) {
        return Err(format!("the link \"{name}\" is down: bring it up (`ip link set {name} up`)"));
    }
    let switch = format!("net/ipv6/conf/{name}/disable_ipv6");
    let v6 = plan.inside.iter().any(|net| matches!(net, IpNet::V6(_)));
    if v6 && sysctl::read(&switch).as_deref() != Some("0") {
        return Err(format!(
            "IPv6 is off on \"{name}\", but there is an inside IPv6 prefix: set {} to 0, or remove the prefix",
            switch.replace('/', ".")
        ));
    }
    Ok(link.header.index)
}

fn one(fault: String) -> Vec<String> {
    vec![fault]
}
