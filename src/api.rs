//! Control-socket messages as plain data, shared by the service that answers and the commands that ask.
//! HTTP/1.1 over the Unix socket: `GET /v1/status` gives [`Status`], `GET /v1/flows?…` gives [`Flows`],
//! `POST /v1/wan` takes a [`WanCommand`], `POST /v1/wan/prefix` a [`PrefixCommand`]; `POST /v1/down` ends
//! the service.
//! Must never know: tokio, sockets, the plane's types.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The state of the service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The program's version.
    pub version: String,
    /// Process id.
    pub pid: u32,
    /// Seconds since readiness.
    pub uptime_seconds: u64,
    /// The file in force.
    pub config: String,
    /// Epoch of the policy in force.
    pub epoch: u32,
    /// Worker threads.
    pub workers: usize,
    /// The firewall's side.
    pub downstream: Downstream,
    /// What flowpin made in the kernel.
    pub kernel_side: KernelSide,
    /// One entry per WAN, in the order of the file.
    pub wans: Vec<Wan>,
    /// The flow table.
    pub table: Table,
    /// Dropped packets by direction (`outbound`, `inbound`), then by reason; zeros left out.
    pub drops: BTreeMap<String, BTreeMap<String, u64>>,
    /// What else happened, such as `answered` or `hairpinned`, and how often; zeros left out.
    pub events: BTreeMap<String, u64>,
    /// Frames that a port lost or could not send, by name; zeros left out.
    pub ports: BTreeMap<String, u64>,
}

/// The firewall's side.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Downstream {
    /// The kernel link of the firewall, if flowpin manages its routes.
    pub interface: Option<String>,
    /// The TUN device.
    pub tun: String,
    /// Bytes of the largest packet that reaches inside hosts.
    pub mtu: u16,
    /// Offloads that the kernel granted on the TUN.
    pub offloads: Vec<String>,
}

/// What flowpin made in the kernel: policy rules, routes, switches, nftables tables.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelSide {
    /// What is not as it must be and cannot be mended now, as sentences; empty: it is whole.
    pub amiss: Vec<String>,
    /// How often it was mended after somebody else had changed it.
    pub mended: u64,
    /// What was mended last, and who had changed it where that is known; empty if nothing ever was.
    pub last_mended: String,
}

/// One WAN.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wan {
    /// Name in the configuration.
    pub name: String,
    /// Its link, as the configuration calls it.
    pub interface: String,
    /// The link as the kernel calls it, which differs where `interface` is another name of it (altname); empty while there is none.
    pub link: String,
    /// 802.1Q tag.
    pub vlan: Option<u16>,
    /// `absent`, `unusable`, `link-down`, `no-gateway`, `no-address`, `probing`, `up`, `degraded`, `down` or `drained`; where the families differ,
    /// both as in `ipv4 up, ipv6 no-gateway`.
    pub state: String,
    /// How it is in each family that it carries, IPv4 first.
    pub health: Vec<Health>,
    /// Lower is preferred.
    pub tier: u8,
    /// Share inside the tier.
    pub weight: u32,
    /// Bytes of the largest packet as far as link and configuration go.
    pub mtu: u16,
    /// Where it is from: `link`, `configured`, or `probe` when the path may narrow it further.
    pub mtu_source: String,
    /// The largest packet of each family that it carries, and what sets that.
    #[serde(default)]
    pub mtus: Vec<FamilyMtu>,
    /// What was found of the paths behind the link; the families that are probed, IPv4 first.
    pub paths: Vec<Path>,
    /// What routers have said of the paths to single remotes, by remote.
    pub remembered: Vec<Remembered>,
    /// Own MAC.
    pub mac: String,
    /// The kernel's addresses on the link: IPv4 with its prefix length, then IPv6.
    pub addresses: Vec<String>,
    /// Which addresses were chosen, and why.
    #[serde(default)]
    pub sources: Vec<Source>,
    /// Gateways with their MACs, IPv4 first.
    pub gateways: Vec<Gateway>,
    /// Networks of the link whose hosts are sent to without a gateway.
    #[serde(default)]
    pub direct: Vec<String>,
    /// Public addresses and prefixes.
    pub owned: Vec<String>,
    /// Those of them that come and go: IPv4 first, in each family the current one first.
    #[serde(default)]
    pub leases: Vec<Lease>,
    /// What works on its link within limits only, each a sentence.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Flows pinned here.
    pub flows: u64,
    /// Inside to this WAN.
    pub outbound: Traffic,
    /// This WAN to inside.
    pub inbound: Traffic,
    /// How much went out lately.
    pub outbound_rate: Rate,
    /// How much came in lately.
    pub inbound_rate: Rate,
}

