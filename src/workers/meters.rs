//! What a worker's ports count, and what the worker counts of frames that reached no port.
//! Must never know: what the numbers are read for.

use crate::ports::meter::Meter;
use crossbeam::utils::CachePadded;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What one worker's ports count, to be read at any time from any thread.
#[derive(Clone, Debug)]
pub struct Meters {
    /// The TUN queue.
    pub inside: Arc<Meter>,
    /// By `WanId`; a port that is attached later counts on.
    pub wans: Vec<Arc<Meter>>,
    unsent: Arc<CachePadded<Unsent>>,
    looks: Arc<AtomicU64>,
}

/// Frames that reached no port.
#[derive(Debug, Default)]
struct Unsent {
    no_link: AtomicU64,
    outbox_full: AtomicU64,
}

impl Meters {
    /// Meters of a worker with so many WANs, all at 0.
    pub(super) fn new(wans: usize) -> Self {
        Self {
            inside: Arc::default(),
            wans: (0..wans).map(|_| Arc::default()).collect(),
            unsent: Arc::default(),
            looks: Arc::default(),
        }
    }

    /// How often the worker has looked at its ports, which it does about once a second for as long as it turns.
    #[must_use]
    pub fn looks(&self) -> u64 {
        self.looks.load(Ordering::Relaxed)
    }

    /// One more.
    pub(super) fn add_look(&self) {
        self.looks.fetch_add(1, Ordering::Relaxed);
    }

    /// Frames for a WAN without a port.
    #[must_use]
    pub fn no_link(&self) -> u64 {
        self.unsent.no_link.load(Ordering::Relaxed)
    }

    /// Frames of the plane's own that found no room to wait in.
    #[must_use]
    pub fn outbox_full(&self) -> u64 {
        self.unsent.outbox_full.load(Ordering::Relaxed)
    }

    /// Adds frames for a WAN without a port.
    pub(super) fn add_no_link(&self, frames: u32) {
        if frames != 0 {
            self.unsent.no_link.fetch_add(u64::from(frames), Ordering::Relaxed);
        }
    }

    /// Takes over what the outbox has counted so far.
    pub(super) fn set_outbox_full(&self, frames: u64) {
        self.unsent.outbox_full.store(frames, Ordering::Relaxed);
    }
}
