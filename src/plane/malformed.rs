//! Packets that cannot be read: dropped, and in one case answered. Must never know: how packets are read.

use super::address;
use super::admit;
use super::outbox::Outbox;
use super::parse::problem;
use super::policy::Policy;
use super::respond::Back;
use super::state::Core;
use super::verdict::DropReason;
use crate::types::{End, Frame, Tick};

impl Core {
    /// Refuses a packet, sent to our station, that `parse` has refused: the sender of a bad IPv6 fragment is told
    /// (RFC 8200 §4.5). Returns the reason.
    #[cold]
    pub(super) fn refuse_malformed(
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