/// How a WAN is in one family.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// `ipv4` or `ipv6`.
    pub family: String,
    /// One of the states of [`Wan`].
    pub state: String,
    /// Seconds since it became so.
    pub since_seconds: u64,
    /// Why, as a sentence.
    pub reason: String,
    /// The probes say that it is down, and real traffic says that it is not.
    pub vetoed: bool,
    /// The probes of this family.
    pub probes: Vec<Probe>,
}

/// A probe: its last outcome, and its window.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// What it asks whom, such as `icmp 203.0.113.10`.
    pub name: String,
    /// `passed`, or why it failed; `None` before the first has ended.
    pub last: Option<String>,
    /// Microseconds of the last round trip, if it passed.
    pub round_trip_us: Option<u64>,
    /// Outcomes in the window.
    pub outcomes: u64,
    /// Those of them that failed.
    pub lost: u64,
    /// Microseconds of the mean round trip in the window; 0 if none passed.
    pub mean_us: u64,
    /// Microseconds between one round trip and the next, on average.
    pub jitter_us: u64,
}

/// What became of a WAN, or of its public address, in one family: what `[hooks] on_event` reads, one line per run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// What it is about: `state`; `address`, when new flows take another public address or prefix; `address-ended`, when
    /// one that was not current any more is not valid any more; `kernel-side`, when it was mended, when something of it
    /// stays amiss, and when it is whole again.
    pub event: String,
    /// Milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// Name of the WAN; empty where it is about the machine.
    pub wan: String,
    /// Its kernel link.
    pub interface: String,
    /// `ipv4` or `ipv6`; empty where it is about the machine.
    pub family: String,
    /// The state that it was in, one of those of [`Wan`]; or the address or prefix that it had, empty if none.
    pub from: String,
    /// The state that it is in; or the address or prefix that it has, empty if none; or `mended`, `amiss` or `whole`.
    pub to: String,
    /// Why, as a sentence.
    pub reason: String,
    /// The same in the log; events of one cause have the same.
    pub trace: String,
}

/// A word of the operator about a WAN, for `POST /v1/wan`; the answer is the [`Wan`] as it is then.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WanCommand {
    /// Name of the WAN.
    pub wan: String,
    /// `drain`, `down`, `up` or `auto`.
    pub verb: String,
    /// Why, for those who ask `status`.
    pub reason: Option<String>,
}

/// A word about the public IPv6 prefix of a WAN, for `POST /v1/wan/prefix`; the answer is the [`Wan`] as it is then.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrefixCommand {
    /// Name of the WAN.
    pub wan: String,
    /// The prefix with its length.
    pub prefix: String,
    /// Seconds that it is valid: 0 is no more, `None` until the next one is said.
    pub valid_seconds: Option<u32>,
}

/// A public address or prefix that a WAN holds, and that comes and goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The prefix; an IPv4 address without its length.
    pub address: String,
    /// Whether new flows take it; the others keep what they have.
    pub current: bool,
    /// Why it holds, such as `on the link`.
    pub reason: String,
    /// Seconds until it ends; `None` where that is not known.
    pub valid_seconds: Option<u64>,
}

/// The largest packet of one family that leaves by a WAN.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FamilyMtu {
    /// `ipv4` or `ipv6`.
    pub family: String,
    /// Bytes.
    pub mtu: u16,
    /// The least of these: `link`, `configured`, `advertisement` (of an IPv6 router), `route` (the metric of the default
    /// route), `probe` (found on the path).
    pub source: String,
}

/// An address that was chosen among several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// `ipv4` or `ipv6`.
    pub family: String,
    /// What for: `public`, what `"interface"` stands for; `router`, what the router's own packets to the Internet carry.
    pub purpose: String,
    /// The address.
    pub address: IpAddr,
    /// What decided, such as `beside the gateway`.
    pub reason: String,
}

