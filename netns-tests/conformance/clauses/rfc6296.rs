//! RFC 6296, as far as a router is meant. Must never know: tests.

use super::clause::{Clause, met, not_applicable};

/// In the order of the document.
pub const CLAUSES: &[Clause] = &[
    met("§3.1", "Each pair of inside and outside prefix has a translator of its own; the adjustment is computed once"),
    met("§3.2", "Outbound the source prefix is replaced and the adjustment applied"),
    met("§3.2 0xFFFF", "A source in subnet 0xFFFF under a /48 is dropped and its sender told"),
    met("§3.3", "Inbound the destination prefix is replaced and the adjustment undone"),
    met("§3.4", "Prefixes of /48 and shorter adjust word 3 (bits 48 to 63)"),
    met("§3.5", "Longer prefixes adjust the first word of the identifier that is not 0xFFFF"),
    met("§3.6", "The example of a /48 gives the published addresses"),
    met("§3.7", "An all-zero identifier is not mapped; its sender is told"),
    not_applicable(
        "§4.1",
        "Prefixes can be configured, a ULA is generated",
        "the firewall chooses the inside prefix; it is an ordinary setting here",
    ),
    met("§4.2", "The mapping is one to one over all subnets of the prefix"),
    met("§4.3", "Hairpinning, with both addresses translated"),
    met("§5", "No state is needed: inbound works first, a restart breaks nothing"),
    met(
        "§2 neutral",
        "No byte behind the IPv6 header changes, whatever the transport (mode rfc6296; mode prefix updates the checksum instead)",
    ),
    met("§2 errors", "Addresses inside ICMPv6 errors are translated as well"),
];
