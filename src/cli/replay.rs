//! `flowpin replay`: captured packets through the same worker turn as live ones, with the capture's clock.
//! Must never know: how a packet is judged, the machine's links and clock.

mod dates;
mod input;
mod output;
mod report;

use super::args::ReplayArgs;
use super::{EXIT_BAD_CONFIG, complain, fail, say};
use crate::config::settings::Settings;
use crate::control::compile::{replay_gateway_mac, replay_policy_over};
use crate::plane::outbox::Outbox;
use crate::plane::verdict::Verdict;
use crate::plane::{Plane, Shared};
use crate::ports::pcap::{LinkType, Loaded, Slot, ip_of};
use crate::types::{End, Family, LinkLayer, Tick};
use crate::workers::turn::{self, Transmitters, Turned};
use indicatif::{ProgressBar, ProgressStyle};
use input::{Arrival, Broken, INSIDE, Input, end_named, names};
use output::{Output, Wanted};
use report::{Counts, Flows, Report};
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

/// Replays.
#[must_use]
pub fn replay(args: &ReplayArgs) -> ExitCode {
    let settings = match crate::config::file::load(&args.config) {
        Ok(settings) => settings,
        Err(faults) => {
            super::check::complain(&faults);
            return ExitCode::from(EXIT_BAD_CONFIG);
        }
    };
    match run(args, &settings) {
        Ok(report) => {
            say(if args.json { json(&report) } else { report.render().trim_end().to_owned() });
            report.damage.as_ref().map_or(ExitCode::SUCCESS, fail)
        }
        Err(Stop::Usage(sentence)) => {
            complain(sentence);
            ExitCode::from(EXIT_BAD_CONFIG)
        }
        Err(Stop::Failed(sentence)) => fail(sentence),
    }
}

/// Why there is no report. One sentence.
enum Stop {
    Usage(String),
    Failed(String),
}

impl From<Broken> for Stop {
    fn from(broken: Broken) -> Self {
        Self::Failed(broken.sentence)
    }
}

fn json(report: &Report) -> String {
    serde_json::to_string_pretty(report).unwrap_or_else(|error| format!("{{\"damage\": \"{error}\"}}"))
}

fn run(args: &ReplayArgs, settings: &Settings) -> Result<Report, Stop> {
    let wans: Vec<String> = settings.wans.values().map(|wan| wan.name.clone()).collect();
    let files = captures(args, &wans).map_err(Stop::Usage)?;
    let mut input = Input::open(&files, &wans)?;
    let layers = input.layers();
    let config = std::fs::metadata(&args.config).map_err(|error| Stop::Failed(error.to_string()))?;
    let mut taken: Vec<_> = input.files().collect();
    taken.push((&args.config, &config));
    let wanted = match (&args.output, &args.out_dir) {
        (Some(file), _) => Wanted::File(file),
        (None, Some(directory)) => Wanted::Directory(directory),
        (None, None) => Wanted::Nothing,
    };
    let output = Output::open(wanted, &output_ends(&wans, &layers), args.comments, &taken).map_err(Stop::Failed)?;
    Replay::new(settings, &layers, input, output).run(&wans)
}

/// Names and link types of all ends, the inside first.
fn output_ends(wans: &[String], layers: &[LinkLayer]) -> Vec<(String, LinkType)> {
    let wans = wans.iter().zip(layers).map(|(name, layer)| (name.clone(), LinkType::of(*layer)));
    std::iter::once((INSIDE.to_owned(), LinkType::Raw)).chain(wans).collect()
}

/// The captures with the end that each came in on; `None` when the interfaces inside are named.
fn captures<'a>(args: &'a ReplayArgs, wans: &[String]) -> Result<Vec<(Option<End>, &'a Path)>, String> {
    if let Some(odd) = wans.iter().find(|name| *name == INSIDE || name.contains('/') || name.starts_with('.')) {
        return Err(format!("the WAN name {odd:?} cannot name an end of a capture; rename it in a copy of the file"));
    }
    let mut files: Vec<_> = args.input.iter().map(|path| (None, path.as_path())).collect();
    files.extend(args.inside.iter().map(|path| (Some(End::Inside), path.as_path())));
    for capture in &args.wan {
        match end_named(&capture.name, wans).filter(|end| *end != End::Inside) {
            Some(end) => files.push((Some(end), &capture.file)),
            None => {
                return Err(format!(
                    "--wan {}={}: there is no such WAN in {}; its ends are {}",
                    capture.name,
                    capture.file.display(),
                    args.config.display(),
                    names(wans)
                ));
            }
        }
    }
    if files.is_empty() {
        return Err("nothing to replay: give --in FILE, or --inside FILE and --wan NAME=FILE".to_owned());
    }
    Ok(files)
}

/// A replay on its way. Time is the capture's: tick 0 is the first packet.
struct Replay {
    input: Input,
    output: Output,
    transmitters: Transmitters,
    plane: Plane,
    outbox: Outbox,
    slot: Slot,
    counts: Counts,
    clock: Clock,
}

/// The capture's clock, which never runs backwards.
#[derive(Default)]
struct Clock {
    /// Nanoseconds since 1970 of the first packet.
    origin: u64,
    now: Tick,
    /// When the plane wants to be called.
    wanted: Tick,
    started: bool,
}

impl Clock {
    /// When a packet of that time happens.
    fn at(&mut self, time: u64) -> Tick {
        if !self.started {
            self.started = true;
            self.origin = time;
        }
        Tick(time.saturating_sub(self.origin)).max(self.now)
    }

    fn absolute(&self) -> u64 {
        self.origin.saturating_add(self.now.0)
    }
}

