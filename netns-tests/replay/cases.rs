//! What goes in and what must come out, packet by packet, both built from scratch.

mod flows;
mod links;
mod prefixes;
mod refusals;

use crate::story::Story;

/// All of them.
pub fn all() -> Vec<Story> {
    vec![
        flows::tcp(),
        flows::mss(),
        flows::udp(),
        flows::echo(),
        flows::protocols(),
        refusals::errors(),
        prefixes::prefix(),
        prefixes::neutral(),
        refusals::hops(),
        refusals::refused(),
        links::vlan(),
        flows::fragments(),
        refusals::sizes(),
        links::links(),
        links::odd(),
    ]
}
