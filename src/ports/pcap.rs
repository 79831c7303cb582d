//! Captures as ports: pcap and pcapng files are read packet by packet, and what the router sends is written down.
//! Nothing here looks at a clock or at the machine, so the same packets make the same file, byte for byte.
//! Must never know: the plane, what the packets mean, which file is which end.

mod read;
mod sink;
mod slot;
mod write;

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
    /// Any other.
    Other(u32),
}

impl LinkType {
    /// From the number in a file. Classic pcap keeps other things in its upper half.
    #[must_use]
    fn from_number(number: u32) -> Self {
        match number & 0xffff {
            1 => Self::Ethernet,
            12 | 14 | 101 | 228 | 229 => Self::Raw,
            other => Self::Other(other),
        }
    }
}
