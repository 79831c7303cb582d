//! Packets and policies for the benches: every kind of translation, both directions, three sizes, built once and
//! restored before each pass through the plane.
#![allow(dead_code)]

use crate::packets::{ACK, ethernet, ip};
use flowpin::plane::lease::Leased;
use flowpin::plane::outbox::Outbox;
use flowpin::plane::policy::{Fixed, Gateway, Inside, OnDown, Policy, Wan, WanFixed, WanLink};
use flowpin::plane::translate::host6::HostMap6;
use flowpin::plane::translate::nat44::Nat44Map;
use flowpin::plane::translate::nptv6::Translator;
use flowpin::plane::verdict::Verdict;
use flowpin::plane::{Plane, Shared};
use flowpin::types::{
    Direction, End, Family, Frame, Gso, GsoKind, HEADROOM, Mac, NptMode, Offload, PartialChecksum, Standing, Tick,
    WanId,
};
use std::sync::Arc;

/// How addresses are translated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Nat44,
    Prefix,
    Rfc6296,
}

pub const KINDS: [(&str, Kind); 3] =
    [("v4-nat44", Kind::Nat44), ("v6-prefix", Kind::Prefix), ("v6-rfc6296", Kind::Rfc6296)];

pub const DIRECTIONS: [(&str, Direction); 2] = [("out", Direction::Outbound), ("in", Direction::Inbound)];

/// What is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Size {
    /// 64 bytes of IP, UDP.
    Small,
    /// 1400 bytes of IP, UDP.
    Large,
    /// 45 full TCP segments in one frame, the checksum left to the receiver of the virtio header.
    Super,
}

pub const SIZES: [(&str, Size); 3] = [("64", Size::Small), ("1400", Size::Large), ("64KiB", Size::Super)];

/// One policy of two equal WANs for all kinds of traffic; IPv6 is translated in that mode.
pub fn policy(kind: Kind) -> Policy {
    let mode = if kind == Kind::Rfc6296 { NptMode::Rfc6296 } else { NptMode::Prefix };
    let fixed = Fixed {
        prefixes: vec!["10.250.250.0/29".parse().unwrap(), "fd00:bad:b01::/60".parse().unwrap()],
        martians: ["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4", "fe80::/10", "ff00::/8"]
            .map(|net| net.parse().unwrap())
            .to_vec(),
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
            router4: Some([10, 250, 250, 1].into()),
            router6: Some("fd00:bad:b01::1".parse().unwrap()),
        },
        wans: [wan(0, "2001:db8:a:c80::/60", mode), wan(1, "2001:db8:b:be00::/60", mode)].into_iter().collect(),
    }
}

fn wan(index: u8, outside: &str, mode: NptMode) -> Wan {
    let pairs: Vec<_> =
        (2..7).map(|host| ([10, 250, 250, host].into(), [192, 0, 2, index * 64 + host].into())).collect();
    let fixed = WanFixed {
        name: format!("wan{index}").into(),
        tier: 1,
        weight: 1,
        sources: [None; 2],
        inbound6: Vec::new(),
        health: vec![],
        on_down: OnDown::default(),
    };
    Wan {
        fixed: Arc::new(fixed),
        mtu: 1500,
        link: WanLink {
            layer: flowpin::types::LinkLayer::Ethernet,
            mac: Mac([2, 0, 0, 0, 0, index]),
            any_mac: false,
            came_up: Some(1),
            vlan: None,
            told_mtu: [None; 2],
            addresses: [].into(),
            gateways: [
                Gateway::only([192, 0, 2, index * 64 + 1]),
                Gateway::only("fe80::1".parse::<std::net::IpAddr>().unwrap()),
            ],
            direct: [].into(),
            gateway_macs: [None; 2],
        },
        probe: None,
        nat44: Nat44Map::new(&pairs),
        masquerade: None,
        host6: HostMap6::default(),
        nptv6: [Leased::fixed(Translator::new("fd00:bad:b01::/60".parse().unwrap(), outside.parse().unwrap(), mode))]
            .into(),
        kept6: [].into(),
        owned_since: 1,
        standing: [Standing::Up; 2],
        on_up: [flowpin::types::Remedies::all(flowpin::types::Remedy::Drain); 2],
        draining: [None; 2],
    }
}

