//! The TUN that faces the firewall, as a port: frames start at the IP header, the virtio header goes through, so that
//! super-frames are read and written whole. Must never know: what a frame means, routes.

use super::arena::{Arena, LONGEST};
use super::batch::{Receive, Sent, Transmit};
use super::live::LiveReceive;
use super::meter::{Meter, Reading};
use super::sys::device;
use crate::types::{Batch, End, Frame, MAX_BATCH, Offload, VIRTIO_HEADER_LEN};
use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;

/// Offloads that the reader of a TUN can take, with the names that people know; linux/if_tun.h.
const OFFLOADS: [(u32, &str); 6] = [
    (libc::TUN_F_CSUM, "csum"),
    (libc::TUN_F_TSO4, "tso4"),
    (libc::TUN_F_TSO6, "tso6"),
    (libc::TUN_F_TSO_ECN, "tso_ecn"),
    (libc::TUN_F_USO4, "uso4"),
    (libc::TUN_F_USO6, "uso6"),
];

/// Sets of them, best first. USO comes for both families or not at all, and only with a kernel that has it.
const WISHES: [u32; 4] = [TSO | libc::TUN_F_USO4 | libc::TUN_F_USO6, TSO, libc::TUN_F_CSUM, 0];
const TSO: u32 = libc::TUN_F_CSUM | libc::TUN_F_TSO4 | libc::TUN_F_TSO6 | libc::TUN_F_TSO_ECN;

/// A TUN that this process made. It lives, down and without addresses at first, until this value and all ports made of it
/// are dropped.
#[derive(Debug)]
pub struct TunDevice {
    name: String,
    index: u32,
    offloads: Vec<&'static str>,
    queues: Vec<Arc<File>>,
}

