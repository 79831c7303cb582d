//! The link layer of a WAN, as the kernel has it. Must never know: how the kernel was asked.

use super::gateway::Gateway;
use crate::types::{Family, LinkAddress, LinkLayer, Mac, ToldMtu};
use ipnet::{IpNet, Ipv6Net};
use std::net::IpAddr;
use std::sync::Arc;

/// How a WAN's link is spoken to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WanLink {
    /// What stands in front of its packets. Where nothing does, there is nobody to ask and nobody to tell.
    pub layer: LinkLayer,
    /// Our own address on the link.
    pub mac: Mac,
    /// Accept unicast frames for any station: captures hold another router's addresses.
    pub any_mac: bool,
    /// How often the link has come up, while frames can pass; `None` while they cannot.
    pub came_up: Option<u32>,
    /// 802.1Q VLAN id: pushed and required.
    pub vlan: Option<u16>,
    /// What narrows packets beside the link itself, by [`Family`].
    pub told_mtu: [Option<ToldMtu>; 2],
    /// The kernel's addresses on this link; those of a family in the order in which they became known.
    pub addresses: Arc<[LinkAddress]>,
    /// The gateways, by `Family`, best first; at most [`MOST_GATEWAYS`](super::MOST_GATEWAYS). 0.0.0.0 or :: where it is whoever is
    /// at the other end.
    pub gateways: [Arc<[Gateway]>; 2],
    /// Networks of the link whose hosts are sent to without a gateway, the smallest first.
    pub direct: Arc<[IpNet]>,
    /// The gateways' MACs, by `Family`, where they are configured, and 0 where there are none: nobody is asked for them, and
    /// nobody's word changes them.
    pub gateway_macs: [Option<Mac>; 2],
}

impl WanLink {
    /// The gateways of one family.
    #[must_use]
    pub fn gateways(&self, family: Family) -> &[Gateway] {
        &self.gateways[family.index()]
    }

    /// The best gateway of one family, whether it answers or not.
    #[must_use]
    pub fn next_hop(&self, family: Family) -> Option<IpAddr> {
        self.gateways(family).first().map(|gateway| gateway.address)
    }

    /// Makes this the only gateway of its family.
    pub fn set_next_hop(&mut self, family: Family, address: Option<IpAddr>) {
        self.gateways[family.index()] = address.map_or_else(Arc::default, Gateway::only);
    }

    /// The smallest network of the link in which `remote` is reached without a gateway.
    #[must_use]
    pub fn direct_network(&self, remote: IpAddr) -> Option<&IpNet> {
        self.direct.iter().find(|net| net.contains(&remote)).filter(|_| !self.has(remote))
    }

    /// The configured MAC of the gateway of one family.
    #[must_use]
    pub fn gateway_mac(&self, family: Family) -> Option<Mac> {
        self.gateway_macs[family.index()]
    }

    /// Whether the kernel has `address` on this link.
    #[must_use]
    pub fn has(&self, address: IpAddr) -> bool {
        self.addresses.iter().any(|own| own.address == address)
    }

    /// The kernel's IPv6 addresses on this link.
    pub fn addresses6(&self) -> impl Iterator<Item = &LinkAddress> {
        self.addresses.iter().filter(|own| own.address.is_ipv6())
    }

    /// Whether `address` lies in a network of the link that has other hosts.
    #[must_use]
    pub fn is_on_link(&self, address: IpAddr) -> bool {
        let is_shared = |net: &IpNet| net.prefix_len() < net.max_prefix_len() - 1 && net.contains(&address);
        self.addresses.iter().any(|own| is_shared(&own.network))
    }

    /// Whether a network of the link has addresses in common with `prefix`. One of a single address has no other hosts.
    #[must_use]
    pub fn shares(&self, prefix: Ipv6Net) -> bool {
        self.addresses.iter().any(|own| match own.network {
            IpNet::V6(net) => net.prefix_len() < 127 && (net.contains(&prefix) || prefix.contains(&net)),
            IpNet::V4(_) => false,
        })
    }

    /// Whether nobody but flowpin can say who has `address`: the kernel's own on a tagged link, whose frames the kernel,
    /// which has no VLAN device there, does not take.
    #[must_use]
    pub fn speaks_for(&self, address: IpAddr) -> bool {
        self.vlan.is_some() && self.has(address)
    }

    /// Whether `address` means every host on this link (RFC 922 §7); links of one or two hosts have none such (RFC 3021).
    #[must_use]
    pub fn is_broadcast(&self, address: IpAddr) -> bool {
        let is_broadcast = |own: &LinkAddress| match own.network {
            IpNet::V4(net) => net.prefix_len() < 31 && address == IpAddr::V4(net.broadcast()),
            IpNet::V6(_) => false,
        };
        self.addresses.iter().any(is_broadcast)
    }
}
