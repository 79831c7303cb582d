//! Opens and sets up everything in order, runs the control loop, and takes everything back in reverse order.
//! Must never know: what happens in between.

use super::control_loop::{ControlLoop, Inboxes, LoopState};
use super::kernel_thread::{Answer, KernelThread};
use super::kernel_view::KernelView;
use super::log::{self, JournalLog};
use super::signals::Signals;
use super::why::Why;
use super::{hooks, news};
use crate::clock::Clock;
use crate::config::settings::{OnStop, Settings};
use crate::control::controller::Controller;
use crate::control::journal::Journal;
use crate::control::kernel::{self, Guard, Kernel, Plan, Watch};
use crate::control::links::{self, Attached, Changes};
use crate::control::report::{self, OperatorCommand, Sources};
use crate::control::socket::{ControlSocket, Server};
use crate::plane::{Plane, Shared};
use crate::ports::tun::TunDevice;
use crate::workers::live::{self, Ports, Report, WorkerHandle};
use arc_swap::ArcSwap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::JoinHandle;

/// Sentences for the operator.
pub type Faults = Vec<String>;

/// How the service ended that did what it was told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// By a signal.
    Stopped,
    /// By `flowpin down`.
    Down,
}

/// What is known before anything is opened.
pub struct Startup {
    /// What the file means.
    pub settings: Arc<Settings>,
    /// The file, as it was named.
    pub config: String,
}

/// What is open before the kernel side stands.
struct Opened {
    signals: Signals,
    changes: Changes,
    controller: Controller,
    clock: Clock,
    tun: TunDevice,
    ports: Vec<Ports>,
    attached: Vec<Option<Attached>>,
    state: LoopState,
}

impl Startup {
    /// From the first change to the machine until the last. Needs a tokio runtime.
    ///
    /// # Errors
    /// What could not be opened or set up, and everything done by then is undone; or what broke; or what could not be
    /// undone.
    pub async fn run(self) -> Result<Ended, Faults> {
        let opened = self.open().await?;
        let plan = Plan::new(&self.settings, opened.controller.policy().owned());
        let (answers, answered) = mpsc::unbounded_channel();
        let thread = KernelThread::start(Arc::clone(&self.settings), answers).map_err(sentence)?;
        let Kernel { taken_over, amiss, mut guard, forwarding } = kernel::setup(&plan).await?;
        thread.hand(forwarding);
        let (why, mut faults) = match self.route(opened, (&mut guard, amiss), &thread, answered).await {
            Ok((why, faults)) => (Some(why), faults),
            Err(faults) => (None, faults),
        };
        let forwarding = thread.end();
        if self.leaves_shut(why.as_ref(), taken_over) {
            log::shut();
        } else {
            faults.extend(match forwarding {
                Some(forwarding) => kernel::teardown(guard, forwarding).await,
                None => one("rules, routes and kernel settings stay as they are: say `flowpin down`".into()),
            });
        }
        match why {
            Some(Why::Down) if faults.is_empty() => Ok(Ended::Down),
            Some(_) if faults.is_empty() => Ok(Ended::Stopped),
            _ => Err(faults),
        }
    }

    /// Whether the kernel side stays as it is at the end, so that nothing passes. `why`: what ended it; `None`: it never ran.
    fn leaves_shut(&self, why: Option<&Why>, taken_over: bool) -> bool {
        let forwards = self.settings.downstream.interface.is_some();
        forwards
            && match why {
                Some(Why::Down) => false,
                Some(Why::Signal(_) | Why::Broken(_)) => self.settings.downstream.on_stop == OnStop::Shut,
                // What a start finds shut it leaves shut, and what it finds open it leaves open.
                None => taken_over,
            }
    }

