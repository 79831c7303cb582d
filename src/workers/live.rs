//! The live service's workers: threads that move frames between the TUN and the WAN links through the data plane.
//! Must never know: settings, netlink, why a link came or went.
//!
//! How to use it, from control: make the TUN (`TunDevice::create`), open `Ports` for each worker (privileged), set links
//! and routes up, then `spawn` each worker with a `Plane`. Frames that arrive between open and spawn wait in the ring.
//! Afterwards a `WorkerHandle` publishes policies, attaches links that come back, and stops the worker. A WAN link that
//! is only down needs nothing: its port works again when the link is up.

mod serve;

use super::mailbox::{Mailbox, Order};
use super::turn::Broken;
use crate::clock::Clock;
use crate::plane::Plane;
use crate::plane::counters::Counters;
use crate::plane::policy::Policy;
use crate::ports::link::Link;
use crate::ports::meter::Meter;
use crate::ports::packet_socket::{self, PacketReceive, PacketTransmit};
use crate::ports::tun::{TunDevice, TunReceive, TunTransmit};
use crate::types::{Probed, WanId};
use crossbeam::utils::CachePadded;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

/// Both halves of one worker's port on a WAN link.
#[derive(Debug)]
pub struct WanPort {
    receive: PacketReceive,
    transmit: PacketTransmit,
}

/// What one worker works with.
#[derive(Debug)]
pub struct Ports {
    inside: (TunReceive, TunTransmit),
    wans: Vec<Option<WanPort>>,
    meters: Meters,
    shared: bool,
}

/// What one worker's ports count, to be read at any time from any thread.
#[derive(Clone, Debug)]
pub struct Meters {
    /// The TUN queue.
    pub inside: Arc<Meter>,
    /// By `WanId`; a port that is attached later counts on.
    pub wans: Vec<Arc<Meter>>,
    own: Arc<CachePadded<Own>>,
}

#[derive(Debug, Default)]
struct Own {
    no_link: AtomicU64,
    outbox_full: AtomicU64,
}

impl Meters {
    fn new(wans: usize) -> Self {
        Self { inside: Arc::default(), wans: (0..wans).map(|_| Arc::default()).collect(), own: Arc::default() }
    }

    /// Frames for a WAN without a port.
    #[must_use]
    pub fn no_link(&self) -> u64 {
        self.own.no_link.load(Ordering::Relaxed)
    }

    /// Frames of the plane's own that found no room to wait in.
    #[must_use]
    pub fn outbox_full(&self) -> u64 {
        self.own.outbox_full.load(Ordering::Relaxed)
    }
}

impl Ports {
    /// Opens the ports of worker `number` (from 0): that queue of `tun`, and a port on each link of `wans`, which stand in
    /// the order of `WanId`; `None` for a WAN whose link is not there yet. `workers` is how many there will be: more than
    /// one share a link's frames, each flow staying with one worker; all links must be up then before Linux 6.13.
    ///
    /// # Errors
    /// One sentence that names the link.
    pub fn open(tun: &TunDevice, number: usize, workers: usize, wans: &[Option<Link>]) -> io::Result<Self> {
        let meters = Meters::new(wans.len());
        let inside = tun.open(number, &meters.inside).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("the TUN \"{}\" was made without a queue for worker {number}", tun.name()),
            )
        })?;
        let shared = workers > 1;
        let open = |(link, meter): (&Option<Link>, &Arc<Meter>)| {
            link.as_ref().map(|link| WanPort::open(link, shared, meter)).transpose()
        };
        let wans = wans.iter().zip(&meters.wans).map(open).collect::<io::Result<_>>()?;
        Ok(Self { inside, wans, meters, shared })
    }
}

impl WanPort {
    fn open(link: &Link, shared: bool, meter: &Arc<Meter>) -> io::Result<Self> {
        let group = shared.then(|| fanout_group(link.index));
        let (receive, transmit) = packet_socket::open(link, group, meter)?;
        Ok(Self { receive, transmit })
    }
}

/// A number for the fanout group of a link that this process's workers agree on and that other programs, who count from
/// 0 or 1 or take their process id, are unlikely to use.
fn fanout_group(index: u32) -> u16 {
    (std::process::id().wrapping_mul(0x9e37).wrapping_add(index.wrapping_mul(0x85eb)) >> 4 & 0xffff) as u16
}

/// What a worker tells control.
#[derive(Debug)]
pub enum Report {
    /// A port broke and was closed. The worker goes on without it, except without the TUN (`End::Inside`). Said once.
    Broken {
        /// Number of the worker.
        worker: usize,
        /// Which port, and what it said.
        broken: Broken,
    },
    /// Probes of the WANs' health have come to an end, oldest first; heard or given up by any worker.
    Probed(Vec<Probed>),
    /// The worker has ended: it was stopped, its TUN broke, or it panicked. Always the last word.
    Ended {
        /// Number of the worker.
        worker: usize,
        /// Whether it had been told to stop.
        stopped: bool,
    },
}

/// A running worker. Dropped without `join`, the worker runs on.
#[derive(Debug)]
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
    let worker = serve::Worker::new(number, ports, plane, clock);
    let told = Arc::clone(&mailbox);
    let thread = thread::Builder::new().name(format!("flowpin-{number}")).spawn(move || worker.run(&told, &report))?;
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
        let port = Box::new(WanPort::open(link, self.shared, meter)?);
        if self.mailbox.order(Order::Attach(wan, port)) {
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::WouldBlock, format!("a worker is too busy to take \"{}\"", link.name)))
    }

    /// Closes the worker's port on `wan`. False when the worker is too busy to hear of it.
    #[must_use]
    pub fn detach(&self, wan: WanId) -> bool {
        self.mailbox.order(Order::Detach(wan))
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

    /// Tells it to end after its turn. Does not wait.
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
