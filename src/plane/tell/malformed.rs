//! Packets that cannot be read: dropped, and in one case answered. Must never know: how packets are read.

use super::respond::Back;
use crate::plane::choose::address;
use crate::plane::outbox::Outbox;
use crate::plane::packet::parse::problem;
use crate::plane::pass::admit;
use crate::plane::policy::Policy;
use crate::plane::state::Core;
use crate::plane::verdict::DropReason;
use crate::types::{End, Frame, Tick};

impl Core {
    /// Refuses a packet, sent to our station, that `parse` has refused: the sender of a bad IPv6 fragment is told
    /// (RFC 8200 §4.5). Returns the reason.
    #[cold]
    pub fn refuse_malformed(
        &mut self,
        policy: &Policy,
        now: Tick,
        from: End,
        reason: DropReason,
        frame: &Frame<'_>,
        outbox: &mut Outbox,
    ) -> DropReason {
        let problem = problem(frame.packet()).filter(|_| reason == DropReason::BadFragment);
        let Some(headers) = problem.map(|problem| problem.headers) else { return reason };
        let back = match from {
            End::Inside => admit::outbound(&headers, policy).ok().map(|_| Back::inside(policy)),
            End::Wan(id) => policy
                .wan(id)
                .filter(|wan| address::inside(wan, headers.destination).is_ok())
                .filter(|_| admit::inbound(&headers, policy).is_ok())
                .map(|wan| Back::wan(id, wan, &headers, frame)),
        };
        match back {
            Some(back) => self.refuse(now, reason.into(), back, &headers, frame, outbox),
            None => reason,
        }
    }
}
