//! An end of the router that writes down what it is given. Several may share one file.
//! Must never know: what the packets mean.

use super::Writer;
use crate::ports::batch::{Sent, Transmit};
use crate::types::{End, Frame};
use std::cell::{Cell, RefCell};
use std::io::{self, Write};
use std::rc::Rc;

/// A capture that several ends write, and the time they write it at.
pub struct Tape<W: Write> {
    writer: RefCell<Writer<W>>,
    now: Cell<u64>,
}

impl<W: Write> Tape<W> {
    /// A tape at time 0.
    pub fn new(writer: Writer<W>) -> Self {
        Self { writer: RefCell::new(writer), now: Cell::new(0) }
    }

    /// Sets the time of what is sent from now on, in nanoseconds since 1970.
    pub fn set_time(&self, time: u64) {
        self.now.set(time);
    }

    /// Writes a packet that no end sent.
    ///
    /// # Errors
    /// Writing failed.
    pub fn note(&self, interface: u32, data: &[u8], original_len: u32, comment: &str) -> io::Result<()> {
        self.writer.borrow_mut().packet(interface, self.now.get(), data, original_len, Some(comment))
    }

    /// The capture behind it.
    pub fn into_writer(self) -> Writer<W> {
        self.writer.into_inner()
    }
}

/// One end: one interface of a tape.
pub struct Sink<W: Write> {
    tape: Rc<Tape<W>>,
    interface: u32,
    sent: Rc<Cell<u64>>,
}

impl<W: Write> Sink<W> {
    /// The end that writes to that interface of `tape` and counts its packets in `sent`.
    pub fn new(tape: Rc<Tape<W>>, interface: u32, sent: Rc<Cell<u64>>) -> Self {
        Self { tape, interface, sent }
    }
}

impl<W: Write> Transmit for Sink<W> {
    fn transmit(&mut self, frames: &[Frame<'_>], end: End) -> io::Result<Sent> {
        let mut sent = Sent::default();
        for frame in frames.iter().filter(|frame| frame.goes_to(end)) {
            let bytes = if end == End::Inside { frame.packet() } else { frame.bytes() };
            self.tape.writer.borrow_mut().packet(self.interface, self.tape.now.get(), bytes, 0, None)?;
            self.sent.set(self.sent.get() + 1);
            sent.sent += 1;
        }
        Ok(sent)
    }
}
