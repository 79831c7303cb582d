//! One translation as a value: what becomes of one end of a packet. It is looked up in choose/address.rs and carried out
//! by rewrite.rs. Must never know: policy, flow.

use crate::plane::lease::{Binding, Lease};
use crate::types::WanId;
use std::net::IpAddr;
use std::num::NonZeroU16;

/// What one end of a packet becomes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mapped {
    /// Its address.
    pub address: IpAddr,
    /// Its port, or identifier of an ICMP query; `None`: it stays.
    pub port: Option<u16>,
    /// The change of address does not show in a transport checksum (RFC 6296 §3.1): no byte behind the IP header changes
    /// for it.
    pub neutral: bool,
    /// Which of the WAN's public addresses is in use.
    pub lease: Lease,
    /// Others share the address: nothing has it without a port of its own there.
    pub shared: bool,
}

impl Mapped {
    /// Another address, which the configuration names, and the same port.
    #[must_use]
    pub fn fixed(address: impl Into<IpAddr>) -> Self {
        Self { address: address.into(), port: None, neutral: false, lease: Lease::FIXED, shared: false }
    }

    /// What the flow of a packet whose inside end is mapped so on `wan` is bound to, if a gateway leads to its remote.
    #[must_use]
    pub fn binding(&self, wan: WanId) -> Binding {
        Binding { lease: self.lease, port: self.port.and_then(NonZeroU16::new), ..Binding::from(wan) }
    }
}
