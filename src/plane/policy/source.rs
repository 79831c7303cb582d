//! Which address of a WAN the router's own packets carry there. Must never know: packets, who asks.

use super::wan::Wan;
use ipnet::Ipv4Net;
use std::net::{IpAddr, Ipv6Addr};

/// The address that probes to `target` carry: the kernel's own on the WAN link, in the target's subnet if there is one,
/// else an owned one, to which the answer finds back as well. `None`: the WAN has none of that family.
#[must_use]
pub fn towards(wan: &Wan, target: IpAddr) -> Option<IpAddr> {
    match target {
        IpAddr::V4(target) => {
            let kernel = &wan.link.addresses4;
            let beside = kernel.iter().find(|network| network.contains(&target));
            let own = beside.or_else(|| kernel.first()).map(Ipv4Net::addr);
            own.or_else(|| wan.nat44.source()).map(IpAddr::V4)
        }
        IpAddr::V6(target) => towards6(wan, target).map(IpAddr::V6),
    }
}

/// The same for a question whose answer a kernel must not see, or it would refuse it: an owned address goes first.
#[must_use]
pub fn owned_towards(wan: &Wan, target: IpAddr) -> Option<IpAddr> {
    let owned = match target {
        IpAddr::V4(_) => wan.nat44.source().map(IpAddr::V4),
        IpAddr::V6(target) if target.is_unicast_link_local() => None,
        IpAddr::V6(_) => owned6(wan).map(IpAddr::V6),
    };
    owned.or_else(|| towards(wan, target))
}

fn towards6(wan: &Wan, target: Ipv6Addr) -> Option<Ipv6Addr> {
    let near = target.is_unicast_link_local();
    let own = wan.link.addresses6.iter().find(|address| address.is_unicast_link_local() == near);
    own.copied().or_else(|| owned6(wan))
}

fn owned6(wan: &Wan) -> Option<Ipv6Addr> {
    let mapped = wan.host6.externals().next();
    mapped.or_else(|| {
        let prefix = wan.nptv6.first()?.held.outside();
        Some(Ipv6Addr::from_bits(prefix.network().to_bits() | 1))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plane::neighbor::sample;
    use crate::plane::packet::sample::ip;

    #[test]
    fn a_probe_carries_the_kernels_address_where_there_is_one() {
        let policy = sample::policy();
        let (a, b) = (&policy.wans[0], &policy.wans[1]);
        assert_eq!(towards(a, ip("192.0.2.1")), Some(ip("192.0.2.2")));
        assert_eq!(towards(a, ip("203.0.113.10")), Some(ip("192.0.2.2")));
        assert_eq!(towards(a, ip("fe80::1")), Some(ip("fe80::2")));
        assert_eq!(towards(a, ip("2001:db8:ffff::10")), Some(ip("2001:db8:a:c80::5")));
        assert_eq!(towards(b, ip("203.0.113.10")), Some(ip("198.51.100.3")));
        assert_eq!(towards(b, ip("fe80::1")), None);
        let mut bare = a.clone();
        bare.link.addresses6 = [].into();
        assert_eq!(towards(&bare, ip("2001:db8:ffff::10")), Some(ip("2001:db8:a:c80::1")));
    }
}
