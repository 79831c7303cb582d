//! What the control loop does for the kernel side: it has mended what somebody else changed, and says what it was and what
//! stays amiss. Must never know: how it is mended.

use super::ControlLoop;
use crate::control::journal::Happened;
use crate::control::kernel::{Repaired, Touched};
use crate::health::Trace;
use crate::types::Owned;

impl ControlLoop<'_> {
    /// Somebody may have changed the kernel side.
    pub(super) async fn handle_touched(&mut self, touched: Touched) {
        match touched {
            Touched::Forwarding => self.state.repairs.want(),
            Touched::Shield(culprit) => {
                let who = culprit.map_or_else(|| "somebody".to_owned(), |it| format!("{} (pid {})", it.name, it.pid));
                self.raise_guard_again(format!("{who} changed the nftables tables")).await;
            }
        }
    }

    /// Nobody said anything: looks all the same.
    pub(super) async fn look_at_kernel_side(&mut self) {
        self.state.repairs.want_if_calm(self.sources.clock.now());
        match self.guard.stands() {
            Ok(true) => {}
            Ok(false) => self.raise_guard_again("the nftables tables were gone".to_owned()).await,
            Err(sentence) => self.note_missing(Some(sentence), self.state.missing.clone()),
        }
    }

    async fn raise_guard_again(&mut self, why: String) {
        let unguarded = self.guard.raise_again().await.err();
        if unguarded.is_none() {
            self.note_mended(why);
        }
        self.state.retry |= unguarded.is_some();
        self.note_missing(unguarded, self.state.missing.clone());
    }

    /// What somebody else had changed is as it must be again.
    fn note_mended(&mut self, what: String) {
        let mut side = self.sources.kernel_side();
        side.mended += 1;
        side.last_mended.clone_from(&what);
        drop(side);
        if let Some(told) = self.state.quarrel.tell(self.sources.clock.now(), &what) {
            self.write(Trace::default(), Happened::Mended(told));
        }
    }

    /// The kernel thread has mended what it could of rules, routes and switches.
    pub(super) async fn handle_repaired(&mut self, repaired: Repaired) {
        self.state.repairs.end(self.sources.clock.now());
        if self.guard.turn_door(repaired.door) {
            self.guard_anew(&self.owned()).await;
        }
        if !repaired.mended.is_empty() {
            self.note_mended(repaired.mended.join(", "));
        }
        self.note_missing(self.state.unguarded.clone(), repaired.amiss);
    }

    /// Shields exactly these addresses, on all links that are there.
    pub(super) async fn guard_anew(&mut self, owned: &[Owned]) {
        let unguarded = self.guard.replace(owned).await.err();
        self.note_missing(unguarded, self.state.missing.clone());
    }

    /// What cannot be made whole is said once, not at every look.
    pub(super) fn note_missing(&mut self, unguarded: Option<String>, missing: Vec<String>) {
        let before = (&self.state.unguarded, &self.state.missing);
        if before == (&unguarded, &missing) {
            return;
        }
        let amiss: Vec<String> = unguarded.iter().chain(&missing).cloned().collect();
        self.sources.kernel_side().amiss.clone_from(&amiss);
        self.write(Trace::default(), Happened::Amiss(amiss));
        (self.state.unguarded, self.state.missing) = (unguarded, missing);
    }
}
