//! ICMP errors that the router sends itself, built into the caller's buffer, quoting the packet as its sender sent it.
//! Whether one may be sent at all is decided here (RFC 1812 §4.3.2.7, RFC 4443 §2.4 e); how many per second is not.
//! Must never know: policy, links, rates.

use super::ip;
use crate::plane::packet::checksum;
use crate::plane::packet::headers::{Fragment, Headers, Transport};
use crate::plane::packet::numbers::protocol;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why a destination cannot be reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unreachable {
    /// No way there.
    NoRoute,
    /// The next hop does not answer.
    Host,
    /// Forbidden or impossible here.
    AdminProhibited,
    /// Nobody listens.
    Port,
}

/// Appends "time exceeded in transit" (RFC 792 type 11, RFC 4443 §3.3) from `from` to the sender of `original`, whose
/// headers are `headers` and whose bytes are as they were received. False, and nothing appended, when none may be sent,
/// or when `from` is of the other family.
pub fn time_exceeded(out: &mut Vec<u8>, original: &[u8], headers: &Headers, from: IpAddr) -> bool {
    let (kind, code) = if headers.is_v4() { (11, 0) } else { (3, 0) };
    append(out, original, headers, from, Message { kind, code, word: 0 })
}

/// Appends "fragmentation needed" (RFC 1191 §4) or "packet too big" (RFC 4443 §3.2): packets of `mtu` bytes would pass.
/// It is never less than a link must carry. Otherwise like [`time_exceeded`].
pub fn too_big(out: &mut Vec<u8>, original: &[u8], headers: &Headers, from: IpAddr, mtu: u16) -> bool {
    let message = if headers.is_v4() {
        Message { kind: 3, code: 4, word: u32::from(mtu.max(68)) }
    } else {
        Message { kind: 2, code: 0, word: u32::from(mtu.max(1280)) }
    };
    append(out, original, headers, from, message)
}

/// Appends "destination unreachable" (RFC 1812 §5.2.7.1, RFC 4443 §3.1). Otherwise like [`time_exceeded`].
pub fn unreachable(out: &mut Vec<u8>, original: &[u8], headers: &Headers, from: IpAddr, why: Unreachable) -> bool {
    let (code4, code6) = match why {
        Unreachable::NoRoute => (0, 0),
        Unreachable::Host => (1, 3),
        Unreachable::AdminProhibited => (13, 1),
        Unreachable::Port => (3, 4),
    };
    let (kind, code) = if headers.is_v4() { (3, code4) } else { (1, code6) };
    append(out, original, headers, from, Message { kind, code, word: 0 })
}

/// Appends "parameter problem" (RFC 4443 §3.4): a code, and the byte of the IPv6 packet that it is about. Otherwise like
/// [`time_exceeded`]; false for IPv4.
pub fn parameter_problem6(
    out: &mut Vec<u8>,
    original: &[u8],
    headers: &Headers,
    from: IpAddr,
    (code, pointer): (u8, u32),
) -> bool {
    !headers.is_v4() && append(out, original, headers, from, Message { kind: 4, code, word: pointer })
}

/// The first 8 bytes of an ICMP message, without its checksum.
#[derive(Clone, Copy)]
struct Message {
    kind: u8,
    code: u8,
    word: u32,
}

fn append(out: &mut Vec<u8>, original: &[u8], headers: &Headers, from: IpAddr, message: Message) -> bool {
    let original = &original[..original.len().min(headers.len as usize)];
    let too_big = !headers.is_v4() && message.kind == TOO_BIG6;
    is_answerable(headers, too_big)
        && match (from, headers.source) {
            (IpAddr::V4(from), IpAddr::V4(to)) => append4(out, original, from, to, message),
            (IpAddr::V6(from), IpAddr::V6(to)) => append6(out, original, from, to, message),
            _ => false,
        }
}

