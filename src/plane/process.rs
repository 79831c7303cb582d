//! `Plane::process`: the whole way of a packet, outbound and inbound as mirror images.
//! parse, flow, mtu, translate, link; the flow's pin says which WAN. Must never know: ports, clocks, settings.

use crate::plane::choose::address;
use crate::plane::choose::address::Mapped;
use crate::plane::choose::exit;
use crate::plane::choose::exit::{Arrival, Course};
use crate::plane::counters::Event;
use crate::plane::lease::Exit;
use crate::plane::neighbor;
use crate::plane::neighbor::Answer;
use crate::plane::outbox::Outbox;
use crate::plane::packet::headers::{Headers, Transport};
use crate::plane::packet::numbers::protocol;
use crate::plane::packet::parse::parse;
use crate::plane::pass::admit;
use crate::plane::pass::admit::Link;
use crate::plane::pass::errors;
use crate::plane::pass::fit::fits;
use crate::plane::pass::hairpin;
use crate::plane::pass::hairpin::Turn;
use crate::plane::pass::send::has_hops;
use crate::plane::policy::{Policy, Wan};
use crate::plane::state::{Core, Plane};
use crate::plane::tell::respond::{Back, Refusal};
use crate::plane::translate::nptv6::Unmappable;
use crate::plane::translate::rewrite;
use crate::plane::verdict::{DropReason, Verdict};
use crate::types::{Direction, Disposition, End, Frame, Standing, Tick, WanId};

impl Plane {
    /// Decides about one frame from `from`, rewrites it in place and sets where it ends.
    pub fn process(&mut self, now: Tick, from: End, frame: &mut Frame<'_>, outbox: &mut Outbox) -> Verdict {
        let (direction, decided) = match from {
            End::Inside => (Direction::Outbound, self.core.outbound(&self.policy, now, frame, outbox)),
            End::Wan(id) => (Direction::Inbound, self.core.inbound(&self.policy, now, id, frame, outbox)),
        };
        let verdict = decided.unwrap_or_else(Verdict::Drop);
        frame.disposition = match verdict {
            Verdict::Forward(end) => Disposition::Send(end),
            _ => Disposition::Done,
        };
        self.core.count(direction, verdict);
        if !self.core.followers.is_empty() {
            self.core.follow(&self.policy, now, outbox);
        }
        verdict
    }
}

impl Core {
    pub(super) fn count(&self, direction: Direction, verdict: Verdict) {
        match verdict {
            Verdict::Forward(_) | Verdict::Cut(_) => {}
            Verdict::Answered => self.counters.event(Event::Answered),
            Verdict::Held => self.counters.event(Event::Held),
            Verdict::Kernel => self.counters.event(Event::Kernel),
            Verdict::Drop(reason) => self.counters.count_drop(direction, reason),
        }
    }

    pub(super) fn outbound(
        &mut self,
        policy: &Policy,
        now: Tick,
        frame: &mut Frame<'_>,
        outbox: &mut Outbox,
    ) -> Result<Verdict, DropReason> {
        let mut headers = match parse(frame.packet(), &frame.offload) {
            Ok(headers) => headers,
            Err(reason) => return Err(self.refuse_malformed(policy, now, End::Inside, reason, frame, outbox)),
        };
        frame.truncate(headers.len as usize);
        if headers.transport == Transport::Error {
            return self.outbound_error(policy, now, headers, frame, outbox);
        }
        let (id, wan, mapped) = match self.judge_outbound(policy, now, &headers, frame) {
            Ok(Way::Out(id, wan, mapped)) => (id, wan, mapped),
            Ok(Way::Round(turn)) => return self.turn_round(policy, headers, turn, frame, outbox),
            Ok(Way::Wait) => return Ok(Verdict::Held),
            Err(_) if admit::is_of_the_link(&headers, policy) => return Ok(Verdict::Kernel),
            Err(refusal) => {
                if refusal.reason == DropReason::Reset {
                    let _ = self.hang_up(policy, now, &headers, frame, outbox);
                }
                return Err(self.refuse(now, refusal, Back::inside(policy), &headers, frame, outbox));
            }
        };
        self.clamp_through(policy, now, (id, wan), &headers, frame);
        let hop = self.next_hop(id, headers.family(), frame);
        let offload = frame.offload;
        rewrite::source(frame.packet_mut(), &mut headers, mapped.address, &offload, mapped.neutral);
        self.leave(now, (id, wan), headers, &hop, frame, outbox)
    }

