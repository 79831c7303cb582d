//! Real TCP through both kinds of port with nothing but a link header put in front: super-frames stay whole, checksums right.

use super::*;
use crate::lab::{exchange, run};
use flowpin::ports::faulty::{self, Faults, Rates};
use flowpin::ports::live::LivePort;
use flowpin::ports::sys::wait::WaitSet;
use flowpin::ports::tun::{TunDevice, TunReceive, TunTransmit};
use flowpin::workers::turn::{Transmitters, Turned};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::thread::JoinHandle;

/// A firewall at 10.250.250.2 behind the router's TUN, and a server at 198.18.1.1 outside. No translation.
struct Path {
    firewall: Namespace,
    pair: Pair,
    bridge: Option<Bridge>,
}

/// The router: frames from the TUN go out, frames for the inside go to the TUN.
struct Bridge {
    stop: Arc<AtomicBool>,
    largest: Arc<[AtomicUsize; 2]>,
    meters: [Arc<Meter>; 2],
    thread: JoinHandle<std::io::Result<()>>,
}

impl Path {
    fn new() -> Self {
        Self::over(|port| port)
    }

    /// A path whose WAN port is wrapped.
    fn over(wrap: impl FnOnce(LivePort) -> LivePort) -> Self {
        let (firewall, pair) = (namespace("fw"), Pair::new());
        let (router, outside) = (&pair.router, &pair.outside);
        run(router, "ip", &["link", "add", "lan0", "type", "veth", "peer", "name", "fw0", "netns", firewall.name()]);
        run(router, "ip", &["address", "add", "10.250.250.1/29", "dev", "lan0"]);
        run(router, "ip", &["link", "set", "lan0", "up"]);
        run(&firewall, "ip", &["address", "add", "10.250.250.2/29", "dev", "fw0"]);
        run(&firewall, "ip", &["link", "set", "fw0", "up"]);
        run(&firewall, "ip", &["route", "add", "default", "via", "10.250.250.1"]);
        run(outside, "ip", &["address", "add", "198.18.1.1/24", "dev", "out0"]);
        let port = pair.router_port();
        let mac = port.link.mac.to_string();
        run(outside, "ip", &["neigh", "add", "198.18.1.2", "lladdr", &mac, "dev", "out0"]);
        run(outside, "ip", &["route", "add", "10.250.250.0/29", "via", "198.18.1.2"]);
        let tun = router.run(|| TunDevice::create("fp0", 1)).unwrap().unwrap();
        run(router, "ip", &["link", "set", "fp0", "up", "txqueuelen", "4096"]);
        run(router, "ip", &["route", "add", "default", "dev", "fp0"]);
        for link in ["lan0", "fp0"] {
            sysctl(router, &format!("net.ipv4.conf.{link}.forwarding=1"));
        }
        let server = outside.run(|| Link::find("out0")).unwrap().unwrap();
        let mut ethernet = [0; 14];
        ethernet[..6].copy_from_slice(&server.mac.0);
        ethernet[6..12].copy_from_slice(&port.link.mac.0);
        ethernet[12] = 8;
        let wan = wrap(LivePort::new(port.receive, port.transmit));
        let bridge = Some(Bridge::start(tun, (wan, port.meter), ethernet));
        Self { firewall, pair, bridge }
    }

    /// Sends `size` bytes from the firewall and as many back. Returns the largest packet each way (out, in).
    fn transfer(&self, size: usize) -> [usize; 2] {
        let bridge = self.bridge.as_ref().unwrap();
        bridge.largest.iter().for_each(|largest| largest.store(0, Ordering::Relaxed));
        let (inside, server) = ("10.250.250.2".parse().unwrap(), "198.18.1.1:5001".parse().unwrap());
        exchange((&self.firewall, inside), (&self.pair.outside, server), size);
        bridge.largest.each_ref().map(|largest| largest.load(Ordering::Relaxed))
    }

    /// Frames that did not get through a port as they should have.
    fn bad(&self) -> u64 {
        let meters = &self.bridge.as_ref().unwrap().meters;
        let bad = |meter: &Arc<Meter>| {
            let reading = meter.read();
            reading.lost + reading.truncated + reading.malformed + reading.full + reading.refused
        };
        meters.iter().map(bad).sum()
    }

    fn checksum_errors(&self) -> u64 {
        [&self.firewall, &self.pair.outside]
            .map(|namespace| {
                let text = namespace.run(|| std::fs::read_to_string("/proc/thread-self/net/snmp")).unwrap().unwrap();
                let mut tcp = text.lines().filter(|line| line.starts_with("Tcp:"));
                let (names, values) = (tcp.next().unwrap(), tcp.next().unwrap());
                let at = names.split(' ').position(|name| name == "InCsumErrors").unwrap();
                values.split(' ').nth(at).unwrap().parse::<u64>().unwrap()
            })
            .iter()
            .sum()
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        if let Some(bridge) = self.bridge.take() {
            bridge.stop.store(true, Ordering::Relaxed);
            let result = bridge.thread.join();
            assert!(std::thread::panicking() || matches!(result, Ok(Ok(()))), "{result:?}");
        }
    }
}

