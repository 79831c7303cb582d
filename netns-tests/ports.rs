//! Ports against the real kernel, without a data plane: two namespaces joined by a veth pair, and a third for a firewall.
//! Must never know: what the data plane does with a frame.

mod forward;
mod packet;
mod tun;
mod worker;

use crate::lab::run;
use flowpin::clock;
use flowpin::lab::Namespace;
use flowpin::ports::batch::{Receive, Transmit};
use flowpin::ports::link::Link;
use flowpin::ports::meter::Meter;
use flowpin::ports::packet_socket::{self, PacketReceive, PacketTransmit};
use flowpin::types::{Batch, Disposition, End, Frame, HEADROOM, Offload, WanId};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const WAN: End = End::Wan(WanId(0));

/// A router and what is outside, joined by `wan0` and `out0`. Nothing has an address; IPv6 is off, so nothing speaks.
pub struct Pair {
    pub router: Namespace,
    pub outside: Namespace,
}

pub fn namespace(role: &str) -> Namespace {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("fpp-{}-{}-{role}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let namespace = Namespace::create(&name).expect("a namespace can be made (run the tests as root)");
    sysctl(&namespace, "net.ipv6.conf.default.disable_ipv6=1");
    namespace
}

pub fn sysctl(namespace: &Namespace, setting: &str) {
    let (name, value) = setting.split_once('=').unwrap();
    let path = format!("/proc/sys/{}", name.replace('.', "/"));
    namespace.run(|| std::fs::write(&path, value)).unwrap().unwrap_or_else(|error| panic!("{setting}: {error}"));
}

impl Pair {
    pub fn new() -> Self {
        let pair = Self { router: namespace("rt"), outside: namespace("out") };
        pair.join();
        pair
    }

    pub fn join(&self) {
        let far = self.outside.name();
        run(&self.router, "ip", &["link", "add", "wan0", "type", "veth", "peer", "name", "out0", "netns", far]);
        run(&self.router, "ip", &["link", "set", "wan0", "up"]);
        run(&self.outside, "ip", &["link", "set", "out0", "up"]);
    }

    /// An open port on the router's link.
    pub fn router_port(&self) -> Port {
        Port::open(&self.router, "wan0", None)
    }

    /// An open port on the outside's link.
    pub fn outside_port(&self) -> Port {
        Port::open(&self.outside, "out0", None)
    }
}

/// Both halves of a port on a link, with their counters.
pub struct Port {
    pub link: Link,
    pub receive: PacketReceive,
    pub transmit: PacketTransmit,
    pub meter: Arc<Meter>,
}

impl Port {
    pub fn open(namespace: &Namespace, link: &str, fanout: Option<u16>) -> Self {
        let meter = Arc::default();
        let opened = namespace.run(|| {
            let link = Link::find(link)?;
            packet_socket::open(&link, fanout, &meter).map(|halves| (link, halves))
        });
        let (link, (receive, transmit)) = opened.unwrap().expect("the port opens");
        Self { link, receive, transmit, meter }
    }

    /// Sends frames that owe nothing, each a link header and a packet.
    pub fn send(&mut self, frames: &[(&[u8], &[u8])]) {
        for chunk in frames.chunks(64) {
            let mut buffers: Vec<_> = chunk.iter().map(|(link, packet)| laid_out(link, packet)).collect();
            let mut batch = Batch::new();
            for (buffer, (link, _)) in buffers.iter_mut().zip(chunk) {
                batch.push(outgoing(buffer, link.len(), Offload::NONE));
            }
            self.transmit.transmit(&batch, WAN).unwrap();
        }
    }

    /// Waits up to a second for frames and shows each to `see`. Returns how many came.
    pub fn receive(&mut self, mut see: impl FnMut(&Frame<'_>)) -> usize {
        for _ in 0..1000 {
            let mut batch = Batch::new();
            self.receive.receive(&mut batch).unwrap();
            batch.iter().for_each(&mut see);
            let count = batch.len();
            drop(batch);
            self.receive.release();
            if count != 0 {
                return count;
            }
            clock::pause(Duration::from_millis(1));
        }
        0
    }
}

pub fn laid_out(link: &[u8], packet: &[u8]) -> Vec<u8> {
    let mut buffer = vec![0; HEADROOM - link.len()];
    buffer.extend_from_slice(link);
    buffer.extend_from_slice(packet);
    buffer
}

pub fn outgoing(buffer: &mut [u8], link_len: usize, offload: Offload) -> Frame<'_> {
    let end = buffer.len();
    let mut frame = Frame::new(buffer, HEADROOM - link_len, HEADROOM, end, offload).unwrap();
    frame.disposition = Disposition::Send(WAN);
    frame
}

/// An Ethernet header to everybody, of a protocol that no kernel answers (RFC 3692 style, IEEE 802 local experimental).
pub const ETHERNET: [u8; 14] = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x88, 0xb5];
