//! What is judged of a WAN in one family: its state as `status` shows it, its condition (the state, since when and why),
//! and a change of it as logs and hooks get it. The state of a flow is in src/plane/flow/state.rs, what the data plane
//! remembers in src/plane/state.rs. Must never know: how a judgement is found (judge.rs).

use super::probes::ProbeReport;
use super::reason::Reason;
use crate::types::{Family, Standing, Tick, WanId};
use std::fmt;

/// The state of a WAN in one family.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum State {
    /// The link does not exist.
    Absent,
    /// The link exists, and nothing can be sent or received by it.
    Unusable,
    /// The link has no carrier.
    LinkDown,
    /// No gateway is known.
    NoGateway,
    /// No public address is known to send from.
    NoAddress,
    /// The link is there, and the probes have not found the path to be good yet. At the start such a WAN takes new flows,
    /// after a fault of its link only if no other WAN is up.
    Probing,
    /// The path is good.
    Up,
    /// The path is bad, but alive: a limit is exceeded.
    Degraded,
    /// The probes fail, or an operator wants it so.
    Down,
    /// No new flows: an operator wants it so.
    Drained,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 10] = [
        Self::Absent,
        Self::Unusable,
        Self::LinkDown,
        Self::NoGateway,
        Self::NoAddress,
        Self::Probing,
        Self::Up,
        Self::Degraded,
        Self::Down,
        Self::Drained,
    ];

    /// Its name in `status`, in logs and for hooks.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Unusable => "unusable",
            Self::LinkDown => "link-down",
            Self::NoGateway => "no-gateway",
            Self::NoAddress => "no-address",
            Self::Probing => "probing",
            Self::Up => "up",
            Self::Degraded => "degraded",
            Self::Down => "down",
            Self::Drained => "drained",
        }
    }

    /// Whether a WAN in this state may have this standing.
    #[must_use]
    pub fn allows(self, standing: Standing) -> bool {
        match self {
            Self::Absent | Self::Unusable | Self::LinkDown | Self::NoAddress => standing == Standing::HardDown,
            Self::NoGateway => !standing.is_usable(),
            Self::Probing => standing.is_usable(),
            Self::Up => standing == Standing::Up,
            Self::Degraded => standing == Standing::Degraded,
            Self::Down => !standing.is_usable(),
            Self::Drained => standing == Standing::SoftDown,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The number of a piece of news that changed something; counts from 1. All its changes bear it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Trace(pub u64);

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06x}", self.0)
    }
}

/// The condition of a WAN in one family.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Condition {
    /// The state.
    pub state: State,
    /// How the data plane is to treat it.
    pub standing: Standing,
    /// Since when state and standing are these.
    pub since: Tick,
    /// Why.
    pub reason: Reason,
    /// The probes find it down, and replies to real flows contradict them; `reason` tells both.
    pub vetoed: bool,
    /// The news that brought it here; 0 before the first change.
    pub trace: Trace,
}

/// A WAN's state or standing changed in one family.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// The WAN.
    pub wan: WanId,
    /// The family.
    pub family: Family,
    /// When.
    pub at: Tick,
    /// The state before.
    pub from: State,
    /// The state from now on.
    pub to: State,
    /// The standing before.
    pub stood: Standing,
    /// The standing from now on.
    pub standing: Standing,
    /// Why.
    pub reason: Reason,
    /// What each probe had found as the decision was made.
    pub evidence: Vec<ProbeReport>,
    /// The news that caused it.
    pub trace: Trace,
}

impl Change {
    /// Whether the state itself is another, not the standing alone.
    #[must_use]
    pub fn is_of_state(&self) -> bool {
        self.from != self.to
    }
}