    async fn open(&self) -> Result<Opened, Faults> {
        let signals = Signals::catch().map_err(|error| one(format!("cannot catch signals: {error}")))?;
        // Subscribed before the first look: no change in between is missed.
        let changes = links::watch(&self.settings.downstream.prefixes).map_err(one)?;
        let view = KernelView::look(&self.settings, drop).await.map_err(one)?;
        let (links, inside, clock) = (view.states(), view.inside(&self.settings), Clock::start());
        let controller = Controller::new(Arc::clone(&self.settings), links, inside, clock.now());
        log::missing_router_addresses(&self.settings, controller.policy());
        let workers = worker_count(&self.settings);
        let tun = TunDevice::create(&self.settings.downstream.tun, workers).map_err(sentence)?;
        let ports = (0..workers).map(|number| Ports::open(&tun, number, workers, view.wans.len()));
        let mut ports = ports.collect::<io::Result<Vec<_>>>().map_err(sentence)?;
        let attached = view.open(&self.settings, &mut ports).map_err(sentence)?;
        let expected = view.wans.iter().flatten().filter(|link| link.takes_port()).count();
        let state = LoopState::begin(attached.iter().flatten().count() < expected);
        Ok(Opened { signals, changes, controller, clock, tun, ports, attached, state })
    }

    /// From the first packet to the last. Why it ended, and what broke.
    async fn route(
        &self,
        opened: Opened,
        (guard, amiss): (&mut Guard, Vec<String>),
        kernel: &KernelThread,
        answers: UnboundedReceiver<Answer>,
    ) -> Result<(Why, Faults), Faults> {
        let Opened { signals, changes, controller, clock, tun, ports, attached, state } = opened;
        let settings = || Arc::clone(&self.settings);
        let watch = Watch::start(&self.settings.downstream.tun, guard.port()).map_err(one)?;
        let socket = ControlSocket::bind(&self.settings.control).map_err(one)?;
        let shared =
            Arc::new(Shared::with_sources(self.settings.limits.flows, self.settings.limits.flows_per_source, secret()));
        let journal = Arc::new(Journal::default());
        let journal_log = JournalLog::start(&journal, settings()).map_err(sentence)?;
        hooks::follow(journal.reader(), settings()).map_err(sentence)?;
        let (report, reports) = mpsc::unbounded_channel();
        let workers = spawn(ports, &controller, &shared, clock, &report)?;
        drop(report);
        let (command, commands) = mpsc::unbounded_channel();
        let (end, down) = mpsc::unbounded_channel();
        let sources = Arc::new(self.sources(clock, shared, (controller, command, end), &workers, &tun));
        let server = match Server::start(socket, Arc::clone(&sources)) {
            Ok(server) => server,
            Err(error) => {
                let mut faults = one(format!("cannot answer on the control socket: {error}"));
                faults.extend(join(workers).err().unwrap_or_default());
                return Err(faults);
            }
        };
        log::ready(&self.settings, workers.len());
        let (change, links) = mpsc::channel(news::WAITING);
        let (touch, touches) = mpsc::channel(news::WAITING);
        let (own, same, port) = (settings(), settings(), guard.port());
        let bringers = [
            tokio::spawn(news::forward(changes, move || links::watch(&own.downstream.prefixes), change)),
            tokio::spawn(news::forward(watch, move || Watch::start(&same.downstream.tun, port), touch)),
        ];
        let mut inboxes = Inboxes { signals, links, reports, answers, touches, commands, down };
        let settings = settings();
        let mut control = ControlLoop { settings, sources, attached, workers, guard, kernel, journal, state };
        let why = control.run(&mut inboxes, amiss).await;
        bringers.iter().for_each(JoinHandle::abort);
        drop(journal_log);
        log::stopping(&why);
        let joined = join(control.workers);
        server.end();
        let mut faults = joined.err().unwrap_or_default();
        if let Why::Broken(sentence) = &why {
            faults.insert(0, sentence.clone());
        }
        Ok((why, faults))
    }

    fn sources(
        &self,
        clock: Clock,
        shared: Arc<Shared>,
        (controller, commands, down): (Controller, UnboundedSender<OperatorCommand>, UnboundedSender<()>),
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
            commands,
            down,
            shared,
            counters: workers.iter().map(|worker| Arc::clone(worker.counters())).collect(),
            gauge: Mutex::default(),
            kernel_side: Mutex::default(),
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

fn spawn(
    ports: Vec<Ports>,
    controller: &Controller,
    shared: &Arc<Shared>,
    clock: Clock,
    reports: &UnboundedSender<Report>,
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

/// One sentence as the list of all.
pub fn one(fault: String) -> Faults {
    vec![fault]
}

fn sentence(error: io::Error) -> Faults {
    one(error.to_string())
}
