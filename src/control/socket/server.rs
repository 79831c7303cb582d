//! The thread that answers on the control socket. It has an event loop of its own, so that no question, however many there
//! are and however slowly their answers are read, is in the way of the control loop.
//! Must never know: what is asked and answered.

use super::{ControlSocket, LISTINGS};
use crate::control::report::Sources;
use std::io;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;
use tokio::sync::watch;

/// How long a client that does not read its answer may delay the end.
const FAREWELL: Duration = Duration::from_millis(500);

/// The control socket, answering. Dropping it without [`Server::end`] ends it soon.
#[derive(Debug)]
pub struct Server {
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

impl Server {
    /// Answers from now on.
    ///
    /// # Errors
    /// No thread or event loop to be had.
    pub fn start(socket: ControlSocket, sources: Arc<Sources>) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(LISTINGS)
            .thread_name("flowpin-list")
            .build()?;
        let (stop, stopped) = watch::channel(false);
        let answer = move || {
            runtime.block_on(serve(socket, sources, stopped));
            // A list that is being gathered is of no use any more.
            runtime.shutdown_background();
        };
        Ok(Self { stop, thread: Builder::new().name("flowpin-socket".into()).spawn(answer)? })
    }

    /// Gives what is being answered a moment to finish; then the socket is gone.
    pub fn end(self) {
        self.stop.send_replace(true);
        // A panic has been told on standard error.
        let _ = self.thread.join();
    }
}

async fn serve(mut socket: ControlSocket, sources: Arc<Sources>, stopped: watch::Receiver<bool>) {
    let until = |mut stopped: watch::Receiver<bool>| async move { _ = stopped.wait_for(|it| *it).await };
    let (stop, too_late) = (until(stopped.clone()), until(stopped));
    tokio::select! {
        served = socket.serve(sources, stop) => {
            if let Err(error) = served {
                tracing::error!("the control socket answers no more: {error}");
            }
        }
        () = async { too_late.await; tokio::time::sleep(FAREWELL).await } => {}
    }
}
