//! Finishes the checksum of an SCTP packet that the kernel still owes. SCTP's is a CRC (RFC 9260 §6.8), which the virtio
//! header cannot say: passed on as it is, the next kernel would put a 16-bit sum in its place.
//! Must never know: policy, ports.

use super::headers::Headers;
use super::numbers::protocol;
use crate::types::Frame;

/// Offset of the checksum in the common header.
const CHECKSUM: usize = 8;

/// Computes the checksum, so that nothing is owed any more, if this is an SCTP packet that owes its own. The addresses
/// are not part of it: before or after a rewrite makes no difference.
pub fn finish(frame: &mut Frame<'_>, headers: &Headers) {
    if headers.protocol == protocol::SCTP && frame.offload.partial.is_some_and(|partial| partial.start == headers.l4) {
        write_crc(frame.packet_mut(), headers);
        frame.offload.partial = None;
    }
}

fn write_crc(packet: &mut [u8], headers: &Headers) {
    let Some(message) = packet.get_mut(usize::from(headers.l4)..headers.len as usize) else { return };
    let Some(field) = message.get_mut(CHECKSUM..CHECKSUM + 4) else { return };
    field.fill(0);
    let crc = crc32c(message);
    // RFC 9260 Appendix A: the CRC's low byte goes first.
    message[CHECKSUM..CHECKSUM + 4].copy_from_slice(&crc.to_le_bytes());
}

/// CRC-32C (Castagnoli), reflected, as RFC 9260 Appendix A defines it.
fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32, octet: &u8| crc >> 8 ^ TABLE[usize::from(crc as u8 ^ octet)];
    !bytes.iter().fold(u32::MAX, step)
}

const TABLE: [u32; 256] = {
    const POLYNOMIAL: u32 = 0x82f6_3b78;
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut crc = index as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = crc >> 1 ^ if crc & 1 == 1 { POLYNOMIAL } else { 0 };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plane::packet::parse::parse;
    use crate::plane::packet::sample::packet;
    use crate::types::{Offload, PartialChecksum};

    /// Finishes the packet and returns what it still owes.
    fn finished(bytes: &mut [u8], partial: Option<PartialChecksum>) -> Option<PartialChecksum> {
        let offload = Offload { partial, gso: None };
        let headers = parse(bytes, &offload).unwrap();
        let end = bytes.len();
        let mut frame = Frame::new(bytes, 0, 0, end, offload).unwrap();
        finish(&mut frame, &headers);
        frame.offload.partial
    }

    #[test]
    fn the_crc_gives_the_check_value_of_its_catalogue() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa, "RFC 3720 B.4");
    }

    #[test]
    fn an_owed_crc_is_written_and_no_longer_owed() {
        let mut message = vec![0x9c, 0x40, 0x0b, 0x59, 0, 0, 0, 1, 0xaa, 0xbb, 0xcc, 0xdd, 10, 0, 0, 4];
        let mut bytes = packet("10.250.250.2", "192.0.2.1", protocol::SCTP, &message);
        assert_eq!(finished(&mut bytes, Some(PartialChecksum { start: 20, offset: 8 })), None);
        message[8..12].fill(0);
        let crc = crc32c(&message).to_le_bytes();
        message[8..12].copy_from_slice(&crc);
        assert_eq!(bytes[20..], message);
    }

    #[test]
    fn a_complete_crc_and_other_protocols_are_left_alone() {
        for (kind, partial) in [(protocol::SCTP, None), (47, Some(PartialChecksum { start: 20, offset: 8 }))] {
            let before = packet("10.250.250.2", "192.0.2.1", kind, &[7; 16]);
            let mut bytes = before.clone();
            assert_eq!(finished(&mut bytes, partial), partial);
            assert_eq!(bytes, before);
        }
    }
}
