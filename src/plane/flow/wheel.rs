//! The expiry wheel of one worker: which of its flows are due for a look, to the second.
//! A slot holds the keys to be looked at in one second; what lives longer than the wheel is looked at again and again, so
//! that a deadline that moved closer is noticed within one round. Flows from outside that were not assured yet when they
//! were put there have slots of their own: the oldest of them is at hand when another needs its place.
//! Must never know: policy, packets.

use super::key::FlowKey;
use super::table::{Fate, FlowTable};
use crate::types::Tick;
use std::collections::VecDeque;

/// Seconds of one round: a flow whose deadline shrank outlives it by this at the most.
const SLOTS: u32 = 256;
/// Keys whose memory an empty slot keeps.
const KEPT: usize = 512;
/// Keys looked at in search of one flow to evict: each that is assured by now is looked at so only once.
const EVICTION_LOOKS: usize = 16;

/// Watches the flows that its worker inserted.
#[derive(Debug)]
pub struct Wheel {
    slots: [Vec<VecDeque<FlowKey>>; 2],
    /// The second whose slot is looked at next; slots hold the seconds `cursor..cursor + SLOTS`.
    cursor: u32,
    watched: usize,
    /// Keys in the slots of flows that were not assured.
    unassured: usize,
    /// Keys ever taken from the front of a slot, and the row of the last.
    evictions: (usize, usize),
}

/// Which slots a key is in: those of flows that are assured or came from inside, or of others.
const ASSURED: usize = 0;
const UNASSURED: usize = 1;

/// How far a walk over all watched keys has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Walk {
    /// The second whose slot was the first.
    start: Option<u32>,
    /// Slots that are done, of the two kinds together.
    slot: u32,
    /// Keys of the next that are done.
    at: usize,
    /// Keys that had been taken from the front of slots.
    evicted: usize,
}

impl Wheel {
    /// An empty wheel that starts at `now`.
    #[must_use]
    pub fn new(now: Tick) -> Self {
        let slots = || vec![VecDeque::new(); SLOTS as usize];
        Self { slots: [slots(), slots()], cursor: now.secs(), watched: 0, unassured: 0, evictions: (0, 0) }
    }

    /// Watches a flow that expires at second `expires`, and perhaps came from outside. To be called once for each fresh pin.
    pub fn schedule(&mut self, key: FlowKey, expires: u32, came_in: bool) {
        self.watched += 1;
        self.put(key, expires, if came_in { UNASSURED } else { ASSURED });
    }

    fn put(&mut self, key: FlowKey, expires: u32, kind: usize) {
        let second = expires.clamp(self.cursor, self.cursor.saturating_add(SLOTS - 1));
        self.slots[kind][row(second)].push_back(key);
        self.unassured += usize::from(kind == UNASSURED);
    }

    /// Makes room: removes the oldest, to the second, of the flows from outside that are not assured. False if there is none
    /// among those that this wheel watches and looks at.
    pub fn evict(&mut self, table: &FlowTable) -> bool {
        for _ in 0..EVICTION_LOOKS {
            let Some(key) = self.pop_oldest() else { return false };
            match table.evict(&key) {
                Fate::Expired => {
                    self.watched -= 1;
                    return true;
                }
                Fate::Until(expires) | Fate::Unassured(expires) => self.put(key, expires, ASSURED),
                Fate::Unknown => self.watched -= 1,
            }
        }
        false
    }

    fn pop_oldest(&mut self) -> Option<FlowKey> {
        let rows = (0..SLOTS).map(|ahead| row(self.cursor.wrapping_add(ahead)));
        let oldest = rows.into_iter().find(|row| !self.slots[UNASSURED][*row].is_empty())?;
        self.evictions = (self.evictions.0.wrapping_add(1), oldest);
        let keys = &mut self.slots[UNASSURED][oldest];
        let key = keys.pop_front();
        if keys.is_empty() {
            keys.shrink_to(KEPT);
        }
        self.unassured -= 1;
        key
    }

    fn pop_due(&mut self, due: usize) -> Option<FlowKey> {
        let assured = self.slots[ASSURED][due].pop_back();
        assured.or_else(|| {
            let key = self.slots[UNASSURED][due].pop_back()?;
            self.unassured -= 1;
            Some(key)
        })
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
            let due = row(self.cursor);
            let Some(key) = self.pop_due(due) else {
                self.slots.iter_mut().for_each(|slots| slots[due].shrink_to(KEPT));
                if self.cursor == u32::MAX {
                    break;
                }
                self.cursor += 1;
                continue;
            };
            match table.expire(&key, now) {
                Fate::Until(expires) => self.put(key, expires, ASSURED),
                Fate::Unassured(expires) => self.put(key, expires, UNASSURED),
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

    /// Shows up to `budget` of the watched keys to `see`, slot by slot from the one that is due next, for whatever moves in
    /// the meantime moves to a later slot; and those that are not assured first, for they may be so next. `see` says whether it
    /// took the key; where it did not, the walk goes on next time. Where to go on; `None` at the end.
    pub fn walk(&self, walk: Walk, budget: usize, mut see: impl FnMut(&FlowKey) -> bool) -> Option<Walk> {
        let Walk { start, mut slot, mut at, evicted } = walk;
        let mut start = start.unwrap_or(self.cursor);
        let mut left = budget;
        while slot < 2 * SLOTS {
            if (slot, at) == (SLOTS, 0) {
                start = self.cursor;
            }
            let (kind, row) = (if slot < SLOTS { UNASSURED } else { ASSURED }, row(start.wrapping_add(slot)));
            if left == budget && (kind, row) == (UNASSURED, self.evictions.1) {
                at = at.saturating_sub(self.evictions.0.wrapping_sub(evicted));
            }
            while let Some(key) = self.slots[kind][row].get(at) {
                if left == 0 || !see(key) {
                    return Some(Walk { start: Some(start), slot, at, evicted: self.evictions.0 });
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

    /// Flows watched that came from outside and were not assured when this wheel looked at them last.
    #[must_use]
    pub fn unassured(&self) -> usize {
        self.unassured
    }

    /// Flows watched.
    #[must_use]
    pub fn watched(&self) -> usize {
        self.watched
    }
}

/// Where the slot of a second is.
fn row(second: u32) -> usize {
    (second % SLOTS) as usize
}

#[cfg(test)]
mod tests;
