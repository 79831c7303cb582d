//! Which WANs may take a new flow, and why none may. New flows, flows that move and flows that would go back to a better
//! WAN all ask here. Must never know: table, state.

use super::address;
use super::steer;
use crate::plane::craft::icmp::Unreachable;
use crate::plane::flow::key::FlowKey;
use crate::plane::flow::pin::Pin;
use crate::plane::lease::Binding;
use crate::plane::mapping::Class;
use crate::plane::policy::{Policy, Wan, source};
use crate::plane::refusal::Refusal;
use crate::plane::translate::mapped::Mapped;
use crate::plane::translate::nptv6::Unmappable;
use crate::plane::verdict::DropReason;
use crate::types::{Direction, Family, Standing, WanId, WanSet};
use std::cmp::Reverse;
use std::net::IpAddr;

/// The WANs that may take a flow with this key, if it is new: of those that translate its source the ones that stand best,
/// of these the ones of the lowest tier.
#[must_use]
pub fn candidates(policy: &Policy, key: &FlowKey) -> WanSet {
    candidates_but(policy, key, WanSet::EMPTY)
}

/// The same, as if some of the WANs were not there.
fn candidates_but(policy: &Policy, key: &FlowKey, without: WanSet) -> WanSet {
    let translates = |id| !without.contains(id) && policy.wan(id).is_some_and(|wan| public(wan, key).is_ok());
    best(policy, key.family(), translates)
}

/// The public end of a new flow, but for its port. What has no ports cannot share an address.
fn public(wan: &Wan, key: &FlowKey) -> Result<Mapped, Unmappable> {
    let mapped = address::public(wan, key.inside())?;
    if mapped.shared && Class::of(key.protocol()).is_none() { Err(Unmappable::NotOurs) } else { Ok(mapped) }
}

/// Of the WANs that are usable those that stand best in this family, of these the lowest tier. One that is down takes
/// nothing; as a last resort, if the policy allows that, one that can still send does.
#[must_use]
pub fn best(policy: &Policy, family: Family, usable: impl Fn(WanId) -> bool) -> WanSet {
    let worst = if policy.fixed.last_resort { Standing::SoftDown } else { Standing::Degraded };
    lowest(policy, (worst, u8::MAX), |wan| Some((wan.standing(family), wan.fixed.tier)), |id, _| usable(id))
}

/// The WANs on whose links the remote is a neighbour, and that translate the source: of these the ones with the smallest
/// network, of these those that stand best, whatever that is, of these the lowest tier. A neighbour needs nothing of what is
/// behind the link, and a modem is asked just when its line is dead. As if some of the WANs were not there.
fn beside_but(policy: &Policy, key: &FlowKey, without: WanSet) -> WanSet {
    let rank = |wan: &Wan| {
        let network = wan.neighbor_network(key.remote())?;
        Some((Reverse(network.prefix_len()), wan.standing(key.family()), wan.fixed.tier))
    };
    let usable = |id, wan: &Wan| !without.contains(id) && wan.can_send_to(key.remote()) && public(wan, key).is_ok();
    lowest(policy, (Reverse(0), Standing::HardDown, u8::MAX), rank, usable)
}

/// Of the usable WANs whose rank is no higher than `worst` those of the lowest. Whether one is usable is asked only where its
/// rank may count.
fn lowest<R: PartialOrd>(
    policy: &Policy,
    worst: R,
    rank: impl Fn(&Wan) -> Option<R>,
    usable: impl Fn(WanId, &Wan) -> bool,
) -> WanSet {
    let (mut best, mut set) = (worst, WanSet::EMPTY);
    for (id, wan) in policy.wans() {
        let Some(rank) = rank(wan).filter(|rank| *rank <= best && usable(id, wan)) else { continue };
        if rank < best {
            (best, set) = (rank, WanSet::EMPTY);
        }
        set.insert(id);
    }
    set
}

/// Whether the remote is a neighbour of some WAN's link, by an address that means another host, or none, elsewhere.
fn is_only_beside(policy: &Policy, remote: IpAddr) -> bool {
    policy.wans().any(|(_, wan)| wan.is_neighbor(remote)) && !source::is_known_everywhere(remote)
}

/// The WAN that would take a flow with this key, if it were new; `None` where none would. A neighbour of a WAN's link is
/// reached over that.
#[must_use]
pub fn would_take(policy: &Policy, key: &FlowKey) -> Option<WanId> {
    taker(policy, key, WanSet::EMPTY)
}

/// The same, as if some of the WANs were not there.
fn taker(policy: &Policy, key: &FlowKey, without: WanSet) -> Option<WanId> {
    steer::choose(policy, key, beside_but(policy, key, without)).or_else(|| {
        let is_elsewhere = !is_only_beside(policy, key.remote());
        is_elsewhere.then(|| steer::choose(policy, key, candidates_but(policy, key, without))).flatten()
    })
}

/// Whether the WAN that would take a flow with this key stands better than this one.
#[must_use]
pub fn stands_better(policy: &Policy, key: &FlowKey, than: WanId) -> bool {
    let standing = |id| policy.wan(id).map(|wan| wan.standing(key.family()));
    would_take(policy, key).is_some_and(|id| standing(id) < standing(than))
}

/// What a new flow with this key is bound to: the WAN that would take it, and of its public addresses there the current one.
/// Where it shares that, public_port.rs says at which port.
///
/// # Errors
/// No WAN would take it.
pub fn bind(policy: &Policy, key: &FlowKey) -> Result<Binding, Refusal> {
    bind_but(policy, key, WanSet::EMPTY)
}

/// The same, as if some of the WANs were not there.
///
/// # Errors
/// No other would take it.
pub fn bind_but(policy: &Policy, key: &FlowKey, without: WanSet) -> Result<Binding, Refusal> {
    let binding = |id| {
        let wan = policy.wan(id)?;
        Some(Binding { via: wan.via(key.remote()), ..public(wan, key).ok()?.binding(id) })
    };
    taker(policy, key, without).and_then(binding).ok_or_else(|| why_none(policy, key))
}

/// What a known flow is bound to when it leaves its pin: the same as a new one, but one that comes back to its WAN keeps its
/// public end there while it has that.
///
/// # Errors
/// No WAN would take it.
pub fn rebind(policy: &Policy, key: &FlowKey, pin: &Pin) -> Result<Binding, Refusal> {
    let new = bind(policy, key)?;
    let is_held = |wan| address::public_kept(wan, key.inside(), pin).is_some();
    let stays = new.wan == pin.binding.wan && policy.wan(new.wan).is_some_and(is_held);
    Ok(if stays { Binding { via: new.via, ..pin.binding } } else { new })
}

/// Why no WAN may take a flow with this key: those that could are down, or the most telling of the WANs' answers.
fn why_none(policy: &Policy, key: &FlowKey) -> Refusal {
    let is_only_beside = is_only_beside(policy, key.remote());
    let could = || policy.wans().filter(|(_, wan)| !is_only_beside || wan.is_neighbor(key.remote()));
    if could().any(|(_, wan)| public(wan, key).is_ok()) {
        return Refusal::unreachable(DropReason::AllWansDown, Unreachable::NoRoute);
    }
    let mut reasons = could().filter_map(|(_, wan)| public(wan, key).err());
    let telling = reasons.find(|reason| *reason != Unmappable::NotOurs).unwrap_or(Unmappable::NotOurs);
    Refusal::unmappable(telling, Direction::Outbound)
}

#[cfg(test)]
mod tests;
