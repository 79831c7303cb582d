//! What makes two packets one flow, seen from the inside, whichever way they go and however they are translated.
//! IPv4 addresses are kept v4-mapped (RFC 4291 §2.5.5.2). Must never know: WANs, state.

use crate::plane::packet::headers::{Headers, Transport};
use crate::types::{Direction, Family};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv6Addr};

/// Protocol, inside address and port, remote address and port, in 40 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FlowKey {
    inside: [u64; 2],
    remote: [u64; 2],
    /// Protocol, inside port, remote port: bits 32.., 16..32, 0..16.
    tail: u64,
}

impl FlowKey {
    /// The key of a packet that goes `direction`, where `inside` is the address of its inside end before translation
    /// outbound, after translation inbound. The other end is read from `headers`.
    ///
    /// For the packet that an ICMP error quotes, give the direction in which that packet went: an inbound error quotes an
    /// outbound packet.
    #[must_use]
    #[inline]
    pub fn new(headers: &Headers, direction: Direction, inside: IpAddr) -> Self {
        let (source, destination) = match headers.transport {
            Transport::Tcp { source, destination, .. } | Transport::Udp { source, destination } => {
                (source, destination)
            }
            Transport::Query { id, .. } => return Self::query(headers, direction, inside, id),
            Transport::Error | Transport::OtherIcmp(_) | Transport::Opaque => (0, 0),
        };
        match direction {
            Direction::Outbound => {
                Self::from_parts(headers.protocol, (inside, source), (headers.destination, destination))
            }
            Direction::Inbound => Self::from_parts(headers.protocol, (inside, destination), (headers.source, source)),
        }
    }

    /// An ICMP query and its reply carry one identifier, which stands for the inside port (RFC 5508 §3.1).
    fn query(headers: &Headers, direction: Direction, inside: IpAddr, id: u16) -> Self {
        let remote = match direction {
            Direction::Outbound => headers.destination,
            Direction::Inbound => headers.source,
        };
        Self::from_parts(headers.protocol, (inside, id), (remote, 0))
    }

    /// A key from its parts: inside address and port, remote address and port. Ports are 0 for protocols without.
    #[must_use]
    #[inline]
    pub fn from_parts(protocol: u8, inside: (IpAddr, u16), remote: (IpAddr, u16)) -> Self {
        let tail = u64::from(protocol) << 32 | u64::from(inside.1) << 16 | u64::from(remote.1);
        Self { inside: to_words(inside.0), remote: to_words(remote.0), tail }
    }

    /// The same flow where the inside end is this port behind the public one; `None`: it has the same.
    #[must_use]
    #[inline]
    pub fn behind(self, port: Option<u16>) -> Self {
        let tail = port.map_or(self.tail, |port| self.tail & !(0xffff << 16) | u64::from(port) << 16);
        Self { tail, ..self }
    }

    /// IP protocol number.
    #[must_use]
    pub fn protocol(&self) -> u8 {
        self.tail.to_be_bytes()[3]
    }

    /// Address of the inside end.
    #[must_use]
    pub fn inside(&self) -> IpAddr {
        to_address(self.inside)
    }

    /// Port of the inside end; the identifier for ICMP queries; else 0.
    #[must_use]
    pub fn inside_port(&self) -> u16 {
        let octets = self.tail.to_be_bytes();
        u16::from_be_bytes([octets[4], octets[5]])
    }

    /// Address of the remote end.
    #[must_use]
    pub fn remote(&self) -> IpAddr {
        to_address(self.remote)
    }

    /// Port of the remote end; 0 for protocols without ports.
    #[must_use]
    pub fn remote_port(&self) -> u16 {
        let octets = self.tail.to_be_bytes();
        u16::from_be_bytes([octets[6], octets[7]])
    }

    /// Whether the flow is IPv4.
    #[must_use]
    pub fn is_v4(&self) -> bool {
        self.inside().is_ipv4()
    }

    /// The family of both addresses.
    #[must_use]
    pub fn family(&self) -> Family {
        Family::of(self.inside())
    }

