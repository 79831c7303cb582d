//! The name of a next hop among those of all WANs. Must never know: what is known of it (cells.rs).

use crate::types::{Family, WanId};

/// A gateway of a WAN, by the place that it keeps while the policy has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct HopId {
    pub(super) wan: WanId,
    /// Of the packets that go by it, which for one that is reached by an IPv6 address may be IPv4.
    pub(super) family: Family,
    pub(super) place: usize,
}