/// A next hop. Those of a family stand best first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gateway {
    /// `ipv4` or `ipv6`: what goes by way of it.
    pub family: String,
    /// Its address; 0.0.0.0 or :: where it is whoever is at the other end of a point-to-point link.
    pub address: IpAddr,
    /// Its MAC, once resolved.
    pub mac: Option<String>,
    /// `reachable`, `probing`, `unresolved`; `static` where its MAC is configured, `point-to-point` where it needs none, `direct` where
    /// every host is on the link.
    pub state: String,
    /// Whether it is the one that is used: the best that answers.
    pub used: bool,
    /// Where it is known from, and what gives it its rank.
    pub why: String,
}

/// The path behind a WAN, for `mtu = "probe"`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Path {
    /// `ipv4` or `ipv6`.
    pub family: String,
    /// `searching`, `found`, `no answer`.
    pub state: String,
    /// Bytes that pass; `None` while nothing has shown that the link's MTU does not.
    pub mtu: Option<u16>,
    /// Who is asked.
    pub targets: Vec<IpAddr>,
}

/// The path to one remote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// The remote.
    pub remote: IpAddr,
    /// Bytes.
    pub mtu: u16,
    /// Seconds until it is forgotten.
    pub expires_seconds: u64,
}

/// Forwarded traffic. A super-frame counts as its segments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Packets.
    pub packets: u64,
    /// IP bytes.
    pub bytes: u64,
}

/// Forwarded traffic per second, over about the last second; 0 just after the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// Packets; a super-frame counts as its segments.
    pub packets_per_second: u64,
    /// Bits of IP packets, headers and payload.
    pub bits_per_second: u64,
}

/// The flow table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Flows now.
    pub flows: u64,
    /// The bound.
    pub limit: u64,
    /// Flows ever made.
    pub created: u64,
    /// Flows ever expired.
    pub expired: u64,
    /// New flows refused because the table was full.
    pub refused: u64,
}

/// An answer of `/v1/flows`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flows {
    /// Flows that match now, in the whole table.
    pub matched: u64,
    /// The first of them behind the place that was asked for: inside address first, then remote address, protocol and
    /// ports, all as numbers, IPv4 before IPv6. A flow that is there all the while is on exactly one of the pages that
    /// follow each other.
    pub flows: Vec<Flow>,
    /// Where the next page begins: `after` of the next question. Left out on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A question to `/v1/flows`; what is left out matches everything. The answer breaks off if it is not read within 30
/// seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlowQuery {
    /// Name of the WAN.
    pub wan: Option<String>,
    /// Inside or remote address.
    pub host: Option<IpAddr>,
    /// `tcp`, `udp`, `icmp` or a number.
    pub protocol: Option<String>,
    /// Inside or remote port.
    pub port: Option<u16>,
    /// The most flows to list; 100 if left out, and 32768 whatever is asked for.
    pub limit: Option<usize>,
    /// Only flows behind this place: `next` of another answer.
    pub after: Option<String>,
}

/// One flow, seen from the inside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    /// `tcp`, `udp`, `icmp`, `icmp6` or the number.
    pub protocol: String,
    /// Inside address.
    pub inside: IpAddr,
    /// Inside port, or the ICMP identifier; 0 for other protocols.
    pub inside_port: u16,
    /// Remote address.
    pub remote: IpAddr,
    /// Remote port.
    pub remote_port: u16,
    /// The address that the remote sees.
    pub public: Option<IpAddr>,
    /// The port or identifier that the remote sees, where the inside host shares that address; `null`: its own.
    pub public_port: Option<u16>,
    /// The WAN it is pinned to.
    pub wan: String,
    /// Whether it leaves that without a gateway, to a host of its link.
    #[serde(default)]
    pub direct: bool,
    /// `outbound` or `inbound`: who spoke first.
    pub origin: String,
    /// State, such as `established`.
    pub state: String,
    /// Seconds since the first packet.
    pub age_seconds: u64,
    /// Seconds until it expires if it stays silent.
    pub expires_seconds: u64,
    /// Inside to remote.
    pub outbound: Traffic,
    /// Remote to inside.
    pub inbound: Traffic,
}
