//! ICMP errors: the packet they quote is translated as well, so that the host that sent it recognises it
//! (RFC 5508 §4.2, RFC 4443 §2.4). Checksums inside and outside of the quote are updated incrementally.
//! Must never know: which mapping is right, policy, flow.

use super::mapped::Mapped;
use super::rewrite;
use crate::plane::packet::checksum;
use crate::plane::packet::checksum::{Delta, Field};
use crate::plane::packet::headers::{Headers, Side};
use crate::plane::packet::numbers::protocol;
use crate::plane::packet::parse;
use crate::plane::verdict::DropReason;
use crate::types::{Family, Offload};

/// The packet that an ICMP error quotes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quote {
    /// What is known of it; offsets count from its own IP header.
    pub headers: Headers,
    /// Bytes from the outer IP header to the quoted one.
    pub at: u16,
    /// Bytes from the outer IP header to where the quoted packet ends: RFC 4884 extensions may follow.
    end: u32,
}

/// Reads the quoted packet of an ICMP error (`Transport::Error`).
///
/// # Errors
/// [`DropReason::BadIcmpChecksum`] when the checksum of the message or that of the quoted IPv4 header is wrong (RFC 5508
/// REQ-3); the quoted transport's is not looked at (REQ-3c). [`DropReason::StrayIcmpError`] when no flow can be read.
pub fn quote(packet: &[u8], headers: &Headers, offload: &Offload) -> Result<Quote, DropReason> {
    if offload.partial.is_some() {
        return Err(DropReason::BadOffload);
    }
    let l4 = usize::from(headers.l4);
    let message = packet.get(l4..headers.len as usize).ok_or(DropReason::StrayIcmpError)?;
    let pseudo = if headers.is_v4() {
        0
    } else {
        checksum::pseudo(headers.source, headers.destination, protocol::ICMPV6, message.len() as u32)
    };
    if checksum::add(checksum::sum(message), pseudo) != 0xffff {
        return Err(DropReason::BadIcmpChecksum);
    }
    let (header, body) = message.split_first_chunk::<8>().ok_or(DropReason::StrayIcmpError)?;
    let body = &body[..original_len(header, headers.family()).unwrap_or(body.len()).min(body.len())];
    let quoted = parse::quoted(body)?;
    if quoted.is_v4() != headers.is_v4() {
        return Err(DropReason::StrayIcmpError);
    }
    let at = headers.l4 + 8;
    Ok(Quote { headers: quoted, at, end: u32::from(at) + quoted.len.min(body.len() as u32) })
}

/// Length of the quoted packet where the message says it: extensions follow then (RFC 4884 §4, §5).
fn original_len(header: &[u8; 8], family: Family) -> Option<usize> {
    let len = match (family, header[0]) {
        (Family::V4, 3 | 11 | 12) => usize::from(header[5]) * 4,
        (Family::V6, 1 | 3) => usize::from(header[4]) * 8,
        _ => 0,
    };
    (len != 0).then_some(len)
}

/// Makes `mapped` one end of the quoted packet: its IPv4 header checksum, its transport checksum where the quote reaches
/// that far, and the checksum of the ICMP message follow. The outer packet's ends are the business of [`rewrite`].
pub fn apply(packet: &mut [u8], headers: &Headers, quote: &mut Quote, side: Side, mapped: &Mapped) {
    let Some(quoted) = packet.get_mut(usize::from(quote.at)..quote.end as usize) else { return };
    let Some(change) = rewrite::write(quoted, &mut quote.headers, side, mapped) else { return };
    let mut outer = change.sum();
    if quote.headers.is_v4() {
        outer = follow(outer, rewrite::header_checksum(quoted, &change));
    }
    outer = follow(outer, rewrite::transport_checksum(quoted, &quote.headers, side, &change, false));
    outer.update(packet, usize::from(headers.l4) + 2, Field::Complete);
}

fn follow(outer: Delta, changed: Option<(u16, u16)>) -> Delta {
    changed.map_or(outer, |(old, new)| outer.word(old, new))
}

#[cfg(test)]
mod tests;
