//! Between start and stop: one thread that takes everything that happens, in turn, asks the controller what follows, and
//! does that. It waits for nothing slow: tables are read and mended by the kernel thread, lists of flows are gathered by
//! the control socket's, and log and hooks read the journal on theirs. Must never know: how anything was opened.

mod kernel_side;
mod quarrel;

use self::quarrel::Quarrel;
use super::kernel_thread::{Answer, KernelThread, Request};
use super::kernel_view::KernelView;
use super::lapses::Lapses;
use super::log;
use super::looks::Looks;
use super::signals::Signals;
use super::watchdog::Watchdog;
use super::why::Why;
use crate::clock::{self, Clock};
use crate::config::settings::Settings;
use crate::control::controller::{Effects, Event};
use crate::control::journal::{Entry, Happened, Journal};
use crate::control::kernel::{Guard, Touched};
use crate::control::links::{Attached, News};
use crate::control::report::{Command, OperatorCommand, Sources};
use crate::health::Trace;
use crate::plane::policy::Policy;
use crate::ports::link::Link;
use crate::types::{End, Outcome, Owned, Probed, Tick, WanId};
use crate::workers::live::{Report, WorkerHandle};
use ipnet::Ipv6Net;
use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, UnboundedReceiver};
use tokio::time::{Interval, MissedTickBehavior};

/// How long after a failure it is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// How often it is read what the workers have counted, where that is evidence and where it only says how much passes.
const EVIDENCE: Duration = Duration::from_millis(200);
const RATES: Duration = Duration::from_secs(1);
/// How often it is looked whether the kernel side is whole, though nobody said that it was changed.
const KERNEL_SIDE: Duration = Duration::from_secs(10);

/// Where everything comes from that happens.
pub struct Inboxes {
    /// What ends the service.
    pub signals: Signals,
    /// What the kernel says of its links.
    pub links: Receiver<News>,
    /// What the workers say.
    pub reports: UnboundedReceiver<Report>,
    /// What was asked of the kernel thread.
    pub answers: UnboundedReceiver<Answer>,
    /// What somebody did to the kernel side.
    pub touches: Receiver<Touched>,
    /// What operators say.
    pub commands: UnboundedReceiver<OperatorCommand>,
    /// That it has to end.
    pub down: UnboundedReceiver<()>,
}

/// The service while packets flow.
pub struct ControlLoop<'a> {
    pub settings: Arc<Settings>,
    pub sources: Arc<Sources>,
    /// By WAN: the link that the workers have ports on.
    pub attached: Vec<Option<Attached>>,
    pub workers: Vec<WorkerHandle>,
    pub guard: &'a mut Guard,
    pub kernel: &'a KernelThread,
    pub journal: Arc<Journal>,
    pub state: LoopState,
}

/// What the loop remembers.
#[derive(Debug, Default)]
pub struct LoopState {
    looks: Looks,
    /// The same of the rules, routes and switches that flowpin made.
    repairs: Looks,
    /// How much of what somebody keeps changing was told.
    quarrel: Quarrel,
    /// What stays missing of the kernel side, as last said: of the guard, then of what forwards.
    unguarded: Option<String>,
    missing: Vec<String>,
    lapses: Lapses,
    /// When the first gateway that has lost its route is given up.
    lapse_ends: Option<Tick>,
    /// Something could not be done: look again though nothing is said to have changed.
    retry: bool,
    /// WANs whose links are up and refused a port at the last look.
    refused: BTreeMap<WanId, Refused>,
    /// When the controller is to be told the time.
    wake: Option<Tick>,
    /// Delegated prefixes of which it was said that somebody must say whose they are.
    asked: Vec<Ipv6Net>,
}

/// A WAN without a port.
#[derive(Debug)]
struct Refused {
    /// Looks in a row that brought none. The first may have met a link on its way down, and is nothing to tell of.
    times: u32,
    why: Arc<str>,
}

impl LoopState {
    /// After a start that left a WAN without a port that its link should take: it is tried again.
    pub fn begin(retry: bool) -> Self {
        Self { retry, ..Self::default() }
    }
}

