//! One uplink in a snapshot: what the configuration alone says of it, how its link is, what it translates to, how it stands.
//! Must never know: who found that out.

use super::health::ProbeSpec;
use super::link::WanLink;
use crate::plane::lease::{Lease, Leased, Via};
use crate::plane::packet::headers::Endpoint;
use crate::plane::packet::numbers::protocol;
use crate::plane::translate::host6::HostMap6;
use crate::plane::translate::masquerade::Masquerade;
use crate::plane::translate::nat44::Nat44Map;
use crate::plane::translate::nptv6::Translator;
use crate::types::{Family, LinkLayer, Owned, Remedies, Remedy, Standing, Tick};
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// One uplink. Everything of any size is shared by its clones.
#[derive(Clone, Debug)]
pub struct Wan {
    /// What neither its link nor its health changes.
    pub fixed: Arc<WanFixed>,
    /// Largest IP packet that leaves here as far as link and settings go, in bytes.
    pub mtu: u16,
    /// How its link is spoken to.
    pub link: WanLink,
    /// Whom to ask what the path behind the link carries; `None`: its own MTU is believed.
    pub probe: Option<Arc<Probe>>,
    /// 1:1 NAT for IPv4.
    pub nat44: Nat44Map,
    /// What the inside hosts share that 1:1 NAT has no IPv4 address for.
    pub masquerade: Option<Masquerade>,
    /// Single hosts for IPv6, which go before the prefix translation.
    pub host6: HostMap6,
    /// Prefix translation for IPv6: the current prefix first, then older ones that are still valid.
    pub nptv6: Arc<[Leased<Translator>]>,
    /// The kernel's own addresses on the link that lie in such a prefix: they stay the kernel's.
    pub kept6: Arc<[Ipv6Addr]>,
    /// Epoch of the first snapshot in which it owns just what it owns: of the same number the addresses are the same.
    pub owned_since: u32,
    /// How it stands, by `Family`.
    pub standing: [Standing; 2],
    /// What becomes of flows on a worse tier that would go here if they were new, by `Family`; `Remedy::Drain`: nothing.
    pub on_up: [Remedies; 2],
    /// What is known of it while it is softly down and its flows are judged each by its own evidence, by `Family`.
    pub draining: [Option<Draining>; 2],
}

/// A WAN that is softly down, where flows that drain do not stay without an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Draining {
    /// Milliseconds that a flow may wait for an answer.
    pub silence: u32,
    /// Since when it is down.
    pub since: Tick,
    /// Since when its path may have been dead, as its probes show; `None` where they do not show it, because an operator
    /// wants it down.
    pub dead_since: Option<Tick>,
}

/// What the configuration alone says of a WAN.
#[derive(Clone, Debug)]
pub struct WanFixed {
    /// Its name.
    pub name: Box<str>,
    /// Lower is preferred.
    pub tier: u8,
    /// Share of new flows inside its tier; never 0.
    pub weight: u32,
    /// The address that the router's own packets carry where it serves, by [`Family`]; `None`: the best one.
    pub sources: [Option<IpAddr>; 2],
    /// Inside hosts that have external addresses of their own, or get some when the line has them.
    pub inbound6: Vec<Ipv6Addr>,
    /// What its health is asked for; a probe is known by its place here.
    pub health: Vec<ProbeSpec>,
    /// What becomes of its flows while it is down: softly, or hard.
    pub on_down: OnDown,
}

/// What becomes of the flows of a WAN that goes down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OnDown {
    /// `Standing::SoftDown`.
    pub soft: Remedies,
    /// `Standing::HardDown`.
    pub hard: Remedies,
}

impl Default for OnDown {
    fn default() -> Self {
        Self { soft: Remedies::all(Remedy::Drain), hard: Remedies::default() }
    }
}

/// Hosts whose answers show the MTU of the path to them, by family; an empty list and it is not probed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Probe {
    /// IPv4 addresses.
    pub targets4: Vec<IpAddr>,
    /// IPv6 addresses.
    pub targets6: Vec<IpAddr>,
}

impl Probe {
    /// Those of one family.
    #[must_use]
    pub fn targets(&self, family: Family) -> &[IpAddr] {
        match family {
            Family::V4 => &self.targets4,
            Family::V6 => &self.targets6,
        }
    }
}

impl WanFixed {
    /// The address that the router's own packets carry where it serves, in one family.
    #[must_use]
    pub fn source(&self, family: Family) -> Option<IpAddr> {
        self.sources[family.index()]
    }
}

impl Wan {
    /// What the configuration alone says, to be changed: a copy of it, if another snapshot shares it.
    pub fn fixed_mut(&mut self) -> &mut WanFixed {
        Arc::make_mut(&mut self.fixed)
    }

    /// Largest IP packet of one family that leaves here, in bytes, the path behind the line left aside.
    #[must_use]
    pub fn mtu(&self, family: Family) -> u16 {
        self.link.told_mtu[family.index()].map_or(self.mtu, |told| told.bytes.min(self.mtu))
    }

    /// How it stands in one family.
    #[must_use]
    pub fn standing(&self, family: Family) -> Standing {
        self.standing[family.index()]
    }

    /// By what packets to `remote` leave here. Where nothing stands in front of packets, nobody's MAC is needed.
    #[must_use]
    pub fn via(&self, remote: IpAddr) -> Via {
        let is_direct = self.link.layer == LinkLayer::Ethernet && self.link.direct_network(remote).is_some();
        if is_direct { Via::Direct } else { Via::Gateway }
    }

    /// The network of the link that makes `remote` a neighbour; one that holds the whole world makes nobody one.
    #[must_use]
    pub fn neighbor_network(&self, remote: IpAddr) -> Option<&IpNet> {
        self.link.direct_network(remote).filter(|net| net.prefix_len() > 0)
    }

