//! The numbers of the protocols that the plane treats by name: EtherTypes, IP protocols, TCP flags.
//! Must never know: packets.

/// EtherTypes that flowpin speaks (IANA IEEE 802 numbers).
pub mod ethertype {
    use crate::types::Family;

    /// RFC 894.
    pub const IPV4: u16 = 0x0800;
    /// RFC 826.
    pub const ARP: u16 = 0x0806;
    /// RFC 2464.
    pub const IPV6: u16 = 0x86dd;

    /// That of a packet of the family.
    #[must_use]
    pub fn of(family: Family) -> u16 {
        match family {
            Family::V4 => IPV4,
            Family::V6 => IPV6,
        }
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
    /// Generic routing encapsulation, RFC 2784.
    pub const GRE: u8 = 47;
    /// Encapsulating security payload, RFC 4303.
    pub const ESP: u8 = 50;
    /// Authentication header, RFC 4302.
    pub const AH: u8 = 51;
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

/// TCP flag bits (RFC 9293 §3.1).
pub mod tcp_flag {
    /// No more data from the sender.
    pub const FIN: u8 = 1;
    /// Synchronize sequence numbers.
    pub const SYN: u8 = 2;
    /// Reset.
    pub const RST: u8 = 4;
    /// The sender wants the receiver to hand what it has to the application.
    pub const PSH: u8 = 8;
    /// Acknowledgment field significant.
    pub const ACK: u8 = 16;
    /// Congestion window reduced (RFC 3168).
    pub const CWR: u8 = 128;

    /// Whether a segment with these flags is the first of a connection: a SYN that acknowledges nothing.
    #[must_use]
    pub fn is_initial_syn(flags: u8) -> bool {
        flags & (SYN | ACK) == SYN
    }
}
