//! What the service says of itself, in the words of `api`: gathered from the policy in force, the plane's shared state
//! and the counters. Must never know: sockets, HTTP.

mod device;
mod flows;
mod health;
#[cfg(test)]
pub(super) mod sample;
mod status;

pub use device::queue_full;
pub use flows::{Filter, Page};

use super::controller::Controller;
use super::gauge::Gauge;
use crate::api::{FlowQuery, PrefixOrder, Status, Wan, WanOrder};
use crate::clock::Clock;
use crate::config::settings::Settings;
use crate::health::{Evidence, Verb};
use crate::plane::Shared;
use crate::plane::counters::{Counters, Totals};
use crate::plane::policy::Policy;
use crate::types::{Tick, WanId};
use crate::workers::live::Meters;
use arc_swap::ArcSwap;
use ipnet::Ipv6Net;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

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
    /// Where operators' words go.
    pub orders: UnboundedSender<Order>,
    /// What the workers share.
    pub shared: Arc<Shared>,
    /// One per worker.
    pub counters: Vec<Arc<Counters>>,
    /// What they said lately.
    pub gauge: Mutex<Gauge>,
    /// One per worker.
    pub meters: Vec<Meters>,
    /// Offloads that the kernel granted on the TUN.
    pub offloads: Vec<String>,
    /// Packets that the kernel dropped at the TUN before the workers read from it: nobody's loss.
    pub unserved: u64,
}

/// An operator's word about a WAN.
#[derive(Debug)]
pub struct Order {
    /// The WAN.
    pub wan: WanId,
    /// What.
    pub word: Word,
    /// Where it is told that it is in force, or in one sentence why it cannot be.
    pub done: oneshot::Sender<Result<(), String>>,
}

/// What an operator says of a WAN.
#[derive(Debug)]
pub enum Word {
    /// How to treat it.
    Treat {
        /// What.
        verb: Verb,
        /// Why; may be empty.
        reason: String,
    },
    /// Which IPv6 prefix it has.
    Prefix {
        /// The prefix.
        prefix: Ipv6Net,
        /// How long; 0 is no more, `None` until the next one.
        seconds: Option<u32>,
    },
}

/// Letters of a reason at the most.
const LONGEST_REASON: usize = 200;

impl Sources {
    /// The controller, for as long as nothing is waited for.
    pub fn controller(&self) -> MutexGuard<'_, Controller> {
        self.controller.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the workers' counters: what the flows on each WAN show since the last time.
    #[must_use]
    pub fn read_gauge(&self, now: Tick) -> Evidence {
        let wans = u8::try_from(self.settings.wans.len()).unwrap_or(u8::MAX);
        self.gauge().read(now, self.totals(), wans)
    }

    fn gauge(&self) -> MutexGuard<'_, Gauge> {
        self.gauge.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an operator's word in force. The WAN as it is then.
    ///
    /// # Errors
    /// One sentence: what in the order cannot be.
    pub async fn order(&self, order: WanOrder) -> Result<Wan, String> {
        let wan = flows::find_wan(&order.wan, &self.settings)?;
        let verb = Verb::ALL.into_iter().find(|verb| verb.name() == order.verb);
        let verb = verb.ok_or_else(|| format!("\"{}\" is none of auto, drain, down, up", order.verb))?;
        let reason = order.reason.unwrap_or_default();
        if reason.chars().count() > LONGEST_REASON || reason.chars().any(char::is_control) {
            return Err(format!("a reason is one line of at most {LONGEST_REASON} letters"));
        }
        self.say(wan, Word::Treat { verb, reason }).await
    }

    /// Puts an operator's or a hook's word about a WAN's IPv6 prefix in force. The WAN as it is then.
    ///
    /// # Errors
    /// One sentence: what in the order cannot be.
    pub async fn order_prefix(&self, order: PrefixOrder) -> Result<Wan, String> {
        let wan = flows::find_wan(&order.wan, &self.settings)?;
        let prefix = order.prefix.parse();
        let prefix = prefix.map_err(|_| {
            format!("\"{}\" is no IPv6 prefix: write it such as 2001:db8:a:c80::/60", order.prefix.escape_debug())
        })?;
        self.say(wan, Word::Prefix { prefix, seconds: order.valid_seconds }).await
    }

    async fn say(&self, wan: WanId, word: Word) -> Result<Wan, String> {
        let (done, is_done) = oneshot::channel();
        let stops = || "flowpin is stopping".to_owned();
        self.orders.send(Order { wan, word, done }).map_err(|_| stops())?;
        is_done.await.map_err(|_| stops())??;
        self.status().wans.into_iter().nth(wan.index()).ok_or_else(stops)
    }

    /// The state of the service now.
    #[must_use]
    pub fn status(&self) -> Status {
        status::status(self, self.clock.now())
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

    fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        self.counters.iter().for_each(|counters| counters.add_into(&mut totals));
        totals
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_order_that_cannot_be_is_refused_in_one_sentence() {
        let sources = sample::sources(1);
        let refusal = async |wan: &str, verb: &str, reason: &str| {
            let order = WanOrder { wan: wan.into(), verb: verb.into(), reason: Some(reason.into()) };
            sources.order(order).await.unwrap_err()
        };
        assert_eq!(refusal("fibre", "down", "").await, "no WAN is named \"fibre\": did you mean \"fiber\"?");
        assert_eq!(refusal("lte", "down", "").await, "no WAN is named \"lte\": there is fiber, cable");
        assert_eq!(refusal("fiber", "drained", "").await, "\"drained\" is none of auto, drain, down, up");
        let one_line = "a reason is one line of at most 200 letters";
        assert_eq!(refusal("fiber", "down", "two\nlines").await, one_line);
        assert_eq!(refusal("fiber", "down", &"x".repeat(201)).await, one_line);
        assert_eq!(refusal("fiber", "down", "why not").await, "flowpin is stopping", "nobody listens");
    }
}
