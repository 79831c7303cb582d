//! The running service: everything is opened and set up in order and taken back in reverse order; in between the control
//! thread follows the kernel's links, answers the control socket and waits for a signal.
//!
//! ```text
//!  kernel's links ---netlink---> follow ---Policy---> mailboxes of the worker threads (TUN <-> plane <-> WAN links)
//!  probes' ends ----Report-----> the same: each is an event for the controller, who says what follows
//!  what flows show -Counters---> the same, read a few times a second
//!  commands --------HTTP-------> socket ---Sources--> shared state, counters and meters of the workers
//!                                       ----Order---> follow: an operator's word is an event too
//!  SIGTERM, SIGINT, the end of a worker ------------> stop
//! ```
//! Must never know: what a packet means.

mod directory;
mod follow;
mod hooks;
mod machine;
mod say;
mod shielded;

use super::controller::Controller;
use super::kernel::{self, Plan};
use super::report::{self, Order, Sources};
use super::socket::{ControlSocket, Server};
use super::{links, rights};
use crate::clock::Clock;
use crate::config::settings::Settings;
use crate::plane::{Plane, Shared};
use crate::ports::tun::TunDevice;
use crate::types::Tick;
use crate::workers::live::{self, Ports, Report, WorkerHandle};
use arc_swap::ArcSwap;
use directory::Directory;
use follow::{Follower, Why};
use hooks::Hooks;
use machine::Machine;
use shielded::Shielded;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, mpsc};

/// Sentences for the operator.
pub type Faults = Vec<String>;

/// Routes until SIGTERM or SIGINT. `config` is the file's name, for `status`.
///
/// # Errors
/// What could not be opened or set up, and everything done by then is undone; or what broke; or what could not be undone.
pub fn run(settings: Settings, config: &Path) -> Result<(), Faults> {
    rights::check().map_err(one)?;
    let socket = &settings.control.socket;
    let _directory = Directory::make(socket.parent().unwrap_or(Path::new("/"))).map_err(one)?;
    let _lock = kernel::lock(socket).map_err(one)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| one(format!("cannot start an event loop: {error}")))?;
    runtime.block_on(Stage { settings: Arc::new(settings), config: config.display().to_string() }.play())
}

/// What is known before anything is opened.
struct Stage {
    settings: Arc<Settings>,
    config: String,
}

/// SIGTERM and SIGINT, caught from before the first change to the machine until after the last.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn catch() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

