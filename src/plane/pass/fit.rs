//! What becomes of a packet that is longer than the next link carries: refused, fragmented, or, when it is a TCP
//! super-frame, left to the kernel in smaller segments. Must never know: choose, addresses.

use crate::plane::context::Line;
use crate::plane::counters::Event;
use crate::plane::fragment;
use crate::plane::outbox::Outbox;
use crate::plane::packet::headers::Headers;
use crate::plane::packet::mtu;
use crate::plane::refusal::Refusal;
use crate::plane::state::Core;
use crate::plane::verdict::{DropReason, Verdict};
use crate::types::{Direction, End, Family, Frame, WanId};

/// The link that a packet goes on to.
#[derive(Clone, Copy, Debug)]
pub struct NextLink<'a> {
    /// The end that sends it.
    pub to: End,
    /// Link header; empty towards inside.
    pub header: &'a [u8],
    /// Bytes of IP packet.
    pub mtu: u16,
    /// The traffic that the packet counts for.
    pub counted: Option<(WanId, Direction)>,
}

/// The largest packet that goes through a WAN, in bytes.
pub fn mtu(core: &Core, line: Line<'_>, family: Family) -> u16 {
    core.shared.paths.mtu(line.id, line.wan, family)
}

/// Whether the packet fits a link of `mtu` bytes, or may be made to.
pub fn fits(headers: &Headers, frame: &Frame<'_>, mtu: u16) -> Result<(), Refusal> {
    if mtu::fits(headers, &frame.offload, mtu) || !headers.dont_fragment { Ok(()) } else { Err(Refusal::too_big(mtu)) }
}

/// Whether the packet lives on behind this hop and `more` behind it.
pub fn has_hops(headers: &Headers, more: u8) -> Result<(), Refusal> {
    if headers.ttl.saturating_sub(more) > 1 { Ok(()) } else { Err(Refusal::no_hops(headers.ttl)) }
}

/// Sends the packet in `frame`, all rewritten, on to a link: as it is, or as fragments in the outbox. One that may not be
/// fragmented has been found to fit; if the link has shrunk since, it goes as it is.
pub fn forward(
    core: &mut Core,
    next: NextLink<'_>,
    headers: &Headers,
    frame: &mut Frame<'_>,
    outbox: &mut Outbox,
) -> Result<Verdict, DropReason> {
    if !headers.dont_fragment
        && !mtu::fits(headers, &frame.offload, next.mtu)
        && !mtu::lower_segments(&mut frame.offload, headers.header_len(), next.mtu)
    {
        return fragmented(core, next, frame, outbox);
    }
    if !frame.set_link(next.header) {
        return Err(DropReason::NoHeadroom);
    }
    let (packets, bytes) = headers.segments(&frame.offload);
    count_forwarded(core, &next, packets, bytes);
    Ok(Verdict::Forward(next.to))
}

#[cold]
fn fragmented(
    core: &mut Core,
    next: NextLink<'_>,
    frame: &mut Frame<'_>,
    outbox: &mut Outbox,
) -> Result<Verdict, DropReason> {
    let offload = frame.offload;
    let made = fragment::fragment(frame.packet_mut(), &offload, next.mtu, (next.to, next.header), outbox);
    let (packets, bytes) = made.ok_or(DropReason::TooBig)?;
    core.counters.event(Event::Fragmented);
    count_forwarded(core, &next, packets, bytes);
    Ok(Verdict::Fragmented(next.to))
}

fn count_forwarded(core: &Core, next: &NextLink<'_>, packets: u32, bytes: u32) {
    if let Some((id, direction)) = next.counted {
        core.counters.forward(id, direction, packets.into(), bytes.into());
    }
}

#[cfg(test)]
mod tests;
