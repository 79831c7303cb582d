//! Which public port a flow has where its inside host shares the WAN's address. A WAN that has none left is passed over, as if
//! it were not there. Must never know: packets, which WAN is best (candidates.rs).

use super::address;
use super::candidates;
use crate::plane::counters::Event;
use crate::plane::craft::icmp::Unreachable;
use crate::plane::flow::key::FlowKey;
use crate::plane::flow::pin::Pin;
use crate::plane::flow::table::inside_end;
use crate::plane::lease::Binding;
use crate::plane::mapping::{Class, Exhausted, Space};
use crate::plane::policy::Policy;
use crate::plane::refusal::Refusal;
use crate::plane::state::Core;
use crate::plane::translate::masquerade::Masquerade;
use crate::plane::verdict::DropReason;
use crate::types::{Filtering, WanSet};

/// What a new flow with this key is bound to, with the port that it has at a shared address; that is held for it until
/// [`release`].
///
/// # Errors
/// No WAN would take it, or those that would have no port left (RFC 5508 REQ-8).
pub fn bind(core: &Core, policy: &Policy, key: &FlowKey) -> Result<Binding, Refusal> {
    let mut full = WanSet::EMPTY;
    loop {
        let binding = match candidates::bind_but(policy, key, full) {
            Err(_) if full != WanSet::EMPTY => {
                return Err(Refusal::unreachable(DropReason::PortsExhausted, Unreachable::AdminProhibited));
            }
            bound => bound?,
        };
        match take(core, policy, key, binding) {
            Ok(binding) => return Ok(binding),
            Err(Exhausted) => full.insert(binding.wan),
        }
        core.counters.event(Event::PortsExhausted);
    }
}

/// What a known flow is bound to when it leaves its pin. Nothing is held for one that comes back to that.
///
/// # Errors
/// As above.
pub fn rebind(core: &Core, policy: &Policy, key: &FlowKey, pin: &Pin) -> Result<Binding, Refusal> {
    let same = candidates::rebind(policy, key, pin)?;
    if same.end() == pin.binding.end() {
        return Ok(same);
    }
    let binding = bind(core, policy, key)?;
    if binding.end() == pin.binding.end() {
        release(core, key, binding);
    }
    Ok(binding)
}

/// The flow has the port now, or will not have it.
pub fn release(core: &Core, key: &FlowKey, binding: Binding) {
    if binding.port.is_some() {
        core.shared.table.mappings().leave(key.protocol(), binding);
    }
}

/// The binding with a port, where the inside host shares its address there; it is held until [`release`].
///
/// # Errors
/// No port is left.
pub fn take(core: &Core, policy: &Policy, key: &FlowKey, binding: Binding) -> Result<Binding, Exhausted> {
    let Some(masquerade) = masquerade(policy, key, binding) else { return Ok(binding) };
    let (class, end) = Class::of(key.protocol()).zip(inside_end(key, binding)).ok_or(Exhausted)?;
    let remembers_remotes = masquerade.filtering == Filtering::Address;
    let space = Space { ports: masquerade.ports, per_host: masquerade.per_host, remembers_remotes };
    let port = core.shared.table.mappings().take(binding.wan, class, space, end)?;
    Ok(Binding { port: Some(port), ..binding })
}

/// What the inside host shares its address with others by; `None`: it has one of its own.
fn masquerade<'a>(policy: &'a Policy, key: &FlowKey, binding: Binding) -> Option<&'a Masquerade> {
    let wan = policy.wan(binding.wan)?;
    let shares = |wan| address::public_under(wan, key.inside(), binding.lease).is_ok_and(|mapped| mapped.shared);
    wan.masquerade.as_ref().filter(|_| shares(wan))
}
