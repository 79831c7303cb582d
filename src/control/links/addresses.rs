//! What the kernel says of an address on a link, from one message (linux/if_addr.h).
//! Must never know: which address is chosen for what.

use crate::control::netlink::own_address;
use crate::types::{AddressState, LinkAddress, Scope};
use ipnet::IpNet;
use rtnetlink::packet_route::address::{AddressAttribute, AddressFlags, AddressMessage, AddressScope, CacheInfo};
use std::net::IpAddr;

/// The address in a message; `None` for one that failed duplicate address detection. `sources` are those that default
/// routes over its link name.
pub(super) fn read(message: &AddressMessage, sources: &[IpAddr]) -> Option<LinkAddress> {
    let own = own_address(message)?;
    let (flags, peer, preferred) = (flags(message), peer(message, own.addr()), preferred_seconds(message));
    let is_v6 = own.addr().is_ipv6();
    let state = if flags.contains(AddressFlags::Tentative) && !flags.contains(AddressFlags::Optimistic) {
        AddressState::Tentative
    } else if flags.intersects(AddressFlags::Deprecated | AddressFlags::Optimistic) || preferred == Some(0) {
        // An optimistic address is avoided as a deprecated one is (RFC 4429 §3.3).
        AddressState::Deprecated
    } else {
        AddressState::Preferred
    };
    let network = peer.and_then(|peer| IpNet::new(peer, own.prefix_len()).ok()).unwrap_or(own).trunc();
    Some(LinkAddress {
        address: own.addr(),
        network,
        scope: Scope::of(own.addr()).min(scope(message)),
        state,
        // The bit says "secondary" of IPv4, which is a matter of order only.
        temporary: is_v6 && flags.contains(AddressFlags::Secondary),
        named: sources.contains(&own.addr()),
    })
}

/// All 32 bits are in an attribute, the first eight in the header too.
fn flags(message: &AddressMessage) -> AddressFlags {
    let wide = message.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::Flags(flags) => Some(*flags),
        _ => None,
    });
    wide.unwrap_or_else(|| AddressFlags::from_bits_retain(message.header.flags.bits().into()))
}

/// The other end of a point-to-point link.
fn peer(message: &AddressMessage, own: IpAddr) -> Option<IpAddr> {
    message.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::Address(address) if *address != own => Some(*address),
        _ => None,
    })
}

/// Seconds for which new flows may have it; `None`: for ever.
fn preferred_seconds(message: &AddressMessage) -> Option<u32> {
    let lifetime = message.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::CacheInfo(CacheInfo { ifa_preferred, .. }) => Some(*ifa_preferred),
        _ => None,
    });
    lifetime.filter(|seconds| *seconds != u32::MAX)
}

/// What the administrator says of its scope, which an IPv4 address does not show.
fn scope(message: &AddressMessage) -> Scope {
    match message.header.scope {
        AddressScope::Universe | AddressScope::Other(_) => Scope::GLOBAL,
        AddressScope::Site => Scope::SITE,
        _ => Scope::LINK,
    }
}
