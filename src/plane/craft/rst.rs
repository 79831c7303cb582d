//! RSTs towards inside hosts, in the name of their remotes, whose connections have lost their WAN, so that applications
//! redial at once; and towards remotes, in the name of the hosts. Must never know: policy, tables, links.

use super::ip;
use crate::plane::packet::numbers::{protocol, tcp_flag};
use crate::plane::packet::segment::Segment;
use std::net::SocketAddr;

/// Appends the RST that answers a segment from `from` to `to` (RFC 9293 §3.10.7.1): it bears the number that the host
/// waits for; a segment that acknowledges nothing is acknowledged itself. False, and nothing appended, in answer to a RST.
pub fn answer(out: &mut Vec<u8>, from: SocketAddr, to: SocketAddr, segment: &Segment) -> bool {
    if segment.has(tcp_flag::RST) {
        return false;
    }
    if segment.has(tcp_flag::ACK) {
        return append(out, to, from, (segment.acknowledgment, 0, tcp_flag::RST));
    }
    append(out, to, from, (0, segment.end(), tcp_flag::RST | tcp_flag::ACK))
}

/// Appends the RST that ends a connection whose host `to` waits for `sequence` and is silent.
pub fn unasked(out: &mut Vec<u8>, from: SocketAddr, to: SocketAddr, sequence: u32) -> bool {
    append(out, from, to, (sequence, 0, tcp_flag::RST))
}

/// Appends the RST that stands for a segment between these ends (RFC 9293 §3.5.3): it bears the segment's own numbers, so
/// the first is what its receiver waits for if nothing before it is still under way. Else the receiver asks, and the one
/// who is asked for answers (RFC 5961 §3.2). False, and nothing appended, for a RST.
pub fn replace(out: &mut Vec<u8>, [from, to]: [SocketAddr; 2], segment: &Segment) -> bool {
    if segment.has(tcp_flag::RST) {
        return false;
    }
    let (acknowledgment, flag) =
        if segment.has(tcp_flag::ACK) { (segment.acknowledgment, tcp_flag::ACK) } else { (0, 0) };
    append(out, from, to, (segment.sequence, acknowledgment, tcp_flag::RST | flag))
}

/// Appends a segment whose number its receiver does not wait for, but for rare luck, so that it says which one it does
/// (RFC 9293 §3.10.7.4); `rcv_nxt` is what the sender waits for.
pub fn challenge(out: &mut Vec<u8>, [from, to]: [SocketAddr; 2], rcv_nxt: u32) -> bool {
    append(out, from, to, (rcv_nxt ^ 1 << 31, rcv_nxt, tcp_flag::ACK))
}

/// Bytes of a TCP header without options, and where its checksum stands (RFC 9293 §3.1).
const TCP_LEN: usize = 20;
const CHECKSUM: usize = 16;

fn append(
    out: &mut Vec<u8>,
    from: SocketAddr,
    to: SocketAddr,
    (sequence, acknowledgment, flags): (u32, u32, u8),
) -> bool {
    let mut tcp = [0; TCP_LEN];
    tcp[..2].copy_from_slice(&from.port().to_be_bytes());
    tcp[2..4].copy_from_slice(&to.port().to_be_bytes());
    tcp[4..8].copy_from_slice(&sequence.to_be_bytes());
    tcp[8..12].copy_from_slice(&acknowledgment.to_be_bytes());
    tcp[12..14].copy_from_slice(&[0x50, flags]);
    ip::packet(out, from.ip(), to.ip(), protocol::TCP, (&tcp, CHECKSUM))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plane::packet::sample::{hex, is_right};
    use crate::types::Family;

    fn made(write: impl FnOnce(&mut Vec<u8>) -> bool) -> Option<Vec<u8>> {
        let mut out = vec![0xaa; 3];
        let is_made = write(&mut out);
        assert_eq!(out[..3], [0xaa; 3]);
        let packet = out.split_off(3);
        assert_eq!((is_made, is_made && is_right(&packet)), (!packet.is_empty(), is_made));
        is_made.then_some(packet)
    }

    fn ends(family: Family) -> [SocketAddr; 2] {
        let texts = if family.is_v4() {
            ["10.250.250.2:40000", "203.0.113.10:443"]
        } else {
            ["[fd00:bad:b01:1::100]:40000", "[2001:db8:ffff::10]:443"]
        };
        texts.map(|text| text.parse().unwrap())
    }

    fn answered(family: Family, flags: u8) -> Option<Vec<u8>> {
        let [host, remote] = ends(family);
        let segment = Segment { flags, sequence: 0x0102_0304, acknowledgment: 0xa0b0_c0d0, payload: 10 };
        made(|out| answer(out, host, remote, &segment))
    }

    #[test]
    fn a_segment_is_answered_with_the_number_that_its_sender_waits_for() {
        let expected = hex("45000028 00004000 4006 f9c8 cb00710a 0afafa02
             01bb9c40 a0b0c0d0 00000000 5004 0000 6f5c 0000");
        assert_eq!(answered(Family::V4, tcp_flag::ACK).unwrap(), expected);
        let expected = hex("60000000 0014 06 40 20010db8ffff00000000000000000010 fd000bad0b0100010000000000000100
             01bb9c40 a0b0c0d0 00000000 5004 0000 6deb 0000");
        assert_eq!(answered(Family::V6, tcp_flag::ACK | tcp_flag::FIN).unwrap(), expected);
    }

    #[test]
    fn what_acknowledges_nothing_is_acknowledged_and_a_rst_is_not_answered() {
        let numbers = |flags| answered(Family::V4, flags).unwrap()[24..34].to_vec();
        assert_eq!(numbers(0), hex("00000000 0102030e 5014"));
        assert_eq!(numbers(tcp_flag::SYN), hex("00000000 0102030f 5014"));
        assert_eq!(numbers(tcp_flag::FIN), hex("00000000 0102030f 5014"));
        assert_eq!(answered(Family::V4, tcp_flag::RST | tcp_flag::ACK), None);
    }

    #[test]
    fn a_rst_in_the_place_of_a_segment_has_its_numbers() {
        let replaced = |family, flags| {
            let segment = Segment { flags, sequence: 0x0102_0304, acknowledgment: 0xa0b0_c0d0, payload: 10 };
            made(|out| replace(out, ends(family), &segment))
        };
        let expected = hex("45000028 00004000 4006 f9c8 0afafa02 cb00710a
             9c4001bb 01020304 a0b0c0d0 5014 0000 6b46 0000");
        assert_eq!(replaced(Family::V4, tcp_flag::ACK | tcp_flag::FIN).unwrap(), expected);
        assert_eq!(replaced(Family::V6, 0).unwrap()[40..54], hex("9c4001bb 01020304 00000000 5004"));
        assert_eq!(replaced(Family::V4, tcp_flag::RST), None);
    }

    #[test]
    fn a_silent_host_gets_the_number_that_it_waits_for() {
        let [host, remote] = ends(Family::V4);
        let packet = made(|out| unasked(out, remote, host, 7)).unwrap();
        assert_eq!(packet[20..34], hex("01bb9c40 00000007 00000000 5004"));
        let [other, _] = ends(Family::V6);
        assert_eq!(made(|out| unasked(out, remote, other, 7)), None, "one family");
    }
}
