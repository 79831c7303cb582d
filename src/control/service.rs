//! The running service: everything is opened and set up in order and taken back in reverse order; in between the control
//! loop takes what happens, and does what the controller says.
//!
//! ```text
//!  kernel's links  --netlink--> news ---------News----> control_loop --Event--> controller --Effects--> the same
//!  others' changes --netlink--> the same -----Touched-> the same
//!                               kernel_thread -Answer-> the same     --Policy-> mailboxes of the worker threads
//!  probes' ends    --Report---------------------------> the same     --Entry--> journal: log, hooks
//!  what flows show --Counters-------------------------> the same, read a few times a second
//!  commands        --HTTP-----> socket --OperatorCommand-> the same
//!                               socket <--Sources-- shared state, counters and meters of the workers
//!  SIGTERM, SIGINT, down, the end of a worker --------> stop
//! ```
//! Must never know: what a packet means.

mod control_loop;
mod directory;
mod hooks;
mod kernel_thread;
mod kernel_view;
mod lapses;
mod log;
mod looks;
mod news;
mod signals;
mod startup;
mod watchdog;
mod why;

pub use super::kernel::PutBack;
pub use startup::{Ended, Faults};

use super::socket::ControlSocket;
use super::{kernel, privileges, rights};
use crate::config::settings::Settings;
use directory::Directory;
use startup::{Startup, one};
use std::path::Path;
use std::sync::Arc;
use tokio::runtime::{Builder, Runtime};

/// Routes until SIGTERM, SIGINT or `flowpin down`. `config` is the file's name, for `status`.
///
/// # Errors
/// What could not be opened or set up, and everything done by then is undone; or what broke; or what could not be undone.
pub fn run(settings: Settings, config: &Path) -> Result<Ended, Faults> {
    rights::check("run").map_err(one)?;
    let socket = &settings.control.socket;
    let _directory = directory_of(socket)?;
    privileges::give_up(&settings.control).map_err(one)?;
    let _lock = kernel::lock(socket).map_err(one)?;
    let runtime = event_loop()?;
    runtime.block_on(Startup { settings: Arc::new(settings), config: config.display().to_string() }.run())
}

/// Whether a service with this control socket runs, or has not quite ended.
#[must_use]
pub fn is_locked(socket: &Path) -> bool {
    kernel::lock_file(socket).exists()
}

/// Whether this process may put back what a run has left.
///
/// # Errors
/// One sentence that says what is missing.
pub fn may_put_back() -> Result<(), String> {
    rights::check("down")
}

/// Puts back what a run with this control socket has left that does not run any more.
///
/// # Errors
/// It runs; or what could not be put back.
pub fn put_back(socket: &Path) -> Result<PutBack, Faults> {
    may_put_back().map_err(one)?;
    let _directory = directory_of(socket)?;
    let _lock = kernel::lock(socket).map_err(one)?;
    ControlSocket::remove_stale(socket);
    event_loop()?.block_on(kernel::put_back(socket))
}

fn event_loop() -> Result<Runtime, Faults> {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| one(format!("cannot start an event loop: {error}")))
}

fn directory_of(socket: &Path) -> Result<Directory, Faults> {
    Directory::make(socket.parent().unwrap_or(Path::new("/"))).map_err(one)
}
