//! What a port counts: written by the one worker that owns the port, read by any thread at any time.
//! Must never know: what the numbers are read for.

use super::batch::Sent;
use crossbeam::utils::CachePadded;
use std::sync::atomic::{AtomicU64, Ordering};

/// One port's counters, both directions, in frames (a super-frame is one). On cache lines of its own.
#[derive(Debug, Default)]
pub struct Meter(CachePadded<Cells>);

#[derive(Debug, Default)]
struct Cells {
    received: AtomicU64,
    lost: AtomicU64,
    truncated: AtomicU64,
    malformed: AtomicU64,
    sent: AtomicU64,
    full: AtomicU64,
    refused: AtomicU64,
}

/// The counters of a port at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Reading {
    /// Frames handed to the worker.
    pub received: u64,
    /// Frames that the kernel dropped because the receive queue was full. Up to a second behind.
    pub lost: u64,
    /// Frames that arrived incomplete: longer than a slot while the socket's buffer was full, or longer than any packet.
    pub truncated: u64,
    /// Frames without a whole link header, or with a virtio header that makes no sense.
    pub malformed: u64,
    /// Frames handed to the kernel.
    pub sent: u64,
    /// Frames not sent because a queue was full.
    pub full: u64,
    /// Frames that the kernel refused for another reason: an MTU, an offload, a link that is down.
    pub refused: u64,
}

impl Reading {
    /// Every counter with its name, in a fixed order.
    #[must_use]
    pub fn named(&self) -> [(&'static str, u64); 7] {
        [
            ("received", self.received),
            ("lost", self.lost),
            ("truncated", self.truncated),
            ("malformed", self.malformed),
            ("sent", self.sent),
            ("full", self.full),
            ("refused", self.refused),
        ]
    }
}

impl std::ops::AddAssign for Reading {
    fn add_assign(&mut self, other: Self) {
        self.received += other.received;
        self.lost += other.lost;
        self.truncated += other.truncated;
        self.malformed += other.malformed;
        self.sent += other.sent;
        self.full += other.full;
        self.refused += other.refused;
    }
}

impl Meter {
    /// The counters now.
    #[must_use]
    pub fn read(&self) -> Reading {
        let get = |cell: &AtomicU64| cell.load(Ordering::Relaxed);
        Reading {
            received: get(&self.0.received),
            lost: get(&self.0.lost),
            truncated: get(&self.0.truncated),
            malformed: get(&self.0.malformed),
            sent: get(&self.0.sent),
            full: get(&self.0.full),
            refused: get(&self.0.refused),
        }
    }

    /// Adds what one receive brought. Only `received`, `lost`, `truncated` and `malformed` of it count.
    pub(super) fn add_received(&self, more: &Reading) {
        add(&self.0.received, more.received);
        add(&self.0.lost, more.lost);
        add(&self.0.truncated, more.truncated);
        add(&self.0.malformed, more.malformed);
    }

    /// Adds what one transmit did.
    pub(super) fn add_sent(&self, more: Sent) {
        add(&self.0.sent, u64::from(more.sent));
        add(&self.0.full, u64::from(more.full));
        add(&self.0.refused, u64::from(more.refused));
    }
}

/// One writer only: a load and a store, no locked instruction.
fn add(cell: &AtomicU64, more: u64) {
    if more != 0 {
        cell.store(cell.load(Ordering::Relaxed) + more, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_is_the_sum_of_what_was_added() {
        let meter = Meter::default();
        meter.add_received(&Reading { received: 3, truncated: 1, ..Reading::default() });
        meter.add_received(&Reading { received: 2, lost: 7, malformed: 4, ..Reading::default() });
        meter.add_sent(Sent { sent: 5, full: 6, refused: 8 });
        let all = Reading { received: 5, lost: 7, truncated: 1, malformed: 4, sent: 5, full: 6, refused: 8 };
        assert_eq!(meter.read(), all);
        assert_eq!(all.named().map(|(_, value)| value), [5, 7, 1, 4, 5, 6, 8]);
    }
}
