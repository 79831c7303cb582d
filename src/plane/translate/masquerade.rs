//! Masquerade: the inside hosts that a WAN has no address for share one, each with ports of its own there (mapping.rs knows
//! whose is which). Must never know: packets, who has which port.

use crate::plane::lease::{self, Lease, Leased};
use crate::types::{Filtering, PortRange};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// What the hosts of one WAN share. Clones share what it holds.
#[derive(Clone, Debug)]
pub struct Masquerade {
    /// The ports that they have there; all others are the kernel's.
    pub ports: PortRange,
    /// How many of them one inside host may have, of each protocol.
    pub per_host: usize,
    /// Who may speak to one of them.
    pub filtering: Filtering,
    /// The addresses, the current one first.
    publics: Arc<[Leased<Ipv4Addr>]>,
}

impl Masquerade {
    /// Without an address, so far.
    #[must_use]
    pub fn new(ports: PortRange, per_host: usize, filtering: Filtering) -> Self {
        Self { ports, per_host, filtering, publics: [].into() }
    }

    /// The same behind these addresses, the current one first.
    #[must_use]
    pub fn with(&self, publics: impl IntoIterator<Item = Leased<Ipv4Addr>>) -> Self {
        Self { publics: publics.into_iter().collect(), ..*self }
    }

    /// The address: of several that of `lease`, or the current one.
    #[must_use]
    pub fn public(&self, lease: Option<Lease>) -> Option<(Ipv4Addr, Lease)> {
        lease::pick(&self.publics, lease).map(|it| (it.held, it.lease))
    }

    /// Which of the addresses this is.
    #[must_use]
    #[inline]
    pub fn lease_of(&self, public: IpAddr) -> Option<Lease> {
        self.publics.iter().find(|it| IpAddr::V4(it.held) == public).map(|it| it.lease)
    }

    /// The addresses, the current one first.
    #[must_use]
    pub fn leases(&self) -> &[Leased<Ipv4Addr>] {
        &self.publics
    }
}
