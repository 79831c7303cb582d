//! From the outermost IP header to the transport header behind which a super-frame is cut: IP in IP, GRE (RFC 2784, RFC
//! 2890) and what UDP carries, in any order. Nothing is read that a length does not vouch for.
//! Must never know: how a piece is written.

use crate::plane::packet::checksum;
use crate::plane::packet::numbers::{ethertype, protocol};
use crate::types::GsoKind;
use arrayvec::ArrayVec;

/// Headers in a row at the most.
const MAX_LAYERS: usize = 10;
/// RFC 2003 and RFC 2473; RFC 4213; RFC 2784.
const IPV4_INSIDE: u8 = 4;
const IPV6_INSIDE: u8 = 41;
const GRE: u8 = 47;
/// Extension headers that may stand in front of another header (RFC 8200 §4.3, §4.6).
const OPTIONS: [u8; 2] = [0, 60];
/// Bytes of an Ethernet header, and the EtherTypes of a tag (IEEE 802.1Q) and of Ethernet in GRE (RFC 7637).
const ETHERNET: usize = 14;
const TAG: u16 = 0x8100;
const BRIDGED: u16 = 0x6558;
/// The longest header of a tunnel over UDP: Geneve with all options (RFC 8926 §3.4), Ethernet and a tag.
const LONGEST_TUNNEL: usize = 8 + 252 + ETHERNET + 4;

/// Headers from the outermost IP header to the transport header.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    /// At least an IP header and the transport header, the last. What needs no change in a piece is left out.
    pub layers: ArrayVec<Layer, MAX_LAYERS>,
    /// Where the transport's payload begins, of which there is some, and where it and everything else ends.
    pub payload: usize,
    pub end: usize,
}

/// A header that is another in each piece.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Layer {
    pub kind: Kind,
    /// Bytes from the outermost IP header.
    pub start: usize,
}

/// What a header is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// With this many bytes of header.
    V4 {
        len: usize,
    },
    V6,
    /// With a checksum.
    Gre,
    Udp,
    Tcp,
}

/// The chain of a super-frame of this kind, whose transport header stands at `start` if that is known; else it is the
/// outermost one. `None` where there is none, or a header between does not fit.
pub(super) fn walk(packet: &[u8], gso: GsoKind, start: Option<usize>) -> Option<Chain> {
    let end = Ip::length(packet, 0)?;
    let packet = packet.get(..end)?;
    let mut layers = ArrayVec::new();
    let mut at = 0;
    loop {
        let ip = Ip::read(packet, at)?;
        layers.try_push(Layer { kind: ip.kind, start: at }).ok()?;
        let payload = ip.payload;
        let wanted = match gso {
            GsoKind::Tcp4 => ip.protocol == protocol::TCP && ip.kind != Kind::V6,
            GsoKind::Tcp6 => ip.protocol == protocol::TCP && ip.kind == Kind::V6,
            GsoKind::UdpL4 => ip.protocol == protocol::UDP,
        };
        if wanted && start.is_none_or(|start| start == payload) {
            let (kind, len) = transport(packet, payload, ip.protocol)?;
            layers.try_push(Layer { kind, start: payload }).ok()?;
            return (payload + len < end).then_some(Chain { layers, payload: payload + len, end });
        }
        at = match ip.protocol {
            IPV4_INSIDE | IPV6_INSIDE => payload,
            GRE => gre(packet, payload, &mut layers)?,
            protocol::UDP => {
                layers.try_push(Layer { kind: transport(packet, payload, protocol::UDP)?.0, start: payload }).ok()?;
                inside_udp(packet, payload + 8)?
            }
            _ => return None,
        };
    }
}

/// The transport header at `at`, and its length.
fn transport(packet: &[u8], at: usize, number: u8) -> Option<(Kind, usize)> {
    if number == protocol::UDP {
        return (usize::from(word(packet, at + 4)?) == packet.len() - at).then_some((Kind::Udp, 8));
    }
    let len = usize::from(packet.get(at + 12)? >> 4) * 4;
    (len >= 20 && at + len <= packet.len()).then_some((Kind::Tcp, len))
}

/// Where the packet inside GRE begins. One with sequence numbers or a route is never merged.
fn gre(packet: &[u8], at: usize, layers: &mut ArrayVec<Layer, MAX_LAYERS>) -> Option<usize> {
    let (flags, inside) = (word(packet, at)?, word(packet, at + 2)?);
    let (has_checksum, has_key) = (flags & 0x8000 != 0, flags & 0x2000 != 0);
    if flags & !0xa000 != 0 {
        return None;
    }
    if has_checksum {
        layers.try_push(Layer { kind: Kind::Gre, start: at }).ok()?;
    }
    let payload = at + 4 + usize::from(has_checksum) * 4 + usize::from(has_key) * 4;
    match inside {
        ethertype::IPV4 | ethertype::IPV6 => Some(payload),
        BRIDGED if word(packet, payload + 12)? == TAG => Some(payload + ETHERNET + 4),
        BRIDGED => Some(payload + ETHERNET),
        _ => None,
    }
}

/// Where the packet inside a tunnel over UDP begins. Ports do not tell which kind it is (VXLAN, Geneve, GUE, FOU), but a packet
/// whose own length ends exactly where the datagram ends does.
fn inside_udp(packet: &[u8], at: usize) -> Option<usize> {
    (at..=at + LONGEST_TUNNEL).step_by(2).find(|at| Ip::read(packet, *at).is_some())
}

/// An IP header that is whole, and what it says.
struct Ip {
    kind: Kind,
    protocol: u8,
    payload: usize,
}

impl Ip {
    /// Where the packet that begins at `at` ends by its own length.
    fn length(packet: &[u8], at: usize) -> Option<usize> {
        match packet.get(at)? >> 4 {
            4 => Some(at + usize::from(word(packet, at + 2)?)),
            6 => Some(at + 40 + usize::from(word(packet, at + 4)?)),
            _ => None,
        }
    }

    /// The header at `at`, of a packet that ends with `packet`, is no fragment, and whose header checksum is right.
    fn read(packet: &[u8], at: usize) -> Option<Self> {
        if Self::length(packet, at)? != packet.len() {
            return None;
        }
        if packet.get(at)? >> 4 == 4 {
            let len = usize::from(packet.get(at)? & 15) * 4;
            let header = packet.get(at..at + len).filter(|header| header.len() >= 20)?;
            let is_sound = word(header, 6)? & 0x3fff == 0 && checksum::sum(header) == 0xffff;
            return is_sound.then_some(Self { kind: Kind::V4 { len }, protocol: header[9], payload: at + len });
        }
        let (mut next, mut payload) = (*packet.get(at + 6)?, at + 40);
        for _ in 0..MAX_LAYERS {
            if !OPTIONS.contains(&next) {
                break;
            }
            let header: &[u8; 8] = packet.get(payload..)?.first_chunk()?;
            (next, payload) = (header[0], payload + (usize::from(header[1]) + 1) * 8);
        }
        (payload <= packet.len()).then_some(Self { kind: Kind::V6, protocol: next, payload })
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
}
