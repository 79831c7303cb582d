//! Which WAN a packet's flow is pinned to: the flow table's word, or a new choice. Must never know: bytes of packets.

use super::address;
use super::admit;
use super::counters::Event;
use super::failover;
use super::flow::key::FlowKey;
use super::flow::table::{Pin, Seen, Segment};
use super::fragment::pins::Datagram;
use super::packet::{Fragment, Headers, Transport, tcp_flag};
use super::policy::Policy;
use super::state::Core;
use super::steer;
use super::translate::nptv6::Unmappable;
use super::verdict::DropReason;
use crate::types::{Direction, Frame, Tick, WanId};
use std::net::IpAddr;

/// The drop reason of an address that has no other side.
pub(super) fn reason(unmappable: Unmappable) -> DropReason {
    match unmappable {
        Unmappable::NotOurs => DropReason::NoWan,
        Unmappable::NoWord => DropReason::Unmappable,
        Unmappable::ZeroIdentifier => DropReason::UnmappableIdentifier,
    }
}

/// Where a packet from inside goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Course {
    /// Out of this WAN.
    Out(WanId),
    /// Back inside: a public address of this WAN is its destination.
    Round(WanId),
    /// Nowhere yet: a fragment whose first has not come.
    Wait,
}

impl Core {
    /// The course of an outbound packet. A known flow was admitted when it was made; others are admitted here.
    pub(super) fn pin_outbound(
        &mut self,
        policy: &Policy,
        now: Tick,
        headers: &Headers,
        frame: &Frame<'_>,
    ) -> Result<Course, DropReason> {
        if let Fragment::Later(id) = headers.fragment {
            return Ok(match admit::outbound(headers, policy)? {
                Some(owner) => Course::Round(owner),
                None => self.pin_later(now, Datagram::new(headers, id), frame).map_or(Course::Wait, Course::Out),
            });
        }
        let key = FlowKey::new(headers, Direction::Outbound, headers.source);
        let seen = seen(headers, frame, Direction::Outbound, now);
        let known = self.shared.table.touch(&key, policy.epoch, &seen, &policy.timeouts);
        let id = match known {
            Some(pin) if pin.epoch == policy.epoch => pin.wan,
            known => match admit::outbound(headers, policy)? {
                Some(owner) => return Ok(Course::Round(owner)),
                None => self.prove_outbound(policy, headers, &key, &seen, known)?,
            },
        };
        if let Fragment::First(fragment) = headers.fragment {
            self.followers = self.shared.fragments.remember(Datagram::new(headers, fragment), id, now);
        }
        Ok(Course::Out(id))
    }

    /// The WAN of a new flow, or of one pinned under another snapshot: the old WAN if it still translates the source and
    /// its standing allows.
    fn prove_outbound(
        &mut self,
        policy: &Policy,
        headers: &Headers,
        key: &FlowKey,
        seen: &Seen,
        known: Option<Pin>,
    ) -> Result<WanId, DropReason> {
        let translates = |id| policy.wan(id).is_some_and(|wan| address::public(wan, headers.source).is_ok());
        let other = || steer::choose(policy, key, translates).ok_or_else(|| why_none(policy, headers.source));
        let Some(pin) = known else { return self.insert(policy, headers, key, other()?, seen) };
        let course = if translates(pin.wan) {
            failover::outbound(policy, headers, key, &pin)
        } else {
            failover::Course::Moves { may_stay: false }
        };
        let id = match course {
            failover::Course::Stays => pin.wan,
            failover::Course::Moves { may_stay: true } => other().unwrap_or(pin.wan),
            failover::Course::Moves { may_stay: false } => other()?,
            failover::Course::BeginsAnew => return self.insert(policy, headers, key, other()?, seen),
            failover::Course::Passes => return Ok(pin.wan),
            failover::Course::Refused(reason) => return Err(reason),
            failover::Course::Ends => {
                self.shared.table.cut(key, seen.now, &policy.timeouts);
                self.counters.event(Event::Reset);
                return Err(DropReason::Reset);
            }
        };
        if id != pin.wan {
            self.counters.event(Event::Moved);
        }
        self.shared.table.repin(key, id, policy.epoch);
        let _ = self.shared.table.touch(key, policy.epoch, seen, &policy.timeouts);
        Ok(id)
    }