    /// Whether `remote` is a neighbour.
    #[must_use]
    pub fn is_neighbor(&self, remote: IpAddr) -> bool {
        self.neighbor_network(remote).is_some()
    }

    /// Whether packets to `remote` can leave here. A neighbour needs no gateway, only the link.
    #[must_use]
    pub fn can_send_to(&self, remote: IpAddr) -> bool {
        let family = Family::of(remote);
        self.standing(family) != Standing::HardDown
            || self.link.came_up.is_some() && self.link.gateways(family).is_empty() && self.is_neighbor(remote)
    }

    /// What becomes of its flows; `None` while it is up.
    #[must_use]
    pub fn remedy(&self, family: Family, is_tcp: bool) -> Option<Remedy> {
        let remedies = match self.standing(family) {
            Standing::Up | Standing::Degraded => return None,
            Standing::SoftDown => self.fixed.on_down.soft,
            Standing::HardDown => return Some(self.hard_remedy(is_tcp)),
        };
        Some(if is_tcp { remedies.tcp } else { remedies.udp })
    }

    /// What its flows that drain are judged by, and what becomes of those that nobody answers; `None` where none are judged,
    /// or stay all the same.
    #[must_use]
    pub fn judges(&self, family: Family, is_tcp: bool) -> Option<(Draining, Remedy)> {
        let draining = self.draining[family.index()]?;
        let drains = self.remedy(family, is_tcp) == Some(Remedy::Drain);
        Some((draining, self.hard_remedy(is_tcp))).filter(|(_, remedy)| drains && *remedy != Remedy::Drain)
    }

    /// What it wants of flows on a worse tier that would go here if they were new; `None`: nothing.
    #[must_use]
    pub fn failback(&self, family: Family, is_tcp: bool) -> Option<Remedy> {
        let remedies = self.on_up[family.index()];
        Some(if is_tcp { remedies.tcp } else { remedies.udp }).filter(|remedy| *remedy != Remedy::Drain)
    }

    /// What becomes of its flows while it is hard down; of those whose public address is gone, and of those that nobody
    /// answers while it is softly down, the same.
    #[must_use]
    pub fn hard_remedy(&self, is_tcp: bool) -> Remedy {
        if is_tcp { self.fixed.on_down.hard.tcp } else { self.fixed.on_down.hard.udp }
    }

    /// Whether a flow that had `lease` when it was proved, at `epoch`, still has that.
    #[must_use]
    pub fn has_lease(&self, family: Family, lease: Lease, epoch: u32) -> bool {
        match family {
            Family::V4 => self.leases4().any(|it| it.is(lease, epoch)),
            Family::V6 => self.nptv6.iter().any(|it| it.is(lease, epoch)) || self.host6.has_lease(lease, epoch),
        }
    }

    /// The IPv4 addresses that come and go.
    pub fn leases4(&self) -> impl Iterator<Item = &Leased<Ipv4Addr>> {
        let shared = self.masquerade.iter().flat_map(Masquerade::leases);
        self.nat44.leases().iter().chain(shared)
    }

    /// What of the addresses that inside hosts share with the kernel is flowpin's.
    pub fn shared(&self) -> impl Iterator<Item = Owned> + '_ {
        let own = |it: &Masquerade| {
            let ports = Some(it.ports);
            it.leases().iter().map(move |it| Owned { net: IpAddr::V4(it.held).into(), ports }).collect::<Vec<_>>()
        };
        self.masquerade.iter().flat_map(own)
    }

    /// Every public address and prefix that flowpin alone has here.
    pub fn owned(&self) -> impl Iterator<Item = IpNet> + '_ {
        let nat44 = self.nat44.publics().map(|public| IpNet::from(IpAddr::V4(public)));
        let prefixes = self.nptv6.iter().map(|it| IpNet::V6(it.held.outside()));
        let hosts = self.host6.externals().map(|external| IpNet::from(IpAddr::V6(external)));
        nat44.chain(prefixes).chain(hosts)
    }

    /// Whether the hosts of a prefix that is translated here and those of the link's own network are one subnet, as on lines
    /// that delegate nothing: who wants to reach one asks for its MAC.
    #[must_use]
    pub fn is_proxy(&self) -> bool {
        self.link.layer == LinkLayer::Ethernet && self.nptv6.iter().any(|it| self.link.shares(it.held.outside()))
    }

    /// Whether flowpin translates what is sent to `public` on this WAN. An address that is owned is so for every protocol
    /// and port, and one that is shared with the kernel for some.
    #[must_use]
    pub fn owns(&self, public: &Endpoint) -> bool {
        self.owns_address(public.address) || self.shares(public)
    }

    /// Whether `public` is an end of which inside hosts have some, at an address that is the kernel's beside that. What the
    /// kernel is asked by a ping is its own, with whatever identifier.
    fn shares(&self, public: &Endpoint) -> bool {
        let has = |it: &Masquerade| it.ports.contains(public.port) && it.lease_of(public.address).is_some();
        matches!(public.protocol, protocol::TCP | protocol::UDP) && self.masquerade.as_ref().is_some_and(has)
    }

    /// Whether flowpin translates `address`, with all that is sent to it, on this WAN: it answers for it on the link.
    #[must_use]
    pub fn owns_address(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.nat44.inside_of(address).is_some(),
            IpAddr::V6(address) => {
                self.host6.inside_of(address).is_some()
                    || !self.kept6.contains(&address)
                        && self.nptv6.iter().any(|it| it.held.outside().contains(&address))
            }
        }
    }
}
