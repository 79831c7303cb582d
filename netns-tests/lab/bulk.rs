//! Much TCP between two namespaces, compared byte by byte. Must never know: any single claim.

use flowpin::lab::Namespace;
use std::io::{Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// Seconds that a transfer may stand still.
const PATIENCE: Duration = Duration::from_secs(20);

/// A client at `from` sends `size` bytes to a server at `to`, and gets as many back; all of them are the right ones.
pub fn exchange(client: (&Namespace, IpAddr), server: (&Namespace, SocketAddr), size: usize) {
    let ((at, from), (there, to)) = (client, server);
    let listener = there.run(|| TcpListener::bind(to)).expect("the namespace can be entered").expect("a free port");
    let answer = std::thread::spawn(move || {
        let (mut stream, visitor) = listener.accept().expect("a visitor");
        expect(&mut stream, size);
        pour(&mut stream, size);
        visitor
    });
    let connect = || {
        let socket = socket2::Socket::new(socket2::Domain::for_address(to), socket2::Type::STREAM, None)?;
        socket.bind(&SocketAddr::new(from, 0).into())?;
        socket.connect_timeout(&to.into(), PATIENCE)?;
        std::io::Result::Ok(TcpStream::from(socket))
    };
    let mut stream = at.run(connect).expect("the namespace can be entered").expect("a connection");
    pour(&mut stream, size);
    expect(&mut stream, size);
    answer.join().expect("the server ends well");
}

/// Bytes that differ from place to place.
fn byte(at: usize) -> u8 {
    (at ^ (at >> 8) ^ (at >> 16)) as u8
}

fn pour(stream: &mut TcpStream, size: usize) {
    let block: Vec<u8> = (0..size).map(byte).collect();
    stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
    stream.write_all(&block).expect("the peer takes it");
    stream.shutdown(Shutdown::Write).expect("the peer is there");
}

fn expect(stream: &mut TcpStream, size: usize) {
    let mut block = Vec::new();
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.read_to_end(&mut block).expect("the peer sends it");
    assert_eq!(block.len(), size);
    assert!(block.iter().enumerate().all(|(at, value)| *value == byte(at)), "a byte is wrong");
}
