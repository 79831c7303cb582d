//! What fits a link: packets and super-frames against its MTU, and the MSS option of a SYN, lowered in place to
//! what it carries.
//! Must never know: which link, who gets the error.

use super::checksum::{Delta, Field};
use super::headers::{Headers, Transport};
use super::numbers::tcp_flag;
use crate::types::{GsoKind, Offload};

/// Whether the packet, or each segment that the kernel will cut from it, is at most `mtu` bytes of IP packet.
#[must_use]
pub fn fits(headers: &Headers, offload: &Offload, mtu: u16) -> bool {
    headers.len <= u32::from(mtu) || fits_len(headers.len, headers.header_len(), offload, mtu)
}

/// Whether each packet that `len` bytes of IP packet become on a wire is at most `mtu` bytes long.
#[must_use]
pub fn fits_len(len: u32, header_len: u16, offload: &Offload, mtu: u16) -> bool {
    let largest = offload.gso.map_or(len, |gso| len.min(u32::from(header_len) + u32::from(gso.size)));
    largest <= u32::from(mtu)
}

/// Whether the packet opens a TCP connection, or agrees to.
#[must_use]
pub fn is_syn(headers: &Headers) -> bool {
    matches!(headers.transport, Transport::Tcp { flags, .. } if flags & tcp_flag::SYN != 0)
}

/// Lets the kernel cut a TCP super-frame into segments that fit `mtu`. Only for one that may be fragmented: without DF.
/// False, and nothing changed, for anything else.
#[must_use]
pub fn lower_segments(offload: &mut Offload, header_len: u16, mtu: u16) -> bool {
    match &mut offload.gso {
        Some(gso) if gso.kind == GsoKind::Tcp4 && mtu > header_len => {
            gso.size = gso.size.min(mtu - header_len);
            true
        }
        _ => false,
    }
}

/// Lowers the MSS that a SYN announces to what fits `link_mtu`: MTU less 40 for IPv4, less 60 for IPv6; header options do
/// not count (RFC 6691 §2, RFC 9293 §3.7.1). It is never raised, and a SYN without the option is left without (the
/// default of 536 or 1220 is small enough). Says whether anything changed.
pub fn clamp_mss(packet: &mut [u8], headers: &Headers, link_mtu: u16, offload: &Offload) -> bool {
    let Transport::Tcp { flags, header_len, .. } = headers.transport else { return false };
    if flags & tcp_flag::SYN == 0 || header_len <= 20 {
        return false;
    }
    let limit = link_mtu.saturating_sub(if headers.is_v4() { 40 } else { 60 });
    let l4 = usize::from(headers.l4);
    let Some(header) = packet.get_mut(l4..l4 + usize::from(header_len)) else { return false };
    let delta = clamp_options(header, limit);
    if delta == Delta::NONE {
        return false;
    }
    // The pseudo-header, which is all that a partial checksum holds, has no options in it.
    if offload.partial.is_none_or(|partial| partial.start != headers.l4) {
        delta.update(header, TCP_CHECKSUM, Field::Complete);
    }
    true
}

const TCP_CHECKSUM: usize = 16;
const OPTION_END: u8 = 0;
const OPTION_NOP: u8 = 1;
const OPTION_MSS: u8 = 2;

/// Walks the options of a whole TCP header (RFC 9293 §3.1) and stops at the first that makes no sense.
fn clamp_options(header: &mut [u8], limit: u16) -> Delta {
    let mut delta = Delta::NONE;
    let mut at = 20;
    while let Some((&kind, rest)) = header.get(at..).and_then(<[u8]>::split_first) {
        let len = match (kind, rest.first()) {
            (OPTION_END, _) => break,
            (OPTION_NOP, _) => 1,
            (_, Some(&len)) if len >= 2 => usize::from(len),
            _ => break,
        };
        if kind == OPTION_MSS && len == 4 {
            delta = lower(header, at + 2, limit, delta);
        }
        at += len;
    }
    delta
}

/// Lowers the word at `at` to `limit`. At an odd offset its two bytes belong to different words of the checksum, which
/// amounts to a byte-swapped word (RFC 1071 §2 B).
fn lower(header: &mut [u8], at: usize, limit: u16, delta: Delta) -> Delta {
    let Some(field) = header.get_mut(at..).and_then(<[u8]>::first_chunk_mut::<2>) else { return delta };
    let old = u16::from_be_bytes(*field);
    if old <= limit {
        return delta;
    }
    *field = limit.to_be_bytes();
    if at.is_multiple_of(2) { delta.word(old, limit) } else { delta.word(old.swap_bytes(), limit.swap_bytes()) }
}

#[cfg(test)]
mod tests;
