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
//!  SIGTERM, SIGINT, the end of a worker --------------> stop
//! ```
//! Must never know: what a packet means.

mod control_loop;
mod directory;
mod hooks;
mod kernel_thread;
mod kernel_view;
mod log;
mod looks;
mod news;
mod signals;
mod startup;
mod why;

pub use startup::Faults;

use super::{kernel, rights};
use crate::config::settings::Settings;
use directory::Directory;
use startup::{Startup, one};
use std::path::Path;
use std::sync::Arc;

/// Routes until SIGTERM or SIGINT. `config` is the file's name, for `status`.
///
/// # Errors
/// What could not be opened or set up, and everything done by then is undone; or what broke; or what could not be undone.
pub fn run(settings: Settings, config: &Path) -> Result<(), Faults> {
    rights::check().map_err(one)?;
    let socket = &settings.control.socket;
    let _directory = Directory::make(socket.parent().unwrap_or(Path::new("/"))).map_err(one)?;
    let _lock = kernel::lock(socket).map_err(one)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| one(format!("cannot start an event loop: {error}")))?;
    runtime.block_on(Startup { settings: Arc::new(settings), config: config.display().to_string() }.run())
}
