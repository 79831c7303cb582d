//! Ctrl-C, a closed terminal and SIGTERM as something to wait for. Must never know: what they interrupt.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// Listens from its making on.
pub struct Interrupt(Receiver<()>);

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// The time is over.
    Elapsed,
    /// Somebody wants it to end.
    Interrupted,
}

impl Interrupt {
    /// Starts to listen; the process is no longer ended by these signals.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn listen() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let guard = runtime.enter();
        let mut signals = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
        drop(guard);
        if let Some(Err(error)) = signals.iter_mut().find(|signal| signal.is_err()) {
            return Err(io::Error::new(error.kind(), error.to_string()));
        }
        let (told, told_of) = channel();
        std::thread::Builder::new().name("signals".into()).spawn(move || {
            let [Ok(interrupt), Ok(terminate), Ok(hangup)] = &mut signals else { return };
            loop {
                runtime.block_on(async {
                    tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {}, _ = hangup.recv() => {} }
                });
                if told.send(()).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self(told_of))
    }

    /// Waits for a time or a signal, whichever comes first.
    #[must_use]
    pub fn wait(&self, time: Duration) -> Wait {
        match self.0.recv_timeout(time) {
            Err(RecvTimeoutError::Timeout) => Wait::Elapsed,
            Ok(()) | Err(RecvTimeoutError::Disconnected) => Wait::Interrupted,
        }
    }
}
