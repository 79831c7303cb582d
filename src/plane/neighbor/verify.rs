//! Asks next hops who they are, learns what is said of them, and verifies a MAC that is claimed (claims.rs).
//! Must never know: when a next hop is asked that nobody claims to be (prober.rs).

use super::claims::Step;
use super::context::NeighborContext;
use super::hop::HopId;
use super::hosts::{Full, Resolution};
use super::word::{Learned, Said};
use super::{arp, nd};
use crate::types::Mac;
use std::net::IpAddr;

/// Asks who has the address of `hop`: everybody, or the one who is believed to have it.
pub(super) fn ask(place: &mut NeighborContext<'_>, hop: HopId, known: Option<Mac>) {
    place.neighbors.note_question(hop);
    place.neighbors.address(hop).into_iter().for_each(|address| send_question(place, address, known));
}

fn send_question(place: &mut NeighborContext<'_>, address: IpAddr, known: Option<Mac>) {
    match address {
        IpAddr::V4(address) => arp::send_request(place, address, known),
        IpAddr::V6(address) => nd::send_solicitation(place, address, known),
    }
}

/// How a host of the link stands to a packet that `by` sends to it now. One that nobody has sent to is asked for.
///
/// # Errors
/// Too many are silent already.
pub(super) fn resolve(place: &mut NeighborContext<'_>, host: IpAddr, by: IpAddr) -> Result<Resolution, Full> {
    let (now, neighbors) = (place.now, place.neighbors);
    if let Some(resolution) = neighbors.find(now, place.id, host) {
        return Ok(resolution);
    }
    let link = (place.wan.link.came_up, place.wan.link.mac);
    neighbors.hosts.begin(now, (place.id, link), host, by)?;
    send_question(place, host, None);
    Ok(Resolution::Asked)
}

/// Goes on with the hosts of the WAN. How many MACs that were claimed for them were refused.
pub(super) fn go_on(place: &mut NeighborContext<'_>) -> u32 {
    let (questions, refused) = place.neighbors.hosts.step(place.now, place.id);
    questions.into_iter().for_each(|(host, known)| send_question(place, host, known));
    refused
}

/// Learns what was said of a next hop. What is a claim is verified from now on.
pub(super) fn learn(place: &mut NeighborContext<'_>, said: Said) {
    for hop in place.neighbors.hops(place.id, said.next_hop) {
        let learned = place.neighbors.learn(hop, said.mac, said.is_answer);
        if learned == Learned::Claimed && place.neighbors.claims.open(hop, said.mac) {
            settle(place, hop);
        }
    }
    place.neighbors.hosts.learn(place.now, place.id, said);
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
