//! What the kernel says of one link, from its messages of links, addresses and routes.
//! Must never know: how they were read.

use super::addresses;
use super::connected;
use super::delegated::{self, Delegated};
use super::mtu;
use crate::control::compile::LinkState;
use crate::control::netlink::{Route, TABLE_MAIN, link_name, other_names};
use crate::plane::policy::Gateway;
use crate::ports::link::Kind;
use crate::types::{Family, LinkAddress, LinkLayer, Mac, ToldMtu};
use ipnet::IpNet;
use rtnetlink::packet_route::address::AddressMessage;
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use std::cmp::Reverse;
use std::fmt::Write;
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
    /// Gateways of the default routes over this link, by `Family`, those of router advertisements included, best first. One for
    /// IPv4 may have an IPv6 address (RFC 5549).
    pub gateways: [Vec<Gateway>; 2],
    /// Networks that it leads to without a gateway, the smallest first.
    pub connected: Vec<IpNet>,
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
            gateways: Family::ALL.map(|family| self.gateways_of(family)),
            connected: self.connected.clone(),
        }
    }

    /// The gateways of one family; where no route names one, the other end of the link, if it has one.
    fn gateways_of(&self, family: Family) -> Vec<Gateway> {
        let known = &self.gateways[family.index()];
        let other_end = || self.other_end(family).map(|peer| Gateway::new(peer, "the other end of the link"));
        if known.is_empty() { other_end().into_iter().collect() } else { known.clone() }
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
        (!is_closed).then(|| peer.unwrap_or(unspecified(family)))
    }
}

