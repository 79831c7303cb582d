//! flowpin, a userspace multi-WAN router for Linux. A guided tour, and the law of imports.
//!
//! # Where everything lives
//!
//! | room | what is in it |
//! |---|---|
//! | `types` | words that all rooms share: frames, offloads, WAN numbers, families, standings |
//! | `config` | the file as it is said, and the settings that are meant; every fault with its place |
//! | `plane` | the data plane: bytes, state and time go in, a verdict comes out. `src/plane.rs` lists its rooms |
//! | `health` | the judge of the WANs: what probes, links and real flows show of each |
//! | `ports` | what frames come from and go to: packet sockets, the TUN, captures, memory; the only `unsafe` |
//! | `workers` | threads that turn batches of frames through the plane |
//! | `control` | the service: kernel side, links, the policy that the plane obeys, the control socket |
//! | `api` | the words of the control socket |
//! | `cli`, `lab` | the commands, and the networks that the demo and the tests build |
//!
//! # One packet
//!
//! A packet from the firewall arrives on the TUN (`src/ports/tun.rs`) in a batch that `src/workers/turn.rs` hands, frame by
//! frame, to `src/plane/process.rs`, the table of contents of its life:
//!
//! 1. `src/plane/packet/parse.rs` reads its headers once; afterwards their type is the proof.
//! 2. `src/plane/choose/outbound.rs` asks the flow table (`src/plane/flow/table.rs`) for its pin. A new flow is admitted
//!    (`src/plane/choose/admit.rs`) and gets a WAN by `src/plane/choose/steer.rs`; one whose WAN is down is judged by
//!    `src/plane/choose/failover.rs`.
//! 3. `src/plane/pass/fit.rs` judges hops and size, `src/plane/pass/mss_clamp.rs` lowers the MSS of a SYN.
//! 4. `src/plane/translate/rewrite.rs` gives it the public address and keeps its checksums.
//! 5. `src/plane/pass/send.rs` lets it leave behind the link header of the next hop, whose MAC is known to
//!    `src/plane/neighbor.rs`; or it waits in `src/plane/neighbor/queue.rs`.
//! 6. Whatever is refused on the way is a value (`src/plane/refusal.rs`) that `src/plane/tell/respond.rs` tells its sender.
//!
//! A packet from a WAN goes the same way in mirror image, up to the one door inwards in `src/plane/pass/send.rs`.
//!
//! # One lost link
//!
//! `src/control/links/watch.rs` hears of it from the kernel and tells it with the link's index, before anything is read.
//! `src/control/service/control_loop.rs` makes it an event (`src/control/controller/event.rs`) for `src/control/controller.rs`,
//! which gives it to the judge (`src/health/judge.rs`) and makes a new snapshot of the parts that changed
//! (`src/control/compile.rs`). The loop publishes that to each worker's mailbox (`src/workers/mailbox.rs`) and writes what
//! happened into `src/control/journal.rs`, which the log and the hooks read. The worker adopts the snapshot between two batches
//! (`src/plane/tick.rs`); from then on each flow of that WAN proves its pin anew with its next packet
//! (`src/plane/choose/failover.rs`), and `src/plane/tell/sweep.rs` ends the TCP connections that are silent. Meanwhile
//! `src/control/service/kernel_thread.rs` reads all tables, which may take long.
//!
//! # The law of imports
//!
//! `types` sees nobody. `plane`, `health`, `ports`, `config`, `api` and `clock` see only `types`, never each other. `workers` and
//! `control` stand above them; `lab` builds networks and knows only `clock`; `cli` knows all. Inside `plane` and `control` rooms
//! stand in rows (`netns-tests/law/rooms.rs`), and no two files import each other, not even through others. What a head says that
//! its file must never know is true. `netns-tests/law.rs` reads the source and fails with the broken rule as a sentence.
//!
//! Without the feature `service` only the pure rooms compile, without the feature `lab` all but the lab.

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
#[cfg(feature = "lab")]
pub mod lab;
#[cfg(feature = "service")]
pub mod ports;
#[cfg(feature = "service")]
pub mod workers;
