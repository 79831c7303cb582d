//! The ways in which the fiber dies. Must never know: what is measured.

use flowpin::lab::topology::Line;
use flowpin::lab::{Lab, Namespace};
use std::io::{self, Error};
use std::process::Command;

/// One row of the report.
pub struct Case {
    /// As `--fault` and the report name it.
    pub name: &'static str,
    /// What is done to the line.
    pub fault: Fault,
    /// `[wan.health]` of both WANs.
    pub health: &'static str,
    /// Milliseconds from one probe to the next; the fault comes at any moment of it.
    pub interval: u64,
    /// The median to reach, milliseconds.
    pub aim: Option<u64>,
}

/// What is done to the line.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The ISP's end of the cable is switched off.
    Carrier,
    /// Beyond the ISP's router nothing comes through.
    BlackHole,
    /// Nothing comes through that the inside sends.
    OutboundLoss,
    /// Nothing comes through that is for the inside.
    InboundLoss,
}

/// All that is not said is as by default.
const DEFAULTS: &str = "probes = [{ icmp = \"203.0.113.10\" }]\non_soft_down = \"move\"";
/// The quick kind.
const QUICK: &str = "probes = [{ icmp = \"203.0.113.10\" }]\non_soft_down = \"move\"\n\
                     interval = \"100ms\"\ntimeout = \"80ms\"\nfall = 3";

/// All of them.
pub const CASES: [Case; 5] = [
    Case { name: "carrier", fault: Fault::Carrier, health: "", interval: 10, aim: Some(20) },
    Case { name: "blackhole", fault: Fault::BlackHole, health: QUICK, interval: 100, aim: Some(350) },
    Case { name: "oneway-out", fault: Fault::OutboundLoss, health: QUICK, interval: 100, aim: None },
    Case { name: "oneway-in", fault: Fault::InboundLoss, health: QUICK, interval: 100, aim: None },
    Case { name: "default", fault: Fault::BlackHole, health: DEFAULTS, interval: 1000, aim: Some(3000) },
];

const HOLE: &str = "table inet hole { chain forward { type filter hook forward priority 0; WHAT drop; }; }";

impl Fault {
    /// Lets it happen.
    pub fn strike(self, lab: &Lab) -> io::Result<()> {
        let swallowed = match self {
            Self::Carrier => return lab.cut(Line::Fiber),
            Self::BlackHole => "",
            Self::OutboundLoss => "iifname \"customer\"",
            Self::InboundLoss => "oifname \"customer\"",
        };
        nft(&lab.ispa, &HOLE.replace("WHAT", swallowed))
    }

    /// Repairs it.
    pub fn mend(self, lab: &Lab) -> io::Result<()> {
        match self {
            Self::Carrier => lab.mend(Line::Fiber),
            _ => nft(&lab.ispa, "delete table inet hole"),
        }
    }
}

fn nft(namespace: &Namespace, rules: &str) -> io::Result<()> {
    let output = namespace.output(Command::new("nft").arg(rules))?;
    let words = || Error::other(format!("nft {rules}: {}", String::from_utf8_lossy(&output.stderr).trim()));
    output.status.success().then_some(()).ok_or_else(words)
}