impl Bridge {
    fn start(tun: TunDevice, (wan, meter): (LivePort, Arc<Meter>), ethernet: [u8; 14]) -> Self {
        let (stop, largest) = (Arc::new(AtomicBool::new(false)), Arc::new([0, 0].map(AtomicUsize::new)));
        let meters = [Arc::default(), meter];
        let inside = tun.open(0, &meters[0]).unwrap();
        let (told, seen) = (Arc::clone(&stop), Arc::clone(&largest));
        let thread = std::thread::spawn(move || {
            let _tun = tun;
            bridge(inside, wan, &ethernet, &told, &seen)
        });
        Self { stop, largest, meters, thread }
    }
}

fn bridge(
    (mut inside, tun): (TunReceive, TunTransmit),
    wan: LivePort,
    ethernet: &[u8; 14],
    stop: &AtomicBool,
    largest: &[AtomicUsize; 2],
) -> std::io::Result<()> {
    let LivePort { receive: mut wan, transmit } = wan;
    let mut transmitters = Transmitters { inside: Box::new(tun), wans: vec![Some(transmit)] };
    let mut waits = WaitSet::default();
    waits.push(Some(inside.as_fd()));
    waits.push(Some(wan.as_fd()));
    while !stop.load(Ordering::Relaxed) {
        let out = carry(&mut inside, &mut transmitters, &largest[0], |frame| {
            let ours = frame.packet()[..1] == [0x45] && frame.packet()[16] == 198;
            (ours && frame.set_link(ethernet)).then_some(WAN)
        })?;
        let back = carry(&mut *wan, &mut transmitters, &largest[1], |frame| {
            (frame.link()[12..] == [8, 0] && frame.packet()[16] == 10).then_some(End::Inside)
        })?;
        if out + back == 0 {
            waits.wait(20)?;
        }
    }
    Ok(())
}

/// One batch from `receive` to where `decide` sends it.
fn carry(
    receive: &mut dyn Receive,
    transmitters: &mut Transmitters,
    largest: &AtomicUsize,
    mut decide: impl FnMut(&mut Frame<'_>) -> Option<End>,
) -> std::io::Result<usize> {
    let mut batch = Batch::new();
    receive.receive(&mut batch)?;
    for frame in &mut batch {
        if let Some(end) = decide(frame) {
            frame.header_len = 20 + u16::from(frame.packet()[32] >> 4) * 4;
            frame.disposition = Disposition::Send(end);
            largest.fetch_max(frame.packet().len(), Ordering::Relaxed);
        }
    }
    transmitters.send(&batch, &mut Turned::default())?;
    let count = batch.len();
    drop(batch);
    receive.release();
    Ok(count)
}

#[test]
fn c_61_tcp_super_frames_go_through_whole_in_both_directions() {
    let path = Path::new();
    let largest = path.transfer(32 << 20);
    assert!(largest.iter().all(|largest| *largest > 30_000), "{largest:?}");
    assert_eq!(path.checksum_errors(), 0);
    assert_eq!(path.bad(), 0);
}

/// What a driver without offloads leaves to the kernel. Each combination is set on one link after the other.
#[test]
fn c_60_tcp_goes_through_with_each_offload_switched_off_and_no_checksum_is_wrong() {
    let path = Path::new();
    let (router, outside) = (&path.pair.router, &path.pair.outside);
    let links = [(router, "wan0"), (outside, "out0"), (router, "lan0"), (&path.firewall, "fw0"), (router, "fp0")];
    for off in ["tso", "gso", "tx", "gro", "rx"] {
        for (namespace, link) in links {
            // A TUN's receive checksum flag is fixed.
            if (link, off) == ("fp0", "rx") {
                continue;
            }
            run(namespace, "ethtool", &["-K", link, off, "off"]);
            path.transfer(2 << 20);
            assert_eq!((path.checksum_errors(), path.bad()), (0, 0), "{off} off on {link}");
            run(namespace, "ethtool", &["-K", link, off, "on"]);
        }
    }
    for (namespace, link) in links {
        run(namespace, "ethtool", &["-K", link, "tx", "off"]);
    }
    path.transfer(2 << 20);
    assert_eq!(path.checksum_errors(), 0, "tx off everywhere");
}

#[test]
fn tcp_comes_whole_through_a_line_that_loses_doubles_and_reorders_frames() {
    let faults = Faults::default();
    let path = Path::over(|port| faulty::wrap(port, &faults, 3));
    faults.set(Rates { lose: 10, double: 20, delay: 20, refuse: 5 });
    path.transfer(2 << 20);
    assert_eq!(path.checksum_errors(), 0);
}
