//! The smallest web server: says which address the visitor came from, or sends as many bytes as the path asks for; a
//! header says the address in any case.
//! For people and `curl`. Must never know: who should come from where.

use std::io;
use std::net::SocketAddr;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Bytes of a request line and headers at most.
const REQUEST: u64 = 8192;
/// The most that a path may ask for.
const MOST: usize = 1 << 30;

/// Listens. Called inside the runtime and the namespace.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// Answers visitors, one task each.
pub async fn serve(listener: TcpListener) {
    loop {
        if let Ok((stream, from)) = listener.accept().await {
            tokio::task::spawn_local(answer(stream, from));
        }
    }
}

/// `GET /` gives the visitor's address and port, `GET /N` gives N bytes.
async fn answer(stream: TcpStream, from: SocketAddr) -> io::Result<()> {
    let mut stream = BufReader::new(tokio::io::AsyncReadExt::take(stream, REQUEST));
    let mut request = String::new();
    stream.read_line(&mut request).await?;
    let mut header = String::new();
    while stream.read_line(&mut header).await? > 2 {
        header.clear();
    }
    let asked = request.split(' ').nth(1).and_then(|path| path.trim_start_matches('/').parse::<usize>().ok());
    let mut stream = stream.into_inner().into_inner();
    let body = format!("{from}\n");
    let length = asked.map_or(body.len(), |length| length.min(MOST));
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\nX-Visitor: {from}\r\n\
         Connection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    let Some(_) = asked else { return stream.write_all(body.as_bytes()).await };
    let block = [b'.'; 65_536];
    let mut left = length;
    while left > 0 {
        let part = left.min(block.len());
        stream.write_all(block.get(..part).unwrap_or(&block)).await?;
        left -= part;
    }
    Ok(())
}
