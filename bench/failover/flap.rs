//! A line flaps while real traffic runs: what the service has lost, kept or said wrongly afterwards.
//! Must never know: gaps.

use flowpin::clock::{Clock, pause};
use flowpin::lab::topology::Line;
use flowpin::lab::traffic::{Traffic, Wires};
use flowpin::lab::{Lab, Options, Service};
use std::fs;
use std::io::{self, Error};
use std::path::Path;
use std::time::Duration;

/// Flows are forgotten soon, so that what stays is a leak.
const EXTRA: &str = "\n[timeouts]\ntcp_established = \"9s\"\ntcp_opening = \"5s\"\ntcp_closing = \"5s\"\nudp = \"5s\"\n\
                     icmp = \"5s\"\nother = \"5s\"\n";
/// The line goes, and comes, and so on.
const HALF: Duration = Duration::from_secs(1);

/// What the service holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Held {
    descriptors: usize,
    threads: usize,
    resident_kib: u64,
    flows: u64,
}

/// Flaps for so long, and judges.
pub fn run(seconds: u64) -> io::Result<()> {
    let lab = Lab::build(Options { extra: EXTRA.into(), ..Options::default() })?;
    let config = lab.config().replace("[wan.nat44]", "[wan.health]\nrise = 1\nhold = \"0s\"\n[wan.nat44]");
    let wires = Wires::watch(&lab)?;
    let mut service = lab.start_flowpin_with(Path::new(env!("CARGO_BIN_EXE_flowpin")), &config)?;
    let mut traffic = Traffic::start(&lab)?;
    pause(Duration::from_secs(5));
    let before = held(&service)?;
    let clock = Clock::start();
    let mut flaps = 0;
    while clock.now().secs() < u32::try_from(seconds).unwrap_or(u32::MAX) {
        lab.cut(Line::Fiber)?;
        pause(HALF);
        lab.mend(Line::Fiber)?;
        pause(HALF);
        flaps += 1;
    }
    let busy = held(&service)?;
    traffic.stop_clients()?;
    pause(Duration::from_secs(15));
    let after = held(&service)?;
    let (strangers, stranger) = wires.strangers();
    println!("{flaps} flaps in {seconds} s\nbefore {before:?}\nduring {busy:?}\nafter  {after:?}");
    println!("frames that left with another WAN's source: {strangers} of {:?} {stranger:?}", wires.frames());
    let is_alive = service.alive();
    let log = service.log();
    service.stop()?;
    let leaks = after.descriptors > before.descriptors || after.threads > before.threads || after.flows > 0;
    if leaks || strangers > 0 || !is_alive {
        return Err(Error::other(format!("a flapping line left something behind; flowpin said:\n{log}")));
    }
    Ok(())
}

fn held(service: &Service) -> io::Result<Held> {
    let own = |file: &str| format!("/proc/{}/{file}", service.pid());
    let status = fs::read_to_string(own("status"))?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().split(' ').next()?.parse().ok());
    Ok(Held {
        descriptors: fs::read_dir(own("fd"))?.count(),
        threads: fs::read_dir(own("task"))?.count(),
        resident_kib: resident.unwrap_or(0),
        flows: service.status()?["table"]["flows"].as_u64().unwrap_or(0),
    })
}
