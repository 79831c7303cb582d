//! RFC 5961, as far as a router is meant. Must never know: tests.

use super::clause::{Clause, met, not_applicable};

/// In the order of the document.
pub const CLAUSES: &[Clause] = &[
    met("§3.2", "A blind RST ends nothing here; whether it resets is the endpoint's decision"),
    met("§4.2", "A SYN inside a connection passes, so that the endpoint can challenge it"),
    met("§5.2", "Blind data pass or die at the endpoint; no state depends on them"),
    not_applicable("§7", "Challenge ACKs are throttled", "the endpoint's business"),
    met("§9.1", "No RST is stored and sent again"),
    met("§9.2", "Sequence numbers are not changed"),
    met("§9.3", "Challenge ACKs pass in every state"),
];
