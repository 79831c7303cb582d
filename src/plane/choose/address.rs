//! Which address a host has on the other side of a WAN. Which port it has there, where it shares that, is known by its flow
//! outbound, and inbound by choose/shared.rs.
//! Must never know: bytes of a packet, how it is rewritten (translate/rewrite.rs).

use crate::plane::craft::icmp::Unreachable;
use crate::plane::flow::pin::Pin;
use crate::plane::lease::{Binding, Lease, pick};
use crate::plane::packet::headers::Endpoint;
use crate::plane::policy::Wan;
use crate::plane::refusal::Refusal;
use crate::plane::translate::mapped::Mapped;
use crate::plane::translate::nptv6::Unmappable;
use crate::plane::verdict::DropReason;
use crate::types::{Direction, Family};
use std::net::IpAddr;
use std::num::NonZeroU16;

/// The public address of an inside host on `wan` for a new flow. A host map beats the prefix map, also for whom it takes an
/// address from: whose prefix form is the external host of another has none here, or the answers would go to that other.
///
/// # Errors
/// The WAN has no mapping for it, or none is possible.
pub fn public(wan: &Wan, inside: IpAddr) -> Result<Mapped, Unmappable> {
    map(wan, inside, None)
}

/// The same for a flow that has `lease`.
///
/// # Errors
/// The WAN has no mapping for it any more, or none is possible.
pub fn public_under(wan: &Wan, inside: IpAddr, lease: Lease) -> Result<Mapped, Unmappable> {
    map(wan, inside, Some(lease))
}

/// The public end of a flow between an inside host and `remote` that is bound so.
///
/// # Errors
/// The WAN is down, has no mapping for it, or none any more.
#[inline]
pub fn public_of_binding(wan: &Wan, inside: IpAddr, remote: IpAddr, binding: Binding) -> Result<Mapped, Refusal> {
    if !wan.can_send_to(remote) {
        return Err(Refusal::unreachable(DropReason::WanDown, Unreachable::Host));
    }
    match public_under(wan, inside, binding.lease) {
        Ok(mapped) => {
            with_port(mapped, binding).ok_or_else(|| Refusal::unmappable(Unmappable::NotOurs, Direction::Outbound))
        }
        Err(Unmappable::NotOurs) if binding.lease != Lease::FIXED => {
            Err(Refusal::unreachable(DropReason::AddressGone, Unreachable::Host))
        }
        Err(other) => Err(Refusal::unmappable(other, Direction::Outbound)),
    }
}

/// The same for somebody who speaks to a host under `lease`: from there if possible, else from the current address.
///
/// # Errors
/// The WAN has no mapping for it, or none is possible.
pub fn public_beside(wan: &Wan, inside: IpAddr, lease: Lease) -> Result<Mapped, Unmappable> {
    public_under(wan, inside, lease).or_else(|_| public(wan, inside))
}

/// The public address of a known flow of `inside` on `wan`, if it still has the one that it had when it was proved.
#[must_use]
pub fn public_kept(wan: &Wan, inside: IpAddr, pin: &Pin) -> Option<Mapped> {
    let mapped =
        public_under(wan, inside, pin.binding.lease).ok().filter(|_| !is_gone(wan, Family::of(inside), pin))?;
    with_port(mapped, pin.binding)
}

/// The end of a binding at that address. Nothing has a shared address without a port of its own.
#[inline]
fn with_port(mapped: Mapped, binding: Binding) -> Option<Mapped> {
    let port = binding.port.map(NonZeroU16::get);
    (port.is_some() || !mapped.shared).then_some(Mapped { port, ..mapped })
}

/// Whether the public address that a known flow had is not the WAN's any more. What the configuration names stays.
#[must_use]
pub fn is_gone(wan: &Wan, family: Family, pin: &Pin) -> bool {
    pin.binding.lease != Lease::FIXED && !wan.has_lease(family, pin.binding.lease, pin.proved_at())
}

fn map(wan: &Wan, inside: IpAddr, lease: Option<Lease>) -> Result<Mapped, Unmappable> {
    let inside = match inside {
        IpAddr::V4(inside) => {
            let own = wan.nat44.public_of(inside, lease).map(|own| (own, false));
            let shared = || Some((wan.masquerade.as_ref()?.public(lease)?, true));
            let ((address, lease), shared) = own.or_else(shared).ok_or(Unmappable::NotOurs)?;
            return Ok(Mapped { lease, shared, ..Mapped::fixed(address) });
        }
        IpAddr::V6(inside) => inside,
    };
    if let Some((external, lease)) = wan.host6.external_of(inside, lease) {
        return Ok(Mapped { lease, ..Mapped::fixed(external) });
    }
    let leased = pick(&wan.nptv6, lease).ok_or(Unmappable::NotOurs)?;
    let public = leased.held.outbound(inside)?;
    if wan.host6.inside_of(public).is_some() || wan.kept6.contains(&public) {
        return Err(Unmappable::NotOurs);
    }
    Ok(Mapped { neutral: leased.held.is_neutral(), lease: leased.lease, ..Mapped::fixed(public) })
}

/// The inside end behind a public one of `wan`. A host map beats the prefix map.
///
/// # Errors
/// The end is not owned, or no inside address is possible.
#[inline]
pub fn inside(wan: &Wan, public: &Endpoint) -> Result<Mapped, Unmappable> {
    let public = match public.address {
        IpAddr::V4(public) => {
            let (address, lease) = wan.nat44.inside_of(public).ok_or(Unmappable::NotOurs)?;
            return Ok(Mapped { lease, ..Mapped::fixed(address) });
        }
        IpAddr::V6(public) => public,
    };
    if let Some((host, lease)) = wan.host6.inside_of(public) {
        return Ok(Mapped { lease, ..Mapped::fixed(host) });
    }
    if wan.kept6.contains(&public) {
        return Err(Unmappable::NotOurs);
    }
    let mut refusal = Unmappable::NotOurs;
    for leased in &*wan.nptv6 {
        match leased.held.inbound(public) {
            Ok(host) => {
                let neutral = leased.held.is_neutral();
                return Ok(Mapped { neutral, lease: leased.lease, ..Mapped::fixed(host) });
            }
            Err(Unmappable::NotOurs) => {}
            Err(other) => refusal = other,
        }
    }
    Err(refusal)
}
