//! `flowpin completions`: a shell's completion script on standard output.
//! Must never know: where a shell keeps such files.

use super::args::{Cli, CompletionsArgs};
use clap::CommandFactory;
use std::io::Write;
use std::process::ExitCode;

/// Prints the script.
#[must_use]
pub fn completions(args: &CompletionsArgs) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "flowpin", &mut script);
    // A reader that went away is not an error.
    let _ = std::io::stdout().write_all(&script);
    ExitCode::SUCCESS
}
