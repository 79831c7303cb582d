//! Packets that wait for their next hop's MAC, already translated, in bounded queues of one worker: at most 64
//! packets and 256 KiB for each gateway, 8 and 64 KiB for each of 128 hosts of the links. They leave as soon as the MAC is known, and are given back when nobody answers
//! in time (RFC 1812 §5.2.7.1); pass/neighbor_queue.rs is where a packet meets them.
//! Must never know: how a next hop is asked for, how an ICMP error is made.

use super::link_header;
use crate::plane::counters::{Counters, Event};
use crate::plane::fragment;
use crate::plane::outbox::{FRAGMENTS, Outbox};
use crate::plane::packet::mtu;
use crate::plane::packet::numbers::ethertype;
use crate::plane::policy::Wan;
use crate::plane::verdict::DropReason;
use crate::types::{Direction, End, Family, MAX_WANS, Mac, Offload, Tick, WanId};
use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Packets that wait for one gateway at the most.
pub const PACKETS: usize = 64;
/// Bytes that wait for one gateway at the most.
pub const BYTES: usize = 256 * 1024;
/// Hosts of the links that packets wait for at the most.
pub const HOSTS: usize = 128;
/// Packets that wait for one of them at the most (RFC 4861 §7.2.2: one or more).
pub const HOST_PACKETS: usize = 8;
/// Bytes that wait for one of them at the most.
pub const HOST_BYTES: usize = 64 * 1024;
/// Milliseconds a packet waits at the most.
pub const PATIENCE_MS: u64 = 3000;
/// Bytes kept of each packet as its sender sent it: what an ICMPv6 error may quote (RFC 4443 §2.4 (c)).
pub const ORIGINAL: usize = 1232;

impl Awaited {
    /// The family of the packets.
    #[must_use]
    pub fn family(self) -> Family {
        match self {
            Self::Gateway(family) => family,
            Self::Host(host) => Family::of(host),
        }
    }
}

/// No room for one more packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full;

/// The waiting packets of one worker.
#[derive(Debug)]
pub struct NeighborQueue {
    queues: [[Queue; 2]; MAX_WANS],
    hosts: HashMap<(WanId, IpAddr), Queue>,
    waiting: usize,
}

/// Whom packets wait for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Awaited {
    /// The gateway of the family.
    Gateway(Family),
    /// A host of the link.
    Host(IpAddr),
}

#[derive(Debug, Default)]
struct Queue {
    packets: VecDeque<Waiting>,
    bytes: usize,
}

#[derive(Debug)]
struct Waiting {
    packet: Vec<u8>,
    original: Vec<u8>,
    offload: Offload,
    header_len: u16,
    since: Tick,
}

impl Waiting {
    fn bytes(&self) -> usize {
        self.packet.len() + self.original.len()
    }
}

impl Default for NeighborQueue {
    fn default() -> Self {
        Self::new()
    }
}

impl NeighborQueue {
    /// Nothing waits.
    #[must_use]
    pub fn new() -> Self {
        Self { queues: std::array::from_fn(|_| Default::default()), hosts: HashMap::new(), waiting: 0 }
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// Packets that wait, for all next hops together.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting
    }

    /// Copies a packet aside that goes to the next hop of a WAN.
    ///
    /// # Errors
    /// Too much waits already, or there is no such WAN.
    pub fn push(&mut self, to: (WanId, Awaited), packet: Queued<'_>, now: Tick) -> Result<(), Full> {
        let (queue, most) = match to {
            (wan, Awaited::Gateway(family)) => {
                (&mut self.queues.get_mut(wan.index()).ok_or(Full)?[family.index()], (PACKETS, BYTES))
            }
            (wan, Awaited::Host(host)) => {
                if self.hosts.len() >= HOSTS && !self.hosts.contains_key(&(wan, host)) {
                    return Err(Full);
                }
                (self.hosts.entry((wan, host)).or_default(), (HOST_PACKETS, HOST_BYTES))
            }
        };
        queue.push(packet, now, most)?;
        self.waiting += 1;
        Ok(())
    }

    /// Puts into `outbox` what may leave by now, in the order in which it came and counted, and gives the originals of what
    /// has waited too long, or may not leave any more, to `expired`. What finds no room in the outbox waits on. `egress`
    /// says how each next hop stands.
    pub fn flush<'a>(
        &mut self,
        now: Tick,
        egress: impl Fn(WanId, Awaited) -> EgressState<'a>,
        counters: &Counters,
        outbox: &mut Outbox,
        mut expired: impl FnMut(&[u8], &mut Outbox),
    ) {
        for (id, queues) in (0..=u8::MAX).map(WanId).zip(&mut self.queues) {
            for (family, queue) in Family::ALL.into_iter().zip(queues) {
                let before = queue.packets.len();
                if before != 0 {
                    let egress = egress(id, Awaited::Gateway(family));
                    queue.flush(now, id, egress, counters, outbox, &mut expired);
                    self.waiting -= before - queue.packets.len();
                }
            }
        }
        self.hosts.retain(|(id, host), queue| {
            let before = queue.packets.len();
            queue.flush(now, *id, egress(*id, Awaited::Host(*host)), counters, outbox, &mut expired);
            self.waiting -= before - queue.packets.len();
            !queue.packets.is_empty()
        });
    }
}