    /// Pins the flow of an inbound packet to the WAN it came in on, unless it has a pin that stays.
    pub(super) fn pin_inbound(
        &mut self,
        policy: &Policy,
        now: Tick,
        id: WanId,
        headers: &Headers,
        inside: IpAddr,
        frame: &Frame<'_>,
    ) -> Result<(), DropReason> {
        if matches!(headers.fragment, Fragment::Later(_)) {
            return admit::inbound(headers, policy);
        }
        let key = FlowKey::new(headers, Direction::Inbound, inside);
        let seen = seen(headers, frame, Direction::Inbound, now);
        match self.shared.table.touch(&key, policy.epoch, &seen, &policy.timeouts) {
            Some(pin) if pin.wan == id && pin.epoch == policy.epoch => Ok(()),
            Some(pin) if pin.is_cut() => {
                admit::inbound(headers, policy)?;
                if is_request(headers) {
                    self.insert(policy, headers, &key, id, &seen)?;
                }
                Ok(())
            }
            Some(pin) => {
                admit::inbound(headers, policy)?;
                let stale = pin.epoch != policy.epoch;
                let again = || self.shared.table.touch(&key, pin.epoch, &seen, &policy.timeouts);
                let pin = if stale { again().unwrap_or(pin) } else { pin };
                if pin.wan != id && pin.follows_arrival && is_request(headers) {
                    self.shared.table.repin(&key, id, policy.epoch);
                }
                Ok(())
            }
            None => {
                admit::inbound(headers, policy)?;
                self.insert(policy, headers, &key, id, &seen).map(|_| ())
            }
        }
    }

    /// Makes the flow, unless the packet only ends one that is unknown: a RST needs no state to pass.
    fn insert(
        &mut self,
        policy: &Policy,
        headers: &Headers,
        key: &FlowKey,
        id: WanId,
        seen: &Seen,
    ) -> Result<WanId, DropReason> {
        if matches!(headers.transport, Transport::Tcp { flags, .. } if flags & tcp_flag::RST != 0) {
            return Ok(id);
        }
        let made = self.shared.table.insert(*key, id, policy.epoch, seen, &policy.timeouts);
        let pin = made.map_err(|_| DropReason::TableFull)?;
        if pin.fresh {
            self.wheel.schedule(*key, pin.expires);
        }
        Ok(pin.wan)
    }
}

/// Whether a packet may ask for an answer: of TCP only a SYN does, of ICMP queries only the request.
fn is_request(headers: &Headers) -> bool {
    match headers.transport {
        Transport::Tcp { flags, .. } => flags & (tcp_flag::SYN | tcp_flag::ACK) == tcp_flag::SYN,
        Transport::Query { request, .. } => request,
        _ => true,
    }
}

fn seen(headers: &Headers, frame: &Frame<'_>, direction: Direction, now: Tick) -> Seen {
    let (packets, bytes) = headers.segments(&frame.offload);
    Seen { direction, now, bytes, packets, segment: segment(headers, frame.packet()), refresh: true }
}

/// What a TCP header says. A first fragment does not tell how long the segment is: it counts as empty.
pub(super) fn segment(headers: &Headers, packet: &[u8]) -> Option<Segment> {
    let Transport::Tcp { flags, .. } = headers.transport else { return None };
    let header: &[u8; 20] = packet.get(usize::from(headers.l4)..)?.first_chunk()?;
    let [_, _, _, _, s0, s1, s2, s3, a0, a1, a2, a3, ..] = *header;
    let is_whole = headers.fragment == Fragment::Whole;
    Some(Segment {
        flags,
        sequence: u32::from_be_bytes([s0, s1, s2, s3]),
        acknowledgment: u32::from_be_bytes([a0, a1, a2, a3]),
        payload: if is_whole { headers.len.saturating_sub(headers.header_len().into()) } else { 0 },
    })
}

/// Why no WAN can take a flow from `source`: those that could are down, or the most telling of the WANs' answers.
fn why_none(policy: &Policy, source: IpAddr) -> DropReason {
    if policy.wans.iter().any(|wan| address::public(wan, source).is_ok()) {
        return DropReason::AllWansDown;
    }
    let refusals = policy.wans.iter().filter_map(|wan| address::public(wan, source).err());
    refusals.filter(|refusal| *refusal != Unmappable::NotOurs).map(reason).next().unwrap_or(DropReason::NoWan)
}
