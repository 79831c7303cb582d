//! Whether what the kernel still owes a packet fits the packet. What does not fit could make a later rewrite, or the
//! kernel that sends it, touch the wrong bytes.

use crate::plane::packet::headers::{Fragment, Headers, Transport};
use crate::plane::packet::numbers::protocol;
use crate::plane::verdict::DropReason;
use crate::types::{Gso, GsoKind, Offload, PartialChecksum};

pub(super) fn check(headers: &Headers, offload: &Offload) -> Result<(), DropReason> {
    let sound = headers.fragment == Fragment::Whole
        && offload.partial.is_none_or(|partial| fits(headers, partial))
        && offload.gso.is_none_or(|gso| cuts(headers, offload.partial, gso));
    if sound { Ok(()) } else { Err(DropReason::BadOffload) }
}

/// A partial checksum is the transport's own, at the place where it belongs; or one deeper in the packet, when a tunnel
/// (GRE, IPIP, VXLAN) carries a packet whose checksum is still owed: that one is none of our business. ICMP errors are
/// always complete.
fn fits(headers: &Headers, partial: PartialChecksum) -> bool {
    let field = usize::from(partial.start) + usize::from(partial.offset);
    if field + 2 > headers.len as usize || partial.start < headers.l4 || headers.transport == Transport::Error {
        return false;
    }
    if partial.start == headers.l4 {
        headers.checksum_at().is_none_or(|at| at == field)
            && (headers.protocol != protocol::SCTP || partial.offset == 8)
    } else {
        matches!(headers.transport, Transport::Udp { .. } | Transport::Opaque)
    }
}

/// Segments are cut from the outermost transport, and there must be something to cut.
fn cuts(headers: &Headers, partial: Option<PartialChecksum>, gso: Gso) -> bool {
    let kind = match headers.transport {
        Transport::Tcp { header_len, .. } => {
            header_len != 0 && gso.kind == if headers.is_v4() { GsoKind::Tcp4 } else { GsoKind::Tcp6 }
        }
        // The kernel derives each segment's checksum from the partial one.
        Transport::Udp { .. } => gso.kind == GsoKind::UdpL4 && partial.is_some(),
        _ => false,
    };
    kind && headers.len > u32::from(headers.header_len()) && partial.is_none_or(|partial| partial.start == headers.l4)
}

#[cfg(test)]
mod tests;
