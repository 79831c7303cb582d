//! 1:1 NAT44 (RFC 3022 §4.1 Basic NAT): a bijection between inside and public IPv4 addresses, and beside it one inside
//! host whose public address comes and goes. Must never know: packets.

use crate::plane::lease::{self, Lease, Leased};
use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

/// One WAN's map. Clones share what it holds.
#[derive(Clone, Debug, Default)]
pub struct Nat44Map {
    pairs: Arc<Pairs>,
    dynamic: Option<Arc<Dynamic>>,
}

/// Both directions of the bijection.
#[derive(Debug, Default)]
struct Pairs {
    outbound: HashMap<Ipv4Addr, Ipv4Addr, foldhash::fast::FixedState>,
    inbound: HashMap<Ipv4Addr, Ipv4Addr, foldhash::fast::FixedState>,
}

/// One inside host behind whatever address the link has.
#[derive(Debug)]
struct Dynamic {
    inside: Ipv4Addr,
    /// The current one first.
    publics: Vec<Leased<Ipv4Addr>>,
}

impl Nat44Map {
    /// A map from (inside, public) pairs. The caller guarantees that no address repeats.
    #[must_use]
    pub fn new(pairs: &[(Ipv4Addr, Ipv4Addr)]) -> Self {
        let pairs = Pairs {
            outbound: pairs.iter().copied().collect(),
            inbound: pairs.iter().map(|(inside, public)| (*public, *inside)).collect(),
        };
        Self { pairs: Arc::new(pairs), dynamic: None }
    }

    /// The same, and `inside` behind `publics`, the current one first. The caller guarantees that none of these is in a
    /// pair.
    #[must_use]
    pub fn with_dynamic(&self, inside: Ipv4Addr, publics: Vec<Leased<Ipv4Addr>>) -> Self {
        Self { pairs: Arc::clone(&self.pairs), dynamic: Some(Arc::new(Dynamic { inside, publics })) }
    }

    /// For tests: whether both hold the same pairs in the same place.
    #[cfg(test)]
    #[must_use]
    pub fn shares(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.pairs, &other.pairs)
    }

    /// The public address of an inside one: of several that of `lease`, or the current one.
    #[must_use]
    pub fn public_of(&self, inside: Ipv4Addr, lease: Option<Lease>) -> Option<(Ipv4Addr, Lease)> {
        if let Some(public) = self.pairs.outbound.get(&inside) {
            return Some((*public, Lease::FIXED));
        }
        let dynamic = self.dynamic.as_ref().filter(|dynamic| dynamic.inside == inside)?;
        lease::pick(&dynamic.publics, lease).map(|it| (it.held, it.lease))
    }

    /// The inside address of a public one, and which of that host's this is.
    #[must_use]
    #[inline]
    pub fn inside_of(&self, public: Ipv4Addr) -> Option<(Ipv4Addr, Lease)> {
        if let Some(inside) = self.pairs.inbound.get(&public) {
            return Some((*inside, Lease::FIXED));
        }
        let dynamic = self.dynamic.as_ref()?;
        dynamic.publics.iter().find(|it| it.held == public).map(|it| (dynamic.inside, it.lease))
    }

    /// All public addresses, in no particular order.
    pub fn publics(&self) -> impl Iterator<Item = Ipv4Addr> + '_ {
        self.pairs.inbound.keys().copied().chain(self.leases().iter().map(|it| it.held))
    }

    /// The public addresses that come and go, the current one first.
    #[must_use]
    pub fn leases(&self) -> &[Leased<Ipv4Addr>] {
        self.dynamic.as_ref().map_or(&[], |dynamic| &dynamic.publics)
    }

    /// The public address that the router itself may speak from: always the same while the map is.
    #[must_use]
    pub fn source(&self) -> Option<Ipv4Addr> {
        self.pairs.inbound.keys().min().copied().or_else(|| self.leases().first().map(|it| it.held))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_behind_changing_addresses_has_the_current_one_unless_an_older_is_asked_for() {
        let ip = |text: &str| text.parse::<Ipv4Addr>().unwrap();
        let leased = |lease, held| Leased { lease: Lease(lease), since: 1, held: ip(held) };
        let publics = vec![leased(2, "192.0.2.9"), leased(1, "192.0.2.8")];
        let map = Nat44Map::new(&[(ip("10.0.0.2"), ip("192.0.2.2"))]).with_dynamic(ip("10.0.0.3"), publics);
        assert_eq!(map.public_of(ip("10.0.0.3"), None), Some((ip("192.0.2.9"), Lease(2))));
        assert_eq!(map.public_of(ip("10.0.0.3"), Some(Lease(1))), Some((ip("192.0.2.8"), Lease(1))));
        assert_eq!(map.public_of(ip("10.0.0.3"), Some(Lease(3))), None, "it is gone");
        assert_eq!(map.public_of(ip("10.0.0.2"), Some(Lease(1))), Some((ip("192.0.2.2"), Lease::FIXED)));
        assert_eq!(map.inside_of(ip("192.0.2.8")), Some((ip("10.0.0.3"), Lease(1))));
        assert_eq!((map.publics().count(), map.source()), (3, Some(ip("192.0.2.2"))));
        let alone = Nat44Map::default().with_dynamic(ip("10.0.0.3"), vec![leased(2, "192.0.2.9")]);
        assert_eq!(alone.source(), Some(ip("192.0.2.9")));
    }
}
