//! Settings plus what the kernel says of the links gives the policy: pure, the same for live service and replay.
//! Must never know: netlink, sockets, files.

pub mod health;
mod leases;

pub use leases::{WanLeases, lease};

use crate::config::settings::{self, Mtu, Nptv6, Settings};
use crate::plane::lease::Leased;
use crate::plane::policy::{Fixed, Inside, OnDown, Policy, Probe, Wan, WanFixed, WanLink};
use crate::plane::translate::nat44::Nat44Map;
use crate::plane::translate::nptv6::Translator;
use crate::types::{Family, Mac, Remedies, Remedy, Standing, WanId};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// What the kernel says of one WAN's link, as far as the policy depends on it.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct LinkState {
    /// The link exists.
    pub present: bool,
    /// Our own address on the link.
    pub mac: Mac,
    /// Accept unicast frames for any station (replay only).
    pub any_mac: bool,
    /// How often it has come up, while frames can pass.
    pub came_up: Option<u32>,
    /// Bytes of the largest IP packet, a VLAN tag not counted; saturated at 65535.
    pub mtu: u16,
    /// The kernel's IPv4 addresses with their on-link prefix.
    pub addresses4: Vec<Ipv4Net>,
    /// The kernel's IPv6 addresses.
    pub addresses6: Vec<Ipv6Addr>,
    /// The IPv6 prefixes that the provider delegates on this link, as far as the kernel tells; the newest or best first.
    /// A client may take a valid one out for a while: one that is gone without a successor is still the line's.
    pub delegated: Vec<Ipv6Net>,
    /// The gateway of the kernel's best default route on this link.
    pub gateway4: Option<Ipv4Addr>,
    /// The same for IPv6.
    pub gateway6: Option<Ipv6Addr>,
}

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
            wan.nat44_interface == Some(address) || wan.nat44.iter().any(|(inside, _)| *inside == address)
        }
        IpAddr::V6(address) => {
            wan.nptv6.as_ref().is_some_and(|nptv6| nptv6.inside.contains(&address))
                || wan.inbound6.iter().any(|(_, inside)| *inside == address)
        }
    };
    settings.wans.iter().any(by_wan)
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

/// A link that is not there: no MAC, address or gateway, and an MTU of 1500.
#[must_use]
pub fn no_link() -> LinkState {
    LinkState { mtu: ETHERNET_MTU, ..LinkState::default() }
}

/// The snapshot numbered `epoch`. `links` stands in the order of the WANs; a missing entry is [`no_link`]. Every WAN is
/// up in it, wants no flow back, and has the public addresses that the configuration names: how they stand, and what they
/// hold beside that, is the controller's to say.
#[must_use]
pub fn policy(settings: &Settings, links: &[LinkState], inside: &InsideState, epoch: u32) -> Policy {
    let unknown = no_link();
    let wans =
        settings.wans.iter().enumerate().map(|(index, wan)| compile_wan(wan, links.get(index).unwrap_or(&unknown)));
    let fixed = Fixed {
        seed: settings.workers.seed,
        balance: settings.balance,
        prefixes: settings.downstream.prefixes.clone(),
        hops: u8::from(settings.downstream.interface.is_some()),
        martians: settings.limits.martians.clone().unwrap_or_else(default_martians),
        timeouts: settings.timeouts,
        icmp_errors: settings.limits.icmp_errors,
        last_resort: settings.last_resort,
    };
    Policy {
        epoch,
        fixed: Arc::new(fixed),
        inside: Inside {
            mtu: inside.mtu.map_or(settings.downstream.mtu, |mtu| mtu.min(settings.downstream.mtu)),
            machine: inside.machine.as_slice().into(),
            router4: inside.v4,
            router6: inside.v6,
        },
        wans: wans.collect(),
    }
}

