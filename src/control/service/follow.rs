//! Between start and stop: the kernel's links change, workers report, a signal comes.
//! Must never know: how anything was opened.

use super::hooks::Hooks;
use super::machine::Machine;
use super::shielded::Shielded;
use super::{Faults, Signals, say};
use crate::clock::Clock;
use crate::config::settings::Settings;
use crate::control::controller::{Controller, Effects};
use crate::control::links::{self, Changes};
use crate::control::report::{Order, Sources, Word};
use crate::ports::link::Link;
use crate::types::{End, Outcome, Probed, Tick, WanId};
use crate::workers::live::{Report, WorkerHandle};
use ipnet::Ipv6Net;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::MissedTickBehavior;

/// How long after a failure it is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// How often it is read what the workers have counted, where that is evidence and where it only says how much passes.
const EVIDENCE: Duration = Duration::from_millis(200);
const RATES: Duration = Duration::from_secs(1);

/// Why the service stops.
#[derive(Debug)]
pub enum Why {
    /// It was told to, by this signal.
    Signal(&'static str),
    /// It cannot go on: one sentence.
    Broken(String),
}

/// The service while packets flow.
pub struct Follower<'a> {
    pub settings: &'a Settings,
    pub sources: Arc<Sources>,
    /// By WAN: the index of the link that the workers have ports on.
    pub attached: Vec<Option<u32>>,
    pub workers: Vec<WorkerHandle>,
    pub shielded: Shielded<'a>,
    /// What stays missing of the kernel side, as last said.
    pub faults: Faults,
    /// Who else is told what becomes of WANs.
    pub hooks: Hooks,
    /// A port could not be opened or broke: look again though nothing is said to have changed.
    pub retry: bool,
    /// When the controller is to be told the time.
    pub wake: Option<Tick>,
    /// Delegated prefixes of which it was said that somebody must say whose they are.
    pub asked: Vec<Ipv6Net>,
    /// Until then the bell is not heard.
    pub rest: Tick,
}

