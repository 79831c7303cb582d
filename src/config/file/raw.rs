//! The raw configuration: what the file says, key by key, each value with its place. It stands between the text and the
//! `Settings` that it means. A value that is `None` was left out, or was wrong and is reported. Must never know: TOML.

use super::reader::Spanned;
use crate::config::diagnostics::Span;
use crate::config::settings::{
    self, Control, External6, HealthProbe, Limits, Log, Masquerade, Mtu, OnLink, OnStop, Thresholds, Workers,
};
use crate::types::{Balance, Mac, NptMode, OnUp, Remedies, Timeouts};
use ipnet::{IpNet, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The whole file.
#[derive(Debug)]
pub(super) struct RawConfig {
    pub(super) downstream: Downstream,
    pub(super) wans: Vec<Wan>,
    pub(super) balance: Balance,
    pub(super) last_resort: bool,
    pub(super) traffic_evidence: Option<bool>,
    pub(super) limits: Limits,
    /// The prefixes of `limits.martians`.
    pub(super) martians: Vec<Spanned<IpNet>>,
    pub(super) timeouts: Timeouts,
    pub(super) workers: Workers,
    pub(super) control: Control,
    pub(super) log: Log,
    pub(super) hooks: Vec<String>,
}

/// `[downstream]`
#[derive(Debug, Default)]
pub(super) struct Downstream {
    pub(super) interface: Option<Spanned<String>>,
    /// Whether the key is there, good or not.
    pub(super) has_interface: bool,
    pub(super) tun: Option<Spanned<String>>,
    pub(super) mtu: Option<Spanned<u16>>,
    pub(super) addresses: Vec<Spanned<IpNet>>,
    pub(super) prefixes: Vec<Spanned<IpNet>>,
    /// Whether each prefix was good: else nothing can be said about what lies outside them.
    pub(super) prefixes_known: bool,
    pub(super) local: Vec<Spanned<IpNet>>,
    /// Whether `local` says "connected".
    pub(super) connected: bool,
    /// Where `local` stands, good or not.
    pub(super) local_at: Option<Span>,
    pub(super) on_stop: OnStop,
    pub(super) next_hop4: Option<Spanned<Ipv4Addr>>,
    pub(super) next_hop6: Option<Spanned<Ipv6Addr>>,
}

/// `[[wan]]`
#[derive(Debug)]
pub(super) struct Wan {
    /// Its header.
    pub(super) at: Span,
    pub(super) name: Option<Spanned<String>>,
    pub(super) interface: Option<Spanned<String>>,
    pub(super) vlan: Option<Spanned<u16>>,
    pub(super) weight: u32,
    pub(super) tier: u8,
    pub(super) mtu: Spanned<Mtu>,
    pub(super) mtu_targets: Vec<Spanned<IpAddr>>,
    pub(super) gateway4: Option<Spanned<Ipv4Addr>>,
    pub(super) gateway6: Option<Spanned<Ipv6Addr>>,
    /// By `Family`.
    pub(super) gateway_macs: [Option<Spanned<Mac>>; 2],
    pub(super) on_link: OnLink,
    /// By `Family`.
    pub(super) sources: [Option<Spanned<IpAddr>>; 2],
    /// Inside and public address.
    pub(super) nat44: Vec<(Spanned<Ipv4Addr>, Spanned<Ipv4Addr>)>,
    /// Inside addresses that are to have the link's own.
    pub(super) nat44_interface: Vec<Spanned<Ipv4Addr>>,
    pub(super) masquerade: Option<Spanned<Masquerade>>,
    pub(super) nptv6: Option<Nptv6>,
    /// External and inside host.
    pub(super) inbound6: Vec<(Spanned<External6>, Spanned<Ipv6Addr>)>,
    pub(super) thresholds: Thresholds,
    pub(super) on_soft_down: Remedies,
    pub(super) on_hard_down: Remedies,
    pub(super) silence: Option<u32>,
    pub(super) on_up: OnUp,
    /// Whether a mapping of any kind was said, good or not.
    pub(super) translates: bool,
    pub(super) health: Health,
}

impl Wan {
    /// How messages call it.
    pub(super) fn label(&self) -> String {
        self.name.as_ref().map_or_else(|| "without a name".to_owned(), |name| format!("`{}`", name.value))
    }
}

/// `[wan.health]`
#[derive(Debug)]
pub(super) struct Health {
    pub(super) probes: Vec<Spanned<HealthProbe>>,
    /// Milliseconds.
    pub(super) interval: u32,
    /// Milliseconds.
    pub(super) timeout: u32,
}

impl Default for Health {
    fn default() -> Self {
        let settings::Health { interval, timeout, .. } = settings::Health::default();
        Self { probes: Vec::new(), interval, timeout }
    }
}

/// `[wan.nptv6]`
#[derive(Debug)]
pub(super) struct Nptv6 {
    pub(super) inside: Option<Spanned<Ipv6Net>>,
    /// Also `None` for "auto".
    pub(super) outside: Option<Spanned<Ipv6Net>>,
    pub(super) mode: NptMode,
}
