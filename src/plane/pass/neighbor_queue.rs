//! Packets whose next hop is not resolved yet: set aside on the way out, sent when its MAC is known, answered with host
//! unreachable when it stays silent (RFC 1812 §5.2.7.1, RFC 4861 §7.2.2). Must never know: how MACs are found.

use crate::plane::counters::Event;
use crate::plane::craft::icmp;
use crate::plane::craft::icmp::Unreachable;
use crate::plane::neighbor::queue::ORIGINAL;
use crate::plane::outbox::Outbox;
use crate::plane::packet::parse::quoted;
use crate::plane::policy::Policy;
use crate::plane::state::Core;
use crate::plane::verdict::DropReason;
use crate::types::{Direction, End, Family, Frame, Mac, Tick, WanId};

/// The beginning of a packet as its sender sent it: all that an ICMP error can quote (RFC 4443 §2.4(c)).
pub type Original = Vec<u8>;

impl Core {
    /// The MAC of the next hop on `id`, or a copy of the packet for its sender, for it will have to wait.
    pub fn next_hop(&self, id: WanId, family: Family, frame: &Frame<'_>) -> Result<Mac, Original> {
        let mac = self.shared.neighbors.mac(id, family);
        mac.ok_or_else(|| {
            let packet = frame.packet();
            packet[..packet.len().min(ORIGINAL)].to_vec()
        })
    }

    /// Sets the rewritten packet in `frame` aside.
    pub fn hold(
        &mut self,
        now: Tick,
        id: WanId,
        family: Family,
        frame: &Frame<'_>,
        original: &[u8],
    ) -> Result<(), DropReason> {
        let owed = (frame.offload, frame.header_len);
        self.held.push((id, family), frame.packet(), original, owed, now).map_err(|_| DropReason::HoldFull)
    }

    /// Sends what waited for a MAC that is known by now, and gives up what waited too long.
    pub fn release_held(&mut self, policy: &Policy, now: Tick, outbox: &mut Outbox) {
        if self.held.is_empty() {
            return;
        }
        let Self { held, shared, limits, counters, .. } = self;
        held.flush(now, policy, shared, counters, outbox, |_, original, outbox| {
            counters.count_drop(Direction::Outbound, DropReason::NoNeighbor);
            let Ok(headers) = quoted(original) else { return };
            let from = policy.inside.router(headers.family()).filter(|_| icmp::is_answerable(&headers, false));
            let Some(from) = from else { return };
            if limits.allow(now, End::Inside, headers.source) {
                outbox
                    .push(End::Inside, &[], |out| icmp::unreachable(out, original, &headers, from, Unreachable::Host));
            } else {
                counters.event(Event::Untold);
            }
        });
    }
}
