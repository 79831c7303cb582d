//! The immutable snapshot that the plane obeys. A change is a new snapshot with a new epoch, adopted between batches.
//! Built by `control::compile` for the live service and by the replay; must never know: files, links, sockets.

mod health;
pub mod source;

pub use health::{ProbeSpec, Question, Target};

use crate::plane::lease::{Lease, Leased};
use crate::plane::translate::nat44::Nat44Map;
use crate::plane::translate::nptv6::Translator;
use crate::types::{Balance, Family, Mac, Remedies, Remedy, Standing, Timeouts, WanId};
use ipnet::{IpNet, Ipv4Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Everything the plane has to know to route a packet.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Grows by one with each snapshot.
    pub epoch: u32,
    /// Seed of the rendezvous hash.
    pub seed: u64,
    /// What of a flow is hashed.
    pub balance: Balance,
    /// The firewall's side.
    pub inside: Inside,
    /// The WANs; `WanId` is the index.
    pub wans: Vec<Wan>,
    /// Sources and destinations that die.
    pub martians: Vec<IpNet>,
    /// How long silent flows live.
    pub timeouts: Timeouts,
    /// ICMP errors a second that one worker sends itself towards inside, and as many towards the WANs.
    pub icmp_errors: u32,
    /// Where no WAN is up, a new flow tries one that is down but can still send.
    pub last_resort: bool,
}

impl Policy {
    /// The WAN with this id. Panics never for ids that came from this snapshot; `None` for stale ones.
    #[must_use]
    pub fn wan(&self, id: WanId) -> Option<&Wan> {
        self.wans.get(id.index())
    }

    /// Whether `address` is inside one of the inside prefixes, or the inside host of an inbound map.
    #[must_use]
    pub fn is_inside(&self, address: IpAddr) -> bool {
        self.inside.prefixes.iter().any(|prefix| prefix.contains(&address))
            || self.wans.iter().flat_map(|wan| &wan.inbound6).any(|(_, host)| address == IpAddr::V6(*host))
    }

    /// Every public address and prefix that flowpin translates, in one order, whatever order they are held in.
    #[must_use]
    pub fn owned(&self) -> Vec<IpNet> {
        let mut owned: Vec<_> = self.wans.iter().flat_map(Wan::owned).collect();
        owned.sort_unstable();
        owned.dedup();
        owned
    }

    /// The WAN that owns `address`.
    #[must_use]
    pub fn owner(&self, address: IpAddr) -> Option<WanId> {
        (0..=u8::MAX).map(WanId).zip(&self.wans).find(|(_, wan)| wan.owns(address)).map(|(id, _)| id)
    }

    /// Whether `address` is the router's: owned, or the kernel's own on a WAN link.
    #[must_use]
    pub fn is_own(&self, address: IpAddr) -> bool {
        self.wans.iter().any(|wan| wan.owns(address) || wan.link.has(address))
    }
}

/// The firewall's side.
#[derive(Clone, Debug)]
pub struct Inside {
    /// Sources accepted from inside.
    pub prefixes: Vec<IpNet>,
    /// Largest IP packet that reaches inside hosts, in bytes.
    pub mtu: u16,
    /// Routers between here and inside hosts: 1 where the kernel hands packets on from the TUN. A packet that would end
    /// its life there ends it here: the kernel would tell the sender of an inside address, on whichever WAN it likes.
    pub hops: u8,
    /// Addresses of this machine that some map could lead to: nothing is brought there from a WAN, for the kernel would
    /// hand it to the router's own sockets.
    pub machine: Vec<IpAddr>,
    /// Source of ICMP errors towards inside; `None` and no error can be sent in this family.
    pub router4: Option<Ipv4Addr>,
    /// The same for IPv6.
    pub router6: Option<Ipv6Addr>,
}

impl Inside {
    /// The router's own address towards inside in one family.
    #[must_use]
    pub fn router(&self, family: Family) -> Option<IpAddr> {
        match family {
            Family::V4 => self.router4.map(IpAddr::V4),
            Family::V6 => self.router6.map(IpAddr::V6),
        }
    }
}

