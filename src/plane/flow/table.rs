//! The flow table, shared by the workers and bounded: the only file that names dashmap.
//! No guard leaves it and nothing calls into the map while one is held. Must never know: policy, packets, clocks.

use super::key::FlowKey;
use super::pin::Pin;
use super::record::Record;
use super::sources::Sources;
use crate::plane::counters::Reachability;
use crate::plane::lease::Binding;
use crate::plane::mapping::{InsideEnd, Mappings};
use crate::types::{Direction, MAX_WANS, Tick, Timeouts, WanId};
use crossbeam::utils::CachePadded;
use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use foldhash::fast::RandomState;
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

pub use super::record::{FlowRecord, Seen};

/// Many, so that a growing or listed shard delays few flows; more where the table may hold more than a million, so that
/// on average a full table has at most [`PER_SHARD`] flows in a shard, and delays them shortly.
const SHARDS: usize = 256;
const PER_SHARD: usize = 4096;
/// Room made at the start, in flows (8 MiB); a larger table grows shard by shard.
const PRESIZED: usize = 1 << 16;

/// All flows.
pub struct FlowTable {
    flows: DashMap<FlowKey, Record, RandomState>,
    limit: usize,
    len: CachePadded<AtomicUsize>,
    /// Flows from outside that are not assured.
    unassured: CachePadded<AtomicUsize>,
    sources: Sources,
    mappings: Mappings,
    per_wan: CachePadded<[AtomicUsize; MAX_WANS]>,
    created: AtomicU64,
    expired: AtomicU64,
    refused: AtomicU64,
}

/// The table holds as many flows as it may, or as many from outside that are not assured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full;

/// What became of a watched key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// Its time was up; it is removed.
    Expired,
    /// It lives at least to that second.
    Until(u32),
    /// So does this one, which came from outside and is not assured.
    Unassured(u32),
    /// It was not there.
    Unknown,
}

