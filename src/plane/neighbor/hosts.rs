//! Hosts of the WANs' own networks, to which packets go without a gateway: asked for when something is to be sent there, verified
//! and refreshed as a gateway is (RFC 826, RFC 4861 §7.3), given up when they are silent, forgotten when nobody sends there
//! any more. All workers share the table, and whoever turns first goes on with it.
//!
//! Only what is sent makes an entry, so nobody on the link can fill it. A WAN knows 1024 hosts at the most, the one that was
//! longest without a packet goes first; 128 more may be unanswered, of them 16 that one inside host has asked for. Beyond that
//! the oldest that has been silent for a second gives its place, so that an inside host which tries every address of a
//! network takes nothing from the others. Must never know: frames, packets, how a question looks (verify.rs).

use super::claims::{Slot, Step};
use super::word::{self, ASKED, Learned, PROBING, REACHABLE, Said, VALID};
use crate::types::{MAX_WANS, Mac, Tick, WanId};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Hosts of one WAN that have answered, and others, at the most.
const MOST: usize = 1024;
const MOST_SILENT: usize = 128;
/// Of these the ones that one inside host has asked for.
const MOST_OF_SOURCE: usize = 16;

/// Milliseconds after which one that is silent gives its place to another.
const PATIENCE_MS: u64 = 1000;
/// Milliseconds after which it is given up (RFC 4861 §10: `MAX_MULTICAST_SOLICIT` times `RETRANS_TIMER`), and for which that
/// counts.
const SILENT_MS: u64 = 3000;
const FAILED_MS: u64 = 1000;
/// Milliseconds between the first two questions, and between others (`RETRANS_TIMER`).
const QUICK_MS: u64 = 100;
const RETRY_MS: u64 = 1000;
/// Milliseconds after which one that answered is asked whether it is still there (`REACHABLE_TIME`), or is forgotten where
/// nothing was sent to it meanwhile.
const REFRESH_MS: u64 = 30_000;
/// Unanswered questions after which a MAC is given up (`MAX_UNICAST_SOLICIT`).
const MISSES: u32 = 3;
/// Milliseconds for which the time of the last packet may lag behind.
const USED_MS: u64 = 1000;

/// The hosts of all WANs.
#[derive(Debug)]
pub struct Hosts {
    wans: [RwLock<Table>; MAX_WANS],
    /// Nanoseconds: when the first of them is to be looked at.
    due: AtomicU64,
}

#[derive(Debug, Default)]
struct Table {
    hosts: HashMap<IpAddr, Host, foldhash::fast::RandomState>,
    link: Link,
}

/// Which link hosts are on: how often it has come up, and our MAC there.
pub(super) type Link = (Option<u32>, Mac);

/// How a host stands to the packets for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Resolution {
    /// They may leave.
    Known(Mac),
    /// They wait for its answer.
    Asked,
    /// It does not answer.
    Failed,
}

/// There is no room for one more that has not answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full;

/// A question for a host, to the one that is believed to be it or to everybody.
pub(super) type Question = (IpAddr, Option<Mac>);

#[derive(Debug)]
struct Host {
    /// As for a gateway (word.rs).
    word: u64,
    /// For whom it was asked first.
    by: IpAddr,
    begun: Tick,
    due: Tick,
    /// Questions since the last answer.
    tries: u32,
    /// When it answered last.
    heard: Tick,
    /// Nanoseconds: when something was sent to it last.
    used: AtomicU64,
    has_failed: bool,
    claim: Slot,
}

impl Default for Hosts {
    fn default() -> Self {
        Self { wans: std::array::from_fn(|_| RwLock::default()), due: AtomicU64::new(u64::MAX) }
    }
}

impl Hosts {
    /// The first tick at which there is something to do.
    pub(super) fn due(&self) -> Tick {
        Tick(self.due.load(Relaxed))
    }

    /// The one that is called first looks at all.
    pub(super) fn take_due(&self, now: Tick) -> bool {
        self.due() <= now && self.due.swap(u64::MAX, Relaxed) <= now.0
    }

