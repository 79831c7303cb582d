//! RFC 6296, as far as a router is meant. Must never know: tests.

use super::{Clause, State};

const fn met(id: &'static str, rule: &'static str) -> Clause {
    Clause { rfc: "RFC 6296", id, rule, state: State::Met }
}

/// In the order of the document.
pub const CLAUSES: &[Clause] = &[
    met(
        "§3.1",
        "the adjustment is the difference of the prefixes' sums; each pair of prefixes is a translator of its own",
    ),
    met("§3.2", "outbound: the source is mapped; a subnet without a mapping is discarded, its sender told unreachable"),
    met("§3.3", "inbound: the destination is mapped; the same for what has no mapping"),
    met("§3.4", "prefixes of /48 and shorter: the subnet word takes the adjustment"),
    met("§3.5", "longer prefixes: the first word of the identifier that is not all ones takes it"),
    met("§3.7", "an identifier of all zeros is not mapped; a parameter problem is sent"),
    met("§4.3", "hairpin: the source is translated, too"),
    met("§5", "stateless: a restart breaks no connection"),
];