    fn inbound(
        &mut self,
        policy: &Policy,
        now: Tick,
        id: WanId,
        frame: &mut Frame<'_>,
        outbox: &mut Outbox,
    ) -> Result<Verdict, DropReason> {
        let wan = policy.wan(id).ok_or(DropReason::NoWan)?;
        let link = admit::link(frame, wan)?;
        match link {
            Link::Foreign => return Ok(Verdict::Kernel),
            Link::Arp => return self.neighbor_frame(policy, now, id, frame, outbox),
            Link::Unicast | Link::Group => {}
        }
        let headers = match parse(frame.packet(), &frame.offload) {
            Ok(headers) => headers,
            Err(reason) if link == Link::Group => return Err(reason),
            Err(reason) => return Err(self.refuse_malformed(policy, now, End::Wan(id), reason, frame, outbox)),
        };
        frame.truncate(headers.len as usize);
        if is_neighbor_discovery(&headers) {
            return self.neighbor_frame(policy, now, id, frame, outbox);
        }
        if link == Link::Unicast && self.hear(now, (id, wan), &headers, frame, outbox) {
            return Ok(if wan.owns(headers.destination) { Verdict::Answered } else { Verdict::Kernel });
        }
        let mapped = match receiver(policy, wan, &headers, link) {
            Ok(Some(mapped)) => mapped,
            Ok(None) => return Ok(Verdict::Kernel),
            Err(reason) => {
                let back = Back::wan(id, wan, &headers, frame);
                return Err(self.refuse(now, reason.into(), back, &headers, frame, outbox));
            }
        };
        if wan.standing(headers.family()) == Standing::HardDown {
            return Err(DropReason::WanDown);
        }
        if headers.transport == Transport::Error {
            self.inbound_error(policy, now, id, &headers, mapped, frame)?;
            return self.go_inside(policy, headers, mapped, Some(id), frame, outbox);
        }
        match self.judge_inbound(policy, now, id, &headers, mapped, frame) {
            Ok(Arrival::Known) => {}
            Ok(Arrival::Ended) => _ = self.hang_up_inbound((id, wan), &headers, frame, outbox),
            Err(refusal) => {
                let back = Back::wan(id, wan, &headers, frame);
                return Err(self.refuse(now, refusal, back, &headers, frame, outbox));
            }
        }
        self.clamp_through(policy, now, (id, wan), &headers, frame);
        self.go_inside(policy, headers, mapped, Some(id), frame, outbox)
    }

