//! Memory for frames of unknown length: one block, reused from its start for every batch so that it stays in the cache,
//! small frames packed. Each frame has headroom in front and starts where its IP header is aligned.
//! Must never know: where frames come from.

use crate::types::HEADROOM;

/// The longest frame that fits: Ethernet, one tag and the longest IP packet.
pub(super) const LONGEST: usize = 65_535 + HEADROOM;

/// Bytes that one frame may need: headroom rounded up for alignment, and the frame.
const ROOM: usize = ALIGN + LONGEST;

/// A cache line: what comes in front of an IP header, and the grain of the packing.
const ALIGN: usize = 64;

/// Longest frames that fit one batch at the least. More would leave a common second-level cache.
const LARGE: usize = 6;

/// The block.
#[derive(Debug)]
pub(super) struct Arena(Box<[u8]>);

/// What is left of the block in this batch.
#[derive(Debug)]
pub(super) struct Rest<'a>(&'a mut [u8]);

impl Arena {
    /// A block for `LARGE` super-frames or a full batch of ordinary ones.
    pub(super) fn new() -> Self {
        Self(vec![0; LARGE * ROOM].into_boxed_slice())
    }

    /// The whole block, for a new batch.
    pub(super) fn open(&mut self) -> Rest<'_> {
        Rest(&mut self.0)
    }
}

impl<'a> Rest<'a> {
    /// Whether a frame of any length still fits.
    pub(super) fn has_room(&self) -> bool {
        self.0.len() >= ROOM
    }

    /// Where the next frame's bytes go when its IP header shall stand `link` bytes in; `LONGEST` bytes.
    /// Empty when there is no room.
    pub(super) fn space(&mut self, link: usize) -> &mut [u8] {
        let start = ALIGN.saturating_sub(link);
        self.0.get_mut(start..start + LONGEST).unwrap_or_default()
    }

    /// Takes the memory of the frame of `len` bytes that was written to `space(link)`. Returns it with the headroom in
    /// front, and where the frame begins.
    pub(super) fn take(&mut self, link: usize, len: usize) -> (&'a mut [u8], usize) {
        let start = ALIGN.saturating_sub(link);
        let block = std::mem::take(&mut self.0);
        let used = (start + len).next_multiple_of(ALIGN).min(block.len());
        let (frame, rest) = block.split_at_mut(used);
        self.0 = rest;
        (frame, start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_frames_are_packed_and_large_ones_stop_the_batch() {
        let mut arena = Arena::new();
        let mut rest = arena.open();
        let before = rest.0.len();
        rest.space(14)[..3].copy_from_slice(&[1, 2, 3]);
        let (frame, start) = rest.take(14, 3);
        assert_eq!((start, &frame[start..start + 3], frame.len()), (50, &[1, 2, 3][..], 64));
        assert_eq!(before - rest.0.len(), 64);
        let mut large = 0;
        while rest.has_room() {
            assert_eq!(rest.space(0).len(), LONGEST);
            let _ = rest.take(0, LONGEST);
            large += 1;
        }
        assert_eq!(large, LARGE - 1);
        assert!(rest.space(0).len() < LONGEST);
    }

    #[test]
    fn sixty_four_full_sized_frames_fit_one_batch() {
        let mut arena = Arena::new();
        let mut rest = arena.open();
        for _ in 0..64 {
            assert!(rest.has_room());
            let _ = rest.take(14, 1514);
        }
    }
}
