//! The data plane: pure. Bytes, state and time go in, a verdict comes out. No I/O, no clock, no log, no allocation per
//! packet of a known flow. Live service, replay, benches and fuzzing all run this code.
//! Stages are called by `process` and do not call each other.

pub mod checksum;
pub mod counters;
pub mod flow;
pub mod limiter;
pub mod mtu;
pub mod neighbor;
pub mod outbox;
pub mod packet;
pub mod parse;
pub mod policy;
mod process;
pub mod reply;
pub mod steer;
pub mod translate;
pub mod verdict;

pub use process::{Plane, Shared};
