//! Public addresses that come and go. A WAN may hold several of a kind at once: the current one, which new flows take, and
//! older ones, which their flows keep while they are valid. Must never know: who gives them, and for how long.

use crate::types::WanId;
use std::num::NonZeroU16;

/// Tells the public addresses apart that one WAN holds in one family. A number is taken anew when all others were taken.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Lease(pub u8);

impl Lease {
    /// What the configuration names itself: it does not change.
    pub const FIXED: Self = Self(0);
}

/// By what a flow leaves its WAN.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Via {
    /// The gateway, whichever is used at the time.
    #[default]
    Gateway,
    /// Nobody: its remote is on the link.
    Direct,
}

/// What a flow is bound to: the WAN by which it leaves, and its public end there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Binding {
    /// The WAN.
    pub wan: WanId,
    /// Which of that WAN's public addresses it has.
    pub lease: Lease,
    /// Its public port, or ICMP identifier, where that is not the inside host's own.
    pub port: Option<NonZeroU16>,
    /// By what it leaves there.
    pub via: Via,
}

impl Binding {
    /// The WAN and the public end there, by whatever it leaves.
    #[must_use]
    pub fn end(&self) -> (WanId, Lease, Option<NonZeroU16>) {
        (self.wan, self.lease, self.port)
    }
}

impl From<WanId> for Binding {
    /// By a public address that the configuration names, with the inside host's port.
    fn from(wan: WanId) -> Self {
        Self { wan, lease: Lease::FIXED, port: None, via: Via::Gateway }
    }
}

/// What is held under a lease.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Leased<T> {
    /// Its number.
    pub lease: Lease,
    /// Epoch of the first snapshot in which the number means this: flows proved before that had it from another.
    pub since: u32,
    /// What it is.
    pub held: T,
}

impl<T> Leased<T> {
    /// What the configuration names itself.
    #[must_use]
    pub fn fixed(held: T) -> Self {
        Self { lease: Lease::FIXED, since: 0, held }
    }

    /// Something else under the same lease.
    #[must_use]
    pub fn with<U>(&self, held: U) -> Leased<U> {
        Leased { lease: self.lease, since: self.since, held }
    }

    /// Whether a flow that had `lease` when it was proved, at `epoch`, has this.
    #[must_use]
    pub fn is(&self, lease: Lease, epoch: u32) -> bool {
        self.lease == lease && self.since <= epoch
    }
}

/// The one of that number; of no number the current one, which stands first.
#[must_use]
pub fn pick<T>(all: &[Leased<T>], lease: Option<Lease>) -> Option<&Leased<T>> {
    match lease {
        None => all.first(),
        Some(lease) => all.iter().find(|it| it.lease == lease),
    }
}

#[cfg(test)]
mod tests;
