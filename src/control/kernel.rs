//! The kernel side of the router: what must stand in the kernel for packets to pass between the firewall's link, the TUN
//! and flowpin, and for the kernel to stay silent about what flowpin owns. Set up before the workers start, undone after
//! they stop, and taken over from a run that was killed. Must never know: the policy, the plane, a packet.
//!
//! What is made, and how it is recognised: policy rules and routes carry [`PROTOCOL`]; the nftables table is named
//! after the TUN; sysctls stand with their old values in a state file beside the control socket. One flowpin with a
//! `downstream.interface` per network namespace.
//!
//! What stays as it is: the machine's default route, its main table but for inside prefixes, `ip_forward`, and per-link
//! IPv6 `forwarding` (switching it on would drop every default route learned from router advertisements).
//! Redirects need no switch: what comes from the firewall's link always leaves by another, the TUN.

mod hush;
mod lock;
mod nft;
mod routing;
mod saved;
mod shield;
mod sysctl;
mod tun;

pub use lock::{Lock, acquire as lock};
pub use routing::{PRIORITY_INSIDE, PRIORITY_OUTSIDE, PROTOCOL, TABLE};

use super::netlink::{Netlink, link_name};
use crate::config::settings::Settings;
use ipnet::IpNet;
use routing::{Changes, Dump};
use rtnetlink::packet_route::link::{LinkFlags, LinkMessage};
use saved::Saved;
use shield::{Shield, Silence, Wans};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

/// What the kernel side depends on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// The firewall's link; `None`: no route, rule or sysctl but those of the TUN is touched.
    pub downstream: Option<String>,
    /// The TUN, which exists.
    pub tun: String,
    /// Bytes, of the TUN.
    pub mtu: u16,
    /// Addresses of the TUN.
    pub addresses: Vec<IpNet>,
    /// Inside prefixes.
    pub inside: Vec<IpNet>,
    /// Where inside IPv4 prefixes are that are not on-link.
    pub next_hop4: Option<Ipv4Addr>,
    /// Where inside IPv6 prefixes are that are not on-link.
    pub next_hop6: Option<Ipv6Addr>,
    /// Names of the WAN links, which may be absent.
    pub wans: Vec<String>,
    /// Public addresses and prefixes that the kernel must be silent for.
    pub owned: Vec<IpNet>,
    /// Remembers what the machine was like.
    pub state: PathBuf,
}

impl Plan {
    /// The plan that the configuration asks for, while the WANs own these public addresses and prefixes.
    #[must_use]
    pub fn new(settings: &Settings, owned: Vec<IpNet>) -> Self {
        let downstream = &settings.downstream;
        let mut wans: Vec<String> = settings.wans.iter().map(|wan| wan.interface.clone()).collect();
        wans.sort_unstable();
        wans.dedup();
        Self {
            downstream: downstream.interface.clone(),
            tun: downstream.tun.clone(),
            mtu: downstream.mtu,
            addresses: downstream.addresses.clone(),
            inside: downstream.prefixes.clone(),
            next_hop4: downstream.next_hop4,
            next_hop6: downstream.next_hop6,
            wans,
            owned,
            state: beside(&settings.control.socket, "state"),
        }
    }

    fn silence(&self) -> Silence<'_> {
        Silence { owned: &self.owned, inside: &self.inside }
    }
}

/// `control.sock` and `lock` give `control.sock.lock`.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    PathBuf::from(name)
}

/// The kernel side, standing. Dropped without [`Kernel::teardown`], it stays for the next run to take over.
#[must_use = "without teardown the kernel side stays as it is"]
pub struct Kernel {
    plan: Plan,
    shield: Shield,
    saved: Saved,
}

/// Sets the kernel side up, or takes it over from a run that never stopped: the TUN ready and up, the shield, rules,
/// routes and sysctls. Call before the workers start, with the TUN created. Needs a tokio runtime.
///
/// # Errors
/// One sentence for every conflict with what the machine has already, and nothing has changed; or what could not be set
/// up, and what had been done by then is undone.
pub async fn setup(plan: &Plan) -> Result<Kernel, Vec<String>> {
    let netlink = Netlink::connect().map_err(one)?;
    let saved = Saved::load(&plan.state).map_err(one)?;
    let left_by = saved.left_by().map(String::from);
    let survey = Survey::make(&netlink, plan, left_by.is_some()).await?;
    let shield = Shield::raise(&plan.tun, survey.wans(plan), plan.silence()).map_err(one)?;
    let mut kernel = Kernel { plan: plan.clone(), shield, saved };
    let done = async {
        if let Some(other) = left_by.filter(|left_by| *left_by != plan.tun) {
            Shield::remove_leftover(&other).map_err(one)?;
        }
        tun::prepare(&netlink, plan, survey.tun).await.map_err(one)?;
        kernel.make(&netlink, &survey).await
    };
    match done.await {
        Ok(()) => Ok(kernel),
        Err(mut faults) => {
            faults.extend(kernel.teardown().await);
            Err(faults)
        }
    }
}

