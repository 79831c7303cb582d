//! After a WAN went down: its TCP connections whose inside hosts are silent, and so would not notice for hours, are looked
//! for among the flows that this worker watches, and ended. A few flows at a time, so that no packet waits for it.
//! All others are judged when their next packet comes. Must never know: how the wheel and the table are made.

use super::counters::Event;
use super::flow::expiry::Walk;
use super::outbox::Outbox;
use super::packet::protocol;
use super::policy::Policy;
use super::reset;
use super::state::Core;
use crate::types::{End, Remedy, Tick};
use std::net::SocketAddr;

/// Flows looked at in one step.
const LOOKS: usize = 1024;
/// Connections ended in one step.
const RESETS: usize = 64;

/// Whether some WAN ends its TCP connections under `new` and did not so under `old`.
pub(super) fn is_due(old: &Policy, new: &Policy) -> bool {
    let ends = |policy: &Policy, index: usize, v4: bool| {
        policy.wans.get(index).is_some_and(|wan| wan.remedy(v4, true) == Some(Remedy::Reset))
    };
    (0..new.wans.len()).any(|index| [true, false].into_iter().any(|v4| ends(new, index, v4) && !ends(old, index, v4)))
}

impl Core {
    /// One step. Nothing is left of the sweep after the last.
    pub(super) fn sweep(&mut self, policy: &Policy, now: Tick, outbox: &mut Outbox) {
        let Some(walk) = self.sweep else { return };
        let (table, counters) = (&self.shared.table, &self.counters);
        let mut resets = 0;
        self.sweep = self.wheel.walk(walk, LOOKS, |key| {
            if key.protocol() != protocol::TCP {
                return true;
            }
            if resets >= RESETS || outbox.room() == 0 {
                return false;
            }
            let v4 = key.is_v4();
            let is_doomed = |id| policy.wan(id).is_some_and(|wan| wan.remedy(v4, true) == Some(Remedy::Reset));
            if let Some(sequence) = table.cut_silent(key, now, &policy.timeouts, is_doomed) {
                let (host, remote) = (key.inside(), key.remote());
                let (host, remote) =
                    (SocketAddr::new(host, key.inside_port()), SocketAddr::new(remote, key.remote_port()));
                outbox.push(End::Inside, &[], |out| reset::unasked(out, remote, host, sequence));
                counters.event(Event::Reset);
                resets += 1;
            }
            true
        });
    }

    /// Begins anew, from the flow that is due for a look next.
    pub(super) fn begin_sweep(&mut self) {
        self.sweep = Some(Walk::default());
    }
}
