//! `flowpin down`: the running service ends and puts everything back; where none runs, this does. Must never know: how.

use super::args::DownArgs;
use super::{client, complain, fail, say};
use crate::clock::{Clock, pause};
use crate::control::service::{self, PutBack};
use serde::Serialize;
use std::io::{self, ErrorKind};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// Milliseconds that a service may take to end.
const PATIENCE_MS: u64 = 60_000;
/// How often it is looked whether it has.
const LOOK: Duration = Duration::from_millis(20);

/// What `--json` prints.
#[derive(Serialize)]
struct Down {
    /// Whether a service ran, and was ended by this.
    ended: bool,
    /// What was put back by this, not by the service that ended.
    #[serde(flatten)]
    put_back: PutBack,
}

/// Ends and puts back.
#[must_use]
pub fn down(args: &DownArgs) -> ExitCode {
    let ended = match end(&args.socket) {
        Ok(ended) => ended,
        Err(sentence) => return fail(sentence),
    };
    // Who may tell the service to end need not be allowed to do its work: then it has done that itself.
    let put_back = if ended && service::may_put_back().is_err() {
        Ok(PutBack::default())
    } else {
        service::put_back(&args.socket)
    };
    let put_back = match put_back {
        Ok(put_back) => put_back,
        Err(faults) => {
            faults.iter().for_each(complain);
            return ExitCode::FAILURE;
        }
    };
    if args.json {
        say(serde_json::to_string(&Down { ended, put_back }).unwrap_or_default());
    } else {
        say(words(ended, &put_back));
    }
    ExitCode::SUCCESS
}

/// Tells the service to end and waits until it has. Whether there was one.
fn end(socket: &Path) -> Result<bool, String> {
    let gone = |error: io::Error| [ErrorKind::NotFound, ErrorKind::ConnectionRefused].contains(&error.kind());
    if UnixStream::connect(socket).is_err_and(gone) {
        return Ok(false);
    }
    client::post(socket, "/v1/down", &())?;
    let clock = Clock::start();
    while service::is_locked(socket) {
        if clock.now().millis() > PATIENCE_MS {
            return Err(format!(
                "flowpin has not ended within {} s: look at its log, then say `flowpin down` again",
                PATIENCE_MS / 1000
            ));
        }
        pause(LOOK);
    }
    Ok(true)
}

fn words(ended: bool, put_back: &PutBack) -> String {
    let ended = if ended { "flowpin has ended and put everything back" } else { "flowpin did not run" };
    let PutBack { settings, rules, routes, tables } = put_back;
    if put_back == &PutBack::default() {
        return format!("{ended}; nothing of it is left");
    }
    format!(
        "{ended}; what it had left is put back: {settings} kernel settings, {rules} policy rules, {routes} routes, \
         {tables} nftables tables"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_back_is_said() {
        assert_eq!(
            words(true, &PutBack::default()),
            "flowpin has ended and put everything back; nothing of it is left"
        );
        assert_eq!(words(false, &PutBack::default()), "flowpin did not run; nothing of it is left");
        let put_back = PutBack { settings: 7, rules: 4, routes: 6, tables: 2 };
        let expected = "flowpin did not run; what it had left is put back: 7 kernel settings, 4 policy rules, 6 routes, 2 \
                        nftables tables";
        assert_eq!(words(false, &put_back), expected);
    }
}
