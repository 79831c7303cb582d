//! One packet and the entry of its flow in the table: found, made, proved anew. What the packet shows of the path of its
//! WAN is counted. Must never know: admit, candidates, failover.

use super::address;
use crate::plane::counters::{Event, Reachability};
use crate::plane::flow::key::FlowKey;
use crate::plane::flow::pin::{Pin, WATCHED};
use crate::plane::flow::table::{FlowTable, Full, Seen};
use crate::plane::lease::Binding;
use crate::plane::packet::headers::{Headers, Transport};
use crate::plane::packet::numbers::{protocol, tcp_flag};
use crate::plane::packet::segment::Segment;
use crate::plane::policy::Policy;
use crate::plane::state::Core;
use crate::plane::translate::mapped::Mapped;
use crate::types::{Direction, Family, Frame, Tick, WanId};
use std::net::IpAddr;

/// A packet as the flow table knows it.
#[derive(Clone, Copy, Debug)]
pub struct FlowPacket<'a> {
    /// Its headers, as it was received.
    pub headers: &'a Headers,
    /// Its flow.
    pub key: FlowKey,
    /// What it changes there.
    pub seen: Seen,
}

impl<'a> FlowPacket<'a> {
    /// The packet in `frame`; `inside` is the address of its inside end, as in [`FlowKey::new`], and its port where that is
    /// another than the packet shows.
    #[must_use]
    #[inline]
    pub fn new(
        headers: &'a Headers,
        frame: &Frame<'_>,
        direction: Direction,
        inside: (IpAddr, Option<u16>),
        now: Tick,
    ) -> Self {
        let (packets, bytes) = headers.segments(&frame.offload);
        let segment = Segment::read(headers, frame.packet());
        let begins = begins(headers);
        let seen = Seen { direction, now, bytes, packets, segment, refresh: true, arrival: None, begins };
        Self { headers, key: FlowKey::new(headers, direction, inside.0).behind(inside.1), seen }
    }
}

/// Whether a packet can be nothing but the first of a flow or a repetition of that. A datagram may be an answer as well.
fn begins(headers: &Headers) -> bool {
    match headers.transport {
        Transport::Tcp { flags, .. } => tcp_flag::is_initial_syn(flags) && flags & tcp_flag::RST == 0,
        Transport::Query { request, .. } => request,
        _ => false,
    }
}

/// What proves that the snapshot lets the flow be bound so: its epoch; where the WAN is softly down and the flow drains, that
/// is asked again with each packet. What is behind the link is no matter to one whose remote is on it.
#[must_use]
pub fn proof(policy: &Policy, key: &FlowKey, binding: Binding) -> u32 {
    let (family, is_tcp) = (key.family(), key.protocol() == protocol::TCP);
    let wan = policy.wan(binding.wan).filter(|wan| !wan.is_neighbor(key.remote()));
    let judged = wan.and_then(|wan| wan.judges(family, is_tcp));
    policy.epoch | judged.map_or(0, |_| WATCHED)
}

/// The pin of the packet's flow. The packet has counted for it only if that was proved by `epoch`.
#[inline]
pub fn touch(core: &Core, policy: &Policy, epoch: u32, packet: &FlowPacket<'_>) -> Option<Pin> {
    core.shared.table.touch(&packet.key, epoch, &packet.seen, &policy.fixed.timeouts)
}

/// Makes the flow, unless the packet only ends one that is unknown: a RST needs no state to pass. What it is bound to: if
/// another worker was faster, that worker's choice. Where there is no room, or those from outside that are not assured have
/// as many places as they may, it takes the place of the oldest of these.
///
/// # Errors
/// There is no room for it, or not for another flow of its inside host.
pub fn insert(core: &mut Core, policy: &Policy, packet: &FlowPacket<'_>, binding: Binding) -> Result<Binding, Full> {
    let FlowPacket { headers, key, seen } = packet;
    if matches!(headers.transport, Transport::Tcp { flags, .. } if flags & tcp_flag::RST != 0) {
        return Ok(binding);
    }
    let table = &core.shared.table;
    let is_outbound = seen.direction == Direction::Outbound;
    let is_host_full = is_outbound && table.is_host_full(key);
    let needs_a_place =
        if is_outbound { table.is_full() && !is_host_full } else { table.is_crowded(core.wheel.unassured()) };
    if needs_a_place && core.wheel.evict(table) {
        core.counters.event(Event::Evicted);
    }
    let made = table.insert(*key, binding, proof(policy, key, binding), seen, &policy.fixed.timeouts);
    if is_host_full && made.is_err() {
        core.counters.event(Event::SourceLimited);
    }
    let pin = made?;
    if pin.fresh {
        core.wheel.schedule(*key, pin.expires, pin.came_in);
        take_into_use(core, policy, packet, pin.binding);
    }
    count(core, headers, &pin);
    Ok(pin.binding)
}

/// Where the prefix is the link's own network, its hosts ask for the address of the new flow, and are answered.
fn take_into_use(core: &Core, policy: &Policy, packet: &FlowPacket<'_>, binding: Binding) {
    let Some(wan) = policy.wan(binding.wan).filter(|wan| packet.headers.family() == Family::V6 && wan.is_proxy())
    else {
        return;
    };
    if let Ok(Mapped { address: IpAddr::V6(public), .. }) =
        address::public_under(wan, packet.key.inside(), binding.lease)
    {
        core.shared.neighbors.in_use.touch(packet.seen.now, binding.wan, public);
    }
}

/// Whether packets of a flow without an entry pass by the hash now: there is no room, or its host has too many flows.
pub fn may_lack_entry(table: &FlowTable, key: &FlowKey) -> bool {
    table.is_crowded(usize::MAX) || table.is_host_full(key)
}

/// Binds the known flow so under this snapshot, and lets the packet count for it, which begins nothing else.
pub fn prove(core: &mut Core, policy: &Policy, packet: &FlowPacket<'_>, binding: Binding) {
    let proof = proof(policy, &packet.key, binding);
    core.shared.table.repin(&packet.key, binding, proof);
    let packet = &FlowPacket { seen: Seen { begins: false, ..packet.seen }, ..*packet };
    if let Some(pin) = touch(core, policy, proof, packet) {
        count(core, packet.headers, &pin);
    }
}

/// Counts what a packet shows of the path of the WAN that its flow is pinned to and that it takes. A remote's own ping
/// is no reply, and a remote that is dialled again and again counts once: whether it alone answers says nothing of the
/// line.
pub fn count(core: &mut Core, headers: &Headers, pin: &Pin) {
    let is_none = match pin.shown {
        Reachability::Nothing => return,
        Reachability::Tried => is_dialled_again(core, pin.binding.wan, headers.destination),
        Reachability::Answered | Reachability::Replied => {
            matches!(headers.transport, Transport::Query { request: true, .. })
        }
    };
    if !is_none {
        core.counters.reachability(pin.binding.wan, headers.family(), pin.shown);
    }
}

fn is_dialled_again(core: &mut Core, wan: WanId, remote: IpAddr) -> bool {
    let last = core.dialled.get_mut(wan.index()).map(|both| &mut both[Family::of(remote).index()]);
    last.is_some_and(|last| last.replace(remote) == Some(remote))
}

#[cfg(test)]
mod tests;
