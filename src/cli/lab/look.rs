//! One look at everything: the service's own status, the receivers' kernel counters, the wires, the server's books.
//! Must never know: what is good or bad.

use crate::api::Status;
use crate::lab::traffic::{Seen, Traffic, Wires};
use crate::lab::{Counters, Lab, Service};
use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;

/// A moment of the lab.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// Seconds since the traffic began.
    pub seconds: u64,
    /// What flowpin says.
    pub status: Status,
    /// Packets that a receiver's kernel refused for a wrong checksum since the first look.
    pub checksum_errors: u64,
    /// IP frames that the ISPs of fiber, DSL and LTE received from the router.
    pub frames: [u64; 3],
    /// Those with a source that is not of that WAN.
    pub strangers: u64,
    /// The first of them, in words.
    pub stranger: Option<String>,
    /// The public addresses that the server saw.
    pub seen: BTreeMap<IpAddr, Seen>,
    first_checksum_errors: u64,
}

impl Look {
    /// The look before any traffic.
    ///
    /// # Errors
    /// A namespace cannot be read.
    pub fn first(lab: &Lab) -> io::Result<Self> {
        Ok(Self { first_checksum_errors: checksum_errors(lab)?, ..Self::default() })
    }

    /// A later look.
    ///
    /// # Errors
    /// The service does not answer, or a namespace cannot be read.
    pub fn again(
        &self,
        lab: &Lab,
        service: &Service,
        wires: &Wires,
        traffic: &Traffic,
        seconds: u64,
    ) -> io::Result<Self> {
        let (strangers, stranger) = wires.strangers();
        Ok(Self {
            seconds,
            status: serde_json::from_str(&service.get("/v1/status")?)?,
            checksum_errors: checksum_errors(lab)? - self.first_checksum_errors,
            frames: wires.frames(),
            strangers,
            stranger,
            seen: traffic.tally().seen(),
            first_checksum_errors: self.first_checksum_errors,
        })
    }

    /// Flows that the server saw from a WAN, in IPv4 and in IPv6.
    #[must_use]
    pub fn flows_from(&self, wan: &str) -> [u64; 2] {
        let count = |v6: bool| {
            self.seen
                .iter()
                .filter(|(at, seen)| at.is_ipv6() == v6 && seen.wan == wan)
                .map(|(_, seen)| seen.flows)
                .sum()
        };
        [count(false), count(true)]
    }
}

/// Of every namespace: a router that counts one has received a packet for itself.
fn checksum_errors(lab: &Lab) -> io::Result<u64> {
    lab.namespaces().iter().map(|(_, namespace)| Ok(Counters::read(namespace)?.checksum_errors())).sum()
}
