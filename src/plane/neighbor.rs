//! Next hops and owned addresses on the link layer: ARP (RFC 826, 5227) and ND (RFC 4861) as pure frames.
//! What is known of the next hops lies in one word each (cells.rs), so that every worker reads it without a lock; all
//! workers learn from what arrives, one of them (`Prober`) asks.
//! Must never know: sockets, clocks, which addresses the kernel answers.

mod announce;
mod arp;
mod cells;
mod context;
mod nd;
mod prober;
pub mod queue;
#[cfg(test)]
pub(super) mod sample;

pub use cells::{NeighborState, Neighbors};
pub use context::{Answer, link_header};
pub use prober::Prober;

use crate::plane::outbox::Outbox;
use crate::plane::packet::numbers::ethertype;
use crate::plane::policy::{Policy, Wan};
use crate::types::{Frame, Mac, WanId};
use context::NeighborContext;
use std::net::IpAddr;

/// Looks at an ARP frame, an NS or an NA that arrived on `wan`: learns the next hop's MAC from it, and answers what asks
/// for an address that this WAN owns. The caller has checked the link header: for us, and this WAN's tag. Call it for
/// NS and NA also when they are addressed to an owned address: they are never forwarded.
pub fn answer(frame: &Frame<'_>, policy: &Policy, wan: WanId, neighbors: &Neighbors, outbox: &mut Outbox) -> Answer {
    let Some(own) = policy.wan(wan) else { return Answer::Kernel };
    let mut place = NeighborContext { id: wan, wan: own, neighbors, outbox };
    match frame.link() {
        [.., a, b] if u16::from_be_bytes([*a, *b]) == ethertype::ARP => arp::answer(frame, &mut place),
        [.., a, b] if u16::from_be_bytes([*a, *b]) == ethertype::IPV6 => nd::answer(frame, &mut place),
        _ => Answer::Kernel,
    }
}

/// Asks for the next hop of `id`, by its known address or everybody.
pub(super) fn solicit(
    wan: &Wan,
    (id, next_hop): (WanId, IpAddr),
    known: Option<Mac>,
    neighbors: &Neighbors,
    outbox: &mut Outbox,
) {
    let mut place = NeighborContext { id, wan, neighbors, outbox };
    match next_hop {
        IpAddr::V4(next_hop) => arp::send_request(&mut place, next_hop, known),
        IpAddr::V6(next_hop) => nd::send_solicitation(&mut place, next_hop, known),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Offload, PartialChecksum};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_frame_gets_a_verdict_and_at_most_one_answer(
            ethertype in prop_oneof![Just(ethertype::ARP), Just(ethertype::IPV6), any::<u16>()],
            start in prop_oneof![
                Just(vec![]),
                Just(sample::hex("0001 0800 06 04 0001 02000000ee01 c0000201 000000000000 c0000203")),
                Just(sample::hex("60000000 0020 3a ff")),
            ],
            rest in prop::collection::vec(any::<u8>(), 0..120),
            cut in 0..200usize,
        ) {
            let link = [&[2, 0, 0, 0, 0, 0xa, 2, 0, 0, 0, 0xee, 1][..], &ethertype.to_be_bytes()].concat();
            let mut bytes = [link, start, rest].concat();
            let end = bytes.len().min(14 + cut);
            let mut frame = Frame::new(&mut bytes, 0, 14, end, Offload::NONE).unwrap();
            // No chance finds a checksum: owe it.
            frame.offload.partial = Some(PartialChecksum { start: 40, offset: 2 });
            let mut outbox = Outbox::new();
            let verdict = answer(&frame, &sample::policy(), WanId(0), &Neighbors::new(), &mut outbox);
            prop_assert_eq!(sample::sent(&mut outbox).len(), usize::from(verdict == Answer::Answered));
        }
    }
}