impl Stage {
    async fn play(self) -> Result<(), Faults> {
        let signals = Signals::catch().map_err(|error| one(format!("cannot catch signals: {error}")))?;
        // Subscribed before the first look: no change in between is missed.
        let changes = links::watch(&self.settings.downstream.prefixes).map_err(one)?;
        let machine = Machine::look(&self.settings).await.map_err(one)?;
        let (links, inside, clock) = (machine.states(), machine.inside(&self.settings), Clock::start());
        let controller = Controller::new(Arc::clone(&self.settings), links, inside, clock.now());
        say::missing_router_addresses(&self.settings, controller.policy());
        let workers = worker_count(&self.settings);
        let tun = TunDevice::create(&self.settings.downstream.tun, workers).map_err(sentence)?;
        let ports = open_ports(&tun, workers, &machine)?;
        let owned = controller.policy().owned();
        let mut kernel = kernel::setup(&Plan::new(&self.settings, owned.clone())).await?;
        let shielded = Shielded { kernel: &mut kernel, owned };
        let outcome = self.forward(signals, changes, machine, (controller, clock), (&tun, ports), shielded).await;
        let left = kernel.teardown().await;
        let mut faults = outcome.err().unwrap_or_default();
        faults.extend(left);
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    /// From the first packet to the last.
    async fn forward(
        &self,
        signals: Signals,
        changes: links::Changes,
        machine: Machine,
        (controller, clock): (Controller, Clock),
        (tun, ports): (&TunDevice, Vec<Ports>),
        shielded: Shielded<'_>,
    ) -> Result<(), Faults> {
        let socket = ControlSocket::bind(&self.settings.control).map_err(one)?;
        let shared = Arc::new(Shared::new(self.settings.limits.flows, secret()));
        let hooks = Hooks::start(&self.settings.hooks).map_err(sentence)?;
        let (reports, inbox) = mpsc::unbounded_channel();
        let workers = spawn(ports, &controller, &shared, clock, &reports)?;
        drop(reports);
        let (orders, wanted) = mpsc::unbounded_channel();
        let sources = Arc::new(self.sources(clock, shared, (controller, orders), &workers, tun));
        let server = match Server::start(socket, Arc::clone(&sources)) {
            Ok(server) => server,
            Err(error) => {
                let mut faults = one(format!("cannot answer on the control socket: {error}"));
                faults.extend(join(workers).err().unwrap_or_default());
                return Err(faults);
            }
        };
        say::ready(&self.settings, workers.len());
        let mut follower = Follower {
            settings: &self.settings,
            sources,
            attached: machine.attached(),
            workers,
            shielded,
            faults: Vec::new(),
            hooks,
            retry: false,
            // At once: what is known from the start is told.
            wake: Some(Tick(0)),
            asked: Vec::new(),
            rest: Tick(0),
        };
        let changed = Arc::new(Notify::new());
        let ringer = tokio::spawn(follow::ring(changes, Arc::clone(&self.settings), Arc::clone(&changed)));
        let why = follower.follow(signals, &changed, inbox, wanted).await;
        ringer.abort();
        say::stopping(&why);
        let joined = join(follower.workers);
        server.end();
        match why {
            Why::Signal(_) => joined,
            Why::Broken(sentence) => Err(one(sentence)),
        }
    }

    fn sources(
        &self,
        clock: Clock,
        shared: Arc<Shared>,
        (controller, orders): (Controller, mpsc::UnboundedSender<Order>),
        workers: &[WorkerHandle],
        tun: &TunDevice,
    ) -> Sources {
        Sources {
            settings: Arc::clone(&self.settings),
            config: self.config.clone(),
            clock,
            ready: clock.now(),
            policy: ArcSwap::new(Arc::clone(controller.policy())),
            controller: Mutex::new(controller),
            orders,
            shared,
            counters: workers.iter().map(|worker| Arc::clone(worker.counters())).collect(),
            gauge: Mutex::default(),
            meters: workers.iter().map(|worker| worker.meters().clone()).collect(),
            offloads: tun.offloads().iter().map(|name| (*name).to_owned()).collect(),
            unserved: report::queue_full(&self.settings.downstream.tun),
        }
    }
}

/// A number that nobody outside can guess: what the standard library keys its hash maps with.
fn secret() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// As configured; else one per processor and at most four. Bulk traffic of many flows gains from the second worker even
/// where the kernel's own work shares its processor; floods of small packets lose less than that.
fn worker_count(settings: &Settings) -> usize {
    let processors = || std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    settings.workers.threads.unwrap_or_else(|| processors().clamp(1, 4))
}

fn open_ports(tun: &TunDevice, workers: usize, machine: &Machine) -> Result<Vec<Ports>, Faults> {
    let links = machine.links()?;
    (0..workers).map(|number| Ports::open(tun, number, workers, &links).map_err(sentence)).collect()
}

fn spawn(
    ports: Vec<Ports>,
    controller: &Controller,
    shared: &Arc<Shared>,
    clock: Clock,
    reports: &mpsc::UnboundedSender<Report>,
) -> Result<Vec<WorkerHandle>, Faults> {
    let mut workers = Vec::new();
    for (number, ports) in ports.into_iter().enumerate() {
        let plane = Plane::new(Arc::clone(controller.policy()), Arc::clone(shared), number == 0);
        let reports = reports.clone();
        // The receiver is gone only after the last worker has been joined.
        let report = move |report| drop(reports.send(report));
        match live::spawn(number, ports, plane, clock, report) {
            Ok(worker) => workers.push(worker),
            Err(error) => {
                let mut faults = one(format!("cannot start worker {number}: {error}"));
                faults.extend(join(workers).err().unwrap_or_default());
                return Err(faults);
            }
        }
    }
    Ok(workers)
}

fn join(workers: Vec<WorkerHandle>) -> Result<(), Faults> {
    workers.iter().for_each(WorkerHandle::stop);
    let faults: Faults = workers.into_iter().filter_map(|worker| worker.join().err()).map(|e| e.to_string()).collect();
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

fn one(fault: String) -> Faults {
    vec![fault]
}

fn sentence(error: io::Error) -> Faults {
    one(error.to_string())
}
