//! RFC 5961, as far as a router is meant. Must never know: tests.

use super::{Clause, State};

/// In the order of the document.
pub const CLAUSES: &[Clause] = &[Clause {
    rfc: "RFC 5961",
    id: "§3.2",
    rule: "only an exact sequence number resets",
    state: State::NotYet("its test is being written"),
}];
