//! The clients: from the firewall's identities to the Internet host, and from there to every public address.
//! Must never know: which public address an identity gets.

use super::echo::ECHO;
use super::hello;
use super::ping::Pinger;
use super::tally::{Attempt, Kind, Protocol, Tally};
use crate::lab::topology::{INSIDE4, INSIDE6, SERVER4, SERVER6};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, UdpSocket};
use tokio::sync::watch::Receiver;
use tokio::time::{sleep, timeout};

/// TCP connections, UDP sockets and pings at once, in each family.
const AT_ONCE: usize = 8;
/// How long a connection may take, and how long one answer.
const CONNECTION: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(1);
/// Bytes sent over each connection from inside, and from outside. Odd, so that the last checksum word is half.
const DOWNLOAD: usize = 200_001;
const VISIT: usize = 20_001;
/// Datagram lengths: odd and even, small and as large as an MTU of 1500 lets through in IPv6.
const DATAGRAMS: [usize; 8] = [26, 27, 100, 511, 900, 1001, 1400, 1452];

/// Ports of the visitor, so many for each public address: from one socket at two public addresses of one inside host,
/// what comes in looks the same to that host. They come round again when the flow before is long forgotten.
const FIRST_PORT: u16 = 10_000;
const PORTS: u16 = 4_000;

/// From inside, until stopped.
pub async fn outbound(tally: Arc<Tally>, mut stop: Receiver<bool>) -> io::Result<()> {
    let sources = INSIDE4.map(|inside| (IpAddr::from(inside), IpAddr::from(SERVER4)));
    for at in 0..AT_ONCE {
        for (from, to) in [sources[at % sources.len()], (INSIDE6.into(), SERVER6.into())] {
            tokio::task::spawn_local(connections(Arc::clone(&tally), from, to));
            tokio::task::spawn_local(datagrams(Arc::clone(&tally), from, to));
            tokio::task::spawn_local(pings(Arc::clone(&tally), from, to));
        }
    }
    let _ = stop.wait_for(|stop| *stop).await;
    Ok(())
}

/// From outside to each of `targets`, round and round until stopped.
pub async fn inbound(tally: Arc<Tally>, targets: Vec<IpAddr>, mut stop: Receiver<bool>) -> io::Result<()> {
    for (first_port, to) in (FIRST_PORT..).step_by(PORTS.into()).zip(targets) {
        tokio::task::spawn_local(visits(Arc::clone(&tally), first_port, to));
    }
    let _ = stop.wait_for(|stop| *stop).await;
    Ok(())
}

async fn connections(tally: Arc<Tally>, from: IpAddr, to: IpAddr) {
    let kind = Kind { protocol: Protocol::Tcp, v6: to.is_ipv6() };
    loop {
        let began = tally.now();
        let (inside, result) = connect(any_port(from), to, DOWNLOAD).await;
        tally.note_outbound(kind, Attempt { began, inside, result });
        sleep(Duration::from_millis(40)).await;
    }
}

async fn datagrams(tally: Arc<Tally>, from: IpAddr, to: IpAddr) {
    let kind = Kind { protocol: Protocol::Udp, v6: to.is_ipv6() };
    loop {
        let socket = match open_udp(any_port(from), to).await {
            Ok(socket) => socket,
            Err(error) => {
                tally.note_outbound(kind, Attempt { began: tally.now(), inside: None, result: Err(error) });
                sleep(ANSWER).await;
                continue;
            }
        };
        let inside = socket.local_addr().ok();
        for length in DATAGRAMS {
            let began = tally.now();
            let result = exchange(&socket, length).await;
            tally.note_outbound(kind, Attempt { began, inside, result });
            sleep(Duration::from_millis(5)).await;
        }
        inside.into_iter().for_each(|inside| tally.forget(inside));
    }
}

async fn pings(tally: Arc<Tally>, from: IpAddr, to: IpAddr) {
    let kind = Kind { protocol: Protocol::Ping, v6: to.is_ipv6() };
    loop {
        for length in [0, 57, 1000] {
            let began = tally.now();
            let result = ping(any_port(from), to, length).await;
            tally.note_outbound(kind, Attempt { began, inside: None, result });
            sleep(Duration::from_millis(100)).await;
        }
    }
}

async fn visits(tally: Arc<Tally>, first_port: u16, to: IpAddr) {
    let from: IpAddr = if to.is_ipv4() { SERVER4.into() } else { SERVER6.into() };
    for port in (0..PORTS).cycle() {
        let from = SocketAddr::new(from, first_port + port);
        let note = |protocol, began, result| tally.note_inbound(to, protocol, Attempt { began, inside: None, result });
        let began = tally.now();
        note(Protocol::Tcp, began, connect(from, to, VISIT).await.1);
        let began = tally.now();
        let answer = async { exchange(&open_udp(from, to).await?, 777).await };
        note(Protocol::Udp, began, answer.await);
        let began = tally.now();
        note(Protocol::Ping, began, ping(from, to, 99).await);
        sleep(Duration::from_millis(100)).await;
    }
}

/// One connection: everything that is sent must come back. Returns its own address and the bytes.
async fn connect(from: SocketAddr, to: IpAddr, length: usize) -> (Option<SocketAddr>, io::Result<u64>) {
    match open_tcp(from, to) {
        Ok(socket) => (socket.local_addr().ok(), converse(socket, to, length).await),
        Err(error) => (None, Err(error)),
    }
}

fn open_tcp(from: SocketAddr, to: IpAddr) -> io::Result<TcpSocket> {
    let socket = if to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(from)?;
    Ok(socket)
}

async fn converse(socket: TcpSocket, to: IpAddr, length: usize) -> io::Result<u64> {
    let work = async {
        let mut stream = socket.connect(SocketAddr::new(to, ECHO)).await?;
        let sent = hello::payload(stream.local_addr()?, length);
        let (mut read, mut write) = stream.split();
        let send = async {
            write.write_all(&sent).await?;
            write.shutdown().await
        };
        let mut back = Vec::with_capacity(length);
        let (sending, receiving) = tokio::join!(send, read.read_to_end(&mut back));
        sending?;
        receiving?;
        same(&sent, &back)
    };
    timeout(CONNECTION, work).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

async fn open_udp(from: SocketAddr, to: IpAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(from).await?;
    socket.connect(SocketAddr::new(to, ECHO)).await?;
    Ok(socket)
}

/// One datagram and its echo. Returns the bytes.
async fn exchange(socket: &UdpSocket, length: usize) -> io::Result<u64> {
    let sent = hello::payload(socket.local_addr()?, length);
    socket.send(&sent).await?;
    let mut back = vec![0; length + 1];
    let got = timeout(ANSWER, socket.recv(&mut back)).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    same(&sent, back.get(..got).unwrap_or_default())
}

fn any_port(address: IpAddr) -> SocketAddr {
    SocketAddr::new(address, 0)
}

/// One echo request; the port is its identifier.
async fn ping(from: SocketAddr, to: IpAddr, length: usize) -> io::Result<u64> {
    Pinger::open(from, to)?.ping(length, ANSWER).await
}

fn same(sent: &[u8], back: &[u8]) -> io::Result<u64> {
    if sent == back {
        return Ok(back.len() as u64);
    }
    let what = format!("{} bytes were sent and {} other bytes came back", sent.len(), back.len());
    Err(io::Error::new(io::ErrorKind::InvalidData, what))
}
