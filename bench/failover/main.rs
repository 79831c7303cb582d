//! How fast it fails over: a line of the lab dies in one way or another while a datagram a millisecond crosses it, and the
//! receiver tells for how long it heard nothing. A second stream, on the line that lives, must not lose one packet.
//! `cargo bench --bench failover -- [--repeats 30] [--fault NAME] [--seed N] [--json FILE]`; faults come at random moments.
//! `-- --routes N --routes6 N --flows N` lets the carrier go once more with so many routes in the kernel's main table, which
//! is read all the time, and so many flows, which somebody lists all the time. `-- --binary FILE` is another flowpin than
//! this. `-- --flap SECONDS` lets a line flap under traffic, and looks for what the service has lost or kept.

mod fault;
mod flap;
mod load;
mod repeat;
mod report;
mod wish;

use fault::{CASES, Case, Fault};
use load::Load;
use report::Report;
use std::io::{self, Error};
use std::process::ExitCode;
use wish::Wish;

fn main() -> ExitCode {
    let wish = match Wish::read() {
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

fn measure(wish: &Wish) -> io::Result<()> {
    println!("seed {}", wish.seed);
    if let Some(seconds) = wish.flap {
        return flap::run(seconds);
    }
    let is_wanted = |case: &&Case| wish.fault.as_ref().is_none_or(|fault| case.name.starts_with(fault.as_str()));
    let cases: Vec<&Case> = CASES.iter().filter(is_wanted).collect();
    if cases.is_empty() {
        let names: Vec<&str> = CASES.iter().map(|case| case.name).collect();
        return Err(Error::other(format!("no fault has such a name: there are {}", names.join(", "))));
    }
    let mut report = Report::new(wish.seed);
    for case in cases {
        report.add(case.name.to_owned(), case, repeat::run(case, Load::default(), wish)?);
        if wish.load != Load::default() && case.fault == Fault::Carrier {
            let name = format!("{}: {}", case.name, wish.load.name());
            report.add(name, case, repeat::run(case, wish.load, wish)?);
        }
    }
    print!("{}", report.table());
    if let Some(path) = &wish.json {
        std::fs::write(path, report.json())?;
    }
    report.judge()
}
