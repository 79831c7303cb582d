//! The live service's workers: threads that move frames between the TUN and the WAN links through the data plane.
//! Must never know: settings, netlink, why a link came or went.
//!
//! How to use it, from control: make the TUN (`TunDevice::create`), open `Ports` for each worker (privileged), set links
//! and routes up, then `spawn` each worker with a `Plane`. Frames that arrive between open and spawn wait in the ring.
//! Afterwards a `WorkerHandle` publishes policies, attaches links that come back, and stops the worker. A WAN link that
//! is only down needs nothing: its port works again when the link is up.

mod serve;

pub use super::meters::Meters;
pub use super::port::Ports;
pub use serve::Report;

use super::mailbox::{LinkChange, Mailbox};
use super::port;
use crate::clock::Clock;
use crate::plane::Plane;
use crate::plane::counters::Counters;
use crate::plane::policy::Policy;
use crate::ports::link::Link;
use crate::types::WanId;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

/// A running worker. Dropped without `join`, the worker runs on.
pub struct WorkerHandle {
    mailbox: Arc<Mailbox>,
    meters: Meters,
    counters: Arc<Counters>,
    shared: bool,
    thread: JoinHandle<()>,
}

/// Starts worker `number` on a thread of its own. It begins with the policy that `plane` was made with. `report` is called
/// on that thread, rarely; it must not block.
///
/// # Errors
/// No descriptor or thread left.
pub fn spawn(
    number: usize,
    ports: Ports,
    plane: Plane,
    clock: Clock,
    report: impl Fn(Report) + Send + 'static,
) -> io::Result<WorkerHandle> {
    let mailbox = Arc::new(Mailbox::new(Arc::clone(plane.policy()))?);
    let (meters, shared, counters) = (ports.meters.clone(), ports.shared, plane.counters());
    let worker = serve::Worker { number, clock, plane, ports };
    let mail = Arc::clone(&mailbox);
    let thread = thread::Builder::new().name(format!("flowpin-{number}")).spawn(move || worker.run(&mail, &report))?;
    Ok(WorkerHandle { mailbox, meters, counters, shared, thread })
}

impl WorkerHandle {
    /// Puts a policy in force: adopted between two turns, at once when the worker is idle.
    pub fn publish(&self, policy: Arc<Policy>) {
        self.mailbox.publish(policy);
    }

    /// Opens a port on a link that has come (back) and hands it to the worker as `wan`.
    ///
    /// # Errors
    /// One sentence that names the link.
    pub fn attach(&mut self, wan: WanId, link: &Link) -> io::Result<()> {
        while self.meters.wans.len() <= wan.index() {
            self.meters.wans.push(Arc::default());
        }
        let meter = self.meters.wans.get(wan.index()).ok_or(io::ErrorKind::InvalidInput)?;
        let port = port::open_wan(link, self.shared, meter)?;
        if self.mailbox.change_link(LinkChange::Attach(wan, port)) {
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::WouldBlock, format!("a worker is too busy to take \"{}\"", link.name)))
    }

    /// Closes the worker's port on `wan`. False when the worker is too busy to take the message.
    #[must_use]
    pub fn detach(&self, wan: WanId) -> bool {
        self.mailbox.change_link(LinkChange::Detach(wan))
    }

    /// What its ports count.
    #[must_use]
    pub fn meters(&self) -> &Meters {
        &self.meters
    }

    /// What its data plane counts.
    #[must_use]
    pub fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// Lets it end after its turn. Does not wait.
    pub fn stop(&self) {
        self.mailbox.stop();
    }

    /// Stops it and waits until its ports are closed.
    ///
    /// # Errors
    /// It panicked; the panic is in the log.
    pub fn join(self) -> io::Result<()> {
        self.stop();
        self.thread.join().map_err(|_| io::Error::other("a worker thread panicked"))
    }
}

#[cfg(test)]
mod tests;
