//! The expiry wheel of one worker: which of its flows are due for a look, to the second.
//! A slot holds the keys to be looked at in one second; what lives longer than the wheel is looked at again and again, so
//! that a deadline that moved closer is noticed within one round. Must never know: policy, packets.

use super::key::FlowKey;
use super::table::{Fate, FlowTable};
use crate::types::Tick;

/// Seconds of one round: a flow whose deadline shrank outlives it by this at the most.
const SLOTS: u32 = 256;
/// Keys whose memory an empty slot keeps.
const KEPT: usize = 512;

/// Watches the flows that its worker inserted.
#[derive(Debug)]
pub struct Wheel {
    slots: Vec<Vec<FlowKey>>,
    /// The second whose slot is looked at next; slots hold the seconds `cursor..cursor + SLOTS`.
    cursor: u32,
    watched: usize,
}

/// How far a walk over all watched keys has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Walk {
    /// The second whose slot was the first.
    start: Option<u32>,
    /// Slots that are done.
    slot: u32,
    /// Keys of the next that are done.
    at: usize,
}

impl Wheel {
    /// An empty wheel that starts at `now`.
    #[must_use]
    pub fn new(now: Tick) -> Self {
        Self { slots: vec![Vec::new(); SLOTS as usize], cursor: now.secs(), watched: 0 }
    }

    /// Watches a flow that expires at second `expires`. To be called once for each fresh pin.
    pub fn schedule(&mut self, key: FlowKey, expires: u32) {
        self.watched += 1;
        self.put(key, expires);
    }

    fn put(&mut self, key: FlowKey, expires: u32) {
        let second = expires.clamp(self.cursor, self.cursor.saturating_add(SLOTS - 1));
        self.slot(second).push(key);
    }

    fn slot(&mut self, second: u32) -> &mut Vec<FlowKey> {
        &mut self.slots[(second % SLOTS) as usize]
    }

    /// Looks at the flows that are due at `now`, at most `budget` of them, removes those whose time is up from `table`
    /// and watches the others on. Returns how many were removed. What the budget left is looked at by the next call.
    pub fn turn(&mut self, now: Tick, table: &FlowTable, budget: usize) -> usize {
        let today = now.secs();
        // A jump of more than a round: all slots are due, one round looks at each.
        self.cursor = self.cursor.max(today.saturating_sub(SLOTS - 1));
        let mut left = budget;
        let mut removed = 0;
        while self.cursor <= today {
            let Some(key) = self.slot_now().pop() else {
                self.slot_now().shrink_to(KEPT);
                if self.cursor == u32::MAX {
                    break;
                }
                self.cursor += 1;
                continue;
            };
            match table.expire(&key, now) {
                Fate::Until(expires) => self.put(key, expires),
                Fate::Expired => {
                    self.watched -= 1;
                    removed += 1;
                }
                Fate::Unknown => self.watched -= 1,
            }
            left = left.saturating_sub(1);
            if left == 0 {
                break;
            }
        }
        removed
    }

    fn slot_now(&mut self) -> &mut Vec<FlowKey> {
        self.slot(self.cursor)
    }

    /// Shows up to `budget` of the watched keys to `see`, slot by slot from the one that is due next, for whatever moves in
    /// the meantime moves to a later slot. `see` says whether it took the key; where it did not, the walk goes on next
    /// time. Where to go on; `None` at the end.
    pub fn walk(&self, walk: Walk, budget: usize, mut see: impl FnMut(&FlowKey) -> bool) -> Option<Walk> {
        let Walk { start, mut slot, mut at } = walk;
        let start = start.unwrap_or(self.cursor);
        let mut left = budget;
        while slot < SLOTS {
            let keys = &self.slots[(start.wrapping_add(slot) % SLOTS) as usize];
            while let Some(key) = keys.get(at) {
                if left == 0 || !see(key) {
                    return Some(Walk { start: Some(start), slot, at });
                }
                left -= 1;
                at += 1;
            }
            (slot, at) = (slot + 1, 0);
        }
        None
    }

    /// Whether flows are due at `now` that a budget has left.
    #[must_use]
    pub fn is_behind(&self, now: Tick) -> bool {
        self.watched > 0 && self.cursor <= now.secs()
    }

    /// Flows watched.
    #[must_use]
    pub fn watched(&self) -> usize {
        self.watched
    }
}

#[cfg(test)]
mod tests;
