//! What happened in the lab, as plain data for the summary. Must never know: how anything was done or measured.

use super::look::Look;
use crate::lab::topology::Line;
use serde::Serialize;

/// The whole play.
#[derive(Debug)]
pub struct Story {
    /// The last moment before the first cut.
    pub calm: Look,
    /// The cuts in their order.
    pub cuts: Vec<Cut>,
    /// The line that was plugged in.
    pub third: Arrival,
}

/// Something that happened.
#[derive(Clone, Debug, Serialize)]
pub struct Event {
    /// Milliseconds since the traffic began.
    pub at_ms: u64,
    /// The line that it happened to.
    pub wan: &'static str,
    /// What, in words.
    pub what: String,
}

/// How a line is cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// Its ISP swallows everything.
    Soft,
    /// Its link has no carrier.
    Hard,
}

/// A cut, and what those went through who were there. Times are milliseconds; what never happened has none.
#[derive(Clone, Debug, Serialize)]
pub struct Cut {
    /// The line.
    pub wan: &'static str,
    /// How it was cut.
    pub how: How,
    /// From the cut until flowpin said so, in every family.
    pub noticed_ms: Option<f64>,
    /// Flows that went on by another line.
    pub moved: u64,
    /// Connections that were reset.
    pub reset: u64,
    /// The stream of datagrams on the line.
    pub stream: Stream,
    /// The download on the line.
    pub download: Download,
    /// Those on another line.
    pub bystanders: Bystanders,
    /// From the mending until it is up.
    pub back: Arrival,
}

/// A stream of datagrams whose line was cut.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Stream {
    /// How long the receiver heard nothing.
    pub gap_ms: Option<f64>,
    /// Datagrams that never arrived.
    pub lost: u64,
    /// The line by which it went on.
    pub by: Option<&'static str>,
}

/// A download whose line was cut.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Download {
    /// From the cut until it was told.
    pub told_ms: Option<f64>,
    /// What it was told.
    pub told: Option<String>,
    /// Whether that was a reset, and nothing else broke it.
    pub is_reset: bool,
    /// From then until bytes came over another connection.
    pub again_ms: Option<f64>,
    /// The line of that.
    pub by: Option<&'static str>,
}

/// Those on another line, who should notice nothing.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Bystanders {
    /// Their line.
    pub wan: &'static str,
    /// Datagrams of their stream.
    pub sent: u64,
    /// Those that never arrived.
    pub lost: u64,
    /// Keys of their session whose echo came.
    pub keys: u64,
    /// The slowest echo.
    pub slowest_ms: f64,
    /// Why the session broke.
    pub broken: Option<String>,
}

/// A line that came, or came back.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Arrival {
    /// From its coming until it was up in every family.
    pub up_ms: Option<f64>,
    /// Whether new flows have used it since.
    pub is_used: bool,
}

/// Tenths of a millisecond are enough for everybody.
pub fn tenths(ms: f64) -> f64 {
    (ms * 10.0).round() / 10.0
}

/// The line that a public address is of.
pub fn line_of(public: std::net::IpAddr) -> Option<&'static str> {
    let std::net::IpAddr::V4(public) = public else { return None };
    let lines = [Line::Fiber, Line::Dsl, Line::Lte];
    lines.into_iter().find(|line| line.block4().contains(&public)).map(Line::name)
}
