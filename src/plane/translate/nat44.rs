//! 1:1 NAT44 (RFC 3022 §4.1 Basic NAT): a bijection between inside and public IPv4 addresses.

use std::collections::HashMap;
use std::net::Ipv4Addr;

/// Both directions of one WAN's map.
#[derive(Clone, Debug, Default)]
pub struct Nat44Map {
    outbound: HashMap<Ipv4Addr, Ipv4Addr, foldhash::fast::FixedState>,
    inbound: HashMap<Ipv4Addr, Ipv4Addr, foldhash::fast::FixedState>,
}

impl Nat44Map {
    /// A map from (inside, public) pairs. The caller guarantees that no address repeats.
    #[must_use]
    pub fn new(pairs: &[(Ipv4Addr, Ipv4Addr)]) -> Self {
        Self {
            outbound: pairs.iter().copied().collect(),
            inbound: pairs.iter().map(|(inside, public)| (*public, *inside)).collect(),
        }
    }

    /// The public address of an inside one.
    #[must_use]
    pub fn public_of(&self, inside: Ipv4Addr) -> Option<Ipv4Addr> {
        self.outbound.get(&inside).copied()
    }

    /// The inside address of a public one.
    #[must_use]
    pub fn inside_of(&self, public: Ipv4Addr) -> Option<Ipv4Addr> {
        self.inbound.get(&public).copied()
    }

    /// All public addresses, in no particular order.
    pub fn publics(&self) -> impl Iterator<Item = Ipv4Addr> + '_ {
        self.inbound.keys().copied()
    }
}
