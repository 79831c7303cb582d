//! The rules of RFC 6724 by which one source address is better than another for a destination, and what holds for IPv4 in
//! their place. Rule 5.5 (a source of a prefix that the next hop has advertised) is left out, as the RFC allows where nobody keeps
//! track of that: the kernel's addresses and prefix routes do not tell whose advertisement they are of.
//! Must never know: links, WANs.

use crate::types::Scope;
use std::net::{IpAddr, Ipv6Addr};

/// RFC 6724 §2.1: prefix, bits, label; a longer prefix stands before a shorter one that holds it.
const LABELS: [(Ipv6Addr, u32, u8); 9] = [
    (Ipv6Addr::LOCALHOST, 128, 0),
    (Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96, 4),
    (Ipv6Addr::UNSPECIFIED, 96, 3),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32, 5),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, 2),
    (Ipv6Addr::new(0x3ffe, 0, 0, 0, 0, 0, 0, 0), 16, 12),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, 11),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, 13),
    (Ipv6Addr::UNSPECIFIED, 0, 1),
];

/// The label of an address (RFC 6724 §2.1).
pub(super) fn label(address: Ipv6Addr) -> u8 {
    let holds = |(prefix, bits, _): &&(Ipv6Addr, u32, u8)| common_bits(*prefix, address) >= *bits;
    LABELS.iter().find(holds).map_or(1, |(_, _, label)| *label)
}

/// Rule 2: how well the scope of a source fits its destination's; the larger the better. One that reaches the destination
/// goes before one that does not; of the former the smallest, of the latter the largest.
pub(super) fn fit(source: Scope, destination: Scope) -> u32 {
    let (source, least) = (u32::from(source.0), u32::from(destination.0));
    if source < least { source } else { 0x200 - source }
}

/// Rule 6: how well the kind of a source goes with that of its destination; the larger the better. IPv4 has no labels:
/// from a private address nothing comes back from a public one, but by the grace of another translator.
pub(super) fn kinship(source: IpAddr, destination: IpAddr) -> u8 {
    match (source, destination) {
        (IpAddr::V6(source), IpAddr::V6(destination)) => u8::from(label(source) == label(destination)),
        (IpAddr::V4(_), IpAddr::V4(_)) => reach(source).min(reach(destination)),
        _ => 0,
    }
}

/// How far an address is known: 0 in a site (RFC 1918, RFC 4193), 1 at a provider (RFC 6598), 2 everywhere.
pub(super) fn reach(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(v4) if v4.is_private() => 0,
        IpAddr::V4(v4) if matches!(v4.octets(), [100, 64..=127, ..]) => 1,
        IpAddr::V6(v6) if v6.is_unique_local() => 0,
        _ => 2,
    }
}

/// Rule 8: the bits that both begin with, those of the source's subnet at the most. IPv4 subnets stand in no such order.
pub(super) fn common_prefix(source: IpAddr, subnet: u8, destination: IpAddr) -> u32 {
    match (source, destination) {
        (IpAddr::V6(a), IpAddr::V6(b)) => common_bits(a, b).min(subnet.into()),
        _ => 0,
    }
}

/// The leading bits of two addresses that are the same.
fn common_bits(a: Ipv6Addr, b: Ipv6Addr) -> u32 {
    (a.to_bits() ^ b.to_bits()).leading_zeros()
}
