//! The service as a program under watch: started in the router, waited for, asked, stopped, killed.
//! Must never know: what its answers mean.

use super::Namespace;
use super::fault::fault;
use crate::clock::Clock;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How long it may take to be ready, and to stop.
const PATIENCE: Duration = Duration::from_secs(90);
/// The line that says so, in either log format.
const READY: &str = "flowpin is ready";

/// A running `flowpin run`. Dropping it stops it.
#[derive(Debug)]
pub struct Service {
    child: Child,
    socket: PathBuf,
    log: Arc<Log>,
}

/// What it has said so far.
#[derive(Debug, Default)]
struct Log {
    state: Mutex<(String, bool)>,
    more: Condvar,
}

impl Service {
    /// Starts `binary run --config config` in `namespace` and waits until it says that it is ready.
    ///
    /// # Errors
    /// It cannot be started, ends, or is not ready in 20 s; the error carries what it logged.
    pub fn start(namespace: &Namespace, binary: &Path, config: &Path, socket: PathBuf) -> io::Result<Self> {
        let mut command = Command::new(binary);
        command
            .arg("run")
            .arg("--config")
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        // Ctrl-C at the terminal is for the lab, which then stops the service in order.
        command.process_group(0);
        let started = namespace.spawn(&mut command);
        let mut child = started.map_err(fault(format_args!("cannot start {}", binary.display())))?;
        let log = Arc::new(Log::default());
        if let Some(stderr) = child.stderr.take() {
            let log = Arc::clone(&log);
            std::thread::Builder::new().name("log".into()).spawn(move || log.follow(stderr))?;
        }
        let service = Self { child, socket, log };
        if service.log.wait_for(READY) {
            return Ok(service);
        }
        Err(io::Error::other(format!("flowpin did not get ready; it said:\n{}", service.log())))
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.state.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    /// Whether it still runs.
    #[must_use]
    pub fn alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// The answer to `GET path` on its control socket, e.g. of `/v1/status`.
    ///
    /// # Errors
    /// It does not answer, or not with 200.
    pub fn get(&self, path: &str) -> io::Result<String> {
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: flowpin\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        match answer.split_once("\r\n\r\n") {
            Some((head, body)) if head.split(' ').nth(1) == Some("200") => Ok(body.to_owned()),
            _ => Err(io::Error::other(format!("flowpin answered {path} with: {answer}"))),
        }
    }

    /// Its status.
    ///
    /// # Errors
    /// It does not answer.
    pub fn status(&self) -> io::Result<serde_json::Value> {
        Ok(serde_json::from_str(&self.get("/v1/status")?)?)
    }

    /// Asks it to stop (SIGTERM) and waits.
    ///
    /// # Errors
    /// It does not stop in 20 s; then it is killed.
    pub fn stop(mut self) -> io::Result<ExitStatus> {
        self.end()
    }

    /// Kills it (SIGKILL) and waits: nothing it made is taken back.
    ///
    /// # Errors
    /// It is not there any more.
    pub fn kill9(mut self) -> io::Result<ExitStatus> {
        self.child.kill()?;
        self.child.wait()
    }

    fn end(&mut self) -> io::Result<ExitStatus> {
        if let Some(status) = self.child.try_wait()? {
            return Ok(status);
        }
        let clock = Clock::start();
        let pid = i32::try_from(self.child.id()).map_err(io::Error::other)?;
        kill(Pid::from_raw(pid), Signal::SIGTERM)?;
        while clock.now().0 < u64::try_from(PATIENCE.as_nanos()).unwrap_or(u64::MAX) {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            crate::clock::pause(Duration::from_millis(5));
        }
        self.child.kill()?;
        self.child.wait()?;
        Err(io::Error::new(io::ErrorKind::TimedOut, "flowpin did not stop in 20 s and was killed"))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

impl Log {
    /// Copies lines until the other end closes.
    fn follow(&self, stderr: impl Read) {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.0.push_str(&line);
            state.0.push('\n');
            self.more.notify_all();
        }
        self.state.lock().unwrap_or_else(PoisonError::into_inner).1 = true;
        self.more.notify_all();
    }

    /// Whether the text came before the end and in time.
    fn wait_for(&self, text: &str) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = |(said, ended): &mut (String, bool)| !said.contains(text) && !*ended;
        let (state, _) = self.more.wait_timeout_while(state, PATIENCE, waiting).unwrap_or_else(PoisonError::into_inner);
        state.0.contains(text)
    }
}
