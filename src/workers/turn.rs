//! One turn: a batch in, through the plane, out. The only loop body of live service and replay.
//! Must never know: whether its ends are links, captures or memory; what time it is.

use crate::plane::Plane;
use crate::plane::outbox::Outbox;
use crate::plane::packet::super_frame::{self, Pieces};
use crate::plane::verdict::Verdict;
use crate::ports::batch::{Receive, Sent, Transmit};
use crate::types::{Batch, Disposition, End, Frame, MAX_BATCH, Offload, Tick};
use std::{fmt, io};

/// What stands in front of a piece's IP header: room for a link header, a cache line.
const ALIGN: usize = 64;

/// Where frames go: one transmitter per end. A `None` is a WAN whose link is gone.
pub struct Transmitters {
    /// The TUN.
    pub inside: Box<dyn Transmit>,
    /// By `WanId`.
    pub wans: Vec<Option<Box<dyn Transmit>>>,
}

/// Sees each frame with its verdict before it is sent.
pub trait Observe {
    /// One frame, rewritten, and what was decided.
    fn verdict(&mut self, from: End, frame: &Frame<'_>, verdict: Verdict);
}

/// The live service looks at counters instead.
impl Observe for () {
    fn verdict(&mut self, _: End, _: &Frame<'_>, _: Verdict) {}
}

/// A port that broke during a turn.
#[derive(Debug)]
pub struct Broken {
    /// Which one.
    pub end: End,
    /// Its error.
    pub error: io::Error,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.end {
            End::Inside => write!(f, "the TUN broke: {}", self.error),
            End::Wan(wan) => write!(f, "the port of WAN {} broke: {}", wan.0, self.error),
        }
    }
}

impl std::error::Error for Broken {}

impl From<Broken> for io::Error {
    fn from(broken: Broken) -> Self {
        Self::new(broken.error.kind(), broken.to_string())
    }
}

/// What one turn did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Turned {
    /// Frames received.
    pub received: usize,
    /// What became of the frames sent, over all ends.
    pub sent: Sent,
    /// Frames for a WAN whose link is gone.
    pub no_link: u32,
}

