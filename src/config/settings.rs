//! What the configuration means: checked, complete, with every default filled in. An impossible setting cannot be built:
//! `file` makes these values, nobody else. Must never know: TOML (file/reader.rs), links.

use crate::types::{Balance, Family, Filtering, Mac, NptMode, OnUp, PortRange, Remedies, Slots, Timeouts};
use ipnet::{IpNet, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

/// The whole configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The firewall's side.
    pub downstream: Downstream,
    /// One or more WANs with distinct names and disjoint owned addresses, by the slot that each keeps over reloads.
    pub wans: Slots<Wan>,
    /// What the rendezvous hash sees of a new flow (`[default] balance`).
    pub balance: Balance,
    /// Whether a new flow tries a WAN that is down, but can still send, where none is up (`[default] last_resort`).
    pub last_resort: bool,
    /// Whether what real flows show has a say in how each WAN is (`[default] traffic_evidence`).
    pub traffic_evidence: bool,
    /// Bounds.
    pub limits: Limits,
    /// Seconds a silent flow lives.
    pub timeouts: Timeouts,
    /// Threads and seed.
    pub workers: Workers,
    /// The control socket.
    pub control: Control,
    /// Logging.
    pub log: Log,
    /// The program that is told what becomes of WANs, with its arguments; empty: none (`[hooks] on_event`).
    pub hooks: Vec<String>,
}

/// The name of the TUN, unless the file says another.
pub const DEFAULT_TUN: &str = "flowpin0";

/// The MTU of the TUN in bytes, unless the file says another.
pub const DEFAULT_MTU: u16 = 1500;

/// Ports that inside hosts have at an address which they share, unless the file says others: below those that the kernel gives
/// its own sockets by default.
pub const DEFAULT_PORTS: PortRange = PortRange { first: 16384, last: 32767 };

/// Milliseconds that a flow may wait for an answer on a WAN that is softly down, if nothing else is said.
pub const DEFAULT_SILENCE: Option<u32> = Some(3000);

/// The firewall's side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Downstream {
    /// The kernel link whose arrivals are routed into the TUN; `None`: whoever owns the routes does it.
    pub interface: Option<String>,
    /// The TUN device to create.
    pub tun: String,
    /// Bytes, 576 to 65535; at least 1280 if an inside prefix is IPv6.
    pub mtu: u16,
    /// Addresses of the TUN itself, with prefix length.
    pub addresses: Vec<IpNet>,
    /// Inside sources; not empty, disjoint.
    pub prefixes: Vec<IpNet>,
    /// Networks of this machine that inside hosts reach without flowpin.
    pub local: Local,
    /// What becomes of the kernel side at a stop.
    pub on_stop: OnStop,
    /// Next hop for inside IPv4 prefixes that are not on-link.
    pub next_hop4: Option<Ipv4Addr>,
    /// Next hop for inside IPv6 prefixes that are not on-link.
    pub next_hop6: Option<Ipv6Addr>,
}

/// Networks of this machine beside the firewall's and the WANs': another LAN, a tunnel, containers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Local {
    /// These, which share no address with the inside prefixes.
    Prefixes(Vec<IpNet>),
    /// All that are connected to links but the firewall's, the TUN and the WANs'.
    Connected,
}

impl Default for Local {
    fn default() -> Self {
        Self::Prefixes(Vec::new())
    }
}

/// What becomes of the kernel side when the service is told to stop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnStop {
    /// It stays, and nothing passes until the next start or `flowpin down`.
    #[default]
    Shut,
    /// All is put back as it was before the start.
    Open,
}

/// How hosts of a WAN's own networks are reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnLink {
    /// They are sent to themselves.
    #[default]
    Direct,
    /// By way of the gateway, as everybody else.
    Gateway,
}

