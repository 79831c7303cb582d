//! Frames that the plane itself sends: ARP, ND, ICMP errors, and packets that waited for a next hop.
//! Bounded, with recycled buffers. Must never know: ports.

use crate::types::{Batch, Disposition, End, Frame, HEADROOM, Offload};

/// Frames the outbox holds at the most; more are counted and forgotten. A batch leaves no more answers than frames, and
/// one frame no more fragments than [`FRAGMENTS`].
pub const CAPACITY: usize = 2 * FRAGMENTS;

/// Fragments of one frame at the most: a UDP super-frame of 64 KiB whose segments are one byte longer than the 576 of the
/// smallest link becomes 240.
pub const FRAGMENTS: usize = 256;

/// Frames made by the plane since they were last sent.
#[derive(Debug, Default)]
pub struct Outbox {
    queued: Vec<Made>,
    spare: Vec<Vec<u8>>,
    keeps_order: bool,
    /// Frames that found no room.
    pub overflow: u64,
}

/// One frame made by the plane: `HEADROOM` bytes in front, the IP packet (or ARP body) from there on.
#[derive(Debug)]
struct Made {
    buffer: Vec<u8>,
    l2: usize,
    to: End,
    offload: Offload,
    header_len: u16,
}

impl Outbox {
    /// An empty outbox.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Queues a packet for `to` behind the link header `link` (empty towards inside, at most `HEADROOM` bytes).
    /// `write` appends the packet to the buffer and says whether there is one. False when nothing was queued.
    pub fn push(&mut self, to: End, link: &[u8], write: impl FnOnce(&mut Vec<u8>) -> bool) -> bool {
        self.push_with(to, link, Offload::NONE, 0, write)
    }

    /// The same for a packet that still owes a checksum or segmentation.
    pub fn push_with(
        &mut self,
        to: End,
        link: &[u8],
        offload: Offload,
        header_len: u16,
        write: impl FnOnce(&mut Vec<u8>) -> bool,
    ) -> bool {
        if self.queued.len() >= CAPACITY {
            self.overflow += 1;
            return false;
        }
        let Some(l2) = HEADROOM.checked_sub(link.len()) else { return false };
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.clear();
        buffer.resize(l2, 0);
        buffer.extend_from_slice(link);
        if !write(&mut buffer) {
            self.spare.push(buffer);
            return false;
        }
        self.queued.push(Made { buffer, l2, to, offload, header_len });
        true
    }

    /// The queued frames are to be sent before any frame that is processed from now on, and after those before.
    pub fn keep_order(&mut self) {
        self.keeps_order = true;
    }

    /// Whether the queued frames have a place among those that are being processed.
    #[must_use]
    pub fn keeps_order(&self) -> bool {
        self.keeps_order
    }

    /// Frames that still find room.
    #[must_use]
    pub fn room(&self) -> usize {
        CAPACITY.saturating_sub(self.queued.len())
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queued.is_empty()
    }

    /// Hands the queued frames over in batches, in the order they were made, and recycles their buffers.
    pub fn drain(&mut self, mut send: impl FnMut(&mut Batch<'_>)) {
        for chunk in self.queued.chunks_mut(crate::types::MAX_BATCH) {
            let mut batch = Batch::new();
            for made in chunk {
                let end = made.buffer.len();
                if let Some(mut frame) = Frame::new(&mut made.buffer, made.l2, HEADROOM, end, made.offload) {
                    frame.disposition = Disposition::Send(made.to);
                    frame.header_len = made.header_len;
                    batch.push(frame);
                }
            }
            send(&mut batch);
        }
        self.keeps_order = false;
        // One is made only when none is spare, so that there are never more than `CAPACITY`.
        let reusable = self.queued.drain(..).map(|made| made.buffer).filter(|buffer| buffer.capacity() <= 4096);
        self.spare.extend(reusable);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::WanId;

    #[test]
    fn frames_come_out_in_order_with_their_ends() {
        let mut outbox = Outbox::new();
        for n in 0..70u8 {
            let to = if n % 2 == 0 { End::Inside } else { End::Wan(WanId(0)) };
            let link: &[u8] = if n % 2 == 0 { &[] } else { &[9; 14] };
            assert!(outbox.push(to, link, |buffer| {
                buffer.extend_from_slice(&[n; 40]);
                true
            }));
        }
        let mut seen = Vec::new();
        outbox.drain(|batch| {
            seen.extend(batch.iter().map(|frame| (frame.packet()[0], frame.bytes().len(), frame.disposition)))
        });
        assert_eq!(seen.len(), 70);
        assert_eq!(seen[68], (68, 40, Disposition::Send(End::Inside)));
        assert_eq!(seen[69], (69, 54, Disposition::Send(End::Wan(WanId(0)))));
        assert!(outbox.is_empty());
    }

    #[test]
    fn a_full_outbox_counts_what_it_forgets() {
        let mut outbox = Outbox::new();
        for _ in 0..CAPACITY + 3 {
            let _ = outbox.push(End::Inside, &[], |buffer| {
                buffer.push(0);
                true
            });
        }
        assert_eq!((outbox.overflow, outbox.room()), (3, 0));
    }

    #[test]
    fn a_buffer_that_was_sent_is_used_again_unless_it_has_grown_large() {
        let mut outbox = Outbox::new();
        let mut found = Vec::new();
        for grown in [4096, 4097, 64] {
            assert!(outbox.push(End::Inside, &[], |buffer| {
                found.push(buffer.capacity() >= 4096);
                buffer.reserve_exact(grown - buffer.len());
                true
            }));
            outbox.drain(|_| ());
        }
        assert_eq!(found, [false, true, false]);
    }
}
