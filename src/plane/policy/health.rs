//! The part of the policy that tells the prober (plane/health/prober.rs) whom to ask, what and how often: `probes`,
//! `interval` and `timeout` of `[wan.health]`. Must never know: what comes of the answers.

use crate::types::Family;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// One probe of a WAN, in one family.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProbeSpec {
    /// The family that it speaks for.
    pub family: Family,
    /// Whom it asks.
    pub target: Target,
    /// What it asks.
    pub question: Question,
    /// What it carries while the WAN has it; `None`: the best address.
    pub source: Option<IpAddr>,
    /// Milliseconds from one question to the next; not 0.
    pub interval: u32,
    /// Milliseconds that an answer may take; at most `interval`.
    pub timeout: u32,
    /// Cycles in a row that failed as a whole and are followed by the next as soon as the time for answers is over, not
    /// only at the interval; so a line that dies is known sooner.
    pub urgent: u32,
}

impl fmt::Display for ProbeSpec {
    /// As people call it: `icmp 203.0.113.10`, `tcp gateway:443`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.question.kind())?;
        match (self.target, self.question.tcp_port()) {
            (Target::Gateway, None) => write!(f, "gateway"),
            (Target::Gateway, Some(port)) => write!(f, "gateway:{port}"),
            (Target::Host(host), None) => write!(f, "{host}"),
            (Target::Host(host), Some(port)) => write!(f, "{}", SocketAddr::new(host, port)),
        }?;
        self.source.map_or(Ok(()), |source| write!(f, " from {source}"))
    }
}

/// Whom a probe asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    /// The WAN's next hop in the probe's family, whichever it is at the time.
    Gateway,
    /// This host, an address of the probe's family.
    Host(IpAddr),
}

/// What a probe asks, and what it takes for a good answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Question {
    /// Whether the gateway is on the link: ARP or a neighbour solicitation. Any sign of life will do.
    Neighbor,
    /// An echo.
    Echo,
    /// A TCP connection.
    Connect {
        /// The port.
        port: u16,
    },
    /// A page by HTTP.
    Fetch {
        /// The port.
        port: u16,
        /// The request as it is sent: `health::request`.
        request: Box<[u8]>,
        /// The statuses that are expected.
        statuses: Box<[u16]>,
        /// What the body holds, if that matters.
        body: Option<Box<[u8]>>,
    },
    /// The greeting of a TLS server.
    Greet {
        /// The port.
        port: u16,
        /// Our hello as it is sent: `health::hello`.
        hello: Box<[u8]>,
    },
    /// A record of a name by DNS, at port 53.
    Resolve {
        /// The question as it is sent: `health::question`.
        name: Box<[u8]>,
        /// The type of the record that has to be there (RFC 1035 §3.2.2); `None`: any will do, be it a CNAME alone.
        record: Option<u16>,
    },
    /// The time by NTP, at port 123.
    Time,
}

impl Question {
    /// The port of a question by TCP.
    #[must_use]
    pub fn tcp_port(&self) -> Option<u16> {
        match self {
            Self::Connect { port } | Self::Fetch { port, .. } | Self::Greet { port, .. } => Some(*port),
            Self::Neighbor | Self::Echo | Self::Resolve { .. } | Self::Time => None,
        }
    }

    /// What is said once a connection is there.
    #[must_use]
    pub fn opening(&self) -> &[u8] {
        match self {
            Self::Fetch { request: said, .. } | Self::Greet { hello: said, .. } => said,
            _ => &[],
        }
    }

    /// The key that asks it in the configuration.
    fn kind(&self) -> &'static str {
        match self {
            Self::Neighbor => "neighbor",
            Self::Echo => "icmp",
            Self::Connect { .. } => "tcp",
            Self::Fetch { .. } => "http",
            Self::Greet { .. } => "tls",
            Self::Resolve { .. } => "dns",
            Self::Time => "ntp",
        }
    }
}
