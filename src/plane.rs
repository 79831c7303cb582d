//! The data plane: pure. Bytes, state and time go in, a verdict comes out. No I/O, no clock, no log, no allocation per
//! packet of a known flow. Live service, replay, benches and fuzzing all run this code.
//!
//! The rooms, in the order in which a packet meets them: `process` (the table of contents of its life), `packet` (what is read
//! from its bytes), `choose` (which exit its flow takes) with `flow` (what is remembered of a flow), `policy` (the snapshot that
//! is obeyed) and `fragment` (datagrams in pieces), `pass` (who passes, and how it leaves), `translate` (addresses of the other
//! side) and `neighbor` (the next hop), `tell` (what peers are told) with `craft` (packets of the router's own).
//! Beside the way of a packet: `tick` (what time does), `path` and `health` (what is probed), `state` (what a worker remembers).

pub mod choose;
mod context;
pub mod counters;
pub mod craft;
pub mod flow;
pub mod fragment;
pub mod health;
pub mod keyed;
pub mod lease;
pub mod limiter;
pub mod mapping;
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
