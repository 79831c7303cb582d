//! `flowpin run`: the service in the foreground. Configuration and log first; then `control::service` does the work.
//! Must never know: links, ports, packets.

use super::args::RunArgs;
use super::{EXIT_BAD_CONFIG, EXIT_DOWN, check, complain, logging};
use crate::config::file;
use crate::control::service::{self, Ended};
use std::process::ExitCode;

/// Routes until told to stop.
#[must_use]
pub fn run(args: &RunArgs) -> ExitCode {
    let settings = match file::load(&args.config) {
        Ok(settings) => settings,
        Err(diagnostics) => {
            check::complain(&diagnostics);
            return ExitCode::from(EXIT_BAD_CONFIG);
        }
    };
    if let Err(sentence) = logging::start(&settings.log) {
        complain(sentence);
        return ExitCode::from(EXIT_BAD_CONFIG);
    }
    match service::run(settings, &args.config) {
        Ok(Ended::Stopped) => ExitCode::SUCCESS,
        Ok(Ended::Down) => ExitCode::from(EXIT_DOWN),
        Err(faults) => {
            faults.iter().for_each(complain);
            ExitCode::FAILURE
        }
    }
}
