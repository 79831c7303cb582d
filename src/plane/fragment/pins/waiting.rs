//! Later fragments that wait for their first, in the order of their arrival. At most 256 of them and 256 KiB
//! in each of the 16 shards, for three seconds, and half of that for one sender. Must never know: pins, locks.

use crate::plane::fragment::datagram::Datagram;
use crate::types::{HEADROOM, Tick};
use std::collections::VecDeque;

/// Fragments that wait in one shard at the most, and of one sender; a datagram of 64 KiB has 54 over links of 1280 bytes.
const PACKETS: usize = 256;
const SENDER_PACKETS: usize = PACKETS / 2;

/// Bytes that wait in one shard at the most, and of one sender: 4 MiB in all shards.
const BYTES: usize = 256 * 1024;
const SENDER_BYTES: usize = BYTES / 2;

/// Milliseconds a fragment waits at the most; RFC 6146 §3.4 asks for 2 s (FRAGMENT_MIN).
const PATIENCE_MS: u64 = 3000;

#[derive(Debug, Default)]
pub(super) struct Waiting {
    fragments: VecDeque<Fragment>,
    bytes: usize,
}

#[derive(Debug)]
struct Fragment {
    datagram: Datagram,
    /// `HEADROOM` bytes and the packet.
    buffer: Vec<u8>,
    since: Tick,
}

impl Waiting {
    /// Copies a fragment aside. The oldest give way to it, those of its own sender first; how many did.
    pub(super) fn push(&mut self, datagram: Datagram, packet: &[u8], now: Tick) -> usize {
        let mut buffer = Vec::with_capacity(HEADROOM + packet.len());
        buffer.resize(HEADROOM, 0);
        buffer.extend_from_slice(packet);
        let before = self.fragments.len();
        self.bytes += buffer.len();
        self.fragments.push_back(Fragment { datagram, buffer, since: now });
        self.make_room(datagram.sender());
        before + 1 - self.fragments.len()
    }

    fn make_room(&mut self, sender: u128) {
        let own = || self.fragments.iter().filter(|fragment| fragment.datagram.sender() == sender);
        let (mut packets, mut bytes) = (own().count(), own().map(|fragment| fragment.buffer.len()).sum::<usize>());
        while packets > SENDER_PACKETS || bytes > SENDER_BYTES {
            let oldest = self.fragments.iter().position(|fragment| fragment.datagram.sender() == sender);
            let Some(gone) = oldest.and_then(|at| self.fragments.remove(at)) else { break };
            (packets, bytes) = (packets - 1, bytes - gone.buffer.len());
            self.bytes -= gone.buffer.len();
        }
        while self.fragments.len() > PACKETS || self.bytes > BYTES {
            let Some(gone) = self.fragments.pop_front() else { break };
            self.bytes -= gone.buffer.len();
        }
    }

    /// Takes out what waits for the first fragment of `datagram`, in the order in which it came.
    pub(super) fn take(&mut self, datagram: &Datagram) -> Vec<Vec<u8>> {
        if !self.fragments.iter().any(|fragment| fragment.datagram == *datagram) {
            return Vec::new();
        }
        let all = std::mem::take(&mut self.fragments);
        let (ready, rest) = all.into_iter().partition::<Vec<_>, _>(|fragment| fragment.datagram == *datagram);
        self.fragments = rest.into();
        self.bytes -= ready.iter().map(|fragment| fragment.buffer.len()).sum::<usize>();
        ready.into_iter().map(|fragment| fragment.buffer).collect()
    }

    /// Bytes that wait.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        assert_eq!(self.bytes, self.fragments.iter().map(|fragment| fragment.buffer.len()).sum::<usize>());
        self.bytes
    }

    /// Forgets what has waited too long; how many.
    pub(super) fn expire(&mut self, now: Tick) -> usize {
        let before = self.fragments.len();
        while self.fragments.front().is_some_and(|oldest| now >= oldest.since.plus_millis(PATIENCE_MS)) {
            self.bytes -= self.fragments.pop_front().map_or(0, |gone| gone.buffer.len());
        }
        before - self.fragments.len()
    }
}

#[cfg(test)]
mod tests;
