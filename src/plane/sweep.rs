//! After a WAN went down, or a better one came back that ends what is elsewhere: TCP connections whose inside hosts are
//! silent, and so would not notice for hours, are looked for among the flows that this worker watches, and ended. A few flows at a time, so that no packet waits for it.
//! All others are judged when their next packet comes. Must never know: how the wheel and the table are made.

use super::counters::Event;
use super::flow::expiry::Walk;
use super::flow::table::Pin;
use super::outbox::Outbox;
use super::packet::protocol;
use super::policy::{Policy, Wan};
use super::recall::recall;
use super::reset;
use super::state::Core;
use crate::types::{End, Remedy, Tick};
use std::net::SocketAddr;

/// Flows looked at in one step.
const LOOKS: usize = 1024;
/// Connections ended in one step.
const RESETS: usize = 64;

/// Whether some WAN ends its TCP connections, or those on worse tiers, under `new` and did not so under `old`.
pub(super) fn is_due(old: &Policy, new: &Policy) -> bool {
    let begins = |index: usize, ends: &dyn Fn(&Wan) -> bool| {
        new.wans.get(index).is_some_and(ends) && !old.wans.get(index).is_some_and(ends)
    };
    let ends = |index, v4| {
        begins(index, &|wan| wan.remedy(v4, true) == Some(Remedy::Reset))
            || begins(index, &|wan| wan.recalls(v4, true) == Some(Remedy::Reset))
    };
    (0..new.wans.len()).any(|index| ends(index, true) || ends(index, false))
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
            let ends = |wan: &Wan| wan.remedy(v4, true) == Some(Remedy::Reset);
            let is_doomed =
                |pin: &Pin| policy.wan(pin.wan).is_some_and(ends) || recall(policy, key, pin) == Some(Remedy::Reset);
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
