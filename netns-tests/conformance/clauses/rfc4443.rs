//! RFC 4443, as far as a router is meant. Must never know: tests.

use super::clause::{Clause, met};

/// In the order of the document.
pub const CLAUSES: &[Clause] = &[
    met("§2.1", "Messages of unknown type pass"),
    met("§2.2", "An error's source is a unicast address of the router"),
    met("§2.3", "Checksums are right"),
    met("§2.4 c", "An error quotes as much as fits into 1280 bytes"),
    met("§2.4 e1", "No error about an ICMPv6 error"),
    met("§2.4 e2", "No error about a redirect"),
    met("§2.4 e3", "No error about a multicast, but for packet too big and parameter problem"),
    met("§2.4 e4", "No error about a link-layer multicast or broadcast, with the same exceptions"),
    met("§2.4 e6", "No error to a source that is no single node"),
    met("§2.4 f", "The rate of errors is limited by a token bucket"),
    met("§3.1 0", "No route is told with code 0"),
    met("§3.1 1", "Administratively prohibited is told with code 1"),
    met("§3.1 3", "An unreachable next hop is told with code 3"),
    met("§3.2", "Packet too big carries the MTU of the next link and passes translated"),
    met("§3.3", "Time exceeded with code 0, never forwarded with hop limit 0"),
    met("§3.4", "Parameter problem points at what is wrong"),
    met("§4.1", "Echo to the router's own addresses is answered once"),
    met("§4.2", "Echo replies pass"),
    met("§5.1", "Addresses inside and outside of the message are translated together"),
];
