//! A UDP server that sends every datagram back, and a client that compares what comes back. Must never know: any single
//! claim.

use flowpin::lab::Namespace;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The longest datagram of IPv4.
const LONGEST: usize = 65_507;

/// A server for datagrams of any size. It ends with the test's process.
pub struct Echo {
    /// Where it listens.
    pub at: SocketAddr,
    seen: Arc<Mutex<BTreeSet<IpAddr>>>,
}

impl Echo {
    /// Starts it in a namespace.
    pub fn start(namespace: &Namespace, at: SocketAddr) -> Self {
        let socket = bound(namespace, at);
        let seen = Arc::new(Mutex::new(BTreeSet::new()));
        let visitors = Arc::clone(&seen);
        std::thread::spawn(move || {
            let mut datagram = vec![0; LONGEST];
            while let Ok((length, from)) = socket.recv_from(&mut datagram) {
                visitors.lock().expect("nobody panics with it").insert(from.ip());
                let _ = socket.send_to(&datagram[..length], from);
            }
        });
        Self { at, seen }
    }

    /// The addresses of all who have sent something.
    pub fn visitors(&self) -> BTreeSet<IpAddr> {
        self.seen.lock().expect("nobody panics with it").clone()
    }
}

/// Sends a datagram of that many bytes, once, and gets the same bytes back.
#[track_caller]
pub fn echo(namespace: &Namespace, from: SocketAddr, to: SocketAddr, size: usize) {
    let socket = bound(namespace, from);
    socket.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
    let bytes: Vec<u8> = (0..size).map(|at| (at ^ at >> 8) as u8 ^ from.port() as u8).collect();
    socket.send_to(&bytes, to).expect("it leaves");
    let mut back = vec![0; LONGEST];
    let (length, server) = socket.recv_from(&mut back).unwrap_or_else(|error| panic!("{from} to {to}: {error}"));
    assert_eq!(server, to);
    assert!(back[..length] == bytes, "{from} to {to}: {length} bytes came back, not the {size} that were sent");
}

fn bound(namespace: &Namespace, at: SocketAddr) -> UdpSocket {
    namespace.run(|| UdpSocket::bind(at)).expect("the namespace can be entered").expect("a free port")
}
