//! An address that the kernel has on a link, with what a choice among several depends on (plane/policy/source.rs).

use ipnet::IpNet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address that the kernel has on a link.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct LinkAddress {
    /// The address.
    pub address: IpAddr,
    /// The hosts that are on the link by it, truncated to its length: its own subnet, or on a point-to-point link the
    /// peer's.
    pub network: IpNet,
    /// How far it means the same host.
    pub scope: Scope,
    /// Whether it may be used.
    pub state: AddressState,
    /// Made for privacy, for some hours (RFC 8981).
    pub temporary: bool,
    /// A default route over the link names it as source.
    pub named: bool,
}

/// Whether an address may be used as a source (RFC 4862 §2, §5.5.4).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum AddressState {
    /// Not yet: duplicate address detection is not over.
    Tentative,
    /// Only where there is no other, or for what began with it.
    Deprecated,
    /// Yes.
    Preferred,
}

/// The scope of an address, as a number of RFC 4291 §2.7: the larger, the farther it reaches.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Scope(pub u8);

impl Scope {
    /// The link.
    pub const LINK: Self = Self(2);
    /// The site, which RFC 3879 took out of use.
    pub const SITE: Self = Self(5);
    /// The Internet.
    pub const GLOBAL: Self = Self(14);

    /// The scope of an address by itself (RFC 6724 §3.1, §3.2). Unique local and private addresses are global.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) if v4.is_link_local() || v4.is_loopback() => Self::LINK,
            IpAddr::V4(_) => Self::GLOBAL,
            IpAddr::V6(v6) if v6.is_multicast() => Self(v6.octets()[1] & 0xf),
            IpAddr::V6(v6) if v6.is_unicast_link_local() || v6.is_loopback() => Self::LINK,
            // fec0::/10 (RFC 3513 §2.5.6).
            IpAddr::V6(v6) if v6.segments()[0] & 0xffc0 == 0xfec0 => Self::SITE,
            IpAddr::V6(_) => Self::GLOBAL,
        }
    }
}

impl From<IpNet> for LinkAddress {
    /// A preferred address in its subnet.
    fn from(net: IpNet) -> Self {
        Self {
            address: net.addr(),
            network: net.trunc(),
            scope: Scope::of(net.addr()),
            state: AddressState::Preferred,
            temporary: false,
            named: false,
        }
    }
}

impl LinkAddress {
    /// The address with the length of its subnet.
    #[must_use]
    pub fn net(&self) -> IpNet {
        IpNet::new(self.address, self.network.prefix_len()).unwrap_or(self.network)
    }

    /// The address, if it is IPv4.
    #[must_use]
    pub fn v4(&self) -> Option<Ipv4Addr> {
        if let IpAddr::V4(v4) = self.address { Some(v4) } else { None }
    }

    /// The address, if it is IPv6.
    #[must_use]
    pub fn v6(&self) -> Option<Ipv6Addr> {
        if let IpAddr::V6(v6) = self.address { Some(v6) } else { None }
    }
}

impl fmt::Display for LinkAddress {
    /// As `192.0.2.2/29`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.net())
    }
}

#[cfg(test)]
impl std::str::FromStr for LinkAddress {
    type Err = std::net::AddrParseError;

    /// `192.0.2.2/29`; without a length a subnet of its own, or of 64 bits if it is link-local.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(net) = text.parse::<IpNet>() {
            return Ok(net.into());
        }
        let address: IpAddr = text.parse()?;
        let is_link_local = matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local());
        let net = if is_link_local { IpNet::new_assert(address, 64) } else { address.into() };
        Ok(net.into())
    }
}
