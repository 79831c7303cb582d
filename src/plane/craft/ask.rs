//! Packets of the router's own, probes and RSTs: their IP headers and checksums, the echo request (RFC 792, RFC 4443
//! §4.1) whose identifier, sequence number and first four bytes of data are a token, and the address that probes leave
//! with. Must never know: what is asked for, when, what becomes of an answer.

use crate::plane::packet::checksum;
use crate::plane::packet::headers::Headers;
use crate::plane::packet::numbers::protocol;
use crate::plane::policy::Wan;
use ipnet::Ipv4Net;
use std::hash::BuildHasher;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Hops that one may travel.
const TTL: u8 = 64;
/// Bytes from the ICMP header to the token.
const TOKEN: usize = 4;

/// Appends an echo request of `size` bytes with its IP header, which may not be fragmented. False, and nothing appended,
/// when the addresses are of two families or nothing fits the size.
pub fn echo(out: &mut Vec<u8>, source: IpAddr, target: IpAddr, size: u16, token: u64) -> bool {
    let (kind, protocol, header) = match target {
        IpAddr::V4(_) => (8u8, protocol::ICMP, 20),
        IpAddr::V6(_) => (128, protocol::ICMPV6, 40),
    };
    let Some(len) = size.checked_sub(header).filter(|len| usize::from(*len) >= TOKEN + 8) else { return false };
    if !header_of(out, source, target, protocol, len) {
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

/// Appends an IP packet that carries `segment`, a whole TCP segment or UDP datagram whose checksum, still 0, stands at
/// `field`. False, and nothing appended, when the addresses are of two families or it is too long.
pub fn segment(
    out: &mut Vec<u8>,
    source: IpAddr,
    target: IpAddr,
    protocol: u8,
    (segment, field): (&[u8], usize),
) -> bool {
    let Ok(len) = u16::try_from(segment.len()) else { return false };
    if len > LONGEST || !header_of(out, source, target, protocol, len) {
        return false;
    }
    let sum = checksum::add(checksum::sum(segment), checksum::pseudo(source, target, protocol, len.into()));
    let start = out.len();
    out.extend_from_slice(segment);
    // UDP reads 0 as "no checksum" and has all ones for it (RFC 768).
    let sum = if sum == 0xffff && protocol == protocol::UDP { 0xffff } else { !sum };
    if let Some(place) = out.get_mut(start + field..).and_then(<[u8]>::first_chunk_mut) {
        *place = sum.to_be_bytes();
    }
    true
}

/// Bytes behind the IP header at the most: what every link carries (RFC 8200 §5).
const LONGEST: u16 = 1240;

fn header_of(out: &mut Vec<u8>, source: IpAddr, target: IpAddr, protocol: u8, len: u16) -> bool {
    match (source, target) {
        (IpAddr::V4(source), IpAddr::V4(target)) => out.extend_from_slice(&header4(source, target, protocol, len)),
        (IpAddr::V6(source), IpAddr::V6(target)) => out.extend_from_slice(&header6(source, target, protocol, len)),
        _ => return false,
    }
    true
}

fn header4(source: Ipv4Addr, target: Ipv4Addr, protocol: u8, len: u16) -> [u8; 20] {
    let mut header = [0; 20];
    header[0] = 0x45;
    header[2..4].copy_from_slice(&len.saturating_add(20).to_be_bytes());
    header[6] = 0x40;
    (header[8], header[9]) = (TTL, protocol);
    header[12..16].copy_from_slice(&source.octets());
    header[16..].copy_from_slice(&target.octets());
    let sum = !checksum::sum(&header);
    header[10..12].copy_from_slice(&sum.to_be_bytes());
    header
}

fn header6(source: Ipv6Addr, target: Ipv6Addr, protocol: u8, len: u16) -> [u8; 40] {
    let mut header = [0; 40];
    header[0] = 0x60;
    header[4..6].copy_from_slice(&len.to_be_bytes());
    (header[6], header[7]) = (protocol, TTL);
    header[8..24].copy_from_slice(&source.octets());
    header[24..].copy_from_slice(&target.octets());
    header
}

/// A number that nobody guesses who does not know `secret`; another for each `number`, never 0.
pub fn token_of(secret: u64, number: u64) -> u64 {
    foldhash::quality::FixedState::with_seed(secret).hash_one(number) | 1
}

/// The token of an echo reply; its packet may be the first fragment only.
pub fn token(packet: &[u8], headers: &Headers) -> Option<u64> {
    let token = packet.get(usize::from(headers.l4) + TOKEN..)?.first_chunk()?;
    Some(u64::from_be_bytes(*token))
}

/// The address that probes to `target` carry: the kernel's own on the WAN link, in the target's subnet if there is one,
/// else an owned one, to which the answer finds back as well. `None`: the WAN has none of that family.
pub fn source(wan: &Wan, target: IpAddr) -> Option<IpAddr> {
    match target {
        IpAddr::V4(target) => {
            let kernel = &wan.link.addresses4;
            let beside = kernel.iter().find(|network| network.contains(&target));
            let own = beside.or_else(|| kernel.first()).map(Ipv4Net::addr);
            own.or_else(|| wan.nat44.source()).map(IpAddr::V4)
        }
        IpAddr::V6(target) => source6(wan, target).map(IpAddr::V6),
    }
}

/// The same for a question whose answer a kernel must not see, or it would refuse it: an owned address goes first.
pub fn owned_source(wan: &Wan, target: IpAddr) -> Option<IpAddr> {
    let owned = match target {
        IpAddr::V4(_) => wan.nat44.source().map(IpAddr::V4),
        IpAddr::V6(target) if target.is_unicast_link_local() => None,
        IpAddr::V6(_) => owned6(wan).map(IpAddr::V6),
    };
    owned.or_else(|| source(wan, target))
}

fn source6(wan: &Wan, target: Ipv6Addr) -> Option<Ipv6Addr> {
    let near = target.is_unicast_link_local();
    let own = wan.link.addresses6.iter().find(|address| address.is_unicast_link_local() == near);
    own.copied().or_else(|| owned6(wan))
}

fn owned6(wan: &Wan) -> Option<Ipv6Addr> {
    let mapped = wan.inbound6.first().map(|(outside, _)| *outside);
    mapped.or_else(|| {
        let prefix = wan.nptv6.first()?.held.outside();
        Some(Ipv6Addr::from_bits(prefix.network().to_bits() | 1))
    })
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
                assert!(echo(&mut packet, ip(source), ip(target), size, TOKEN));
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
        assert!(echo(&mut packet, ip("192.0.2.2"), ip("203.0.113.10"), 36, TOKEN));
        let wanted = "4500 0024 0000 4000 4001 3ccc c0000202 cb00710a 0800 15a6 123456789abcdef0 00000000";
        assert_eq!(packet, sample::hex(wanted));
    }

    #[test]
    fn a_probe_carries_the_kernels_address_where_there_is_one() {
        let policy = sample::policy();
        let (a, b) = (&policy.wans[0], &policy.wans[1]);
        assert_eq!(source(a, ip("192.0.2.1")), Some(ip("192.0.2.2")));
        assert_eq!(source(a, ip("203.0.113.10")), Some(ip("192.0.2.2")));
        assert_eq!(source(a, ip("fe80::1")), Some(ip("fe80::2")));
        assert_eq!(source(a, ip("2001:db8:ffff::10")), Some(ip("2001:db8:a:c80::5")));
        assert_eq!(source(b, ip("203.0.113.10")), Some(ip("198.51.100.3")));
        assert_eq!(source(b, ip("fe80::1")), None);
        let mut bare = a.clone();
        bare.link.addresses6.clear();
        assert_eq!(source(&bare, ip("2001:db8:ffff::10")), Some(ip("2001:db8:a:c80::1")));
    }
}