impl Follower<'_> {
    /// Follows until there is a reason to stop. `changed` rings when the kernel's links may have changed.
    pub async fn follow(
        &mut self,
        mut signals: Signals,
        changed: &Notify,
        mut inbox: UnboundedReceiver<Report>,
        mut orders: UnboundedReceiver<Order>,
    ) -> Why {
        let clock = self.sources.clock;
        let mut retry = tokio::time::interval(RETRY);
        retry.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut reading = tokio::time::interval(if self.settings.traffic_evidence { EVIDENCE } else { RATES });
        reading.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // Whatever is not chosen is dropped: each of these may be, without losing what it waits for.
            tokio::select! {
                name = signals.next() => return Why::Signal(name),
                report = inbox.recv() => if let Some(why) = self.hear(report).await { return why },
                () = rung(changed, clock, self.rest) => self.look_again().await,
                _ = retry.tick(), if self.retry => self.look_again().await,
                _ = reading.tick() => self.read_traffic().await,
                () = until(clock, self.wake) => self.obey(|controller, now| controller.tick(now)).await,
                Some(order) = orders.recv() => self.follow_order(order).await,
            }
        }
    }

    /// What a worker says. A reason to stop, if it is one.
    async fn hear(&mut self, report: Option<Report>) -> Option<Why> {
        let broken = match report {
            Some(Report::Broken { broken, .. }) => broken,
            Some(Report::Ended { stopped: true, .. }) => return None,
            Some(Report::Probed(probed)) => {
                probed.iter().for_each(|probed| self.note(probed));
                // What came before a failure is told apart from what comes after it.
                self.read_traffic().await;
                self.obey(|controller, now| controller.probed(now, &probed)).await;
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
        tracing::warn!("WAN \"{}\" lost its port: {}", self.name(id), broken.error);
        if let Some(attached) = self.attached.get_mut(id.index()) {
            *attached = None;
        }
        self.retry = true;
        None
    }

    fn note(&self, probed: &Probed) {
        let (wan, probe) = (self.name(probed.wan), probed.probe);
        match probed.outcome {
            Outcome::Passed { round_trip } => tracing::debug!("WAN \"{wan}\": probe {probe} passed in {round_trip} ns"),
            Outcome::Failed(why) => tracing::debug!("WAN \"{wan}\": probe {probe} failed: {why:?}"),
        }
    }

    /// Reads what the flows show, and tells it if it has a say.
    async fn read_traffic(&mut self) {
        let (sources, has_say) = (Arc::clone(&self.sources), self.settings.traffic_evidence);
        if has_say {
            self.obey(|controller, now| controller.traffic(now, &sources.read_gauge(now))).await;
        } else {
            let _ = sources.read_gauge(sources.clock.now());
        }
    }

    /// An operator's word. Who asked may be gone by now.
    async fn follow_order(&mut self, order: Order) {
        let Order { wan, word, done } = order;
        let now = self.sources.clock.now();
        let answer = match word {
            Word::Treat { verb, reason } => {
                tracing::info!(wan = self.name(wan), reason, "{} by hand", verb.name());
                Ok(self.sources.controller().by_hand(now, wan, verb, &reason))
            }
            Word::Prefix { prefix, seconds } => self.sources.controller().prefix_set(now, wan, prefix, seconds),
        };
        let answer = match answer {
            Ok(effects) => {
                self.put_in_force(effects).await;
                Ok(())
            }
            Err(sentence) => Err(sentence),
        };
        let _ = done.send(answer);
    }

    /// Tells the controller of an event, and does what follows.
    async fn obey(&mut self, event: impl FnOnce(&mut Controller, Tick) -> Effects) {
        let effects = event(&mut self.sources.controller(), self.sources.clock.now());
        self.put_in_force(effects).await;
    }

    async fn put_in_force(&mut self, effects: Effects) {
        for change in &effects.leases {
            say::lease(self.name(change.wan), change, effects.trace);
            self.hooks.tell(say::lease_event(self.settings, change, effects.trace));
        }
        for change in effects.changes.iter().filter(|change| say::is_worth_saying(self.settings, change)) {
            say::transition(self.name(change.wan), change);
            self.hooks.tell(say::event(self.settings, change));
        }
        if let Some(policy) = effects.policy {
            tracing::debug!(epoch = policy.epoch, "new policy");
            // A new address waits until the kernel is silent about it; if it will not be, traffic goes before silence. One
            // that went leaves the shield a while later.
            if policy.owns_anew() {
                match self.shielded.widen(&policy.owned()).await {
                    Ok(is_wide) => self.retry |= is_wide,
                    Err(sentence) => {
                        tracing::warn!("{sentence}");
                        self.retry = true;
                    }
                }
            }
            self.workers.iter().for_each(|worker| worker.publish(Arc::clone(&policy)));
            self.sources.policy.store(policy);
        }
        self.wake = effects.wake;
    }

    fn name(&self, id: WanId) -> &str {
        self.settings.wans.get(id.index()).map_or("?", |wan| wan.name.as_str())
    }

    /// Reads the links and brings ports, shield and policy up to date.
    async fn look_again(&mut self) {
        let begun = self.sources.clock.now();
        self.look().await;
        // Whole tables are read, of a million routes in seconds: at most half of the time, however often it rings.
        let ended = self.sources.clock.now();
        self.rest = Tick(ended.0.saturating_add(ended.since(begun)));
    }

    async fn look(&mut self) {
        let machine = match Machine::look(self.settings).await {
            Ok(machine) => machine,
            Err(sentence) => return tracing::warn!("{sentence}"),
        };
        self.retry = false;
        machine.undecided.iter().filter(|prefix| !self.asked.contains(prefix)).for_each(say::undecided);
        self.asked.clone_from(&machine.undecided);
        let opened = self.attach(&machine);
        if opened {
            // Nothing is sent by a link that is not shielded yet.
            self.mend(true).await;
        }
        let (links, inside) = (machine.states(), machine.inside(self.settings));
        self.obey(|controller, now| controller.links_seen(now, links, inside)).await;
        if !opened {
            self.mend(false).await;
        }
    }

    /// Makes the kernel side whole again; what it cannot is said once, not at every look.
    async fn mend(&mut self, opened: bool) {
        let owned = self.sources.policy.load().owned();
        let faults = self.shielded.mend(&owned, opened).await;
        if faults != self.faults {
            faults.iter().for_each(|sentence| tracing::warn!("{sentence}"));
            if faults.is_empty() {
                tracing::info!("rules, routes and kernel settings are whole again");
            }
            self.faults = faults;
        }
    }

    /// Opens ports on links that came (back), closes those of links that went. Whether a port was opened.
    fn attach(&mut self, machine: &Machine) -> bool {
        let mut opened = false;
        for (id, link) in (0..).map(WanId).zip(&machine.wans) {
            let Some(before) = self.attached.get(id.index()).copied() else { continue };
            let now = match link {
                None if before.is_some() => {
                    tracing::warn!("WAN \"{}\": its link is gone", self.name(id));
                    // A worker too busy to hear of it finds out by itself.
                    self.workers.iter().for_each(|worker| _ = worker.detach(id));
                    None
                }
                Some(link) if link.up && before != Some(link.index) => {
                    let open = self.open(id, &link.name);
                    opened |= open;
                    open.then_some(link.index)
                }
                _ => before,
            };
            if let Some(attached) = self.attached.get_mut(id.index()) {
                *attached = now;
            }
        }
        opened
    }

    fn open(&mut self, id: WanId, name: &str) -> bool {
        let opened = Link::find(name).and_then(|link| self.workers.iter_mut().try_for_each(|it| it.attach(id, &link)));
        match opened {
            Ok(()) => tracing::info!("WAN \"{}\" is on link \"{name}\"", self.name(id)),
            Err(ref error) => {
                tracing::debug!("WAN \"{}\": {error}", self.name(id));
                self.retry = true;
            }
        }
        opened.is_ok()
    }
}

/// Waits until then; without a time, for ever.
async fn until(clock: Clock, wake: Option<Tick>) {
    match wake {
        Some(wake) => tokio::time::sleep(Duration::from_nanos(wake.since(clock.now()))).await,
        None => std::future::pending().await,
    }
}

/// Waits until the bell has rung and the rest is over.
async fn rung(changed: &Notify, clock: Clock, rest: Tick) {
    if rest > clock.now() {
        until(clock, Some(rest)).await;
    }
    changed.notified().await;
}

/// Rings `changed` when the kernel's links may have changed, and whenever it had to subscribe anew. Never ends.
pub async fn ring(mut changes: Changes, settings: Arc<Settings>, changed: Arc<Notify>) {
    loop {
        while changes.changed().await.is_ok() {
            changed.notify_one();
        }
        changes = loop {
            tokio::time::sleep(RETRY).await;
            match links::watch(&settings.downstream.prefixes) {
                Ok(changes) => break changes,
                Err(sentence) => tracing::warn!("{sentence}"),
            }
        };
        changed.notify_one();
    }
}
