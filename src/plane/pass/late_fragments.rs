//! Later fragments of outbound datagrams that overtook their first: they are sent behind it, in the order in which they
//! came. Must never know: where they wait (fragment/pins.rs), how each passes (process.rs).

use crate::plane::context::Ctx;
use crate::plane::fragment::pins::Datagram;
use crate::plane::lease::Binding;
use crate::plane::outbox::Outbox;
use crate::plane::packet::headers::{Fragment, Headers};
use crate::plane::state::Core;
use crate::plane::translate::mapped::Mapped;
use crate::plane::verdict::Verdict;
use crate::types::Frame;

/// Later fragments whose first has just been pinned, each behind `HEADROOM` free bytes.
pub type LateFragments = Vec<Vec<u8>>;

/// Remembers what a first fragment is bound to, for the later ones of its datagram. Those that wait for it.
#[inline]
pub fn release(core: &Core, ctx: &Ctx<'_>, headers: &Headers, binding: Binding) -> LateFragments {
    match headers.fragment {
        Fragment::First(id) => core.shared.fragments.remember(Datagram::new(headers, id), binding, ctx.now),
        Fragment::Whole | Fragment::Later(_) => LateFragments::new(),
    }
}

/// Remembers who gets the first fragment of a datagram to a shared address, for the later ones. Those that wait for it.
#[inline]
pub fn release_inbound(core: &Core, ctx: &Ctx<'_>, headers: &Headers, receiver: Mapped) -> LateFragments {
    match headers.fragment {
        Fragment::First(id) if receiver.shared => {
            core.shared.arrivals().remember(Datagram::new(headers, id), receiver, ctx.now)
        }
        _ => LateFragments::new(),
    }
}

/// Queues one that has been processed, if it is to be forwarded. What is queued keeps its place behind the first fragment.
pub fn send(frame: &Frame<'_>, verdict: Verdict, outbox: &mut Outbox) {
    if let Verdict::Forward(end) = verdict {
        outbox.push(end, frame.link(), |out| {
            out.extend_from_slice(frame.packet());
            true
        });
    }
}

#[cfg(test)]
mod tests;
