//! Super-frames that the virtio header cannot say: TCP or UDP segments merged inside a tunnel (IPIP, 6in4, 4in6, GRE, VXLAN
//! and other UDP tunnels), of which it tells the inner segments' size alone, and segments merged as a list, whose checksum
//! field is that of the first of them. The former are cut into the packets that they are on a wire; the latter get the
//! partial checksum of any other super-frame. Must never know: frame, flow, policy.

mod walk;

use super::checksum;
use super::numbers::{protocol, tcp_flag};
use crate::types::{Offload, PartialChecksum};
use std::net::IpAddr;
use walk::{Chain, Kind, Layer, walk};

/// Where the checksums of TCP and UDP stand in their headers (RFC 9293 §3.1, RFC 768).
const TCP_CHECKSUM: usize = 16;
const UDP_CHECKSUM: usize = 6;

/// Makes ready what the data plane cannot take as it is: a list is completed where it stands. `Some`: a super-frame of a
/// tunnel, to be cut. `None` for everything else, what makes no sense included: the parser refuses it.
#[inline]
pub fn resolve(packet: &mut [u8], offload: &mut Offload) -> Option<Pieces> {
    let gso = offload.gso?;
    // Where almost all of them are cut: behind an IP header without options.
    let usual = if packet.first().is_some_and(|first| first >> 4 == 6) { 40 } else { 20 };
    if offload.partial.is_some_and(|partial| partial.start == usual) {
        return None;
    }
    let chain = walk(packet, gso.kind, offload.partial.map(|partial| partial.start.into()))?;
    let pieces = Pieces { chain, size: gso.size.into() };
    let is_tunnel = pieces.chain.layers.len() > 2;
    if is_tunnel || offload.partial.is_none() && !pieces.complete(packet, offload) {
        return Some(pieces);
    }
    None
}

/// Any other super-frame, to be cut for a link where nobody cuts it. `None` for one that makes no sense, or is none.
#[must_use]
pub fn pieces(packet: &[u8], offload: &Offload) -> Option<Pieces> {
    let gso = offload.gso.filter(|gso| gso.size > 0)?;
    let chain = walk(packet, gso.kind, offload.partial.map(|partial| partial.start.into()))?;
    Some(Pieces { chain, size: gso.size.into() })
}

/// The packets that a super-frame is on a wire.
#[derive(Clone, Debug)]
pub struct Pieces {
    chain: Chain,
    /// Transport payload bytes of each but the last; never 0.
    size: usize,
}

impl Pieces {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        (self.chain.end - self.chain.payload).div_ceil(self.size)
    }

    /// Bytes of the longest.
    #[must_use]
    pub fn longest(&self) -> usize {
        self.chain.payload + self.size.min(self.chain.end - self.chain.payload)
    }

    /// Writes one, counted from 0, to the start of `out`, which has room for the longest. Nothing of it is owed any more.
    /// `packet` is what this was made of. Returns its length; `None` where there is none of that number.
    pub fn write(&self, packet: &[u8], number: usize, out: &mut [u8]) -> Option<usize> {
        let Chain { layers, payload, end } = &self.chain;
        let from = number.checked_mul(self.size)?.checked_add(*payload)?;
        let to = from.saturating_add(self.size).min(*end);
        let data = packet.get(from..to).filter(|data| !data.is_empty())?;
        let out = out.get_mut(..payload + data.len())?;
        out.get_mut(..*payload)?.copy_from_slice(packet.get(..*payload)?);
        out.get_mut(*payload..)?.copy_from_slice(data);
        let place = Place { number, offset: (from - payload) as u32, is_last: to == *end };
        // From the inside out: a sum covers what stands further in.
        for (at, layer) in layers.iter().enumerate().rev() {
            let around = at.checked_sub(1).and_then(|at| layers.get(at));
            layer.write(place, around, out)?;
        }
        Some(out.len())
    }

    /// Puts the sum of the pseudo-header in the place of the checksum of a list's first segment. False for a datagram
    /// without a checksum, of which none can be owed.
    fn complete(&self, packet: &mut [u8], offload: &mut Offload) -> bool {
        let [ip, transport] = &self.chain.layers[..] else { return false };
        let (offset, number) = match transport.kind {
            Kind::Tcp => (TCP_CHECKSUM, protocol::TCP),
            _ => (UDP_CHECKSUM, protocol::UDP),
        };
        let len = (self.chain.end - transport.start) as u32;
        let (Some((source, destination)), Some(field)) = (ip.ends(packet), field(packet, transport.start + offset))
        else {
            return false;
        };
        if number == protocol::UDP && *field == [0, 0] {
            return false;
        }
        *field = checksum::pseudo(source, destination, number, len).to_be_bytes();
        offload.partial = Some(PartialChecksum { start: transport.start as u16, offset: offset as u16 });
        true
    }
}

