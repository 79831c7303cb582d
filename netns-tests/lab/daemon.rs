//! Programs that run beside a test: born in a namespace, with directories of their own in place of the machine's, ended by
//! their process id. Must never know: any single claim.

use flowpin::clock::pause;
use flowpin::lab::Namespace;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A running program. Dropping it ends it.
pub struct Daemon {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Daemon {
    /// Runs a shell script in a namespace and a mount namespace of its own; the script ends with `exec` of the program.
    /// What it says goes to a file in `directory`.
    pub fn start(namespace: &Namespace, directory: &Path, name: &str, script: &str) -> Self {
        let log = directory.join(format!("{name}.log"));
        let file = File::create(&log).expect("a file for the log");
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-ec", script]).current_dir(directory).stdin(Stdio::null());
        command.stdout(file.try_clone().expect("a descriptor")).stderr(file);
        let child = namespace.spawn(&mut command).unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
        Self { name: name.to_owned(), child, log }
    }

    /// What it has said so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Makes it read its configuration again.
    pub fn reload(&self) {
        self.signal(Signal::SIGHUP);
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).expect("a process id");
        let _ = kill(Pid::from_raw(pid), signal);
    }
}

impl Drop for Daemon {
    /// A test that fails says what it had to say.
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            eprintln!("the last of {}:\n{}", self.name, &log[log.len().saturating_sub(6000)..]);
        }
        self.signal(Signal::SIGTERM);
        for _ in 0..100 {
            if let Ok(Some(_)) = self.child.try_wait() {
                return;
            }
            pause(Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