/// A packet that is to wait.
#[derive(Clone, Copy, Debug)]
pub struct Queued<'a> {
    /// The packet, ready to leave but for its link header.
    pub packet: &'a [u8],
    /// The packet as its sender sent it, of which the first [`ORIGINAL`] bytes are kept; empty when nobody is to be told.
    pub original: &'a [u8],
    /// As in its frame.
    pub offload: Offload,
    /// As in its frame.
    pub header_len: u16,
}

/// How a next hop stands to the packets that wait for it.
#[derive(Clone, Copy, Debug)]
pub enum EgressState<'a> {
    /// The WAN is hard down, or the host does not answer: nobody need wait any longer.
    Down,
    /// Its MAC is not known yet.
    Unresolved,
    /// Packets may leave.
    Ready {
        /// The WAN.
        wan: &'a Wan,
        /// The next hop's.
        mac: Mac,
        /// The largest packet that goes through, in bytes.
        mtu: u16,
    },
}

impl Queue {
    fn push(&mut self, packet: Queued<'_>, now: Tick, most: (usize, usize)) -> Result<(), Full> {
        let Queued { packet, original, offload, header_len } = packet;
        let original = &original[..original.len().min(ORIGINAL)];
        let bytes = packet.len() + original.len();
        if self.packets.len() >= most.0 || self.bytes + bytes > most.1 {
            return Err(Full);
        }
        let (packet, original) = (packet.to_vec(), original.to_vec());
        self.packets.push_back(Waiting { packet, original, offload, header_len, since: now });
        self.bytes += bytes;
        Ok(())
    }

    fn flush(
        &mut self,
        now: Tick,
        id: WanId,
        egress: EgressState<'_>,
        counters: &Counters,
        outbox: &mut Outbox,
        expired: &mut impl FnMut(&[u8], &mut Outbox),
    ) {
        while let Some(waiting) = self.packets.front_mut() {
            let is_late = now >= waiting.since.plus_millis(PATIENCE_MS);
            match egress {
                EgressState::Ready { wan, mac, mtu } if may_leave(wan, &waiting.packet) => {
                    if outbox.room() < if waiting.fits(mtu) { 1 } else { FRAGMENTS } {
                        return;
                    }
                    waiting.leave((id, wan), mac, mtu, counters, outbox);
                }
                EgressState::Unresolved if !is_late => return,
                _ => expired(&waiting.original, outbox),
            }
            self.bytes -= waiting.bytes();
            self.packets.pop_front();
        }
    }
}

impl Waiting {
    fn family(&self) -> Family {
        if self.packet.first().is_some_and(|byte| byte >> 4 == 4) { Family::V4 } else { Family::V6 }
    }

    /// Whether it may leave as it is; what may not be fragmented must.
    fn fits(&self, mtu: u16) -> bool {
        let may_fragment =
            matches!(self.packet[..], [first, _, _, _, _, _, flags, ..] if first >> 4 == 4 && flags & DF == 0);
        !may_fragment || mtu::fits_len(self.len(), self.header_len, &self.offload, mtu)
    }

    fn len(&self) -> u32 {
        u32::try_from(self.packet.len()).unwrap_or(u32::MAX)
    }

    fn leave(&mut self, (id, wan): (WanId, &Wan), mac: Mac, mtu: u16, counters: &Counters, outbox: &mut Outbox) {
        let ethertype = ethertype::of(self.family());
        let link = link_header(wan, mac, ethertype);
        let fits = self.fits(mtu) || mtu::lower_segments(&mut self.offload, self.header_len, mtu);
        let sent = if fits {
            outbox.push_with(End::Wan(id), &link, self.offload, self.header_len, |buffer| {
                buffer.extend_from_slice(&self.packet);
                true
            });
            Some(self.offload.gso.map_or((1, self.len()), |gso| gso.segments(self.len(), self.header_len)))
        } else {
            let made = fragment::fragment(&mut self.packet, &self.offload, mtu, (End::Wan(id), &link), outbox);
            made.inspect(|_| counters.event(Event::Fragmented))
        };
        match sent {
            Some((packets, bytes)) => counters.forward(id, Direction::Outbound, packets.into(), bytes.into()),
            None => counters.count_drop(Direction::Outbound, DropReason::TooBig),
        }
    }
}

/// The flag "don't fragment" in byte 6 of an IPv4 header.
const DF: u8 = 0x40;

/// Whether the WAN still owns the source: the policy may have changed while the packet waited.
fn may_leave(wan: &Wan, packet: &[u8]) -> bool {
    source_of(packet).is_some_and(|source| wan.owns_address(source) || wan.link.has(source))
}

fn source_of(packet: &[u8]) -> Option<IpAddr> {
    match packet.first()? >> 4 {
        4 => packet.get(12..16)?.try_into().ok().map(|octets: [u8; 4]| IpAddr::V4(Ipv4Addr::from(octets))),
        6 => packet.get(8..24)?.try_into().ok().map(|octets: [u8; 16]| IpAddr::V6(Ipv6Addr::from(octets))),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
