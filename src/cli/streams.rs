//! What a command says and where: text to standard output, one sentence to standard error, and its exit code.
//! Must never know: which command speaks.

use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;

/// Wrong usage or a bad configuration.
pub const EXIT_BAD_CONFIG: u8 = 2;

/// `run`: `flowpin down` has ended it, so it is not to be started again.
pub const EXIT_DOWN: u8 = 3;

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
