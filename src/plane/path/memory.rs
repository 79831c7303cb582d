//! What remotes' paths were said to carry by too-big messages: so that the MSS of the next connection there is right from
//! its first SYN (pass/mss_clamp.rs). Fixed memory: a newer entry replaces an older one in its place.
//! Must never know: packets, whether a message was to be believed.

use crate::plane::keyed::Keyed;
use crate::types::{Tick, WanId};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, and entries behind each: paths remembered at the most.
const SHARDS: usize = 16;
const SLOTS: usize = 64;

/// Milliseconds that a message is believed (RFC 1191 §6.3, RFC 8201 §4: after ten minutes the path may have grown).
const LIFETIME_MS: u64 = 600_000;

/// What is known of one remote's path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Remembered {
    /// The WAN of the path.
    pub wan: WanId,
    /// Its other end.
    pub remote: IpAddr,
    /// Bytes of the largest packet.
    pub mtu: u16,
    /// When it is forgotten.
    pub expires: Tick,
}

/// The paths of all WANs, shared by the workers.
#[derive(Debug)]
pub struct Memory {
    /// Nobody outside knows which remotes share a place.
    key: Keyed,
    shards: [Mutex<Shard>; SHARDS],
    /// Nanoseconds: when the last entry expires, so that who remembers nothing takes no lock.
    last: AtomicU64,
}

#[derive(Debug)]
struct Shard([Option<Remembered>; SLOTS]);

impl Default for Shard {
    fn default() -> Self {
        Self([None; SLOTS])
    }
}

impl Memory {
    /// Nothing remembered. From `secret` comes the place of each remote.
    #[must_use]
    pub fn new(secret: u64) -> Self {
        let key = Keyed::new(secret, 0x7061_7468);
        Self { key, shards: std::array::from_fn(|_| Mutex::default()), last: AtomicU64::new(0) }
    }

    /// A router said that packets of `mtu` bytes reach `remote` by way of `wan`. While it is believed no other makes more
    /// of it: the message that said less was about a hop further on.
    pub fn learn(&self, wan: WanId, remote: IpAddr, mtu: u16, now: Tick) {
        let (mut shard, slot) = self.place(wan, remote);
        let Some(entry) = shard.0.get_mut(slot) else { return };
        let less = entry.filter(|known| known.is(wan, remote) && known.expires > now && known.mtu < mtu);
        if less.is_none() {
            let expires = now.plus_millis(LIFETIME_MS);
            *entry = Some(Remembered { wan, remote, mtu, expires });
            self.last.fetch_max(expires.0, Relaxed);
        }
    }

    /// The MTU to `remote` by way of `wan`, in bytes, if a router said so lately.
    #[must_use]
    pub fn find(&self, wan: WanId, remote: IpAddr, now: Tick) -> Option<u16> {
        if self.last.load(Relaxed) <= now.0 {
            return None;
        }
        let (shard, slot) = self.place(wan, remote);
        let known = shard.0.get(slot).copied().flatten()?;
        (known.is(wan, remote) && known.expires > now).then_some(known.mtu)
    }

    /// Everything that is believed at `now`, in no particular order.
    #[must_use]
    pub fn list(&self, now: Tick) -> Vec<Remembered> {
        let shards = self.shards.iter().map(lock);
        let all = shards.flat_map(|shard| shard.0.iter().flatten().copied().collect::<Vec<_>>());
        all.filter(|known| known.expires > now).collect()
    }

    fn place(&self, wan: WanId, remote: IpAddr) -> (MutexGuard<'_, Shard>, usize) {
        let hash = self.key.hash((wan, remote)) as usize;
        (lock(&self.shards[hash % SHARDS]), hash / SHARDS % SLOTS)
    }
}

impl Remembered {
    fn is(&self, wan: WanId, remote: IpAddr) -> bool {
        (self.wan, self.remote) == (wan, remote)
    }
}

/// Entries are whole at any time: a lock that a panic left behind holds nothing broken.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const REMOTE: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 10));

    fn secs(secs: u64) -> Tick {
        Tick::from_secs(secs)
    }

    #[test]
    fn a_path_is_remembered_for_ten_minutes_on_its_wan() {
        let memory = Memory::new(0);
        memory.learn(WanId(1), REMOTE, 1300, secs(100));
        assert_eq!(memory.find(WanId(1), REMOTE, secs(699)), Some(1300));
        assert_eq!(memory.find(WanId(1), REMOTE, secs(700)), None);
        assert_eq!(memory.find(WanId(0), REMOTE, secs(100)), None);
        assert_eq!((memory.list(secs(699)).len(), memory.list(secs(700)).len()), (1, 0));
        memory.learn(WanId(0), REMOTE, 1400, secs(500));
        assert_eq!(memory.find(WanId(1), REMOTE, secs(700)), None, "though another is remembered for longer");
    }

    #[test]
    fn only_less_is_learned_while_a_message_is_believed() {
        let memory = Memory::new(0);
        memory.learn(WanId(0), REMOTE, 1300, secs(0));
        memory.learn(WanId(0), REMOTE, 1400, secs(10));
        assert_eq!(memory.find(WanId(0), REMOTE, secs(10)), Some(1300));
        memory.learn(WanId(0), REMOTE, 1280, secs(300));
        assert_eq!(memory.find(WanId(0), REMOTE, secs(899)), Some(1280), "ten minutes from the newer one");
        memory.learn(WanId(0), REMOTE, 1400, secs(900));
        assert_eq!(memory.find(WanId(0), REMOTE, secs(900)), Some(1400));
    }

    #[test]
    fn a_flood_of_messages_takes_no_more_memory() {
        let memory = Memory::new(0);
        for host in 0..100_000u32 {
            memory.learn(WanId(0), IpAddr::from(Ipv4Addr::from(0x0a00_0000 + host)), 1300, secs(1));
        }
        assert!(memory.list(secs(1)).len() <= SHARDS * SLOTS);
        let newest = IpAddr::from(Ipv4Addr::from(0x0a00_0000 + 99_999));
        assert_eq!(memory.find(WanId(0), newest, secs(1)), Some(1300));
        let strangers = (0x0b00_0000..0x0b00_1000u32).map(|host| IpAddr::from(Ipv4Addr::from(host)));
        assert!(strangers.into_iter().all(|remote| memory.find(WanId(0), remote, secs(1)).is_none()));
    }

    #[test]
    fn nobody_outside_knows_which_remotes_share_a_place() {
        let place = |remote: IpAddr| {
            std::hash::BuildHasher::hash_one(&foldhash::fast::FixedState::default(), (WanId(0), remote)) >> 32 & 1023
        };
        let remotes = (0x0b00_0000..u32::MAX).map(|host| IpAddr::from(Ipv4Addr::from(host)));
        let memory = Memory::new(0);
        memory.learn(WanId(0), REMOTE, 1300, secs(1));
        let strangers = remotes.filter(|remote| place(*remote) == place(REMOTE)).take(8);
        strangers.for_each(|remote| memory.learn(WanId(0), remote, 1280, secs(2)));
        assert_eq!(memory.find(WanId(0), REMOTE, secs(3)), Some(1300), "with an unkeyed hash they take its place");
    }
}
