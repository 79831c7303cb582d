//! What the kernel side depends on, as data. Must never know: how any of it is made.

use crate::config::settings::{Local, Settings};
use crate::control::netlink::{link_name, link_named};
use crate::types::{Owned, PortRange};
use ipnet::IpNet;
use rtnetlink::packet_route::link::LinkMessage;
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
    /// Networks of this machine that inside hosts reach without flowpin.
    pub local: Local,
    /// Where inside IPv4 prefixes are that are not on-link.
    pub next_hop4: Option<Ipv4Addr>,
    /// Where inside IPv6 prefixes are that are not on-link.
    pub next_hop6: Option<Ipv6Addr>,
    /// Names of the WAN links, which may be absent or called by another name.
    pub wans: Vec<String>,
    /// What the kernel must be silent for.
    pub owned: Vec<Owned>,
    /// The ports that inside hosts have at the addresses of WAN links, by the WAN's name.
    pub ports: Vec<(String, PortRange)>,
    /// Remembers what the machine was like.
    pub state: PathBuf,
}

impl Plan {
    /// The plan that the configuration asks for, while the WANs own this.
    #[must_use]
    pub fn new(settings: &Settings, owned: Vec<Owned>) -> Self {
        let downstream = &settings.downstream;
        let mut wans: Vec<String> = settings.wans.values().map(|wan| wan.interface.clone()).collect();
        wans.sort_unstable();
        wans.dedup();
        Self {
            downstream: downstream.interface.clone(),
            tun: downstream.tun.clone(),
            mtu: downstream.mtu,
            addresses: downstream.addresses.clone(),
            inside: downstream.prefixes.clone(),
            local: downstream.local.clone(),
            next_hop4: downstream.next_hop4,
            next_hop6: downstream.next_hop6,
            wans,
            owned,
            ports: settings.wans.values().filter_map(|wan| Some((wan.name.clone(), wan.masquerade?.ports))).collect(),
            state: state_beside(&settings.control.socket),
        }
    }

    /// The same, with the kernel's names of these links.
    #[must_use]
    pub(super) fn with_kernel_names(&self, links: &[LinkMessage]) -> Self {
        let downstream = kernel_names(self.downstream.as_slice(), links).pop();
        Self { downstream, wans: kernel_names(&self.wans, links), ..self.clone() }
    }
}

/// The names of links as the kernel has them, where these are other names of some of the links (altname).
pub(super) fn kernel_names(names: &[String], links: &[LinkMessage]) -> Vec<String> {
    names.iter().map(|name| link_named(links, name).and_then(link_name).unwrap_or(name).to_owned()).collect()
}

/// The file that remembers what the machine was like, by the control socket.
pub(super) fn state_beside(socket: &Path) -> PathBuf {
    beside(socket, "state")
}

/// `control.sock` and `lock` give `control.sock.lock`.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    PathBuf::from(name)
}