/// Whether an error about this packet may be sent at all; `too_big`: that it is too big.
#[must_use]
pub fn is_answerable(headers: &Headers, too_big: bool) -> bool {
    match (headers.source, headers.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => answerable4(headers, source, destination),
        (IpAddr::V6(source), IpAddr::V6(destination)) => answerable6(headers, source, destination, too_big),
        _ => false,
    }
}

/// RFC 1812 §4.3.2.7: not about an ICMP error, a later fragment, a packet to many, or one from nobody in particular.
fn answerable4(headers: &Headers, source: Ipv4Addr, destination: Ipv4Addr) -> bool {
    let [first, ..] = source.octets();
    !matches!(headers.transport, Transport::Error | Transport::OtherIcmp(REDIRECT4 | UNKNOWN4..))
        && !matches!(headers.fragment, Fragment::Later(_))
        && !destination.is_multicast()
        && !destination.is_broadcast()
        && first != 0
        && !source.is_loopback()
        && first < 224
}

/// RFC 4443 §2.4 e. A later fragment may be answered, and "packet too big" goes to the sender of a multicast as well.
fn answerable6(headers: &Headers, source: Ipv6Addr, destination: Ipv6Addr, too_big: bool) -> bool {
    let error = match headers.transport {
        Transport::Error => true,
        Transport::OtherIcmp(kind) => kind < 128 || kind == REDIRECT6,
        _ => false,
    };
    !error
        && (!destination.is_multicast() || too_big)
        && !source.is_unspecified()
        && !source.is_loopback()
        && !source.is_multicast()
}

const REDIRECT4: u8 = 5;
/// Message types from here on are no part of RFC 1812 §4.3 and may be errors.
const UNKNOWN4: u8 = 19;
const REDIRECT6: u8 = 137;
const TOO_BIG6: u8 = 2;

/// An error is at most this long (RFC 1812 §4.3.2.3).
const MAX_LEN4: usize = 576;

/// An error is at most this long (RFC 4443 §2.4 c).
const MAX_LEN6: usize = 1280;

fn append4(out: &mut Vec<u8>, original: &[u8], from: Ipv4Addr, to: Ipv4Addr, message: Message) -> bool {
    const HEADER: usize = 20;
    let quote = &original[..original.len().min(MAX_LEN4 - HEADER - 8)];
    // Internetwork control, and the type of service of what provoked it, without ECN (RFC 1812 §4.3.2.5).
    let tos = 0xc0 | original.get(1).copied().unwrap_or(0) & 0x1c;
    let is_begun = ip::header(out, from.into(), to.into(), protocol::ICMP, tos, (8 + quote.len()) as u16);
    append_message(out, message, quote, 0);
    is_begun
}

fn append6(out: &mut Vec<u8>, original: &[u8], from: Ipv6Addr, to: Ipv6Addr, message: Message) -> bool {
    const HEADER: usize = 40;
    let quote = &original[..original.len().min(MAX_LEN6 - HEADER - 8)];
    let len = 8 + quote.len();
    let is_begun = ip::header(out, from.into(), to.into(), protocol::ICMPV6, 0, len as u16);
    append_message(out, message, quote, checksum::pseudo(from.into(), to.into(), protocol::ICMPV6, len as u32));
    is_begun
}

/// The ICMP message, its checksum complete; `pseudo` is the sum of the pseudo-header, 0 for IPv4.
fn append_message(out: &mut Vec<u8>, message: Message, quote: &[u8], pseudo: u16) {
    let mut header = [message.kind, message.code, 0, 0, 0, 0, 0, 0];
    header[4..].copy_from_slice(&message.word.to_be_bytes());
    let sum = [checksum::sum(&header), checksum::sum(quote)].into_iter().fold(pseudo, checksum::add);
    header[2..4].copy_from_slice(&(!sum).to_be_bytes());
    out.extend_from_slice(&header);
    out.extend_from_slice(quote);
}

#[cfg(test)]
mod tests;
