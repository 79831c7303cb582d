//! IPv4 and IPv6, where something is asked or kept for each of the two.

use std::fmt;
use std::net::IpAddr;

/// An address family. Each WAN is judged in both, apart.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "ipv4",
            Self::V6 => "ipv6",
        })
    }
}

impl Family {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// Position in any per-family pair.
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }

    /// That of an address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    /// Whether this is IPv4.
    #[must_use]
    pub fn is_v4(self) -> bool {
        self == Self::V4
    }
}
