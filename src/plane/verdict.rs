//! The verdict on one packet: the only ends that it can have. A drop reason's name is its counter, its row in `status` and
//! its row in a test; its comment says what the sender is told, if anything. What is found of a WAN's probes is in
//! health/hysteresis.rs.
//! Must never know: how counters are stored or shown.

use crate::types::End;

/// What the plane decided about one frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Rewritten in place; to be sent there.
    Forward(End),
    /// Fragmented for there; the fragments are in the outbox.
    Fragmented(End),
    /// Consumed: the plane answered it (ARP, ND, an ICMP error) and the answers are in the outbox, or had asked for it.
    Answered,
    /// Copied aside until its next hop's MAC is known, or the first fragment of its datagram has come.
    Held,
    /// Not addressed to anything that flowpin owns: the kernel's business.
    Kernel,
    /// Dropped, silently or with an ICMP error in the outbox.
    Drop(DropReason),
}

macro_rules! drop_reasons {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// Why a packet was dropped.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(u8)]
        pub enum DropReason { $($(#[$doc])* $name,)* }

        impl DropReason {
            /// Every reason, in the order of its discriminant.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name in counters, tables and JSON.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

drop_reasons! {
    /// Shorter than its headers say, or than any packet can be.
    Truncated = "truncated",
    /// IP version, header length or total length impossible (RFC 1812 §5.2.2; RFC 8200 §3).
    BadIpHeader = "bad-ip-header",
    /// IPv4 header checksum wrong (RFC 1812 §5.2.2).
    BadIpChecksum = "bad-ip-checksum",
    /// Transport header cut short or self-contradicting.
    BadTransportHeader = "bad-transport-header",
    /// Checksum of an ICMP error, or of the header it quotes, wrong (RFC 5508 REQ-3).
    BadIcmpChecksum = "bad-icmp-checksum",
    /// Offload metadata that does not fit the packet.
    BadOffload = "bad-offload",
    /// IPv6 extension header chain too long, cut, or with routing header type 0 (RFC 5095).
    BadExtensionHeader = "bad-extension-header",
    /// 802.1Q tag missing, or not this WAN's.
    WrongVlan = "wrong-vlan",
    /// Unicast frame for another station, or a link-layer group frame carrying unicast IP (RFC 1812 §5.3.4).
    WrongMac = "wrong-mac",
    /// Source that no packet may carry here (RFC 1812 §5.3.7, RFC 6092 REC-1).
    MartianSource = "martian-source",
    /// Destination that cannot be forwarded: loopback, link-local, multicast, broadcast, unspecified.
    MartianDestination = "martian-destination",
    /// From inside with a source outside the inside prefixes (BCP 38).
    ForeignSource = "foreign-source",
    /// From a WAN with an inside or own source (RFC 6092 REC-6).
    SpoofedSource = "spoofed-source",
    /// To a public address that stands for an address of this machine: no inside host has it, and the router's own sockets
    /// are not reached through a translation.
    RouterAddress = "router-address",
    /// From inside to an inside prefix; the firewall's own business.
    InsideToInside = "inside-to-inside",
    /// TTL or hop limit used up; time exceeded was sent (RFC 1812 §5.3.1, RFC 4443 §3.3).
    TtlExpired = "ttl-expired",
    /// Larger than the next link, may not be fragmented; the sender was told.
    TooBig = "too-big",
    /// A fragment that no datagram can be made of: empty, not a multiple of 8 bytes though more follow, or ending beyond
    /// 65535; or an IPv6 first fragment without all its headers. Parameter problem was sent for IPv6 (RFC 8200 §4.5).
    BadFragment = "bad-fragment",
    /// A fragment whose first did not come in time, so that its pin is unknown; or there was no room to wait for it.
    UnknownFragment = "unknown-fragment",
    /// No WAN can translate this source; destination unreachable was sent.
    NoWan = "no-wan",
    /// The WANs that can translate this source are all down; destination unreachable was sent.
    AllWansDown = "all-wans-down",
    /// The WAN of this flow is down, and the flow may not go by another; host unreachable was sent. From that WAN, nothing
    /// was: no answer could leave.
    WanDown = "wan-down",
    /// The public address of this flow is not its WAN's any more, and the flow may not take another; host unreachable was
    /// sent.
    AddressGone = "address-gone",
    /// Of a flow that was ended because its WAN is down, its public address gone, or a better WAN back, and settings say so;
    /// a RST was sent to the inside host, or if it is not TCP "administratively prohibited".
    Reset = "reset",
    /// NPTv6 finds no word of this address to adjust (RFC 6296 §3.2, §3.5); destination unreachable was sent.
    Unmappable = "unmappable",
    /// NPTv6 must not map an all-zero interface identifier (RFC 6296 §3.7); parameter problem was sent.
    UnmappableIdentifier = "unmappable-identifier",
    /// The table is full, and a new flow from a WAN would be answered by another exit than it came in on, or one from inside
    /// needs a public port; administratively prohibited was sent.
    TableFull = "table-full",
    /// The WANs that would take a new flow from inside have no public port left for it, or its host has as many as it may;
    /// administratively prohibited was sent (RFC 5508 REQ-8).
    PortsExhausted = "ports-exhausted",
    /// From a WAN to a port of a shared address that no inside host has.
    NoMapping = "no-mapping",
    /// From a WAN to a port that an inside host has at a shared address, by a remote that it has not spoken to, as far as
    /// `filtering` asks for that (RFC 4787 REQ-8, RFC 5382 REQ-3).
    Filtered = "filtered",
    /// An ICMP error whose quoted packet belongs to nothing that flowpin translates, or contradicts its outer header.
    StrayIcmpError = "stray-icmp-error",
    /// The next hop's MAC did not resolve, or there is no next hop; host unreachable was sent.
    NoNeighbor = "no-neighbor",
    /// More packets waiting for a next hop than may be held, or more hosts of a link that do not answer than may be asked.
    HoldFull = "hold-full",
    /// No room for the link header in front of the packet.
    NoHeadroom = "no-headroom",
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_reason_has_a_name_of_its_own() {
        let names: HashSet<_> = DropReason::ALL.iter().map(|reason| reason.name()).collect();
        assert_eq!(names.len(), DropReason::ALL.len());
        for (index, reason) in DropReason::ALL.iter().enumerate() {
            assert_eq!(*reason as usize, index);
        }
    }
}