    /// The inside address as two words, for hashing.
    #[must_use]
    pub fn inside_words(&self) -> [u64; 2] {
        self.inside
    }

    /// The remote address as two words, for hashing.
    #[must_use]
    pub fn remote_words(&self) -> [u64; 2] {
        self.remote
    }
}

impl Hash for FlowKey {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        for word in [self.inside[0], self.inside[1], self.remote[0], self.remote[1], self.tail] {
            state.write_u64(word);
        }
    }
}

impl fmt::Debug for FlowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (inside, remote) = (self.inside(), self.remote());
        write!(f, "{} {inside} {} - {remote} {}", self.protocol(), self.inside_port(), self.remote_port())
    }
}

fn to_words(address: IpAddr) -> [u64; 2] {
    match address {
        IpAddr::V4(address) => [0, 0xffff << 32 | u64::from(address.to_bits())],
        IpAddr::V6(address) => [(address.to_bits() >> 64) as u64, address.to_bits() as u64],
    }
}

fn to_address(words: [u64; 2]) -> IpAddr {
    Ipv6Addr::from_bits(u128::from(words[0]) << 64 | u128::from(words[1])).to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plane::packet::headers::Fragment;
    use crate::plane::packet::numbers::protocol;

    fn headers(source: &str, destination: &str, protocol: u8, transport: Transport) -> Headers {
        Headers {
            source: source.parse().unwrap(),
            destination: destination.parse().unwrap(),
            protocol,
            ttl: 64,
            l4: 20,
            len: 40,
            dont_fragment: true,
            fragment: Fragment::Whole,
            transport,
        }
    }

    #[test]
    fn both_directions_of_a_flow_have_one_key() {
        let inside: IpAddr = "10.250.250.2".parse().unwrap();
        let out = Transport::Tcp { source: 40000, destination: 443, flags: 2, header_len: 20 };
        let back = Transport::Tcp { source: 443, destination: 40000, flags: 18, header_len: 20 };
        let out = headers("10.250.250.2", "203.0.113.9", protocol::TCP, out);
        let back = headers("203.0.113.9", "198.51.100.2", protocol::TCP, back);
        let key = FlowKey::new(&out, Direction::Outbound, inside);
        assert_eq!(key, FlowKey::new(&back, Direction::Inbound, inside));
        assert_eq!((key.protocol(), key.inside_port(), key.remote_port()), (6, 40000, 443));
        assert_eq!((key.inside(), key.remote()), (inside, "203.0.113.9".parse().unwrap()));
        assert!(key.is_v4());
    }

    #[test]
    fn an_echo_and_its_reply_meet_in_the_identifier() {
        let inside: IpAddr = "fd00:bad:b01:1::2".parse().unwrap();
        let request = Transport::Query { id: 42, request: true };
        let reply = Transport::Query { id: 42, request: false };
        let out = headers("fd00:bad:b01:1::2", "2001:db8::1", protocol::ICMPV6, request);
        let back = headers("2001:db8::1", "2001:db8:a:c81::2", protocol::ICMPV6, reply);
        let key = FlowKey::new(&out, Direction::Outbound, inside);
        assert_eq!(key, FlowKey::new(&back, Direction::Inbound, inside));
        assert_eq!((key.protocol(), key.inside_port(), key.remote_port(), key.is_v4()), (58, 42, 0, false));
    }

    #[test]
    fn a_protocol_without_ports_is_known_by_its_addresses() {
        let inside: IpAddr = "10.250.250.2".parse().unwrap();
        let key =
            FlowKey::new(&headers("10.250.250.2", "203.0.113.9", 47, Transport::Opaque), Direction::Outbound, inside);
        assert_eq!(key, FlowKey::from_parts(47, (inside, 0), ("203.0.113.9".parse().unwrap(), 0)));
        assert_eq!(format!("{key:?}"), "47 10.250.250.2 0 - 203.0.113.9 0");
    }

    #[test]
    fn a_key_takes_forty_bytes() {
        assert_eq!(size_of::<FlowKey>(), 40);
    }
}
