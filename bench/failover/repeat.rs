//! One kind of fault again and again: how long the stream that used the line was not heard, and what it and the other
//! stream lost. Must never know: how results are shown.

use crate::Wish;
use crate::fault::{Case, Fault};
use crate::load::{self, Load};
use flowpin::clock::{Clock, pause};
use flowpin::lab::topology::{DSL4, Line};
use flowpin::lab::traffic::stream::{Sink, handover, missing, silence};
use flowpin::lab::{Lab, Options};
use std::io::{self, Error, IsTerminal};
use std::path::Path;
use std::time::Duration;

/// Nanoseconds from one datagram to the next.
const PERIOD: u64 = 1_000_000;
/// How long anything may take, milliseconds.
const PATIENCE_MS: u64 = 30_000;

/// What came out of all repeats of a case.
#[derive(Default)]
pub struct Outcome {
    /// Milliseconds that nothing was heard, by repeat.
    pub gaps: Vec<f64>,
    /// Datagrams of the stream that never arrived, by repeat.
    pub lost: Vec<u64>,
    /// Datagrams sent on the healthy line in all repeats, and those of them or their answers that never arrived.
    pub healthy: (u64, u64),
    /// The most memory that any of the services had, in KiB.
    pub peak: u64,
}

/// Runs a case in a lab of its own.
pub fn run(case: &Case, load: Load, wish: &Wish) -> io::Result<Outcome> {
    let (repeats, binary, seed) = (wish.repeats, wish.binary.as_path(), wish.seed | 1);
    let lab = Lab::build(Options { extra: load.settings(), ..Options::default() })?;
    load.add_routes(&lab)?;
    let config = lab.config().replace("[wan.nat44]", &format!("[wan.health]\n{}\n[wan.nat44]", case.health));
    let mut stage = Stage { case, load, lab: &lab, config, sink: Sink::open(&lab)?, binary, seed };
    let mut outcome = Outcome::default();
    for repeat in 0..repeats {
        progress(format_args!("{}: {} of {repeats}", case.name, repeat + 1));
        stage.repeat(&mut outcome)?;
    }
    progress(format_args!(""));
    Ok(outcome)
}

struct Stage<'a> {
    case: &'a Case,
    load: Load,
    lab: &'a Lab,
    config: String,
    sink: Sink,
    binary: &'a Path,
    seed: u64,
}

impl Stage<'_> {
    /// Once, with a service that has seen no fault before: a line that falls again comes back later each time.
    fn repeat(&mut self, outcome: &mut Outcome) -> io::Result<()> {
        let mut service = self.lab.start_flowpin_with(self.binary, &self.config)?;
        let is_up = |wan| Ok::<_, Error>(state(&service.status()?, wan) == "up");
        wait("both lines are up", || Ok(is_up("fiber")? && is_up("dsl")?))?;
        let weighing = self.load.weigh(self.lab, &service)?;
        let mut steady = self.sink.stream(self.lab, PERIOD, Line::Dsl)?;
        let mut stream = self.sink.stream(self.lab, PERIOD, Line::Fiber)?;
        let phase = self.random() % (self.case.interval * 1000);
        pause(Duration::from_millis(200) + Duration::from_micros(phase));
        self.case.fault.strike(self.lab)?;
        let moved = wait("the stream has moved", || Ok(self.sink.last(&stream) == Some(DSL4[0])));
        moved.map_err(|error| Error::other(format!("{error}; flowpin said:\n{}", service.log())))?;
        pause(Duration::from_millis(100));
        let (sent, steadily) = (stream.sent(), steady.sent());
        pause(Duration::from_millis(200));
        stream.stop()?;
        steady.stop()?;
        outcome.peak = outcome.peak.max(load::peak(&service)?);
        drop(weighing);
        if !service.alive() {
            return Err(Error::other(format!("flowpin died during the run:\n{}", service.log())));
        }
        service.stop()?;
        self.case.fault.mend(self.lab)?;
        let heard = self.sink.heard(&stream);
        let gap = match self.case.fault {
            // What the inside sends arrives all the time: who hears nothing is the inside.
            Fault::InboundLoss => silence(&stream.answers()),
            _ => handover(&heard),
        };
        outcome.gaps.push(gap.ok_or_else(|| Error::other("a stream that was not heard before and after the fault"))?);
        outcome.lost.push(missing(&heard, sent));
        outcome.healthy.0 += steadily;
        outcome.healthy.1 += missing(&self.sink.heard(&steady), steadily).max(missing(&steady.answers(), steadily));
        Ok(())
    }

    /// xorshift64.
    fn random(&mut self) -> u64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed
    }
}

/// How a WAN is in IPv4.
fn state(status: &serde_json::Value, wan: &str) -> String {
    let wans = status["wans"].as_array().into_iter().flatten();
    let state = wans.filter(|it| it["name"] == wan).find_map(|it| it["health"][0]["state"].as_str());
    state.unwrap_or_default().to_owned()
}

fn wait(what: &str, done: impl Fn() -> io::Result<bool>) -> io::Result<()> {
    let clock = Clock::start();
    while !done()? {
        if clock.now().millis() > PATIENCE_MS {
            return Err(Error::other(format!("in vain: waited until {what}")));
        }
        pause(Duration::from_millis(5));
    }
    Ok(())
}

/// One line that is overwritten, where somebody looks.
fn progress(text: std::fmt::Arguments<'_>) {
    if io::stderr().is_terminal() {
        eprint!("\r{:70}\r{text}", "");
    }
}
