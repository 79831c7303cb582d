//! A UDP server that answers each datagram with the address it came from, and a client that asks it: how a test learns
//! which public address a socket has. Must never know: any single claim.

use flowpin::lab::Namespace;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

/// Where the mirror listens.
const PORT: u16 = 3478;

/// Starts the server in a namespace. It ends with the test's process.
pub fn mirror(namespace: &Namespace, address: impl Into<std::net::IpAddr>) -> SocketAddr {
    let at = SocketAddr::new(address.into(), PORT);
    let socket =
        namespace.run(|| UdpSocket::bind(at)).expect("the namespace can be entered").expect("the port is free");
    std::thread::spawn(move || {
        let mut datagram = [0; 2048];
        while let Ok((_, from)) = socket.recv_from(&mut datagram) {
            let _ = socket.send_to(from.to_string().as_bytes(), from);
        }
    });
    at
}

/// Asks from an own address and port (called on a thread in the asker's namespace), three times at most.
/// Returns the address and port that the mirror saw.
pub fn ask(from: SocketAddr, mirror: SocketAddr) -> Option<SocketAddr> {
    let socket = UdpSocket::bind(from).expect("the asker's port is free");
    socket.set_read_timeout(Some(Duration::from_secs(1))).expect("a timeout");
    socket.connect(mirror).expect("a route to the mirror");
    (0..3).find_map(|_| {
        socket.send(b"who am I?").ok()?;
        let mut answer = [0; 64];
        let length = socket.recv(&mut answer).ok()?;
        std::str::from_utf8(&answer[..length]).ok()?.parse().ok()
    })
}
