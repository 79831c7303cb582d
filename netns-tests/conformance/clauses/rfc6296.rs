//! RFC 6296, as far as a router is meant. Must never know: tests.

use super::{Clause, State};

/// In the order of the document.
pub const CLAUSES: &[Clause] = &[Clause {
    rfc: "RFC 6296",
    id: "§3.1",
    rule: "the adjustment is the difference of the prefixes' sums",
    state: State::NotYet("its test is being written"),
}];
