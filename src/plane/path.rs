//! What the path behind each WAN carries: found by probing it, for the WANs that ask for that, and remembered from
//! too-big messages, remote by remote. What was found lies in one word each, so that every worker reads it without a
//! lock; all workers hear the answers, one of them (`Prober`) asks. Must never know: sockets, clocks, what the MTU is
//! used for.

mod answers;
mod memory;
mod prober;
mod search;

pub use answers::{handle, said_too_big};
pub use memory::{Memory, Remembered};
pub use prober::Prober;
pub use search::{State, floor};

use crate::plane::policy::Wan;
use crate::types::{Family, MAX_WANS, WanId};
use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU64, Ordering::Relaxed};

/// What all workers know of the paths.
#[derive(Debug)]
pub struct Paths {
    cells: [[Cell; 2]; MAX_WANS],
    /// What remotes' paths were said to carry.
    pub memory: Memory,
    secret: u64,
}

/// One WAN in one family.
#[derive(Debug)]
struct Cell {
    /// Bytes; [`NO_LIMIT`] and nothing was found.
    limit: AtomicU16,
    state: AtomicU8,
    /// The token of the probe under way; 0 and there is none.
    asked: AtomicU64,
    /// The token that was answered last.
    answered: AtomicU64,
    /// The token's first half that a too-big message quoted, and what it said, in its second.
    too_big: AtomicU64,
}

const NO_LIMIT: u16 = u16::MAX;

impl Default for Cell {
    fn default() -> Self {
        Self {
            limit: AtomicU16::new(NO_LIMIT),
            state: AtomicU8::default(),
            asked: AtomicU64::default(),
            answered: AtomicU64::default(),
            too_big: AtomicU64::default(),
        }
    }
}

impl Paths {
    /// Nothing found, nothing remembered. From `secret` come the numbers in the probes, which nobody who does not see
    /// them shall guess.
    #[must_use]
    pub fn new(secret: u64) -> Self {
        Self { cells: std::array::from_fn(|_| Default::default()), memory: Memory::new(secret), secret }
    }

    /// Bytes that the path behind a WAN is known to carry at the most; [`NO_LIMIT`] when nothing is known.
    fn limit(&self, wan: WanId, family: Family) -> u16 {
        self.cell(wan, family).map_or(NO_LIMIT, |cell| cell.limit.load(Relaxed))
    }

    /// Bytes of the largest packet that leaves by `wan` and arrives: what its link carries, less where its path is known to.
    #[must_use]
    pub fn mtu(&self, id: WanId, wan: &Wan, family: Family) -> u16 {
        wan.mtu(family).min(self.limit(id, family))
    }

    /// What was found there, in bytes.
    #[must_use]
    pub fn found(&self, wan: WanId, family: Family) -> Option<u16> {
        Some(self.limit(wan, family)).filter(|limit| *limit != NO_LIMIT)
    }

    /// How far the search is there.
    #[must_use]
    pub fn state(&self, wan: WanId, family: Family) -> State {
        let state = self.cell(wan, family).map_or(0, |cell| cell.state.load(Relaxed));
        State::ALL.get(usize::from(state)).copied().unwrap_or_default()
    }

    /// The token of the probe under way.
    fn asked(&self, wan: WanId, family: Family) -> Option<u64> {
        self.cell(wan, family).map(|cell| cell.asked.load(Relaxed)).filter(|token| *token != 0)
    }

    fn publish(&self, wan: WanId, family: Family, found: Option<u16>, state: State) {
        if let Some(cell) = self.cell(wan, family) {
            cell.limit.store(found.unwrap_or(NO_LIMIT), Relaxed);
            cell.state.store(state as u8, Relaxed);
        }
    }

    fn cell(&self, wan: WanId, family: Family) -> Option<&Cell> {
        self.cells.get(wan.index()).map(|both| &both[family.index()])
    }
}

#[cfg(test)]
mod tests;
