//! What is known of a packet once it has been validated: offsets and fields, proof that later reads stay inside it.
//! Must never know: policy, flows.

use super::numbers::protocol;
use crate::types::{Family, Offload};
use std::net::IpAddr;

/// A validated packet's fields. Made by `parse` only; `l4` and `len` lie inside the packet they were made from (those
/// of a quoted packet say what it was: its tail may be missing).
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

    /// The family of both addresses.
    #[must_use]
    pub fn family(&self) -> Family {
        Family::of(self.source)
    }

    /// One end of the packet.
    #[must_use]
    pub fn endpoint(&self, side: Side) -> Endpoint {
        let (source, destination) = match self.transport {
            Transport::Tcp { source, destination, .. } | Transport::Udp { source, destination } => {
                (source, destination)
            }
            Transport::Query { id, .. } => (id, id),
            Transport::Error | Transport::OtherIcmp(_) | Transport::Opaque => (0, 0),
        };
        let (address, port) = match side {
            Side::Source => (self.source, source),
            Side::Destination => (self.destination, destination),
        };
        Endpoint { protocol: self.protocol, address, port }
    }

    /// Bytes of network and transport header together; a protocol without a known header counts none.
    #[must_use]
    pub fn header_len(&self) -> u16 {
        self.l4
            + match self.transport {
                Transport::Tcp { header_len, .. } => u16::from(header_len.max(20)),
                Transport::Udp { .. } | Transport::Query { .. } | Transport::Error => 8,
                Transport::OtherIcmp(_) => 4,
                Transport::Opaque => 0,
            }
    }

    /// The packets that this frame is on a wire, and their IP bytes.
    #[must_use]
    pub fn segments(&self, offload: &Offload) -> (u32, u32) {
        offload.gso.map_or((1, self.len), |gso| gso.segments(self.len, self.header_len()))
    }

    /// Bytes from the IP header to the transport checksum, if this packet carries one and it covers the addresses.
    #[must_use]
    pub fn checksum_at(&self) -> Option<usize> {
        if matches!(self.fragment, Fragment::Later(_)) {
            return None;
        }
        let offset = match self.protocol {
            protocol::TCP => 16,
            protocol::UDP | protocol::UDP_LITE | protocol::DCCP => 6,
            protocol::HIP => 4,
            protocol::ICMPV6 if !self.is_v4() => 2,
            protocol::MOBILITY if !self.is_v4() => 4,
            _ => return None,
        };
        Some(usize::from(self.l4) + offset)
    }
}

/// Which end of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// Where it comes from.
    Source,
    /// Where it goes.
    Destination,
}

/// One end of a packet as its transport names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Endpoint {
    /// Transport protocol.
    pub protocol: u8,
    /// Address.
    pub address: IpAddr,
    /// Port, or identifier of an ICMP query; 0 for what has neither.
    pub port: u16,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Gso, GsoKind};

    #[test]
    fn a_super_frame_counts_as_its_segments() {
        let headers = Headers {
            source: IpAddr::from([10, 250, 250, 2]),
            destination: IpAddr::from([203, 0, 113, 10]),
            protocol: protocol::TCP,
            ttl: 64,
            l4: 20,
            len: 52 + 3 * 1448 + 1,
            dont_fragment: true,
            fragment: Fragment::Whole,
            transport: Transport::Tcp { source: 1, destination: 2, flags: 16, header_len: 32 },
        };
        let gso = Some(Gso { kind: GsoKind::Tcp4, size: 1448, ecn: false });
        assert_eq!(headers.segments(&Offload { partial: None, gso }), (4, 3 * 1448 + 1 + 4 * 52));
        assert_eq!(headers.segments(&Offload::NONE), (1, 52 + 3 * 1448 + 1));
    }
}
