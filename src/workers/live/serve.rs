//! A worker's loop: a pass gives every port one turn, and when a pass moved nothing the worker waits.
//! Must never know: what the frames mean, what control does about a broken port.

use crate::clock::Clock;
use crate::plane::Plane;
use crate::plane::outbox::Outbox;
use crate::ports::batch::Transmit;
use crate::ports::live::{LivePort, LiveReceive};
use crate::ports::sys::wait::{Readiness, WaitSet};
use crate::types::{End, MAX_WANS, Probed, Tick, WanId};
use crate::workers::mailbox::{LinkChange, Mailbox, PolicyCache};
use crate::workers::meters::Meters;
use crate::workers::port::Ports;
use crate::workers::turn::{self, Broken, Transmitters, Turned};
use std::os::fd::AsFd;
use std::sync::Arc;

/// How often the kernel's own drop counters are fetched, in milliseconds; also the longest wait.
const LOOK_MS: u64 = 1000;

/// What a worker tells control.
#[derive(Debug)]
pub enum Report {
    /// A port broke and was closed. The worker goes on without it, except without the TUN (`End::Inside`). Reported once.
    Broken {
        /// Number of the worker.
        worker: usize,
        /// Which port, and its error.
        broken: Broken,
    },
    /// Probes of the WANs' health have come to an end, oldest first; answered or given up at any worker.
    Probed(Vec<Probed>),
    /// The worker has ended: it was stopped, its TUN broke, or it panicked. Always the last report.
    Ended {
        /// Number of the worker.
        worker: usize,
        /// Whether it had been told to stop.
        stopped: bool,
    },
}

/// A worker before it runs.
pub(super) struct Worker {
    pub number: usize,
    pub clock: Clock,
    pub plane: Plane,
    pub ports: Ports,
}

impl Worker {
    /// Serves until told to stop, or until the TUN breaks.
    pub(super) fn run(self, mailbox: &Mailbox, report: &dyn Fn(Report)) {
        let _last_report = LastReport { worker: self.number, mailbox, report };
        let mut service = Service::new(self, mailbox, report);
        let mut policies = mailbox.policies();
        while !mailbox.is_stopped() && !service.over {
            service.handle_mail(&mut policies);
            service.handle_time(service.clock.now());
            let received = service.pass();
            service.next_tick = service.next_tick.min(service.plane.wake());
            service.report_probes();
            if received == 0 && !service.over {
                service.wait();
            }
        }
    }
}

/// Reports `Ended` when the worker is left, by whatever way.
struct LastReport<'a> {
    worker: usize,
    mailbox: &'a Mailbox,
    report: &'a dyn Fn(Report),
}

impl Drop for LastReport<'_> {
    fn drop(&mut self) {
        (self.report)(Report::Ended { worker: self.worker, stopped: self.mailbox.is_stopped() });
    }
}

/// A running worker: its receivers by `WanId`, its transmitters, and the set it waits on (bell, TUN, WANs).
struct Service<'a> {
    number: usize,
    clock: Clock,
    plane: Plane,
    outbox: Outbox,
    inside: Box<dyn LiveReceive + Send>,
    wans: Vec<Option<Box<dyn LiveReceive + Send>>>,
    transmitters: Transmitters,
    meters: Meters,
    waits: WaitSet,
    next_tick: Tick,
    next_look: Tick,
    over: bool,
    mailbox: &'a Mailbox,
    report: &'a dyn Fn(Report),
}

/// Positions in the wait set.
const BELL: usize = 0;
const FIRST_WAN: usize = 2;

impl<'a> Service<'a> {
    fn new(worker: Worker, mailbox: &'a Mailbox, report: &'a dyn Fn(Report)) -> Self {
        let Worker { number, clock, plane, ports } = worker;
        let mut waits = WaitSet::default();
        waits.push(Some(mailbox.bell()));
        waits.push(Some(ports.inside.receive.as_fd()));
        let mut service = Self {
            number,
            clock,
            plane,
            outbox: Outbox::new(),
            inside: ports.inside.receive,
            wans: Vec::new(),
            transmitters: Transmitters { inside: ports.inside.transmit, wans: Vec::new() },
            meters: ports.meters,
            waits,
            next_tick: Tick(0),
            next_look: Tick(0),
            over: false,
            mailbox,
            report,
        };
        for (wan, port) in (0..).map(WanId).zip(ports.wans) {
            service.set_port(wan, port);
        }
        service
    }