impl TunDevice {
    /// Makes the TUN `name` with as many queues as there will be workers (at least one).
    ///
    /// # Errors
    /// One sentence: the name is taken or impossible, there is no `/dev/net/tun`, or CAP_NET_ADMIN is missing.
    pub fn create(name: &str, queues: usize) -> io::Result<Self> {
        let first = attach(name, true)?;
        let granted = WISHES.iter().copied().find(|wish| device::set_tun_offload(first.as_fd(), *wish).is_ok());
        let granted = granted.unwrap_or(0);
        let mut files = vec![Arc::new(first)];
        for _ in 1..queues {
            files.push(Arc::new(attach(name, false)?));
        }
        let vanished = || io::Error::new(io::ErrorKind::NotFound, format!("the TUN \"{name}\" vanished"));
        Ok(Self {
            name: name.to_owned(),
            index: device::index(name).ok_or_else(vanished)?,
            offloads: OFFLOADS.iter().filter(|(bit, _)| granted & bit != 0).map(|(_, name)| *name).collect(),
            queues: files,
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The kernel's index of it.
    #[must_use]
    pub fn index(&self) -> u32 {
        self.index
    }

    /// The offloads that the kernel granted: of `csum`, `tso4`, `tso6`, `tso_ecn`, `uso4`, `uso6`.
    #[must_use]
    pub fn offloads(&self) -> &[&'static str] {
        &self.offloads
    }

    /// Changes what kind of link it is said to be (`ARPHRD_*`, linux/if_arp.h), while it is down.
    ///
    /// # Errors
    /// It is up.
    #[cfg(feature = "lab")]
    pub fn pretend(&self, hardware: u16) -> io::Result<()> {
        self.queues.first().map_or(Ok(()), |queue| device::set_tun_hardware(queue.as_fd(), hardware))
    }

    /// Both halves of one queue, counted from 0. `None` when there is no such queue.
    #[must_use]
    pub fn open(&self, queue: usize, meter: &Arc<Meter>) -> Option<(TunReceive, TunTransmit)> {
        let file = self.queues.get(queue)?;
        let receive = TunReceive { file: Arc::clone(file), arena: Arena::new(), meter: Arc::clone(meter) };
        Some((receive, TunTransmit { file: Arc::clone(file), meter: Arc::clone(meter) }))
    }
}

/// One more queue of the TUN, or with `new` the TUN itself.
fn attach(name: &str, new: bool) -> io::Result<File> {
    let explain = |error: io::Error, why: String| io::Error::new(error.kind(), why);
    let file = File::options()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC)
        .open("/dev/net/tun")
        .map_err(|error| {
            let why = format!("cannot open /dev/net/tun: {error}; load the kernel module \"tun\" and allow the device");
            explain(error, why)
        })?;
    device::attach_tun(file.as_fd(), name, new).map_err(|error| {
        let why = match error.raw_os_error() {
            Some(libc::EBUSY) => {
                format!("a link named \"{name}\" exists already; remove it, or give flowpin's TUN another name")
            }
            Some(libc::EPERM) => format!("cannot make the TUN \"{name}\": flowpin needs CAP_NET_ADMIN"),
            _ => format!("cannot make the TUN \"{name}\": {error}"),
        };
        explain(error, why)
    })?;
    device::set_tun_header_len(file.as_fd(), VIRTIO_HEADER_LEN)?;
    Ok(file)
}

/// Frames that the kernel routed into the TUN, one queue of them.
#[derive(Debug)]
pub struct TunReceive {
    file: Arc<File>,
    arena: Arena,
    meter: Arc<Meter>,
}

/// Frames for the kernel to route onwards.
#[derive(Debug)]
pub struct TunTransmit {
    file: Arc<File>,
    meter: Arc<Meter>,
}

impl AsFd for TunReceive {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl LiveReceive for TunReceive {
    /// A TUN that is gone fails at the next `receive`.
    fn check(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Frames that found the queue full are counted by the device, not by the port.
    fn count_losses(&mut self) {}
}

impl Receive for TunReceive {
    fn receive<'a>(&'a mut self, batch: &mut Batch<'a>) -> io::Result<()> {
        let mut rest = self.arena.open();
        let mut seen = Reading::default();
        let mut result = Ok(());
        for _ in batch.len()..MAX_BATCH {
            if !rest.has_room() {
                break;
            }
            let mut header = [0; VIRTIO_HEADER_LEN];
            let mut vectors = [IoSliceMut::new(&mut header), IoSliceMut::new(rest.space(0))];
            let len = match (&*self.file).read_vectored(&mut vectors) {
                Ok(len) => len,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    result = if error.kind() == io::ErrorKind::WouldBlock { Ok(()) } else { Err(error) };
                    break;
                }
            };
            let Some(len @ ..=LONGEST) = len.checked_sub(VIRTIO_HEADER_LEN) else {
                seen.malformed += 1;
                continue;
            };
            let (buffer, start) = rest.take(0, len);
            let frame =
                Offload::decode(&header, 0).and_then(|offload| Frame::new(buffer, start, start, start + len, offload));
            match frame {
                Some(frame) => batch.push(frame),
                None => seen.malformed += 1,
            }
        }
        seen.received = batch.len() as u64;
        self.meter.add_received(&seen);
        result
    }

    fn release(&mut self) {}
}

impl Transmit for TunTransmit {
    fn transmit(&mut self, frames: &[Frame<'_>], end: End) -> io::Result<Sent> {
        let mut sent = Sent::default();
        let mut result = Ok(());
        for frame in frames.iter().filter(|frame| frame.goes_to(end)) {
            let header = frame.offload.encode(0, frame.header_len);
            match write(&self.file, &header, frame.packet()) {
                Ok(()) => sent.sent += 1,
                Err(error) => match error.raw_os_error() {
                    Some(libc::EAGAIN | libc::ENOMEM | libc::ENOBUFS) => sent.full += 1,
                    // The queue was detached or the device deleted.
                    Some(libc::EBADFD | libc::EBADF | libc::EFAULT) => {
                        result = Err(error);
                        break;
                    }
                    // EIO while the TUN is down, EINVAL for an offload.
                    _ => sent.refused += 1,
                },
            }
        }
        self.meter.add_sent(sent);
        result.map(|()| sent)
    }
}

fn write(mut file: &File, header: &[u8], packet: &[u8]) -> io::Result<()> {
    loop {
        match file.write_vectored(&[IoSlice::new(header), IoSlice::new(packet)]) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done.map(drop),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wish_is_made_of_named_offloads_and_asks_for_both_kinds_of_uso_or_none() {
        let all = OFFLOADS.iter().fold(0, |sum, (bit, _)| sum | bit);
        for wish in WISHES {
            assert_eq!(wish & !all, 0);
            assert_eq!(wish & libc::TUN_F_USO4 != 0, wish & libc::TUN_F_USO6 != 0);
        }
        assert_eq!(WISHES[0], all);
    }

    #[test]
    fn a_name_that_the_kernel_cannot_keep_is_refused_in_one_sentence() {
        let error = TunDevice::create("a-name-of-17-bytes", 1).unwrap_err();
        assert!(error.to_string().contains("1 to 15 bytes") || error.to_string().contains("/dev/net/tun"), "{error}");
    }
}
