//! Ports without a kernel, for tests and benches: frames come from a list and go to a list, with a bell to wait for where
//! a worker is to be driven. Must never know: what they are made for.

use super::batch::{Receive, Sent, Transmit};
use super::live::{LivePort, LiveReceive};
use super::sys::wait::Bell;
use crate::types::{Batch, End, Frame, HEADROOM, MAX_BATCH, Offload};
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A frame outside of any port.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Stored {
    /// Link header; empty at the TUN.
    pub link: Vec<u8>,
    /// IP packet or ARP body.
    pub packet: Vec<u8>,
    /// What the kernel has left to do for it.
    pub offload: Offload,
    /// Stripped tag.
    pub tag: Option<u16>,
    /// Network plus transport header, as the plane found it.
    pub header_len: u16,
}

impl Stored {
    /// A frame without offloads and without a tag.
    #[must_use]
    pub fn new(link: &[u8], packet: &[u8]) -> Self {
        Self { link: link.to_vec(), packet: packet.to_vec(), ..Self::default() }
    }

    /// A copy of `frame`.
    pub(super) fn of(frame: &Frame<'_>) -> Self {
        Self {
            link: frame.link().to_vec(),
            packet: frame.packet().to_vec(),
            offload: frame.offload,
            tag: frame.tag,
            header_len: frame.header_len,
        }
    }
}

/// A stored frame in a buffer with headroom in front.
#[derive(Debug)]
pub(super) struct LaidOut {
    buffer: Vec<u8>,
    stored: Stored,
}

impl LaidOut {
    /// Lays a frame out, as a port that has just received it would.
    pub(super) fn new(stored: Stored) -> Self {
        let mut buffer = vec![0; HEADROOM.saturating_sub(stored.link.len())];
        buffer.extend_from_slice(&stored.link);
        buffer.extend_from_slice(&stored.packet);
        Self { buffer, stored }
    }

    /// The frame, not processed yet.
    pub(super) fn frame(&mut self) -> Option<Frame<'_>> {
        let end = self.buffer.len();
        let l3 = end - self.stored.packet.len();
        let mut frame = Frame::new(&mut self.buffer, l3 - self.stored.link.len(), l3, end, self.stored.offload)?;
        frame.tag = self.stored.tag;
        Some(frame)
    }
}

/// Gives stored frames out in order, at most `MAX_BATCH` at a time.
#[derive(Debug, Default)]
pub struct Source {
    waiting: VecDeque<Stored>,
    out: Vec<LaidOut>,
}

impl Source {
    /// Queues a frame.
    pub fn push(&mut self, frame: Stored) {
        self.waiting.push_back(frame);
    }
}

impl Extend<Stored> for Source {
    fn extend<T: IntoIterator<Item = Stored>>(&mut self, frames: T) {
        self.waiting.extend(frames);
    }
}

impl Receive for Source {
    fn receive<'a>(&'a mut self, batch: &mut Batch<'a>) -> io::Result<()> {
        let count = self.waiting.len().min(MAX_BATCH - batch.len());
        self.out.clear();
        self.out.extend(self.waiting.drain(..count).map(LaidOut::new));
        batch.extend(self.out.iter_mut().filter_map(LaidOut::frame));
        Ok(())
    }

    fn release(&mut self) {
        self.out.clear();
    }
}

/// Keeps every frame sent to it. A clone keeps into the same list.
#[derive(Clone, Debug, Default)]
pub struct Sink(Arc<Mutex<Vec<Stored>>>);

impl Sink {
    /// Takes out what was sent so far, in order.
    #[must_use]
    pub fn take(&self) -> Vec<Stored> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Transmit for Sink {
    fn transmit(&mut self, frames: &[Frame<'_>], end: End) -> io::Result<Sent> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = kept.len();
        kept.extend(frames.iter().filter(|frame| frame.goes_to(end)).map(Stored::of));
        Ok(Sent { sent: u32::try_from(kept.len() - before).unwrap_or(u32::MAX), ..Sent::default() })
    }
}

/// What is at the other end of a live port in memory: the network, played by a test.
#[derive(Clone, Debug)]
pub struct FarEnd {
    towards: Arc<Queue>,
    /// What the port has sent.
    pub sent: Sink,
}

/// Frames on their way to a live port in memory, and the bell that wakes its worker.
#[derive(Debug)]
struct Queue {
    frames: Mutex<Vec<Stored>>,
    bell: Bell,
}

impl Queue {
    fn frames(&self) -> MutexGuard<'_, Vec<Stored>> {
        self.frames.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FarEnd {
    /// Lets a frame arrive at the port.
    pub fn send(&self, frame: Stored) {
        self.towards.frames().push(frame);
        self.towards.bell.ring();
    }
}

/// The receiving half of a live port in memory.
#[derive(Debug)]
struct FromFarEnd {
    queue: Arc<Queue>,
    source: Source,
}

/// A live port without a kernel, and its far end.
///
/// # Errors
/// No descriptor left.
pub fn live() -> io::Result<(LivePort, FarEnd)> {
    let queue = Arc::new(Queue { frames: Mutex::default(), bell: Bell::new()? });
    let far = FarEnd { towards: Arc::clone(&queue), sent: Sink::default() };
    Ok((LivePort::new(FromFarEnd { queue, source: Source::default() }, far.sent.clone()), far))
}

impl Receive for FromFarEnd {
    fn receive<'a>(&'a mut self, batch: &mut Batch<'a>) -> io::Result<()> {
        // Silenced first: a frame that comes in between rings again.
        self.queue.bell.silence();
        self.source.extend(self.queue.frames().drain(..));
        self.source.receive(batch)
    }

    fn release(&mut self) {
        self.source.release();
    }
}

impl AsFd for FromFarEnd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.queue.bell.as_fd()
    }
}

impl LiveReceive for FromFarEnd {
    fn check(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn count_losses(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Disposition, WanId};

    #[test]
    fn frames_come_out_as_they_went_in_with_headroom_and_only_at_their_end() {
        let mut source = Source::default();
        source.extend((0..70).map(|n| Stored::new(&[], &[n; 40])));
        source.push(Stored { tag: Some(7), ..Stored::new(&[1; 14], &[2; 20]) });
        let (inside, wan) = (Sink::default(), Sink::default());
        let mut ends = [(End::Inside, inside.clone()), (End::Wan(WanId(0)), wan.clone())];
        for expected in [64, 7, 0] {
            let mut batch = Batch::new();
            source.receive(&mut batch).unwrap();
            assert_eq!(batch.len(), expected);
            for frame in &mut batch {
                let end = if frame.tag.is_some() { End::Inside } else { End::Wan(WanId(0)) };
                frame.disposition = Disposition::Send(end);
                assert!(frame.tag.is_some() || frame.set_link(&[3; 18]));
            }
            for (end, sink) in &mut ends {
                sink.transmit(&batch, *end).unwrap();
            }
            drop(batch);
            source.release();
        }
        assert_eq!(inside.take(), [Stored { tag: Some(7), ..Stored::new(&[1; 14], &[2; 20]) }]);
        let sent = wan.take();
        assert_eq!((sent.len(), sent[69].link.len(), sent[69].packet[0]), (70, 18, 69));
    }
}
