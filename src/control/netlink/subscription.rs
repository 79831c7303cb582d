//! A netlink socket that is told what changes, of some groups. Must never know: what the messages are about.

use rtnetlink::packet_core::NetlinkBuffer;
use rtnetlink::sys::{AsyncSocket as _, SocketAddr, TokioSocket};
use std::future::poll_fn;
use std::io;

/// More than the kernel puts into one notification; what is longer all the same is cut off, and then matters.
const DATAGRAM_BYTES: usize = 1 << 16;

/// What waits to be received. More is an overrun, which is told as a change.
const QUEUE_BYTES: u32 = 4 << 20;

const NLMSG_ALIGNTO: usize = 4;

/// A socket that is told of some groups.
pub(crate) struct Subscription {
    socket: TokioSocket,
    /// What was received last; empty after an overrun.
    pub datagram: Vec<u8>,
}

/// What a socket has for us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Heard {
    Datagram,
    /// More happened than fits into the queue: anything may have changed.
    Overrun,
}

impl Subscription {
    /// Subscribes to groups of a netlink protocol. Needs a tokio runtime.
    pub fn new(protocol: isize, groups: impl IntoIterator<Item = u32>) -> io::Result<Self> {
        let mut asynchronous = TokioSocket::new(protocol)?;
        let socket = asynchronous.socket_mut();
        // Without the right to more it is what the machine allows.
        let _ = socket.set_rx_buf_sz(QUEUE_BYTES);
        socket.bind(&SocketAddr::new(0, 0))?;
        for group in groups {
            socket.add_membership(group)?;
        }
        Ok(Self { socket: asynchronous, datagram: Vec::with_capacity(DATAGRAM_BYTES) })
    }

    /// Waits for the next datagram. May be dropped while it waits: nothing is lost.
    pub async fn receive(&mut self) -> Result<Heard, String> {
        self.datagram.clear();
        match poll_fn(|context| self.socket.poll_recv(context, &mut self.datagram)).await {
            Ok(()) => Ok(Heard::Datagram),
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                self.datagram.clear();
                Ok(Heard::Overrun)
            }
            Err(error) => Err(format!("the kernel's notifications ended: {error}")),
        }
    }
}

/// The messages of a datagram with their types; `None`, at the end, for one that cannot be read.
pub(crate) fn messages(datagram: &[u8]) -> impl Iterator<Item = Option<(u16, &[u8])>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let whole = rest;
        rest = &[];
        let Ok(message) = NetlinkBuffer::new_checked(whole) else { return Some(None) };
        let length = message.length() as usize;
        let Some(bytes) = whole.get(..length) else { return Some(None) };
        rest = whole.get(length.next_multiple_of(NLMSG_ALIGNTO)..).unwrap_or_default();
        Some(Some((message.message_type(), bytes)))
    })
}
