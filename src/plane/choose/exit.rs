//! Which WAN and public address a packet's flow is pinned to: the flow table's word, or a new choice. Must never know: bytes of packets.

use super::address::{self, Mapped};
use super::failover;
use super::steer;
use crate::plane::counters::Event;
use crate::plane::flow::key::FlowKey;
use crate::plane::flow::reachability::Sign;
use crate::plane::flow::table::{Pin, Seen, Segment};
use crate::plane::fragment::pins::Datagram;
use crate::plane::lease::{Exit, Lease};
use crate::plane::packet::headers::{Fragment, Headers, Transport};
use crate::plane::packet::numbers::tcp_flag;
use crate::plane::pass::admit;
use crate::plane::policy::Policy;
use crate::plane::state::Core;
use crate::plane::translate::nptv6::Unmappable;
use crate::plane::verdict::DropReason;
use crate::types::{Direction, Family, Frame, Tick, WanId};
use std::net::IpAddr;

/// The drop reason of an address that has no other side.
pub fn reason(unmappable: Unmappable) -> DropReason {
    match unmappable {
        Unmappable::NotOurs => DropReason::NoWan,
        Unmappable::NoWord => DropReason::Unmappable,
        Unmappable::ZeroIdentifier => DropReason::UnmappableIdentifier,
    }
}

/// The same for the address of a known flow, which may have gone.
pub fn reason_under(lease: Lease, unmappable: Unmappable) -> DropReason {
    match unmappable {
        Unmappable::NotOurs if lease != Lease::FIXED => DropReason::AddressGone,
        other => reason(other),
    }
}

/// Where a packet from inside goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Course {
    /// Out of this WAN, from this of its public addresses.
    Out(Exit),
    /// Back inside: a public address of this WAN is its destination.
    Round(WanId),
    /// Nowhere yet: a fragment whose first has not come.
    Wait,
}

/// What a packet from a WAN, which passes, belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arrival {
    /// A flow that lives.
    Known,
    /// A flow that flowpin has ended.
    Ended,
}

impl Core {
    /// The course of an outbound packet. A known flow was admitted when it was made; others are admitted here.
    pub fn pin_outbound(
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
        let exit = match known {
            Some(pin) if pin.epoch == policy.epoch => {
                self.note_sign(headers, &pin);
                pin.exit()
            }
            known => match admit::outbound(headers, policy)? {
                Some(owner) => return Ok(Course::Round(owner)),
                None => self.prove_outbound(policy, headers, &key, &seen, known)?,
            },
        };
        if let Fragment::First(fragment) = headers.fragment {
            self.followers = self.shared.fragments.remember(Datagram::new(headers, fragment), exit, now);
        }
        Ok(Course::Out(exit))
    }

    /// The exit of a new flow, or of one pinned under another snapshot: the old one if the flow still has its public address
    /// and the WAN's standing allows.
    fn prove_outbound(
        &mut self,
        policy: &Policy,
        headers: &Headers,
        key: &FlowKey,
        seen: &Seen,
        known: Option<Pin>,
    ) -> Result<Exit, DropReason> {
        let new = || choose(policy, headers.source, key);
        let Some(pin) = known else { return self.insert(policy, headers, key, new()?, seen) };
        let held = || policy.wan(pin.wan).is_some_and(|wan| address::public_kept(wan, headers.source, &pin).is_some());
        // Whoever comes back to its WAN keeps its public address.
        let other = || new().map(|exit| if exit.wan == pin.wan && held() { pin.exit() } else { exit });
        let exit = match failover::outbound(policy, headers, key, &pin) {
            failover::Course::Stays => pin.exit(),
            failover::Course::Moves { may_stay: true } => other().unwrap_or(pin.exit()),
            failover::Course::Moves { may_stay: false } => other()?,
            failover::Course::BeginsAnew => return self.insert(policy, headers, key, new()?, seen),
            failover::Course::Passes => return Ok(pin.exit()),
            failover::Course::Refused(reason) => return Err(reason),
            failover::Course::Ends => {
                self.shared.table.cut(key, seen.now, &policy.timeouts);
                self.counters.event(Event::Reset);
                return Err(DropReason::Reset);
            }
        };
        if exit != pin.exit() {
            self.counters.event(Event::Moved);
        }
        self.shared.table.repin(key, exit, policy.epoch);
        if let Some(pin) = self.shared.table.touch(key, policy.epoch, seen, &policy.timeouts) {
            self.note_sign(headers, &pin);
        }
        Ok(exit)
    }

