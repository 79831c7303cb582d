//! Validates a packet once: what comes out is proof that later reads and writes stay inside it.
//! IPv4 per RFC 1812 §5.2.2, IPv6 per RFC 8200 with its extension headers walked, and the offload metadata that came along.
//! Must never know: policy, flows, where the packet came from.

mod network;
mod offload;
mod problem;
mod transport;

pub use problem::{Problem, problem};

use super::headers::{Fragment, Headers};
use crate::plane::verdict::DropReason;
use crate::types::Offload;

/// The headers of `packet`, which may be longer than the IP packet in it (Ethernet padding): `Headers::len` says where
/// that ends.
///
/// # Errors
/// Why the packet may not be forwarded by anybody.
pub fn parse(packet: &[u8], offload: &Offload) -> Result<Headers, DropReason> {
    let mut headers = network::parse(packet)?;
    let ip = packet.get(..headers.len as usize).ok_or(DropReason::Truncated)?;
    let payload = ip.get(usize::from(headers.l4)..).ok_or(DropReason::Truncated)?;
    headers.transport = match transport::parse(&headers, payload) {
        // The whole chain, this header too, belongs into the first fragment (RFC 7112 §5).
        Err(_) if !headers.is_v4() && matches!(headers.fragment, Fragment::First(_)) => {
            return Err(DropReason::BadFragment);
        }
        transport => transport?,
    };
    if *offload != Offload::NONE {
        offload::check(&headers, offload)?;
    }
    Ok(headers)
}

/// The headers of a packet that an ICMP error quotes. Its tail may be missing: 8 bytes of transport header suffice
/// (RFC 792), and TCP flags beyond those read as 0. `Headers::len` is the length that it had.
///
/// # Errors
/// [`DropReason::BadIcmpChecksum`] for a wrong IPv4 header checksum (RFC 5508 REQ-3a),
/// [`DropReason::StrayIcmpError`] for anything that cannot be matched to a flow.
pub fn quoted(quote: &[u8]) -> Result<Headers, DropReason> {
    let mut headers = network::parse(quote).map_err(|reason| match reason {
        DropReason::BadIpChecksum => DropReason::BadIcmpChecksum,
        _ => DropReason::StrayIcmpError,
    })?;
    let present = quote.len().min(headers.len as usize);
    let payload = quote.get(usize::from(headers.l4)..present).ok_or(DropReason::StrayIcmpError)?;
    headers.transport = transport::quoted(&headers, payload).ok_or(DropReason::StrayIcmpError)?;
    Ok(headers)
}

/// Whether an IPv6 packet still has segments of a routing header to visit: the destination that its transport checksum
/// covers is then the last of those, not the one in the IPv6 header (RFC 8200 §8.1).
#[must_use]
pub fn has_segments_left(packet: &[u8], headers: &Headers) -> bool {
    !headers.is_v4() && headers.l4 > 40 && network::has_segments_left(packet, headers.l4.into())
}

#[cfg(test)]
mod tests;