/// One uplink.
#[derive(Clone, Debug)]
pub struct Wan {
    /// Its name in the configuration.
    pub name: Box<str>,
    /// Lower is preferred.
    pub tier: u8,
    /// Share of new flows inside its tier; never 0.
    pub weight: u32,
    /// Largest IP packet that leaves here, in bytes.
    pub mtu: u16,
    /// How its link is spoken to.
    pub link: WanLink,
    /// 1:1 NAT for IPv4.
    pub nat44: Nat44Map,
    /// Prefix translation for IPv6: the current prefix first, then older ones that are still valid.
    pub nptv6: Vec<Leased<Translator>>,
    /// External host to inside host, more specific than the prefix translation.
    pub inbound6: Vec<(Ipv6Addr, Ipv6Addr)>,
    /// Whom to ask what the path behind the link carries; `None`: its own MTU is believed.
    pub probe: Option<Probe>,
    /// What its health is asked for; a probe is known by its place here.
    pub health: Vec<ProbeSpec>,
    /// How it stands, by `Family`.
    pub standing: [Standing; 2],
    /// What becomes of its flows while it is down: softly, or hard.
    pub on_down: OnDown,
    /// What becomes of flows on a worse tier that would go here if they were new, by `Family`; `Remedy::Drain`: nothing.
    pub on_up: [Remedies; 2],
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

/// The link layer of a WAN.
#[derive(Clone, Debug)]
pub struct WanLink {
    /// Our own address on the link.
    pub mac: Mac,
    /// Accept unicast frames for any station: captures hold another router's addresses.
    pub any_mac: bool,
    /// How often the link has come up, while frames can pass; `None` while they cannot.
    pub came_up: Option<u32>,
    /// 802.1Q VLAN id: pushed and required.
    pub vlan: Option<u16>,
    /// The kernel's IPv4 addresses on this link, for ARP sources.
    pub addresses4: Vec<Ipv4Net>,
    /// The kernel's IPv6 addresses on this link, for ND sources.
    pub addresses6: Vec<Ipv6Addr>,
    /// The gateway for IPv4.
    pub next_hop4: Option<Ipv4Addr>,
    /// The gateway for IPv6.
    pub next_hop6: Option<Ipv6Addr>,
}

impl WanLink {
    /// The gateway of one family.
    #[must_use]
    pub fn next_hop(&self, family: Family) -> Option<IpAddr> {
        match family {
            Family::V4 => self.next_hop4.map(IpAddr::V4),
            Family::V6 => self.next_hop6.map(IpAddr::V6),
        }
    }

    /// Whether the kernel has `address` on this link.
    #[must_use]
    pub fn has(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.addresses4.iter().any(|net| net.addr() == address),
            IpAddr::V6(address) => self.addresses6.contains(&address),
        }
    }

    /// Whether `address` means every host on this link (RFC 922 §7); links of one or two hosts have none such (RFC 3021).
    #[must_use]
    pub fn is_broadcast(&self, address: IpAddr) -> bool {
        self.addresses4.iter().any(|net| net.prefix_len() < 31 && address == IpAddr::V4(net.broadcast()))
    }
}

impl Wan {
    /// How it stands in one family.
    #[must_use]
    pub fn standing(&self, family: Family) -> Standing {
        self.standing[family.index()]
    }

    /// What becomes of its flows; `None` while it is up.
    #[must_use]
    pub fn remedy(&self, family: Family, is_tcp: bool) -> Option<Remedy> {
        let remedies = match self.standing(family) {
            Standing::Up | Standing::Degraded => return None,
            Standing::SoftDown => self.on_down.soft,
            Standing::HardDown => self.on_down.hard,
        };
        Some(if is_tcp { remedies.tcp } else { remedies.udp })
    }

    /// What it wants of flows on a worse tier that would go here if they were new; `None`: nothing.
    #[must_use]
    pub fn recalls(&self, family: Family, is_tcp: bool) -> Option<Remedy> {
        let remedies = self.on_up[family.index()];
        Some(if is_tcp { remedies.tcp } else { remedies.udp }).filter(|remedy| *remedy != Remedy::Drain)
    }

    /// What becomes of its flows whose public address is gone: as if it were hard down.
    #[must_use]
    pub fn remedy_without_address(&self, is_tcp: bool) -> Remedy {
        if is_tcp { self.on_down.hard.tcp } else { self.on_down.hard.udp }
    }

    /// Whether a flow that had `lease` when it was proved, at `epoch`, still has that.
    #[must_use]
    pub fn has_lease(&self, family: Family, lease: Lease, epoch: u32) -> bool {
        match family {
            Family::V4 => self.nat44.leases().iter().any(|it| it.is(lease, epoch)),
            Family::V6 => self.nptv6.iter().any(|it| it.is(lease, epoch)),
        }
    }

    /// Every public address and prefix that flowpin translates here.
    pub fn owned(&self) -> impl Iterator<Item = IpNet> + '_ {
        let nat44 = self.nat44.publics().map(|public| IpNet::from(IpAddr::V4(public)));
        let prefixes = self.nptv6.iter().map(|it| IpNet::V6(it.held.outside()));
        let hosts = self.inbound6.iter().map(|(outside, _)| IpNet::from(IpAddr::V6(*outside)));
        nat44.chain(prefixes).chain(hosts)
    }

    /// Whether flowpin translates `address` on this WAN.
    #[must_use]
    pub fn owns(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.nat44.inside_of(address).is_some(),
            IpAddr::V6(address) => {
                self.inbound6.iter().any(|(outside, _)| *outside == address)
                    || self.nptv6.iter().any(|it| it.held.outside().contains(&address))
            }
        }
    }
}
