//! What the service says of itself, in the words of `api`: gathered from the policy in force, the plane's shared state
//! and the counters. Must never know: sockets, HTTP.

mod device;
mod flows;
#[cfg(test)]
pub(super) mod sample;
mod status;

pub use device::queue_full;

use super::links::LinkFacts;
use crate::api::{FlowQuery, Flows, Status};
use crate::clock::Clock;
use crate::config::settings::Settings;
use crate::plane::Shared;
use crate::plane::counters::{Counters, Totals};
use crate::plane::policy::Policy;
use crate::types::Tick;
use crate::workers::live::Meters;
use arc_swap::ArcSwap;
use std::sync::Arc;

/// Where the answers come from. Shared between the control socket, which reads, and the service, which swaps in newer
/// policies and links.
#[derive(Debug)]
pub struct Sources {
    /// What the file means.
    pub settings: Arc<Settings>,
    /// The file, as it was named.
    pub config: String,
    /// The clock that the workers stamp flows with.
    pub clock: Clock,
    /// When the service became ready.
    pub ready: Tick,
    /// The snapshot in force.
    pub policy: ArcSwap<Policy>,
    /// What the kernel says of each WAN's link, in the order of the WANs; `None` for a link that is not there.
    pub links: ArcSwap<Vec<Option<LinkFacts>>>,
    /// What the workers share.
    pub shared: Arc<Shared>,
    /// One per worker.
    pub counters: Vec<Arc<Counters>>,
    /// One per worker.
    pub meters: Vec<Meters>,
    /// Offloads that the kernel granted on the TUN.
    pub offloads: Vec<String>,
    /// Packets that the kernel dropped at the TUN before the workers read from it: nobody's loss.
    pub unserved: u64,
}

impl Sources {
    /// The state of the service now.
    #[must_use]
    pub fn status(&self) -> Status {
        status::status(self, self.clock.now())
    }

    /// The flows that `query` asks for.
    ///
    /// # Errors
    /// One sentence: what in the question cannot be.
    pub fn flows(&self, query: &FlowQuery) -> Result<Flows, String> {
        let filter = flows::Filter::new(query, &self.settings)?;
        Ok(flows::list(&self.shared.table, &self.policy.load(), &filter, self.clock.now()))
    }

    fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        self.counters.iter().for_each(|counters| counters.add_into(&mut totals));
        totals
    }
}
