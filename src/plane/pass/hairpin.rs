//! Hairpin: a packet from inside to an own public address turns round and comes back inside, from the sender's public
//! address on that WAN to the inside host of the address (RFC 4787 REQ-9a, RFC 5508 REQ-7, RFC 6296 §4.3).
//! Stateless, so that every protocol and every fragment passes alike; so a host that shares its address has none here. Must never know: flow, ports.

use super::fit::{fits, has_hops};
use super::{errors, mss_clamp, send};
use crate::plane::choose::address;
use crate::plane::choose::admit;
use crate::plane::context::{Ctx, Line};
use crate::plane::counters::Event;
use crate::plane::craft::icmp::Unreachable;
use crate::plane::lease::Lease;
use crate::plane::packet::headers::{Headers, Side};
use crate::plane::policy::Policy;
use crate::plane::refusal::Refusal;
use crate::plane::state::Core;
use crate::plane::translate::mapped::Mapped;
use crate::plane::translate::nptv6::Unmappable;
use crate::plane::translate::rewrite;
use crate::plane::verdict::{DropReason, Verdict};
use crate::types::{Direction, Frame, WanId};

/// The two new addresses of a packet that turns round.
#[derive(Clone, Copy, Debug)]
struct HairpinAddresses {
    source: Mapped,
    destination: Mapped,
}

/// Whether a packet to a public address of `line` may come back inside, and with which addresses.
fn judge(policy: &Policy, line: Line<'_>, headers: &Headers, frame: &Frame<'_>) -> Result<HairpinAddresses, Refusal> {
    let destination = receiver(policy, line, headers);
    let lease = destination.map_or(Lease::FIXED, |it| it.lease);
    let source = address::public_beside(line.wan, headers.source, lease);
    let own = source.and_then(|source| if source.shared { Err(Unmappable::NotOurs) } else { Ok(source) });
    let source = own.map_err(|why| Refusal::unmappable(why, Direction::Outbound))?;
    let destination = destination?;
    has_hops(headers, policy.fixed.hops)?;
    fits(headers, frame, policy.inside.mtu)?;
    Ok(HairpinAddresses { source, destination })
}

fn receiver(policy: &Policy, line: Line<'_>, headers: &Headers) -> Result<Mapped, Refusal> {
    match admit::inside_end(policy, line.wan, &headers.endpoint(Side::Destination)) {
        Ok(receiver) => receiver.map_err(Refusal::from),
        Err(_) => Err(Refusal::unreachable(DropReason::Unmappable, Unreachable::Host)),
    }
}

/// Gives a packet to a public address of `owner` the addresses of its way back, and the rest of what any packet towards
/// inside gets.
pub fn pass(
    core: &mut Core,
    ctx: &mut Ctx<'_>,
    owner: WanId,
    mut headers: Headers,
    frame: &mut Frame<'_>,
) -> Result<Verdict, Refusal> {
    let line = ctx.line(owner).ok_or(DropReason::NoWan)?;
    let HairpinAddresses { source, destination } = judge(ctx.policy, line, &headers, frame)?;
    mss_clamp::lower(core, &headers, frame, ctx.policy.inside.mtu);
    let offload = frame.offload;
    rewrite::apply(frame.packet_mut(), &mut headers, Side::Source, &source, &offload);
    core.counters.event(Event::Hairpinned);
    Ok(send::to_inside(core, ctx, headers, destination, None, frame)?)
}

/// The same for an ICMP error from inside: the packet it quotes came round from the host that it goes to, and all four
/// addresses go back to what that host knows. Nobody is told of an error that does not pass.
pub fn pass_error(
    core: &mut Core,
    ctx: &mut Ctx<'_>,
    owner: WanId,
    mut headers: Headers,
    frame: &mut Frame<'_>,
) -> Result<Verdict, DropReason> {
    let line = ctx.line(owner).ok_or(DropReason::NoWan)?;
    let destination = receiver(ctx.policy, line, &headers).map_err(|refusal| refusal.reason)?;
    has_hops(&headers, ctx.policy.fixed.hops)
        .and_then(|()| fits(&headers, frame, ctx.policy.inside.mtu))
        .map_err(|refusal| refusal.reason)?;
    errors::rewrite_hairpin(line.wan, destination, &mut headers, frame)?;
    core.counters.event(Event::Hairpinned);
    send::to_inside(core, ctx, headers, destination, None, frame)
}

#[cfg(test)]
mod tests;
