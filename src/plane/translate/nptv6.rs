//! NPTv6 (RFC 6296): a stateless, bijective swap of IPv6 prefixes.

use ipnet::Ipv6Net;
use std::net::Ipv6Addr;

/// How the bits behind the prefix are treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// They stay; the caller updates transport checksums.
    Prefix,
    /// Checksum-neutral (RFC 6296 §3.1): one word absorbs the difference; no byte behind the IPv6 header changes.
    Rfc6296,
}

/// One WAN's translator.
#[derive(Clone, Copy, Debug)]
pub struct Translator {
    inside: Ipv6Net,
    outside: Ipv6Net,
    mode: Mode,
}

/// Why an address cannot be mapped; says which ICMPv6 error its sender gets (RFC 6296 §3.2, §3.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmappable {
    /// Outside the prefix: not this translator's.
    NotOurs,
    /// Destination unreachable.
    NoWord,
    /// Parameter problem.
    ZeroIdentifier,
}

impl Translator {
    /// A translator between two prefixes.
    #[must_use]
    pub fn new(inside: Ipv6Net, outside: Ipv6Net, mode: Mode) -> Self {
        Self { inside, outside, mode }
    }

    /// The public prefix.
    #[must_use]
    pub fn outside(&self) -> Ipv6Net {
        self.outside
    }

    /// The inside prefix.
    #[must_use]
    pub fn inside(&self) -> Ipv6Net {
        self.inside
    }

    /// Whether transport checksums stay as they are.
    #[must_use]
    pub fn is_neutral(&self) -> bool {
        self.mode == Mode::Rfc6296
    }

    /// The public form of an inside address.
    ///
    /// # Errors
    /// The address cannot be mapped.
    pub fn outbound(&self, _inside: Ipv6Addr) -> Result<Ipv6Addr, Unmappable> {
        Err(Unmappable::NotOurs)
    }

    /// The inside form of a public address.
    ///
    /// # Errors
    /// The address cannot be mapped.
    pub fn inbound(&self, _public: Ipv6Addr) -> Result<Ipv6Addr, Unmappable> {
        Err(Unmappable::NotOurs)
    }
}
