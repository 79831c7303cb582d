//! Tells a program of the operator's what became of a WAN: one run per event, in their order, on a thread of its own.
//! Never in the way: who is slow is killed, and what cannot wait is left out. Must never know: why a WAN changed.

use crate::api::Event;
use crate::clock::{Clock, pause};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

/// Milliseconds that one run may take.
const LIMIT_MS: u64 = 10_000;
/// How often it is looked whether a run is over.
const LOOK: Duration = Duration::from_millis(20);
/// Events that may wait for the run before them.
const WAITING: usize = 256;

/// Where events are told.
#[derive(Debug)]
pub struct Hooks(Option<SyncSender<Event>>);

impl Hooks {
    /// Starts the thread, if there is a program.
    ///
    /// # Errors
    /// No thread left.
    pub fn start(command: &[String]) -> io::Result<Self> {
        let Some((program, arguments)) = command.split_first() else { return Ok(Self(None)) };
        let (program, arguments) = (program.clone(), arguments.to_vec());
        let (events, inbox) = sync_channel(WAITING);
        let tell = move || {
            for event in inbox {
                if let Err(error) = run(&program, &arguments, &event, LIMIT_MS) {
                    tracing::warn!("[hooks] on_event: {program}: {error}");
                }
            }
        };
        thread::Builder::new().name("flowpin-hooks".into()).spawn(tell)?;
        Ok(Self(Some(events)))
    }

    /// Tells of an event. Does not wait.
    pub fn tell(&self, event: Event) {
        if self.0.as_ref().is_some_and(|events| events.try_send(event).is_err()) {
            tracing::warn!("[hooks] on_event: too many events at once, one was not told");
        }
    }
}

/// One run, with the event as a line of JSON on its standard input. What it prints is nobody's; what it complains of goes
/// to the log.
fn run(program: &str, arguments: &[String], event: &Event, limit_ms: u64) -> io::Result<()> {
    let mut command = Command::new(program);
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
        assert_eq!(shell("exit 3", LIMIT_MS).unwrap_err(), "it ended with exit status: 3");
        let event = Event::default();
        assert!(run("/nonexistent/hook", &[], &event, LIMIT_MS).is_err());
    }

    #[test]
    fn a_program_that_hangs_is_killed_with_what_it_started() {
        assert_eq!(shell("sleep 1000 & wait", 50).unwrap_err(), "killed, as it took longer than 0 s");
    }
}
