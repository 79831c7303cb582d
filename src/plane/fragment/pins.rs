//! Where the later fragments of a datagram go: where their first fragment did, remembered for a short while and shared by all
//! workers. Later ones that overtake their first wait for it here. Fixed memory, whatever arrives.
//! Must never know: policy, the flow table, what a fragment says.

mod waiting;

pub use super::datagram::Datagram;

use crate::plane::keyed::Keyed;
use crate::types::Tick;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use waiting::Waiting;

/// Parts of the table, each behind a lock of its own; all that belongs to one datagram is in one part.
const SHARDS: usize = 16;

/// Sets of a shard, and pins in a set: 8192 datagrams in all.
const SETS: usize = 64;
const WAYS: usize = 8;

/// Nanoseconds a pin is remembered; an IPv4 identification may be reused after that (RFC 791 §3.2 allows 15 s and more).
const LIFETIME: u64 = 30_000_000_000;

/// The pins of datagrams that passed lately, and the fragments that wait for theirs.
#[derive(Debug)]
pub struct FragmentPins<V> {
    /// Nobody outside knows which datagrams share a set.
    key: Keyed,
    shards: Box<[Mutex<Shard<V>>]>,
    /// Fragments that wait, in all shards.
    waiting: AtomicUsize,
}

/// What a later fragment found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PinLookup<V> {
    /// Where the first fragment went.
    Pin(V),
    /// Nothing yet: it waits, and this many that had waited before had to give way.
    Waits(usize),
}

impl<V: Copy> FragmentPins<V> {
    /// Nothing remembered. From `secret` comes the place of each datagram.
    #[must_use]
    pub fn new(secret: u64) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { key: Keyed::new(secret, 0x6672_6167), shards, waiting: AtomicUsize::new(0) }
    }

    /// The first fragment of `datagram` went there. Gives the later ones that waited for it, in the order in which they
    /// came, each behind `HEADROOM` free bytes.
    #[must_use]
    pub fn remember(&self, datagram: Datagram, to: V, now: Tick) -> Vec<Vec<u8>> {
        let place = Slot::of(&self.key, &datagram);
        let mut shard = self.lock(place.shard);
        shard.remember(place.set, Pin { datagram, to, at: now });
        let ready = shard.waiting.take(&datagram);
        self.waiting.fetch_sub(ready.len(), Relaxed);
        ready
    }

    /// Where the first fragment of `datagram` went, if it passed within the lifetime; else keeps a copy of the later
    /// fragment `packet` until it does.
    #[must_use]
    pub fn find(&self, datagram: Datagram, packet: &[u8], now: Tick) -> PinLookup<V> {
        let place = Slot::of(&self.key, &datagram);
        let mut shard = self.lock(place.shard);
        if let Some(to) = shard.find(place.set, &datagram, now) {
            return PinLookup::Pin(to);
        }
        let gone = shard.waiting.push(datagram, packet, now);
        self.waiting.fetch_add(1, Relaxed);
        self.waiting.fetch_sub(gone, Relaxed);
        PinLookup::Waits(gone)
    }

    /// Where the first fragment of `datagram` went, if it passed within the lifetime.
    #[must_use]
    pub fn known(&self, datagram: &Datagram, now: Tick) -> Option<V> {
        let place = Slot::of(&self.key, datagram);
        self.lock(place.shard).find(place.set, datagram, now)
    }

    /// Forgets the fragments whose first has not come in time; how many.
    #[must_use]
    pub fn expire(&self, now: Tick) -> usize {
        if self.waiting.load(Relaxed) == 0 {
            return 0;
        }
        let gone = (0..SHARDS).map(|shard| self.lock(shard).waiting.expire(now)).sum();
        self.waiting.fetch_sub(gone, Relaxed);
        gone
    }

    fn lock(&self, shard: usize) -> MutexGuard<'_, Shard<V>> {
        self.shards[shard % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a datagram belongs.
struct Slot {
    shard: usize,
    set: usize,
}

impl Slot {
    fn of(key: &Keyed, datagram: &Datagram) -> Self {
        let hash = key.hash(datagram) as usize;
        Self { shard: hash % SHARDS, set: hash / SHARDS % SETS }
    }
}

#[derive(Clone, Copy, Debug)]
struct Pin<V> {
    datagram: Datagram,
    to: V,
    at: Tick,
}

#[derive(Debug)]
struct Shard<V> {
    pins: Box<[[Option<Pin<V>>; WAYS]]>,
    waiting: Waiting,
}

impl<V: Copy> Default for Shard<V> {
    fn default() -> Self {
        Self { pins: vec![[None; WAYS]; SETS].into_boxed_slice(), waiting: Waiting::default() }
    }
}

impl<V: Copy> Shard<V> {
    fn find(&self, set: usize, datagram: &Datagram, now: Tick) -> Option<V> {
        let pin = self.pins[set].iter().flatten().find(|pin| pin.datagram == *datagram)?;
        (now.since(pin.at) < LIFETIME).then_some(pin.to)
    }

    /// A full set loses the oldest pin of the sender that has most of them: a flood comes at the expense of its sender.
    fn remember(&mut self, set: usize, pin: Pin<V>) {
        let pins = &mut self.pins[set];
        let share =
            |it: &Pin<V>| pins.iter().flatten().filter(|other| other.datagram.sender() == it.datagram.sender()).count();
        let same = pins.iter().position(|slot| slot.is_some_and(|it| it.datagram == pin.datagram));
        let place = same.or_else(|| pins.iter().position(Option::is_none)).or_else(|| {
            let worth = |(_, slot): &(usize, &Option<Pin<V>>)| slot.map(|it| (usize::MAX - share(&it), it.at));
            pins.iter().enumerate().min_by_key(worth).map(|(at, _)| at)
        });
        if let Some(slot) = place.and_then(|at| pins.get_mut(at)) {
            *slot = Some(pin);
        }
    }
}

#[cfg(test)]
mod tests;
