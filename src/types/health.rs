//! The health of a WAN in the words that rooms exchange: the outcome of a probe (plane to judge), a standing (judge to
//! plane), and what becomes of the flows of a WAN that falls or comes back (settings to plane). Judged in the room
//! `health`; the keys of `[wan.health]` are read in config/file/health.rs.
//! Must never know: how a probe looks (plane/health.rs), how many failures make a WAN bad (health/judge.rs).

use super::{Tick, WanId};
use std::fmt;

/// What became of one probe.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Probed {
    /// The WAN that it left by.
    pub wan: WanId,
    /// Its index among that WAN's probes.
    pub probe: u16,
    /// Epoch of the policy under which it was sent: under another the same index may be another probe.
    pub epoch: u32,
    /// When it ended.
    pub at: Tick,
    /// How it ended.
    pub outcome: Outcome,
}

/// The end of one probe.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Answered as expected.
    Passed {
        /// Nanoseconds from the question to the answer.
        round_trip: u64,
    },
    /// Not answered as expected.
    Failed(Failure),
}

/// Why a probe failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    /// No answer in time.
    Silent,
    /// It could not be sent: no link, no gateway, no address to send from.
    Unsent,
    /// It asks a gateway that is whoever is at the other end of a point-to-point link, and has no address that is known.
    Nameless,
    /// An ICMP error answered that the target cannot be reached.
    Unreachable,
    /// The connection was refused.
    Refused,
    /// HTTP: another status than expected.
    Status(u16),
    /// HTTP: the body does not hold what is expected (a portal in front).
    Body,
    /// TLS: the server refuses with this alert (RFC 8446 §6).
    Alert(u8),
    /// NTP: a clock that is not set.
    Unset,
    /// DNS: an answer with this code, or without a record.
    Dns(u8),
    /// An answer that makes no sense.
    Garbled,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent => f.write_str("no answer"),
            Self::Unsent => f.write_str("could not be sent"),
            Self::Nameless => f.write_str("the gateway has no address to ask"),
            Self::Unreachable => f.write_str("unreachable"),
            Self::Refused => f.write_str("refused"),
            Self::Status(status) => write!(f, "HTTP status {status}"),
            Self::Body => f.write_str("another body"),
            Self::Alert(code) => write!(f, "TLS alert {code}"),
            Self::Unset => f.write_str("a clock that is not set"),
            Self::Dns(0) => f.write_str("DNS answer without a record"),
            Self::Dns(code) => write!(f, "DNS code {code}"),
            Self::Garbled => f.write_str("senseless answer"),
        }
    }
}

/// The standing of a WAN in one family, which the data plane obeys. New flows prefer them in this order, before tiers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Standing {
    /// It takes new flows.
    #[default]
    Up,
    /// Its path is bad: it takes new flows only where no other WAN is up.
    Degraded,
    /// The link is there and the far end is not, or an operator wants it so: no new flows.
    SoftDown,
    /// Nothing can be sent: the link is gone, has no carrier, or no next hop.
    HardDown,
}

impl Standing {
    /// Whether it takes new flows.
    #[must_use]
    pub fn is_usable(self) -> bool {
        matches!(self, Self::Up | Self::Degraded)
    }
}

/// What becomes of the flows of a WAN that is down.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Remedy {
    /// They stay. What cannot be sent is refused until the WAN is back.
    Drain,
    /// They end, and their inside hosts are told: TCP by a RST, others by an ICMP error.
    Reset,
    /// Their next packet from inside goes by another WAN, from its public address.
    Move,
}

/// What becomes of the flows of a WAN that is down, by protocol.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Remedies {
    /// For TCP.
    pub tcp: Remedy,
    /// For UDP and every other protocol.
    pub udp: Remedy,
}

impl Remedies {
    /// All alike.
    #[must_use]
    pub const fn all(remedy: Remedy) -> Self {
        Self { tcp: remedy, udp: remedy }
    }
}

/// What becomes of flows on a worse tier when a WAN is up again that would take them; `Remedy::Drain`: they stay.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct OnUp {
    /// What becomes of them.
    pub remedies: Remedies,
    /// Milliseconds that it has been up by then.
    pub after: u32,
}

impl Default for OnUp {
    fn default() -> Self {
        Self { remedies: Remedies::all(Remedy::Drain), after: 0 }
    }
}

impl Default for Remedies {
    /// What a line that is dead for good calls for: connections are made anew at once, the rest goes on.
    fn default() -> Self {
        Self { tcp: Remedy::Reset, udp: Remedy::Move }
    }
}
