//! Fragments: a packet is cut into some (IPv4 only; an IPv6 router never fragments, RFC 8200 §4.5), and the later fragments
//! of a datagram take the WAN of its first, in whatever order they come. Must never know: policy, flows.

mod datagram;
pub mod identification;
pub mod pins;
pub mod resolve_offload;
pub mod split;

use crate::plane::outbox::Outbox;
use crate::types::{End, Offload};

/// Queues `packet`, which does not fit `mtu`, for `to` behind the link header `link`, in fragments. The packet has been
/// parsed as IPv4 together with `offload` and has no DF; its bytes are used up. The fragments and their IP bytes; `None`,
/// and nothing queued, when it cannot be made that small: a TCP super-frame, or an MTU below 68.
pub fn fragment(
    packet: &mut [u8],
    offload: &Offload,
    mtu: u16,
    to: (End, &[u8]),
    outbox: &mut Outbox,
) -> Option<(u32, u32)> {
    let (mut packets, mut bytes) = (0, 0);
    let mut is_split = true;
    let mut emit = |header: &[u8], payload: &[u8]| {
        let queued = outbox.push(to.0, to.1, |out| {
            out.extend_from_slice(header);
            out.extend_from_slice(payload);
            true
        });
        if queued {
            packets += 1;
            bytes += (header.len() + payload.len()) as u32;
        }
    };
    let is_resolved =
        resolve_offload::resolve(packet, offload, |packet| is_split &= split::split(packet, mtu, &mut emit));
    outbox.keep_order();
    (is_resolved && is_split).then_some((packets, bytes))
}