impl Kernel {
    /// Shields these owned addresses instead, also on WAN links that have come since. Needs a tokio runtime.
    ///
    /// # Errors
    /// A sentence; the old shield stands then.
    pub async fn guard(&mut self, owned: &[IpNet]) -> Result<(), String> {
        let links = Netlink::connect()?.links().await?;
        self.plan.owned = owned.to_vec();
        let present = present(&links, &self.plan.wans);
        self.shield.update(Wans { all: &self.plan.wans, present: &present }, self.plan.silence())
    }

    /// Makes again what is missing: the firewall's link went down and came back, somebody flushed the rules. Needs a
    /// tokio runtime.
    ///
    /// # Errors
    /// One sentence for each thing that stays missing.
    pub async fn repair(&mut self) -> Result<(), Vec<String>> {
        let netlink = Netlink::connect().map_err(one)?;
        let survey = Survey::make(&netlink, &self.plan, false).await?;
        self.make(&netlink, &survey).await
    }

    /// Undoes everything in reverse order. Call after the workers have stopped. Needs a tokio runtime.
    ///
    /// The sentences say what could not be undone.
    pub async fn teardown(self) -> Vec<String> {
        let mut faults = Vec::new();
        faults.extend(self.saved.restore().err());
        if self.plan.downstream.is_some() {
            faults.extend(unroute().await.err().unwrap_or_default());
        }
        faults.extend(self.shield.lower().err());
        faults
    }

    /// Forwarding is switched on last: nothing passes before everything stands.
    async fn make(&mut self, netlink: &Netlink, survey: &Survey) -> Result<(), Vec<String>> {
        survey.changes.make(netlink).await?;
        let has = |v4: bool| self.plan.inside.iter().any(|prefix| matches!(prefix, IpNet::V4(_)) == v4);
        let names: Vec<String> = survey.links.iter().filter_map(link_name).map(String::from).collect();
        let (downstream, tun) = (self.plan.downstream.as_deref(), self.plan.tun.as_str());
        let scope = sysctl::Scope { downstream, tun, v4: has(true), v6: has(false), links: &names };
        let switches = sysctl::wanted(&scope, &|path| self.saved.original(path));
        self.saved.set(tun, switches).map_err(one)
    }
}

/// One look at the machine, and what is to be changed of its rules and routes.
struct Survey {
    links: Vec<LinkMessage>,
    /// Names of the WAN links that are there.
    present: Vec<String>,
    /// Index of the TUN.
    tun: u32,
    changes: Changes,
}

impl Survey {
    /// `leftover`: an earlier run may have left rules and routes though this plan wants none.
    async fn make(netlink: &Netlink, plan: &Plan, leftover: bool) -> Result<Self, Vec<String>> {
        let links = netlink.links().await.map_err(one)?;
        let tun = index(&links, &plan.tun).ok_or_else(|| one(format!("there is no TUN \"{}\"", plan.tun)))?;
        let changes = match &plan.downstream {
            Some(name) => {
                let downstream = downstream(&links, plan, name).map_err(one)?;
                Dump::read(netlink, tun, downstream, &plan.inside).await.map_err(one)?.reconcile(plan, name)?
            }
            None if leftover => Dump::read(netlink, tun, 0, &[]).await.map_err(one)?.removal(),
            None => Changes::default(),
        };
        Ok(Self { present: present(&links, &plan.wans), links, tun, changes })
    }

    fn wans<'a>(&'a self, plan: &'a Plan) -> Wans<'a> {
        Wans { all: &plan.wans, present: &self.present }
    }
}

async fn unroute() -> Result<(), Vec<String>> {
    let netlink = Netlink::connect().map_err(one)?;
    let dump = Dump::read(&netlink, 0, 0, &[]).await.map_err(one)?;
    dump.removal().make(&netlink).await
}

fn one(fault: String) -> Vec<String> {
    vec![fault]
}

fn index(links: &[LinkMessage], name: &str) -> Option<u32> {
    links.iter().find(|link| link_name(link) == Some(name)).map(|link| link.header.index)
}

fn present(links: &[LinkMessage], names: &[String]) -> Vec<String> {
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
        return Err(format!("the link \"{name}\" is down: bring it up before flowpin starts"));
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
