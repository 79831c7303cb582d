//! Probes of the WANs' health as frames of the data plane's own: one worker asks (`Prober`), every worker hears. A probe
//! leaves by its own WAN, and only what comes back there counts, from the host that was asked and with the numbers that
//! it was asked with; so one host may be asked through all WANs. Must never know: sockets, clocks, what the outcomes mean
//! for a WAN.

mod answers;
mod asked;
mod dns;
mod http;
mod ntp;
mod prober;
mod tcp;
mod tls;

pub use answers::{ProbeContext, handle, on_neighbor_answer};
pub use dns::question;
pub use http::request;
pub use prober::Prober;
pub use tls::hello;

use crate::types::{MAX_WANS, Outcome, Probed, Tick, WanId};
use asked::Asked;
use crossbeam::queue::ArrayQueue;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Probes of one WAN at the most; more are not asked.
pub const MOST: usize = 128;

/// Outcomes that wait to be fetched at the most, one of each probe; then the oldest are forgotten.
const OUTCOMES: usize = MAX_WANS * MOST;

/// What all workers know of the probes.
#[derive(Debug)]
pub struct Health {
    wans: [Wan; MAX_WANS],
    outcomes: ArrayQueue<Probed>,
    secret: u64,
}

/// The probes of one WAN. What is not asked for costs one load per packet.
#[derive(Debug)]
struct Wan {
    /// How many of the keys are in use.
    count: AtomicU32,
    /// What a packet about a probe carries, 0 for none: protocol, and our port or identifier.
    keys: [AtomicU32; MOST],
    asked: [Mutex<Option<Box<Asked>>>; MOST],
}

impl Default for Wan {
    fn default() -> Self {
        Self {
            count: AtomicU32::new(0),
            keys: [const { AtomicU32::new(0) }; MOST],
            asked: [const { Mutex::new(None) }; MOST],
        }
    }
}

impl Health {
    /// Nothing asked. From `secret` come the numbers in the probes, which nobody who does not see them shall guess.
    #[must_use]
    pub fn new(secret: u64) -> Self {
        // The same secret serves the probes of the paths: their numbers shall not be these.
        let secret = secret ^ 0x6865_616c_7468;
        Self { wans: std::array::from_fn(|_| Wan::default()), outcomes: ArrayQueue::new(OUTCOMES), secret }
    }

    /// The outcomes since it was last asked, oldest first.
    pub fn outcomes(&self) -> impl Iterator<Item = Probed> + '_ {
        std::iter::from_fn(|| self.outcomes.pop()).take(OUTCOMES)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.outcomes.is_empty()
    }

    /// Whether a WAN is probed at all.
    fn is_probed(&self, wan: WanId) -> bool {
        self.wans.get(wan.index()).is_some_and(|wan| wan.count.load(Relaxed) != 0)
    }

    fn set_count(&self, wan: WanId, count: usize) {
        if let Some(wan) = self.wans.get(wan.index()) {
            wan.count.store(u32::try_from(count.min(MOST)).unwrap_or(0), Relaxed);
        }
    }

    /// The probes of a WAN that may be about `key`.
    fn with_key(&self, wan: WanId, key: u32) -> impl Iterator<Item = u16> + '_ {
        let cells = self.wans.get(wan.index()).map(|wan| (wan, wan.count.load(Relaxed) as usize));
        let cells = cells.into_iter().flat_map(|(wan, count)| (0..).zip(wan.keys.iter().take(count)));
        cells.filter(move |(_, cell)| cell.load(Relaxed) == key).map(|(probe, _)| probe)
    }

    /// The newest question of a probe, answered or not.
    fn asked(&self, wan: WanId, probe: u16) -> Option<MutexGuard<'_, Option<Box<Asked>>>> {
        let slot = self.wans.get(wan.index())?.asked.get(usize::from(probe))?;
        // What a panic left behind is whole: a question is replaced as one.
        Some(slot.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes this the newest question of a probe.
    fn put(&self, wan: WanId, probe: u16, asked: Option<Box<Asked>>) {
        let key = asked.as_ref().map_or(0, |asked| asked.key());
        if let Some(mut slot) = self.asked(wan, probe) {
            *slot = asked;
        }
        if let Some(cell) = self.wans.get(wan.index()).and_then(|wan| wan.keys.get(usize::from(probe))) {
            cell.store(key, Relaxed);
        }
    }

    fn report(&self, (wan, probe): (WanId, u16), epoch: u32, at: Tick, outcome: Outcome) {
        let _ = self.outcomes.force_push(Probed { wan, probe, epoch, at, outcome });
    }
}

#[cfg(test)]
mod tests;