impl ControlLoop<'_> {
    /// Runs until there is a reason to stop. `amiss`: what is amiss of the kernel side, which has just been made.
    pub async fn run(&mut self, inboxes: &mut Inboxes, amiss: Vec<String>) -> Why {
        let clock = self.sources.clock;
        let (mut retry, mut kernel_side) = (interval(RETRY), interval(KERNEL_SIDE));
        // The kernel side has just been made.
        kernel_side.reset();
        let mut watchdog = Watchdog::of_environment();
        let mut feeding = watchdog.period().map(interval);
        let mut reading = interval(if self.settings.traffic_evidence { EVIDENCE } else { RATES });
        self.note_missing(None, amiss);
        // At once: what is known from the start is told.
        self.obey(Event::Tick).await;
        loop {
            if self.state.looks.begin(clock.now()) {
                self.kernel.ask(Request::Look);
            }
            if self.state.repairs.begin(clock.now()) {
                self.kernel.ask(Request::Repair);
            }
            let Inboxes { signals, links, reports, answers, touches, commands, down } = inboxes;
            // Whatever is not chosen is dropped: each of these may be, without losing what it waits for.
            tokio::select! {
                biased;
                name = signals.next() => return Why::Signal(name),
                Some(()) = down.recv() => return Why::Down,
                () = next(&mut feeding) => watchdog.feed(self.workers.iter().map(|it| it.meters().looks()).collect()),
                Some(news) = links.recv() => self.handle_links(news).await,
                report = reports.recv() => if let Some(why) = self.handle_report(report).await { return why },
                () = until(clock, self.state.wake) => self.obey(Event::Tick).await,
                Some(answer) = answers.recv() => self.handle_answer(answer).await,
                Some(touched) = touches.recv() => self.handle_touched(touched).await,
                Some(command) = commands.recv() => self.handle_command(command).await,
                _ = kernel_side.tick() => self.look_at_kernel_side().await,
                _ = reading.tick() => self.read_traffic().await,
                _ = retry.tick(), if self.state.retry => self.state.looks.want(),
                () = until(clock, self.state.lapse_ends) => {
                    self.state.lapse_ends = None;
                    self.state.looks.want();
                }
                () = until(clock, self.state.looks.due()) => {}
                () = until(clock, self.state.repairs.due()) => {}
            }
        }
    }

    /// What the kernel says of its links.
    async fn handle_links(&mut self, news: News) {
        match news {
            News::Changed => self.state.looks.want(),
            News::Lost(indices) => {
                indices.iter().for_each(|index| self.state.looks.note_lost(*index));
                self.lose(|index| indices.contains(&index)).await;
            }
        }
    }

    /// The links with these indices carry nothing any more.
    async fn lose(&mut self, is_lost: impl Fn(u32) -> bool) {
        let ids = (0..).map(WanId).zip(&self.attached);
        let lost: Vec<_> = ids.filter(|(_, on)| on.is_some_and(|on| is_lost(on.index))).map(|(id, _)| id).collect();
        if !lost.is_empty() {
            self.obey(Event::LinkLost(lost)).await;
        }
    }

    async fn handle_answer(&mut self, answer: Answer) {
        match answer {
            Answer::Lit(lit) => self.lose(|index| !lit.contains(&index)).await,
            Answer::Seen(view) => {
                let lost = self.state.looks.end(self.sources.clock.now());
                match view {
                    Ok(mut view) => {
                        view.darken(&lost);
                        self.handle_view(&view).await;
                    }
                    Err(sentence) => {
                        tracing::warn!("{sentence}");
                        self.state.retry = true;
                    }
                }
            }
            Answer::Repaired(repaired) => self.handle_repaired(repaired).await,
        }
    }

    /// The kernel's links were read: brings ports, guard and policy up to date.
    async fn handle_view(&mut self, view: &KernelView) {
        self.state.retry = false;
        view.undecided.iter().filter(|prefix| !self.state.asked.contains(prefix)).for_each(log::undecided);
        self.state.asked.clone_from(&view.undecided);
        if self.attach(view) {
            // Nothing is sent by a link that is not shielded yet.
            self.guard_anew(&self.owned()).await;
        }
        let (mut links, inside) = (view.states(), view.inside(&self.settings));
        self.state.lapse_ends = self.state.lapses.keep(&mut links, self.sources.clock.now());
        for (wan, refused) in self.state.refused.iter().filter(|(_, refused)| refused.times > 1) {
            links.get_mut(wan.index()).into_iter().for_each(|link| link.unusable = Some(Arc::clone(&refused.why)));
        }
        self.obey(Event::Links { links, inside }).await;
        let owned = self.owned();
        if !self.guard.is_for(&owned) {
            self.guard_anew(&owned).await;
        }
        self.state.repairs.want();
    }

    fn owned(&self) -> Vec<Owned> {
        self.sources.policy.load().owned()
    }

    /// What a worker says. A reason to stop, if it is one.
    async fn handle_report(&mut self, report: Option<Report>) -> Option<Why> {
        let broken = match report {
            Some(Report::Broken { broken, .. }) => broken,
            Some(Report::Ended { stopped: true, .. }) => return None,
            Some(Report::Probed(probed)) => {
                probed.iter().for_each(|probed| self.note_probed(probed));
                // What came before a failure is told apart from what comes after it.
                self.read_traffic().await;
                self.obey(Event::Probed(probed)).await;
                return None;
            }
            Some(Report::Ended { worker, .. }) => {
                return Some(Why::Broken(format!(
                    "worker {worker} ended unasked: report this, and start flowpin again"
                )));
            }
            None => return Some(Why::Broken("every worker ended".to_owned())),
        };
        let End::Wan(id) = broken.end else {
            let (tun, error) = (&self.settings.downstream.tun, broken.error);
            return Some(Why::Broken(format!("the TUN \"{tun}\" is gone or broken ({error}): start flowpin again")));
        };
        self.write(Trace::default(), Happened::PortLost { wan: id, error: broken.error.to_string() });
        if let Some(attached) = self.attached.get_mut(id.index()) {
            *attached = None;
        }
        self.state.retry = true;
        None
    }

    fn note_probed(&self, probed: &Probed) {
        let (wan, probe) = (self.name(probed.wan), probed.probe);
        match probed.outcome {
            Outcome::Passed { round_trip } => tracing::debug!("WAN \"{wan}\": probe {probe} passed in {round_trip} ns"),
            Outcome::Failed(why) => tracing::debug!("WAN \"{wan}\": probe {probe} failed: {why:?}"),
        }
    }

    /// Reads what the flows show, and tells it if it has a say.
    async fn read_traffic(&mut self) {
        let evidence = self.sources.read_gauge(self.sources.clock.now());
        if self.settings.traffic_evidence {
            self.obey(Event::Traffic(evidence)).await;
        }
    }

    /// An operator's word. Who asked may be gone by now.
    async fn handle_command(&mut self, command: OperatorCommand) {
        let OperatorCommand { wan, command, done } = command;
        let event = match command {
            Command::Treat { verb, reason } => {
                self.write(Trace::default(), Happened::Operator { wan, verb, reason: reason.clone() });
                Event::Operator { wan, verb, reason }
            }
            Command::Prefix { prefix, seconds } => Event::Prefix { wan, prefix, seconds },
        };
        let refused = self.try_obey(event).await;
        let _ = done.send(refused.map_or(Ok(()), Err));
    }

    /// Tells the controller of an event that cannot be refused, and does what follows.
    async fn obey(&mut self, event: Event) {
        let _ = self.try_obey(event).await;
    }

    /// Tells the controller of an event, and does what follows. Why it cannot be, if it cannot.
    async fn try_obey(&mut self, event: Event) -> Option<String> {
        let effects = self.sources.controller().handle(event, self.sources.clock.now());
        let Effects { policy, changes, leases, trace, wake, refused } = effects;
        self.state.wake = wake;
        if let Some(policy) = policy {
            self.put_in_force(policy).await;
        }
        leases.into_iter().for_each(|change| self.write(trace, Happened::Address(change)));
        // A family that a WAN does not carry is nobody's loss.
        let carries = |wan: WanId, family| self.settings.wans.get(wan).is_some_and(|wan| wan.carries(family));
        let changes: Vec<_> = changes.into_iter().filter(|change| carries(change.wan, change.family)).collect();
        changes.into_iter().for_each(|change| self.write(change.trace, Happened::State(change)));
        refused
    }

    /// A new address waits until the kernel is silent about it; if it will not be, traffic goes before silence. One that
    /// went leaves the shield a while later.
    async fn put_in_force(&mut self, policy: Arc<Policy>) {
        tracing::debug!(epoch = policy.epoch, "new policy");
        if policy.owns_anew() {
            let owned = policy.owned();
            if let Err(sentence) = self.guard.widen(&owned).await {
                tracing::warn!("{sentence}");
            }
            self.state.retry |= !self.guard.is_for(&owned);
        }
        self.workers.iter().for_each(|worker| worker.publish(Arc::clone(&policy)));
        self.sources.policy.store(policy);
    }

    fn write(&self, trace: Trace, what: Happened) {
        self.journal.write(Entry { at: clock::wall(), trace, what });
    }

    fn name(&self, id: WanId) -> &str {
        self.settings.wans.get(id).map_or("?", |wan| wan.name.as_str())
    }

    /// Opens ports on links that came (back), closes those of links that went. Whether a port was opened.
    fn attach(&mut self, view: &KernelView) -> bool {
        let mut opened = false;
        let refused = mem::take(&mut self.state.refused);
        for (id, link) in (0..).map(WanId).zip(&view.wans) {
            let Some(before) = self.attached.get(id.index()).copied() else { continue };
            let now = match link {
                // One of this name that takes no port is another than the one before.
                _ if before.is_some() && link.as_ref().is_none_or(|link| link.unusable().is_some()) => {
                    self.write(Trace::default(), Happened::LinkGone(id));
                    // A worker too busy to hear of it finds out by itself.
                    self.workers.iter().for_each(|worker| _ = worker.detach(id));
                    None
                }
                Some(link) if link.takes_port() && before != Some(link.attached()) => {
                    let times = refused.get(&id).map_or(1, |refused| refused.times.saturating_add(1));
                    let open = self.open(id, &link.name, times);
                    opened |= open;
                    open.then(|| link.attached())
                }
                _ => before,
            };
            if let Some(attached) = self.attached.get_mut(id.index()) {
                *attached = now;
            }
        }
        opened
    }

    /// Opens the ports of a WAN, for the so manieth time in a row.
    fn open(&mut self, id: WanId, name: &str, times: u32) -> bool {
        let is_tagged = self.settings.wans.get(id).is_some_and(|wan| wan.vlan.is_some());
        let found = Link::find(name).map(|link| link.with_every_vlan(is_tagged));
        let opened = found.and_then(|link| self.workers.iter_mut().try_for_each(|it| it.attach(id, &link)));
        match opened {
            Ok(()) => self.write(Trace::default(), Happened::Attached { wan: id, link: name.to_owned() }),
            Err(ref error) => {
                tracing::debug!("WAN \"{}\": {error}", self.name(id));
                self.state.refused.insert(id, Refused { times, why: error.to_string().into() });
                self.state.retry = true;
            }
        }
        opened.is_ok()
    }
}

fn interval(period: Duration) -> Interval {
    let mut interval = tokio::time::interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

/// Waits for its next tick; without an interval, for ever.
async fn next(interval: &mut Option<Interval>) {
    match interval {
        Some(interval) => drop(interval.tick().await),
        None => std::future::pending().await,
    }
}

/// Waits until then; without a time, for ever.
async fn until(clock: Clock, wake: Option<Tick>) {
    match wake {
        Some(wake) => tokio::time::sleep(Duration::from_nanos(wake.since(clock.now()))).await,
        None => std::future::pending().await,
    }
}
