//! What real clients leave in the kernel, and what looks like it. Must never know: netlink.

use super::*;
use crate::control::netlink::{Hop, TABLE_MAIN};
use rtnetlink::packet_route::AddressFamily;

const LO: u32 = 1;
const WAN: u32 = 2;
const OTHER: u32 = 3;
const LAN: u32 = 4;

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

fn route(kind: RouteType, destination: &str, protocol: u8, metric: u32, link: u32) -> Route {
    let hops = vec![Hop { link, gateway: None }];
    Route {
        table: TABLE_MAIN,
        destination: net(destination),
        source: None,
        preferred_source: None,
        mtu: None,
        kind,
        protocol,
        metric,
        preference: 0,
        hops,
    }
}

/// As dhcpcd 9.4 and systemd-networkd 252 leave it.
fn refused(prefix: &str) -> Route {
    route(RouteType::Unreachable, prefix, DHCP, 1024, LO)
}

fn default_over(link: u32, source: Option<&str>) -> Route {
    let gateway = Some("fe80::1".parse().unwrap());
    let hops = vec![Hop { link, gateway }];
    Route { source: source.map(net), hops, ..route(RouteType::Unicast, "::/0", 9, 1024, link) }
}

fn assigned(link: u32, address: &str, flags: AddressFlags) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family = AddressFamily::Inet6;
    message.header.index = link;
    message.header.prefix_len = 64;
    message.attributes.push(AddressAttribute::Address(address.parse().unwrap()));
    message.attributes.push(AddressAttribute::Flags(flags));
    message
}

fn prefixes(link: u32, routes: &[Route], addresses: &[AddressMessage]) -> Vec<String> {
    on(link, routes, addresses).iter().map(|it| it.prefix.to_string()).collect()
}

#[test]
fn the_route_that_a_client_refuses_a_prefix_by_tells_it_and_no_line() {
    let routes = [refused("2001:db8:a:1000::/60"), default_over(WAN, None), default_over(OTHER, None)];
    let lan = [assigned(LAN, "2001:db8:a:1001::1", AddressFlags::empty())];
    assert_eq!(prefixes(LO, &routes, &lan), ["2001:db8:a:1000::/60"]);
    assert_eq!([WAN, OTHER, LAN].map(|link| prefixes(link, &routes, &lan).len()), [0; 3]);
}

#[test]
fn an_address_out_of_the_prefix_on_a_link_with_a_gateway_tells_the_line() {
    let routes = [refused("2001:db8:a:1000::/60"), default_over(WAN, None), default_over(OTHER, None)];
    let addresses = [LAN, OTHER].map(|link| assigned(link, &format!("2001:db8:a:100{link}::1"), AddressFlags::empty()));
    assert_eq!(prefixes(OTHER, &routes, &addresses), ["2001:db8:a:1000::/60"]);
    assert_eq!([LO, WAN, LAN].map(|link| prefixes(link, &routes, &addresses).len()), [0; 3]);
}

#[test]
fn a_default_route_for_the_prefix_alone_tells_the_line() {
    let of_netifd = |prefix: &str| route(RouteType::Unreachable, prefix, STATIC, NETIFD, LO);
    let routes = [
        of_netifd("2001:db8:a:1000::/60"),
        default_over(WAN, Some("2001:db8:a:1000::/60")),
        of_netifd("2001:db8:b:2000::/56"),
        default_over(OTHER, Some("2001:db8:b:2000::/56")),
        default_over(OTHER, Some("2001:db8:b:ffff::/64")),
    ];
    assert_eq!(prefixes(WAN, &routes, &[]), ["2001:db8:a:1000::/60"]);
    assert_eq!(prefixes(OTHER, &routes, &[]), ["2001:db8:b:2000::/56"]);
    assert!(on(LO, &routes, &[]).is_empty());
}

#[test]
fn what_no_client_made_and_no_provider_delegates_is_no_delegated_prefix() {
    let made = |kind, destination: &str, protocol, metric| route(kind, destination, protocol, metric, LO);
    let mut local = refused("2001:db8:1::/60");
    local.table = TABLE_LOCAL;
    let routes = [
        // An operator's own, a routing daemon's, flowpin's.
        made(RouteType::Unreachable, "2001:db8::/32", 3, 1024),
        made(RouteType::Unreachable, "2001:db8::/32", STATIC, 1024),
        made(RouteType::BlackHole, "2001:db8:2::/48", 12, 20),
        made(RouteType::Unreachable, "::/0", 0x66, u32::MAX),
        // Of DHCP, but nothing to translate to.
        refused("::/0"),
        refused("fd00:bad:b01::/60"),
        refused("fe80::/64"),
        refused("ff00::/8"),
        refused("64:ff9b::/64"),
        refused("2001:db8:a::1/128"),
        refused("2001:db8:a::/96"),
        made(RouteType::Unicast, "2001:db8:a:1001::/64", DHCP, 1004),
        made(RouteType::Unreachable, "10.0.0.0/8", DHCP, 1024),
        local,
    ];
    assert_eq!(prefixes(LO, &routes, &[]), Vec::<String>::new());
}

#[test]
fn a_prefix_whose_addresses_are_all_deprecated_comes_after_the_others() {
    let routes = [refused("2001:db8:a:1000::/60"), refused("2001:db8:a:2000::/60"), refused("2001:db8:a:3000::/60")];
    let (old, fresh) = (AddressFlags::Deprecated, AddressFlags::empty());
    let addresses = [
        assigned(LAN, "2001:db8:a:1001::1", old),
        assigned(LAN, "2001:db8:a:2001::1", fresh),
        assigned(LAN, "2001:db8:a:2002::1", old),
    ];
    let found = on(LO, &routes, &addresses);
    let found: Vec<_> = found.iter().map(|it| (it.prefix.to_string(), it.deprecated)).collect();
    let due = [(2, false), (3, false), (1, true)].map(|(at, old)| (format!("2001:db8:a:{at}000::/60"), old));
    assert_eq!(found, due);
}
