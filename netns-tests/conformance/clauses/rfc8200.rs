//! RFC 8200, as far as a router is meant. Must never know: tests.

use super::{Clause, State};

/// In the order of the document.
pub const CLAUSES: &[Clause] = &[
    Clause {
        rfc: "RFC 8200",
        id: "§4",
        rule: "extension headers are neither inserted, removed nor changed",
        state: State::Met,
    },
    Clause {
        rfc: "RFC 8200",
        id: "§4.5",
        rule: "overlapping fragments are dropped silently by who reassembles",
        state: State::NotApplicable("flowpin does not reassemble"),
    },
];
