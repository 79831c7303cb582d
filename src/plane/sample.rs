//! Two small WANs and a plane in front of them, for the claims about the way of a packet.

use crate::plane::Shared;
use crate::plane::counters::Totals;
use crate::plane::lease::Leased;
use crate::plane::outbox::Outbox;
use crate::plane::packet::numbers::protocol;
use crate::plane::packet::parse::parse;
use crate::plane::packet::sample::{ip, packet, udp};
use crate::plane::policy::{Fixed, Gateway, Inside, OnDown, Policy, Wan, WanFixed, WanLink};
use crate::plane::state::Plane;
use crate::plane::translate::host6::HostMap6;
use crate::plane::translate::nat44::Nat44Map;
use crate::plane::translate::nptv6::Translator;
use crate::plane::verdict::{DropReason, Verdict};
use crate::types::{
    Direction, Disposition, End, Family, Frame, HEADROOM, Mac, NptMode, Offload, Remedies, Remedy, Standing, Tick,
    WanId,
};
use std::net::IpAddr;
use std::sync::Arc;

pub const A: WanId = WanId(0);
pub const B: WanId = WanId(1);
pub const OWN: [Mac; 2] = [Mac([2, 0, 0, 0, 0, 0xa]), Mac([2, 0, 0, 0, 0, 0xb])];
pub const GATEWAY: [Mac; 2] = [Mac([2, 0, 0, 0, 1, 0xa]), Mac([2, 0, 0, 0, 1, 0xb])];
pub const SERVER: &str = "203.0.113.10";
pub const SERVER6: &str = "2001:db8:ffff::10";

pub fn wan(name: &str, index: usize, block: &str, prefix: &str, mode: NptMode) -> Wan {
    let public = |last: u8| format!("{block}.{last}").parse().unwrap();
    let inside = "fd00:bad:b01::/60".parse().unwrap();
    let fixed = WanFixed {
        name: name.into(),
        tier: 1,
        weight: 1,
        sources: [None; 2],
        inbound6: vec![],
        health: vec![],
        on_down: OnDown::default(),
    };
    Wan {
        fixed: Arc::new(fixed),
        mtu: [1500, 1400][index],
        link: WanLink {
            layer: crate::types::LinkLayer::Ethernet,
            mac: OWN[index],
            any_mac: false,
            came_up: Some(1),
            vlan: [None, Some(300)][index],
            told_mtu: [None; 2],
            addresses: [format!("{block}.200/24").parse().unwrap(), "fe80::2".parse().unwrap()].into(),
            gateways: [Gateway::only(public(1)), Gateway::only(ip("fe80::1"))],
            direct: [].into(),
            gateway_macs: [None; 2],
        },
        probe: None,
        nat44: Nat44Map::new(&[
            ("10.250.250.2".parse().unwrap(), public(12)),
            ("10.250.250.3".parse().unwrap(), public(13)),
        ]),
        masquerade: None,
        host6: HostMap6::default(),
        nptv6: [Leased::fixed(Translator::new(inside, prefix.parse().unwrap(), mode))].into(),
        kept6: [].into(),
        owned_since: 1,
        standing: [Standing::Up; 2],
        on_up: [Remedies::all(Remedy::Drain); 2],
        draining: [None; 2],
    }
}

pub fn policy() -> Policy {
    let mut a = wan("a", 0, "192.0.2", "2001:db8:a:c80::/60", NptMode::Prefix);
    let host = ("2001:db8:a:c80::1".parse().unwrap(), "fd00:bad:b01:fe::2".parse().unwrap());
    (a.host6, a.fixed_mut().inbound6) = (HostMap6::new(&[host]), vec![host.1]);
    let fixed = Fixed {
        prefixes: vec!["10.250.250.0/29".parse().unwrap(), "fd00:bad:b01::/60".parse().unwrap()],
        martians: ["127.0.0.0/8", "0.0.0.0/8", "fe80::/10", "::1/128"].map(|net| net.parse().unwrap()).to_vec(),
        icmp_errors: 1000,
        ..Fixed::default()
    };
    Policy {
        epoch: 1,
        fixed: Arc::new(fixed),
        inside: Inside {
            mtu: 1500,
            machine: [].into(),
            own: [].into(),
            router4: Some("10.250.250.1".parse().unwrap()),
            router6: Some("fd00:bad:b01:f::1".parse().unwrap()),
        },
        wans: [a, wan("b", 1, "198.51.100", "2001:db8:b:be00::/60", NptMode::Rfc6296)].into_iter().collect(),
    }
}

