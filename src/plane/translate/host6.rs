//! IPv6 hosts with external addresses of their own, which go before the prefix translation: such as the configuration
//! names, and such as follow what the line has. Must never know: packets.

use crate::plane::lease::{Lease, Leased};
use std::net::Ipv6Addr;
use std::sync::Arc;

/// An external address, and the inside host behind it.
pub type HostPair = (Ipv6Addr, Ipv6Addr);

/// One WAN's map. Clones share what it holds.
#[derive(Clone, Debug, Default)]
pub struct HostMap6 {
    pairs: Arc<[Leased<HostPair>]>,
}

impl HostMap6 {
    /// A map of what the configuration names. The caller guarantees that no address repeats.
    #[must_use]
    pub fn new(pairs: &[HostPair]) -> Self {
        Self { pairs: pairs.iter().copied().map(Leased::fixed).collect() }
    }

    /// The same fixed pairs and, behind them, `pairs` that come and go, of each inside host the current one first. The
    /// caller guarantees that no external address repeats.
    #[must_use]
    pub fn with_leased(&self, pairs: impl IntoIterator<Item = Leased<HostPair>>) -> Self {
        let fixed = self.pairs.iter().copied().filter(|it| it.lease == Lease::FIXED);
        Self { pairs: fixed.chain(pairs).collect() }
    }

    /// The external address of an inside host: of several that of `lease`, or the current one.
    #[must_use]
    pub fn external_of(&self, inside: Ipv6Addr, lease: Option<Lease>) -> Option<(Ipv6Addr, Lease)> {
        let its = self.pairs.iter().filter(|it| it.held.1 == inside);
        let it = its.into_iter().find(|it| lease.is_none_or(|lease| it.lease == lease))?;
        Some((it.held.0, it.lease))
    }

    /// The inside host behind an external address.
    #[must_use]
    pub fn inside_of(&self, external: Ipv6Addr) -> Option<(Ipv6Addr, Lease)> {
        self.pairs.iter().find(|it| it.held.0 == external).map(|it| (it.held.1, it.lease))
    }

    /// All external addresses.
    pub fn externals(&self) -> impl Iterator<Item = Ipv6Addr> + '_ {
        self.pairs.iter().map(|it| it.held.0)
    }

    /// The numbers of what comes and goes, each with the epoch since which it means that.
    pub fn leases(&self) -> impl Iterator<Item = (Lease, u32)> + '_ {
        self.pairs.iter().filter(|it| it.lease != Lease::FIXED).map(|it| (it.lease, it.since))
    }

    /// Whether a flow that had `lease` when it was proved, at `epoch`, still has that.
    #[must_use]
    pub fn has_lease(&self, lease: Lease, epoch: u32) -> bool {
        self.pairs.iter().any(|it| it.is(lease, epoch))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_behind_changing_addresses_has_the_current_one_unless_an_older_is_asked_for() {
        let ip = |text: &str| text.parse::<Ipv6Addr>().unwrap();
        let (fixed, moving) = (ip("fd00:1::2"), ip("fd00:1::3"));
        let leased = |lease, external| Leased { lease: Lease(lease), since: 5, held: (ip(external), moving) };
        let map = HostMap6::new(&[(ip("2001:db8:a::2"), fixed)]);
        let map = map.with_leased([leased(2, "2001:db8:b::1"), leased(1, "2001:db8:a::1")]);
        assert_eq!(map.external_of(fixed, None), Some((ip("2001:db8:a::2"), Lease::FIXED)));
        assert_eq!(map.external_of(moving, None), Some((ip("2001:db8:b::1"), Lease(2))));
        assert_eq!(map.external_of(moving, Some(Lease(1))), Some((ip("2001:db8:a::1"), Lease(1))));
        assert_eq!(map.external_of(moving, Some(Lease(3))), None, "it is gone");
        assert_eq!(map.inside_of(ip("2001:db8:a::1")), Some((moving, Lease(1))));
        assert_eq!(map.inside_of(ip("2001:db8:a::2")), Some((fixed, Lease::FIXED)));
        assert!(map.has_lease(Lease(2), 5) && !map.has_lease(Lease(2), 4));
        let anew = map.with_leased([leased(3, "2001:db8:c::1")]);
        assert_eq!(anew.externals().collect::<Vec<_>>(), [ip("2001:db8:a::2"), ip("2001:db8:c::1")]);
    }
}
