//! Asks next hops who they are, learns what is said of them, and verifies a MAC that is claimed (claims.rs).
//! Must never know: when a next hop is asked that nobody claims to be (prober.rs).

use super::cells::Learned;
use super::claims::Step;
use super::context::{NeighborContext, Said};
use super::{arp, nd};
use crate::types::{Family, Mac};
use std::net::IpAddr;

/// Asks who has `next_hop`: everybody, or the one who is believed to have it.
pub(super) fn ask(place: &mut NeighborContext<'_>, next_hop: IpAddr, known: Option<Mac>) {
    place.neighbors.note_question(place.id, Family::of(next_hop));
    match next_hop {
        IpAddr::V4(next_hop) => arp::send_request(place, next_hop, known),
        IpAddr::V6(next_hop) => nd::send_solicitation(place, next_hop, known),
    }
}

/// Learns what was said of a next hop. What is a claim is verified from now on.
pub(super) fn learn(place: &mut NeighborContext<'_>, said: Said) {
    let of = (place.id, Family::of(said.next_hop));
    let learned = place.neighbors.learn(of.0, of.1, said.mac, said.is_answer);
    if learned == Learned::Claimed && place.neighbors.claims.open(of, said.mac) {
        settle(place, said.next_hop);
    }
}

/// Asks whom a claim on one next hop is about, if that is due, and ends it when it is decided. Whether it was refused.
pub(super) fn settle(place: &mut NeighborContext<'_>, next_hop: IpAddr) -> bool {
    let (neighbors, of) = (place.neighbors, (place.id, Family::of(next_hop)));
    let known = neighbors.mac(of.0, of.1);
    match neighbors.claims.step(of, place.now, known) {
        Step::Nothing => {}
        Step::Wait(until) => neighbors.claims.wake(until),
        Step::Ask(claimed, next) => {
            known.into_iter().chain(claimed).for_each(|mac| ask(place, next_hop, Some(mac)));
            neighbors.claims.wake(next);
        }
        Step::Accept(mac) => neighbors.replace(of.0, of.1, mac),
        Step::Refuse => return known.is_some(),
    }
    false
}
