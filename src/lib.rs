//! flowpin, a userspace multi-WAN router for Linux. A guided tour, and the law of imports.
//!
//! A packet's way: a port (`ports`) receives a batch of frames, a worker (`workers`) hands each to the data plane
//! (`plane`), which rewrites it in place and returns a verdict, and the worker sends the batch on. `control` stands
//! beside: it turns the configuration (`config`) and what the kernel says of its links into the immutable `Policy` that
//! the plane obeys, sets the kernel side up and takes it down, and answers the commands (`cli`) in the words of `api`.
//! `health` is the judge of the WANs: it weighs what probes, links and real flows show of each.
//!
//! **Law of imports.** `types` sees nobody. `plane`, `health`, `ports`, `config`, `api` and `clock` see only `types`,
//! never each other. `workers` and `control` stand above them; `lab` builds networks and knows only `clock`; `cli` knows
//! all. The test `netns-tests/law.rs` reads the `use crate::` lines and fails with the broken rule as a sentence.
//!
//! Without the feature `service` only the pure rooms compile.

pub mod api;
pub mod config;
pub mod health;
pub mod plane;
pub mod types;

#[cfg(feature = "service")]
pub mod cli;
#[cfg(feature = "service")]
pub mod clock;
#[cfg(feature = "service")]
pub mod control;
#[cfg(feature = "service")]
pub mod lab;
#[cfg(feature = "service")]
pub mod ports;
#[cfg(feature = "service")]
pub mod workers;
