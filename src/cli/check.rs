//! `flowpin check`: says what is wrong with a configuration file.
//! Must never know: a running service, links.

use super::args::CheckArgs;
use std::process::ExitCode;

/// Checks the file.
#[must_use]
pub fn check(_args: &CheckArgs) -> ExitCode {
    super::not_built_yet("check")
}
