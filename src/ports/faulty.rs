//! A decorator that plays a bad line: the port loses, doubles, reorders and refuses frames, or breaks, all on command.
//! What happens to which frame follows from the seed and from the order of the frames alone.
//! Must never know: which kind of port it is, what the frames mean.

use super::batch::{Receive, Sent, Transmit};
use super::live::{LivePort, LiveReceive};
use super::memory::{LaidOut, Stored};
use crate::types::{Batch, End, Frame, MAX_BATCH};
use arc_swap::ArcSwap;
use arrayvec::ArrayVec;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// How often a frame suffers what, in thousandths; at most one of them happens to a frame. All 0: a good line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Rates {
    /// Lost on the way; the sender does not notice.
    pub lose: u16,
    /// Comes twice.
    pub double: u16,
    /// Comes behind the others of its batch.
    pub delay: u16,
    /// Refused as by a full queue. Only where frames are sent.
    pub refuse: u16,
}

/// The command over a faulty port: what it does to frames from now on. A clone commands the same port.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<State>);

#[derive(Debug, Default)]
struct State {
    rates: ArcSwap<Rates>,
    is_broken: AtomicBool,
}

impl Faults {
    /// Applies these rates from the next batch on.
    pub fn set(&self, rates: Rates) {
        self.0.rates.store(Arc::new(rates));
    }

    /// Breaks the port for good: every call of it fails.
    pub fn break_port(&self) {
        self.0.is_broken.store(true, Ordering::Relaxed);
    }

    fn check(&self) -> io::Result<()> {
        if self.0.is_broken.load(Ordering::Relaxed) { Err(io::Error::other("broken on command")) } else { Ok(()) }
    }
}

/// What happens to one frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    Pass,
    Lose,
    Double,
    Delay,
    Refuse,
}

/// Draws fates: SplitMix64 (Steele, Lea, Flood 2014), one number a frame.
#[derive(Clone, Debug)]
struct Dice(u64);

impl Dice {
    fn draw(&mut self, rates: Rates) -> Fate {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let mut drawn = (mixed ^ (mixed >> 31)) % 1000;
        let fates = [
            (rates.lose, Fate::Lose),
            (rates.double, Fate::Double),
            (rates.delay, Fate::Delay),
            (rates.refuse, Fate::Refuse),
        ];
        for (rate, fate) in fates {
            let Some(rest) = drawn.checked_sub(u64::from(rate)) else { return fate };
            drawn = rest;
        }
        Fate::Pass
    }
}

/// A port, or a half of one, that obeys [`Faults`].
#[derive(Debug)]
pub struct Faulty<P> {
    port: P,
    faults: Faults,
    dice: Dice,
    /// Memory of frames that came twice.
    copies: Vec<LaidOut>,
}

impl<P> Faulty<P> {
    /// Makes `port` obey `faults`.
    pub fn new(port: P, faults: &Faults, seed: u64) -> Self {
        Self { port, faults: faults.clone(), dice: Dice(seed), copies: Vec::new() }
    }
}

/// Makes a live port obey `faults`, both halves; each draws from a seed of its own.
#[must_use]
pub fn wrap(port: LivePort, faults: &Faults, seed: u64) -> LivePort {
    let LivePort { receive, transmit } = port;
    LivePort::new(Faulty::new(receive, faults, seed), Faulty::new(transmit, faults, !seed))
}

impl<P: Receive> Receive for Faulty<P> {
    fn receive<'a>(&'a mut self, batch: &mut Batch<'a>) -> io::Result<()> {
        let Self { port, faults, dice, copies } = self;
        faults.check()?;
        let before = batch.len();
        let result = port.receive(batch);
        let rates = **faults.0.rates.load();
        if rates == Rates::default() {
            return result;
        }
        let arrived: ArrayVec<_, MAX_BATCH> = batch
            .drain(before..)
            .map(|frame| (dice.draw(rates), frame))
            .filter(|(fate, _)| *fate != Fate::Lose)
            .collect();
        let doubled = arrived.iter().filter(|(fate, _)| *fate == Fate::Double);
        copies.clear();
        copies
            .extend(doubled.map(|(_, frame)| LaidOut::new(Stored::of(frame))).take(MAX_BATCH - before - arrived.len()));
        let mut copies = copies.iter_mut();
        let mut late = ArrayVec::<_, MAX_BATCH>::new();
        for (fate, frame) in arrived {
            if fate == Fate::Delay {
                late.push(frame);
                continue;
            }
            batch.push(frame);
            if fate == Fate::Double {
                batch.extend(copies.next().and_then(LaidOut::frame));
            }
        }
        batch.extend(late);
        result
    }

    fn release(&mut self) {
        self.copies.clear();
        self.port.release();
    }
}

impl<P: Transmit> Transmit for Faulty<P> {
    fn transmit(&mut self, frames: &[Frame<'_>], end: End) -> io::Result<Sent> {
        self.faults.check()?;
        let rates = **self.faults.0.rates.load();
        if rates == Rates::default() {
            return self.port.transmit(frames, end);
        }
        let mut sent = Sent::default();
        let mut late = ArrayVec::<_, MAX_BATCH>::new();
        for frame in frames.iter().filter(|frame| frame.goes_to(end)).take(MAX_BATCH) {
            let alone = std::slice::from_ref(frame);
            match self.dice.draw(rates) {
                Fate::Pass => sent += self.port.transmit(alone, end)?,
                Fate::Lose => sent.sent += 1,
                Fate::Double => {
                    sent += self.port.transmit(alone, end)?;
                    self.port.transmit(alone, end)?;
                }
                Fate::Delay => late.push(alone),
                Fate::Refuse => sent.full += 1,
            }
        }
        for alone in late {
            sent += self.port.transmit(alone, end)?;
        }
        Ok(sent)
    }

    fn takes_super_frames(&self) -> bool {
        self.port.takes_super_frames()
    }
}

impl<P: AsFd> AsFd for Faulty<P> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.port.as_fd()
    }
}

impl<P: LiveReceive> LiveReceive for Faulty<P> {
    fn check(&mut self) -> io::Result<()> {
        self.faults.check()?;
        self.port.check()
    }

    fn count_losses(&mut self) {
        self.port.count_losses();
    }
}

#[cfg(test)]
mod tests;
