//! Errors that say what was tried. Must never know: what is tried.

use std::fmt::Display;
use std::io;

/// Says what was tried in front of why it failed.
pub fn fault(what: impl Display) -> impl FnOnce(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("{what}: {error}"))
}
