//! Forwarding, side by side: the same lab once with flowpin and twice with the kernel doing the same work (nftables maps
//! and marks, ip rules; without and with receive packet steering), measured in turns within one run. What counts is the
//! ratio of the medians, against the better kernel of each row.
//! `cargo bench --bench forwarding -- --json FILE`; `--smoke` shows within a minute that everything works.

mod load;
mod peer;
mod report;

use flowpin::lab::{Lab, Options, Service};
use load::{Case, Measure};
use report::Report;
use std::io::{self, Error, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// What the command line asks for.
struct Wish {
    json: Option<PathBuf>,
    rounds: usize,
    seconds: u32,
    smoke: bool,
    only: Option<String>,
    threads: Option<usize>,
}

fn main() -> ExitCode {
    let wish = match wish() {
        Ok(wish) => wish,
        Err(text) => {
            eprintln!("forwarding: {text}");
            return ExitCode::from(2);
        }
    };
    match measure(&wish) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("forwarding: {error}");
            ExitCode::FAILURE
        }
    }
}

fn wish() -> Result<Wish, String> {
    let mut wish = Wish { json: None, rounds: 5, seconds: 3, smoke: false, only: None, threads: None };
    // cargo says `--bench` when it benches; without it (`cargo test --benches`) this is a test.
    let mut benching = false;
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} wants a value"));
        match word.as_str() {
            "--json" => wish.json = Some(value()?.into()),
            "--rounds" => wish.rounds = value()?.parse().map_err(|_| "--rounds wants a number")?,
            "--seconds" => wish.seconds = value()?.parse().map_err(|_| "--seconds wants a number")?,
            "--threads" => wish.threads = Some(value()?.parse().map_err(|_| "--threads wants a number")?),
            "--only" => wish.only = Some(value()?),
            "--smoke" | "--test" => wish.smoke = true,
            "--bench" => benching = true,
            _ => {
                return Err(format!(
                    "unknown option {word}: known are --json FILE, --rounds N, --seconds S, --only NAME, --threads N, --smoke"
                ));
            }
        }
    }
    if wish.smoke || !benching {
        wish.smoke = true;
        (wish.rounds, wish.seconds) = (1, 1);
    }
    Ok(wish)
}

/// The routers' names in the report.
pub const FLOWPIN: &str = "flowpin";
/// The kernel, every packet on the core that it came in on.
pub const KERNEL: &str = "kernel";
/// The kernel, receiving on the second core.
pub const KERNEL_RPS: &str = "kernel+rps";

/// A lab whose router works, by whichever means.
pub struct Routed {
    /// One of the above.
    pub name: &'static str,
    /// The network.
    pub lab: Lab,
    service: Option<Service>,
}

fn measure(wish: &Wish) -> io::Result<()> {
    let mut report = Report::default();
    let cases: Vec<Case> = load::cases(wish.smoke)
        .into_iter()
        .filter(|case| wish.only.as_ref().is_none_or(|only| case.name.contains(only.as_str())))
        .collect();
    let routers = [with_flowpin(wish.threads)?, with_kernel(KERNEL, false)?, with_kernel(KERNEL_RPS, true)?];
    for router in &routers {
        load::check(&router.lab).map_err(|error| Error::other(format!("{}: {error}", router.name)))?;
    }
    for round in 0..wish.rounds {
        for case in &cases {
            let order = if round % 2 == 0 { [0, 1, 2] } else { [2, 1, 0] };
            for index in order {
                let router = &routers[index];
                progress(format_args!("round {} of {}: {}, {}", round + 1, wish.rounds, case.name, router.name));
                let value = case.run(&router.lab, wish.seconds)?;
                report.add(case, router.name, value);
            }
        }
    }
    progress(format_args!(""));
    for router in routers {
        finish(router)?;
    }
    print!("{}", report.table());
    if let Some(path) = &wish.json {
        std::fs::write(path, report.json())?;
    }
    report.complete(&cases, wish.rounds)
}

/// One line that is overwritten, where somebody looks.
fn progress(text: std::fmt::Arguments<'_>) {
    if io::stderr().is_terminal() {
        eprint!("\r{:70}\r{text}", "");
    }
}

fn with_flowpin(threads: Option<usize>) -> io::Result<Routed> {
    let lab = Lab::build(Options { threads, extra: "\n[limits]\nflows = 1_000_000\n".into(), ..Options::default() })?;
    let service = lab.start_flowpin(Path::new(env!("CARGO_BIN_EXE_flowpin")))?;
    Ok(Routed { name: FLOWPIN, lab, service: Some(service) })
}

fn with_kernel(name: &'static str, steered: bool) -> io::Result<Routed> {
    let lab = Lab::build(Options::default())?;
    peer::configure(&lab, steered)?;
    Ok(Routed { name, lab, service: None })
}

/// Stops the router; a flowpin that died meanwhile is an error.
fn finish(router: Routed) -> io::Result<()> {
    let Some(mut service) = router.service else { return Ok(()) };
    if !service.alive() {
        return Err(Error::other(format!("flowpin died during the run:\n{}", service.log())));
    }
    eprintln!("flowpin at the end: drops {}, ports {}", field(&service, "drops"), field(&service, "ports"));
    service.stop().map(|_| ())
}

fn field(service: &Service, name: &str) -> String {
    service.status().map_or_else(|error| error.to_string(), |status| status[name].to_string())
}

/// Runs a program in a namespace of the lab and returns what it printed; its failure is an error with its words.
pub fn output(namespace: &flowpin::lab::Namespace, command: &mut Command) -> io::Result<String> {
    let result = namespace.output(command)?;
    if result.status.success() {
        return Ok(String::from_utf8_lossy(&result.stdout).into_owned());
    }
    let words = [String::from_utf8_lossy(&result.stdout), String::from_utf8_lossy(&result.stderr)].concat();
    Err(Error::other(format!("{command:?} failed: {}", words.trim())))
}

impl Measure {
    /// As the table prints it.
    fn unit(self) -> &'static str {
        match self {
            Self::Throughput => "Gbit/s",
            Self::Rate => "kpps",
            Self::RoundTrip => "us",
        }
    }
}
