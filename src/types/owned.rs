//! What of the public addresses is flowpin's, and what stays with the kernel beside it. Must never know: who decides that.

use ipnet::IpNet;
use std::fmt;

/// Ports, or identifiers of ICMP queries, from one to another; never 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PortRange {
    /// The least.
    pub first: u16,
    /// The largest; not less than `first`.
    pub last: u16,
}

impl PortRange {
    /// Whether `port` is one of them.
    #[must_use]
    pub fn contains(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }

    /// How many there are.
    #[must_use]
    pub fn count(self) -> usize {
        usize::from(self.last - self.first) + 1
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

/// Something that flowpin translates, and about which the kernel is silent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Owned {
    /// The addresses.
    pub net: IpNet,
    /// Of TCP and UDP these ports alone, of an address that is the kernel's beside that; `None`: everything.
    pub ports: Option<PortRange>,
}

impl From<IpNet> for Owned {
    /// These addresses with all that is sent to them.
    fn from(net: IpNet) -> Self {
        Self { net, ports: None }
    }
}

impl fmt::Display for Owned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ports {
            None => self.net.fmt(f),
            Some(ports) => write!(f, "{}:{ports}", self.net.addr()),
        }
    }
}
