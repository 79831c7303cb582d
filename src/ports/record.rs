//! A decorator that records: what passes a port is copied into a `Recording`, from which another thread writes a
//! capture. The port never waits for that: a frame that finds no room left is counted as missed.
//! Around `faulty` it records what the worker sees, inside of it what is on the wire.
//! Must never know: where captures are kept, clocks.

use super::batch::{Receive, Sent, Transmit};
use super::live::{LivePort, LiveReceive};
use super::pcap::Writer;
use crate::types::{Batch, End, Frame};
use crossbeam::queue::SegQueue;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Bytes that a recorded frame costs beside its own: what the queue and the allocator need, rounded up.
const OVERHEAD: usize = 64;

/// 802.1Q, IEEE 802.1Q-2018 table 9-1.
const TAG_8021Q: [u8; 2] = [0x81, 0x00];

/// Bytes of both Ethernet addresses, behind which a tag stands.
const ADDRESSES: usize = 12;

/// Frames that passed recorded ports and wait to be written down. Any number of ports may share one.
pub struct Recording {
    waiting: SegQueue<Recorded>,
    /// Bytes that may still be taken.
    room: AtomicUsize,
    missed: AtomicU64,
    wall: Box<dyn Fn() -> u64 + Send + Sync>,
}

/// A frame that waits to be written down.
struct Recorded {
    interface: u32,
    time: u64,
    bytes: Box<[u8]>,
}

/// The capture's interfaces for one port, which are to have the link type of the link (`LinkType::of`). Received frames alone make a capture that `flowpin replay` takes as it is, if
/// the interface is named after the end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Interfaces {
    /// For what the port receives.
    pub received: Option<u32>,
    /// For what the port is given to send, also where the kernel then refuses it.
    pub sent: Option<u32>,
}

impl Recording {
    /// An empty recording whose waiting frames never take more than `most` bytes. `wall` gives the time in nanoseconds
    /// since 1970; it is called once a batch.
    #[must_use]
    pub fn new(most: usize, wall: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        let room = AtomicUsize::new(most);
        Self { waiting: SegQueue::new(), room, missed: AtomicU64::new(0), wall: Box::new(wall) }
    }

    /// Writes down what waits now, oldest first. Returns how many frames that were.
    ///
    /// # Errors
    /// Writing failed; the frame at hand is lost, those behind it wait on.
    pub fn write_to<W: Write>(&self, writer: &mut Writer<W>) -> io::Result<usize> {
        let count = self.waiting.len();
        for written in 0..count {
            let Some(frame) = self.waiting.pop() else { return Ok(written) };
            self.room.fetch_add(cost(frame.bytes.len()), Ordering::Relaxed);
            writer.packet(frame.interface, frame.time, &frame.bytes, 0, None)?;
        }
        Ok(count)
    }

    /// Frames that passed while there was no room for them.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }

    /// Copies the pieces of a frame, if there is room.
    fn take(&self, interface: u32, time: u64, pieces: &[&[u8]]) {
        let cost = cost(pieces.iter().map(|piece| piece.len()).sum());
        let reserve = |room: usize| room.checked_sub(cost);
        if self.room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, reserve).is_err() {
            self.missed.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.waiting.push(Recorded { interface, time, bytes: pieces.concat().into_boxed_slice() });
    }
}

fn cost(bytes: usize) -> usize {
    bytes.saturating_add(OVERHEAD)
}

/// A port, or a half of one, that is recorded.
pub struct Record<P> {
    port: P,
    recording: Arc<Recording>,
    interface: Option<u32>,
}

impl<P> Record<P> {
    /// Records what passes `port` as that interface of the capture; `None`: nothing.
    pub fn new(port: P, recording: &Arc<Recording>, interface: Option<u32>) -> Self {
        Self { port, recording: Arc::clone(recording), interface }
    }
}

/// Records a live port, both halves.
#[must_use]
pub fn wrap(port: LivePort, recording: &Arc<Recording>, interfaces: Interfaces) -> LivePort {
    let LivePort { receive, transmit } = port;
    let receive = Record::new(receive, recording, interfaces.received);
    LivePort::new(receive, Record::new(transmit, recording, interfaces.sent))
}

impl<P: Receive> Receive for Record<P> {
    fn receive<'a>(&'a mut self, batch: &mut Batch<'a>) -> io::Result<()> {
        let before = batch.len();
        let result = self.port.receive(batch);
        let arrived = batch.get(before..).unwrap_or_default();
        if let Some(interface) = self.interface.filter(|_| !arrived.is_empty()) {
            let time = (self.recording.wall)();
            arrived.iter().for_each(|frame| take_received(&self.recording, interface, time, frame));
        }
        result
    }

    fn release(&mut self) {
        self.port.release();
    }
}

/// A received frame as it was on the wire: with the tag that the kernel took out. A checksum that the kernel has left to
/// finish is recorded unfinished, and a super-frame whole, as tcpdump shows them.
fn take_received(recording: &Recording, interface: u32, time: u64, frame: &Frame<'_>) {
    match (frame.tag, frame.link().split_at_checked(ADDRESSES)) {
        (Some(tag), Some((addresses, kind))) => {
            let pieces = [addresses, &TAG_8021Q, &tag.to_be_bytes(), kind, frame.packet()];
            recording.take(interface, time, &pieces);
        }
        _ => recording.take(interface, time, &[frame.bytes()]),
    }
}

impl<P: Transmit> Transmit for Record<P> {
    fn transmit(&mut self, frames: &[Frame<'_>], end: End) -> io::Result<Sent> {
        if let Some(interface) = self.interface {
            let time = (self.recording.wall)();
            for frame in frames.iter().filter(|frame| frame.goes_to(end)) {
                let bytes = if end == End::Inside { frame.packet() } else { frame.bytes() };
                self.recording.take(interface, time, &[bytes]);
            }
        }
        self.port.transmit(frames, end)
    }

    fn takes_super_frames(&self) -> bool {
        self.port.takes_super_frames()
    }
}

impl<P: AsFd> AsFd for Record<P> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.port.as_fd()
    }
}

impl<P: LiveReceive> LiveReceive for Record<P> {
    fn check(&mut self) -> io::Result<()> {
        self.port.check()
    }

    fn count_losses(&mut self) {
        self.port.count_losses();
    }
}

#[cfg(test)]
mod tests;
