//! A worker's loop: a pass gives every port one turn, and when a pass moved nothing the worker waits.
//! Must never know: what the frames mean, what control does about a broken port.

use super::super::mailbox::{Mailbox, Order, PolicyCache};
use super::super::turn::{self, Broken, Transmitters, Turned};
use super::{Own, Ports, Report, WanPort};
use crate::clock::Clock;
use crate::plane::Plane;
use crate::plane::outbox::Outbox;
use crate::ports::batch::Transmit;
use crate::ports::packet_socket::PacketReceive;
use crate::ports::sys::wait::{Found, WaitSet};
use crate::ports::tun::TunReceive;
use crate::types::{End, MAX_WANS, Tick, WanId};
use crossbeam::utils::CachePadded;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// How often the kernel's own drop counters are fetched, in milliseconds; also the longest wait.
const LOOK_MS: u64 = 1000;

/// One worker, before and while it runs.
pub(super) struct Worker {
    number: usize,
    clock: Clock,
    plane: Plane,
    outbox: Outbox,
    inside: TunReceive,
    outside: TunExit,
    wans: Vec<Option<WanPort>>,
    own: Arc<CachePadded<Own>>,
}

type TunExit = crate::ports::tun::TunTransmit;

impl Worker {
    pub(super) fn new(number: usize, ports: Ports, plane: Plane, clock: Clock) -> Self {
        let (inside, outside) = ports.inside;
        let own = Arc::clone(&ports.meters.own);
        Self { number, clock, plane, outbox: Outbox::new(), inside, outside, wans: ports.wans, own }
    }

    /// Serves until told to stop, or until the TUN breaks.
    pub(super) fn run(self, mailbox: &Mailbox, report: &dyn Fn(Report)) {
        let _last_word = LastWord { worker: self.number, mailbox, report };
        let mut service = Service::new(self, mailbox, report);
        let mut policies = mailbox.policies();
        while !mailbox.is_stopped() && !service.over {
            service.read_mail(&mut policies);
            let now = service.clock.now();
            service.keep_time(now);
            let received = service.pass();
            service.report_probes();
            if received == 0 && !service.over {
                service.wait();
            }
        }
    }
}

/// Says `Ended` when the worker is left, by whatever way.
struct LastWord<'a> {
    worker: usize,
    mailbox: &'a Mailbox,
    report: &'a dyn Fn(Report),
}

impl Drop for LastWord<'_> {
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
    inside: TunReceive,
    wans: Vec<Option<PacketReceive>>,
    transmitters: Transmitters,
    own: Arc<CachePadded<Own>>,
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
        let mut waits = WaitSet::default();
        waits.push(Some(mailbox.bell()));
        waits.push(Some(worker.inside.as_fd()));
        let mut service = Self {
            number: worker.number,
            clock: worker.clock,
            plane: worker.plane,
            outbox: worker.outbox,
            inside: worker.inside,
            wans: Vec::new(),
            transmitters: Transmitters { inside: Box::new(worker.outside), wans: Vec::new() },
            own: worker.own,
            waits,
            next_tick: Tick(0),
            next_look: Tick(0),
            over: false,
            mailbox,
            report,
        };
        for (wan, port) in (0..).map(WanId).zip(worker.wans) {
            service.place(wan, port);
        }
        service
    }

    /// Gives a WAN its port, or takes it away.
    fn place(&mut self, wan: WanId, port: Option<WanPort>) {
        if wan.index() >= MAX_WANS {
            return;
        }
        while self.wans.len() <= wan.index() {
            self.wans.push(None);
            self.transmitters.wans.push(None);
            self.waits.push(None);
        }
        self.waits.set(FIRST_WAN + wan.index(), port.as_ref().map(|port| port.receive.as_fd()));
        let (receive, transmit) = port.map(|port| (port.receive, Box::new(port.transmit) as Box<dyn Transmit>)).unzip();
        if let (Some(to), Some(exit)) = (self.wans.get_mut(wan.index()), self.transmitters.wans.get_mut(wan.index())) {
            *to = receive;
            *exit = transmit;
        }
    }

    fn read_mail(&mut self, policies: &mut PolicyCache<'_>) {
        let newest = policies.load();
        if !Arc::ptr_eq(newest, self.plane.policy()) {
            self.plane.adopt(Arc::clone(newest));
            // It may want something asked at once.
            self.next_tick = Tick(0);
        }
        while let Some(order) = self.mailbox.next_order() {
            match order {
                Order::Attach(wan, port) => self.place(wan, Some(*port)),
                Order::Detach(wan) => self.place(wan, None),
            }
        }
    }

    fn keep_time(&mut self, now: Tick) {
        if now >= self.next_tick {
            self.next_tick = self.plane.tick(now, &mut self.outbox);
            let mut turned = Turned::default();
            let result = turn::flush(&mut self.transmitters, &mut self.outbox, &mut turned);
            self.settle(result.map(|()| turned));
        }
        if now >= self.next_look {
            self.next_look = now.plus_millis(LOOK_MS);
            self.wans.iter_mut().flatten().for_each(PacketReceive::count_losses);
            self.own.outbox_full.store(self.outbox.overflow, Ordering::Relaxed);
            self.check(|_| true);
        }
    }

    /// Hands over what became of probes since the last pass.
    fn report_probes(&mut self) {
        let health = &self.plane.shared().health;
        if !health.is_quiet() {
            (self.report)(Report::Probed(health.outcomes().collect()));
        }
    }

    /// One turn for every port. Returns how many frames came in.
    fn pass(&mut self) -> usize {
        let Self { clock, plane, outbox, transmitters, .. } = self;
        let result = turn::turn(clock.now(), End::Inside, &mut self.inside, transmitters, plane, outbox, &mut ());
        let mut received = self.settle(result);
        for wan in (0..).map(WanId).take(self.wans.len()) {
            let Some(Some(port)) = self.wans.get_mut(wan.index()) else { continue };
            let Self { clock, plane, outbox, transmitters, .. } = self;
            let result = turn::turn(clock.now(), End::Wan(wan), port, transmitters, plane, outbox, &mut ());
            received += self.settle(result);
        }
        received
    }

    /// Books what a turn did, closes a port that broke. Returns how many frames came in; at least one after a fault, so
    /// that the next pass looks again.
    fn settle(&mut self, result: Result<Turned, Broken>) -> usize {
        match result {
            Ok(turned) => {
                if turned.no_link != 0 {
                    self.own.no_link.fetch_add(u64::from(turned.no_link), Ordering::Relaxed);
                }
                turned.received
            }
            Err(broken) => {
                self.close(broken);
                1
            }
        }
    }

    fn close(&mut self, broken: Broken) {
        match broken.end {
            End::Inside => self.over = true,
            End::Wan(wan) => self.place(wan, None),
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
        if self.waits.found(BELL).readable {
            self.mailbox.heard();
        }
        self.check(|found| found.fault);
    }

    /// Closes the ports that broke, among those that `poll` found in a state that is `worth` asking about.
    fn check(&mut self, worth: impl Fn(Found) -> bool) {
        for wan in (0..).map(WanId).take(self.wans.len()) {
            if !worth(self.waits.found(FIRST_WAN + wan.index())) {
                continue;
            }
            let checked = self.wans.get_mut(wan.index()).and_then(Option::as_mut).map(PacketReceive::check);
            if let Some(Err(error)) = checked {
                self.close(Broken { end: End::Wan(wan), error });
            }
        }
    }
}
