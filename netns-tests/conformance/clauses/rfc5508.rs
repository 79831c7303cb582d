//! RFC 5508, as far as a router is meant. Must never know: tests.

use super::clause::{Clause, deviates, met, not_applicable};
use super::rfc4787::NOT_SHARED;

/// In the order of the document.
pub const CLAUSES: &[Clause] = &[
    met("REQ-1", "ICMP queries from inside and their answers pass"),
    met("REQ-1a", "Identifiers are mapped independently of the remote"),
    met("REQ-2", "An ICMP query session lives for at least 60 s of silence"),
    met("REQ-2a", "The time is configurable"),
    met("REQ-3", "An ICMP error with a wrong checksum is dropped silently"),
    met("REQ-3a", "An ICMP error that quotes an IP header with a wrong checksum is dropped silently"),
    met("REQ-3b", "Options of the quoted IP header are skipped"),
    met("REQ-3c", "The checksum of the quoted transport header is not validated"),
    met("REQ-3d", "Extensions (RFC 4884) are told from the quoted packet and kept"),
    met("REQ-4", "An error from outside without a mapping is dropped, with one it is forwarded"),
    met("REQ-4a", "The quoted IP and transport headers are restored"),
    met("REQ-4b", "Type and code stay"),
    met("REQ-4c", "The destination becomes the inside host"),
    met("REQ-5", "An error from inside without a mapping is dropped, with one it is forwarded"),
    met("REQ-5a", "The quoted IP and transport headers get their outside form"),
    met("REQ-5b", "Type and code stay"),
    met("REQ-5c", "The source is the sender's own outside address; a sender without one speaks as the quoted host"),
    met("REQ-6", "An ICMP error neither refreshes nor deletes a session"),
    deviates("REQ-7", "Hairpinned ICMP queries and errors pass", NOT_SHARED),
    met("REQ-8", "A flow that cannot be established for want of room is answered with code 13"),
    not_applicable(
        "REQ-9",
        "A policy may keep ICMP messages from being generated towards an interface",
        "permission; the rate is settable (`limits.icmp_errors`, 0 is off), not by interface",
    ),
    met("REQ-10a", "Destination unreachable, time exceeded and echo are supported"),
    not_applicable(
        "REQ-10b",
        "Redirect, timestamp, source route, address mask, parameter problem, router discovery may be supported",
        "permission; the kernel speaks for the router's own addresses",
    ),
    met("REQ-10c", "No source quench, no information request or reply is sent"),
    met("REQ-11", "Other ICMP messages are forwarded by their addresses or dropped under a named reason"),
];
