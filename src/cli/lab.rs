//! `flowpin lab`: builds the lab, runs this very program as the service in it, drives traffic, shows it and judges it.
//! Must never know: how the network is built or the traffic made.

mod checks;
mod interrupt;
mod look;
mod show;

use super::args::LabArgs;
use super::{complain, fail, say};
use crate::clock::Clock;
use crate::lab::traffic::{Traffic, Wires};
use crate::lab::{Lab, Options, Service};
use checks::Summary;
use interrupt::{Interrupt, Wait};
use look::Look;
use show::Show;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

/// Seconds between two lines when nobody watches.
const LINE: u64 = 5;

/// Builds, drives, shows, judges and cleans up.
#[must_use]
pub fn lab(args: &LabArgs) -> ExitCode {
    // First of all: from here on Ctrl-C ends the lab in order instead of the process at once.
    let interrupt = match Interrupt::listen() {
        Ok(interrupt) => interrupt,
        Err(error) => return fail(format_args!("cannot listen for Ctrl-C: {error}")),
    };
    match perform(args, &interrupt) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => fail(format_args!("the lab failed: {error}")),
    }
}

/// The whole play. Whatever is returned, and also on a panic, everything it built is gone afterwards.
fn perform(args: &LabArgs, interrupt: &Interrupt) -> io::Result<bool> {
    let progress = Progress::start();
    let binary = std::env::current_exe()?;
    let lab = Lab::build(Options::default())?;
    progress.done("built a firewall, a router, two ISPs and an Internet host as network namespaces");
    let wires = Wires::watch(&lab)?;
    let service = lab.start_flowpin(&binary)?;
    progress.done("flowpin routes");
    let before = Look::first(&lab)?;
    let mut traffic = Traffic::start(&lab)?;
    progress.done("TCP, UDP and ping, from the firewall and from outside");

    let mut show = Show::new(args.json);
    let mut scene = Scene { lab: &lab, wires: &wires, service, before, clock: Clock::start() };
    let finished = watch(&mut show, args.seconds, &mut scene, &traffic, interrupt)?;
    traffic.stop_clients()?;
    if !finished {
        complain("stopped early; cleaning up");
        return Ok(false);
    }
    let last = scene.look(&traffic)?;
    let summary = Summary::judge(&last, &traffic, lab.options());
    if args.json {
        say(summary.json());
    } else {
        show.last(&last);
        say(summary.text(show.in_place()));
    }
    if args.keep {
        play(&lab, interrupt);
    }
    scene.end(summary.passed())
}

/// What is looked at again and again.
struct Scene<'a> {
    lab: &'a Lab,
    wires: &'a Wires,
    service: Service,
    before: Look,
    clock: Clock,
}

impl Scene<'_> {
    fn seconds(&self) -> u64 {
        self.clock.now().0 / 1_000_000_000
    }

    fn look(&mut self, traffic: &Traffic) -> io::Result<Look> {
        if !self.service.alive() {
            return Err(io::Error::other(format!("flowpin has ended; it said:\n{}", self.service.log())));
        }
        let seconds = self.seconds();
        self.before.again(self.lab, &self.service, self.wires, traffic, seconds)
    }

    /// Stops the service, which must end well.
    fn end(self, passed: bool) -> io::Result<bool> {
        let log = self.service.log();
        let status = self.service.stop()?;
        if !status.success() {
            complain(format_args!("flowpin ended with {status}; it said:\n{log}"));
        }
        Ok(passed && status.success())
    }
}

/// Shows what happens, each second in place or every few seconds as a line. Whether it was not interrupted.
fn watch(
    show: &mut Show,
    seconds: u64,
    scene: &mut Scene<'_>,
    traffic: &Traffic,
    interrupt: &Interrupt,
) -> io::Result<bool> {
    while scene.seconds() < seconds {
        if interrupt.wait(Duration::from_secs(1)) == Wait::Interrupted {
            return Ok(false);
        }
        let look = scene.look(traffic)?;
        if show.in_place() || scene.seconds().is_multiple_of(LINE) {
            show.draw(&look, seconds);
        }
    }
    Ok(true)
}

/// Leaves the network up until Ctrl-C.
fn play(lab: &Lab, interrupt: &Interrupt) {
    complain(format_args!("the lab stays up until Ctrl-C. To play with it:\n{}", show::commands(lab)));
    while interrupt.wait(Duration::from_secs(3600)) == Wait::Elapsed {}
    complain("cleaning up");
}

/// Says on standard error what has been done, and when.
struct Progress(Clock);

impl Progress {
    fn start() -> Self {
        Self(Clock::start())
    }

    fn done(&self, what: &str) {
        let tenths = self.0.now().0 / 100_000_000;
        complain(format_args!("{:>2}.{} s  {what}", tenths / 10, tenths % 10));
    }
}
