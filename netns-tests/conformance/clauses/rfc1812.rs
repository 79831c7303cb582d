//! RFC 1812, as far as a router is meant. Must never know: tests.

use super::{Clause, State};

/// In the order of the document.
pub const CLAUSES: &[Clause] = &[Clause {
    rfc: "RFC 1812",
    id: "§5.2.2",
    rule: "the five tests of an IPv4 header; what fails is dropped silently",
    state: State::Met,
}];
