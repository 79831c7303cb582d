//! What is known of a packet once it has been validated: offsets and fields, proof that later reads stay inside it.
//! Must never know: policy, flows.

use crate::types::Offload;
use std::net::IpAddr;

#[cfg(test)]
pub(crate) mod sample;

/// EtherTypes that flowpin speaks (IANA IEEE 802 numbers).
pub mod ethertype {
    /// RFC 894.
    pub const IPV4: u16 = 0x0800;
    /// RFC 826.
    pub const ARP: u16 = 0x0806;
    /// RFC 2464.
    pub const IPV6: u16 = 0x86dd;

    /// That of a packet of the family.
    #[must_use]
    pub fn of(v4: bool) -> u16 {
        if v4 { IPV4 } else { IPV6 }
    }
}

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
    /// RFC 4340.
    pub const DCCP: u8 = 33;
    /// RFC 9260.
    pub const SCTP: u8 = 132;
    /// The Mobility Header of Mobile IPv6, RFC 6275 §6.1.
    pub const MOBILITY: u8 = 135;
    /// RFC 3828.
    pub const UDP_LITE: u8 = 136;
    /// The Host Identity Protocol, RFC 7401 §5.1.
    pub const HIP: u8 = 139;
}

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

    /// Whether a segment with these flags asks for a connection.
    #[must_use]
    pub fn asks(flags: u8) -> bool {
        flags & (SYN | ACK) == SYN
    }
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
