//! Asks next hops who they are, learns what is said of them, and verifies a MAC that is claimed (claims.rs).
//! Must never know: when a next hop is asked that nobody claims to be (prober.rs).

use super::cells::Learned;
use super::claims::Step;
use super::context::{NeighborContext, Said};
use super::hop::HopId;
use super::{arp, nd};
use crate::types::Mac;
use std::net::IpAddr;

/// Asks who has the address of `hop`: everybody, or the one who is believed to have it.
pub(super) fn ask(place: &mut NeighborContext<'_>, hop: HopId, known: Option<Mac>) {
    place.neighbors.note_question(hop);
    match place.neighbors.address(hop) {
        Some(IpAddr::V4(next_hop)) => arp::send_request(place, next_hop, known),
        Some(IpAddr::V6(next_hop)) => nd::send_solicitation(place, next_hop, known),
        None => {}
    }
}

/// Learns what was said of a next hop. What is a claim is verified from now on.
pub(super) fn learn(place: &mut NeighborContext<'_>, said: Said) {
    for hop in place.neighbors.hops(place.id, said.next_hop) {
        let learned = place.neighbors.learn(hop, said.mac, said.is_answer);
        if learned == Learned::Claimed && place.neighbors.claims.open(hop, said.mac) {
            settle(place, hop);
        }
    }
}

/// Asks whom a claim on one next hop is about, if that is due, and ends it when it is decided. Whether it was refused.
pub(super) fn settle(place: &mut NeighborContext<'_>, hop: HopId) -> bool {
    let neighbors = place.neighbors;
    let known = neighbors.mac_of(hop);
    match neighbors.claims.step(hop, place.now, known) {
        Step::Nothing => {}
        Step::Wait(until) => neighbors.claims.wake(until),
        Step::Ask(claimed, next) => {
            known.into_iter().chain(claimed).for_each(|mac| ask(place, hop, Some(mac)));
            neighbors.claims.wake(next);
        }
        Step::Accept(mac) => neighbors.replace(hop, mac),
        Step::Refuse => return known.is_some(),
    }
    false
}
