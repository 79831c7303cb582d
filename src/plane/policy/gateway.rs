//! The routers that lead out of a WAN, best first. Must never know: which of them answers (neighbor/prober.rs).

use std::net::IpAddr;
use std::sync::Arc;

/// Gateways of one WAN and family at the most; what is worse is left out.
pub const MOST_GATEWAYS: usize = 8;

/// A router that leads out of a WAN.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Gateway {
    /// Where it is on the link; for IPv4 an IPv6 address, where the kernel reaches it so (RFC 5549).
    pub address: IpAddr,
    /// Why the WAN has it, and has it in this place, for people.
    pub why: Arc<str>,
    /// Its route is gone, and was there a moment ago: it is used until another answers.
    pub has_lapsed: bool,
}

impl Gateway {
    /// One that is there for this reason.
    #[must_use]
    pub fn new(address: impl Into<IpAddr>, why: impl Into<Arc<str>>) -> Self {
        Self { address: address.into(), why: why.into(), has_lapsed: false }
    }

    /// The gateways of a family that has no other.
    #[must_use]
    pub fn only(address: impl Into<IpAddr>) -> Arc<[Self]> {
        [Self::new(address, "configured")].into()
    }
}
