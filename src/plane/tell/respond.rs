//! What the sender of a refused packet is told, and how the answer finds its way back.
//! Must never know: why the packet was refused (refusal.rs).

use super::remote;
use crate::plane::context::{Ctx, Line};
use crate::plane::counters::Event;
use crate::plane::craft::icmp::{self, Unreachable};
use crate::plane::craft::rst;
use crate::plane::neighbor;
use crate::plane::packet::headers::{Headers, Transport};
use crate::plane::packet::numbers::ethertype;
use crate::plane::pass::link;
use crate::plane::policy::{Policy, source};
use crate::plane::refusal::{Refusal, Tell};
use crate::plane::state::Core;
use crate::plane::verdict::DropReason;
use crate::types::{End, Frame, Mac, Tick};
use std::net::IpAddr;

/// The way back to the sender of a refused packet.
#[derive(Clone, Copy, Debug)]
pub enum Back<'a> {
    /// Through the TUN, from the router's own addresses.
    Inside,
    /// Out of the WAN it came from, to the station that sent it.
    Wan {
        /// The WAN.
        line: Line<'a>,
        /// The station.
        to: Mac,
        /// Source of the answer.
        from: IpAddr,
    },
}

impl<'a> Back<'a> {
    /// Towards the WAN that `frame` came from. The answer's source is an address of the router on that link; a link
    /// without one answers from the address that the packet was sent to.
    #[must_use]
    pub fn wan(line: Line<'a>, headers: &Headers, frame: &Frame<'_>) -> Self {
        let own = source::of_error(line.wan, headers.source, headers.destination);
        Self::Wan { line, to: link::sender(frame), from: own.unwrap_or(headers.destination) }
    }

    fn end(&self) -> End {
        match self {
            Self::Inside => End::Inside,
            Self::Wan { line, .. } => End::Wan(line.id),
        }
    }

    /// Whose address an answer bears; `None` where none can leave.
    fn source(&self, policy: &Policy, headers: &Headers) -> Option<IpAddr> {
        match self {
            Self::Inside => policy.inside.router(headers.family()),
            Self::Wan { line, from, .. } => line.wan.can_send_to(headers.source).then_some(*from),
        }
    }
}

/// Tells the sender of the packet in `frame`, as it was received, why it was refused, if it is to be told, such a packet is
/// answered at all (RFC 1812 §4.3.2.7, RFC 4443 §2.4) and the rate limit allows. Returns the reason.
pub fn refuse(
    core: &mut Core,
    ctx: &mut Ctx<'_>,
    refusal: Refusal,
    back: Back<'_>,
    headers: &Headers,
    frame: &Frame<'_>,
) -> DropReason {
    let Refusal { reason, tell } = refusal;
    if let (Tell::Reset(pin), Transport::Tcp { .. }) = (tell, headers.transport) {
        remote::reset(core, ctx, &pin, headers, frame);
        reset_host(ctx, headers, frame);
        return reason;
    }
    if tell == Tell::Nothing || !icmp::is_answerable(headers, matches!(tell, Tell::TooBig(_))) {
        return reason;
    }
    let Some(from) = back.source(ctx.policy, headers).filter(|_| may_tell(core, ctx.now, back.end(), headers.source))
    else {
        return reason;
    };
    let write = |out: &mut Vec<u8>| write(out, tell, frame.packet(), headers, from);
    match back {
        Back::Inside => ctx.outbox.push(End::Inside, &[], write),
        Back::Wan { line, to, .. } => {
            let link = neighbor::link_header(line.wan, to, ethertype::of(headers.family()));
            ctx.outbox.push(End::Wan(line.id), &link, write)
        }
    };
    reason
}

/// Whether the limits allow one more error; counts it where they do not.
fn may_tell(core: &mut Core, now: Tick, to: End, receiver: IpAddr) -> bool {
    let allowed = core.limits.allow(now, to, receiver);
    if !allowed {
        core.counters.event(Event::IcmpRateLimited);
    }
    allowed
}

/// Answers a segment from inside by a RST. No rate limits it: it is shorter than what it answers, and ends that.
fn reset_host(ctx: &mut Ctx<'_>, headers: &Headers, frame: &Frame<'_>) {
    let Some(([from, to], segment)) = remote::read(headers, frame) else { return };
    ctx.outbox.push(End::Inside, &[], |out| rst::answer(out, from, to, &segment));
}

fn write(out: &mut Vec<u8>, tell: Tell, packet: &[u8], headers: &Headers, from: IpAddr) -> bool {
    match tell {
        Tell::Nothing => false,
        Tell::TimeExceeded => icmp::time_exceeded(out, packet, headers, from),
        Tell::TooBig(mtu) => icmp::too_big(out, packet, headers, from, mtu),
        Tell::Unreachable(why) => icmp::unreachable(out, packet, headers, from, why),
        Tell::ParameterProblem(code, pointer) => icmp::parameter_problem6(out, packet, headers, from, (code, pointer)),
        Tell::Reset(_) => icmp::unreachable(out, packet, headers, from, Unreachable::AdminProhibited),
    }
}