impl FlowTable {
    /// A table for at most `limit` flows, all of one source if need be.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self::with_sources(limit, limit, 0)
    }

    /// A table for at most `limit` flows, `per_source` of one source. From `secret` it comes where these are counted.
    #[must_use]
    pub fn with_sources(limit: usize, per_source: usize, secret: u64) -> Self {
        let hasher = RandomState::default();
        let shards = limit.div_ceil(PER_SHARD).next_power_of_two().max(SHARDS);
        Self {
            flows: DashMap::with_capacity_and_hasher_and_shard_amount(limit.min(PRESIZED), hasher, shards),
            limit,
            len: CachePadded::default(),
            unassured: CachePadded::default(),
            sources: Sources::new(limit, per_source, secret),
            mappings: Mappings::new(secret),
            per_wan: CachePadded::new(std::array::from_fn(|_| AtomicUsize::new(0))),
            created: AtomicU64::new(0),
            expired: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }

    /// The pin of a living flow, which has now seen one more packet if it was proved against `epoch`: nothing of another
    /// one changes, for the packet may still be refused (RFC 7857 §7), nor of one that may yield to what the packet begins.
    /// `None`: unknown, or its time was up.
    pub fn touch(&self, key: &FlowKey, epoch: u32, seen: &Seen, timeouts: &Timeouts) -> Option<Pin> {
        let mut record = self.flows.get_mut(key)?;
        if record.is_over(seen.now) {
            return None;
        }
        let yields = record.yields_to(seen);
        let shown = match record.is_proved(epoch) && !yields {
            true => self.change(key, &mut record, |record| record.see(key, seen, timeouts)),
            false => Reachability::Nothing,
        };
        let pin = record.pin(key, false, shown);
        Some(Pin { yields, follows_arrival: pin.follows_arrival && !record.holds_its_line(seen.now), ..pin })
    }

    /// Terminates a known flow. Until its time is up, or [`FlowTable::insert`] makes it anew, it is known as terminated.
    pub fn terminate(&self, key: &FlowKey, now: Tick, timeouts: &Timeouts) {
        if let Some(mut record) = self.flows.get_mut(key) {
            self.change(key, &mut record, |record| record.terminate(now, timeouts));
        }
    }

    /// Terminates a TCP connection that `is_doomed` by its pin, if there is anything to end. That pin, and the sequence
    /// number that its inside host waits for.
    pub fn terminate_silent(
        &self,
        key: &FlowKey,
        now: Tick,
        timeouts: &Timeouts,
        is_doomed: impl Fn(&Pin) -> bool,
    ) -> Option<(Pin, u32)> {
        let mut record = self.flows.get_mut(key)?;
        let pin = record.pin(key, false, Reachability::Nothing);
        let sequence = record.reset_sequence().filter(|_| !record.is_over(now) && is_doomed(&pin))?;
        self.change(key, &mut record, |record| record.terminate(now, timeouts));
        Some((pin, sequence))
    }

    /// The public ports that flows have at addresses which their inside hosts share.
    #[must_use]
    #[inline]
    pub fn mappings(&self) -> &Mappings {
        &self.mappings
    }

    /// Binds a new flow, also in the place of one that was terminated or yields. If it lives already (another worker was
    /// faster), that pin stays, and this packet counts for it: obey the pin that is returned.
    ///
    /// # Errors
    /// The table is full, or the half of it that flows from outside may have which are not assured, or what the inside host may
    /// have; or the public port is not its inside end's.
    pub fn insert(
        &self,
        key: FlowKey,
        binding: impl Into<Binding>,
        epoch: u32,
        seen: &Seen,
        timeouts: &Timeouts,
    ) -> Result<Pin, Full> {
        let binding = binding.into();
        if !self.enter(&key, binding) {
            return Err(Full);
        }
        let placed = self.place(key, binding, epoch, seen, timeouts);
        if !matches!(placed, Ok((_, true))) {
            self.leave(&key, binding);
        }
        placed.map(|(pin, _)| pin)
    }

    /// The pin of the flow, and whether it is bound so from now on.
    fn place(
        &self,
        key: FlowKey,
        binding: Binding,
        epoch: u32,
        seen: &Seen,
        timeouts: &Timeouts,
    ) -> Result<(Pin, bool), Full> {
        let from_outside = seen.direction == Direction::Inbound;
        match self.flows.entry(key) {
            Entry::Occupied(mut entry) => {
                let record = entry.get_mut();
                let shown;
                let begins = record.is_over(seen.now) || record.is_terminated() || record.yields_to(seen);
                if begins {
                    self.take_unassured(record.is_unassured(), from_outside)?;
                    let old = record.binding.get();
                    self.count_wan(old.wan, binding.wan);
                    self.count_kept(&key, old, record.keeps_port(), false);
                    self.leave(&key, old);
                    let was = record.counts_for();
                    self.expired.fetch_add(1, Relaxed);
                    self.created.fetch_add(1, Relaxed);
                    (*record, shown) = Record::new(&key, binding, epoch, seen, timeouts);
                    self.count_source(&key, record, was);
                    self.count_kept(&key, binding, false, record.keeps_port());
                } else {
                    shown = self.change(&key, record, |record| record.see(&key, seen, timeouts));
                }
                Ok((record.pin(&key, false, shown), begins))
            }
            Entry::Vacant(entry) => {
                if !from_outside && !self.is_full() && self.is_host_full(&key) {
                    return Err(Full);
                }
                self.take_unassured(false, from_outside)?;
                if let Err(full) = self.take(&self.len, self.limit) {
                    self.count_unassured(from_outside, false);
                    return Err(full);
                }
                self.created.fetch_add(1, Relaxed);
                if let Some(count) = self.per_wan.get(binding.wan.index()) {
                    count.fetch_add(1, Relaxed);
                }
                let (mut record, shown) = Record::new(&key, binding, epoch, seen, timeouts);
                self.count_source(&key, &mut record, None);
                self.count_kept(&key, binding, false, record.keeps_port());
                let pin = record.pin(&key, true, shown);
                entry.insert(record);
                Ok((pin, true))
            }
        }
    }

    /// A flow begins to have the public port of a binding, if that has one. False: the port is not its inside end's.
    #[inline]
    fn enter(&self, key: &FlowKey, binding: Binding) -> bool {
        let enter = |_| self.mappings.enter(key.protocol(), binding, inside_end(key, binding)?).then_some(());
        binding.port.is_none_or(|port| enter(port).is_some())
    }

    /// It has that no more.
    #[inline]
    fn leave(&self, key: &FlowKey, binding: Binding) {
        if binding.port.is_some() {
            self.mappings.leave(key.protocol(), binding);
        }
    }

    /// The inside had spoken from the public port of a binding, or not, and now has, or not any more.
    #[inline]
    fn count_kept(&self, key: &FlowKey, binding: Binding, was: bool, is: bool) {
        let IpAddr::V4(remote) = key.remote() else { return };
        match (was, is) {
            (false, true) => self.mappings.keep(key.protocol(), binding, remote),
            (true, false) => self.mappings.forget(key.protocol(), binding, remote),
            _ => {}
        }
    }

    /// Takes one of the places that `count` of `limit` are taken of.
    fn take(&self, count: &AtomicUsize, limit: usize) -> Result<(), Full> {
        if count.fetch_add(1, Relaxed) < limit {
            return Ok(());
        }
        count.fetch_sub(1, Relaxed);
        self.refused.fetch_add(1, Relaxed);
        Err(Full)
    }

    /// A new flow, which is not assured if it comes from outside, takes the place of one that was so, or was not, or of none.
    fn take_unassured(&self, was: bool, is: bool) -> Result<(), Full> {
        if is && !was {
            return self.take(&self.unassured, self.unassured_limit());
        }
        self.count_unassured(was, is);
        Ok(())
    }

    /// Changes a record, and counts it anew where it is assured by that, or begins again.
    fn change<T>(&self, key: &FlowKey, record: &mut Record, change: impl FnOnce(&mut Record) -> T) -> T {
        let (counted_for, was) = (record.counts_for(), record.is_unassured());
        let kept = record.keeps_port();
        let result = change(record);
        if kept != record.keeps_port() {
            self.count_kept(key, record.binding.get(), kept, !kept);
        }
        self.count_source(key, record, counted_for);
        self.count_unassured(was, record.is_unassured());
        result
    }

    /// The flow counted for the source on one side, or none, and perhaps does for another now. It is not assured where its
    /// remote's network has too many.
    fn count_source(&self, key: &FlowKey, record: &mut Record, was: Option<Direction>) {
        let is = record.counts_for();
        if was == is {
            return;
        }
        if let Some(side) = was {
            self.sources.leave(key, side);
        }
        match is {
            Some(Direction::Inbound) if self.sources.is_full(key, Direction::Inbound) => record.disown(),
            Some(side) => self.sources.enter(key, side),
            None => {}
        }
    }

    fn count_unassured(&self, was: bool, is: bool) {
        match (was, is) {
            (true, false) => _ = self.unassured.fetch_sub(1, Relaxed),
            (false, true) => _ = self.unassured.fetch_add(1, Relaxed),
            _ => {}
        }
    }

    /// The pin of a flow living at `now`, which learns nothing of it.
    #[must_use]
    pub fn peek(&self, key: &FlowKey, now: Tick) -> Option<Pin> {
        let record = self.flows.get(key)?;
        (!record.is_over(now)).then(|| record.pin(key, false, Reachability::Nothing))
    }

    /// What a flow is bound to that lives at `now` and is not there by the word of a stranger alone.
    #[must_use]
    pub fn assured(&self, key: &FlowKey, now: Tick) -> Option<Binding> {
        let record = self.flows.get(key)?;
        (!record.is_over(now) && !record.is_terminated() && !record.is_unassured()).then(|| record.binding.get())
    }

    /// The pin of a flow living at `now` whose inside host has sent something; in a TCP connection, what is in flight has to
    /// have this sequence number.
    #[must_use]
    pub fn in_flight(&self, key: &FlowKey, now: Tick, sequence: Option<u32>) -> Option<Pin> {
        let record = self.flows.get(key)?;
        let flies = !record.is_over(now) && record.has_in_flight(key, sequence);
        flies.then(|| record.pin(key, false, Reachability::Nothing))
    }

    /// Binds a known flow anew, or proves its pin by another epoch, which may be [`WATCHED`](super::pin::WATCHED). False when
    /// it is unknown, or the public port is not its inside end's.
    pub fn repin(&self, key: &FlowKey, binding: impl Into<Binding>, epoch: u32) -> bool {
        let Some(mut record) = self.flows.get_mut(key) else { return false };
        let binding = binding.into();
        let (from, kept) = (record.binding.get(), record.keeps_port());
        let is_other = from.end() != binding.end();
        if is_other && !self.enter(key, binding) {
            return false;
        }
        self.count_wan(from.wan, binding.wan);
        record.bind(binding, epoch);
        if is_other {
            self.count_kept(key, from, kept, false);
            self.leave(key, from);
            self.count_kept(key, binding, false, record.keeps_port());
        }
        true
    }

    /// Removes the flow if its time is up at `now`. For the wheel that watches it, and nobody else.
    pub fn expire(&self, key: &FlowKey, now: Tick) -> Fate {
        self.remove_if(key, |record| record.is_over(now))
    }

    /// Removes the flow if it came from outside and is not assured. For the wheel that watches it, and nobody else.
    pub fn evict(&self, key: &FlowKey) -> Fate {
        self.remove_if(key, Record::is_unassured)
    }

    fn remove_if(&self, key: &FlowKey, ends: impl Fn(&Record) -> bool) -> Fate {
        let mut fate = Fate::Unknown;
        let removed = self.flows.remove_if(key, |_, record| {
            fate = match ends(record) {
                true => Fate::Expired,
                false if record.is_unassured() => Fate::Unassured(record.expires),
                false => Fate::Until(record.expires),
            };
            fate == Fate::Expired
        });
        if let Some((_, record)) = removed {
            self.len.fetch_sub(1, Relaxed);
            self.expired.fetch_add(1, Relaxed);
            self.count_unassured(record.is_unassured(), false);
            self.count_kept(key, record.binding.get(), record.keeps_port(), false);
            self.leave(key, record.binding.get());
            if let Some(side) = record.counts_for() {
                self.sources.leave(key, side);
            }
            if let Some(count) = self.per_wan.get(record.binding.wan().index()) {
                count.fetch_sub(1, Relaxed);
            }
        }
        fate
    }

    fn count_wan(&self, from: WanId, to: WanId) {
        if from != to {
            self.per_wan.get(from.index()).map(|count| count.fetch_sub(1, Relaxed));
            self.per_wan.get(to.index()).map(|count| count.fetch_add(1, Relaxed));
        }
    }

    /// Shows a copy of every flow to `see`, in no order, those whose time is up but who have not been removed included. A
    /// flow that is there all the while is shown exactly once. A shard is closed to the workers only while it is copied;
    /// nothing is while `see` runs. The copy takes the memory of one shard. Never from a worker.
    pub fn for_each(&self, mut see: impl FnMut(&FlowKey, &FlowRecord)) {
        let mut copy = Default::default();
        for shard in self.flows.shards() {
            // Shards are mostly of one size, so that the memory of the last copy serves for the next.
            Clone::clone_from(&mut copy, &*shard.read());
            for (key, record) in copy.drain() {
                see(&key, &record.get().listed(key.protocol()));
            }
        }
    }

    /// Flows now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len.load(Relaxed).min(self.limit)
    }

    /// Whether there is no flow.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the inside host of a flow with this key, or its network, has too many flows for another one.
    #[must_use]
    pub fn is_host_full(&self, key: &FlowKey) -> bool {
        self.sources.is_full(key, Direction::Outbound)
    }

    /// Whether there is no room for another flow.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.len() >= self.limit
    }

    /// Whether a new flow from outside has to take the place of another, if its worker watches that many which are not
    /// assured: of the last places each worker may have a few, for a flood may be all on others.
    #[must_use]
    pub fn is_crowded(&self, watched: usize) -> bool {
        let most = self.unassured_limit();
        self.is_full() || self.unassured() >= most - most / 8 && watched >= most / 64
    }

    /// Flows from outside now that are not assured. A connection that strangers begin again counts too, so that there may
    /// be a few more of them than new ones are admitted.
    #[must_use]
    pub fn unassured(&self) -> usize {
        self.unassured.load(Relaxed)
    }

    /// The most of them, so that whatever strangers send, inside hosts find room for as many flows.
    fn unassured_limit(&self) -> usize {
        (self.limit / 2).max(1)
    }

    /// The most flows.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Flows now pinned to `wan`.
    #[must_use]
    pub fn pinned(&self, wan: WanId) -> usize {
        self.per_wan.get(wan.index()).map_or(0, |count| count.load(Relaxed))
    }

    /// Flows ever made.
    #[must_use]
    pub fn created(&self) -> u64 {
        self.created.load(Relaxed)
    }

    /// Flows ever expired.
    #[must_use]
    pub fn expired(&self) -> u64 {
        self.expired.load(Relaxed)
    }

    /// Flows ever refused because the table was full.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }
}

/// The inside end of a flow that is bound so; `None`: an IPv6 host, which shares no address.
#[must_use]
pub fn inside_end(key: &FlowKey, binding: Binding) -> Option<InsideEnd> {
    match key.inside() {
        IpAddr::V4(address) => Some(InsideEnd { address, port: key.inside_port(), lease: binding.lease }),
        IpAddr::V6(_) => None,
    }
}

impl fmt::Debug for FlowTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FlowTable({} of {})", self.len(), self.limit)
    }
}

#[cfg(test)]
mod tests;
