//! A datagram every millisecond, each numbered, from the firewall to the Internet host, which sends each back; both ends
//! note when which came, as the kernel stamped it. Must never know: lines, faults.

use flowpin::clock::{Clock, pause};
use flowpin::lab::topology::{INSIDE4, SERVER4};
use flowpin::lab::{Lab, Namespace};
use nix::sys::socket::sockopt::{RcvBufForce, ReceiveTimestampns};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrIn, recvmsg, setsockopt};
use std::collections::BTreeMap;
use std::io::{self, Error, ErrorKind, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

const PORT: u16 = 5001;
/// Nanoseconds from one datagram to the next.
const PERIOD: u64 = 1_000_000;
/// Bytes of a datagram.
const LENGTH: usize = 64;

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
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Sink {
    /// Listens.
    pub fn open(lab: &Lab) -> io::Result<Self> {
        let socket = lab.inet.run(|| bind((SERVER4, PORT))).flatten()?;
        let (books, over) = (Books::default(), Arc::new(AtomicBool::new(false)));
        let (notes, end) = (Arc::clone(&books), Arc::clone(&over));
        let thread = spawn(&lab.inet, move || listen(&socket, &notes, &end, true))?;
        Ok(Self { books, over, thread: Some(thread) })
    }

    /// What has come of a stream so far.
    pub fn heard(&self, stream: &Stream) -> Vec<Arrival> {
        lock(&self.books).get(&stream.id).cloned().unwrap_or_default()
    }

    /// Where it came from last.
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
    threads: Vec<JoinHandle<io::Result<()>>>,
}

impl Stream {
    /// Starts to send, from another port each time.
    pub fn start(lab: &Lab, id: u64) -> io::Result<Self> {
        let socket = Arc::new(lab.fw.run(|| bind((INSIDE4[0], 0))).flatten()?);
        socket.connect((SERVER4, PORT))?;
        let (answers, sent) = (Books::default(), Arc::new(AtomicU64::new(0)));
        let over = Arc::new(AtomicBool::new(false));
        let (here, count, end) = (Arc::clone(&socket), Arc::clone(&sent), Arc::clone(&over));
        let send = spawn(&lab.fw, move || send(&here, id, &count, &end))?;
        let (notes, end) = (Arc::clone(&answers), Arc::clone(&over));
        let hear = spawn(&lab.fw, move || listen(&socket, &notes, &end, false))?;
        Ok(Self { id, answers, sent, over, threads: vec![send, hear] })
    }

    /// Datagrams sent so far.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// The answers that have come back so far.
    pub fn answers(&self) -> Vec<Arrival> {
        lock(&self.answers).get(&self.id).cloned().unwrap_or_default()
    }

    /// Sends no more.
    pub fn stop(&mut self) -> io::Result<()> {
        self.over.store(true, Ordering::Relaxed);
        let end = |thread: JoinHandle<io::Result<()>>| thread.join().map_err(|_| Error::other("a stream panicked"))?;
        let ends: Vec<_> = self.threads.drain(..).map(end).collect();
        ends.into_iter().collect()
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let _ = self.stop();
    }
}

fn lock(books: &Books) -> MutexGuard<'_, BTreeMap<u64, Vec<Arrival>>> {
    books.lock().unwrap_or_else(PoisonError::into_inner)
}

fn spawn(
    namespace: &Namespace,
    work: impl FnOnce() -> io::Result<()> + Send + 'static,
) -> io::Result<JoinHandle<io::Result<()>>> {
    let thread = namespace.thread("stream", work)?;
    std::thread::Builder::new().spawn(move || thread.join().map_err(|_| Error::other("a stream panicked"))??)
}

fn bind((address, port): (Ipv4Addr, u16)) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(SocketAddrV4::new(address, port))?;
    setsockopt(&socket, ReceiveTimestampns, &true)?;
    setsockopt(&socket, RcvBufForce, &(16 << 20))?;
    socket.set_read_timeout(Some(Duration::from_millis(50)))?;
    Ok(socket)
}

/// Sends at absolute moments: one that was late delays no other.
fn send(socket: &UdpSocket, id: u64, sent: &AtomicU64, over: &AtomicBool) -> io::Result<()> {
    let clock = Clock::start();
    for number in 0.. {
        let early = (number * PERIOD).saturating_sub(clock.now().0);
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
    while !over.load(Ordering::Relaxed) {
        let mut datagram = [0; LENGTH];
        let (at, from) = match receive(socket, &mut datagram) {
            Ok(Some(found)) => found,
            Ok(None) => continue,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => continue,
            // An ICMP error that came back for an earlier one.
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::NetworkUnreachable) => {
                continue;
            }
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
    Ok(Some((stamp.tv_sec() as u64 * 1_000_000_000 + stamp.tv_nsec() as u64, from.into())))
}
