//! The numbers of a TCP segment, read from its header (RFC 9293 §3.1). Must never know: flow, policy.

use super::headers::{Fragment, Headers, Transport};
use super::numbers::tcp_flag;

/// A TCP segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segment {
    /// Flags byte.
    pub flags: u8,
    /// Its sequence number.
    pub sequence: u32,
    /// What it acknowledges.
    pub acknowledgment: u32,
    /// Bytes of payload, all segments of a super-frame together; 0 for a first fragment, which does not tell.
    pub payload: u32,
}

impl Segment {
    /// The segment of `packet`, which has these headers; `None` when it is no TCP, or its header is elsewhere.
    #[must_use]
    pub fn read(headers: &Headers, packet: &[u8]) -> Option<Self> {
        let Transport::Tcp { flags, .. } = headers.transport else { return None };
        let header: &[u8; 20] = packet.get(usize::from(headers.l4)..)?.first_chunk()?;
        let [_, _, _, _, s0, s1, s2, s3, a0, a1, a2, a3, ..] = *header;
        let is_whole = headers.fragment == Fragment::Whole;
        Some(Self {
            flags,
            sequence: u32::from_be_bytes([s0, s1, s2, s3]),
            acknowledgment: u32::from_be_bytes([a0, a1, a2, a3]),
            payload: if is_whole { headers.len.saturating_sub(headers.header_len().into()) } else { 0 },
        })
    }

    /// Whether a flag is set.
    #[must_use]
    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// The sequence number of the next segment: SYN and FIN take one, too.
    #[must_use]
    pub fn end(&self) -> u32 {
        let marks = u32::from(self.has(tcp_flag::SYN)) + u32::from(self.has(tcp_flag::FIN));
        self.sequence.wrapping_add(self.payload).wrapping_add(marks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plane::packet::numbers::protocol;
    use crate::plane::packet::parse::parse;
    use crate::plane::packet::sample::{fix_ip, packet, tcp, udp};
    use crate::types::Offload;

    fn read(bytes: &[u8]) -> Option<Segment> {
        Segment::read(&parse(bytes, &Offload::NONE).unwrap(), bytes)
    }

    #[test]
    fn a_segment_is_read_with_its_payload_in_both_families() {
        for (from, to) in [("10.250.250.2", "203.0.113.10"), ("fd00:bad:b01:1::100", "2001:db8:ffff::10")] {
            let mut payload = tcp(40000, 443, tcp_flag::SYN | tcp_flag::ACK, &[2, 4, 5, 180], b"seven77");
            payload[4..12].copy_from_slice(&[1, 2, 3, 4, 0xa0, 0xb0, 0xc0, 0xd0]);
            let segment = read(&packet(from, to, protocol::TCP, &payload)).unwrap();
            let flags = tcp_flag::SYN | tcp_flag::ACK;
            assert_eq!(segment, Segment { flags, sequence: 0x0102_0304, acknowledgment: 0xa0b0_c0d0, payload: 7 });
            assert_eq!(segment.end(), 0x0102_0304 + 8, "the SYN takes a number");
        }
    }

    #[test]
    fn a_first_fragment_counts_as_empty_and_what_is_no_tcp_has_no_segment() {
        let (from, to) = ("10.250.250.2", "203.0.113.10");
        let mut first = packet(from, to, protocol::TCP, &tcp(40000, 443, tcp_flag::ACK, &[], &[7; 44]));
        first[6..8].copy_from_slice(&[0x20, 0]);
        fix_ip(&mut first);
        assert_eq!(read(&first).unwrap().payload, 0);
        first[7] = 3;
        fix_ip(&mut first);
        assert_eq!(read(&first), None, "a later fragment");
        assert_eq!(read(&packet(from, to, protocol::UDP, &udp(40000, 443, &[7; 44]))), None);
    }
}
