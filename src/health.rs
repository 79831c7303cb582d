//! Judgement: what the probes, the links, real traffic and the operator say of each WAN, weighed into how it stands, per
//! address family. Pure: facts and time in, [`Change`]s and standings out; a WAN is judged the same live and in a test.
//!
//! ```text
//! Probed -> probes (one window each) -> a cycle, by quorum -> streak of good or bad ones -> case -> Standing, Change
//! LinkFacts: hard faults, at once ----------------------------------------------------------^
//! Evidence: replies veto a fall, handshakes that fail here alone degrade -------------------^
//! ```
//! Must never know: how a probe looks, sockets, the configuration, what the data plane does with a standing.

mod case;
mod damping;
mod evidence;
mod judge;
mod probes;
mod reason;
mod rules;
mod state;
mod verdict;
mod window;

pub use evidence::{Evidence, LinkFacts, Traffic};
pub use judge::Judge;
pub use probes::Sight;
pub use reason::{Reason, Wait};
pub use rules::{Limit, Probe, Rules};
pub use state::{Change, Shown, State, Trace, Verb};
pub use window::Statistics;
