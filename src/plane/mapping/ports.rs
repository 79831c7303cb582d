//! The ports of one WAN and class: one word and one count for each, and a book of who has which, behind a lock that only takes
//! and ends of mappings need. Must never know: WANs, protocols.
//!
//! A count is taken from 0 to 1 under the lock alone, and what came to 0 is freed under it if it still is 0: so nobody enters a
//! port that is being freed, and a port whose count is not 0 has its inside end.

use super::free::Free;
use super::inside_end::InsideEnd;
use crate::plane::keyed::Keyed;
use crate::types::PortRange;
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::Ipv4Addr;
use std::num::NonZeroU16;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU32, AtomicU64};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Draws in search of a port of the same parity.
const DRAWS: usize = 8;

/// The whole range of a WAN's address is in use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Exhausted;

/// How many flows the inside has spoken in, by slot and remote.
type Remotes = HashMap<(u16, u32), u32, RandomState>;

#[derive(Debug)]
pub(super) struct Ports {
    first: u16,
    slots: Box<[Slot]>,
    book: Mutex<Book>,
    /// How many such flows there are to each remote, where that matters.
    remotes: Option<Mutex<Remotes>>,
}

#[derive(Debug, Default)]
struct Slot {
    /// The inside end; 0: nobody has the port.
    end: AtomicU64,
    /// Flows, and those who are about to begin one.
    flows: AtomicU32,
    /// Those of them that the inside has spoken in: without one, nobody new is let in.
    kept: AtomicU32,
}

#[derive(Debug)]
struct Book {
    /// Which slot an inside end has.
    slots: HashMap<u64, u16, RandomState>,
    /// How many each inside host has, and how many it may have.
    hosts: HashMap<Ipv4Addr, usize, RandomState>,
    per_host: usize,
    free: Free,
    key: Keyed,
    draws: u64,
}

impl Ports {
    pub(super) fn new(range: PortRange, per_host: usize, remembers: bool, key: Keyed) -> Self {
        let (slots, hosts) = (HashMap::default(), HashMap::default());
        let book = Book { slots, hosts, per_host, free: Free::all(range.count()), key, draws: 0 };
        let slots = (0..range.count()).map(|_| Slot::default()).collect();
        Self { first: range.first, slots, book: Mutex::new(book), remotes: remembers.then(Mutex::default) }
    }

    pub(super) fn take(&self, end: InsideEnd) -> Result<NonZeroU16, Exhausted> {
        let mut book = self.lock();
        let at = match book.slots.get(&end.word()) {
            Some(at) => *at,
            None => {
                if book.hosts.get(&end.address).is_some_and(|count| *count >= book.per_host) {
                    return Err(Exhausted);
                }
                let at = book.choose(self.first, end).ok_or(Exhausted)?;
                book.free.take(at);
                *book.hosts.entry(end.address).or_default() += 1;
                book.slots.insert(end.word(), at);
                at
            }
        };
        let slot = &self.slots[usize::from(at)];
        slot.flows.fetch_add(1, Relaxed);
        slot.end.store(end.word(), Release);
        NonZeroU16::new(self.first + at).ok_or(Exhausted)
    }

    #[inline]
    pub(super) fn find(&self, port: u16) -> Option<InsideEnd> {
        InsideEnd::from_word(self.slot(port)?.1.end.load(Acquire))
    }

    pub(super) fn enter(&self, port: u16, end: InsideEnd) -> bool {
        let Some((_, slot)) = self.slot(port) else { return false };
        let more = |flows: u32| if flows == 0 { None } else { flows.checked_add(1) };
        if slot.flows.fetch_update(AcqRel, Relaxed, more).is_err() {
            return false;
        }
        let is_its = slot.end.load(Acquire) == end.word();
        if !is_its {
            self.leave(port);
        }
        is_its
    }

    pub(super) fn leave(&self, port: u16) {
        let Some((at, slot)) = self.slot(port) else { return };
        if slot.flows.fetch_sub(1, AcqRel) != 1 {
            return;
        }
        let mut book = self.lock();
        if slot.flows.load(Acquire) != 0 {
            return;
        }
        let word = slot.end.swap(0, AcqRel);
        if let Some(end) = InsideEnd::from_word(word) {
            book.end(end, at);
        }
    }

    /// The inside has spoken to a remote in one flow more.
    pub(super) fn keep(&self, port: u16, remote: Ipv4Addr) {
        let Some((at, slot)) = self.slot(port) else { return };
        slot.kept.fetch_add(1, Relaxed);
        if let Some(remotes) = &self.remotes {
            *locked(remotes).entry((at, remote.to_bits())).or_default() += 1;
        }
    }

    /// Such a flow has ended.
    pub(super) fn forget(&self, port: u16, remote: Ipv4Addr) {
        let Some((at, slot)) = self.slot(port) else { return };
        slot.kept.fetch_sub(1, Relaxed);
        let Some(remotes) = &self.remotes else { return };
        if let Entry::Occupied(mut entry) = locked(remotes).entry((at, remote.to_bits())) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }

    /// Whether the inside has spoken from a port, in a flow that lives; and to that remote, if one is given.
    pub(super) fn has_spoken(&self, port: u16, remote: Option<Ipv4Addr>) -> bool {
        let Some((at, slot)) = self.slot(port) else { return false };
        let to =
            |remote: Ipv4Addr| self.remotes.as_ref().is_some_and(|it| locked(it).contains_key(&(at, remote.to_bits())));
        slot.kept.load(Relaxed) > 0 && remote.is_none_or(to)
    }

    pub(super) fn used(&self) -> usize {
        self.slots.len() - self.lock().free.len()
    }

    fn slot(&self, port: u16) -> Option<(u16, &Slot)> {
        let at = port.checked_sub(self.first)?;
        Some((at, self.slots.get(usize::from(at))?))
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        locked(&self.book)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Book {
    /// The inside end has its slot no more.
    fn end(&mut self, end: InsideEnd, at: u16) {
        self.slots.remove(&end.word());
        self.free.put(at);
        if let Entry::Occupied(mut count) = self.hosts.entry(end.address) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }

    /// The free slot for an inside end: beside that of its neighbour, for a pair of RTP and RTCP (RFC 4787 §4.2.3); that of its
    /// own port; else any of its parity (REQ-4), if that is found soon, or any at all.
    fn choose(&mut self, first: u16, end: InsideEnd) -> Option<u16> {
        let free = |port: u16| port.checked_sub(first).filter(|at| self.free.contains(*at));
        let beside = || {
            let neighbor = InsideEnd { port: end.port ^ 1, ..end };
            let port = first + self.slots.get(&neighbor.word())?;
            free(port ^ 1).filter(|_| is_alike(port, neighbor.port))
        };
        if let Some(at) = beside().or_else(|| free(end.port)) {
            return Some(at);
        }
        let mut any = None;
        for _ in 0..DRAWS {
            self.draws = self.draws.wrapping_add(1);
            let at = self.free.at(self.key.hash(self.draws))?;
            if is_alike(first + at, end.port) {
                return Some(at);
            }
            any = Some(at);
        }
        any
    }
}

/// Whether both are even, or both odd.
fn is_alike(one: u16, other: u16) -> bool {
    one & 1 == other & 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_takes_less_than_64_bytes() {
        // The word of the map with its control byte at a load of seven eighths at the least, after a doubling.
        let entry = 2 * (size_of::<(u64, u16)>() + 1) * 8 / 7;
        assert!(size_of::<Slot>() + 2 * size_of::<u16>() + entry <= 64, "{}", size_of::<Slot>() + entry);
    }
}