impl Transmitters {
    /// Sends every frame of `batch`, or of a part of one, to the end where it goes.
    ///
    /// # Errors
    /// The first port that broke; the other ends have been served all the same.
    pub fn send(&mut self, batch: &[Frame<'_>], turned: &mut Turned) -> Result<(), Broken> {
        let mut result = Ok(());
        let mut served = 0u64;
        for frame in batch {
            let Disposition::Send(end) = frame.disposition else { continue };
            let bit = match end {
                End::Inside => 1,
                End::Wan(wan) => 2u64 << wan.0,
            };
            if served & bit == 0 {
                served |= bit;
                if let Err(error) = self.send_to(batch, end, turned) {
                    result = result.and(Err(Broken { end, error }));
                }
            }
        }
        result
    }

    fn send_to(&mut self, batch: &[Frame<'_>], end: End, turned: &mut Turned) -> io::Result<()> {
        let port = match end {
            End::Inside => Some(&mut self.inside),
            End::Wan(wan) => self.wans.get_mut(wan.index()).and_then(Option::as_mut),
        };
        let Some(port) = port else {
            turned.no_link += u32::try_from(batch.iter().filter(|frame| frame.goes_to(end)).count()).unwrap_or(0);
            return Ok(());
        };
        if port.takes_super_frames() {
            turned.sent += port.transmit(batch, end)?;
            return Ok(());
        }
        send_cut(port.as_mut(), batch, end, turned)
    }
}

/// Sends frames to a port behind which nobody cuts super-frames, in order.
#[cold]
fn send_cut(port: &mut dyn Transmit, frames: &[Frame<'_>], end: End, turned: &mut Turned) -> io::Result<()> {
    let mut unsent = 0;
    for (at, frame) in frames.iter().enumerate().filter(|(_, frame)| frame.goes_to(end)) {
        let Some(pieces) = super_frame::pieces(frame.packet(), &frame.offload) else { continue };
        turned.sent += port.transmit(frames.get(unsent..at).unwrap_or_default(), end)?;
        unsent = at + 1;
        let mut sent = Ok(());
        each_batch(frame, &pieces, |batch| {
            if sent.is_ok() {
                sent = port.transmit(batch, end).map(|done| turned.sent += done);
            }
        });
        sent?;
    }
    turned.sent += port.transmit(frames.get(unsent..).unwrap_or_default(), end)?;
    Ok(())
}

/// Shows the pieces of a super-frame, each going where the whole goes, with memory of their own.
fn each_batch(whole: &Frame<'_>, pieces: &Pieces, mut see: impl FnMut(&mut Batch<'_>)) {
    let stride = (ALIGN + pieces.longest()).next_multiple_of(ALIGN);
    let mut memory = vec![0; stride * pieces.count().min(MAX_BATCH)];
    for first in (0..pieces.count()).step_by(MAX_BATCH) {
        let mut batch = Batch::new();
        for (number, buffer) in (first..).zip(memory.chunks_exact_mut(stride)) {
            let written = buffer.get_mut(ALIGN..).and_then(|out| pieces.write(whole.packet(), number, out));
            let Some(end) = written.map(|len| ALIGN + len) else { break };
            let Some(mut piece) = Frame::new(buffer, ALIGN, ALIGN, end, Offload::NONE) else { break };
            if !piece.set_link(whole.link()) {
                break;
            }
            (piece.tag, piece.disposition) = (whole.tag, whole.disposition);
            batch.push(piece);
        }
        see(&mut batch);
    }
}

/// Receives one batch from `rx`, processes it as of `now`, and sends what comes of it.
///
/// # Errors
/// A port broke. Frames that other ports still took have been sent.
pub fn turn<O: Observe>(
    now: Tick,
    from: End,
    rx: &mut dyn Receive,
    transmitters: &mut Transmitters,
    plane: &mut Plane,
    outbox: &mut Outbox,
    observer: &mut O,
) -> Result<Turned, Broken> {
    let mut batch = Batch::new();
    let received = rx.receive(&mut batch).map_err(|error| Broken { end: from, error });
    let turned = Turned { received: batch.len(), ..Turned::default() };
    let mut pass = Pass { now, from, transmitters, plane, outbox, observer, turned };
    let sent = pass.run(&mut batch);
    drop(batch);
    rx.release();
    let mut turned = pass.turned;
    received.and(sent).and(flush(transmitters, outbox, &mut turned)).map(|()| turned)
}

/// A batch on its way through the plane.
struct Pass<'a, O> {
    now: Tick,
    from: End,
    transmitters: &'a mut Transmitters,
    plane: &'a mut Plane,
    outbox: &'a mut Outbox,
    observer: &'a mut O,
    turned: Turned,
}

impl<O: Observe> Pass<'_, O> {
    /// Processes each frame and sends what goes on, in order.
    fn run(&mut self, frames: &mut [Frame<'_>]) -> Result<(), Broken> {
        let mut sent = Ok(());
        let mut unsent = 0;
        for at in 0..frames.len() {
            let Some(frame) = frames.get_mut(at) else { break };
            if frame.offload.gso.is_some() {
                let mut offload = frame.offload;
                let pieces = super_frame::resolve(frame.packet_mut(), &mut offload);
                frame.offload = offload;
                if let Some(pieces) = pieces {
                    let before = self.send(frames.get(unsent..at).unwrap_or_default());
                    sent = sent.and(before).and(frames.get(at).map_or(Ok(()), |frame| self.cut(frame, &pieces)));
                    unsent = at + 1;
                    continue;
                }
            }
            let verdict = self.plane.process(self.now, self.from, frame, self.outbox);
            self.observer.verdict(self.from, frame, verdict);
            if self.outbox.keeps_order() {
                let before = self.send(frames.get(unsent..=at).unwrap_or_default());
                sent = sent.and(before).and(flush(self.transmitters, self.outbox, &mut self.turned));
                unsent = at + 1;
            }
        }
        sent.and(self.send(frames.get(unsent..).unwrap_or_default()))
    }

    fn send(&mut self, frames: &[Frame<'_>]) -> Result<(), Broken> {
        self.transmitters.send(frames, &mut self.turned)
    }

    /// Passes the pieces of a super-frame on in its place. Few lines carry tunnels whose segments are merged on the way, and
    /// what one of these costs is spread over its pieces.
    #[cold]
    fn cut(&mut self, whole: &Frame<'_>, pieces: &Pieces) -> Result<(), Broken> {
        let mut sent = Ok(());
        each_batch(whole, pieces, |batch| sent = std::mem::replace(&mut sent, Ok(())).and(self.run(batch)));
        sent
    }
}

/// Sends what the plane made itself.
///
/// # Errors
/// A port broke.
pub fn flush(transmitters: &mut Transmitters, outbox: &mut Outbox, turned: &mut Turned) -> Result<(), Broken> {
    let mut result = Ok(());
    if !outbox.is_empty() {
        outbox.drain(|batch| result = std::mem::replace(&mut result, Ok(())).and(transmitters.send(batch, turned)));
    }
    result
}

#[cfg(test)]
mod tests;
