//! Which addresses of a translated prefix inside hosts use, where that prefix is the link's own network: for others nobody
//! answers on the link, for they may be somebody's there. An address is in use for two hours or more after the last flow
//! that began with it, or the last question for it. Must never know: frames, flows.

use crate::types::{MAX_WANS, Tick, WanId};
use std::collections::HashSet;
use std::net::Ipv6Addr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Addresses of one WAN in each of two generations: an inside host that takes ever new ones costs so much room.
const MOST: usize = 2048;
/// Milliseconds after which a generation is the older one: longer than a silent connection lives by default.
const AGE_MS: u64 = 7_800_000;

/// The addresses, by WAN.
#[derive(Debug)]
pub struct InUse {
    wans: [Mutex<Addresses>; MAX_WANS],
}

#[derive(Debug, Default)]
struct Addresses {
    begun: Tick,
    young: HashSet<Ipv6Addr, foldhash::fast::RandomState>,
    old: HashSet<Ipv6Addr, foldhash::fast::RandomState>,
    /// Changes whenever one is new.
    version: u32,
}

impl Default for InUse {
    fn default() -> Self {
        Self { wans: std::array::from_fn(|_| Mutex::default()) }
    }
}

impl InUse {
    /// A flow has begun with `address`, or somebody asks for it.
    pub fn touch(&self, now: Tick, wan: WanId, address: Ipv6Addr) {
        if let Some(mut all) = self.of(wan) {
            all.touch(now, address);
        }
    }

    /// Whether `address` is in use; the question keeps it so.
    pub(super) fn is_asked(&self, now: Tick, wan: WanId, address: Ipv6Addr) -> bool {
        let Some(mut all) = self.of(wan) else { return false };
        all.age(now);
        let is_in_use = all.young.contains(&address) || all.old.contains(&address);
        if is_in_use {
            all.touch(now, address);
        }
        is_in_use
    }

    /// A number that is another one whenever there is an address that was not there before.
    pub(super) fn version(&self, wan: WanId) -> u32 {
        self.of(wan).map_or(0, |all| all.version)
    }

    /// All of them, in no particular order.
    pub(super) fn all(&self, wan: WanId) -> Vec<Ipv6Addr> {
        self.of(wan).map_or_else(Vec::new, |all| all.young.union(&all.old).copied().collect())
    }

    fn of(&self, wan: WanId) -> Option<MutexGuard<'_, Addresses>> {
        Some(self.wans.get(wan.index())?.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Addresses {
    fn touch(&mut self, now: Tick, address: Ipv6Addr) {
        self.age(now);
        if self.young.contains(&address) {
            return;
        }
        if self.young.len() >= MOST {
            self.turn(now);
        }
        if !self.old.contains(&address) {
            self.version = self.version.wrapping_add(1);
        }
        self.young.insert(address);
    }

    fn age(&mut self, now: Tick) {
        if now.millis() >= self.begun.millis().saturating_add(AGE_MS) {
            self.turn(now);
        }
    }

    fn turn(&mut self, now: Tick) {
        self.old = std::mem::take(&mut self.young);
        self.begun = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: WanId = WanId(0);

    fn at(hours: u64) -> Tick {
        Tick::from_millis(hours * 3_600_000)
    }

    fn host(number: u128) -> Ipv6Addr {
        Ipv6Addr::from_bits(0x2001_0db8 << 96 | number)
    }

    #[test]
    fn an_address_is_in_use_for_hours_after_its_last_flow_and_as_long_as_it_is_asked_for() {
        let addresses = InUse::default();
        assert!(!addresses.is_asked(at(0), A, host(1)));
        addresses.touch(at(1), A, host(1));
        addresses.touch(at(1), A, host(2));
        assert!(addresses.is_asked(at(2), A, host(1)) && !addresses.is_asked(at(2), WanId(1), host(1)));
        for hours in [3, 5, 7, 9] {
            assert!(addresses.is_asked(at(hours), A, host(1)), "{hours}");
        }
        assert!(!addresses.is_asked(at(9), A, host(2)), "nobody asked for it");
    }

    #[test]
    fn ever_new_addresses_take_bounded_room_and_what_is_new_is_news() {
        let addresses = InUse::default();
        for number in 0..100_000 {
            addresses.touch(at(0), A, host(number));
        }
        assert!(addresses.all(A).len() <= 2 * MOST);
        let before = addresses.version(A);
        addresses.touch(at(0), A, host(99_999));
        assert_eq!(addresses.version(A), before);
        addresses.touch(at(0), A, host(7));
        assert_ne!(addresses.version(A), before);
    }
}
