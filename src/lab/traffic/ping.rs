//! Ping by the kernel's unprivileged ICMP sockets (`icmp(7)`): the kernel fills identifier and checksum and hands over
//! only this socket's replies. Must never know: which addresses there are.

use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::time::timeout;

/// Type, code, checksum and identifier: bytes before the sequence number, which with the payload comes back.
const SEQUENCE: usize = 6;

/// A socket that pings one target from one address with one identifier.
pub struct Pinger {
    /// An ICMP socket sends and receives like a connected UDP one.
    socket: UdpSocket,
    kind: u8,
    sequence: u16,
}

impl Pinger {
    /// Opens the socket. The port of `from` is the identifier; 0 leaves it to the kernel. Called inside the runtime and the namespace.
    pub fn open(from: SocketAddr, to: IpAddr) -> io::Result<Self> {
        // Echo request: RFC 792, and RFC 4443 section 4.1.
        let (domain, protocol, kind) = match to {
            IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4, 8),
            IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6, 128),
        };
        let socket = Socket::new(domain, Type::DGRAM.nonblocking(), Some(protocol))?;
        socket.bind(&SockAddr::from(from))?;
        socket.connect(&SockAddr::from(SocketAddr::new(to, 0)))?;
        Ok(Self { socket: UdpSocket::from_std(socket.into())?, kind, sequence: 0 })
    }

    /// Sends one request with `length` bytes of payload and waits for its reply. Returns the payload's length.
    pub async fn ping(&mut self, length: usize, patience: Duration) -> io::Result<u64> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut request = vec![self.kind, 0, 0, 0, 0, 0];
        request.extend(self.sequence.to_be_bytes());
        request.extend((0..length).map(|i| i as u8));
        self.socket.send(&request).await?;
        timeout(patience, self.reply(&request)).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        Ok(length as u64)
    }

    /// Waits for the reply to this very request; an older one that comes late is passed over.
    async fn reply(&self, request: &[u8]) -> io::Result<()> {
        let mut reply = vec![0; request.len() + 1];
        loop {
            let length = self.socket.recv(&mut reply).await?;
            if reply.get(SEQUENCE..length) == request.get(SEQUENCE..) {
                return Ok(());
            }
        }
    }
}
