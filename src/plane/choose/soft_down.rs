//! What a flow on a WAN that is softly down shows by itself: one that gets answers drains in peace, and one that does not
//! fares as if the WAN were hard down. Nobody goes where nothing better is to be had.
//! Must never know: tables, how a host is told, why the WAN is down.
//!
//! Without an answer is a flow that has asked for one and waited too long; silence.rs says what that is. Where the probes
//! show that the path is dead, so is a TCP connection from inside that was spoken to until then and hears nothing since: a
//! download does not ask. One that was spoken to since the WAN fell has shown that its path is not dead. What was silent
//! before the WAN fell shows nothing, and its next packet has the whole time; but a SYN begins another connection, and a
//! datagram may as well: a resolver that asks from one port, a tunnel that wakes up.
//! Where an operator wants the WAN down its path may be as good as ever: there only counts what was asked since.

use super::candidates::would_take;
use crate::plane::flow::key::FlowKey;
use crate::plane::flow::pin::Pin;
use crate::plane::packet::headers::{Headers, Transport};
use crate::plane::packet::numbers::{protocol, tcp_flag};
use crate::plane::policy::{Draining, Policy};
use crate::types::{Remedy, Tick};

/// What becomes of a flow that nothing answers: the same as on a hard down; `None`: it drains.
pub fn remedy(policy: &Policy, key: &FlowKey, pin: &Pin, now: Tick) -> Option<Remedy> {
    let (draining, remedy) = judged_by(policy, key, pin)?;
    (is_unanswered(&draining, key, pin, now) && has_better(policy, key, pin)).then_some(remedy)
}

/// What becomes of a flow whose inside host begins another with this packet: `Reset`, if it is over by that, or `Move`, if
/// it goes on; `None`: the packet belongs to it.
pub fn begins_anew(policy: &Policy, headers: &Headers, key: &FlowKey, pin: &Pin, now: Tick) -> Option<Remedy> {
    let (draining, _) = judged_by(policy, key, pin).filter(|_| !pin.came_in)?;
    let (is_dead, is_silent) = (draining.dead_since.is_some(), pin.silence.has_lasted(draining.silence, now));
    let remedy = match headers.transport {
        Transport::Tcp { flags, .. } if tcp_flag::is_initial_syn(flags) && (is_dead || is_silent) => Remedy::Reset,
        Transport::Udp { .. } | Transport::Query { request: true, .. }
            if is_dead && is_silent && !pin.silence.is_asking() && !pin.silence.began_since(draining.since, now) =>
        {
            Remedy::Move
        }
        _ => return None,
    };
    has_better(policy, key, pin).then_some(remedy)
}

fn judged_by(policy: &Policy, key: &FlowKey, pin: &Pin) -> Option<(Draining, Remedy)> {
    policy.wan(pin.binding.wan)?.judges(key.family(), key.protocol() == protocol::TCP)
}

fn is_unanswered(draining: &Draining, key: &FlowKey, pin: &Pin, now: Tick) -> bool {
    let silence = pin.silence;
    let counts = match (draining.dead_since, silence.is_asking()) {
        (Some(_), true) => true,
        (Some(dead_since), false) => {
            let was_spoken_to = silence.began_since(dead_since, now) && !silence.began_since(draining.since, now);
            was_spoken_to && key.protocol() == protocol::TCP && !pin.came_in
        }
        (None, is_asking) => is_asking && silence.began_since(draining.since, now),
    };
    counts && silence.has_lasted(draining.silence, now)
}

/// Whether another WAN would take the flow.
fn has_better(policy: &Policy, key: &FlowKey, pin: &Pin) -> bool {
    would_take(policy, key).is_some_and(|wan| wan != pin.binding.wan)
}
