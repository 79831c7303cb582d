//! What the kernel says of one link, from its messages of links, addresses and routes.
//! Must never know: how they were read.

use super::addresses;
use super::delegated::{self, Delegated};
use super::mtu;
use crate::control::compile::LinkState;
use crate::control::netlink::{Route, TABLE_MAIN, link_name, other_names};
use crate::ports::link::Kind;
use crate::types::{Family, LinkAddress, LinkLayer, Mac, ToldMtu};
use rtnetlink::packet_route::address::AddressMessage;
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A link as the kernel sees it at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LinkFacts {
    /// Its name.
    pub name: String,
    /// Its other names (`ip link property add altname`).
    pub other_names: Vec<String>,
    /// Its index.
    pub index: u32,
    /// `None` for a link without Ethernet addresses, such as a TUN.
    pub mac: Option<Mac>,
    /// What kind of link it is.
    pub kind: Kind,
    /// Bytes.
    pub mtu: u32,
    /// What narrows packets beside that, by `Family`.
    pub told_mtu: [Option<ToldMtu>; 2],
    /// Switched on by its administrator.
    pub up: bool,
    /// The cable is in, the peer is there: frames can pass (`IFF_LOWER_UP`).
    pub carrier: bool,
    /// How often the carrier has come since the link was made.
    pub came_up: u32,
    /// Its addresses; those that failed duplicate detection are left out.
    pub addresses: Vec<LinkAddress>,
    /// IPv4 gateways of the default routes over this link, best first.
    pub gateways4: Vec<Ipv4Addr>,
    /// IPv6 gateways of the default routes over this link, those of router advertisements included, best first.
    pub gateways6: Vec<Ipv6Addr>,
    /// IPv6 prefixes that are delegated over this link, the deprecated ones last. Those that the kernel ties to no link are
    /// the loopback's.
    pub delegated: Vec<Delegated>,
}

/// What the ports of a WAN were opened on. A modem may change from Ethernet to bare packets and stay the same link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Attached {
    /// The link's index.
    pub index: u32,
    /// What kind of link it was.
    pub kind: Kind,
}

impl LinkFacts {
    /// Whether this is a name of it.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        self.name == name || self.other_names.iter().any(|it| it == name)
    }

    /// Why no port can be opened on it, in one sentence.
    #[must_use]
    pub fn unusable(&self) -> Option<String> {
        self.kind.unusable(&self.name)
    }

    /// Whether a port is worth trying now: a link that is switched off gets its port when it comes up.
    #[must_use]
    pub fn takes_port(&self) -> bool {
        self.up && self.unusable().is_none()
    }

    /// What a port on it is a port on: another one needs another port.
    #[must_use]
    pub fn attached(&self) -> Attached {
        Attached { index: self.index, kind: self.kind }
    }

    /// The part that the policy depends on.
    #[must_use]
    pub fn state(&self) -> LinkState {
        let layer = self.kind.layer().unwrap_or_default();
        let v4 = self.gateways4.first().copied().map(IpAddr::V4).or_else(|| self.other_end(Family::V4));
        let v6 = self.gateways6.first().copied().map(IpAddr::V6).or_else(|| self.other_end(Family::V6));
        LinkState {
            present: true,
            name: self.name.as_str().into(),
            layer,
            unusable: self.unusable().map(Into::into),
            mac: self.mac.unwrap_or_default(),
            any_mac: false,
            came_up: (self.up && self.carrier).then_some(self.came_up),
            mtu: u16::try_from(self.mtu).unwrap_or(u16::MAX),
            told_mtu: self.told_mtu,
            addresses: self.addresses.clone(),
            delegated: self.delegated.iter().map(|it| it.prefix).collect(),
            gateway4: v4.and_then(|it| if let IpAddr::V4(v4) = it { Some(v4) } else { None }),
            gateway6: v6.and_then(|it| if let IpAddr::V6(v6) = it { Some(v6) } else { None }),
        }
    }

    /// The peer of a link without a link layer, by its address if that is known. `None` where a family is closed.
    fn other_end(&self, family: Family) -> Option<IpAddr> {
        if self.kind.layer() != Some(LinkLayer::None) {
            return None;
        }
        let own = || self.addresses.iter().filter(|own| Family::of(own.address) == family);
        let peer = own().map(|own| own.network).find(|net| net.prefix_len() == net.max_prefix_len());
        let peer = peer.map(|net| net.addr()).filter(|peer| own().all(|own| own.address != *peer));
        let is_closed = self.kind.negotiates_families() && own().next().is_none();
        let unspecified = match family {
            Family::V4 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            Family::V6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        (!is_closed).then(|| peer.unwrap_or(unspecified))
    }
}