/// One uplink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wan {
    /// Unique.
    pub name: String,
    /// Kernel link.
    pub interface: String,
    /// 1 to 4094.
    pub vlan: Option<u16>,
    /// Not 0.
    pub weight: u32,
    /// Lower first.
    pub tier: u8,
    /// How its MTU is known.
    pub mtu: Mtu,
    /// Hosts that answer probes of the path's MTU, distinct; a family without one asks its gateway.
    pub mtu_targets: Vec<IpAddr>,
    /// `None` follows the kernel's routes of the link.
    pub gateway4: Option<Ipv4Addr>,
    /// `None` follows the kernel's routes of the link.
    pub gateway6: Option<Ipv6Addr>,
    /// The gateways' MACs, by `Family`; `None`: they are asked.
    pub gateway_macs: [Option<Mac>; 2],
    /// How hosts of the link's own networks are reached.
    pub on_link: OnLink,
    /// What the router's own packets carry, by `Family`, where the WAN has it and it serves; `None`: the best address.
    pub sources: [Option<IpAddr>; 2],
    /// Inside and public address, 1:1, both unique.
    pub nat44: Vec<(Ipv4Addr, Ipv4Addr)>,
    /// The inside host whose public address is the link's own, followed while running; it is in no pair.
    pub nat44_interface: Option<Ipv4Addr>,
    /// What inside hosts share which are in no pair; no inside host has the link's own address then.
    pub masquerade: Option<Masquerade>,
    /// Prefix translation.
    pub nptv6: Option<Nptv6>,
    /// External and inside host, each once.
    pub inbound6: Vec<(External6, Ipv6Addr)>,
    /// How bad its probes may be, and for how long, before it is down.
    pub thresholds: Thresholds,
    /// What becomes of its flows when the probes fail, or an operator drains it.
    pub on_soft_down: Remedies,
    /// What becomes of its flows when its link can send nothing any more.
    pub on_hard_down: Remedies,
    /// Milliseconds that a flow may wait for an answer while it is softly down and drains; `None`: for ever.
    pub silence: Option<u32>,
    /// What becomes of flows on a worse tier that it would take, when it is up again.
    pub on_up: OnUp,
    /// How its health is probed.
    pub health: Health,
}

/// How the health of a WAN is probed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Distinct; at most 64. A family that none of them is about asks its gateway on the link.
    pub probes: Vec<HealthProbe>,
    /// Milliseconds from one question to the next, 50 to an hour.
    pub interval: u32,
    /// Milliseconds that an answer may take, 10 or more, at most `interval`.
    pub timeout: u32,
}

impl Default for Health {
    fn default() -> Self {
        Self { probes: Vec::new(), interval: 1000, timeout: 800 }
    }
}

/// One probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthProbe {
    /// Whom it asks.
    pub target: ProbeTarget,
    /// What it asks.
    pub kind: ProbeKind,
    /// What it carries while the WAN has it, in the family of this address; `None`: the best address.
    pub source: Option<IpAddr>,
}

/// Whom a probe asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeTarget {
    /// The WAN's gateway, in each family that the WAN carries.
    Gateway,
    /// A host outside.
    Host(IpAddr),
}

/// What a probe asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeKind {
    /// The gateway on the link, by ARP or neighbour solicitation.
    Neighbor,
    /// An echo.
    Icmp,
    /// A connection.
    Tcp {
        /// Not 0.
        port: u16,
    },
    /// A page by HTTP; its WAN has a mapping in the host's family.
    Http {
        /// Not 0.
        port: u16,
        /// What the request names as host, with its port.
        host: String,
        /// With its slash.
        path: String,
        /// The statuses that are expected, at least one.
        expect: Vec<u16>,
        /// What the body has to hold, not empty.
        body: Option<String>,
    },
    /// The greeting of a TLS server; its WAN has a mapping in the host's family.
    Tls {
        /// Not 0.
        port: u16,
        /// Whom the server is to be.
        name: Option<String>,
    },
    /// A record of a name.
    Dns {
        /// Labels of 1 to 63 characters, 253 in all.
        name: String,
        /// The type of the record that has to be there (RFC 1035 §3.2.2); `None`: any to a question for an IPv4 address.
        record: Option<u16>,
    },
    /// The time.
    Ntp,
}

/// How many probes of a WAN must pass, how often in a row, how late and for how long, for it to be up or down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// Probes of a family that must pass for a cycle to count as good; all of them, if it has fewer. 1 or more.
    pub quorum: u32,
    /// Bad cycles in a row until down, 1 or more.
    pub fall: u32,
    /// Good cycles in a row until up, 1 or more.
    pub rise: u32,
    /// Thousandths of the probes that may fail.
    pub max_loss: u32,
    /// Milliseconds that a round trip may take on average.
    pub max_latency: u32,
    /// Least time down before up again, in milliseconds.
    pub hold: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { quorum: 1, fall: 3, rise: 5, max_loss: 200, max_latency: 250, hold: 10_000 }
    }
}

/// How the MTU of a WAN is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Mtu {
    /// It is the link's.
    #[default]
    Auto,
    /// Bytes, 576 to 65535, at least 1280 if this WAN carries IPv6.
    Bytes(u16),
    /// The link's at the most; the path behind it is probed.
    Probe,
}

/// Prefix translation (RFC 6296). Prefixes of at most 64 bits; of two lengths the longer one says how many hosts have an
/// address on the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nptv6 {
    /// Inside prefix.
    pub inside: Ipv6Net,
    /// Public prefix; `None` follows what is delegated on the link or set by hand.
    pub outside: Option<Ipv6Net>,
    /// How the rest of the address is treated.
    pub mode: NptMode,
}

