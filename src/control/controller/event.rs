//! What happens to the service, as data, and what is to be done about it: a list of these, with their times, is all that
//! the controller's decisions depend on. Must never know: where events come from, who does what is to be done.

use super::leases::LeaseChange;
use crate::control::compile::{InsideState, LinkState};
use crate::health::{Change, Evidence, Trace, Verb};
use crate::plane::policy::Policy;
use crate::types::{Probed, Tick, WanId};
use ipnet::Ipv6Net;
use std::sync::Arc;

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// The kernel's links were read.
    Links {
        /// In the order of the WANs.
        links: Vec<LinkState>,
        /// What is known towards inside.
        inside: InsideState,
    },
    /// The links of these WANs carry nothing any more. That is told before anything else of them is read.
    LinkLost(Vec<WanId>),
    /// Probes ended.
    Probed(Vec<Probed>),
    /// Real flows show something.
    Traffic(Evidence),
    /// An operator says how to treat a WAN.
    Operator {
        /// The WAN.
        wan: WanId,
        /// How.
        verb: Verb,
        /// Why; may be empty.
        reason: String,
    },
    /// An operator or a hook says which IPv6 prefix a WAN has.
    Prefix {
        /// The WAN.
        wan: WanId,
        /// The prefix.
        prefix: Ipv6Net,
        /// For how many seconds: 0 is no more, `None` until the next one.
        seconds: Option<u32>,
    },
    /// Time passed.
    Tick,
}

/// What is to be done after an event.
#[derive(Debug, Default)]
pub struct Effects {
    /// The snapshot to put in force, if it is another.
    pub policy: Option<Arc<Policy>>,
    /// What became of WANs, to be told, in the order of time.
    pub changes: Vec<Change>,
    /// What became of public addresses, to be told.
    pub leases: Vec<LeaseChange>,
    /// What ties these together, and to what followed from them.
    pub trace: Trace,
    /// When to say the time next, if nothing happens before.
    pub wake: Option<Tick>,
    /// Why the event cannot be, in one sentence: nothing has changed for it then.
    pub refused: Option<String>,
}
