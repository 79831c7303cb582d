//! Captures as ports: pcap and pcapng files are read packet by packet, and what the router sends is written down.
//! Nothing here looks at a clock or at the machine, so the same packets make the same file, byte for byte.
//! Must never know: the plane, what the packets mean, which file is which end.

mod read;
mod sink;
mod slot;
mod write;

use crate::types::LinkLayer;

pub use read::{Capture, Fault, Interface, Packet};
pub use sink::{Sink, Tape};
pub use slot::{Loaded, Slot, ip_of};
pub use write::Writer;

/// The link types that a router's ends can have (tcpdump.org link-layer header types).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LinkType {
    /// LINKTYPE_ETHERNET, 1: packets start at the Ethernet header.
    Ethernet,
    /// LINKTYPE_RAW, 101 (12 and 14 in old files), LINKTYPE_IPV4, 228, LINKTYPE_IPV6, 229: they start at the IP header.
    Raw,
    /// LINKTYPE_LINUX_SLL, 113, as tcpdump captures a PPP link: a header of 16 bytes says how each packet went, on what kind of
    /// link, and of what protocol it is.
    Cooked,
    /// Any other.
    Other(u32),
}

impl LinkType {
    /// That of what passes a port on a link with this in front of its packets.
    #[must_use]
    pub fn of(layer: LinkLayer) -> Self {
        match layer {
            LinkLayer::Ethernet => Self::Ethernet,
            LinkLayer::None => Self::Raw,
        }
    }

    /// What stands in front of the packets of a link that is captured so; `None`: it is not known.
    #[must_use]
    pub fn layer(self) -> Option<LinkLayer> {
        match self {
            Self::Ethernet => Some(LinkLayer::Ethernet),
            Self::Raw | Self::Cooked => Some(LinkLayer::None),
            Self::Other(_) => None,
        }
    }

    /// Whether the capture itself says that the machine sent this packet.
    #[must_use]
    pub fn was_sent(self, data: &[u8]) -> bool {
        self == Self::Cooked && data.starts_with(&[0, 4])
    }

    /// Whether the capture itself says that the packet passed an Ethernet, whose header was left out.
    #[must_use]
    pub fn lacks_ethernet(self, data: &[u8]) -> bool {
        self == Self::Cooked && data.get(2..4) == Some(&[0, 1])
    }

    /// From the number in a file. Classic pcap keeps other things in its upper half.
    #[must_use]
    fn from_number(number: u32) -> Self {
        match number & 0xffff {
            1 => Self::Ethernet,
            12 | 14 | 101 | 228 | 229 => Self::Raw,
            113 => Self::Cooked,
            other => Self::Other(other),
        }
    }
}
