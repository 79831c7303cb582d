//! What becomes of a flow whose WAN is up when a better WAN would take it, one that came back for example: the better WAN's
//! settings say whether it stays, moves or ends, as control/controller/failback.rs has timed them. Must never know: tables,
//! how a host is told, since when a WAN is up.

use super::candidates::would_take;
use crate::plane::flow::key::FlowKey;
use crate::plane::flow::pin::Pin;
use crate::plane::packet::numbers::protocol;
use crate::plane::policy::{Policy, Wan};
use crate::types::Remedy;

/// What the WAN of a better tier that would get this flow now, if it were new, wants of it; `None`: it stays where it is,
/// as does whatever came from outside, whose remote knows it by an address of its WAN.
pub fn remedy(policy: &Policy, key: &FlowKey, pin: &Pin) -> Option<Remedy> {
    let tier = policy.wan(pin.binding.wan)?.fixed.tier;
    let wants = |wan: &Wan| {
        if wan.fixed.tier < tier { wan.failback(key.family(), key.protocol() == protocol::TCP) } else { None }
    };
    if pin.came_in || !policy.wans().any(|(_, wan)| wants(wan).is_some()) {
        return None;
    }
    would_take(policy, key).and_then(|better| policy.wan(better)).and_then(wants)
}
