//! Why a WAN is in its state: data first, then one sentence.
//! Must never know: how a judgement is found (judge.rs).

use super::probes::Failed;
use super::verb::Verb;
use crate::types::Failure;
use std::fmt;
use std::sync::Arc;

/// Why a WAN is in its state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reason {
    /// Nothing is known yet.
    Starting,
    /// The link is fine, and no probe asks further.
    Unprobed,
    /// The link does not exist.
    LinkGone,
    /// No port can be opened on the link: why, in one sentence.
    Unusable(Arc<str>),
    /// The link is not up or has no carrier.
    NoCarrier,
    /// No gateway is known in this family.
    NoNextHop,
    /// No public address is known in this family.
    NoAddress(Arc<str>),
    /// Link, carrier and gateway are back; what the WAN has to show.
    LinkBack(Wait),
    /// The last cycles were good.
    Answered {
        /// Good cycles in a row.
        cycles: u32,
    },
    /// The last cycles were bad.
    Unanswered {
        /// Bad cycles in a row.
        cycles: u32,
        /// The probes that failed in the last of them, and why.
        failed: Arc<[(Arc<str>, Failure)]>,
        /// What the WAN has to show to come back.
        wait: Wait,
    },
    /// The last cycles were bad, and the WAN is up all the same: real flows get replies.
    Vetoed {
        /// Bad cycles in a row.
        cycles: u32,
        /// The probes that failed in the last of them, and why.
        failed: Arc<[(Arc<str>, Failure)]>,
    },
    /// Too many probes fail.
    Loss {
        /// Thousandths that fail.
        loss: u64,
        /// Thousandths that may.
        most: u64,
    },
    /// Round trips take too long.
    Latency {
        /// Nanoseconds on average.
        mean: u64,
        /// Nanoseconds that are allowed.
        most: u64,
    },
    /// TCP handshakes fail here and succeed on other WANs.
    Handshakes {
        /// Those that stayed unanswered.
        tried: u32,
        /// What the WAN has to show to come back.
        wait: Wait,
    },
    /// Handshakes failed; new flows will show whether they still do.
    Retried,
    /// Loss and latency are well below their limits again.
    Recovered,
    /// An operator wants it so.
    ByHand {
        /// What the operator wants.
        verb: Verb,
        /// Why; empty if no reason was given.
        text: Arc<str>,
    },
}

/// What a WAN has to show before it is up again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wait {
    /// Good cycles in a row.
    pub rise: u32,
    /// Milliseconds since it went down.
    pub hold_ms: u64,
    /// Falls that are not forgotten, this one included: more than one makes the hold longer.
    pub falls: u32,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting => f.write_str("no probe has been answered yet"),
            Self::Unprobed => f.write_str("the link is there, and no probe looks further"),
            Self::LinkGone => f.write_str("the link does not exist"),
            Self::Unusable(why) | Self::NoAddress(why) => f.write_str(why),
            Self::NoCarrier => f.write_str("the link is down or has no carrier"),
            Self::NoNextHop => f.write_str("no gateway is known"),
            Self::LinkBack(wait) => write!(f, "the link is back; up after {wait}"),
            Self::Answered { cycles: 1 } => f.write_str("the probes are answered"),
            Self::Answered { cycles } => write!(f, "{cycles} good cycles in a row"),
            Self::Unanswered { cycles, failed, wait } => write!(f, "{}; up after {wait}", Bad(*cycles, failed)),
            Self::Vetoed { cycles, failed } => write!(f, "{}, and yet real flows get replies", Bad(*cycles, failed)),
            Self::Loss { loss, most } => {
                write!(f, "{} % of the probes fail, {} % may", Percent(*loss), Percent(*most))
            }
            Self::Latency { mean, most } => {
                write!(f, "a round trip takes {} ms, {} ms are allowed", mean / 1_000_000, most / 1_000_000)
            }
            Self::Handshakes { tried, wait } => {
                let elsewhere = "stayed unanswered while others succeed on another WAN";
                write!(f, "{tried} TCP handshakes {elsewhere}; up after {wait}")
            }
            Self::Retried => f.write_str("TCP handshakes failed here and are tried again"),
            Self::Recovered => f.write_str("loss and latency are well below their limits again"),
            Self::ByHand { verb, text } if text.is_empty() => write!(f, "{} by hand", verb.name()),
            Self::ByHand { verb, text } => write!(f, "{} by hand: {text}", verb.name()),
        }
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} good cycles and {} s", self.rise, self.hold_ms.div_ceil(1000))?;
        if self.falls > 1 { write!(f, ", damped: it fell {} times lately", self.falls) } else { Ok(()) }
    }
}

/// The number of bad cycles in a row, and the probes that failed in the last.
struct Bad<'a>(u32, &'a Failed);

impl fmt::Display for Bad<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bad cycle{} in a row (", self.0, if self.0 == 1 { "" } else { "s" })?;
        for (index, (name, failure)) in self.1.iter().enumerate() {
            write!(f, "{}{name}: {}", if index == 0 { "" } else { ", " }, failure)?;
        }
        f.write_str(")")
    }
}

/// Thousandths as per cent.
struct Percent(u64);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 10, self.0 % 10) {
            (whole, 0) => write!(f, "{whole}"),
            (whole, tenth) => write!(f, "{whole}.{tenth}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_sentence() {
        let wait = Wait { rise: 5, hold_ms: 10_000, falls: 1 };
        let failed: Failed =
            [("icmp 203.0.113.10".into(), Failure::Silent), ("http".into(), Failure::Status(302))].into();
        let rows = [
            (
                Reason::Vetoed { cycles: 1, failed: Arc::clone(&failed) },
                "1 bad cycle in a row (icmp 203.0.113.10: no answer, http: HTTP status 302), and yet real flows get replies",
            ),
            (
                Reason::Handshakes { tried: 20, wait },
                "20 TCP handshakes stayed unanswered while others succeed on another WAN; up after 5 good cycles and 10 s",
            ),
            (
                Reason::Unanswered { cycles: 3, failed, wait },
                "3 bad cycles in a row (icmp 203.0.113.10: no answer, http: HTTP status 302); up after 5 good cycles and 10 s",
            ),
            (
                Reason::LinkBack(Wait { falls: 3, hold_ms: 40_000, ..wait }),
                "the link is back; up after 5 good cycles and 40 s, damped: it fell 3 times lately",
            ),
            (Reason::Loss { loss: 433, most: 200 }, "43.3 % of the probes fail, 20 % may"),
            (Reason::Latency { mean: 310_900_000, most: 250_000_000 }, "a round trip takes 310 ms, 250 ms are allowed"),
            (Reason::ByHand { verb: Verb::Drain, text: "".into() }, "drain by hand"),
            (Reason::ByHand { verb: Verb::Up, text: "trust me".into() }, "up by hand: trust me"),
        ];
        for (reason, sentence) in rows {
            assert_eq!(reason.to_string(), sentence);
        }
    }
}