    /// Gives a WAN its port, or takes it away.
    fn set_port(&mut self, wan: WanId, port: Option<LivePort>) {
        if wan.index() >= MAX_WANS {
            return;
        }
        while self.wans.len() <= wan.index() {
            self.wans.push(None);
            self.transmitters.wans.push(None);
            self.waits.push(None);
        }
        self.waits.set(FIRST_WAN + wan.index(), port.as_ref().map(|port| port.receive.as_fd()));
        let (receive, transmit) = port.map(|port| (port.receive, port.transmit as Box<dyn Transmit>)).unzip();
        if let (Some(from), Some(to)) = (self.wans.get_mut(wan.index()), self.transmitters.wans.get_mut(wan.index())) {
            *from = receive;
            *to = transmit;
        }
    }

    /// Adopts the newest policy, attaches and detaches ports.
    fn handle_mail(&mut self, policies: &mut PolicyCache<'_>) {
        let newest = policies.load();
        if !Arc::ptr_eq(newest, self.plane.policy()) {
            self.plane.adopt(Arc::clone(newest));
            // A new policy may have probes and neighbours to ask at once.
            self.next_tick = Tick(0);
        }
        while let Some(change) = self.mailbox.next_link_change() {
            match change {
                LinkChange::Attach(wan, port) => self.set_port(wan, Some(port)),
                LinkChange::Detach(wan) => self.set_port(wan, None),
            }
        }
    }

    /// Does what is due by `now`: the plane's tick, and a look at the ports' losses and faults.
    fn handle_time(&mut self, now: Tick) {
        if now >= self.next_tick {
            self.next_tick = self.plane.tick(now, &mut self.outbox);
            let mut turned = Turned::default();
            let result = turn::flush(&mut self.transmitters, &mut self.outbox, &mut turned);
            self.settle(result.map(|()| turned));
        }
        if now >= self.next_look {
            self.next_look = now.plus_millis(LOOK_MS);
            self.inside.count_losses();
            self.wans.iter_mut().flatten().for_each(|port| port.count_losses());
            self.meters.set_outbox_full(self.outbox.overflow);
            self.meters.add_look();
            self.check(|_| true);
        }
    }

    /// Reports the probes that have ended since the last pass.
    fn report_probes(&mut self) {
        let health = &self.plane.shared().health;
        if !health.is_quiet() {
            (self.report)(Report::Probed(health.outcomes().collect()));
        }
    }

    /// One turn for every port. Returns how many frames came in.
    fn pass(&mut self) -> usize {
        let Self { clock, plane, outbox, transmitters, .. } = self;
        let result = turn::turn(clock.now(), End::Inside, &mut *self.inside, transmitters, plane, outbox, &mut ());
        let mut received = self.settle(result);
        for wan in (0..).map(WanId).take(self.wans.len()) {
            let Some(Some(port)) = self.wans.get_mut(wan.index()) else { continue };
            let Self { clock, plane, outbox, transmitters, .. } = self;
            let result = turn::turn(clock.now(), End::Wan(wan), &mut **port, transmitters, plane, outbox, &mut ());
            received += self.settle(result);
        }
        received
    }

    /// Counts what a turn did, closes a port that broke. Returns how many frames came in; at least one after a fault, so
    /// that the next pass looks again.
    fn settle(&mut self, result: Result<Turned, Broken>) -> usize {
        match result {
            Ok(turned) => {
                self.meters.add_no_link(turned.no_link);
                turned.received
            }
            Err(broken) => {
                self.close(broken);
                1
            }
        }
    }

    /// Closes a port that broke, and reports it.
    fn close(&mut self, broken: Broken) {
        match broken.end {
            End::Inside => self.over = true,
            End::Wan(wan) => self.set_port(wan, None),
        }
        (self.report)(Report::Broken { worker: self.number, broken });
    }

    /// Waits for frames, mail, or the next tick.
    fn wait(&mut self) {
        let due = self.next_tick.min(self.next_look);
        let millis = due.since(self.clock.now()).div_ceil(1_000_000).min(LOOK_MS);
        if let Err(error) = self.waits.wait(i32::try_from(millis).unwrap_or(0)) {
            return self.close(Broken { end: End::Inside, error });
        }
        if self.waits.readiness(BELL).readable {
            self.mailbox.silence_bell();
        }
        self.check(|port| port.fault);
    }

    /// Checks the WAN ports whose readiness is `suspect`, and closes those that broke.
    fn check(&mut self, suspect: impl Fn(Readiness) -> bool) {
        for wan in (0..).map(WanId).take(self.wans.len()) {
            if !suspect(self.waits.readiness(FIRST_WAN + wan.index())) {
                continue;
            }
            let checked = self.wans.get_mut(wan.index()).and_then(Option::as_mut).map(|port| port.check());
            if let Some(Err(error)) = checked {
                self.close(Broken { end: End::Wan(wan), error });
            }
        }
    }
}
