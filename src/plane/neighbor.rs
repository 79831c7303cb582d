//! Next hops and owned addresses on the link layer: ARP (RFC 826, 5227) and ND (RFC 4861) as pure frames.
//! What is known of the next hops lies in one word each (cells.rs), so that every worker reads it without a lock; all
//! workers learn from what arrives, one of them (`Prober`) asks; all verify what is claimed (verify.rs).
//! Must never know: sockets, clocks, which addresses the kernel answers.

mod announce;
mod arp;
mod cells;
mod claims;
mod context;
mod gateways;
mod hop;
mod hosts;
mod in_use;
mod listeners;
mod nd;
mod prober;
pub mod queue;
#[cfg(test)]
pub(super) mod sample;
mod verify;
mod word;

pub use cells::{NeighborState, Neighbors};
pub use context::{Answer, link_header};
pub use hosts::{Full, Resolution};
pub use prober::Prober;

use crate::plane::lease::Via;
use crate::plane::outbox::Outbox;
use crate::plane::packet::numbers::ethertype;
use crate::plane::policy::{Policy, Wan};
use crate::types::{Family, Frame, Mac, Tick, WanId};
use context::NeighborContext;
use std::net::{IpAddr, Ipv6Addr};

/// Looks at an ARP frame, an NS, an NA or an RA that arrived on `wan`: learns the next hop's MAC from it, and answers what asks
/// for an address that this WAN owns. The caller has checked the link header: for us, and this WAN's tag. Call it for
/// NS and NA also when they are addressed to an owned address: they are never forwarded.
pub fn answer(
    frame: &Frame<'_>,
    (now, policy): (Tick, &Policy),
    wan: WanId,
    neighbors: &Neighbors,
    outbox: &mut Outbox,
) -> Answer {
    let Some(own) = policy.wan(wan) else { return Answer::Kernel };
    let mut place = NeighborContext { now, id: wan, wan: own, neighbors, outbox };
    let (answer, said) = match frame.link() {
        [.., a, b] if u16::from_be_bytes([*a, *b]) == ethertype::ARP => arp::answer(frame, &mut place),
        [.., a, b] if u16::from_be_bytes([*a, *b]) == ethertype::IPV6 => nd::answer(frame, &mut place),
        _ => (Answer::Kernel, None),
    };
    said.into_iter().for_each(|said| verify::learn(&mut place, said));
    answer
}

/// Asks for the next hop that `id` uses for a family, by its known address or everybody.
pub(super) fn solicit(
    now: Tick,
    wan: &Wan,
    (id, family): (WanId, Family),
    known: Option<Mac>,
    neighbors: &Neighbors,
    outbox: &mut Outbox,
) {
    let hop = neighbors.used(id, family);
    verify::ask(&mut NeighborContext { now, id, wan, neighbors, outbox }, hop, known);
}

/// How `host`, a neighbour on the link of `id`, stands to a packet that `by` sends to it now. One that nobody has sent to is
/// asked for.
///
/// # Errors
/// Too many do not answer already.
pub(super) fn resolve(
    now: Tick,
    (id, wan): (WanId, &Wan),
    (host, by): (IpAddr, IpAddr),
    neighbors: &Neighbors,
    outbox: &mut Outbox,
) -> Result<Resolution, Full> {
    verify::resolve(&mut NeighborContext { now, id, wan, neighbors, outbox }, host, by)
}

/// The MAC by which a packet of the router's own leaves for `target`: that of the gateway of this family, or of the target. A host
/// that nobody has sent to is asked for.
pub(super) fn towards(
    now: Tick,
    (id, wan): (WanId, &Wan),
    (family, target): (Family, IpAddr),
    neighbors: &Neighbors,
    outbox: &mut Outbox,
) -> Option<Mac> {
    if wan.via(target) == Via::Gateway {
        return neighbors.mac(id, family);
    }
    let nobody = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    match resolve(now, (id, wan), (target, nobody), neighbors, outbox) {
        Ok(Resolution::Known(mac)) => Some(mac),
        _ => None,
    }
}

/// Goes on with the MACs that are claimed for next hops and with the hosts of the links, if one is due at `now`. How many claims
/// were refused. Every worker calls it, for the one that heard of a claim is the one that is awake.
pub(super) fn settle(now: Tick, policy: &Policy, neighbors: &Neighbors, outbox: &mut Outbox) -> u32 {
    let mut refused = 0;
    if neighbors.claims.take_due(now) {
        for (id, wan) in policy.wans() {
            let of =
                |family| wan.link.gateways(family).iter().filter_map(move |it| neighbors.hop(id, family, it.address));
            for hop in Family::ALL.into_iter().flat_map(of) {
                let mut place = NeighborContext { now, id, wan, neighbors, outbox };
                refused += u32::from(verify::settle(&mut place, hop));
            }
        }
    }
    if neighbors.hosts.take_due(now) {
        for (id, wan) in policy.wans() {
            refused += verify::go_on(&mut NeighborContext { now, id, wan, neighbors, outbox });
        }
    }
    refused
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Offload, PartialChecksum};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_frame_gets_a_verdict_at_most_one_answer_and_one_question(
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
            let verdict = answer(&frame, (Tick(0), &sample::policy()), WanId(0), &sample::neighbors(), &mut outbox);
            // Who says that it is the next hop is asked, which nobody is known to be.
            let (questions, answers): (Vec<_>, Vec<_>) = sample::sent(&mut outbox).into_iter().partition(sample::is_question);
            prop_assert_eq!(answers.len(), usize::from(verdict == Answer::Answered));
            prop_assert!(questions.len() <= 1);
        }
    }
}
