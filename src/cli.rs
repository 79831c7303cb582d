//! The command line: one file per subcommand, each `run(&Args) -> ExitCode`. Knows every room.
//! Must never know: how a packet is judged; that is the plane's.

pub mod args;
pub mod check;
pub mod client;
mod columns;
pub mod completions;
pub mod flows;
pub mod lab;
mod logging;
pub mod replay;
pub mod run;
pub mod status;
pub mod wan;

use args::{Cli, Command};
use clap::Parser;
use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;

/// Wrong usage or a bad configuration.
pub const EXIT_BAD_CONFIG: u8 = 2;

/// Reads the command line and does what it says. clap itself exits with 2 on wrong usage and with 0 after `--help`.
#[must_use]
pub fn main() -> ExitCode {
    match &Cli::parse().command {
        Command::Run(args) => run::run(args),
        Command::Check(args) => check::check(args),
        Command::Status(args) => status::status(args),
        Command::Flows(args) => flows::flows(args),
        Command::Wan(args) => wan::wan(args),
        Command::Replay(args) => replay::replay(args),
        Command::Lab(args) => lab::lab(args),
        Command::Completions(args) => completions::completions(args),
    }
}

/// One sentence to standard error, and the exit code for "it failed".
pub fn fail(sentence: impl Display) -> ExitCode {
    complain(sentence);
    ExitCode::FAILURE
}

/// One sentence to standard error. A closed standard error is nobody's fault.
pub fn complain(sentence: impl Display) {
    let _ = writeln!(std::io::stderr(), "flowpin: {sentence}");
}

/// Text to standard output. A reader that went away (`flowpin flows | head`) is not an error, and never a panic.
pub fn say(text: impl Display) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
