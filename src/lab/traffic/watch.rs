//! Looks at every frame that the router hands to an ISP: its source must be of that WAN. A packet with another WAN's
//! source might still be answered, so nobody's sockets would notice. Must never know: who sent it.

use crate::lab::topology::mac;
use crate::lab::{Lab, Namespace};
use ipnet::IpNet;
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{self, Read};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Sources that may leave on the fiber: its block, its prefix, and the router's own.
const FIBER: &[&str] = &["192.0.2.192/29", "2001:db8:a:c80::/60", "fe80::a2/128"];
/// Sources that may leave on the DSL.
const DSL: &[&str] = &["198.51.100.240/29", "198.18.2.2/32", "2001:db8:b:be00::/60", "fe80::b2/128"];
/// Sources that may leave on the LTE line.
const LTE: &[&str] = &["203.0.113.240/29", "2001:db8:c:5d00::/60", "fe80::e2/128"];
/// Names of the links, in this order.
const LINKS: [&str; 3] = ["wan0", "wan1", "wwan0"];
/// Enough of a frame for Ethernet, a tag and the addresses.
const SNAP: usize = 64;

/// Watchers on both WAN links. Dropping it ends them.
pub struct Wires {
    stop: Arc<AtomicBool>,
    found: Arc<Mutex<Found>>,
    threads: Vec<JoinHandle<io::Result<io::Result<()>>>>,
}

#[derive(Debug, Default)]
struct Found {
    frames: [u64; 3],
    strangers: u64,
    example: Option<String>,
}

impl Wires {
    /// Watches the WAN links of `lab` on the ISPs' side.
    ///
    /// # Errors
    /// No packet socket can be opened.
    pub fn watch(lab: &Lab) -> io::Result<Self> {
        let mut wires = Self { stop: Arc::default(), found: Arc::default(), threads: Vec::new() };
        wires.start(&lab.ispa, 0, mac::ISPA, FIBER)?;
        wires.start(&lab.ispb, 1, mac::ISPB, DSL)?;
        wires.start(&lab.ispc, 2, mac::ISPC, LTE)?;
        Ok(wires)
    }

    /// IP frames that came to the ISPs of the fiber, of the DSL and of the LTE line.
    #[must_use]
    pub fn frames(&self) -> [u64; 3] {
        self.found().frames
    }

    /// Those of them whose source is not of that WAN, and the first one in words.
    #[must_use]
    pub fn strangers(&self) -> (u64, Option<String>) {
        let found = self.found();
        (found.strangers, found.example.clone())
    }

    fn start(&mut self, namespace: &Namespace, wan: usize, to: [u8; 6], own: &[&str]) -> io::Result<()> {
        let own: Vec<IpNet> = own.iter().filter_map(|net| net.parse().ok()).collect();
        let (stop, found) = (Arc::clone(&self.stop), Arc::clone(&self.found));
        let socket = namespace.run(open)??;
        let look = move || {
            let mut frame = [0; SNAP];
            while !stop.load(Ordering::Relaxed) {
                let length = match (&socket).read(&mut frame) {
                    Ok(length) => length,
                    Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                        continue;
                    }
                    Err(error) => return Err(error),
                };
                let Some(source) = frame.get(..length).and_then(|frame| source(frame, to)) else { continue };
                let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                found.frames[wan] += 1;
                if !own.iter().any(|net| net.contains(&source)) {
                    found.strangers += 1;
                    found.example.get_or_insert_with(|| format!("{source} left on {}", LINKS[wan]));
                }
            }
            Ok(())
        };
        self.threads.push(namespace.thread("watch", look)?);
        Ok(())
    }

    fn found(&self) -> std::sync::MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Wires {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// A socket that sees the frames of every link of the namespace; the MAC tells the one that matters.
fn open() -> io::Result<Socket> {
    let all = Protocol::from(i32::from((libc::ETH_P_ALL as u16).to_be()));
    let socket = Socket::new(Domain::PACKET, Type::RAW, Some(all))?;
    socket.set_recv_buffer_size(8 << 20)?;
    socket.set_read_timeout(Some(Duration::from_millis(100)))?;
    Ok(socket)
}

/// The source address of an IP frame that is addressed to `to`.
fn source(frame: &[u8], to: [u8; 6]) -> Option<IpAddr> {
    if !frame.starts_with(&to) {
        return None;
    }
    match frame.get(12..14)? {
        [0x08, 0x00] => Some(IpAddr::from(*frame.get(26..)?.first_chunk::<4>()?)),
        [0x86, 0xdd] => Some(IpAddr::from(*frame.get(22..)?.first_chunk::<16>()?)),
        _ => None,
    }
}
