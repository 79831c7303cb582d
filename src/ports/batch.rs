//! What a port is: the two traits that live ports, captures and in-memory ports share.
//! Must never know: what the frames mean.

use crate::types::{Batch, End, Frame};
use std::io;

/// Somewhere frames come from.
pub trait Receive {
    /// Fills `batch` with up to `MAX_BATCH` waiting frames without blocking; they borrow this port's memory.
    /// An empty batch means that nothing waits.
    ///
    /// # Errors
    /// The port is gone or broken; a full queue or a malformed frame is a counter, not an error.
    fn receive<'a>(&'a mut self, batch: &mut Batch<'a>) -> io::Result<()>;

    /// Gives the memory of the last batch back. To be called after each `receive`, once its frames have been sent.
    fn release(&mut self);
}

impl<P: Receive + ?Sized> Receive for Box<P> {
    fn receive<'a>(&'a mut self, batch: &mut Batch<'a>) -> io::Result<()> {
        (**self).receive(batch)
    }

    fn release(&mut self) {
        (**self).release();
    }
}

/// Somewhere frames go to.
pub trait Transmit {
    /// Sends those of `frames`, at most `MAX_BATCH`, that end at `end`, in order, without blocking. Returns what became of
    /// them.
    ///
    /// # Errors
    /// The port is gone or broken; a full queue is counted in the result.
    fn transmit(&mut self, frames: &[Frame<'_>], end: End) -> io::Result<Sent>;

    /// Whether somebody behind the port cuts super-frames. Where nobody does they have to be cut before.
    fn takes_super_frames(&self) -> bool {
        true
    }
}

impl<P: Transmit + ?Sized> Transmit for Box<P> {
    fn transmit(&mut self, frames: &[Frame<'_>], end: End) -> io::Result<Sent> {
        (**self).transmit(frames, end)
    }

    fn takes_super_frames(&self) -> bool {
        (**self).takes_super_frames()
    }
}

/// What became of the frames of one `transmit`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sent {
    /// Handed to the kernel.
    pub sent: u32,
    /// Refused because a queue was full.
    pub full: u32,
    /// Refused for another reason (an MTU, an offload).
    pub refused: u32,
}

impl std::ops::AddAssign for Sent {
    fn add_assign(&mut self, other: Self) {
        self.sent += other.sent;
        self.full += other.full;
        self.refused += other.refused;
    }
}
