//! What is known of a packet once it has been validated: offsets and fields, proof that later reads stay inside it.
//! Must never know: policy, flows.

use std::net::IpAddr;

/// IP protocol numbers the plane treats by name (IANA assigned internet protocol numbers).
pub mod protocol {
    /// RFC 792.
    pub const ICMP: u8 = 1;
    /// RFC 9293.
    pub const TCP: u8 = 6;
    /// RFC 768.
    pub const UDP: u8 = 17;
    /// RFC 4443.
    pub const ICMPV6: u8 = 58;
}

/// A validated packet's fields. Made by `parse::parse` only; every offset lies inside the packet it was made from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Headers {
    /// Source address; the family of both is the packet's family.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// Transport protocol, behind any extension headers.
    pub protocol: u8,
    /// TTL or hop limit as received.
    pub ttl: u8,
    /// Bytes from the IP header to the transport header.
    pub l4: u16,
    /// Bytes of the whole IP packet.
    pub len: u32,
    /// IPv4: the don't-fragment flag. IPv6: true.
    pub dont_fragment: bool,
    /// Which part of a datagram this is.
    pub fragment: Fragment,
    /// The transport header as far as flows care.
    pub transport: Transport,
}

impl Headers {
    /// Whether this is IPv4.
    #[must_use]
    pub fn is_v4(&self) -> bool {
        self.source.is_ipv4()
    }
}

/// Which part of a datagram a packet is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fragment {
    /// Not fragmented (an IPv6 atomic fragment, RFC 6946, too).
    Whole,
    /// Offset 0, more to come. The identification (16 bits in IPv4).
    First(u32),
    /// A later piece: its transport header is elsewhere.
    Later(u32),
}

/// The transport header as far as flows care.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transport {
    /// Ports, the flags byte (RFC 9293 §3.1) and the header's length in bytes (0 when the field is impossible: the
    /// packet is forwarded, its options are left alone).
    Tcp {
        /// Source port.
        source: u16,
        /// Destination port.
        destination: u16,
        /// CWR ECE URG ACK PSH RST SYN FIN, from bit 7 to bit 0.
        flags: u8,
        /// 20 to 60, or 0.
        header_len: u8,
    },
    /// Ports.
    Udp {
        /// Source port.
        source: u16,
        /// Destination port.
        destination: u16,
    },
    /// An ICMP query that carries an identifier: echo, and IPv4 timestamp.
    Query {
        /// The identifier.
        id: u16,
        /// A request, not a reply.
        request: bool,
    },
    /// An ICMP error: it quotes a packet from `l4 + 8` on.
    Error,
    /// Any other ICMP message, by type.
    OtherIcmp(u8),
    /// Another protocol, or a later fragment: addresses only.
    Opaque,
}

/// TCP flag bits (RFC 9293 §3.1).
pub mod tcp_flag {
    /// No more data from the sender.
    pub const FIN: u8 = 1;
    /// Synchronize sequence numbers.
    pub const SYN: u8 = 2;
    /// Reset.
    pub const RST: u8 = 4;
    /// Acknowledgment field significant.
    pub const ACK: u8 = 16;
}
