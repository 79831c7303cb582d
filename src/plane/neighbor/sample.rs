//! Two WANs in documentation addresses, and frames as they arrive there, for the tests of the neighbours and the queue.

use super::Neighbors;
use super::hop::HopId;
use crate::plane::lease::Leased;
use crate::plane::outbox::Outbox;
pub use crate::plane::packet::sample::hex;
use crate::plane::policy::{Fixed, Gateway, Inside, OnDown, Policy, Wan, WanFixed, WanLink};
use crate::plane::translate::host6::HostMap6;
use crate::plane::translate::nat44::Nat44Map;
use crate::plane::translate::nptv6::Translator;
use crate::types::{Disposition, End, Family, Mac, NptMode, Standing, WanId};
use std::net::IpAddr;
use std::sync::Arc;

/// WAN 0: untagged, gateway and kernel address on link. WAN 1: VLAN 300, no kernel address at all.
pub fn policy() -> Policy {
    let address = |text: &str| text.parse().unwrap();
    let host = ("2001:db8:a:c80::1".parse().unwrap(), "fd00:bad:b01::2".parse().unwrap());
    let fixed = WanFixed {
        name: "a".into(),
        tier: 0,
        weight: 1,
        sources: [None; 2],
        inbound6: vec![host.1],
        health: vec![],
        on_down: OnDown::default(),
    };
    let a = Wan {
        fixed: Arc::new(fixed),
        mtu: 1500,
        link: WanLink {
            layer: crate::types::LinkLayer::Ethernet,
            mac: Mac([2, 0, 0, 0, 0, 0xa]),
            any_mac: false,
            came_up: Some(1),
            vlan: None,
            told_mtu: [None; 2],
            addresses: ["192.0.2.2/29", "2001:db8:a:c80::5/64", "fe80::2"].map(|own| own.parse().unwrap()).into(),
            gateways: ["192.0.2.1", "fe80::1"].map(|gateway| Gateway::only(gateway.parse::<IpAddr>().unwrap())),
            direct: [].into(),
            gateway_macs: [None; 2],
        },
        probe: None,
        nat44: Nat44Map::new(&[(address("10.250.250.2"), address("192.0.2.3"))]),
        masquerade: None,
        host6: HostMap6::new(&[host]),
        nptv6: [Leased::fixed(Translator::new(
            "fd00:bad:b01::/60".parse().unwrap(),
            "2001:db8:a:c80::/60".parse().unwrap(),
            NptMode::Prefix,
        ))]
        .into(),
        kept6: [].into(),
        owned_since: 1,
        standing: [Standing::Up; 2],
        on_up: [crate::types::Remedies::all(crate::types::Remedy::Drain); 2],
        draining: [None; 2],
    };
    let mut b = a.clone();
    (b.fixed_mut().name, b.fixed_mut().inbound6) = ("b".into(), vec![]);
    b.host6 = HostMap6::default();
    b.link.mac = Mac([2, 0, 0, 0, 0, 0xb]);
    b.link.vlan = Some(300);
    b.link.addresses = [].into();
    b.link.set_next_hop(Family::V4, Some(address("198.51.100.1").into()));
    b.nat44 = Nat44Map::new(&[(address("10.250.250.2"), address("198.51.100.3"))]);
    b.nptv6 = [].into();
    let fixed = Fixed { icmp_errors: 1000, ..Fixed::default() };
    Policy {
        epoch: 1,
        fixed: Arc::new(fixed),
        inside: Inside { mtu: 1500, machine: [].into(), own: [].into(), router4: None, router6: None },
        wans: [a, b].into_iter().collect(),
    }
}

/// Neighbours that nothing is known of, where the gateways of the policy have their places.
pub fn neighbors() -> Neighbors {
    let neighbors = Neighbors::new();
    for (wan, config) in policy().wans() {
        for family in Family::ALL {
            neighbors.set_address(HopId { wan, family, place: 0 }, config.link.next_hop(family));
        }
    }
    neighbors
}

/// Whether a frame of ours asks for somebody, by ARP or by ND.
pub fn is_question((_, frame): &(WanId, Vec<u8>)) -> bool {
    let packet = &frame[if frame[12..14] == [0x81, 0] { 18 } else { 14 }..];
    packet[6..8] == [0, 1] && packet[0] == 0 || packet[0] == 0x60 && packet[40] == 135
}

/// Where the queued frames go, and their bytes.
pub fn sent(outbox: &mut Outbox) -> Vec<(WanId, Vec<u8>)> {
    let mut frames = Vec::new();
    outbox.drain(|batch| {
        for frame in batch.iter() {
            if let Disposition::Send(End::Wan(wan)) = frame.disposition {
                frames.push((wan, frame.bytes().to_vec()));
            }
        }
    });
    frames
}
