//! The thread that does what takes long where the kernel's tables are large: it reads the links with their routes, and
//! mends flowpin's own rules and routes. The control loop asks, and goes on. Must never know: what is done with an answer.

use super::kernel_view::KernelView;
use crate::config::settings::Settings;
use crate::control::kernel::{Forwarding, Repaired};
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::UnboundedSender;

/// What is asked of the thread. The control loop has at most one of each under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Request {
    /// Read the links.
    Look,
    /// Make again what is missing of rules, routes and sysctls.
    Repair,
}

/// What the thread answers.
#[derive(Debug)]
pub enum Answer {
    /// Early in a look: the indices of the links that carry frames.
    Lit(Vec<u32>),
    /// The end of a look; or why there is none, in one sentence.
    Seen(Result<KernelView, String>),
    /// What was mended, and what stays amiss.
    Repaired(Repaired),
}

/// The thread.
#[derive(Debug)]
pub struct KernelThread {
    forwarding: Sender<Forwarding>,
    requests: Sender<Request>,
    thread: JoinHandle<Option<Forwarding>>,
}

impl KernelThread {
    /// Starts it. Answers go to `answers`.
    ///
    /// # Errors
    /// No thread, or no event loop for it.
    pub fn start(settings: Arc<Settings>, answers: UnboundedSender<Answer>) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (forwarding, handed) = channel();
        let (requests, inbox) = channel();
        let serve = move || {
            let forwarding = handed.recv().ok()?;
            Some(serve(&runtime, forwarding, &settings, &inbox, &answers))
        };
        let thread = thread::Builder::new().name("flowpin-kernel".into()).spawn(serve)?;
        Ok(Self { forwarding, requests, thread })
    }

    /// Hands it what it mends, before anything is asked.
    pub fn hand(&self, forwarding: Forwarding) {
        // A thread that is gone has panicked, which its end tells.
        let _ = self.forwarding.send(forwarding);
    }

    /// Asks for something. Does not wait.
    pub fn ask(&self, request: Request) {
        // The same.
        let _ = self.requests.send(request);
    }

    /// Waits until what was asked is done, and ends the thread. What it was handed; `None`: it had panicked.
    #[must_use]
    pub fn end(self) -> Option<Forwarding> {
        drop((self.forwarding, self.requests));
        self.thread.join().ok().flatten()
    }
}

fn serve(
    runtime: &Runtime,
    mut forwarding: Forwarding,
    settings: &Settings,
    requests: &Receiver<Request>,
    answers: &UnboundedSender<Answer>,
) -> Forwarding {
    // The loop that asks ends later than this thread, or needs no answer.
    let answer = |answer| drop(answers.send(answer));
    for request in requests {
        match request {
            Request::Look => {
                let view = runtime.block_on(KernelView::look(settings, |lit| answer(Answer::Lit(lit))));
                answer(Answer::Seen(view));
            }
            Request::Repair => {
                let repaired = runtime.block_on(forwarding.repair());
                answer(Answer::Repaired(repaired));
            }
        }
    }
    forwarding
}
