//! `sendmmsg`: many frames from where they stand, one system call. Must never know: what an error means for a frame.

use super::packet;
use crate::types::{MAX_BATCH, VIRTIO_HEADER_LEN};
use arrayvec::ArrayVec;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};

/// One message: a virtio header and the frame.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// `struct virtio_net_hdr`.
    pub header: [u8; VIRTIO_HEADER_LEN],
    /// Link header and packet.
    pub bytes: &'a [u8],
    /// Of what protocol the packet is (ETH_P_*), where no link header says so.
    pub protocol: u16,
}

/// What to do about a message that failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Then {
    /// Leave it out and go on.
    Skip,
    /// Try it once more.
    Retry,
    /// Send nothing more.
    Stop,
}

/// Sends `messages` in order without blocking and without allocating, `by` a link with this index and of their protocols if
/// that is said, else by the one that the socket is bound to. `failed` is called for each one that failed, with its
/// position. Returns how many were sent.
pub fn send(
    socket: BorrowedFd<'_>,
    by: Option<u32>,
    messages: &ArrayVec<Message<'_>, MAX_BATCH>,
    mut failed: impl FnMut(usize, &io::Error) -> Then,
) -> u32 {
    let mut vectors = ArrayVec::<[libc::iovec; 2], MAX_BATCH>::new();
    for message in messages {
        vectors.push([vector(&message.header), vector(message.bytes)]);
    }
    let mut addresses = ArrayVec::<libc::sockaddr_ll, MAX_BATCH>::new();
    addresses.extend(by.iter().flat_map(|link| messages.iter().map(|it| packet::address(*link, it.protocol))));
    let mut headers = ArrayVec::<libc::mmsghdr, MAX_BATCH>::new();
    for pair in &mut vectors {
        headers.push(describe(pair));
    }
    for (header, address) in headers.iter_mut().zip(&mut addresses) {
        header.msg_hdr.msg_name = std::ptr::from_mut(address).cast();
        header.msg_hdr.msg_namelen = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
    }
    let (mut at, mut sent) = (0, 0);
    while let Some(left) = headers.get_mut(at..).filter(|left| !left.is_empty()) {
        // SAFETY: `left` is an array of that many mmsghdr; each points to two iovecs in `vectors`, which point to bytes
        // that `messages` borrows, and perhaps to an address in `addresses`; all outlive the call, which only reads them (and writes `msg_len`).
        let done = unsafe {
            libc::sendmmsg(socket.as_raw_fd(), left.as_mut_ptr(), left.len() as libc::c_uint, libc::MSG_DONTWAIT)
        };
        if let Ok(done @ 1..) = u32::try_from(done) {
            sent += done;
            at += done as usize;
            continue;
        }
        let error = io::Error::last_os_error();
        match error.kind() {
            io::ErrorKind::Interrupted => {}
            _ => match failed(at, &error) {
                Then::Skip => at += 1,
                Then::Retry => {}
                Then::Stop => break,
            },
        }
    }
    sent
}

fn vector(bytes: &[u8]) -> libc::iovec {
    libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() }
}

fn describe(pair: &mut [libc::iovec; 2]) -> libc::mmsghdr {
    // SAFETY: mmsghdr is a C struct of integers and pointers, for which all zeroes is a value.
    let mut header: libc::mmsghdr = unsafe { MaybeUninit::zeroed().assume_init() };
    header.msg_hdr.msg_iov = pair.as_mut_ptr();
    header.msg_hdr.msg_iovlen = pair.len();
    header
}
