//! RFC 7857, as far as a router is meant. Must never know: tests.

use super::{Clause, State};

/// In the order of the document.
pub const CLAUSES: &[Clause] = &[Clause {
    rfc: "RFC 7857",
    id: "§7",
    rule: "inbound packets dropped by policy do not refresh a mapping",
    state: State::NotYet("its test is being written"),
}];
