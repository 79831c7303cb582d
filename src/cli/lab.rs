//! `flowpin lab`: builds the lab, runs this very program as the service in it, drives traffic, cuts lines and mends them,
//! shows it all and judges it. Must never know: how the network is built or the traffic made.

pub mod args;
mod checks;
mod interrupt;
mod look;
mod play;
mod scene;
mod show;
mod story;
mod timeline;

use super::{complain, fail, say};
use crate::clock::Clock;
use crate::lab::traffic::Wires;
use crate::lab::{Lab, Options};
use args::LabArgs;
use checks::Summary;
use interrupt::{Interrupt, Wait};
use scene::Scene;
use show::Show;
use std::io::{self, ErrorKind};
use std::process::ExitCode;
use std::time::Duration;

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
        Err(error) if error.kind() == ErrorKind::Interrupted => {
            complain("stopped early; everything is cleaned up");
            ExitCode::FAILURE
        }
        Err(error) => fail(format_args!("the lab failed: {error}")),
    }
}

/// The whole evening. Whatever is returned, and also on a panic, everything it built is gone afterwards.
fn perform(args: &LabArgs, interrupt: &Interrupt) -> io::Result<bool> {
    let progress = Progress::start();
    let binary = std::env::current_exe()?;
    let lab = Lab::build(Options { lte: true, pace: args.slow, ..Options::default() })?;
    progress.done("built a firewall, a router, three ISPs and an Internet host as network namespaces");
    let wires = Wires::watch(&lab)?;
    let config = lab.config().replace("[wan.nat44]", &format!("{}[wan.nat44]", play::health(args.slow)));
    let service = lab.start_flowpin_with(&binary, &config)?;
    progress.done("flowpin routes");
    let mut scene = Scene::open(&lab, &wires, service, Show::new(args.json), interrupt)?;
    progress.done("TCP, UDP and ping, from the firewall and from outside");
    let story = play::perform(&mut scene, args.seconds)?;
    scene.traffic.stop_clients()?;
    let last = scene.look()?;
    let summary = Summary::judge(&last, &story, &scene, lab.options());
    if args.json {
        say(summary.json());
    } else {
        scene.show.last(&last);
        say(format_args!("\n{}{}", scene.timeline.render(), summary.text(scene.show.in_place())));
    }
    if args.keep {
        play_on(&lab, interrupt);
    }
    Ok(scene.end()? && summary.passed())
}

/// Leaves the network up until Ctrl-C.
fn play_on(lab: &Lab, interrupt: &Interrupt) {
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