/// The policy of a replay: every link exists, is 1500 bytes wide unless configured, takes frames for any station, and
/// has a gateway whose MAC is [`replay_gateway_mac`]. Nothing is probed.
#[must_use]
pub fn replay_policy(settings: &Settings) -> Policy {
    let links: Vec<_> = settings.wans.iter().zip(0u8..).map(|(wan, index)| replay_link(wan, index)).collect();
    let mut policy = policy(settings, &links, &replay_router(settings), 1);
    // Nobody would answer.
    policy.wans.iter_mut().for_each(|(_, wan)| wan.fixed_mut().health.clear());
    policy
}

/// The MAC of both gateways of a WAN in a replay.
#[must_use]
pub fn replay_gateway_mac(wan: WanId) -> Mac {
    Mac([0x02, 0xf1, 0, 0, 1, wan.0.saturating_add(1)])
}

/// RFC 894 and RFC 2464: the IP MTU of Ethernet, in bytes.
const ETHERNET_MTU: u16 = 1500;

/// RFC 7600 §4.8: the IPv4 dummy address, which no host can have.
const DUMMY4: Ipv4Addr = Ipv4Addr::new(192, 0, 0, 8);

fn replay_link(wan: &settings::Wan, index: u8) -> LinkState {
    LinkState {
        present: true,
        mac: Mac([0x02, 0xf1, 0, 0, 0, index.saturating_add(1)]),
        any_mac: true,
        came_up: Some(1),
        mtu: match wan.mtu {
            Mtu::Bytes(bytes) => bytes,
            Mtu::Auto | Mtu::Probe => ETHERNET_MTU,
        },
        addresses4: Vec::new(),
        addresses6: Vec::new(),
        delegated: Vec::new(),
        gateway4: Some(DUMMY4),
        gateway6: Some(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1)),
    }
}

/// The TUN's own addresses, else the first host of the first inside prefix of each family.
fn replay_router(settings: &Settings) -> InsideState {
    let own = settings.downstream.addresses.iter().map(IpNet::addr);
    let first_hosts = settings.downstream.prefixes.iter().map(|prefix| match prefix {
        IpNet::V4(prefix) => IpAddr::V4(Ipv4Addr::from_bits(prefix.network().to_bits() | 1)),
        IpNet::V6(prefix) => IpAddr::V6(Ipv6Addr::from_bits(prefix.network().to_bits() | 1)),
    });
    InsideState { machine: machine(settings, &[]), ..router_addresses(own.chain(first_hosts)) }
}

fn is_routable(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !(v4.is_unspecified() || v4.is_loopback() || v4.is_link_local() || v4.is_multicast()),
        IpAddr::V6(v6) => !(v6.is_unspecified() || v6.is_loopback() || v6.is_unicast_link_local() || v6.is_multicast()),
    }
}

fn compile_wan(wan: &settings::Wan, link: &LinkState) -> Wan {
    let fixed = WanFixed {
        name: wan.name.as_str().into(),
        tier: wan.tier,
        weight: wan.weight,
        inbound6: wan.inbound6.clone(),
        health: health::probes(wan),
        on_down: OnDown { soft: wan.on_soft_down, hard: wan.on_hard_down },
    };
    Wan {
        fixed: Arc::new(fixed),
        mtu: mtu(wan.mtu, link.mtu),
        link: WanLink {
            mac: link.mac,
            any_mac: link.any_mac,
            came_up: link.came_up,
            vlan: wan.vlan,
            addresses4: link.addresses4.as_slice().into(),
            addresses6: link.addresses6.as_slice().into(),
            next_hop4: wan.gateway4.or(link.gateway4),
            next_hop6: wan.gateway6.or(link.gateway6),
        },
        probe: (wan.mtu == Mtu::Probe).then(|| probe(wan, link).into()),
        nat44: Nat44Map::new(&wan.nat44),
        nptv6: wan.nptv6.and_then(|npt| Some(Leased::fixed(translator(&npt, npt.outside?)))).into_iter().collect(),
        standing: [Standing::Up; 2],
        on_up: [Remedies::all(Remedy::Drain); 2],
    }
}

