//! A stream of datagrams, each numbered, from the firewall to the Internet host, which sends each back; both ends note when
//! which came, as the kernel stamped it. Must never know: faults, flowpin.

use crate::clock::{Clock, pause};
use crate::lab::Lab;
use crate::lab::topology::{INSIDE4, Line, SERVER4};
use nix::sys::socket::sockopt::{RcvBufForce, ReceiveTimestampns};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrIn, recvmsg, setsockopt};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Error, ErrorKind, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

const PORT: u16 = 5001;
/// Bytes of a datagram.
const LENGTH: usize = 64;
/// Sockets tried until one takes the line that is wanted.
const TRIES: usize = 64;
/// Milliseconds until the first datagram of a stream must be there.
const PATIENCE_MS: u64 = 10_000;

/// A datagram that came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arrival {
    /// Nanoseconds, by the clock of the machine.
    pub at: u64,
    /// Its sender, as it was seen there.
    pub from: Ipv4Addr,
    /// Its number in its stream, from 0.
    pub number: u64,
}

/// What came, by the number of the stream.
type Books = Arc<Mutex<BTreeMap<u64, Vec<Arrival>>>>;

/// The receiver in the Internet. Ends when it is dropped.
pub struct Sink {
    books: Books,
    streams: AtomicU64,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<io::Result<io::Result<()>>>>,
}

impl Sink {
    /// Listens.
    ///
    /// # Errors
    /// No socket or thread to be had.
    pub fn open(lab: &Lab) -> io::Result<Self> {
        let socket = lab.inet.run(|| bind(SERVER4, PORT)).flatten()?;
        let (books, over) = (Books::default(), Arc::new(AtomicBool::new(false)));
        let (notes, end) = (Arc::clone(&books), Arc::clone(&over));
        let thread = lab.inet.thread("sink", move || listen(&socket, &notes, &end, true))?;
        Ok(Self { books, streams: AtomicU64::new(0), over, thread: Some(thread) })
    }

    /// Starts a stream that takes this line, a datagram every `period` nanoseconds.
    ///
    /// # Errors
    /// No socket or thread to be had, or none of many sockets takes that line.
    pub fn stream(&self, lab: &Lab, period: u64, line: Line) -> io::Result<Stream> {
        for _ in 0..TRIES {
            let stream = Stream::start(lab, self.streams.fetch_add(1, Ordering::Relaxed), period)?;
            let clock = Clock::start();
            while self.last(&stream).is_none() && clock.now().millis() < PATIENCE_MS * u64::from(lab.options().pace) {
                pause(Duration::from_millis(1));
            }
            if self.last(&stream) == Some(line.block4()[0]) {
                return Ok(stream);
            }
        }
        Err(Error::other(format!("none of {TRIES} sockets takes the line {}", line.name())))
    }

    /// What has come of a stream so far.
    #[must_use]
    pub fn heard(&self, stream: &Stream) -> Vec<Arrival> {
        lock(&self.books).get(&stream.id).cloned().unwrap_or_default()
    }

    /// The public address that it came from last.
    #[must_use]
    pub fn last(&self, stream: &Stream) -> Option<Ipv4Addr> {
        lock(&self.books).get(&stream.id)?.last().map(|arrival| arrival.from)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// The sender. Ends when it is dropped.
pub struct Stream {
    id: u64,
    answers: Books,
    sent: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<io::Result<io::Result<()>>>>,
}

impl Stream {
    fn start(lab: &Lab, id: u64, period: u64) -> io::Result<Self> {
        let socket = Arc::new(lab.fw.run(|| bind(INSIDE4[0], 0)).flatten()?);
        socket.connect((SERVER4, PORT))?;
        let (answers, sent) = (Books::default(), Arc::new(AtomicU64::new(0)));
        let over = Arc::new(AtomicBool::new(false));
        let (here, count, end) = (Arc::clone(&socket), Arc::clone(&sent), Arc::clone(&over));
        let send = lab.fw.thread("stream", move || send(&here, (id, period), &count, &end))?;
        let (notes, end) = (Arc::clone(&answers), Arc::clone(&over));
        let hear = lab.fw.thread("answers", move || listen(&socket, &notes, &end, false))?;
        Ok(Self { id, answers, sent, over, threads: vec![send, hear] })
    }

    /// Datagrams sent so far.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// The answers that have come back so far.
    #[must_use]
    pub fn answers(&self) -> Vec<Arrival> {
        lock(&self.answers).get(&self.id).cloned().unwrap_or_default()
    }

    /// Sends no more.
    ///
    /// # Errors
    /// What ended one of its threads before.
    pub fn stop(&mut self) -> io::Result<()> {
        self.over.store(true, Ordering::Relaxed);
        let panicked = || Error::other("a thread of a stream panicked");
        let ends: Vec<_> = self.threads.drain(..).map(|thread| thread.join().map_err(|_| panicked())).collect();
        ends.into_iter().try_for_each(|end| end.flatten().flatten())
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let _ = self.stop();
    }
}

/// Milliseconds from the last datagram by the first line to the first by another.
#[must_use]
pub fn handover(arrivals: &[Arrival]) -> Option<f64> {
    let old = arrivals.first()?.from;
    let first = arrivals.iter().position(|arrival| arrival.from != old)?;
    let last = arrivals.get(..first)?.last()?;
    Some(millis(last.at, arrivals.get(first)?.at))
}

/// Milliseconds of the longest silence.
#[must_use]
pub fn silence(arrivals: &[Arrival]) -> Option<f64> {
    arrivals.windows(2).map(|pair| millis(pair[0].at, pair[1].at)).max_by(f64::total_cmp)
}

/// How many of the first `sent` datagrams never arrived.
#[must_use]
pub fn missing(arrivals: &[Arrival], sent: u64) -> u64 {
    let numbers: BTreeSet<u64> = arrivals.iter().map(|arrival| arrival.number).collect();
    sent - numbers.range(..sent).count() as u64
}

fn millis(from: u64, to: u64) -> f64 {
    to.saturating_sub(from) as f64 / 1e6
}

fn lock(books: &Books) -> MutexGuard<'_, BTreeMap<u64, Vec<Arrival>>> {
    books.lock().unwrap_or_else(PoisonError::into_inner)
}

fn bind(address: Ipv4Addr, port: u16) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(SocketAddrV4::new(address, port))?;
    setsockopt(&socket, ReceiveTimestampns, &true)?;
    setsockopt(&socket, RcvBufForce, &(16 << 20))?;
    socket.set_read_timeout(Some(Duration::from_millis(50)))?;
    Ok(socket)
}

