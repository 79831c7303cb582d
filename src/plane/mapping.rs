//! Public ports that inside ends have at an address which they share (NAPT, RFC 4787 §2, RFC 5382, RFC 5508 §3): which end has
//! which port, and for how long. Bounded by the number of ports, shared by the workers.
//! Must never know: policy, flow keys, clocks.
//!
//! An inside end (address and port, or identifier of an ICMP query) has one port for all of its remotes (RFC 4787 REQ-1, RFC
//! 5382 REQ-1), and no two inside ends share one (REQ-3, RFC 5382 REQ-7). What is known of a port is one word, so that a
//! packet from outside finds the inside end by an index; new flows alone take a lock.
//!
//! A mapping lives while a flow has it, and these are refreshed from inside alone (REQ-6, see flow/record.rs). So the times of
//! RFC 4787 REQ-5, RFC 5382 REQ-5 and RFC 5508 REQ-2 are those of the flows, and a port rests after a TCP connection as long as
//! that is remembered.

mod free;
mod inside_end;
mod ports;

pub use inside_end::InsideEnd;
pub use ports::Exhausted;

use crate::plane::keyed::Keyed;
use crate::plane::lease::Binding;
use crate::plane::packet::numbers::protocol;
use crate::types::{MAX_WANS, PortRange, WanId};
use ports::Ports;
use std::net::Ipv4Addr;
use std::num::NonZeroU16;
use std::sync::OnceLock;

/// Protocols whose ports are told apart: a mapping of one admits no other (RFC 7857 §6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP queries, by their identifiers.
    Query,
}

impl Class {
    /// Every class, in the order of its discriminant.
    pub const ALL: [Self; 3] = [Self::Tcp, Self::Udp, Self::Query];

    /// That of an IPv4 protocol; `None` where it has no ports that could be changed.
    #[must_use]
    pub fn of(number: u8) -> Option<Self> {
        match number {
            protocol::TCP => Some(Self::Tcp),
            protocol::UDP => Some(Self::Udp),
            protocol::ICMP => Some(Self::Query),
            _ => None,
        }
    }
}

/// The ports that the inside ends of one WAN may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Space {
    /// They.
    pub ports: PortRange,
    /// How many of them one inside host may have.
    pub per_host: usize,
    /// Whether it matters which remotes each has spoken to.
    pub remembers_remotes: bool,
}

/// The ports of all WANs.
#[derive(Debug)]
pub struct Mappings {
    /// By WAN and class, made when the first is taken.
    ports: [[OnceLock<Ports>; 3]; MAX_WANS],
    /// Nobody outside knows which port comes next (RFC 6056).
    secret: u64,
}

impl Mappings {
    /// None is taken. From `secret` comes which are.
    #[must_use]
    pub fn new(secret: u64) -> Self {
        Self { ports: Default::default(), secret }
    }

    /// The port of an inside end among those of `space`, which is the same for a WAN at all times: the one that it has, or else
    /// its own, where nobody has that. It is held until [`Mappings::leave`], also where no flow enters it.
    ///
    /// # Errors
    /// All are in use, or as many as the inside host may have.
    pub fn take(&self, wan: WanId, class: Class, space: Space, end: InsideEnd) -> Result<NonZeroU16, Exhausted> {
        let cell = self.cell(wan, class).ok_or(Exhausted)?;
        let table = u64::from(wan.0) << 8 | class as u64;
        let key = || Keyed::new(self.secret, 0x6d61_7070 << 16 | table);
        let ports = cell.get_or_init(|| Ports::new(space.ports, space.per_host, space.remembers_remotes, key()));
        ports.take(end)
    }

    /// The inside end that has a port.
    #[must_use]
    #[inline]
    pub fn find(&self, wan: WanId, class: Class, port: u16) -> Option<InsideEnd> {
        self.cell(wan, class)?.get()?.find(port)
    }

    /// One more flow of this protocol and inside end has the port of its binding. False if the inside end has it no more.
    pub fn enter(&self, number: u8, binding: Binding, end: InsideEnd) -> bool {
        let Some((ports, port)) = self.of(number, binding) else { return false };
        ports.enter(port.get(), end)
    }

    /// One flow less has the port of its binding, or whoever has taken it holds it no more. With the last it is free.
    pub fn leave(&self, number: u8, binding: Binding) {
        if let Some((ports, port)) = self.of(number, binding) {
            ports.leave(port.get());
        }
    }

    /// The inside has spoken to `remote` in one flow more that has the port of its binding.
    pub fn keep(&self, number: u8, binding: Binding, remote: Ipv4Addr) {
        if let Some((ports, port)) = self.of(number, binding) {
            ports.keep(port.get(), remote);
        }
    }

    /// Such a flow has ended, or begun anew from outside.
    pub fn forget(&self, number: u8, binding: Binding, remote: Ipv4Addr) {
        if let Some((ports, port)) = self.of(number, binding) {
            ports.forget(port.get(), remote);
        }
    }

    /// Whether the inside has spoken from the port of a binding, in a flow that lives; and to that remote, if one is given.
    #[must_use]
    pub fn has_spoken(&self, number: u8, binding: Binding, remote: Option<Ipv4Addr>) -> bool {
        self.of(number, binding).is_some_and(|(ports, port)| ports.has_spoken(port.get(), remote))
    }

    /// How many ports of a WAN are in use.
    #[must_use]
    pub fn used(&self, wan: WanId, class: Class) -> usize {
        self.cell(wan, class).and_then(OnceLock::get).map_or(0, Ports::used)
    }

    fn of(&self, number: u8, binding: Binding) -> Option<(&Ports, NonZeroU16)> {
        Some((self.cell(binding.wan, Class::of(number)?)?.get()?, binding.port?))
    }

    fn cell(&self, wan: WanId, class: Class) -> Option<&OnceLock<Ports>> {
        self.ports.get(wan.index()).map(|classes| &classes[class as usize])
    }
}

#[cfg(test)]
mod tests;
