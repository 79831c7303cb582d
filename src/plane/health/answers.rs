//! What comes back to a probe, whatever address it came to: an answer, or an ICMP error that quotes the question.
//! Must never know: how often a probe is asked.

use super::Health;
use super::asked::{Asked, Handled, key, neighbor_key};
use crate::plane::neighbor::{self, Neighbors, link_header};
use crate::plane::outbox::Outbox;
use crate::plane::packet::checksum;
use crate::plane::packet::headers::{Fragment, Headers, Transport};
use crate::plane::packet::numbers::{ethertype, protocol};
use crate::plane::policy::Wan;
use crate::plane::translate::inner;
use crate::types::{End, Family, Frame, Tick, WanId};

/// Where and when a packet arrived, and what is known there.
#[derive(Clone, Copy, Debug)]
pub struct ProbeContext<'a> {
    /// The time.
    pub now: Tick,
    /// The WAN.
    pub id: WanId,
    /// Its settings.
    pub wan: &'a Wan,
    /// The questions.
    pub health: &'a Health,
    /// The next hops.
    pub neighbors: &'a Neighbors,
}

/// Whether a packet is about a probe of its WAN, and has been taken note of. What is to be said back is in the outbox.
#[must_use]
pub fn handle(place: ProbeContext<'_>, headers: &Headers, frame: &Frame<'_>, outbox: &mut Outbox) -> bool {
    if !place.health.is_probed(place.id) {
        return false;
    }
    let own = match headers.transport {
        Transport::Error => return handle_error(place, headers, frame),
        Transport::Tcp { destination, .. } | Transport::Udp { destination, .. } => destination,
        Transport::Query { id, request: false } => id,
        _ => return false,
    };
    let key = key(headers.protocol, own);
    let mut is_right = None;
    place.health.with_key(place.id, key).any(|probe| {
        *is_right.get_or_insert_with(|| is_whole_and_right(headers, frame))
            && handle_by(
                place,
                probe,
                |asked| asked.handle(place.now, headers, frame),
                |asked, segment| {
                    send_segment(place, asked, segment, outbox);
                },
            )
    })
}

/// The next hop of one family has said something on its link.
pub fn on_neighbor_answer(health: &Health, now: Tick, id: WanId, family: Family) {
    for probe in health.with_key(id, neighbor_key(family)) {
        let Some(mut slot) = health.asked(id, probe) else { continue };
        if let Some(asked) = slot.as_mut().filter(|asked| asked.end.is_none()) {
            let outcome = asked.handle_neighbor(now);
            asked.end = Some(outcome);
            health.report((id, probe), asked.epoch, now, outcome);
        }
    }
}

/// Gives a packet to one probe by `handle`. Whether it was about it.
fn handle_by(
    place: ProbeContext<'_>,
    probe: u16,
    handle: impl FnOnce(&mut Asked) -> Handled,
    say: impl FnOnce(&Asked, super::tcp::Segment),
) -> bool {
    let Some(mut slot) = place.health.asked(place.id, probe) else { return false };
    let Some(asked) = slot.as_mut() else { return false };
    let Handled::Ours(segment, outcome) = handle(asked) else { return false };
    if let Some(segment) = segment {
        say(asked, segment);
    }
    if let Some(outcome) = outcome.filter(|_| asked.end.is_none()) {
        asked.end = Some(outcome);
        place.health.report((place.id, probe), asked.epoch, place.now, outcome);
    }
    true
}

/// Sends a segment of the connection that a probe made.
pub(super) fn send_segment(place: ProbeContext<'_>, asked: &Asked, segment: super::tcp::Segment, outbox: &mut Outbox) {
    let (family, target) = (asked.family(), asked.target());
    if let Some(mac) = neighbor::towards(place.now, (place.id, place.wan), (family, target), place.neighbors, outbox) {
        let link = link_header(place.wan, mac, ethertype::of(family));
        outbox.push(End::Wan(place.id), &link, |out| asked.write_segment(out, segment));
    }
}

/// Errors that say that a packet did not arrive (RFC 792, RFC 4443 §3); others that quote a probe are taken and forgotten.
fn handle_error(place: ProbeContext<'_>, headers: &Headers, frame: &Frame<'_>) -> bool {
    let Ok(quote) = inner::quote(frame.packet(), headers, &frame.offload) else { return false };
    let quoted = quote.headers;
    let own = match quoted.transport {
        Transport::Tcp { source, .. } | Transport::Udp { source, .. } => source,
        Transport::Query { id, request: true } => id,
        _ => return false,
    };
    let kind = frame.packet().get(usize::from(headers.l4)..).and_then(<[u8]>::first_chunk).copied().unwrap_or([0, 0]);
    let is_refusal = match (headers.is_v4(), kind) {
        (true, [3, code]) => code != 4,
        (true, [11, 0]) | (false, [1, _] | [3, 0]) => true,
        _ => false,
    };
    let rest = frame.packet().get(usize::from(quote.at) + usize::from(quoted.l4)..).unwrap_or_default();
    let probes = place.health.with_key(place.id, key(quoted.protocol, own));
    probes
        .into_iter()
        .any(|probe| handle_by(place, probe, |asked| asked.handle_error(&quoted, rest, is_refusal), |_, _| {}))
}

/// No fragment, and its transport checksum is right; one that the kernel still owes is.
fn is_whole_and_right(headers: &Headers, frame: &Frame<'_>) -> bool {
    if headers.fragment != Fragment::Whole {
        return false;
    }
    if frame.offload.partial.is_some() || frame.offload.gso.is_some() {
        return true;
    }
    let Some(rest) = frame.packet().get(usize::from(headers.l4)..headers.len as usize) else { return false };
    let family = headers.family();
    if headers.protocol == protocol::UDP && family.is_v4() && rest.get(6..8) == Some(&[0, 0]) {
        return true;
    }
    let pseudo = match (headers.protocol, u32::try_from(rest.len())) {
        (protocol::ICMP, _) => 0,
        (protocol, Ok(len)) => checksum::pseudo(headers.source, headers.destination, protocol, len),
        _ => return false,
    };
    checksum::add(checksum::sum(rest), pseudo) == 0xffff
}
