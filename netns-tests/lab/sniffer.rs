//! Every frame of a namespace that a test cares about, as the wire carries it. Must never know: any single claim.

use flowpin::lab::Namespace;
use flowpin::ports::sys::packet::set;
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{ErrorKind, Read};
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// The beginning of an Ethernet frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame(pub Vec<u8>);

/// A thread in a namespace that keeps the frames that a filter lets pass.
pub struct Sniffer {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<std::io::Result<Vec<Frame>>>,
}

impl Sniffer {
    /// Listens on every link of the namespace from now on; tell the links apart by MACs.
    pub fn start(namespace: &Namespace, keep: impl Fn(&Frame) -> bool + Send + 'static) -> Self {
        let socket = namespace.run(open).expect("the namespace can be entered");
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let listen = move || {
            let mut frames = Vec::new();
            let mut buffer = [0; 256];
            loop {
                match (&socket).read(&mut buffer) {
                    Ok(length) => frames.extend(Some(Frame(buffer[..length].to_vec())).filter(&keep)),
                    // Only when nothing has come for a while is everything read that came before the stop.
                    Err(error) if error.kind() == ErrorKind::WouldBlock && stopped.load(Ordering::Relaxed) => break,
                    Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                    Err(error) => panic!("the packet socket fails: {error}"),
                }
            }
            frames
        };
        Self { stop, thread: namespace.thread("sniffer", listen).expect("a thread") }
    }

    /// Ends and returns the frames in order of arrival.
    pub fn stop(self) -> Vec<Frame> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the sniffer lives").expect("the namespace can be entered")
    }
}

fn open() -> Socket {
    let all = Protocol::from(i32::from((libc::ETH_P_ALL as u16).to_be()));
    let socket = Socket::new(Domain::PACKET, Type::RAW, Some(all)).expect("a packet socket");
    // Beyond what the machine lets everybody have: a burst that finds no room would look like a loss of the router's.
    set(socket.as_fd(), libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, 64 << 20).expect("a receive buffer");
    socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a timeout");
    socket
}

impl Frame {
    /// Whether it is addressed to this MAC.
    pub fn is_to(&self, mac: [u8; 6]) -> bool {
        self.0.starts_with(&mac)
    }

    /// Source and destination of an IP packet.
    pub fn addresses(&self) -> Option<(IpAddr, IpAddr)> {
        fn at<const N: usize>(bytes: &[u8], from: usize) -> Option<[u8; N]> {
            bytes.get(from..)?.first_chunk::<N>().copied()
        }
        match at::<2>(&self.0, 12)? {
            [0x08, 0x00] => Some((at::<4>(&self.0, 26)?.into(), at::<4>(&self.0, 30)?.into())),
            [0x86, 0xdd] => Some((at::<16>(&self.0, 22)?.into(), at::<16>(&self.0, 38)?.into())),
            _ => None,
        }
    }
}
