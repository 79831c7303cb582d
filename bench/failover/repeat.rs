//! One kind of fault again and again: how long the stream that used the line was not heard, and what it and the other
//! stream lost. Must never know: how results are shown.

use crate::fault::{Case, Fault};
use crate::stream::{Arrival, Sink, Stream};
use flowpin::clock::{Clock, pause};
use flowpin::lab::topology::{DSL4, FIBER4};
use flowpin::lab::{Lab, Options, Service};
use std::collections::BTreeSet;
use std::io::{self, Error, IsTerminal};
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

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
}

/// Runs a case in a lab of its own.
pub fn run(case: &Case, repeats: usize, seed: u64) -> io::Result<Outcome> {
    let lab = Lab::build(Options::default())?;
    let config = lab.config().replace("[wan.nat44]", &format!("[wan.health]\n{}\n[wan.nat44]", case.health));
    let mut service = lab.start_flowpin_with(Path::new(env!("CARGO_BIN_EXE_flowpin")), &config)?;
    let mut stage = Stage { case, lab: &lab, service: &service, sink: Sink::open(&lab)?, streams: 0, seed: seed | 1 };
    let mut steady = stage.stream(DSL4[0])?;
    let mut outcome = Outcome::default();
    for repeat in 0..repeats {
        progress(format_args!("{}: {} of {repeats}", case.name, repeat + 1));
        let (gap, lost) = stage.repeat()?;
        outcome.gaps.push(gap);
        outcome.lost.push(lost);
    }
    progress(format_args!(""));
    let sent = steady.sent();
    pause(Duration::from_millis(300));
    let missing = |arrivals: &[Arrival]| sent - numbers(arrivals).range(..sent).count() as u64;
    outcome.healthy = (sent, missing(&stage.sink.heard(&steady)).max(missing(&steady.answers())));
    steady.stop()?;
    drop(stage);
    if !service.alive() {
        return Err(Error::other(format!("flowpin died during the run:\n{}", service.log())));
    }
    service.stop()?;
    Ok(outcome)
}

struct Stage<'a> {
    case: &'a Case,
    lab: &'a Lab,
    service: &'a Service,
    sink: Sink,
    streams: u64,
    seed: u64,
}

impl Stage<'_> {
    /// The gap in milliseconds, and how many datagrams were lost.
    fn repeat(&mut self) -> io::Result<(f64, u64)> {
        self.wait("the line is up", || Ok(self.state("fiber")? == "up" && self.state("dsl")? == "up"))?;
        let mut stream = self.stream(FIBER4[0])?;
        let phase = self.random() % (self.case.interval * 1000);
        pause(Duration::from_millis(200) + Duration::from_micros(phase));
        self.case.fault.strike(self.lab)?;
        self.wait("the stream has moved", || Ok(self.sink.last(&stream) == Some(DSL4[0])))?;
        pause(Duration::from_millis(100));
        let sent = stream.sent();
        pause(Duration::from_millis(100));
        stream.stop()?;
        self.case.fault.mend(self.lab)?;
        let heard = self.sink.heard(&stream);
        let lost = sent - numbers(&heard).range(..sent).count() as u64;
        let gap = match self.case.fault {
            // What the inside sends arrives all the time: who hears nothing is the inside.
            Fault::InboundLoss => silence(&stream.answers()),
            _ => handover(&heard),
        };
        Ok((gap.ok_or_else(|| Error::other("a stream that was not heard before and after the fault"))?, lost))
    }

    /// A stream that leaves with this public address.
    fn stream(&mut self, public: Ipv4Addr) -> io::Result<Stream> {
        for _ in 0..64 {
            self.streams += 1;
            let stream = Stream::start(self.lab, self.streams)?;
            self.wait("a stream is heard", || Ok(self.sink.last(&stream).is_some()))?;
            if self.sink.last(&stream) == Some(public) {
                return Ok(stream);
            }
        }
        Err(Error::other(format!("none of 64 sockets leaves as {public}")))
    }

    fn state(&self, wan: &str) -> io::Result<String> {
        let status = self.service.status()?;
        let wans = status["wans"].as_array().into_iter().flatten();
        let state = wans.filter(|it| it["name"] == wan).find_map(|it| it["health"][0]["state"].as_str());
        Ok(state.unwrap_or_default().to_owned())
    }

    fn wait(&self, what: &str, done: impl Fn() -> io::Result<bool>) -> io::Result<()> {
        let clock = Clock::start();
        while !done()? {
            if clock.now().millis() > PATIENCE_MS {
                return Err(Error::other(format!(
                    "in vain: waited until {what}; flowpin said:\n{}",
                    self.service.log()
                )));
            }
            pause(Duration::from_millis(5));
        }
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

fn numbers(arrivals: &[Arrival]) -> BTreeSet<u64> {
    arrivals.iter().map(|arrival| arrival.number).collect()
}

/// Milliseconds from the last datagram by the one line to the first by the other.
fn handover(arrivals: &[Arrival]) -> Option<f64> {
    let old = arrivals.first()?.from;
    let first = arrivals.iter().position(|arrival| arrival.from != old)?;
    let last = arrivals.get(..first)?.last()?;
    Some(millis(last.at, arrivals.get(first)?.at))
}

/// Milliseconds of the longest silence.
fn silence(arrivals: &[Arrival]) -> Option<f64> {
    arrivals.windows(2).map(|pair| millis(pair[0].at, pair[1].at)).max_by(f64::total_cmp)
}

fn millis(from: u64, to: u64) -> f64 {
    to.saturating_sub(from) as f64 / 1e6
}

/// One line that is overwritten, where somebody looks.
fn progress(text: std::fmt::Arguments<'_>) {
    if io::stderr().is_terminal() {
        eprint!("\r{:70}\r{text}", "");
    }
}