/// A plane whose next hops are known, and what it sent by itself.
pub struct Rig {
    pub plane: Plane,
    pub outbox: Outbox,
    pub now: Tick,
}

/// A frame after the plane: its verdict, and its link header and packet as they stand.
pub struct Done {
    pub verdict: Verdict,
    pub link: Vec<u8>,
    pub packet: Vec<u8>,
    pub offload: Offload,
}

impl Rig {
    pub fn new(policy: Policy) -> Self {
        Self::with_room(policy, 1000)
    }

    pub fn with_room(policy: Policy, flows: usize) -> Self {
        let shared = Arc::new(Shared::new(flows, 0));
        for id in [A, B] {
            shared.neighbors.set(id, Family::V4, GATEWAY[id.index()]);
            shared.neighbors.set(id, Family::V6, GATEWAY[id.index()]);
        }
        Self { plane: Plane::new(Arc::new(policy), shared, true), outbox: Outbox::new(), now: Tick::from_secs(1000) }
    }

    pub fn outbound(&mut self, packet: &[u8]) -> Done {
        self.process(End::Inside, &[], packet, None)
    }

    pub fn inbound(&mut self, id: WanId, packet: &[u8]) -> Done {
        let ethertype: [u8; 2] = if packet[0] >> 4 == 4 { [8, 0] } else { [0x86, 0xdd] };
        let link = [&OWN[id.index()].0[..], &GATEWAY[id.index()].0, &ethertype].concat();
        self.process(End::Wan(id), &link, packet, [None, Some(300)][id.index()])
    }

    pub fn process(&mut self, from: End, link: &[u8], packet: &[u8], tag: Option<u16>) -> Done {
        self.process_owing(from, link, packet, tag, Offload::NONE)
    }

    /// A packet that the kernel still owes something.
    pub fn process_owing(&mut self, from: End, link: &[u8], packet: &[u8], tag: Option<u16>, offload: Offload) -> Done {
        let mut buffer = vec![0; HEADROOM];
        buffer[HEADROOM - link.len()..].copy_from_slice(link);
        buffer.extend_from_slice(packet);
        let end = buffer.len();
        let mut frame = Frame::new(&mut buffer, HEADROOM - link.len(), HEADROOM, end, offload).unwrap();
        frame.tag = tag;
        let verdict = self.plane.process(self.now, from, &mut frame, &mut self.outbox);
        let ends = if let Verdict::Forward(end) = verdict { Disposition::Send(end) } else { Disposition::Done };
        assert_eq!(frame.disposition, ends);
        Done { verdict, link: frame.link().to_vec(), packet: frame.packet().to_vec(), offload: frame.offload }
    }

    /// What the plane sent by itself: where to, link header, packet.
    pub fn sent(&mut self) -> Vec<(End, Vec<u8>, Vec<u8>)> {
        let mut sent = Vec::new();
        self.outbox.drain(|batch| {
            for frame in batch.iter() {
                let Disposition::Send(end) = frame.disposition else { panic!("a frame without an end") };
                sent.push((end, frame.link().to_vec(), frame.packet().to_vec()));
            }
        });
        sent
    }

    pub fn totals(&self) -> Totals {
        self.plane.counters().snapshot()
    }

    /// The packet's drop is counted once, and nothing else of its direction.
    pub fn assert_dropped(&self, direction: Direction, reason: DropReason) {
        let drops: Vec<_> = self.totals().drops(direction).filter(|(_, count)| *count > 0).collect();
        assert_eq!(drops, [(reason, 1)]);
    }
}

pub fn hosts(packet: &[u8]) -> (IpAddr, IpAddr) {
    let headers = parse(packet, &Offload::NONE).unwrap();
    (headers.source, headers.destination)
}

/// A source port whose flow the hash gives to this WAN.
pub fn port_for(id: WanId) -> u16 {
    (4000..5000)
        .find(|port| {
            let mut rig = Rig::new(policy());
            let done = rig.outbound(&packet("10.250.250.2", SERVER, protocol::UDP, &udp(*port, 53, b"x")));
            done.verdict == Verdict::Forward(End::Wan(id))
        })
        .unwrap()
}
