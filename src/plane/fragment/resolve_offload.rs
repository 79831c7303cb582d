//! Does what the sender's kernel left to a later device (offload), so that a packet can be cut into fragments: its checksum
//! is completed, and a UDP super-frame becomes its segments. Must never know: fragments, links.

use crate::plane::packet::checksum;
use crate::plane::packet::checksum::{Delta, Field};
use crate::types::{Gso, GsoKind, Offload, PartialChecksum};

/// Bytes of a UDP header, and where its length and checksum stand (RFC 768).
const UDP_LEN: usize = 8;
const LENGTH: usize = 4;
const CHECKSUM: usize = 6;

/// Gives every packet that `packet` is on a wire to `each`, nothing owed any more but the IPv4 header checksum: the
/// packet itself, or the segments of a UDP super-frame, each with an identification of its own. `packet` has been parsed
/// as IPv4 together with `offload`, and is used up. False, and nothing given, for a super-frame of another kind.
pub fn resolve(packet: &mut [u8], offload: &Offload, mut each: impl FnMut(&[u8])) -> bool {
    match (offload.gso, offload.partial) {
        (None, partial) => {
            partial.into_iter().for_each(|partial| finish(packet, partial));
            each(packet);
            true
        }
        (Some(Gso { kind: GsoKind::UdpL4, size, .. }), Some(partial)) => segment(packet, partial, size.into(), each),
        _ => false,
    }
}

/// Completes a checksum whose field holds the sum of the pseudo-header. UDP never sends 0 (RFC 768).
fn finish(packet: &mut [u8], partial: PartialChecksum) {
    let Some(covered) = packet.get_mut(usize::from(partial.start)..) else { return };
    let sum = match !checksum::sum(covered) {
        0 if usize::from(partial.offset) == CHECKSUM => 0xffff,
        sum => sum,
    };
    if let Some(field) = covered.get_mut(usize::from(partial.offset)..).and_then(<[u8]>::first_chunk_mut::<2>) {
        *field = sum.to_be_bytes();
    }
}

/// The longest IPv4 header and a UDP header.
const LONGEST: usize = 60 + UDP_LEN;

/// Cuts in place: the headers of each segment are written over the end of the one before, which is done with.
fn segment(packet: &mut [u8], partial: PartialChecksum, size: usize, mut each: impl FnMut(&[u8])) -> bool {
    let l4 = usize::from(partial.start);
    let len = l4 + UDP_LEN;
    let mut headers = [0; LONGEST];
    let (Some(saved), Some(found)) = (headers.get_mut(..len), packet.get(..len)) else { return false };
    saved.copy_from_slice(found);
    let id = u16::from_be_bytes([saved[4], saved[5]]);
    for (number, at) in (0u16..).zip((len..packet.len()).step_by(size.max(1))) {
        let end = packet.len().min(at + size);
        let Some(segment) = packet.get_mut(at - len..end) else { return false };
        segment[..len].copy_from_slice(saved);
        let total = segment.len() as u16;
        segment[2..4].copy_from_slice(&total.to_be_bytes());
        segment[4..6].copy_from_slice(&id.wrapping_add(number).to_be_bytes());
        shorten(&mut segment[l4..]);
        finish(segment, partial);
        each(segment);
    }
    true
}

/// Gives a UDP datagram whose checksum is partial the length that it has, also in the pseudo-header.
fn shorten(datagram: &mut [u8]) {
    let new = datagram.len() as u16;
    let Some(field) = datagram.get_mut(LENGTH..).and_then(<[u8]>::first_chunk_mut::<2>) else { return };
    let old = u16::from_be_bytes(*field);
    *field = new.to_be_bytes();
    Delta::NONE.word(old, new).update(datagram, CHECKSUM, Field::Partial);
}

#[cfg(test)]
mod tests;
