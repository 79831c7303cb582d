//! Who passes, and how a packet leaves: the parts of its way that `process` calls in order.
//! Must never know: tell.

pub mod errors;
pub mod fit;
pub mod hairpin;
pub mod identification;
pub mod late_fragments;
pub mod link;
pub mod mss_clamp;
pub mod neighbor_discovery;
pub mod neighbor_queue;
pub mod pmtu_learn;
pub mod probe_answers;
pub mod send;
