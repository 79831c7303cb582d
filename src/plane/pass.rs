//! Who passes, and how a packet leaves: the parts of its way that `process` calls in order.
//! Must never know: tell.

pub mod admit;
pub mod errors;
pub mod fit;
pub mod hairpin;
pub mod late_fragments;
pub mod neighbor_queue;
pub mod probe_answers;
pub mod send;
pub mod width;
