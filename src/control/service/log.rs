//! What the service says of its life, in the log and to systemd; what happens to WANs it reads from the journal, on a thread
//! of its own, so that a log that is slow holds nobody up. Must never know: how it got there.

use super::why::Why;
use crate::config::settings::Settings;
use crate::control::controller::leases::{LeaseChange, What};
use crate::control::journal::{Entry, Happened, Journal, Line};
use crate::health::{Change, ProbeReport, State, Trace};
use crate::plane::policy::Policy;
use crate::types::WanId;
use ipnet::{IpNet, Ipv6Net};
use sd_notify::NotifyState;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

/// The thread that logs what the journal says. Dropped, it closes the journal and waits until all of that is logged.
#[derive(Debug)]
pub struct JournalLog {
    journal: Arc<Journal>,
    thread: Option<JoinHandle<()>>,
}

impl JournalLog {
    /// Starts the thread.
    ///
    /// # Errors
    /// No thread left.
    pub fn start(journal: &Arc<Journal>, settings: Arc<Settings>) -> io::Result<Self> {
        let lines = journal.reader();
        let log = move || lines.for_each(|line| log_line(&settings, &line));
        let thread = thread::Builder::new().name("flowpin-log".into()).spawn(log)?;
        Ok(Self { journal: Arc::clone(journal), thread: Some(thread) })
    }
}

