//! Cuts one IPv4 packet into fragments (RFC 791 §3.2, RFC 1812 §4.2.2.7).
//! Must never know: what the packet owes, where its pieces go.

use crate::plane::packet::checksum;

/// The flags (more fragments) and the offset, in units of 8 bytes, of the word at byte 6 of the header.
const MORE: u16 = 0x2000;
const OFFSET: u16 = 0x1fff;

/// Gives `packet` to `emit` in fragments of at most `mtu` bytes: header and payload, in order, as few as there can be. A
/// packet that fits is its only fragment; a fragment keeps its offset, and its last piece its more-fragments flag.
/// `packet` has been parsed as IPv4 and has no DF. False, and nothing emitted, when `mtu` leaves no room for 8 bytes of
/// payload (RFC 791: every link carries 68).
pub fn split(packet: &[u8], mtu: u16, mut emit: impl FnMut(&[u8], &[u8])) -> bool {
    let len = packet.first().map_or(0, |first| usize::from(first & 15) * 4);
    let Some((header, mut payload)) = packet.split_at_checked(len) else { return false };
    let Some(mut header) = Header::of(header) else { return false };
    let (mut offset, more) = (header.place & OFFSET, header.place & MORE);
    loop {
        let room = usize::from(mtu).saturating_sub(header.len);
        let is_last = payload.len() <= room;
        let piece = if is_last { payload.len() } else { room & !7 };
        if piece == 0 && !is_last {
            return false;
        }
        let (now, rest) = payload.split_at(piece);
        emit(header.write(piece, offset | if is_last { more } else { MORE }), now);
        if is_last {
            return true;
        }
        (payload, offset) = (rest, offset.wrapping_add((piece / 8) as u16));
        header.keep_copied_options();
    }
}

/// The longest IPv4 header: 15 words.
const LONGEST: usize = 60;
/// The header without options.
const FIXED: usize = 20;

struct Header {
    bytes: [u8; LONGEST],
    len: usize,
    /// The word with flags and offset, as it was.
    place: u16,
}

impl Header {
    fn of(header: &[u8]) -> Option<Self> {
        let mut bytes = [0; LONGEST];
        bytes.get_mut(..header.len())?.copy_from_slice(header);
        (header.len() >= FIXED).then_some(Self {
            bytes,
            len: header.len(),
            place: u16::from_be_bytes([bytes[6], bytes[7]]),
        })
    }

    /// The header of a fragment with this much payload at this place.
    fn write(&mut self, payload: usize, place: u16) -> &[u8] {
        let flags = self.place & !(MORE | OFFSET);
        self.bytes[2..4].copy_from_slice(&((self.len + payload) as u16).to_be_bytes());
        self.bytes[6..8].copy_from_slice(&(flags | place).to_be_bytes());
        self.bytes[10..12].fill(0);
        let sum = checksum::sum(&self.bytes[..self.len]);
        self.bytes[10..12].copy_from_slice(&(!sum).to_be_bytes());
        &self.bytes[..self.len]
    }

    /// Leaves only the options that every fragment carries (RFC 791 §3.1, the copied flag), padded with "end of list".
    fn keep_copied_options(&mut self) {
        let (mut at, mut end) = (FIXED, FIXED);
        while at < self.len {
            let len = match (self.bytes[at], self.bytes.get(at + 1)) {
                (OPTION_END, _) => break,
                (OPTION_NOP, _) => 1,
                (_, Some(&len)) if len >= 2 && at + usize::from(len) <= self.len => usize::from(len),
                _ => break,
            };
            if self.bytes[at] & COPIED != 0 {
                self.bytes.copy_within(at..at + len, end);
                end += len;
            }
            at += len;
        }
        self.bytes[end..].fill(OPTION_END);
        self.len = end.next_multiple_of(4);
        self.bytes[0] = 0x40 | (self.len / 4) as u8;
    }
}

const COPIED: u8 = 0x80;
const OPTION_END: u8 = 0;
const OPTION_NOP: u8 = 1;

#[cfg(test)]
mod tests;
