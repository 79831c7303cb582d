//! Which networks the kernel reaches over a link without a gateway: those of its addresses, those that a router's advertisement
//! says to be on the link (RFC 4861 §4.6.2, flag L), and those that somebody routes there by hand.
//! Must never know: what is done about it.

use crate::control::kernel::PROTOCOL;
use crate::control::netlink::{Route, TABLE_LOCAL};
use ipnet::IpNet;
use rtnetlink::packet_route::route::RouteType;
use std::cmp::Reverse;
use std::net::{IpAddr, Ipv6Addr};

/// Networks of a link at the most: the smallest stay.
const MOST: usize = 64;

/// Whether a route leads to hosts of a link, other than by their link-local addresses.
pub(super) fn connects(route: &Route) -> bool {
    route.kind == RouteType::Unicast
        && route.table != TABLE_LOCAL
        && route.protocol != PROTOCOL
        && !is_of_every_link(route.destination.addr())
        && route.hops.iter().any(|hop| hop.gateway.is_none() && hop.link != 0)
}

fn is_of_every_link(address: IpAddr) -> bool {
    let is_link_local = |it: Ipv6Addr| it.is_unicast_link_local();
    address.is_multicast() || matches!(address, IpAddr::V6(it) if is_link_local(it))
}

/// Those of one link, the smallest first.
pub(super) fn on(link: u32, routes: &[Route]) -> Vec<IpNet> {
    let leads =
        |route: &&Route| connects(route) && route.hops.iter().any(|hop| hop.gateway.is_none() && hop.link == link);
    let mut networks: Vec<_> = routes.iter().filter(leads).map(|route| route.destination).collect();
    networks.sort_unstable_by_key(|net| (Reverse(net.prefix_len()), *net));
    networks.dedup();
    networks.truncate(MOST);
    networks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::netlink::{Hop, TABLE_MAIN};

    fn route(destination: &str, link: u32, gateway: Option<&str>) -> Route {
        Route {
            table: TABLE_MAIN,
            destination: destination.parse().unwrap(),
            source: None,
            preferred_source: None,
            kind: RouteType::Unicast,
            protocol: 2,
            metric: 0,
            mtu: None,
            preference: 0,
            hops: vec![Hop { link, gateway: gateway.map(|it| it.parse().unwrap()) }],
        }
    }

    #[test]
    fn what_is_routed_to_the_link_itself_is_connected_and_nothing_that_is_on_every_link() {
        let routes = [
            route("192.0.2.192/29", 3, None),
            route("0.0.0.0/0", 3, Some("192.0.2.198")),
            route("192.168.100.0/24", 3, None),
            route("192.0.2.192/29", 3, None),
            route("198.51.100.0/24", 4, None),
            route("203.0.113.0/24", 3, Some("192.0.2.198")),
            route("2001:db8:a::/64", 3, None),
            route("fe80::/64", 3, None),
            route("ff00::/8", 3, None),
            Route { table: TABLE_LOCAL, ..route("192.0.2.194/32", 3, None) },
            Route { protocol: PROTOCOL, ..route("203.0.113.7/32", 3, None) },
            Route { kind: RouteType::BlackHole, ..route("203.0.113.8/32", 3, None) },
        ];
        let found = |link| on(link, &routes).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(found(3), ["2001:db8:a::/64", "192.0.2.192/29", "192.168.100.0/24"]);
        assert_eq!(found(4), ["198.51.100.0/24"]);
        assert_eq!(on(3, &[route("0.0.0.0/0", 3, None)]).len(), 1, "a link on which everybody is");
    }

    #[test]
    fn the_networks_of_a_link_are_bounded() {
        let routes: Vec<_> = (0..100).map(|it| route(&format!("10.0.{it}.0/24"), 3, None)).collect();
        assert_eq!(on(3, &routes).len(), MOST);
    }
}