    /// The way of a packet from inside, and what becomes of its addresses.
    fn judge_outbound<'p>(
        &mut self,
        policy: &'p Policy,
        now: Tick,
        headers: &Headers,
        frame: &Frame<'_>,
    ) -> Result<Way<'p>, Refusal> {
        if let Err(expired) = has_hops(headers, 0) {
            admit::outbound(headers, policy)?;
            return Err(expired);
        }
        let Exit { wan: id, lease } = match self.pin_outbound(policy, now, headers, frame)? {
            Course::Out(exit) => exit,
            Course::Round(owner) => return hairpin::judge(policy, owner, headers, frame).map(Way::Round),
            Course::Wait => return Ok(Way::Wait),
        };
        let wan = policy.wan(id).ok_or(DropReason::NoWan)?;
        if wan.standing(headers.family()) == Standing::HardDown {
            return Err(DropReason::WanDown.into());
        }
        let mapped = address::public_under(wan, headers.source, lease).map_err(|why| exit::reason_under(lease, why))?;
        fits(headers, frame, self.mtu(id, wan, headers.family()))?;
        Ok(Way::Out(id, wan, mapped))
    }

    /// Whether an inbound packet for the inside host `mapped` may pass; pins its flow to where it came in. What is
    /// refused keeps no flow alive (RFC 7857 §7).
    fn judge_inbound(
        &mut self,
        policy: &Policy,
        now: Tick,
        id: WanId,
        headers: &Headers,
        mapped: Mapped,
        frame: &Frame<'_>,
    ) -> Result<Arrival, Refusal> {
        let passes = has_hops(headers, policy.inside.hops).and_then(|()| fits(headers, frame, policy.inside.mtu));
        if let Err(refusal) = passes {
            admit::inbound(headers, policy)?;
            return Err(refusal);
        }
        Ok(self.pin_inbound(policy, now, id, headers, mapped, frame)?)
    }

    fn outbound_error(
        &mut self,
        policy: &Policy,
        now: Tick,
        mut headers: Headers,
        frame: &mut Frame<'_>,
        outbox: &mut Outbox,
    ) -> Result<Verdict, DropReason> {
        if let Some(owner) = admit::outbound(&headers, policy)? {
            return self.turn_error_round(policy, owner, headers, frame, outbox);
        }
        let error = errors::outbound(policy, &self.shared.table, now, &headers, frame)?;
        let wan = policy.wan(error.wan).ok_or(DropReason::StrayIcmpError)?;
        if wan.standing(headers.family()) == Standing::HardDown {
            return Err(DropReason::WanDown);
        }
        has_hops(&headers, 0)
            .and_then(|()| fits(&headers, frame, self.mtu(error.wan, wan, headers.family())))
            .map_err(|refusal| refusal.reason)?;
        let hop = self.next_hop(error.wan, headers.family(), frame);
        errors::rewrite_outbound(error, &mut headers, frame);
        self.leave(now, (error.wan, wan), headers, &hop, frame, outbox)
    }

    /// Whether an error from outside may pass; restores the packet that it quotes, and learns from it.
    fn inbound_error(
        &mut self,
        policy: &Policy,
        now: Tick,
        id: WanId,
        headers: &Headers,
        mapped: Mapped,
        frame: &mut Frame<'_>,
    ) -> Result<(), DropReason> {
        admit::inbound(headers, policy)?;
        let hops = policy.inside.hops;
        has_hops(headers, hops)
            .and_then(|()| fits(headers, frame, policy.inside.mtu))
            .map_err(|refusal| refusal.reason)?;
        let quoted = errors::rewrite_inbound(headers, mapped, frame)?;
        self.remember(policy, now, id, headers, &quoted, frame);
        Ok(())
    }

    fn neighbor_frame(
        &mut self,
        policy: &Policy,
        now: Tick,
        id: WanId,
        frame: &Frame<'_>,
        outbox: &mut Outbox,
    ) -> Result<Verdict, DropReason> {
        let answer = neighbor::answer(frame, policy, id, &self.shared.neighbors, outbox);
        self.hear_neighbors(now, id);
        self.release_held(policy, now, outbox);
        match answer {
            Answer::Answered => Ok(Verdict::Answered),
            Answer::Kernel => Ok(Verdict::Kernel),
            Answer::Drop(reason) => Err(reason),
        }
    }
}

/// The way of a packet from inside that nothing stops.
enum Way<'p> {
    /// Out of a WAN, with this source.
    Out(WanId, &'p Wan, Mapped),
    /// Back inside.
    Round(Turn),
    /// It waits for the first fragment of its datagram.
    Wait,
}

/// The inside host that a packet from `wan` is for; `None` when it is not flowpin's.
fn receiver(policy: &Policy, wan: &Wan, headers: &Headers, link: Link) -> Result<Option<Mapped>, DropReason> {
    match address::inside(wan, headers.destination) {
        Err(Unmappable::NotOurs) => Ok(None),
        Ok(mapped) if admit::is_for_dhcp_client(headers, mapped.lease) => Ok(None),
        _ if link == Link::Group => Err(DropReason::WrongMac),
        Ok(mapped) => Ok(Some(mapped)),
        Err(unmappable) => admit::inbound(headers, policy).and(Err(exit::reason(unmappable))),
    }
}

/// Neighbour solicitation and advertisement (RFC 4861 §4.3, §4.4).
fn is_neighbor_discovery(headers: &Headers) -> bool {
    headers.protocol == protocol::ICMPV6 && matches!(headers.transport, Transport::OtherIcmp(135 | 136))
}

#[cfg(test)]
mod tests;
