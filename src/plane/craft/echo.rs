//! The echo request (RFC 792, RFC 4443 §4.1) whose identifier, sequence number and first four bytes of data are a token.
//! Must never know: what is asked for, when, what becomes of an answer.

use super::ip;
use crate::plane::packet::checksum;
use crate::plane::packet::headers::Headers;
use crate::plane::packet::numbers::protocol;
use std::net::IpAddr;

/// Bytes from the ICMP header to the token.
const TOKEN: usize = 4;

/// Appends an echo request of `size` bytes with its IP header, which may not be fragmented. False, and nothing appended,
/// when the addresses are of two families or nothing fits the size.
pub fn request(out: &mut Vec<u8>, source: IpAddr, target: IpAddr, size: u16, token: u64) -> bool {
    let (kind, protocol, header) = match target {
        IpAddr::V4(_) => (8u8, protocol::ICMP, 20),
        IpAddr::V6(_) => (128, protocol::ICMPV6, 40),
    };
    let Some(len) = size.checked_sub(header).filter(|len| usize::from(*len) >= TOKEN + 8) else { return false };
    if !ip::header(out, source, target, protocol, 0, len) {
        return false;
    }
    let pseudo = if target.is_ipv4() { 0 } else { checksum::pseudo(source, target, protocol, len.into()) };
    let start = [kind, 0];
    let sum = [checksum::sum(&start), checksum::sum(&token.to_be_bytes())].into_iter().fold(pseudo, checksum::add);
    out.extend_from_slice(&start);
    out.extend_from_slice(&(!sum).to_be_bytes());
    out.extend_from_slice(&token.to_be_bytes());
    out.resize(out.len() + usize::from(len) - TOKEN - 8, 0);
    true
}

/// The token of an echo reply; its packet may be the first fragment only.
#[must_use]
pub fn token(packet: &[u8], headers: &Headers) -> Option<u64> {
    let token = packet.get(usize::from(headers.l4) + TOKEN..)?.first_chunk()?;
    Some(u64::from_be_bytes(*token))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plane::neighbor::sample;
    use crate::plane::packet::headers::{Fragment, Transport};
    use crate::plane::packet::parse::parse;
    use crate::plane::packet::sample::{ip, is_right};
    use crate::types::Offload;

    const TOKEN: u64 = 0x1234_5678_9abc_def0;

    #[test]
    fn an_echo_request_has_its_exact_size_and_right_checksums() {
        for (source, target, sizes) in
            [("192.0.2.2", "203.0.113.10", [576, 1401, 9000]), ("fe80::2", "fe80::1", [1280, 1401, 9000])]
        {
            for size in sizes {
                let mut packet = Vec::new();
                assert!(request(&mut packet, ip(source), ip(target), size, TOKEN));
                assert_eq!(packet.len(), usize::from(size));
                let headers = parse(&packet, &Offload::NONE).unwrap();
                assert!(is_right(&packet) && headers.dont_fragment && headers.fragment == Fragment::Whole);
                assert_eq!(headers.transport, Transport::Query { id: 0x1234, request: true });
                assert_eq!(token(&packet, &headers), Some(TOKEN));
            }
        }
    }

    #[test]
    fn a_probe_byte_by_byte() {
        let mut packet = Vec::new();
        assert!(request(&mut packet, ip("192.0.2.2"), ip("203.0.113.10"), 36, TOKEN));
        let wanted = "4500 0024 0000 4000 4001 3ccc c0000202 cb00710a 0800 15a6 123456789abcdef0 00000000";
        assert_eq!(packet, sample::hex(wanted));
    }
}