/// Which piece it is.
#[derive(Clone, Copy)]
struct Place {
    number: usize,
    /// Bytes of payload before it.
    offset: u32,
    is_last: bool,
}

impl Layer {
    /// Makes the header in `piece`, a copy of the super-frame's, that of this piece. `around` is the layer further out.
    fn write(&self, place: Place, around: Option<&Self>, piece: &mut [u8]) -> Option<()> {
        let len = (piece.len() - self.start) as u16;
        match self.kind {
            Kind::V4 { len: header } => {
                let header = piece.get_mut(self.start..self.start + header)?;
                *field(header, 2)? = len.to_be_bytes();
                let id = field(header, 4)?;
                *id = u16::from_be_bytes(*id).wrapping_add(place.number as u16).to_be_bytes();
                *field(header, 10)? = [0, 0];
                let sum = !checksum::sum(header);
                *field(header, 10)? = sum.to_be_bytes();
            }
            Kind::V6 => *field(piece, self.start + 4)? = len.checked_sub(40)?.to_be_bytes(),
            Kind::Gre => {
                *field(piece, self.start + 4)? = [0, 0];
                let sum = !checksum::sum(piece.get(self.start..)?);
                *field(piece, self.start + 4)? = sum.to_be_bytes();
            }
            Kind::Udp => {
                *field(piece, self.start + 4)? = len.to_be_bytes();
                if *field(piece, self.start + UDP_CHECKSUM)? != [0, 0] {
                    self.finish(UDP_CHECKSUM, protocol::UDP, around?, piece)?;
                }
            }
            Kind::Tcp => {
                let header: &mut [u8; 20] = piece.get_mut(self.start..)?.first_chunk_mut()?;
                let sequence = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
                header[4..8].copy_from_slice(&sequence.wrapping_add(place.offset).to_be_bytes());
                // RFC 9293 §3.1, RFC 3168 §6.1.2: the end is told with the last bytes, a smaller window with the first.
                header[13] &= if place.is_last { 0xff } else { !(tcp_flag::FIN | tcp_flag::PSH) };
                header[13] &= if place.number == 0 { 0xff } else { !tcp_flag::CWR };
                self.finish(TCP_CHECKSUM, protocol::TCP, around?, piece)?;
            }
        }
        Some(())
    }

    /// Computes the checksum of the transport that begins here and ends with the piece. UDP never sends 0 (RFC 768).
    fn finish(&self, offset: usize, number: u8, ip: &Self, piece: &mut [u8]) -> Option<()> {
        let (source, destination) = ip.ends(piece)?;
        *field(piece, self.start + offset)? = [0, 0];
        let covered = piece.get(self.start..)?;
        let pseudo = checksum::pseudo(source, destination, number, covered.len() as u32);
        let sum = match !checksum::add(pseudo, checksum::sum(covered)) {
            0 if number == protocol::UDP => 0xffff,
            sum => sum,
        };
        *field(piece, self.start + offset)? = sum.to_be_bytes();
        Some(())
    }

    /// The addresses of an IP layer.
    fn ends(&self, packet: &[u8]) -> Option<(IpAddr, IpAddr)> {
        let header = packet.get(self.start..)?;
        match self.kind {
            Kind::V4 { .. } => {
                let [source, destination] = [12, 16].map(|at| header.get(at..)?.first_chunk::<4>().copied());
                Some((source?.into(), destination?.into()))
            }
            Kind::V6 => {
                let [source, destination] = [8, 24].map(|at| header.get(at..)?.first_chunk::<16>().copied());
                Some((source?.into(), destination?.into()))
            }
            _ => None,
        }
    }
}

fn field(bytes: &mut [u8], at: usize) -> Option<&mut [u8; 2]> {
    bytes.get_mut(at..)?.first_chunk_mut()
}

#[cfg(test)]
mod tests;