/// The place of a gateway's address where there is none.
fn unspecified(family: Family) -> IpAddr {
    match family {
        Family::V4 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        Family::V6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}

/// The facts of one link; `None` for one without a name.
pub(super) fn facts(link: &LinkMessage, addresses: &[AddressMessage], routes: &[Route]) -> Option<LinkFacts> {
    let index = link.header.index;
    let flags = link.header.flags;
    let kind = Kind {
        hardware: link.header.link_layer_type.into(),
        is_point_to_point: flags.contains(LinkFlags::Pointopoint),
    };
    let mut facts = LinkFacts {
        name: link_name(link)?.to_owned(),
        other_names: other_names(link).map(String::from).collect(),
        index,
        mac: None,
        kind,
        mtu: 0,
        told_mtu: [None; 2],
        up: flags.contains(LinkFlags::Up),
        carrier: flags.contains(LinkFlags::LowerUp),
        came_up: 0,
        addresses: addresses_on(index, addresses, routes),
        gateways: Family::ALL.map(|family| gateways(routes, (index, kind.layer()), family)),
        connected: connected::on(index, routes),
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

/// Gateways of the default routes of one family over one link: table main first, then other tables by number; the lower metric
/// wins, then the preference that a router advertises for itself (RFC 4191 §2.1).
/// Where such a route names none, and the link has neighbours, all are on the link.
fn gateways(routes: &[Route], (link, layer): (u32, Option<LinkLayer>), family: Family) -> Vec<Gateway> {
    let is_of_family = |route: &&Route| route.is_default() && Family::of(route.destination.addr()) == family;
    let mut defaults: Vec<&Route> = routes.iter().filter(is_of_family).collect();
    defaults.sort_by_key(|it| (it.table != TABLE_MAIN, it.table, it.metric, Reverse(it.preference)));
    let mut found: Vec<Gateway> = Vec::new();
    for (route, hop) in defaults.iter().flat_map(|route| route.hops.iter().map(move |hop| (route, hop))) {
        let is_new = |address: &IpAddr| !found.iter().any(|gateway| gateway.address == *address);
        let everybody = || (layer == Some(LinkLayer::Ethernet) && hop.link == link).then(|| unspecified(family));
        let address = hop.gateway.or_else(everybody).filter(is_new).filter(|_| hop.link == link);
        found.extend(address.map(|address| Gateway::new(address, why(route))));
    }
    found
}

/// Where a gateway's route is from, and what gives it its rank.
fn why(route: &Route) -> String {
    let preference = match route.preference {
        1.. => "high",
        0 => "medium",
        _ => "low",
    };
    let mut why = match route.protocol {
        RTPROT_RA => format!("router advertisement, preference {preference}"),
        _ => "default route".to_owned(),
    };
    if route.metric != 0 {
        let _ = write!(why, ", metric {}", route.metric);
    }
    if route.table != TABLE_MAIN {
        let _ = write!(why, ", table {}", route.table);
    }
    why
}

/// linux/rtnetlink.h: made from a router advertisement.
const RTPROT_RA: u8 = 9;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::netlink::Hop;
    use rtnetlink::packet_route::route::RouteType;

    fn route(table: u32, metric: u32, destination: &str, hops: &[(u32, &str)]) -> Route {
        let hops = hops.iter().map(|(link, gateway)| Hop { link: *link, gateway: gateway.parse().ok() }).collect();
        let destination = destination.parse().unwrap();
        let (source, preferred_source, mtu) = (None, None, None);
        Route {
            table,
            destination,
            source,
            preferred_source,
            kind: RouteType::Unicast,
            protocol: 4,
            metric,
            mtu,
            preference: 0,
            hops,
        }
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
        let found = |link, family| shown(&gateways(&routes, (link, Some(LinkLayer::Ethernet)), family));
        assert_eq!(
            found(3, Family::V4),
            [
                "192.0.2.1 default route, metric 100",
                "192.0.2.2 default route, metric 200",
                "192.0.2.7 default route, table 7"
            ]
        );
        assert_eq!(found(3, Family::V6), ["fe80::1 default route"]);
        assert_eq!(found(4, Family::V4), ["198.51.100.1 default route, metric 100"]);
        assert!(found(5, Family::V4).is_empty());
    }

    #[test]
    fn of_routers_that_advertise_themselves_the_preferred_one_is_better() {
        let advertised = |gateway, preference| Route {
            protocol: RTPROT_RA,
            preference,
            ..route(TABLE_MAIN, 1024, "::/0", &[(3, gateway)])
        };
        let routes = [advertised("fe80::1", -1), advertised("fe80::2", 0), advertised("fe80::3", 1)];
        let preference = |it: &str| format!("router advertisement, preference {it}, metric 1024");
        let due = [("fe80::3", "high"), ("fe80::2", "medium"), ("fe80::1", "low")];
        assert_eq!(
            shown(&gateways(&routes, (3, Some(LinkLayer::Ethernet)), Family::V6)),
            due.map(|(address, is)| format!("{address} {}", preference(is)))
        );
    }

    #[test]
    fn a_gateway_for_ipv4_may_have_an_ipv6_address() {
        let routes = [route(TABLE_MAIN, 0, "0.0.0.0/0", &[(3, "fe80::1")])];
        assert_eq!(shown(&gateways(&routes, (3, Some(LinkLayer::Ethernet)), Family::V4)), ["fe80::1 default route"]);
        assert!(gateways(&routes, (3, Some(LinkLayer::Ethernet)), Family::V6).is_empty());
    }

    #[test]
    fn a_default_route_without_a_gateway_says_that_everybody_is_on_the_link_if_it_has_neighbours() {
        let routes = [route(TABLE_MAIN, 5, "0.0.0.0/0", &[(3, "")])];
        let found = |layer| shown(&gateways(&routes, (3, layer), Family::V4));
        assert_eq!(found(Some(LinkLayer::Ethernet)), ["0.0.0.0 default route, metric 5"]);
        assert!(found(Some(LinkLayer::None)).is_empty() && found(None).is_empty());
    }

    fn shown(gateways: &[Gateway]) -> Vec<String> {
        gateways.iter().map(|it| format!("{} {}", it.address, it.why)).collect()
    }
}
