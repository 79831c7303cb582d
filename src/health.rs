//! The judge of the WANs: what the probes, the links, real flows and the operator say of each WAN, weighed into its
//! standing, per address family. Pure: facts and time in, [`Change`]s and standings out; a WAN is judged the same live and
//! in a test. How a probe is written and read on the wire is in src/plane/health.rs, which keys the configuration has for
//! it in src/config/file/health.rs.
//!
//! ```text
//! Probed -> probes (a window each) -> a cycle, by quorum -> hysteresis -> family_health -> Standing, Change
//! Evidence: replies veto a fall, failed handshakes degrade ---^              |
//! LinkHealth: faults of the link come first; Verb: then what an operator wants ^
//! ```
//! Must never know: how a probe looks, sockets, the configuration, what the data plane does with a standing.

mod damping;
mod evidence;
mod family_health;
mod hysteresis;
mod judge;
mod probes;
mod reason;
mod rules;
mod state;
mod verb;
mod window;

pub use evidence::{Evidence, FlowEvidence, LinkHealth};
pub use judge::Judge;
pub use probes::ProbeReport;
pub use reason::{Reason, Wait};
pub use rules::{Limit, Probe, Rules};
pub use state::{Change, Condition, State, Trace};
pub use verb::Verb;
pub use window::Statistics;
