//! Where the answers come from. Must never know: how they are worded.

use super::command::OperatorCommand;
use super::flows::{Filter, Page};
use crate::api::{FlowQuery, KernelSide};
use crate::clock::Clock;
use crate::config::settings::Settings;
use crate::control::controller::Controller;
use crate::control::gauge::Gauge;
use crate::health::Evidence;
use crate::plane::Shared;
use crate::plane::counters::{Counters, Totals};
use crate::plane::policy::Policy;
use crate::types::Tick;
use crate::workers::live::Meters;
use arc_swap::ArcSwap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc::UnboundedSender;

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
    /// Who decides, and knows how each WAN is.
    pub controller: Mutex<Controller>,
    /// Where operators' commands go.
    pub commands: UnboundedSender<OperatorCommand>,
    /// Where it is said that the service has to end and to put everything back.
    pub down: UnboundedSender<()>,
    /// What the workers share.
    pub shared: Arc<Shared>,
    /// One per worker.
    pub counters: Vec<Arc<Counters>>,
    /// What they said lately.
    pub gauge: Mutex<Gauge>,
    /// How the kernel side stands, as the control loop found it last.
    pub kernel_side: Mutex<KernelSide>,
    /// One per worker.
    pub meters: Vec<Meters>,
    /// Offloads that the kernel granted on the TUN.
    pub offloads: Vec<String>,
    /// Packets that the kernel dropped at the TUN before the workers read from it: nobody's loss.
    pub unserved: u64,
}

impl Sources {
    /// The controller, for as long as nothing is waited for.
    pub fn controller(&self) -> MutexGuard<'_, Controller> {
        self.controller.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the kernel side stands, for as long as nothing is waited for.
    pub fn kernel_side(&self) -> MutexGuard<'_, KernelSide> {
        self.kernel_side.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the workers' counters: what the flows on each WAN show since the last time.
    #[must_use]
    pub fn read_gauge(&self, now: Tick) -> Evidence {
        let wans = u8::try_from(self.settings.wans.slots().count()).unwrap_or(u8::MAX);
        self.gauge().read(now, self.totals(), wans)
    }

    /// What the workers said lately.
    pub(super) fn gauge(&self) -> MutexGuard<'_, Gauge> {
        self.gauge.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which flows `query` asks for.
    ///
    /// # Errors
    /// One sentence: what in the question cannot be.
    pub fn filter(&self, query: &FlowQuery) -> Result<Filter, String> {
        Filter::new(query, &self.settings)
    }

    /// The flows that `filter` takes now. This takes a moment and is for a thread that nothing else waits for.
    #[must_use]
    pub fn page(&self, filter: &Filter) -> Page {
        Page::gather(&self.shared.table, self.policy.load_full(), filter, self.clock.now())
    }

    /// What the workers have counted together.
    pub(super) fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        self.counters.iter().for_each(|counters| counters.add_into(&mut totals));
        totals
    }
}
