//! The router's side towards inside, as the kernel has it. Must never know: leases, health.

use crate::config::settings::{self, Settings};
use crate::plane::policy::Inside;
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What the kernel says of the router's side towards inside: the addresses that its ICMP errors come from, and a bound.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct InsideState {
    /// `None`: no ICMPv4 error can be sent inside.
    pub v4: Option<Ipv4Addr>,
    /// `None`: no ICMPv6 error can be sent inside.
    pub v6: Option<Ipv6Addr>,
    /// Bytes of the largest IP packet on the firewall's link, where the kernel would refuse anything larger.
    pub mtu: Option<u16>,
    /// Addresses of this machine that some map leads to: [`machine`].
    pub machine: Vec<IpAddr>,
    /// Every address of this machine: [`own`].
    pub own: Vec<IpAddr>,
}

/// Every address of this machine that tells it from others, in order, with the TUN's. A link-local one may be somebody
/// else's on another link.
#[must_use]
pub fn own(settings: &Settings, addresses: &[IpNet]) -> Vec<IpAddr> {
    let all = settings.downstream.addresses.iter().chain(addresses).map(IpNet::addr);
    let mut own: Vec<_> = all.filter(|address| !is_link_local(*address)).collect();
    own.sort_unstable();
    own.dedup();
    own
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

/// Those addresses of this machine that some map of the configuration leads to, in order, with the TUN's. The kernel takes
/// for its own also the subnet-router anycast address of each IPv6 network (RFC 4291 §2.6.1), but of a point-to-point link.
#[must_use]
pub fn machine(settings: &Settings, addresses: &[IpNet]) -> Vec<IpAddr> {
    let all = settings.downstream.addresses.iter().chain(addresses);
    let own = all.flat_map(|net| {
        let anycast = matches!(net, IpNet::V6(net) if net.prefix_len() < 127).then(|| net.network());
        anycast.into_iter().chain([net.addr()])
    });
    let mut own: Vec<_> = own.filter(|address| leads_to(settings, *address)).collect();
    own.sort_unstable();
    own.dedup();
    own
}

fn leads_to(settings: &Settings, address: IpAddr) -> bool {
    let by_wan = |wan: &settings::Wan| match address {
        IpAddr::V4(address) => {
            let is_inside = || settings.downstream.prefixes.iter().any(|net| net.contains(&IpAddr::V4(address)));
            wan.nat44_interface == Some(address)
                || wan.nat44.iter().any(|(inside, _)| *inside == address)
                || wan.masquerade.is_some() && is_inside()
        }
        IpAddr::V6(address) => {
            wan.nptv6.as_ref().is_some_and(|nptv6| nptv6.inside.contains(&address))
                || wan.inbound6.iter().any(|(_, inside)| *inside == address)
        }
    };
    settings.wans.values().any(by_wan)
}

/// Picks the router's addresses: of each family the first candidate that other hosts can send to.
#[must_use]
pub fn router_addresses(candidates: impl IntoIterator<Item = IpAddr>) -> InsideState {
    let mut router = InsideState::default();
    for address in candidates.into_iter().filter(|address| is_routable(*address)) {
        match address {
            IpAddr::V4(address) => router.v4 = router.v4.or(Some(address)),
            IpAddr::V6(address) => router.v6 = router.v6.or(Some(address)),
        }
    }
    router
}

/// That part of a snapshot. The MTU is the configured one, but no larger than the firewall's link.
#[must_use]
pub fn inside(settings: &Settings, inside: &InsideState) -> Inside {
    let said = settings.downstream.mtu;
    Inside {
        mtu: inside.mtu.map_or(said, |mtu| mtu.min(said)),
        machine: inside.machine.as_slice().into(),
        own: inside.own.as_slice().into(),
        router4: inside.v4,
        router6: inside.v6,
    }
}

fn is_routable(address: IpAddr) -> bool {
    match address {
        _ if is_link_local(address) => false,
        IpAddr::V4(v4) => !(v4.is_unspecified() || v4.is_loopback() || v4.is_multicast()),
        IpAddr::V6(v6) => !(v6.is_unspecified() || v6.is_loopback() || v6.is_multicast()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::sample::settings;

    #[test]
    fn of_the_machines_addresses_those_count_that_a_map_leads_to() {
        let nets =
            ["10.250.250.1/29", "10.250.250.2/29", "fd00:bad:b01:1::1/64", "fd00:bad:b01:2::1/128", "fd00:9::1/64"];
        let nets: Vec<IpNet> = nets.iter().map(|text| text.parse().unwrap()).collect();
        let own = ["10.250.250.2", "fd00:bad:b01:1::", "fd00:bad:b01:1::1", "fd00:bad:b01:2::1"];
        assert_eq!(machine(&settings(), &nets), own.map(|text| text.parse::<IpAddr>().unwrap()));
    }

    #[test]
    fn every_address_of_the_machine_is_its_own_but_those_that_another_link_may_have_too() {
        let nets =
            ["fd00:9::1/64", "192.168.7.1/24", "fe80::1/64", "169.254.1.1/16", "10.250.250.2/29", "fd00:9::1/64"];
        let nets: Vec<IpNet> = nets.iter().map(|text| text.parse().unwrap()).collect();
        let expected = ["10.250.250.2", "192.168.7.1", "fd00:9::1"].map(|text| text.parse::<IpAddr>().unwrap());
        let mut settings = settings();
        assert_eq!(own(&settings, &nets), expected);
        settings.downstream.addresses = vec!["10.9.9.9/32".parse().unwrap()];
        assert_eq!(own(&settings, &[]), ["10.9.9.9".parse::<IpAddr>().unwrap()], "the TUN's");
    }

    #[test]
    fn icmp_errors_come_from_an_address_that_other_hosts_can_answer() {
        let candidates = ["169.254.1.1", "fe80::1", "10.250.250.1", "fd00:bad:b01::1", "10.250.250.9"];
        let router = router_addresses(candidates.iter().map(|text| text.parse().unwrap()));
        assert_eq!(router.v4, Some(Ipv4Addr::new(10, 250, 250, 1)));
        assert_eq!(router.v6, Some("fd00:bad:b01::1".parse().unwrap()));
        assert_eq!(router_addresses(["fe80::1".parse().unwrap()]), InsideState::default());
    }
}
