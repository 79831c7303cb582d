//! What the service says of its life, in the log and to systemd. Must never know: how it got there.

use super::follow::Why;
use crate::api::Event;
use crate::clock;
use crate::config::settings::{Settings, Wan};
use crate::control::controller::leases::{LeaseChange, What};
use crate::health::{Change, ProbeReport, Trace};
use crate::plane::policy::Policy;
use crate::types::WanId;
use ipnet::{IpNet, Ipv6Net};
use sd_notify::NotifyState;

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
    let wans: Vec<_> = settings.wans.iter().map(|wan| format!("{} on {}", wan.name, wan.interface)).collect();
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

/// Whether somebody wants to know: a family that a WAN does not carry is nobody's loss.
pub fn is_worth_saying(settings: &Settings, change: &Change) -> bool {
    settings.wans.get(change.wan.index()).is_some_and(|wan| wan.carries(change.family))
}

/// A WAN is not what it was: one line, with the same fields each time; lines of one cause have the same trace.
pub fn transition(wan: &str, change: &Change) {
    let Change { family, from, to, reason, trace, evidence, .. } = change;
    for ProbeReport { name, last, window, .. } in evidence {
        tracing::debug!(wan, %family, probe = &**name, ?last, lost = window.lost, of = window.outcomes, %trace, "evidence");
    }
    if change.standing > change.stood {
        tracing::warn!(wan, %family, %from, %to, %reason, %trace, "WAN changed");
    } else {
        tracing::info!(wan, %family, %from, %to, %reason, %trace, "WAN changed");
    }
}

/// The same for hooks.
pub fn event(settings: &Settings, change: &Change) -> Event {
    Event {
        event: "state".to_owned(),
        family: change.family.to_string(),
        from: change.from.to_string(),
        to: change.to.to_string(),
        reason: change.reason.to_string(),
        trace: change.trace.to_string(),
        ..about(settings, change.wan)
    }
}

/// An event of now about a WAN.
fn about(settings: &Settings, wan: WanId) -> Event {
    let wan = settings.wans.get(wan.index());
    let of = |field: fn(&Wan) -> &String| wan.map(field).cloned().unwrap_or_default();
    Event {
        at_ms: u64::try_from(clock::wall().as_millis()).unwrap_or(u64::MAX),
        wan: of(|wan| &wan.name),
        interface: of(|wan| &wan.interface),
        ..Event::default()
    }
}

/// A prefix may be that of several WANs.
pub fn undecided(prefix: &Ipv6Net) {
    tracing::warn!(
        "{prefix} is delegated, but several WANs wait for a prefix and the kernel does not tell whose it is: say \
         `flowpin wan NAME set prefix {prefix}`, or let a hook of config/hooks say it"
    );
}

/// A WAN's public address is not what it was: one line, with the same fields each time.
pub fn lease(wan: &str, change: &LeaseChange, trace: Trace) {
    let LeaseChange { family, what, reason, .. } = change;
    match what {
        What::Current { from, to } => {
            let (from, to) = (shown(*from), shown(*to));
            tracing::info!(wan, %family, from, to, reason, %trace, "public address changed");
        }
        What::Ended(from) => tracing::info!(wan, %family, %from, reason, %trace, "public address ended"),
    }
}

/// The same for hooks.
pub fn lease_event(settings: &Settings, change: &LeaseChange, trace: Trace) -> Event {
    let (event, from, to) = match change.what {
        What::Current { from, to } => ("address", from, to),
        What::Ended(from) => ("address-ended", Some(from), None),
    };
    Event {
        event: event.to_owned(),
        family: change.family.to_string(),
        from: shown(from),
        to: shown(to),
        reason: change.reason.to_owned(),
        trace: trace.to_string(),
        ..about(settings, change.wan)
    }
}

fn shown(net: Option<IpNet>) -> String {
    match net {
        None => String::new(),
        Some(host) if host.prefix_len() == host.max_prefix_len() => host.addr().to_string(),
        Some(prefix) => prefix.to_string(),
    }
}

/// It is over.
pub fn stopping(why: &Why) {
    match why {
        Why::Signal(name) => tracing::info!("{name}: stopping"),
        Why::Broken(sentence) => tracing::error!("stopping: {sentence}"),
    }
    notify(&[NotifyState::Stopping]);
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!("cannot tell systemd: {error}");
    }
}
