//! The policy of a replay, which has no links to ask. Must never know: captures.

use super::inside::{InsideState, machine, own, router_addresses};
use super::link::{ETHERNET_MTU, LinkState};
use super::snapshot::policy;
use crate::config::settings::{self, Mtu, Settings};
use crate::plane::policy::{Gateway, Policy};
use crate::types::{LinkLayer, Mac, WanId};
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The policy of a replay whose links are Ethernets: [`replay_policy_over`].
#[must_use]
pub fn replay_policy(settings: &Settings) -> Policy {
    replay_policy_over(settings, &[])
}

/// The policy of a replay: every link exists, has by WAN what `layers` says in front of its packets (else an Ethernet header), is 1500 bytes wide unless configured, takes frames for any station, and
/// has a gateway whose MAC is [`replay_gateway_mac`]. Nothing is probed.
#[must_use]
pub fn replay_policy_over(settings: &Settings, layers: &[LinkLayer]) -> Policy {
    let links: Vec<_> = settings
        .wans
        .slots()
        .zip(0u8..)
        .map(|(wan, index)| {
            let layer = layers.get(usize::from(index)).copied().unwrap_or_default();
            wan.map_or_else(super::no_link, |wan| LinkState { layer, ..replay_link(wan, index) })
        })
        .collect();
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

/// RFC 7600 §4.8: the IPv4 dummy address, which no host can have.
const DUMMY4: Ipv4Addr = Ipv4Addr::new(192, 0, 0, 8);

fn replay_link(wan: &settings::Wan, index: u8) -> LinkState {
    LinkState {
        layer: LinkLayer::Ethernet,
        present: true,
        name: wan.interface.as_str().into(),
        unusable: None,
        mac: Mac([0x02, 0xf1, 0, 0, 0, index.saturating_add(1)]),
        any_mac: true,
        came_up: Some(1),
        mtu: match wan.mtu {
            Mtu::Bytes(bytes) => bytes,
            Mtu::Auto | Mtu::Probe => ETHERNET_MTU,
        },
        told_mtu: [None; 2],
        addresses: Vec::new(),
        delegated: Vec::new(),
        gateways: [IpAddr::V4(DUMMY4), IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1))]
            .map(|address| vec![Gateway::new(address, "replay")]),
        connected: Vec::new(),
    }
}

/// The TUN's own addresses, else the first host of the first inside prefix of each family.
fn replay_router(settings: &Settings) -> InsideState {
    let tun = settings.downstream.addresses.iter().map(IpNet::addr);
    let first_hosts = settings.downstream.prefixes.iter().map(|prefix| match prefix {
        IpNet::V4(prefix) => IpAddr::V4(Ipv4Addr::from_bits(prefix.network().to_bits() | 1)),
        IpNet::V6(prefix) => IpAddr::V6(Ipv6Addr::from_bits(prefix.network().to_bits() | 1)),
    });
    InsideState { machine: machine(settings, &[]), own: own(settings, &[]), ..router_addresses(tun.chain(first_hosts)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::sample::settings;

    #[test]
    fn a_replay_needs_no_links() {
        let policy = replay_policy(&settings());
        let cable = &policy.wans[1].link;
        assert_eq!((cable.mac, cable.any_mac), (Mac([0x02, 0xf1, 0, 0, 0, 2]), true));
        assert_eq!(replay_gateway_mac(WanId(1)), Mac([0x02, 0xf1, 0, 0, 1, 2]));
        assert_eq!((policy.wans[0].mtu, policy.wans[1].mtu), (1500, 1400));
        assert!(policy.wans[0].link.gateways.iter().all(|of| of.len() == 1));
        assert_eq!(policy.inside.router4, Some(Ipv4Addr::new(10, 250, 250, 1)));
        assert_eq!(policy.inside.router6, Some("fd00:bad:b01::1".parse().unwrap()));
    }
}
