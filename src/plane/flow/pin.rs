//! The pin of a flow: what the table answers about it, the WAN and public end that it is bound to among that.
//! Must never know: record, table.

use super::silence::Silence;
use crate::plane::counters::Reachability;
use crate::plane::lease::Binding;

/// What a flow is bound to, and how firmly.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pin {
    /// The WAN, and the public end there.
    pub binding: Binding,
    /// The rule of the policy that chose the WAN, counted from 1; 0: the default.
    pub rule: u16,
    /// What it was last proved by: the epoch of a policy, with [`WATCHED`] or without.
    pub epoch: u32,
    /// Whether this call made the entry: the caller must have its wheel watch the key.
    pub fresh: bool,
    /// The second at which the flow ends if it stays silent.
    pub expires: u32,
    /// Whether a request from outside that arrives on another WAN takes the flow there: one outside port may speak to
    /// several public addresses of one inside port, and each reply is to leave by the WAN of its request. A flow that hears
    /// its remote on its own line, as a call does, does not.
    pub follows_arrival: bool,
    /// Whether it came from outside: the remote knows it by the public address that it came to, on this WAN unless the flow
    /// has moved since.
    pub came_in: bool,
    /// Whether flowpin has ended the flow itself: its entry only says so.
    pub terminated: bool,
    /// Whether the packet of this call begins something of the inside's own, where nobody has answered what came from outside:
    /// it has not counted, and the flow stays only where no other WAN stands better.
    pub yields: bool,
    /// What the packet of this call shows.
    pub shown: Reachability,
    /// Since when nothing answers the flow.
    pub silence: Silence,
}

/// The bit beside the epoch in the proof of a pin whose flow is to be judged anew with each packet, by its own evidence:
/// no epoch alone proves it. Epochs do not grow so large.
pub const WATCHED: u32 = 1 << 31;

impl Pin {
    /// Epoch of the policy that this pin was last proved against.
    #[must_use]
    pub fn proved_at(&self) -> u32 {
        self.epoch & !WATCHED
    }

    /// Whether the pin holds under the snapshot of this epoch without being judged anew.
    #[must_use]
    pub fn is_proved(&self, epoch: u32) -> bool {
        self.epoch == epoch && !self.terminated && !self.yields
    }
}
