//! RFC 7857, as far as a router is meant. Must never know: tests.

use super::clause::{Clause, met, not_applicable, not_yet};

/// In the order of the document.
pub const CLAUSES: &[Clause] = &[
    met("§2.1", "Times of opening and of closing connections are configured separately, four minutes by default"),
    met("§2.2", "A RST that matches a mapping is translated, and the state stays for four minutes of silence"),
    met("§2.3", "Partially open and half closed connections follow figure 1"),
    not_applicable(
        "§3",
        "Port overlapping only when the destinations differ",
        "permission; no two inside ends share a port",
    ),
    not_yet(
        "§4",
        "With paired pooling a host whose outside address has no port left gets no other address",
        "comes with pools of addresses; a line has one so far",
    ),
    met("§5", "Mappings depend on the protocol"),
    met("§6", "Filters depend on the protocol"),
    met("§7", "Inbound packets that policy drops do not refresh a mapping"),
    met("§7.1", "ICMP errors and RST in answer to inbound packets do not refresh a mapping"),
    not_applicable(
        "§8",
        "Port parity may be given up",
        "permission; a port of the same parity is taken where one is found soon",
    ),
    met("§9", "Ports are chosen at random"),
    met("§10", "The IPv4 identification stays unique for each source, destination and protocol (RFC 6864)"),
    met("§11", "The ICMP query time is its own, 60 s or more"),
    met("§12", "Hairpinned ICMP queries pass"),
];
