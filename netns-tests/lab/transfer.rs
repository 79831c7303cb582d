//! Two megabytes by TCP to an echo server and back, compared byte by byte. Must never know: any single claim.

use flowpin::lab::Namespace;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

const BYTES: usize = 2 << 20;
/// The lab's echo servers (`Traffic::servers`) listen there.
const PORT: u16 = 7;
/// How long nothing may move: a transfer that an MTU breaks stands still for good.
const PATIENCE: Duration = Duration::from_secs(8);

/// An open connection to an echo server.
pub struct Transfer(TcpStream);

/// Connects from `namespace` to the echo server at `address`.
pub fn transfer(namespace: &Namespace, address: std::net::IpAddr) -> io::Result<Transfer> {
    let to = SocketAddr::new(address, PORT);
    let stream = namespace.run(|| TcpStream::connect_timeout(&to, PATIENCE)).flatten()?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(Transfer(stream))
}

impl Transfer {
    /// The port that it was opened from.
    pub fn port(&self) -> u16 {
        self.0.local_addr().expect("an open socket").port()
    }

    /// Sends everything, takes everything back and compares.
    pub fn complete(self) -> io::Result<()> {
        let sent: Vec<u8> = (0..BYTES).map(|at| (at ^ at >> 8 ^ at >> 16) as u8).collect();
        let (mut out, mut back) = (self.0.try_clone()?, self.0);
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| out.write_all(&sent).and_then(|()| out.shutdown(Shutdown::Write)));
            let mut got = Vec::with_capacity(BYTES);
            let read = back.read_to_end(&mut got);
            let wrote = writer.join().expect("the writer does not panic");
            read.map_err(|error| io::Error::new(error.kind(), format!("after {} bytes back: {error}", got.len())))?;
            wrote?;
            if got == sent { Ok(()) } else { Err(io::Error::other(format!("{} other bytes came back", got.len()))) }
        })
    }
}