    /// Pins the flow of an inbound packet to the WAN and the public address it came in on, unless it has a pin that stays.
    pub fn pin_inbound(
        &mut self,
        policy: &Policy,
        now: Tick,
        id: WanId,
        headers: &Headers,
        mapped: Mapped,
        frame: &Frame<'_>,
    ) -> Result<Arrival, DropReason> {
        if matches!(headers.fragment, Fragment::Later(_)) {
            return admit::inbound(headers, policy).map(|()| Arrival::Known);
        }
        let (key, exit) = (FlowKey::new(headers, Direction::Inbound, mapped.address), mapped.exit(id));
        let seen = seen(headers, frame, Direction::Inbound, now);
        match self.shared.table.touch(&key, policy.epoch, &seen, &policy.timeouts) {
            Some(pin) if pin.exit() == exit && pin.epoch == policy.epoch => {
                self.note_sign(headers, &pin);
                Ok(Arrival::Known)
            }
            Some(pin) if pin.is_cut() => {
                admit::inbound(headers, policy)?;
                if !is_request(headers) {
                    return Ok(Arrival::Ended);
                }
                self.insert(policy, headers, &key, exit, &seen).map(|_| Arrival::Known)
            }
            Some(pin) => {
                admit::inbound(headers, policy)?;
                let stale = pin.epoch != policy.epoch;
                let again = || self.shared.table.touch(&key, pin.epoch, &seen, &policy.timeouts);
                let pin = if stale { again().unwrap_or(pin) } else { pin };
                if pin.wan == id {
                    self.note_sign(headers, &pin);
                }
                if pin.exit() != exit && pin.follows_arrival && is_request(headers) {
                    self.shared.table.repin(&key, exit, policy.epoch);
                }
                Ok(Arrival::Known)
            }
            None => {
                admit::inbound(headers, policy)?;
                self.insert(policy, headers, &key, exit, &seen).map(|_| Arrival::Known)
            }
        }
    }

    /// Makes the flow, unless the packet only ends one that is unknown: a RST needs no state to pass.
    fn insert(
        &mut self,
        policy: &Policy,
        headers: &Headers,
        key: &FlowKey,
        exit: Exit,
        seen: &Seen,
    ) -> Result<Exit, DropReason> {
        if matches!(headers.transport, Transport::Tcp { flags, .. } if flags & tcp_flag::RST != 0) {
            return Ok(exit);
        }
        let made = self.shared.table.insert(*key, exit, policy.epoch, seen, &policy.timeouts);
        let pin = made.map_err(|_| DropReason::TableFull)?;
        if pin.fresh {
            self.wheel.schedule(*key, pin.expires);
        }
        self.note_sign(headers, &pin);
        Ok(pin.exit())
    }

    /// Counts what a packet shows of the path of the WAN that its flow is pinned to and that it takes. A remote's own ping
    /// is no reply, and a remote that is dialled again and again counts once: whether it alone answers says nothing of the
    /// line.
    fn note_sign(&mut self, headers: &Headers, pin: &Pin) {
        let is_none = match pin.sign {
            Sign::Nothing => return,
            Sign::Tried => self.is_dialled_again(pin.wan, headers.destination),
            Sign::Answered | Sign::Replied => matches!(headers.transport, Transport::Query { request: true, .. }),
        };
        if !is_none {
            self.counters.sign(pin.wan, headers.family(), pin.sign);
        }
    }

    fn is_dialled_again(&mut self, wan: WanId, remote: IpAddr) -> bool {
        let last = self.dialled.get_mut(wan.index()).map(|both| &mut both[Family::of(remote).index()]);
        last.is_some_and(|last| last.replace(remote) == Some(remote))
    }
}

/// Whether a packet may ask for an answer: of TCP only a SYN does, of ICMP queries only the request.
fn is_request(headers: &Headers) -> bool {
    match headers.transport {
        Transport::Tcp { flags, .. } => tcp_flag::asks(flags),
        Transport::Query { request, .. } => request,
        _ => true,
    }
}

fn seen(headers: &Headers, frame: &Frame<'_>, direction: Direction, now: Tick) -> Seen {
    let (packets, bytes) = headers.segments(&frame.offload);
    Seen { direction, now, bytes, packets, segment: segment(headers, frame.packet()), refresh: true }
}

/// What a TCP header says. A first fragment does not tell how long the segment is: it counts as empty.
pub fn segment(headers: &Headers, packet: &[u8]) -> Option<Segment> {
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

/// The exit of a new flow from `source`: the WAN that the hash gives it, and of its public addresses the current one.
fn choose(policy: &Policy, source: IpAddr, key: &FlowKey) -> Result<Exit, DropReason> {
    let exit = |id| policy.wan(id).and_then(|wan| address::public(wan, source).ok()).map(|mapped| mapped.exit(id));
    let id = steer::choose(policy, key, |id| exit(id).is_some());
    id.and_then(exit).ok_or_else(|| why_none(policy, source))
}

/// Why no WAN can take a flow from `source`: those that could are down, or the most telling of the WANs' answers.
fn why_none(policy: &Policy, source: IpAddr) -> DropReason {
    if policy.wans.iter().any(|wan| address::public(wan, source).is_ok()) {
        return DropReason::AllWansDown;
    }
    let refusals = policy.wans.iter().filter_map(|wan| address::public(wan, source).err());
    refusals.filter(|refusal| *refusal != Unmappable::NotOurs).map(reason).next().unwrap_or(DropReason::NoWan)
}

#[cfg(test)]
mod tests;