impl Replay {
    fn new(settings: &Settings, layers: &[LinkLayer], input: Input, output: Output) -> Self {
        let policy = Arc::new(replay_policy_over(settings, layers));
        let shared = Arc::new(Shared::with_sources(settings.limits.flows, settings.limits.flows_per_source, 0));
        for (wan, _) in settings.wans.iter() {
            shared.neighbors.set(wan, Family::V4, replay_gateway_mac(wan));
            shared.neighbors.set(wan, Family::V6, replay_gateway_mac(wan));
        }
        let transmitters = output.transmitters();
        // Not the first worker: a capture has nobody who would answer questions or hear announcements.
        let plane = Plane::new(policy, shared, false);
        let (outbox, slot, counts, clock) = (Outbox::new(), Slot::default(), Counts::default(), Clock::default());
        Self { input, output, transmitters, plane, outbox, slot, counts, clock }
    }

    fn run(mut self, wans: &[String]) -> Result<Report, Stop> {
        let progress = progress(self.input.len());
        let ended = self.packets(&progress);
        progress.finish_and_clear();
        let written = ended.and_then(|broken| self.tick().map(|()| broken));
        let broken = written.map_err(|error| Stop::Failed(format!("the output cannot be written: {error}")))?;
        if let Some(broken) = broken.as_ref().filter(|broken| !(broken.damaged || self.clock.started)) {
            return Err(Stop::Failed(broken.sentence.clone()));
        }
        let clocks = self.input.complaints();
        let sent = self.output.sent();
        drop(self.transmitters);
        self.output.finish().map_err(Stop::Failed)?;
        let damage = broken.map(|broken| broken.sentence);
        let (flows, nanoseconds) = (flows(&self.plane), self.clock.now.0);
        let report = self.counts.report(wans, &sent, &self.plane.counters().snapshot());
        Ok(Report { flows, nanoseconds, clocks, damage, ..report })
    }

    /// All packets; what stopped them before the end of the capture, if anything did.
    fn packets(&mut self, progress: &ProgressBar) -> io::Result<Option<Broken>> {
        let mut packets = 0u64;
        loop {
            if packets.is_multiple_of(4096) {
                progress.set_position(self.input.position());
            }
            packets += 1;
            let Self { input, output, transmitters, plane, outbox, slot, counts, clock } = self;
            let arrival = match input.next() {
                Ok(Some(arrival)) => arrival,
                Ok(None) => return Ok(None),
                Err(broken) => return Ok(Some(broken)),
            };
            let at = clock.at(arrival.packet.time);
            wait(at, clock, plane, outbox, output, transmitters)?;
            if load(slot, &arrival) == Loaded::NotIp {
                counts.not_ip();
                continue;
            }
            turn::turn(at, arrival.from, slot, transmitters, plane, outbox, counts).map_err(|broken| broken.error)?;
            if let Some(Verdict::Drop(reason)) = counts.last.take() {
                note_drop(output, &arrival, reason.name())?;
            }
        }
    }

    /// The last look of the plane at the time.
    fn tick(&mut self) -> io::Result<()> {
        self.plane.tick(self.clock.now, &mut self.outbox);
        flush(&mut self.transmitters, &mut self.outbox)
    }
}

/// The longest time without a packet that is lived through call by call, in nanoseconds. It is beyond any timeout;
/// what is longer is skipped in one step.
const LONGEST_WAIT: u64 = 86_400 * 1_000_000_000;

/// Lets time pass until `at`, with the calls that the plane wants on the way.
fn wait(
    at: Tick,
    clock: &mut Clock,
    plane: &mut Plane,
    outbox: &mut Outbox,
    output: &Output,
    transmitters: &mut Transmitters,
) -> io::Result<()> {
    clock.wanted = clock.wanted.max(Tick(at.0.saturating_sub(LONGEST_WAIT)));
    while clock.wanted <= at {
        clock.now = clock.wanted;
        output.set_time(clock.absolute());
        // Progress even if the plane wants to be called again at once.
        clock.wanted = plane.tick(clock.now, outbox).max(clock.now.plus_millis(1));
        flush(transmitters, outbox)?;
    }
    clock.now = at;
    output.set_time(clock.absolute());
    Ok(())
}

fn flush(transmitters: &mut Transmitters, outbox: &mut Outbox) -> io::Result<()> {
    turn::flush(transmitters, outbox, &mut Turned::default()).map_err(|broken| broken.error)
}

fn load(slot: &mut Slot, arrival: &Arrival<'_>) -> Loaded {
    let data = &arrival.packet.data;
    if has_header(arrival) { slot.load_frame(data) } else { slot.load_packet(data, arrival.link) }
}

/// Whether the end that it came in on has Ethernet headers.
fn has_header(arrival: &Arrival<'_>) -> bool {
    arrival.from != End::Inside && arrival.link == LinkType::Ethernet
}

/// Writes a dropped packet as it was captured; where its end has none, without a header in front of it, as everything there.
fn note_drop(output: &Output, arrival: &Arrival<'_>, reason: &str) -> io::Result<()> {
    let data = arrival.packet.data.as_slice();
    let shown = if has_header(arrival) { data } else { ip_of(data, arrival.link).unwrap_or(data) };
    let header = u32::try_from(data.len() - shown.len()).unwrap_or(0);
    output.dropped(arrival.from, shown, arrival.packet.original_len.saturating_sub(header), reason)
}

fn flows(plane: &Plane) -> Flows {
    let table = &plane.shared().table;
    Flows { created: table.created(), expired: table.expired() }
}

fn progress(bytes: u64) -> ProgressBar {
    // Draws on standard error, and only on a terminal.
    let style = ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes} {bytes_per_sec}, {eta} left");
    ProgressBar::new(bytes).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
