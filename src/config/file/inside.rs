//! What lies inside: prefixes that share an address with those of the firewall's side.
//! Must never know: WANs (owners.rs).

use super::raw::Downstream;
use super::reader::Spanned;
use ipnet::IpNet;

/// The inside prefix that shares an address with `net`.
pub(super) fn inside_of<'s>(downstream: &'s Downstream, net: &IpNet) -> Option<&'s Spanned<IpNet>> {
    downstream.prefixes.iter().find(|prefix| overlap(&prefix.value, net))
}

/// Whether two prefixes share an address.
pub(super) fn overlap(a: &IpNet, b: &IpNet) -> bool {
    a.contains(b) || b.contains(a)
}
