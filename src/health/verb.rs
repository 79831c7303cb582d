//! What an operator may want of a WAN: the words of `flowpin wan NAME drain|down|up|auto`.
//! Must never know: how a judgement is found (judge.rs), the command line.

/// What an operator wants of a WAN.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Verb {
    /// The evidence decides.
    #[default]
    Auto,
    /// No new flows; those that the WAN has may end on it.
    Drain,
    /// As if the link were gone.
    Down,
    /// Up, whatever the probes find. Without a link, a carrier, a gateway or a public address it is down all the same.
    Up,
}

impl Verb {
    /// Every verb.
    pub const ALL: [Self; 4] = [Self::Auto, Self::Drain, Self::Down, Self::Up];

    /// The word on the command line, in the API and in reasons.
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
