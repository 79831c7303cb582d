//! What comes back to a probe, whatever address it came to: the echo reply, or an ICMP error that quotes it. And what a
//! too-big message says. Must never know: how the search goes on.

use super::Paths;
use crate::plane::craft::echo;
use crate::plane::packet::headers::{Headers, Transport};
use crate::plane::policy::Wan;
use crate::plane::translate::inner;
use crate::types::{Family, Frame, WanId};
use std::sync::atomic::Ordering::Relaxed;

/// Whether a packet from `id` is about the probe under way there, and has been taken note of: token and sender must be
/// right.
#[must_use]
pub fn handle(paths: &Paths, id: WanId, wan: &Wan, headers: &Headers, frame: &Frame<'_>) -> bool {
    let family = headers.family();
    let is_answer = matches!(headers.transport, Transport::Query { request: false, .. } | Transport::Error);
    let asked = if is_answer { paths.asked(id, family) } else { None };
    match asked {
        Some(token) if headers.transport == Transport::Error => handle_error(paths, id, token, headers, frame),
        Some(token) if is_target(wan, headers.source) && echo::token(frame.packet(), headers) == Some(token) => {
            if let Some(cell) = paths.cell(id, family) {
                cell.answered.store(token, Relaxed);
            }
            true
        }
        _ => false,
    }
}

fn is_target(wan: &Wan, address: std::net::IpAddr) -> bool {
    wan.probe.as_ref().is_some_and(|probe| probe.targets(Family::of(address)).contains(&address))
}

/// An error that quotes the probe with this token: of a quote 8 bytes behind the IP header are sure, so half of it.
fn handle_error(paths: &Paths, id: WanId, token: u64, headers: &Headers, frame: &Frame<'_>) -> bool {
    let Ok(quote) = inner::quote(frame.packet(), headers, &frame.offload) else { return false };
    let at = usize::from(quote.at) + usize::from(quote.headers.l4) + 4;
    let quoted = frame.packet().get(at..).and_then(<[u8]>::first_chunk);
    let is_ours = matches!(quote.headers.transport, Transport::Query { request: true, .. });
    if !is_ours || quoted.is_none_or(|half| u64::from(u32::from_be_bytes(*half)) != token >> 32) {
        return false;
    }
    if let (Some(mtu), Some(cell)) = (said_too_big(headers, frame.packet()), paths.cell(id, headers.family())) {
        cell.too_big.store(token & !u64::from(u32::MAX) | u64::from(mtu), Relaxed);
    }
    true
}

/// The MTU in "fragmentation needed" (RFC 1191 §4) or "packet too big" (RFC 4443 §3.2), bytes; `None` for other errors and
/// for what is no MTU of any link.
#[must_use]
pub fn said_too_big(headers: &Headers, packet: &[u8]) -> Option<u16> {
    let header: &[u8; 8] = packet.get(usize::from(headers.l4)..)?.first_chunk()?;
    match (headers.is_v4(), header) {
        (true, [3, 4, _, _, _, _, high, low]) => Some(u16::from_be_bytes([*high, *low])),
        (false, [2, 0, _, _, 0, 0, high, low]) => Some(u16::from_be_bytes([*high, *low])),
        _ => None,
    }
}
