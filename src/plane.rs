//! The data plane: pure. Bytes, state and time go in, a verdict comes out. No I/O, no clock, no log, no allocation per
//! packet of a known flow. Live service, replay, benches and fuzzing all run this code.
//! Stages are called by `process` and do not call each other.

pub mod address;
pub mod admit;
mod ask;
pub mod checksum;
pub mod counters;
mod errors;
mod failover;
mod fit;
pub mod flow;
mod followers;
pub mod fragment;
mod hairpin;
mod hang_up;
pub mod health;
mod hear;
pub mod hold;
pub mod lease;
pub mod limiter;
mod malformed;
pub mod mtu;
pub mod neighbor;
pub mod outbox;
pub mod packet;
pub mod parse;
pub mod path;
mod pin;
pub mod policy;
mod process;
mod recall;
pub mod reply;
mod reset;
mod respond;
#[cfg(test)]
pub(crate) mod sample;
pub mod sctp;
mod send;
mod state;
pub mod steer;
mod sweep;
pub mod translate;
pub mod verdict;
mod wait;
mod width;

pub use state::{Plane, Shared};
