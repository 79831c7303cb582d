//! Real traffic for a lab: TCP, UDP and ping from the firewall to the Internet host, and from there to every public
//! address of both WANs, with the kernel's sockets on both ends. Every byte comes back and is compared.
//! Must never know: flowpin; it only knows which address should appear where.

mod client;
mod cuts;
mod download;
mod echo;
mod hello;
mod ping;
mod session;
pub mod stream;
mod tally;
mod watch;
mod web;

pub use download::{Break, Download};
pub use session::{Session, Typed};
pub use tally::{Kind, Protocol, Score, Seen, Tally};
pub use watch::Wires;

use super::topology::{INBOUND6, INSIDE4, INSIDE6, Line, SERVER4, SERVER6, public_addresses};
use super::{Lab, Namespace};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::watch::{Receiver, Sender, channel};

/// Running servers and clients. Dropping it stops them.
pub struct Traffic {
    tally: Arc<Tally>,
    clients: Crowd,
    servers: Crowd,
}

/// Threads that stop together.
struct Crowd {
    stop: Sender<bool>,
    threads: Vec<JoinHandle<io::Result<io::Result<()>>>>,
}

impl Traffic {
    /// Starts servers and clients in the namespaces of `lab`.
    ///
    /// # Errors
    /// A thread or a server cannot be started.
    pub fn start(lab: &Lab) -> io::Result<Self> {
        let mut traffic = Self::servers(lab)?;
        let crew = client::Crew { tally: Arc::clone(&traffic.tally), pace: lab.options().pace };
        let abroad = crew.clone();
        traffic.clients.start(&lab.fw, "browse", move |stop| client::outbound(crew, stop))?;
        // Nobody visits a line that is plugged in only later.
        let targets = public_addresses(lab.options()).into_iter().filter(|public| public.wan != Line::Lte.name());
        let targets = targets.map(|public| public.address).collect();
        traffic.clients.start(&lab.inet, "visit", move |stop| client::inbound(abroad, targets, stop))?;
        Ok(traffic)
    }

    /// Starts the servers alone: TCP and UDP echo on port 7 and a web server on port 80 of the Internet host and of
    /// every inside address.
    ///
    /// # Errors
    /// A thread or a server cannot be started.
    pub fn servers(lab: &Lab) -> io::Result<Self> {
        let tally = Arc::new(Tally::new(public_addresses(lab.options())));
        let mut servers = Crowd::new();
        servers.serve(&lab.inet, "server", vec![SERVER4.into(), SERVER6.into()], Some(Arc::clone(&tally)))?;
        let inside = INSIDE4.map(IpAddr::V4).into_iter().chain([INSIDE6.into(), INBOUND6.into()]).collect();
        servers.serve(&lab.fw, "inside", inside, None)?;
        Ok(Self { tally, clients: Crowd::new(), servers })
    }

    /// What has happened so far.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Ends the clients and waits for their threads; the servers stay.
    ///
    /// # Errors
    /// The first error that ended one of their threads early.
    pub fn stop_clients(&mut self) -> io::Result<()> {
        self.clients.stop()
    }
}

impl Drop for Traffic {
    /// The clients first: a server that goes away would be a failure in their eyes.
    fn drop(&mut self) {
        let _ = self.clients.stop();
        let _ = self.servers.stop();
    }
}

impl Crowd {
    fn new() -> Self {
        Self { stop: channel(false).0, threads: Vec::new() }
    }

    /// Runs async work on a thread with a runtime, both inside the namespace.
    fn start<F: Future<Output = io::Result<()>>>(
        &mut self,
        namespace: &Namespace,
        name: &str,
        work: impl FnOnce(Receiver<bool>) -> F + Send + 'static,
    ) -> io::Result<()> {
        let stop = self.stop.subscribe();
        self.threads.push(namespace.thread(name, move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            tokio::task::LocalSet::new().block_on(&runtime, work(stop))
        })?);
        Ok(())
    }

    /// Serves on these addresses. They listen, or the error is told by `stop`, when this returns.
    fn serve(
        &mut self,
        namespace: &Namespace,
        name: &str,
        addresses: Vec<IpAddr>,
        tally: Option<Arc<Tally>>,
    ) -> io::Result<()> {
        let (ready, is_ready) = std::sync::mpsc::channel();
        self.start(namespace, name, move |stop| async move {
            let servers = addresses.into_iter().map(echo::Server::bind).collect::<io::Result<Vec<_>>>();
            let _ = ready.send(servers.as_ref().map(|_| ()).map_err(ToString::to_string));
            echo::serve(servers?, tally, stop).await
        })?;
        match is_ready.recv() {
            Ok(Err(why)) => Err(io::Error::other(format!("the lab's servers cannot listen: {why}"))),
            _ => Ok(()),
        }
    }

    fn stop(&mut self) -> io::Result<()> {
        self.stop.send_replace(true);
        let panicked = || io::Error::other("a thread of the lab's traffic panicked");
        let ends: Vec<_> = self.threads.drain(..).map(|thread| thread.join().map_err(|_| panicked())).collect();
        ends.into_iter().try_for_each(|end| end.flatten().flatten())
    }
}