    fn wake(&self, tick: Tick) {
        self.due.fetch_min(tick.0, Relaxed);
    }

    fn read(&self, wan: WanId) -> Option<RwLockReadGuard<'_, Table>> {
        Some(self.wans.get(wan.index())?.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write(&self, wan: WanId) -> Option<RwLockWriteGuard<'_, Table>> {
        Some(self.wans.get(wan.index())?.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// How a host to which something is sent now stands; `None`: it has not been asked.
    #[must_use]
    pub fn find(&self, now: Tick, wan: WanId, address: IpAddr) -> Option<Resolution> {
        let table = self.read(wan)?;
        let host = table.hosts.get(&address)?;
        if now.0 >= Tick(host.used.load(Relaxed)).plus_millis(USED_MS).0 {
            host.used.store(now.0, Relaxed);
        }
        Some(host.resolution())
    }

    /// A host is asked for from now on, because `by` sends to it.
    ///
    /// # Errors
    /// Too many are silent already.
    pub(super) fn begin(&self, now: Tick, (wan, link): (WanId, Link), address: IpAddr, by: IpAddr) -> Result<(), Full> {
        let mut table = self.write(wan).ok_or(Full)?;
        table.follow(link);
        if table.hosts.contains_key(&address) {
            return Ok(());
        }
        table.make_room(now, by)?;
        let host = Host::new(now, by);
        self.wake(host.due);
        table.hosts.insert(address, host);
        Ok(())
    }

    /// The MAC that a host is believed to have, and the one that is claimed for it; `None`: nobody sends to it.
    pub(super) fn macs(&self, wan: WanId, address: IpAddr) -> Option<(Option<Mac>, Option<Mac>)> {
        let table = self.read(wan)?;
        table.hosts.get(&address).map(|host| (host.mac(), host.claim.mac()))
    }

    /// What was said of a host counts if something is sent to it. What is a claim is verified from now on.
    pub(super) fn learn(&self, now: Tick, wan: WanId, said: Said) {
        if self.macs(wan, said.next_hop).is_none() {
            return;
        }
        let Some(mut table) = self.write(wan) else { return };
        if let Some(host) = table.hosts.get_mut(&said.next_hop)
            && host.learn(now, said.mac, said.is_answer)
        {
            self.wake(now);
        }
    }

    /// Goes on with the hosts of one WAN. Whom to ask, and how many claims were refused.
    pub(super) fn step(&self, now: Tick, wan: WanId) -> (Vec<Question>, u32) {
        let Some(mut table) = self.write(wan).filter(|table| !table.hosts.is_empty()) else { return (Vec::new(), 0) };
        let (mut questions, mut refused, mut next) = (Vec::new(), 0, Tick(u64::MAX));
        table.hosts.retain(|address, host| {
            let ask = &mut |mac| questions.push((*address, mac));
            let due = host.verify(now, ask, &mut refused).min(host.step(now, ask).unwrap_or_default());
            next = if due == Tick::default() { next } else { next.min(due) };
            due != Tick::default()
        });
        self.wake(next);
        (questions, refused)
    }

    /// The WAN's link is this now: what is known of another is forgotten, or of one that came up anew.
    pub(super) fn follow(&self, wan: WanId, link: Link) {
        if self.read(wan).is_some_and(|table| table.link != link) {
            self.write(wan).into_iter().for_each(|mut table| table.follow(link));
        }
    }

    /// How many hosts of a WAN are known.
    #[must_use]
    pub fn count(&self, wan: WanId) -> usize {
        self.read(wan).map_or(0, |table| table.hosts.values().filter(|host| host.mac().is_some()).count())
    }
}

impl Table {
    fn follow(&mut self, link: Link) {
        if self.link != link {
            *self = Self { link, ..Self::default() };
        }
    }

    fn make_room(&mut self, now: Tick, by: IpAddr) -> Result<(), Full> {
        let silent = || self.hosts.iter().filter(|(_, host)| host.mac().is_none());
        let (of_all, of_source) = (silent().count(), silent().filter(|(_, host)| host.by == by).count());
        let oldest = if of_source >= MOST_OF_SOURCE {
            silent().filter(|(_, host)| host.by == by).min_by_key(|(_, host)| host.begun)
        } else if of_all >= MOST_SILENT {
            silent().min_by_key(|(_, host)| host.begun)
        } else if self.hosts.len() - of_all >= MOST {
            let known = self.hosts.iter().filter(|(_, host)| host.mac().is_some());
            known.min_by_key(|(_, host)| host.used.load(Relaxed))
        } else {
            return Ok(());
        };
        let gone = oldest.filter(|(_, host)| now >= host.begun.plus_millis(PATIENCE_MS)).map(|(address, _)| *address);
        self.hosts.remove(&gone.ok_or(Full)?);
        Ok(())
    }
}

impl Host {
    /// One that is asked now.
    fn new(now: Tick, by: IpAddr) -> Self {
        Self {
            word: PROBING | ASKED,
            by,
            begun: now,
            due: now.plus_millis(QUICK_MS),
            tries: 1,
            heard: now,
            used: AtomicU64::new(now.0),
            has_failed: false,
            claim: Slot::default(),
        }
    }

    fn mac(&self) -> Option<Mac> {
        word::mac(self.word)
    }

    fn resolution(&self) -> Resolution {
        match self.mac() {
            Some(mac) => Resolution::Known(mac),
            None if self.has_failed => Resolution::Failed,
            None => Resolution::Asked,
        }
    }

    /// Whether there is something to verify.
    fn learn(&mut self, now: Tick, mac: Mac, is_answer: bool) -> bool {
        let was = self.word;
        if let Some(word) = word::after(was, mac, is_answer) {
            self.word = word;
            self.answered(now);
        }
        if is_answer {
            self.claim.note_answer(mac, word::mac(was) == Some(mac));
        }
        word::learned(was, mac, is_answer) == Learned::Claimed && self.claim.open(mac)
    }

    fn answered(&mut self, now: Tick) {
        (self.tries, self.has_failed, self.heard, self.due) = (0, false, now, now.plus_millis(REFRESH_MS));
    }

    /// Goes on with a MAC that is claimed for it. When to look again.
    fn verify(&mut self, now: Tick, ask: &mut impl FnMut(Option<Mac>), refused: &mut u32) -> Tick {
        let known = self.mac();
        match self.claim.take_step(now, known) {
            Step::Nothing => {}
            Step::Wait(until) => return until,
            Step::Ask(claimed, next) => {
                self.word |= ASKED;
                known.into_iter().chain(claimed).for_each(|mac| ask(Some(mac)));
                return next;
            }
            Step::Accept(mac) => {
                self.word = mac.to_u64() | VALID | REACHABLE;
                self.answered(now);
            }
            Step::Refuse => *refused += u32::from(known.is_some()),
        }
        Tick(u64::MAX)
    }

    /// Asks it if that is due. When to look again; `None`: it is forgotten.
    fn step(&mut self, now: Tick, ask: &mut impl FnMut(Option<Mac>)) -> Option<Tick> {
        if now < self.due {
            return Some(self.due);
        }
        let known = self.mac();
        let is_over = match known {
            Some(_) if self.tries == 0 && self.used.load(Relaxed) < self.heard.0 => return None,
            Some(_) => self.tries >= MISSES,
            None if self.has_failed => return None,
            None => now >= self.begun.plus_millis(SILENT_MS),
        };
        if is_over {
            (self.word, self.has_failed, self.due) = (0, true, now.plus_millis(FAILED_MS));
            return Some(self.due);
        }
        self.tries += 1;
        self.word |= ASKED;
        ask(known);
        if known.is_some() && self.tries > 1 {
            self.word = self.word & !REACHABLE | PROBING;
            ask(None);
        }
        self.due = now.plus_millis(RETRY_MS);
        if known.is_none() {
            self.due = self.due.min(self.begun.plus_millis(SILENT_MS));
        }
        Some(self.due)
    }
}

#[cfg(test)]
mod tests;
