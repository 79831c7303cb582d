//! The words of a judgement: states as people know them, changes as the journal knows them.
//! Must never know: how a judgement is found.

use super::probes::Sight;
use super::reason::Reason;
use crate::types::{Family, Standing, Tick, WanId};
use std::fmt;

/// What a WAN is, in one family.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum State {
    /// The link does not exist.
    Absent,
    /// The link has no carrier.
    LinkDown,
    /// No gateway is known.
    NoGateway,
    /// No public address is known to send from.
    NoAddress,
    /// The link is there; what lies behind it is being found out. At start it takes new flows, after a fault of its link
    /// only if no other WAN is up.
    Probing,
    /// All is well.
    Up,
    /// It works badly.
    Degraded,
    /// The probes fail, or somebody said so by hand.
    Down,
    /// By hand: no new flows.
    Drained,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 9] = [
        Self::Absent,
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

    /// Whether a WAN in this state may stand so.
    #[must_use]
    pub fn allows(self, standing: Standing) -> bool {
        match self {
            Self::Absent | Self::LinkDown | Self::NoAddress => standing == Standing::HardDown,
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

/// What an operator may say of a WAN.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Verb {
    /// Let the evidence speak.
    #[default]
    Auto,
    /// No new flows; those that it has may end on it.
    Drain,
    /// As if its link were gone.
    Down,
    /// Up, whatever the probes say. Without a link, a carrier, a gateway or a public address it is down all the same.
    Up,
}

impl Verb {
    /// Every word.
    pub const ALL: [Self; 4] = [Self::Auto, Self::Drain, Self::Down, Self::Up];

    /// The word that an operator says.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Drain => "drain",
            Self::Down => "down",
            Self::Up => "up",
        }
    }
}

/// Ties together what one piece of news changed; counts from 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Trace(pub u64);

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06x}", self.0)
    }
}

/// How a WAN is in one family, for people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shown {
    /// What it is.
    pub state: State,
    /// How the data plane is to treat it.
    pub standing: Standing,
    /// Since when it is so.
    pub since: Tick,
    /// Why.
    pub reason: Reason,
    /// The probes say that it is down, and real traffic says that it is not: the reason says so.
    pub vetoed: bool,
    /// What made it so; of no change yet: 0.
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
    /// What it was.
    pub from: State,
    /// What it is.
    pub to: State,
    /// How it stood.
    pub stood: Standing,
    /// How it stands.
    pub standing: Standing,
    /// Why.
    pub reason: Reason,
    /// Each probe's last outcome and window as the decision was made.
    pub evidence: Vec<Sight>,
    /// Changes of one cause have the same.
    pub trace: Trace,
}
