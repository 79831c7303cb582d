//! RFC 4787, as far as a router is meant. Must never know: tests.

use super::clause::{Clause, deviates, met, not_applicable};

/// Whom nobody inside calls by a public address, nor hears from by it.
pub const NOT_SHARED: &str =
    "to and from hosts with public addresses of their own; not yet to and from those that share one (masquerade)";

/// In the order of the document.
pub const CLAUSES: &[Clause] = &[
    met("REQ-1", "Endpoint-independent mapping: one inside socket, one outside address and port"),
    deviates(
        "REQ-2",
        "Pooling paired: an inside host keeps one outside address",
        "`balance = \"source\"` gives it; the default \"endpoint\" pairs each socket instead, so that one host can use both lines",
    ),
    met("REQ-3", "Ports are never overloaded"),
    deviates(
        "REQ-3a",
        "A port below 1024 stays below 1024, others stay above",
        "1:1 keeps every port; at an address that is shared with the router itself all ports are of a range above, for those below are its services'",
    ),
    met("REQ-4", "Port parity is preserved"),
    met("REQ-5", "A UDP mapping lives for at least two minutes of silence; five are recommended"),
    not_applicable("REQ-5a", "Shorter times for well-known ports", "permission; one time holds for all ports"),
    met("REQ-5b", "The time is configurable"),
    met("REQ-6", "Outbound packets refresh the mapping"),
    met("REQ-6a", "Inbound packets may refresh it too"),
    met("REQ-7", "Outside hosts whose addresses are also used outside of the inside prefixes stay reachable"),
    met("REQ-8", "Endpoint-independent filtering, for transparency"),
    met("REQ-8a", "Filtering may be an option of the administrator"),
    deviates("REQ-9", "Hairpinning", NOT_SHARED),
    met("REQ-9a", "Hairpinned packets show the sender's outside address and port"),
    met("REQ-10", "No application-level gateways"),
    not_applicable("REQ-10a", "Each gateway can be switched", "there is none"),
    met("REQ-11", "Mapping and filtering are deterministic"),
    met("REQ-12", "No ICMP message ends a mapping"),
    met("REQ-12a", "ICMP errors are not filtered by their source address"),
    met("REQ-12b", "Destination unreachable messages are supported"),
    met("REQ-13", "A packet with DF that does not fit is answered with \"fragmentation needed\""),
    met("REQ-13a", "A packet without DF that does not fit is fragmented, its fragments sent in order"),
    met("REQ-14", "Fragments are accepted in and out of order"),
    met("REQ-14a", "Out-of-order fragments cannot exhaust the router"),
];
