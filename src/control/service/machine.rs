//! The links that the configuration names, as the kernel has them at one moment.
//! Must never know: what is done about a change.

use super::{Faults, sentence};
use crate::config::settings::Settings;
use crate::control::compile::{self, LinkState, RouterAddresses};
use crate::control::links::{self, LinkFacts};
use crate::ports::link::Link;
use ipnet::IpNet;
use std::net::IpAddr;

/// One look at the kernel's links.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The firewall's link; `None` when it is not there, or none is configured.
    pub downstream: Option<LinkFacts>,
    /// The links of the WANs in their order; `None` for a link that is not there.
    pub wans: Vec<Option<LinkFacts>>,
}

impl Machine {
    /// Looks. Needs a tokio runtime.
    ///
    /// # Errors
    /// One sentence, when netlink refuses.
    pub async fn look(settings: &Settings) -> Result<Self, String> {
        Ok(Self::pick(&links::read_all().await?, settings))
    }

    fn pick(all: &[LinkFacts], settings: &Settings) -> Self {
        let find = |name: &str| all.iter().find(|link| link.name == name).cloned();
        Self {
            downstream: settings.downstream.interface.as_deref().and_then(find),
            wans: settings.wans.iter().map(|wan| find(&wan.interface)).collect(),
        }
    }

    /// Whether the service can start with these links.
    ///
    /// # Errors
    /// One sentence for each WAN whose link is not there.
    pub fn require(&self, settings: &Settings) -> Result<(), Faults> {
        let missing = settings.wans.iter().zip(&self.wans).filter(|(_, link)| link.is_none()).map(|(wan, _)| {
            format!(
                "WAN \"{}\": there is no link \"{}\" on this machine: correct `interface`, or plug it in",
                wan.name, wan.interface
            )
        });
        let faults: Faults = missing.collect();
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    /// The part that the policy depends on, by WAN.
    #[must_use]
    pub fn states(&self) -> Vec<LinkState> {
        self.wans.iter().map(|link| link.as_ref().map_or_else(compile::no_link, LinkFacts::state)).collect()
    }

    /// Where ICMP errors towards inside come from: the firewall's link, else the TUN, else a WAN link's own address that
    /// is nobody's public one.
    #[must_use]
    pub fn router(&self, settings: &Settings) -> RouterAddresses {
        let addresses = |link: &LinkFacts| link.addresses.iter().map(IpNet::addr).collect::<Vec<_>>();
        let owned: Vec<IpNet> = settings.wans.iter().flat_map(|wan| wan.owned()).collect();
        let free = |address: &IpAddr| !owned.iter().any(|prefix| prefix.contains(address));
        let wans = self.wans.iter().flatten().flat_map(addresses).filter(free);
        let tun = settings.downstream.addresses.iter().map(IpNet::addr);
        compile::router_addresses(self.downstream.iter().flat_map(addresses).chain(tun).chain(wans))
    }

    /// The links that ports can be opened on now: a link that is switched off gets its port when it comes up.
    ///
    /// # Errors
    /// One sentence: a link that is not Ethernet.
    pub fn links(&self) -> Result<Vec<Option<Link>>, Faults> {
        let usable = self.wans.iter().map(|link| link.as_ref().filter(|link| link.up));
        usable.map(|link| link.map(|link| Link::find(&link.name)).transpose().map_err(sentence)).collect()
    }

    /// The index of the link that each WAN has a port on, if [`Machine::links`] was what was opened.
    #[must_use]
    pub fn attached(&self) -> Vec<Option<u32>> {
        self.wans.iter().map(|link| link.as_ref().filter(|link| link.up).map(|link| link.index)).collect()
    }
}
