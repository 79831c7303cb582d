//! Later fragments of outbound datagrams: they take the exit of their first, wait for it when they overtake it, and are
//! sent behind it. Must never know: where they wait.

use crate::plane::fragment::pins::{Datagram, Found};
use crate::plane::lease::Exit;
use crate::plane::outbox::Outbox;
use crate::plane::policy::Policy;
use crate::plane::state::Core;
use crate::plane::verdict::{DropReason, Verdict};
use crate::types::{Direction, Frame, HEADROOM, Offload, Tick};

impl Core {
    /// The exit of a later fragment; `None` when it has to wait for its first.
    pub fn pin_later(&mut self, now: Tick, datagram: Datagram, frame: &Frame<'_>) -> Option<Exit> {
        match self.shared.fragments.find(datagram, frame.packet(), now) {
            Found::Pin(exit) => Some(exit),
            Found::Waits(gone) => {
                self.count_unknown(gone);
                None
            }
        }
    }

    /// Sends the fragments that waited for the one just processed: behind it, in the order in which they came.
    #[cold]
    pub fn follow(&mut self, policy: &Policy, now: Tick, outbox: &mut Outbox) {
        for mut buffer in std::mem::take(&mut self.followers) {
            let end = buffer.len();
            let Some(mut frame) = Frame::new(&mut buffer, HEADROOM, HEADROOM, end, Offload::NONE) else { continue };
            let verdict = self.outbound(policy, now, &mut frame, outbox).unwrap_or_else(Verdict::Drop);
            self.count(Direction::Outbound, verdict);
            if let Verdict::Forward(end) = verdict {
                outbox.push(end, frame.link(), |out| {
                    out.extend_from_slice(frame.packet());
                    true
                });
            }
        }
        outbox.keep_order();
    }

    /// Drops the fragments whose first has not come in time.
    pub fn give_up_followers(&self, now: Tick) {
        self.count_unknown(self.shared.fragments.expire(now));
    }

    fn count_unknown(&self, fragments: usize) {
        for _ in 0..fragments {
            self.counters.count_drop(Direction::Outbound, DropReason::UnknownFragment);
        }
    }
}

#[cfg(test)]
mod tests;
