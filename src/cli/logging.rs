//! Where the service's log goes: standard error, as text or as one JSON object per line.
//! Must never know: who logs what.

use crate::config::settings::Log;
use std::env;
use std::io::{self, IsTerminal};
use tracing_subscriber::EnvFilter;

/// Variables that go before the configured level, the first that is set and not empty.
const VARIABLES: [&str; 2] = ["FLOWPIN_LOG", "RUST_LOG"];

/// Starts the log for this process.
///
/// # Errors
/// A filter in the environment or the configuration that cannot be read, as one sentence.
pub fn start(log: &Log) -> Result<(), String> {
    let filter = filter(log)?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    // systemd's journal stamps every line itself.
    let journal = env::var_os("JOURNAL_STREAM").is_some() && !io::stderr().is_terminal();
    let started = if log.json {
        builder.json().flatten_event(true).try_init()
    } else if journal {
        builder.without_time().with_ansi(false).with_target(false).try_init()
    } else {
        builder.with_ansi(io::stderr().is_terminal()).with_target(false).try_init()
    };
    started.map_err(|error| format!("cannot start the log: {error}"))
}

fn filter(log: &Log) -> Result<EnvFilter, String> {
    for name in VARIABLES {
        match env::var(name) {
            Ok(words) if !words.is_empty() => {
                return EnvFilter::try_new(&words).map_err(|error| {
                    format!("{name}={words} is not a log filter ({error}): write for example {name}=debug")
                });
            }
            _ => {}
        }
    }
    EnvFilter::try_new(&log.level).map_err(|error| format!("[log] level {} is not a level: {error}", log.level))
}