impl Drop for JournalLog {
    fn drop(&mut self) {
        self.journal.close();
        // One that panicked has said so.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn log_line(settings: &Settings, line: &Line) {
    match line {
        Line::Entry(entry) => log_entry(settings, entry),
        Line::Missed(missed) => tracing::warn!("too much happened at once: {missed} events are not in this log"),
    }
}

/// One line for each, with the same fields each time.
fn log_entry(settings: &Settings, entry: &Entry) {
    let name = |id: WanId| settings.wans.get(id).map_or("?", |wan| wan.name.as_str());
    match &entry.what {
        Happened::State(change) => transition(name(change.wan), change),
        Happened::Address(change) => address(name(change.wan), change, entry.trace),
        Happened::Operator { wan, verb, reason } => {
            tracing::info!(wan = name(*wan), reason, "{} by hand", verb.name());
        }
        Happened::Attached { wan, link } => tracing::info!("WAN \"{}\" is on link \"{link}\"", name(*wan)),
        Happened::LinkGone(wan) => tracing::warn!("WAN \"{}\": its link is gone", name(*wan)),
        Happened::Mended(what) => tracing::warn!("kernel side mended: {what}"),
        Happened::Amiss(amiss) if amiss.is_empty() => {
            tracing::info!("rules, routes and kernel settings are whole again");
        }
        Happened::Amiss(amiss) => amiss.iter().for_each(|sentence| tracing::warn!("{sentence}")),
        Happened::PortLost { wan, error } => tracing::warn!("WAN \"{}\" lost its port: {error}", name(*wan)),
    }
}

/// A WAN stands otherwise than before; lines of one cause have the same trace.
fn transition(wan: &str, change: &Change) {
    let Change { family, from, to, reason, trace, evidence, .. } = change;
    for ProbeReport { name, last, window, .. } in evidence {
        tracing::debug!(wan, %family, probe = &**name, ?last, lost = window.lost, of = window.outcomes, %trace, "evidence");
    }
    if !change.is_of_state() {
        tracing::info!(wan, %family, state = %to, standing = ?change.standing, %reason, %trace, "WAN is treated otherwise");
    } else if change.standing > change.stood || *to == State::Unusable {
        tracing::warn!(wan, %family, %from, %to, %reason, %trace, "WAN changed");
    } else {
        tracing::info!(wan, %family, %from, %to, %reason, %trace, "WAN changed");
    }
}

/// A WAN's public address is another, or one has ended.
fn address(wan: &str, change: &LeaseChange, trace: Trace) {
    let LeaseChange { family, what, reason, .. } = change;
    match what {
        What::Current { from, to } => {
            let (from, to) = (shown(*from), shown(*to));
            tracing::info!(wan, %family, from, to, reason, %trace, "public address changed");
        }
        What::Ended(from) => tracing::info!(wan, %family, %from, reason, %trace, "public address ended"),
    }
}

/// An address as people write it: a prefix that is one address has no length.
pub fn shown(net: Option<IpNet>) -> String {
    match net {
        None => String::new(),
        Some(host) if host.prefix_len() == host.max_prefix_len() => host.addr().to_string(),
        Some(prefix) => prefix.to_string(),
    }
}

/// Warns once for each family in which the router cannot speak to inside hosts.
pub fn missing_router_addresses(settings: &Settings, policy: &Policy) {
    let has = |v4: bool| settings.downstream.prefixes.iter().any(|prefix| matches!(prefix, IpNet::V4(_)) == v4);
    let families =
        [(has(true), policy.inside.router4.is_some(), "IPv4"), (has(false), policy.inside.router6.is_some(), "IPv6")];
    for (_, _, family) in families.into_iter().filter(|(needed, there, _)| *needed && !there) {
        tracing::warn!(
            "the router has no {family} address to send ICMP errors from: inside hosts will not learn of {family} path \
             MTU, unreachable hosts or traceroute hops; give the downstream link an address, or set `addresses` in \
             [downstream]"
        );
    }
}

/// Packets flow.
pub fn ready(settings: &Settings, workers: usize) {
    let wans: Vec<_> = settings.wans.values().map(|wan| format!("{} on {}", wan.name, wan.interface)).collect();
    let inside = match &settings.downstream.interface {
        Some(link) => format!("{} to {link}", settings.downstream.tun),
        None => settings.downstream.tun.clone(),
    };
    let workers = if workers == 1 { "1 worker".to_owned() } else { format!("{workers} workers") };
    let facts = format!(
        "{}; inside {inside}; {workers}; control socket {}",
        wans.join(", "),
        settings.control.socket.display()
    );
    tracing::info!("flowpin is ready: {facts}");
    notify(&[NotifyState::Ready, NotifyState::Status(&format!("Routing: {facts}"))]);
}

/// A prefix may be that of several WANs.
pub fn undecided(prefix: &Ipv6Net) {
    tracing::warn!(
        "{prefix} is delegated, but several WANs wait for a prefix and the kernel does not tell whose it is: say \
         `flowpin wan NAME set prefix {prefix}`, or let a hook of config/hooks say it"
    );
}

/// It is over.
pub fn stopping(why: &Why) {
    match why {
        Why::Signal(name) => tracing::info!("{name}: stopping"),
        Why::Down => tracing::info!("`flowpin down`: stopping"),
        Why::Broken(sentence) => tracing::error!("stopping: {sentence}"),
    }
    notify(&[NotifyState::Stopping]);
}

/// The kernel side stays.
pub fn shut() {
    tracing::info!("nothing passes from now on until flowpin starts again; `flowpin down` puts everything back");
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!("cannot tell systemd: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::Reason;
    use crate::types::{Family, Standing, Tick};
    use std::sync::{Mutex, PoisonError};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(from: State, to: State, stood: Standing, standing: Standing) -> String {
        let (wan, family, at, trace) = (WanId(0), Family::V4, Tick(0), Trace(7));
        let (reason, evidence) = (Reason::NoNextHop, Vec::new());
        let change = Change { wan, family, at, from, to, stood, standing, reason, evidence, trace };
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(subscriber, || transition("fiber", &change));
        String::from_utf8(lines.0.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap()
    }

    #[test]
    fn a_change_of_the_standing_alone_is_no_change_of_the_state() {
        let changed = logged(State::Up, State::NoGateway, Standing::Up, Standing::SoftDown);
        assert!(changed.contains("WAN changed wan=\"fiber\" family=ipv4 from=up to=no-gateway"), "{changed}");
        let given_up = logged(State::NoGateway, State::NoGateway, Standing::SoftDown, Standing::HardDown);
        assert!(!given_up.contains("from=") && !given_up.contains("WAN changed"), "{given_up}");
        assert!(given_up.contains("state=no-gateway standing=HardDown reason=no gateway is known"), "{given_up}");
    }
}
