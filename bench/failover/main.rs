//! How fast it fails over: a line of the lab dies in one way or another while a datagram a millisecond crosses it, and the
//! receiver tells for how long it heard nothing. A second stream, on the line that lives, must not lose one packet.
//! `cargo bench --bench failover -- [--repeats 30] [--fault NAME] [--seed N] [--json FILE]`; faults come at random moments.
//! `-- --routes N --flows N` lets a carrier go twice, without and with so many routes in the kernel's main table and so many
//! flows that somebody lists, and shows both. `-- --flap SECONDS` lets a line flap under traffic instead, and looks for what the service has lost or kept.

mod fault;
mod flap;
mod load;
mod repeat;
mod report;

use fault::{CASES, Case};
use load::Load;
use report::Report;
use std::io::{self, Error};
use std::path::PathBuf;
use std::process::ExitCode;

/// What the command line asks for.
struct Wish {
    repeats: usize,
    fault: Option<String>,
    flap: Option<u64>,
    load: Load,
    seed: u64,
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    let wish = match wish() {
        Ok(wish) => wish,
        Err(text) => {
            eprintln!("failover: {text}");
            return ExitCode::from(2);
        }
    };
    match measure(&wish) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("failover: {error}");
            ExitCode::FAILURE
        }
    }
}

fn wish() -> Result<Wish, String> {
    let seed = flowpin::clock::wall().as_nanos() as u64;
    let mut wish = Wish { repeats: 30, fault: None, flap: None, load: Load::default(), seed, json: None };
    // cargo says `--bench` when it benches; without it (`cargo test --benches`) this is a test.
    let (mut benching, mut said) = (false, false);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} wants a value"));
        let number = |text: String| text.parse::<u64>().map_err(|_| format!("{text} is no number"));
        match word.as_str() {
            "--repeats" => (wish.repeats, said) = (number(value()?)? as usize, true),
            "--fault" => wish.fault = Some(value()?).filter(|fault| fault != "all"),
            "--flap" => (wish.flap, said) = (Some(number(value()?)?), true),
            "--routes" => wish.load.routes = number(value()?)? as u32,
            "--flows" => wish.load.flows = number(value()?)? as u32,
            "--seed" => wish.seed = number(value()?)?,
            "--json" => wish.json = Some(value()?.into()),
            "--bench" => benching = true,
            "--test" => {}
            _ => {
                return Err(format!(
                    "unknown option {word}: known are --repeats N, --fault NAME, --flap SECONDS, --routes N, --flows N, \
                     --seed N, --json FILE"
                ));
            }
        }
    }
    if !benching && !said {
        wish.repeats = 1;
    }
    Ok(wish)
}

fn measure(wish: &Wish) -> io::Result<()> {
    println!("seed {}", wish.seed);
    if let Some(seconds) = wish.flap {
        return flap::run(seconds);
    }
    let fault = wish.fault.clone().or_else(|| (wish.load != Load::default()).then(|| "carrier".to_owned()));
    let is_wanted = |case: &&Case| fault.as_ref().is_none_or(|fault| case.name.starts_with(fault.as_str()));
    let cases: Vec<&Case> = CASES.iter().filter(is_wanted).collect();
    if cases.is_empty() {
        let names: Vec<&str> = CASES.iter().map(|case| case.name).collect();
        return Err(Error::other(format!("no fault has such a name: there are {}", names.join(", "))));
    }
    let mut report = Report::new(wish.seed);
    for case in cases {
        report.add(case.name.to_owned(), case, repeat::run(case, Load::default(), wish.repeats, wish.seed)?);
        if wish.load != Load::default() {
            let name = format!("{}: {}", case.name, wish.load.name());
            report.add(name, case, repeat::run(case, wish.load, wish.repeats, wish.seed)?);
        }
    }
    print!("{}", report.table());
    if let Some(path) = &wish.json {
        std::fs::write(path, report.json())?;
    }
    report.judge()
}
