//! RFC 5382, as far as a router is meant. Must never know: tests.

use super::clause::{Clause, deviates, met};
use super::rfc4787::NOT_SHARED;

/// In the order of the document.
pub const CLAUSES: &[Clause] = &[
    met("REQ-1", "Endpoint-independent mapping for TCP"),
    met("REQ-2", "All valid sequences of TCP packets pass, whoever starts"),
    met("REQ-2a", "Simultaneous open"),
    met("REQ-3", "Endpoint-independent filtering for TCP, for transparency"),
    met("REQ-3a", "Filtering may be an option of the administrator"),
    met(
        "REQ-4",
        "An unsolicited SYN is not answered within six seconds; behind a mapped address it is forwarded and the host decides",
    ),
    met("REQ-4a", "The router may stay silent by policy"),
    met("REQ-5", "Established connections live for at least 2 h 4 min of silence, opening and closing ones for 4 min"),
    met("REQ-6", "No application-level gateways for TCP"),
    met("REQ-7", "TCP ports are never overloaded"),
    deviates("REQ-8", "Hairpinning for TCP", NOT_SHARED),
    met("REQ-8a", "Hairpinned segments show the sender's outside address and port"),
    met("REQ-9", "Destination unreachable messages are translated"),
    met("REQ-10", "No ICMP message ends a mapping or a connection"),
];
