//! Everything that is on the stage while the lab plays, and time passing there: what is seen is drawn and kept.
//! Must never know: the plot.

use super::interrupt::{Interrupt, Wait};
use super::look::Look;
use super::show::Show;
use super::story::Event;
use super::timeline::Timeline;
use crate::api::{Status, Wan};
use crate::cli::complain;
use crate::clock::Clock;
use crate::lab::topology::Line;
use crate::lab::traffic::stream::Sink;
use crate::lab::traffic::{Traffic, Wires};
use crate::lab::{Lab, Service};
use std::io::{self, Error, ErrorKind};
use std::time::Duration;

/// How often it is looked whether what is waited for has happened.
const GLANCE: Duration = Duration::from_millis(2);
/// Milliseconds between two samples, between two tables, and between two lines where nobody watches.
const SAMPLE: u64 = 250;
const TABLE: u64 = 1000;
const LINE: u64 = 5000;
/// Milliseconds that anything is waited for. All of these are for a quick machine.
const PATIENCE: u64 = 10_000;

/// The stage.
pub struct Scene<'a> {
    pub lab: &'a Lab,
    wires: &'a Wires,
    service: Service,
    pub traffic: Traffic,
    pub sink: Sink,
    pub show: Show,
    interrupt: &'a Interrupt,
    pub clock: Clock,
    /// What every later look is compared with.
    before: Look,
    pub timeline: Timeline,
    pub events: Vec<Event>,
    /// Milliseconds at which the next sample and the next drawing are due.
    due: [u64; 2],
}

impl<'a> Scene<'a> {
    /// Starts the traffic, and the clock with it.
    pub fn open(
        lab: &'a Lab,
        wires: &'a Wires,
        service: Service,
        show: Show,
        interrupt: &'a Interrupt,
    ) -> io::Result<Self> {
        let (before, traffic, sink) = (Look::first(lab)?, Traffic::start(lab)?, Sink::open(lab)?);
        let (clock, timeline, events, due) = (Clock::start(), Timeline::default(), Vec::new(), [0; 2]);
        Ok(Self { lab, wires, service, traffic, sink, show, interrupt, clock, before, timeline, events, due })
    }

    /// Milliseconds since the traffic began.
    pub fn now(&self) -> f64 {
        self.clock.now().0 as f64 / 1e6
    }

    /// What flowpin says of itself.
    pub fn status(&self) -> io::Result<Status> {
        Ok(serde_json::from_str(&self.service.get("/v1/status")?)?)
    }

    /// What it says of a line.
    pub fn wan(&self, line: Line) -> io::Result<Wan> {
        let found = self.status()?.wans.into_iter().find(|wan| wan.name == line.name());
        found.ok_or_else(|| Error::other(format!("flowpin knows no {}", line.name())))
    }

    /// Flows that the server has seen by a line.
    pub fn flows_by(&self, line: Line) -> u64 {
        self.traffic.tally().seen().values().filter(|seen| seen.wan == line.name()).map(|seen| seen.flows).sum()
    }

    /// A look at everything.
    pub fn look(&mut self) -> io::Result<Look> {
        if !self.service.alive() {
            return Err(Error::other(format!("flowpin has ended; it said:\n{}", self.service.log())));
        }
        let seconds = self.clock.now().secs().into();
        self.before.again(self.lab, &self.service, self.wires, &self.traffic, seconds)
    }

    /// Something happened to a line: it is said, and kept.
    pub fn tell(&mut self, line: Line, what: String) {
        let event = Event { at_ms: self.clock.now().millis(), wan: line.name(), what };
        self.show.say(&event);
        self.events.push(event);
    }

    /// So many milliseconds of a quick machine, at the pace of this lab.
    fn slowly(&self, millis: u64) -> u64 {
        millis * u64::from(self.lab.options().pace)
    }

    /// Lets so many milliseconds of a quick machine pass.
    ///
    /// # Errors
    /// `Interrupted`: somebody wants it to end.
    pub fn pass(&mut self, millis: u64) -> io::Result<()> {
        let end = self.clock.now().millis() + self.slowly(millis);
        while self.clock.now().millis() < end {
            self.breathe()?;
        }
        Ok(())
    }

    /// Lets time pass until something has happened. Whether it has, in ten seconds of a quick machine.
    ///
    /// # Errors
    /// As [`Scene::pass`], and what looking meets.
    pub fn until(&mut self, mut happened: impl FnMut(&Self) -> io::Result<bool>) -> io::Result<bool> {
        let end = self.clock.now().millis() + self.slowly(PATIENCE);
        while self.clock.now().millis() < end {
            if happened(self)? {
                return Ok(true);
            }
            self.breathe()?;
        }
        Ok(false)
    }

    fn breathe(&mut self) -> io::Result<()> {
        if self.interrupt.wait(GLANCE * self.lab.options().pace) == Wait::Interrupted {
            return Err(ErrorKind::Interrupted.into());
        }
        let now = self.clock.now().millis();
        if now >= self.due[0] {
            self.due[0] = now + self.slowly(SAMPLE);
            let wans = self.status()?.wans;
            let mut bytes = wans.iter().map(|wan| wan.outbound.bytes + wan.inbound.bytes);
            let bytes = [(); 3].map(|()| bytes.next().unwrap_or(0));
            self.timeline.sample(now, bytes);
        }
        if now >= self.due[1] {
            self.due[1] = now + self.slowly(if self.show.in_place() { TABLE } else { LINE });
            let look = self.look()?;
            self.show.draw(&look, &self.timeline);
        }
        Ok(())
    }

    /// Stops the service, which must end well. Whether it did.
    pub fn end(self) -> io::Result<bool> {
        let log = self.service.log();
        let status = self.service.stop()?;
        if !status.success() {
            complain(format_args!("flowpin ended with {status}; it said:\n{log}"));
        }
        Ok(status.success())
    }
}
