//! The data plane: pure. Bytes, state and time go in, a verdict comes out. No I/O, no clock, no log, no allocation per
//! packet of a known flow. Live service, replay, benches and fuzzing all run this code.
//! Stages are called by `process` and do not call each other.

pub mod choose;
mod context;
pub mod counters;
pub mod craft;
pub mod flow;
pub mod fragment;
pub mod health;
pub mod lease;
pub mod limiter;
pub mod neighbor;
pub mod outbox;
pub mod packet;
mod pass;
pub mod path;
pub mod policy;
mod probing;
mod process;
mod refusal;
#[cfg(test)]
pub(crate) mod sample;
mod state;
mod tell;
mod tick;
pub mod translate;
pub mod verdict;

pub use state::{Plane, Shared};