/// Sends at absolute moments: one that was late delays no other.
fn send(socket: &UdpSocket, (id, period): (u64, u64), sent: &AtomicU64, over: &AtomicBool) -> io::Result<()> {
    let clock = Clock::start();
    for number in 0.. {
        let early = (number * period).saturating_sub(clock.now().0);
        if early > 0 {
            pause(Duration::from_nanos(early));
        }
        if over.load(Ordering::Relaxed) {
            break;
        }
        let mut datagram = [0; LENGTH];
        datagram[..8].copy_from_slice(&id.to_be_bytes());
        datagram[8..16].copy_from_slice(&number.to_be_bytes());
        // An ICMP error that came back for an earlier one is told here.
        let _ = socket.send(&datagram);
        sent.store(number + 1, Ordering::Relaxed);
    }
    Ok(())
}

/// Notes what comes until it is over, and sends it back if it `answers`.
fn listen(socket: &UdpSocket, books: &Books, over: &AtomicBool, answers: bool) -> io::Result<()> {
    use ErrorKind::{ConnectionRefused, HostUnreachable, Interrupted, NetworkUnreachable, WouldBlock};
    while !over.load(Ordering::Relaxed) {
        let mut datagram = [0; LENGTH];
        let (at, from) = match receive(socket, &mut datagram) {
            Ok(Some(found)) => found,
            Ok(None) => continue,
            Err(error) if matches!(error.kind(), WouldBlock | Interrupted) => continue,
            // An ICMP error that came back for an earlier one.
            Err(error) if matches!(error.kind(), ConnectionRefused | HostUnreachable | NetworkUnreachable) => continue,
            Err(error) => return Err(error),
        };
        if answers {
            let _ = socket.send_to(&datagram, from);
        }
        let [id, number] = [0, 8].map(|at| datagram[at..].first_chunk().copied().map_or(0, u64::from_be_bytes));
        lock(books).entry(id).or_default().push(Arrival { at, from: *from.ip(), number });
    }
    Ok(())
}

/// A datagram, when the kernel got it, and from whom.
fn receive(socket: &UdpSocket, datagram: &mut [u8; LENGTH]) -> io::Result<Option<(u64, SocketAddrV4)>> {
    let mut space = nix::cmsg_space!(libc::timespec);
    let mut parts = [IoSliceMut::new(datagram)];
    let message = recvmsg::<SockaddrIn>(socket.as_raw_fd(), &mut parts, Some(&mut space), MsgFlags::empty())?;
    let stamp = message.cmsgs()?.find_map(|control| match control {
        ControlMessageOwned::ScmTimestampns(stamp) => Some(stamp),
        _ => None,
    });
    let (Some(stamp), Some(from)) = (stamp, message.address) else { return Ok(None) };
    let [seconds, nanos] = [stamp.tv_sec(), stamp.tv_nsec()].map(|part| u64::try_from(part).unwrap_or(0));
    Ok(Some((seconds * 1_000_000_000 + nanos, from.into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_between_the_last_by_one_line_and_the_first_by_another() {
        let come = |ms: u64, line: u8, number| Arrival { at: ms * 1_000_000, from: [192, 0, 2, line].into(), number };
        let arrivals = [come(1, 1, 0), come(2, 1, 1), come(22, 2, 20), come(23, 2, 21), come(60, 2, 23)];
        assert_eq!(handover(&arrivals), Some(20.0));
        assert_eq!(silence(&arrivals), Some(37.0));
        assert_eq!((missing(&arrivals, 24), missing(&arrivals, 2)), (19, 0));
        assert_eq!((handover(&arrivals[..2]), handover(&[])), (None, None));
    }
}
