//! Tells a program of the operator's what became of a WAN: one run per event, in their order, on a thread of its own.
//! Never in the way: a slow one is killed, and of what the journal does not keep so long is told how much it was.
//! Must never know: why a WAN changed.

use super::log::shown;
use crate::api::Event;
use crate::clock::{Clock, pause};
use crate::config::settings::{Settings, Wan};
use crate::control::controller::leases::{LeaseChange, What};
use crate::control::journal::{Entry, Happened, Line, Reader};
use crate::health::Change;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Milliseconds that one run may take.
const LIMIT_MS: u64 = 10_000;
/// All that a program finds in its environment.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// How often it is looked whether a run is over.
const LOOK: Duration = Duration::from_millis(20);

/// Starts the thread that tells what the journal says, if there is a program. It ends with the process: who is asked to stop
/// waits for no program.
///
/// # Errors
/// No thread left.
pub fn follow(journal: Reader, settings: Arc<Settings>) -> io::Result<()> {
    let Some((program, arguments)) = settings.hooks.split_first() else { return Ok(()) };
    let (program, arguments) = (program.clone(), arguments.to_vec());
    let tell = move || {
        for line in journal {
            let event = match &line {
                Line::Entry(entry) => event(&settings, entry),
                Line::Missed(missed) => {
                    tracing::warn!("[hooks] on_event: too many events at once, {missed} were not told");
                    None
                }
            };
            if let Some(Err(error)) = event.map(|event| run(&program, &arguments, &event, LIMIT_MS)) {
                tracing::warn!("[hooks] on_event: {program}: {error}");
            }
        }
    };
    thread::Builder::new().name("flowpin-hooks".into()).spawn(tell)?;
    Ok(())
}

/// What a program is told of an entry; `None`: it is nobody's business outside.
fn event(settings: &Settings, entry: &Entry) -> Option<Event> {
    let (wan, told) = match &entry.what {
        Happened::State(change) if change.is_of_state() => (Some(change.wan), state(change)),
        Happened::Address(change) => (Some(change.wan), address(change)),
        Happened::Mended(what) => (None, kernel_side("mended", what.clone())),
        Happened::Amiss(amiss) if amiss.is_empty() => (None, kernel_side("whole", String::new())),
        Happened::Amiss(amiss) => (None, kernel_side("amiss", amiss.join("; "))),
        Happened::State(_)
        | Happened::Operator { .. }
        | Happened::Attached { .. }
        | Happened::LinkGone(_)
        | Happened::PortLost { .. } => return None,
    };
    let wan = wan.and_then(|wan| settings.wans.get(wan));
    let of = |field: fn(&Wan) -> &String| wan.map(field).cloned().unwrap_or_default();
    Some(Event {
        at_ms: u64::try_from(entry.at.as_millis()).unwrap_or(u64::MAX),
        wan: of(|wan| &wan.name),
        interface: of(|wan| &wan.interface),
        trace: entry.trace.to_string(),
        ..told
    })
}

fn state(change: &Change) -> Event {
    Event {
        event: "state".to_owned(),
        family: change.family.to_string(),
        from: change.from.to_string(),
        to: change.to.to_string(),
        reason: change.reason.to_string(),
        ..Event::default()
    }
}

fn kernel_side(to: &str, reason: String) -> Event {
    Event { event: "kernel-side".to_owned(), to: to.to_owned(), reason, ..Event::default() }
}

fn address(change: &LeaseChange) -> Event {
    let (event, from, to) = match change.what {
        What::Current { from, to } => ("address", from, to),
        What::Ended(from) => ("address-ended", Some(from), None),
    };
    Event {
        event: event.to_owned(),
        family: change.family.to_string(),
        from: shown(from),
        to: shown(to),
        reason: change.reason.to_owned(),
        ..Event::default()
    }
}

/// One run, with the event as a line of JSON on its standard input. What it prints is nobody's; what it complains of goes
/// to the log.
fn run(program: &str, arguments: &[String], event: &Event, limit_ms: u64) -> io::Result<()> {
    let mut command = Command::new(program);
    // What the service was started with, such as systemd's sockets, is not the program's business.
    command.env_clear().env("PATH", PATH);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).process_group(0);
    let mut child = command.spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // Who does not read it does not want it. It fits into the pipe: nothing blocks.
        let _ = writeln!(stdin, "{}", serde_json::to_string(event)?);
    }
    wait(&mut child, limit_ms)
}

fn wait(child: &mut Child, limit_ms: u64) -> io::Result<()> {
    let clock = Clock::start();
    while clock.now().millis() < limit_ms {
        match child.try_wait()? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(io::Error::other(format!("it ended with {status}"))),
            None => pause(LOOK),
        }
    }
    // With all that it started.
    let group = i32::try_from(child.id()).map_err(io::Error::other)?;
    killpg(Pid::from_raw(group), Signal::SIGKILL)?;
    child.wait()?;
    Err(io::Error::new(io::ErrorKind::TimedOut, format!("killed, as it took longer than {} s", limit_ms / 1000)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limit_ms: u64) -> Result<(), String> {
        let event = Event { wan: "fiber".into(), to: "down".into(), ..Event::default() };
        run("/bin/sh", &["-c".into(), script.into()], &event, limit_ms).map_err(|error| error.to_string())
    }

    #[test]
    fn a_program_reads_the_event_and_its_failure_is_told() {
        assert_eq!(shell("grep -q '\"wan\":\"fiber\".*\"to\":\"down\"'", LIMIT_MS), Ok(()));
        assert_eq!(
            shell("test \"$(env | grep -v -e ^PATH= -e ^PWD= -e ^_= -e ^SHLVL= -e ^OLDPWD=)\" = ''", LIMIT_MS),
            Ok(())
        );
        assert_eq!(shell("exit 3", LIMIT_MS).unwrap_err(), "it ended with exit status: 3");
        let event = Event::default();
        assert!(run("/nonexistent/hook", &[], &event, LIMIT_MS).is_err());
    }

    #[test]
    fn what_was_done_to_the_kernel_side_is_an_event_without_a_wan() {
        let settings = crate::control::sample::settings();
        let told = |what| {
            let entry = Entry { at: Duration::from_millis(5), trace: crate::health::Trace::default(), what };
            let Event { event, at_ms, wan, to, reason, .. } = event(&settings, &entry).unwrap();
            assert_eq!((event.as_str(), at_ms, wan.as_str()), ("kernel-side", 5, ""));
            (to, reason)
        };
        let told_as = |to: &str, reason: &str| (to.to_owned(), reason.to_owned());
        assert_eq!(told(Happened::Mended("a rule was missing".into())), told_as("mended", "a rule was missing"));
        assert_eq!(told(Happened::Amiss(vec!["this".into(), "that".into()])), told_as("amiss", "this; that"));
        assert_eq!(told(Happened::Amiss(Vec::new())), told_as("whole", ""));
    }

    #[test]
    fn a_program_that_hangs_is_killed_with_what_it_started() {
        assert_eq!(shell("sleep 1000 & wait", 50).unwrap_err(), "killed, as it took longer than 0 s");
    }
}
