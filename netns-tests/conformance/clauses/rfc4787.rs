//! RFC 4787, as far as a router is meant. Must never know: tests.

use super::{Clause, State};

/// In the order of the document.
pub const CLAUSES: &[Clause] = &[Clause {
    rfc: "RFC 4787",
    id: "REQ-1",
    rule: "endpoint-independent mapping",
    state: State::NotYet("its test is being written"),
}];
