//! RFC 4443, as far as a router is meant. Must never know: tests.

use super::{Clause, State};

/// In the order of the document.
pub const CLAUSES: &[Clause] = &[Clause {
    rfc: "RFC 4443",
    id: "§2.4(f)",
    rule: "errors are limited in rate",
    state: State::NotYet("its test is being written"),
}];
