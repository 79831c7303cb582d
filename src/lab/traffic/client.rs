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

/// TCP connections, UDP sockets and pings at once, in each family; and on a slow machine, one for each inside host.
const AT_ONCE: usize = 8;
const AT_ONCE_SLOWLY: usize = INSIDE4.len();
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

/// Who notes what becomes of the clients' attempts, and how many times slower they are than on a quick machine.
#[derive(Clone)]
pub struct Crew {
    pub tally: Arc<Tally>,
    pub pace: u32,
}

impl Crew {
    async fn rest(&self, time: Duration) {
        sleep(time * self.pace).await;
    }
}

/// From inside, until stopped.
pub async fn outbound(crew: Crew, mut stop: Receiver<bool>) -> io::Result<()> {
    let sources = INSIDE4.map(|inside| (IpAddr::from(inside), IpAddr::from(SERVER4)));
    for at in 0..if crew.pace == 1 { AT_ONCE } else { AT_ONCE_SLOWLY } {
        for (from, to) in [sources[at % sources.len()], (INSIDE6.into(), SERVER6.into())] {
            tokio::task::spawn_local(connections(crew.clone(), from, to));
            tokio::task::spawn_local(datagrams(crew.clone(), from, to));
            tokio::task::spawn_local(pings(crew.clone(), from, to));
        }
    }
    let _ = stop.wait_for(|stop| *stop).await;
    Ok(())
}

/// From outside to each of `targets`, round and round until stopped.
pub async fn inbound(crew: Crew, targets: Vec<IpAddr>, mut stop: Receiver<bool>) -> io::Result<()> {
    for (first_port, to) in (FIRST_PORT..).step_by(PORTS.into()).zip(targets) {
        tokio::task::spawn_local(visits(crew.clone(), first_port, to));
    }
    let _ = stop.wait_for(|stop| *stop).await;
    Ok(())
}

async fn connections(crew: Crew, from: IpAddr, to: IpAddr) {
    let kind = Kind { protocol: Protocol::Tcp, v6: to.is_ipv6() };
    loop {
        let began = crew.tally.now();
        let (inside, result) = connect(any_port(from), to, DOWNLOAD, crew.pace).await;
        crew.tally.note_outbound(kind, Attempt { began, inside, result });
        crew.rest(Duration::from_millis(40)).await;
    }
}

async fn datagrams(crew: Crew, from: IpAddr, to: IpAddr) {
    let kind = Kind { protocol: Protocol::Udp, v6: to.is_ipv6() };
    loop {
        let socket = match open_udp(any_port(from), to).await {
            Ok(socket) => socket,
            Err(error) => {
                crew.tally.note_outbound(kind, Attempt { began: crew.tally.now(), inside: None, result: Err(error) });
                crew.rest(ANSWER).await;
                continue;
            }
        };
        let inside = socket.local_addr().ok();
        for length in DATAGRAMS {
            let began = crew.tally.now();
            let result = exchange(&socket, length, crew.pace).await;
            crew.tally.note_outbound(kind, Attempt { began, inside, result });
            crew.rest(Duration::from_millis(5)).await;
        }
        inside.into_iter().for_each(|inside| crew.tally.forget(inside));
    }
}

async fn pings(crew: Crew, from: IpAddr, to: IpAddr) {
    let kind = Kind { protocol: Protocol::Ping, v6: to.is_ipv6() };
    loop {
        for length in [0, 57, 1000] {
            let began = crew.tally.now();
            let result = ping(any_port(from), to, length, crew.pace).await;
            crew.tally.note_outbound(kind, Attempt { began, inside: None, result });
            crew.rest(Duration::from_millis(100)).await;
        }
    }
}

async fn visits(crew: Crew, first_port: u16, to: IpAddr) {
    let from: IpAddr = if to.is_ipv4() { SERVER4.into() } else { SERVER6.into() };
    for port in (0..PORTS).cycle() {
        let from = SocketAddr::new(from, first_port + port);
        let note =
            |protocol, began, result| crew.tally.note_inbound(to, protocol, Attempt { began, inside: None, result });
        let began = crew.tally.now();
        note(Protocol::Tcp, began, connect(from, to, VISIT, crew.pace).await.1);
        let began = crew.tally.now();
        let answer = async { exchange(&open_udp(from, to).await?, 777, crew.pace).await };
        note(Protocol::Udp, began, answer.await);
        let began = crew.tally.now();
        note(Protocol::Ping, began, ping(from, to, 99, crew.pace).await);
        crew.rest(Duration::from_millis(100)).await;
    }
}

/// One connection: everything that is sent must come back. Returns its own address and the bytes.
async fn connect(from: SocketAddr, to: IpAddr, length: usize, pace: u32) -> (Option<SocketAddr>, io::Result<u64>) {
    match open_tcp(from, to) {
        Ok(socket) => (socket.local_addr().ok(), converse(socket, to, length / pace as usize, CONNECTION * pace).await),
        Err(error) => (None, Err(error)),
    }
}

fn open_tcp(from: SocketAddr, to: IpAddr) -> io::Result<TcpSocket> {
    let socket = if to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(from)?;
    Ok(socket)
}

async fn converse(socket: TcpSocket, to: IpAddr, length: usize, patience: Duration) -> io::Result<u64> {
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
    timeout(patience, work).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

async fn open_udp(from: SocketAddr, to: IpAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(from).await?;
    socket.connect(SocketAddr::new(to, ECHO)).await?;
    Ok(socket)
}

/// One datagram and its echo. Returns the bytes.
async fn exchange(socket: &UdpSocket, length: usize, pace: u32) -> io::Result<u64> {
    let sent = hello::payload(socket.local_addr()?, length);
    socket.send(&sent).await?;
    let mut back = vec![0; length + 1];
    let got = timeout(ANSWER * pace, socket.recv(&mut back))
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    same(&sent, back.get(..got).unwrap_or_default())
}

fn any_port(address: IpAddr) -> SocketAddr {
    SocketAddr::new(address, 0)
}

/// One echo request; the port is its identifier.
async fn ping(from: SocketAddr, to: IpAddr, length: usize, pace: u32) -> io::Result<u64> {
    Pinger::open(from, to)?.ping(length, ANSWER * pace).await
}

fn same(sent: &[u8], back: &[u8]) -> io::Result<u64> {
    if sent == back {
        return Ok(back.len() as u64);
    }
    let what = format!("{} bytes were sent and {} other bytes came back", sent.len(), back.len());
    Err(io::Error::new(io::ErrorKind::InvalidData, what))
}
