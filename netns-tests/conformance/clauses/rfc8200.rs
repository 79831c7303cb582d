//! RFC 8200, as far as a router is meant. Must never know: tests.

use super::clause::{Clause, met, not_applicable};

/// In the order of the document.
pub const CLAUSES: &[Clause] = &[
    met("§4", "Extension headers are neither inserted, removed nor changed"),
    met("§4.5 routers", "A router never fragments an IPv6 packet"),
    met("§4.5 order", "Fragments pass in any order"),
    met(
        "§4.5 zero",
        "A fragment that is not the last and no multiple of 8 bytes long is discarded; parameter problem code 0 points at the payload length",
    ),
    met("§4.5 long", "A fragment that would reach beyond 65 535 bytes is discarded"),
    met(
        "§4.5 chain",
        "A first fragment without the whole header chain is discarded; parameter problem code 3 (RFC 7112)",
    ),
    not_applicable(
        "§4.5 overlap",
        "Overlapping fragments are discarded with their datagram",
        "done by whoever reassembles: this router passes fragments",
    ),
    not_applicable("§4.5 60 s", "Reassembly ends after 60 seconds", "done by whoever reassembles"),
    met("§4.5 atomic", "An atomic fragment is a packet of its own (RFC 6946)"),
    met("§4.5 next", "Later fragments may differ in next header; only the first counts"),
];