/// A data plane with that policy whose next hops are known.
pub fn plane(policy: Policy, flows: usize) -> Plane {
    let shared = Arc::new(Shared::new(flows, 0));
    for wan in [WanId(0), WanId(1)] {
        for family in Family::ALL {
            shared.neighbors.set(wan, family, Mac([2, 0, 0, 1, 0, wan.0]));
        }
    }
    Plane::new(Arc::new(policy), shared, false)
}

/// A frame that can be sent again and again.
#[derive(Clone)]
pub struct Traffic {
    pub from: End,
    head: Vec<u8>,
    buffer: Vec<u8>,
    l3: usize,
    l4: usize,
    offload: Offload,
}

/// Every byte that the plane may change lies within so many: headroom, tag, IPv6 and TCP headers with options.
const HEAD: usize = HEADROOM + 18 + 40 + 60;

impl Traffic {
    pub fn new(kind: Kind, direction: Direction, size: Size) -> Self {
        let remote = if kind == Kind::Nat44 { "203.0.113.10" } else { "2001:db8:5::10" };
        let (inside, public) = match kind {
            Kind::Nat44 => ("10.250.250.2", "192.0.2.2"),
            Kind::Prefix => ("fd00:bad:b01:1::100", "2001:db8:a:c81::100"),
            Kind::Rfc6296 => ("fd00:bad:b01:1::100", PUBLIC_RFC6296),
        };
        let addresses = match direction {
            Direction::Outbound => ip(inside, remote),
            Direction::Inbound => ip(remote, public),
        };
        let header = if kind == Kind::Nat44 { 20 } else { 40 };
        // With twelve bytes of TCP options a segment fills the MTU of 1500.
        let segment = 1500 - header as u16 - 32;
        let packet = match size {
            Size::Small => addresses.udp((4000, 443), &[7; 64][header + 8..]),
            Size::Large => addresses.udp((4000, 443), &vec![7; 1400 - header - 8]),
            Size::Super => addresses.tcp(
                (4000, 443),
                ACK,
                &[1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 1],
                &vec![7; 45 * usize::from(segment)],
            ),
        };
        let kind = if kind == Kind::Nat44 { GsoKind::Tcp4 } else { GsoKind::Tcp6 };
        let offload = match size {
            Size::Super => Offload {
                partial: Some(PartialChecksum { start: header as u16, offset: 16 }),
                gso: Some(Gso { kind, size: segment, ecn: false }),
            },
            _ => Offload::NONE,
        };
        Self::at(direction, &packet, header, offload)
    }

    /// That packet on its way from the end it comes from.
    pub fn at(direction: Direction, packet: &[u8], header: usize, offload: Offload) -> Self {
        let mut buffer = vec![0; HEADROOM];
        let (from, l3) = match direction {
            Direction::Outbound => {
                buffer.extend(packet);
                (End::Inside, HEADROOM)
            }
            Direction::Inbound => {
                buffer.extend(ethernet([2, 0, 0, 0, 0, 0], [2, 0, 0, 1, 0, 0], None, packet));
                (End::Wan(WanId(0)), HEADROOM + 14)
            }
        };
        let head = buffer[..buffer.len().min(HEAD)].to_vec();
        Self { from, head, buffer, l3, l4: l3 + header, offload }
    }

    /// Makes it a packet of another flow: both ports change.
    pub fn flow(&mut self, number: u32) {
        self.head[self.l4..self.l4 + 4].copy_from_slice(&number.to_be_bytes());
    }

    /// The frame as it arrives.
    pub fn frame(&mut self) -> Frame<'_> {
        self.buffer[..self.head.len()].copy_from_slice(&self.head);
        let end = self.buffer.len();
        Frame::new(&mut self.buffer, HEADROOM, self.l3, end, self.offload).expect("offsets lie inside the buffer")
    }

    /// The packet as it arrives.
    pub fn packet(&self) -> &[u8] {
        &self.buffer[self.l3..]
    }

    pub fn offload(&self) -> Offload {
        self.offload
    }

    /// One pass through the plane. It must be forwarded.
    pub fn pass(&mut self, plane: &mut Plane, now: Tick, outbox: &mut Outbox) {
        let from = self.from;
        let mut frame = self.frame();
        let verdict = plane.process(now, from, &mut frame, outbox);
        assert!(matches!(verdict, Verdict::Forward(_)), "{verdict:?}");
    }
}

/// fd00:bad:b01:1::100 outside 2001:db8:a:c80::/60, checksum-neutral.
const PUBLIC_RFC6296: &str = "2001:db8:a:c81:d96b::100";
