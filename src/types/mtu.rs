//! What somebody beside the link says of the size of packets on it.

use std::fmt;

/// A bound for packets of one family on a link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ToldMtu {
    /// Bytes of the largest IP packet.
    pub bytes: u16,
    /// Whose word it is.
    pub by: MtuTeller,
}

/// Who says how large packets may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MtuTeller {
    /// A router advertisement (RFC 4861 §4.6.4), or the kernel's `net.ipv6.conf.LINK.mtu`, which it sets.
    Advertisement,
    /// The metric of the kernel's default route over the link (`RTAX_MTU`).
    Route,
}

/// The MTU that every IPv6 link has at the least (RFC 8200 §5), in bytes.
pub const LEAST_MTU6: u16 = 1280;

impl fmt::Display for MtuTeller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Advertisement => "advertisement",
            Self::Route => "route",
        })
    }
}