/// The facts of one link; `None` for one without a name.
pub(super) fn facts(link: &LinkMessage, addresses: &[AddressMessage], routes: &[Route]) -> Option<LinkFacts> {
    let index = link.header.index;
    let flags = link.header.flags;
    let mut facts = LinkFacts {
        name: link_name(link)?.to_owned(),
        other_names: other_names(link).map(String::from).collect(),
        index,
        mac: None,
        kind: Kind {
            hardware: link.header.link_layer_type.into(),
            is_point_to_point: flags.contains(LinkFlags::Pointopoint),
        },
        mtu: 0,
        told_mtu: [None; 2],
        up: flags.contains(LinkFlags::Up),
        carrier: flags.contains(LinkFlags::LowerUp),
        came_up: 0,
        addresses: addresses_on(index, addresses, routes),
        gateways4: Vec::new(),
        gateways6: Vec::new(),
        delegated: delegated::on(index, routes, addresses),
    };
    for attribute in &link.attributes {
        match attribute {
            LinkAttribute::Address(octets) => facts.mac = <[u8; 6]>::try_from(octets.as_slice()).ok().map(Mac),
            LinkAttribute::Mtu(mtu) => facts.mtu = *mtu,
            LinkAttribute::CarrierUpCount(count) => facts.came_up = *count,
            _ => {}
        }
    }
    facts.told_mtu = mtu::told(link, facts.mtu, routes);
    for gateway in gateways(routes, index) {
        match gateway {
            IpAddr::V4(gateway) => facts.gateways4.push(gateway),
            IpAddr::V6(gateway) => facts.gateways6.push(gateway),
        }
    }
    Some(facts)
}

/// The addresses of one link.
fn addresses_on(link: u32, addresses: &[AddressMessage], routes: &[Route]) -> Vec<LinkAddress> {
    let defaults = routes.iter().filter(|route| route.is_default());
    let over = defaults.filter(|route| route.hops.iter().any(|hop| hop.link == link));
    let sources: Vec<IpAddr> = over.filter_map(|route| route.preferred_source).collect();
    let on_link = addresses.iter().filter(|message| message.header.index == link);
    on_link.filter_map(|message| addresses::read(message, &sources)).collect()
}

/// Gateways of the default routes over one link: table main first, then other tables by number; the lower metric wins.
fn gateways(routes: &[Route], link: u32) -> Vec<IpAddr> {
    let mut defaults: Vec<&Route> = routes.iter().filter(|route| route.is_default()).collect();
    defaults.sort_by_key(|route| (route.table != TABLE_MAIN, route.table, route.metric));
    let mut found: Vec<IpAddr> = Vec::new();
    for hop in defaults.iter().flat_map(|route| &route.hops) {
        if let Some(gateway) = hop.gateway.filter(|gateway| hop.link == link && !found.contains(gateway)) {
            found.push(gateway);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::netlink::Hop;
    use rtnetlink::packet_route::route::RouteType;

    fn route(table: u32, metric: u32, destination: &str, hops: &[(u32, &str)]) -> Route {
        let hops = hops.iter().map(|(link, gateway)| Hop { link: *link, gateway: gateway.parse().ok() }).collect();
        let destination = destination.parse().unwrap();
        let (source, preferred_source, mtu) = (None, None, None);
        Route { table, destination, source, preferred_source, kind: RouteType::Unicast, protocol: 4, metric, mtu, hops }
    }

    #[test]
    fn the_best_gateway_is_that_of_the_main_table_with_the_lowest_metric() {
        let routes = [
            route(7, 0, "0.0.0.0/0", &[(3, "192.0.2.7")]),
            route(TABLE_MAIN, 200, "0.0.0.0/0", &[(3, "192.0.2.2")]),
            route(TABLE_MAIN, 100, "0.0.0.0/0", &[(4, "198.51.100.1"), (3, "192.0.2.1")]),
            route(TABLE_MAIN, 0, "203.0.113.0/24", &[(3, "192.0.2.9")]),
            route(TABLE_MAIN, 0, "::/0", &[(3, "fe80::1")]),
        ];
        let found: Vec<String> = gateways(&routes, 3).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["fe80::1", "192.0.2.1", "192.0.2.2", "192.0.2.7"]);
        assert_eq!(gateways(&routes, 4), ["198.51.100.1".parse::<IpAddr>().unwrap()]);
        assert!(gateways(&routes, 5).is_empty());
    }
}
