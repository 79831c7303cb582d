//! Servers on one address: TCP and UDP echo that note from which public address each sender appeared, and a web server.
//! Must never know: what should appear; that is the tally's.

use super::tally::Tally;
use super::{hello, web};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};
use tokio::sync::watch::Receiver;

/// Where the echo servers listen, TCP and UDP.
pub const ECHO: u16 = 7;
/// Where the web server listens.
const WEB: u16 = 80;

/// One address that listens.
pub struct Server {
    tcp: TcpListener,
    udp: UdpSocket,
    web: TcpListener,
}

impl Server {
    /// Listens. Called inside the runtime and the namespace.
    pub fn bind(address: IpAddr) -> io::Result<Self> {
        let web = web::bind(SocketAddr::new(address, WEB))?;
        let address = SocketAddr::new(address, ECHO);
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let udp = std::net::UdpSocket::bind(address)?;
        udp.set_nonblocking(true)?;
        Ok(Self { tcp: socket.listen(1024)?, udp: UdpSocket::from_std(udp)?, web })
    }
}

/// Serves until stopped.
pub async fn serve(servers: Vec<Server>, tally: Option<Arc<Tally>>, mut stop: Receiver<bool>) -> io::Result<()> {
    for Server { tcp, udp, web } in servers {
        let notes = tally.clone();
        tokio::task::spawn_local(async move {
            // An accept can fail when the peer has gone already: not the server's trouble.
            loop {
                if let Ok((stream, from)) = tcp.accept().await {
                    tokio::task::spawn_local(connection(stream, from, notes.clone()));
                }
            }
        });
        tokio::task::spawn_local(datagrams(udp, tally.clone()));
        tokio::task::spawn_local(web::serve(web));
    }
    let _ = stop.wait_for(|stop| *stop).await;
    Ok(())
}

async fn connection(mut stream: TcpStream, from: SocketAddr, tally: Option<Arc<Tally>>) -> io::Result<()> {
    let mut first = Vec::with_capacity(hello::LENGTH);
    (&mut stream).take(hello::LENGTH as u64).read_to_end(&mut first).await?;
    if let (Some(tally), Some(inside)) = (&tally, hello::read(&first)) {
        tally.note_connection(inside, from);
    }
    stream.write_all(&first).await?;
    let (mut read, mut write) = stream.split();
    tokio::io::copy(&mut read, &mut write).await?;
    write.shutdown().await
}

async fn datagrams(socket: UdpSocket, tally: Option<Arc<Tally>>) {
    let mut datagram = vec![0; 65_536];
    loop {
        // An error here is a peer's port unreachable, told to the socket: the next datagram is another matter.
        let Ok((length, from)) = socket.recv_from(&mut datagram).await else { continue };
        let Some(datagram) = datagram.get(..length) else { continue };
        if let (Some(tally), Some(inside)) = (&tally, hello::read(datagram)) {
            tally.note_datagram(inside, from);
        }
        let _ = socket.send_to(datagram, from).await;
    }
}