/// The link's own IPv4 address, followed while running, for many inside hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Masquerade {
    /// The ports that they have there.
    pub ports: PortRange,
    /// How many of them one host may have, of each protocol; 1 or more.
    pub per_host: usize,
    /// Who may speak to one of them.
    pub filtering: Filtering,
}

/// Whether a public address lies behind another NAT (RFC 1918, RFC 6598): several lines may then have the same.
#[must_use]
pub fn is_behind_nat(public: Ipv4Addr) -> bool {
    let [first, second, ..] = public.octets();
    public.is_private() || first == 100 && second & 0xc0 == 64
}

/// The external end of a single IPv6 host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum External6 {
    /// This address, whatever the line has.
    Fixed(Ipv6Addr),
    /// These bits behind the prefix that the WAN follows; they lie behind `inside` of its [`Nptv6`].
    Behind(Ipv6Addr),
    /// The link's own address, whichever that is.
    Interface,
}

impl External6 {
    /// `bits` behind `prefix`; `None` where they reach into it.
    #[must_use]
    pub fn behind(prefix: Ipv6Net, bits: Ipv6Addr) -> Option<Ipv6Addr> {
        let (network, mask) = (prefix.network().to_bits(), prefix.netmask().to_bits());
        (bits.to_bits() & mask == 0).then(|| Ipv6Addr::from_bits(network | bits.to_bits()))
    }
}

/// Bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `None`: the default list, which leaves documentation ranges alone.
    pub martians: Option<Vec<IpNet>>,
    /// Flows in the table.
    pub flows: usize,
    /// Of them, those that one source may have: an inside host, or outside a /24 or /64.
    pub flows_per_source: usize,
    /// ICMP errors a second that each worker sends towards either side; 0 for none.
    pub icmp_errors: u32,
}

/// Threads and seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Workers {
    /// `None`: as many as pay off on this machine.
    pub threads: Option<usize>,
    /// Of the rendezvous hash.
    pub seed: u64,
}

/// The control socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// Absolute path, at most 107 bytes.
    pub socket: PathBuf,
    /// Group that may use it; `None`: root alone.
    pub group: Option<String>,
}

/// Logging, to standard error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// One JSON object per line instead of text.
    pub json: bool,
    /// `error`, `warn`, `info`, `debug`, `trace`.
    pub level: String,
}

impl Default for Control {
    fn default() -> Self {
        Self { socket: PathBuf::from("/run/flowpin/control.sock"), group: None }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { json: false, level: "info".to_owned() }
    }
}

impl Wan {
    /// Whether its IPv6 prefix comes and goes with its line.
    #[must_use]
    pub fn follows_prefix(&self) -> bool {
        self.nptv6.is_some_and(|npt| npt.outside.is_none())
    }

    /// Whether it translates to its link's own IPv4 address.
    #[must_use]
    pub fn follows_address(&self) -> bool {
        self.nat44_interface.is_some() || self.masquerade.is_some()
    }

    /// The external and inside hosts that this WAN has whatever its link has.
    pub fn fixed_inbound6(&self) -> impl Iterator<Item = (Ipv6Addr, Ipv6Addr)> + '_ {
        self.inbound6.iter().filter_map(|(external, inside)| match external {
            External6::Fixed(external) => Some((*external, *inside)),
            External6::Behind(_) | External6::Interface => None,
        })
    }

    /// The inside host behind the link's own IPv6 address.
    #[must_use]
    pub fn inbound6_interface(&self) -> Option<Ipv6Addr> {
        self.inbound6.iter().find(|(external, _)| *external == External6::Interface).map(|(_, inside)| *inside)
    }

    /// Whether packets of this family can be translated here.
    #[must_use]
    pub fn carries(&self, family: Family) -> bool {
        match family {
            Family::V4 => !self.nat44.is_empty() || self.follows_address(),
            Family::V6 => self.nptv6.is_some() || !self.inbound6.is_empty(),
        }
    }

    /// Every public address and prefix that this WAN has whatever its link has.
    #[must_use]
    pub fn fixed(&self) -> Vec<IpNet> {
        let nat44 = self.nat44.iter().map(|(_, public)| IpNet::from(IpAddr::V4(*public)));
        let npt = self.nptv6.iter().filter_map(|npt| npt.outside).map(IpNet::V6);
        let hosts = self.fixed_inbound6().map(|(external, _)| IpNet::from(IpAddr::V6(external)));
        nat44.chain(npt).chain(hosts).collect()
    }
}
