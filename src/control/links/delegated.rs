//! Which IPv6 prefixes a provider delegates, read off what DHCPv6 clients leave in the kernel's tables.
//! Must never know: the configuration.

use crate::control::netlink::{Route, TABLE_LOCAL, own_address};
use ipnet::{IpNet, Ipv6Net};
use rtnetlink::packet_route::address::{AddressAttribute, AddressFlags, AddressMessage};
use rtnetlink::packet_route::route::RouteType;
use std::net::Ipv6Addr;

/// A prefix that is delegated to this machine. A client keeps packets for the parts of it that nobody uses from going back
/// to the provider, by a route that refuses the whole prefix (RFC 7084 WPD-5); by that route it is known:
///
/// | client | route | tells the line by |
/// |---|---|---|
/// | dhcpcd | `unreachable P dev lo proto dhcp` | nothing |
/// | systemd-networkd | the same; none for a /64 | an address out of P on the line, if that is a downstream too |
/// | netifd with odhcp6c | `unreachable P dev lo proto static metric 2147483647` | `default from P` over the line |
///
/// NetworkManager leaves no such route. The route may be away for a while though the prefix is valid: dhcpcd before 10
/// takes it out while it renews.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Delegated {
    /// Global unicast, of 64 bits at most.
    pub prefix: Ipv6Net,
    /// The machine has addresses out of it, and none may be used for new flows: the provider takes it back.
    pub deprecated: bool,
}

/// The prefixes that are delegated over a link, the deprecated ones last. Those that nothing ties to a link are on the
/// loopback, which their routes name.
pub(super) fn on(link: u32, routes: &[Route], addresses: &[AddressMessage]) -> Vec<Delegated> {
    let mut found: Vec<Delegated> = Vec::new();
    for route in routes {
        let Some(prefix) = refused_for_a_client(route) else { continue };
        let is_new = found.iter().all(|known| known.prefix != prefix);
        if is_new && owner(prefix, routes, addresses).or(route.hops.first().map(|hop| hop.link)) == Some(link) {
            found.push(Delegated { prefix, deprecated: is_deprecated(prefix, addresses) });
        }
    }
    found.sort_by_key(|it| it.deprecated);
    found
}

/// Whether a route is one that prefixes are learnt from.
pub(super) fn tells(route: &Route) -> bool {
    refused_for_a_client(route).is_some() || route.source.is_some()
}

/// RFC 4291 §2.4: what is not of another kind is global unicast, of which 2000::/3 is in use.
const GLOBAL: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// `RTPROT_STATIC` and `RTPROT_DHCP` (linux/rtnetlink.h).
const STATIC: u8 = 4;
const DHCP: u8 = 16;

/// The metric of netifd's route, by which it differs from an operator's own.
const NETIFD: u32 = i32::MAX as u32;

/// The prefix, if a DHCPv6 client made this route for it.
fn refused_for_a_client(route: &Route) -> Option<Ipv6Net> {
    let IpNet::V6(prefix) = route.destination else { return None };
    let refuses = [RouteType::Unreachable, RouteType::BlackHole, RouteType::Prohibit].contains(&route.kind);
    let by_client = route.protocol == DHCP || (route.protocol == STATIC && route.metric == NETIFD);
    let is_one = refuses && by_client && route.table != TABLE_LOCAL && route.source.is_none();
    (is_one && prefix.prefix_len() <= 64 && GLOBAL.contains(&prefix)).then(|| prefix.trunc())
}

/// The link whose default route is for this prefix alone, else one that leads outside and has an address out of it.
fn owner(prefix: Ipv6Net, routes: &[Route], addresses: &[AddressMessage]) -> Option<u32> {
    let of_prefix = |route: &&Route| route.source == Some(IpNet::V6(prefix)) && route.is_default();
    let over = routes.iter().filter(of_prefix).flat_map(|route| &route.hops).map(|hop| hop.link).find(|link| *link > 0);
    over.or_else(|| up_link(prefix, routes, addresses))
}

/// A link with an address out of the prefix and a default gateway, which no downstream has.
fn up_link(prefix: Ipv6Net, routes: &[Route], addresses: &[AddressMessage]) -> Option<u32> {
    let has_gateway = |link: u32| {
        let hops = routes.iter().filter(|route| route.is_default()).flat_map(|route| &route.hops);
        hops.into_iter().any(|hop| hop.link == link && hop.gateway.is_some())
    };
    let inside = addresses.iter().filter(|it| is_in(prefix, it)).map(|it| it.header.index);
    inside.filter(|link| has_gateway(*link)).min()
}

fn is_in(prefix: Ipv6Net, message: &AddressMessage) -> bool {
    matches!(own_address(message), Some(IpNet::V6(address)) if prefix.contains(&address.addr()))
}

fn is_deprecated(prefix: Ipv6Net, addresses: &[AddressMessage]) -> bool {
    let mut own = addresses.iter().filter(|it| is_in(prefix, it)).peekable();
    own.peek().is_some() && own.all(|it| it.attributes.iter().any(says_deprecated))
}

fn says_deprecated(attribute: &AddressAttribute) -> bool {
    matches!(attribute, AddressAttribute::Flags(flags) if flags.contains(AddressFlags::Deprecated))
}

#[cfg(test)]
mod tests;