/// A configured MTU, but no larger than the link's.
fn mtu(said: Mtu, link: u16) -> u16 {
    match said {
        Mtu::Bytes(bytes) => bytes.min(link),
        Mtu::Auto | Mtu::Probe => link,
    }
}

/// The hosts that were named, by family; for a family without one its gateway.
fn probe(wan: &settings::Wan, link: &LinkState) -> Probe {
    let targets = |family: Family, gateway: Option<IpAddr>| {
        let named: Vec<_> = wan.mtu_targets.iter().filter(|it| Family::of(**it) == family).copied().collect();
        if named.is_empty() { gateway.into_iter().collect() } else { named }
    };
    Probe {
        targets4: targets(Family::V4, wan.gateway4.or(link.gateway4).map(IpAddr::V4)),
        targets6: targets(Family::V6, wan.gateway6.or(link.gateway6).map(IpAddr::V6)),
    }
}

fn translator(npt: &Nptv6, outside: Ipv6Net) -> Translator {
    Translator::new(npt.inside, outside, npt.mode)
}

/// RFC 1812 §5.3.7, RFC 6092 REC-1 to REC-3. Private and documentation ranges are left alone: an uplink may sit behind
/// another NAT, and laboratories use the others.
fn default_martians() -> Vec<IpNet> {
    let v4 = |a, b, c, d, len| Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), len).into();
    let v6 = |address: u128, len| Ipv6Net::new_assert(Ipv6Addr::from_bits(address), len).into();
    vec![
        v4(0, 0, 0, 0, 8),
        v4(127, 0, 0, 0, 8),
        v4(169, 254, 0, 0, 16),
        v4(224, 0, 0, 0, 4),
        v4(240, 0, 0, 0, 4),
        v6(0, 128),
        v6(1, 128),
        v6(0xffff_0000_0000, 96),
        v6(0xfe80 << 112, 10),
        v6(0xff00 << 112, 8),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::sample::settings;
    use crate::types::Balance;

    fn link(mtu: u16) -> LinkState {
        LinkState {
            mac: Mac([2, 0, 0, 0, 0, 9]),
            mtu,
            gateway4: Some(Ipv4Addr::new(192, 0, 2, 1)),
            ..LinkState::default()
        }
    }

    #[test]
    fn a_wan_follows_its_link_where_the_configuration_is_silent() {
        let policy = policy(&settings(), &[link(1492), link(1500)], &InsideState::default(), 3);
        assert_eq!((policy.epoch, policy.fixed.seed, policy.fixed.balance), (3, 7, Balance::Site));
        let (fiber, cable) = (&policy.wans[0], &policy.wans[1]);
        assert_eq!((fiber.mtu, fiber.link.next_hop4), (1492, Some(Ipv4Addr::new(192, 0, 2, 1))));
        assert_eq!((cable.mtu, cable.link.next_hop4), (1400, Some(Ipv4Addr::new(198, 51, 100, 1))));
        assert_eq!(fiber.link.mac, Mac([2, 0, 0, 0, 0, 9]));
        assert!(fiber.nptv6[0].held.is_neutral() && !fiber.link.any_mac);
        assert_eq!((policy.fixed.timeouts.tcp_closing, policy.fixed.timeouts.other), (241, 301));
    }

    #[test]
    fn who_is_probed_is_named_or_the_gateway() {
        let mut settings = settings();
        let fiber = |settings: &Settings| {
            policy(settings, &[link(1500)], &InsideState::default(), 1).wans[0].probe.as_deref().cloned()
        };
        let gateway = IpAddr::from([192, 0, 2, 1]);
        assert_eq!(fiber(&settings), Some(Probe { targets4: vec![gateway], targets6: vec![] }), "no IPv6 gateway");
        let server6: IpAddr = "2001:db8:ffff::10".parse().unwrap();
        settings.wans[0].mtu_targets = vec![server6];
        assert_eq!(fiber(&settings), Some(Probe { targets4: vec![gateway], targets6: vec![server6] }));
        settings.wans[0].mtu = Mtu::Auto;
        assert_eq!(fiber(&settings), None);
    }

    #[test]
    fn no_packet_is_made_larger_than_its_link() {
        let policy = policy(&settings(), &[link(1500), link(1280)], &InsideState::default(), 1);
        assert_eq!((policy.wans[1].mtu, policy.inside.mtu), (1280, 1500));
        let narrow = InsideState { mtu: Some(1400), ..InsideState::default() };
        assert_eq!(super::policy(&settings(), &[], &narrow, 1).inside.mtu, 1400);
        let wide = InsideState { mtu: Some(9000), ..InsideState::default() };
        assert_eq!(super::policy(&settings(), &[], &wide, 1).inside.mtu, 1500);
    }

    #[test]
    fn of_the_machines_addresses_those_count_that_a_map_leads_to() {
        let nets =
            ["10.250.250.1/29", "10.250.250.2/29", "fd00:bad:b01:1::1/64", "fd00:bad:b01:2::1/128", "fd00:9::1/64"];
        let nets: Vec<IpNet> = nets.iter().map(|text| text.parse().unwrap()).collect();
        let own = ["10.250.250.2", "fd00:bad:b01:1::", "fd00:bad:b01:1::1", "fd00:bad:b01:2::1"];
        assert_eq!(machine(&settings(), &nets), own.map(|text| text.parse::<IpAddr>().unwrap()));
    }

    #[test]
    fn icmp_errors_come_from_an_address_that_other_hosts_can_answer() {
        let candidates = ["169.254.1.1", "fe80::1", "10.250.250.1", "fd00:bad:b01::1", "10.250.250.9"];
        let router = router_addresses(candidates.iter().map(|text| text.parse().unwrap()));
        assert_eq!(router.v4, Some(Ipv4Addr::new(10, 250, 250, 1)));
        assert_eq!(router.v6, Some("fd00:bad:b01::1".parse().unwrap()));
        assert_eq!(router_addresses(["fe80::1".parse().unwrap()]), InsideState::default());
    }

    #[test]
    fn default_martians_spare_private_and_documentation_ranges() {
        let policy = replay_policy(&settings());
        let martian =
            |text: &str| policy.fixed.martians.iter().any(|net| net.contains(&text.parse::<IpAddr>().unwrap()));
        for dead in
            ["0.1.2.3", "127.0.0.1", "169.254.9.9", "239.1.1.1", "255.255.255.255", "::", "::1", "::ffff:1.2.3.4"]
        {
            assert!(martian(dead), "{dead}");
        }
        assert!(martian("fe80::1") && martian("ff02::1"));
        for fine in ["10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "192.0.2.1", "203.0.113.1", "198.18.0.1"] {
            assert!(!martian(fine), "{fine}");
        }
        assert!(!martian("2001:db8::1") && !martian("fd00::1"));
    }

    #[test]
    fn a_replay_needs_no_links() {
        let policy = replay_policy(&settings());
        let cable = &policy.wans[1].link;
        assert_eq!((cable.mac, cable.any_mac), (Mac([0x02, 0xf1, 0, 0, 0, 2]), true));
        assert_eq!(replay_gateway_mac(WanId(1)), Mac([0x02, 0xf1, 0, 0, 1, 2]));
        assert_eq!((policy.wans[0].mtu, policy.wans[1].mtu), (1500, 1400));
        assert!(policy.wans[0].link.next_hop4.is_some() && policy.wans[0].link.next_hop6.is_some());
        assert_eq!(policy.inside.router4, Some(Ipv4Addr::new(10, 250, 250, 1)));
        assert_eq!(policy.inside.router6, Some("fd00:bad:b01::1".parse().unwrap()));
    }
}
