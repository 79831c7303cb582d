//! The command line: one file per subcommand, each `run(&Args) -> ExitCode`. Knows every room.
//! Must never know: how a packet is judged (plane/process.rs).

pub mod args;
pub mod check;
pub mod client;
mod columns;
pub mod completions;
pub mod down;
pub mod flows;
#[cfg(feature = "lab")]
pub mod lab;
mod logging;
pub mod replay;
pub mod run;
pub mod status;
mod streams;
pub mod wan;

pub use streams::{EXIT_BAD_CONFIG, EXIT_DOWN, complain, fail, say};

use args::{Cli, Command};
use clap::Parser;
use std::process::ExitCode;

/// Reads the command line and does what it says. clap itself exits with 2 on wrong usage and with 0 after `--help`.
#[must_use]
pub fn main() -> ExitCode {
    let command = match Cli::try_parse() {
        Ok(cli) => cli.command,
        Err(_) if is_left_out(std::env::args().nth(1).as_deref(), cfg!(feature = "lab")) => {
            streams::complain("this build has no lab; `cargo build --features lab` makes one that has");
            return ExitCode::from(streams::EXIT_BAD_CONFIG);
        }
        Err(error) => error.exit(),
    };
    match &command {
        Command::Run(args) => run::run(args),
        Command::Check(args) => check::check(args),
        Command::Status(args) => status::status(args),
        Command::Flows(args) => flows::flows(args),
        Command::Wan(args) => wan::wan(args),
        Command::Down(args) => down::down(args),
        Command::Replay(args) => replay::replay(args),
        #[cfg(feature = "lab")]
        Command::Lab(args) => lab::lab(args),
        Command::Completions(args) => completions::completions(args),
    }
}

/// Whether a word is a subcommand that this build does not have.
fn is_left_out(word: Option<&str>, has_lab: bool) -> bool {
    !has_lab && word == Some("lab")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_build_without_the_lab_leaves_it_out() {
        assert!(is_left_out(Some("lab"), false));
        assert!(!is_left_out(Some("lab"), true));
        assert!(!is_left_out(Some("label"), false) && !is_left_out(None, false));
    }

    #[test]
    fn a_build_has_the_subcommand_if_it_has_the_lab() {
        assert_eq!(Cli::try_parse_from(["flowpin", "lab"]).is_ok(), cfg!(feature = "lab"));
    }
}
