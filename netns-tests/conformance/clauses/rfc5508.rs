//! RFC 5508, as far as a router is meant. Must never know: tests.

use super::{Clause, State};

/// In the order of the document.
pub const CLAUSES: &[Clause] = &[Clause {
    rfc: "RFC 5508",
    id: "REQ-4",
    rule: "an error from outside is translated with the packet it quotes",
    state: State::NotYet("its test is being written"),
}];
