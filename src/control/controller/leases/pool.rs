//! What one WAN holds in one family, and how long: who vouches for it, which is current, which number it has.
//! Must never know: what is held, whom it serves.

use crate::plane::lease::{Lease, Leased};
use crate::types::Tick;
use std::cmp::Reverse;

/// Milliseconds that an address outlives the kernel's last word on it: a DHCP client that starts anew cuts no flow.
pub(super) const GRACE_MS: u64 = 3000;
/// The same of a delegated prefix without a successor: a client may take the route of a valid one out while it waits for
/// its server's answer.
pub(super) const PREFIX_GRACE_MS: u64 = 600_000;
/// Held at once at the most; the oldest give way.
const MOST: usize = 8;
/// Remembered at the most with the number that they had, in case they come back.
const REMEMBERED: usize = 32;

/// Everything that is held, or was.
#[derive(Clone, Debug)]
pub(super) struct Pool<T> {
    entries: Vec<Entry<T>>,
    /// What the kernel named first when it was last asked.
    first: Option<T>,
    /// Counts what became current.
    turns: u64,
    /// The number that was given last, and what the next is more than that.
    number: u8,
    step: u8,
}

/// Something that is held, or was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Entry<T> {
    /// Its number, and since which snapshot it means this.
    pub leased: Leased<T>,
    /// The kernel has it on the link.
    listed: bool,
    /// An operator or a hook vouches for it until then.
    hand: Option<Tick>,
    /// Nobody vouches for it any more, and it still holds until then.
    grace: Option<Tick>,
    /// The turn in which it became current last; 0: never.
    turn: u64,
    /// Why it is as it is.
    pub why: &'static str,
}

/// What an operator says without a time.
pub(super) const NO_END: Tick = Tick(u64::MAX);

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), first: None, turns: 0, number: 0, step: 1 }
    }
}

impl<T: Copy + PartialEq> Pool<T> {
    /// Two pools none of whose numbers the other has.
    pub(super) fn pair() -> [Self; 2] {
        [u8::MAX, 0].map(|number| Self { number, step: 2, ..Self::default() })
    }

    /// The kernel has `all` on the link, the best first. `epoch` is that of the next snapshot. What comes first, and did not
    /// when this was said last, is current. Where nothing is left, what was there holds for `grace` milliseconds more.
    pub(super) fn listed(&mut self, now: Tick, epoch: u32, all: &[T], grace: u64) {
        let all = all.get(..MOST).unwrap_or(all);
        let grace = if all.is_empty() { grace } else { GRACE_MS };
        for entry in &mut self.entries {
            let is_there = all.contains(&entry.leased.held);
            if entry.listed && !is_there && entry.hand.is_none() {
                (entry.grace, entry.why) = (Some(now.plus_millis(grace)), "gone from the link");
            }
            entry.listed = is_there;
            if is_there {
                (entry.grace, entry.why) = (None, "on the link");
            }
        }
        for held in all {
            if self.find(*held).is_none() {
                let entry = self.entry(now, epoch, *held);
                (entry.listed, entry.why) = (true, "on the link");
            }
        }
        let first = all.first().copied();
        if first != self.first {
            first.into_iter().for_each(|first| self.prefer(first));
        }
        self.first = first;
    }

    /// An operator or a hook vouches for `held` until then, and wants it to be current. What was said before without an end
    /// is over.
    pub(super) fn set(&mut self, now: Tick, epoch: u32, held: T, until: Tick) {
        for entry in self.entries.iter_mut().filter(|entry| entry.hand == Some(NO_END) && entry.leased.held != held) {
            entry.hand = None;
            if !entry.listed {
                (entry.grace, entry.why) = (Some(now.plus_millis(GRACE_MS)), "replaced by hand");
            }
        }
        let entry = self.entry(now, epoch, held);
        (entry.hand, entry.grace, entry.why) = (Some(until), None, "set by hand");
        self.prefer(held);
    }

    /// Nobody vouches for `held` by hand any more.
    pub(super) fn withdraw(&mut self, held: T) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.leased.held == held) {
            (entry.hand, entry.grace) = (None, None);
            entry.why = if entry.listed { "on the link" } else { "withdrawn by hand" };
        }
    }

    /// Time passed. When it will matter next.
    pub(super) fn pass(&mut self, now: Tick) -> Option<Tick> {
        for entry in &mut self.entries {
            if entry.hand.is_some_and(|until| until <= now) {
                entry.hand = None;
                entry.why = if entry.listed { "on the link" } else { "its time is over" };
            }
            entry.grace = entry.grace.filter(|until| *until > now);
        }
        let next = |entry: &Entry<T>| [entry.hand, entry.grace].into_iter().flatten().min();
        self.entries.iter().filter_map(next).filter(|next| *next != NO_END).min()
    }

    /// What is held now: the current one first.
    pub(super) fn valid(&self, now: Tick) -> Vec<Entry<T>> {
        let mut valid: Vec<_> = self.entries.iter().filter(|entry| entry.holds(now)).copied().collect();
        valid.sort_by_key(|entry| Reverse((entry.is_firm(now), entry.turn)));
        valid.truncate(MOST);
        valid
    }

    /// What is known of `held`, whether it holds or not.
    pub(super) fn find(&self, held: T) -> Option<&Entry<T>> {
        self.entries.iter().find(|entry| entry.leased.held == held)
    }

    fn prefer(&mut self, held: T) {
        self.turns += 1;
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.leased.held == held) {
            entry.turn = self.turns;
        }
    }

    /// The entry of `held`: a new one, if it is not remembered.
    fn entry(&mut self, now: Tick, epoch: u32, held: T) -> &mut Entry<T> {
        let at = self.entries.iter().position(|entry| entry.leased.held == held).unwrap_or_else(|| {
            if self.entries.len() >= REMEMBERED {
                self.forget(now);
            }
            let leased = Leased { lease: self.next_number(), since: epoch, held };
            self.entries.push(Entry { leased, listed: false, hand: None, grace: None, turn: 0, why: "" });
            self.entries.len() - 1
        });
        &mut self.entries[at]
    }

    /// Makes room: of what does not hold, or else of everything, the oldest goes.
    fn forget(&mut self, now: Tick) {
        let worth = |(_, entry): &(usize, &Entry<T>)| (entry.holds(now), entry.turn);
        if let Some((at, _)) = self.entries.iter().enumerate().min_by_key(worth) {
            self.entries.remove(at);
        }
    }

    /// The next number that nobody has; there are more of them than are remembered.
    fn next_number(&mut self) -> Lease {
        loop {
            self.number = self.number.wrapping_add(self.step);
            let lease = Lease(self.number);
            if lease != Lease::FIXED && !self.entries.iter().any(|entry| entry.leased.lease == lease) {
                return lease;
            }
        }
    }
}

impl<T> Entry<T> {
    /// Somebody vouches for it.
    fn is_firm(&self, now: Tick) -> bool {
        self.listed || self.hand.is_some_and(|until| until > now)
    }

    pub(super) fn holds(&self, now: Tick) -> bool {
        self.is_firm(now) || self.grace.is_some_and(|until| until > now)
    }

    /// Whether the kernel has it on the link.
    pub(super) fn is_listed(&self) -> bool {
        self.listed
    }

    /// When it ends, as far as that is known.
    pub(super) fn until(&self) -> Option<Tick> {
        self.hand.or(self.grace).filter(|until| !self.listed && *until != NO_END)
    }
}

#[cfg(test)]
mod tests;
