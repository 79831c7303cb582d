//! A live worker: what it reports, what it survives, how it ends. The policy names no WAN, so every frame is dropped or
//! left to the kernel.

use super::*;
use crate::lab::run;
use flowpin::clock::Clock;
use flowpin::plane::policy::{Fixed, Inside, Policy};
use flowpin::plane::{Plane, Shared};
use flowpin::ports::faulty::{self, Faults, Rates};
use flowpin::ports::live::LivePort;
use flowpin::ports::pcap::{Capture, LinkType, Packet, Writer};
use flowpin::ports::record::{self, Interfaces, Recording};
use flowpin::ports::tun::TunDevice;
use flowpin::types::Slots;
use flowpin::workers::live::{self, Ports, Report, WorkerHandle};
use std::sync::mpsc::{Receiver, channel};

fn policy(epoch: u32) -> Arc<Policy> {
    let fixed = Fixed { seed: 1, icmp_errors: 1000, ..Fixed::default() };
    let inside = Inside { mtu: 1500, machine: [].into(), own: [].into(), router4: None, router6: None };
    Arc::new(Policy { epoch, fixed: Arc::new(fixed), inside, wans: Slots::default() })
}

/// One worker on a TUN and a WAN link, in the router's namespace.
struct Service {
    pair: Pair,
    tun: TunDevice,
    handle: WorkerHandle,
    reports: Receiver<Report>,
}

impl Service {
    fn start() -> Self {
        Self::start_with(|_, port| port)
    }

    /// A worker whose ports are wrapped.
    fn start_with(wrap: impl FnMut(End, LivePort) -> LivePort) -> Self {
        let pair = Pair::new();
        let opened = pair.router.run(|| {
            let tun = TunDevice::create("fp0", 1)?;
            let mut ports = Ports::open(&tun, 0, 1, 2)?;
            ports.attach(WanId(0), &Link::find("wan0")?)?;
            std::io::Result::Ok((tun, ports))
        });
        let (tun, ports) = opened.unwrap().unwrap();
        let ports = ports.wrapped(wrap);
        run(&pair.router, "ip", &["link", "set", "fp0", "up"]);
        let plane = Plane::new(policy(1), Arc::new(Shared::new(100, 0)), true);
        let (tell, reports) = channel();
        let report = move |report| drop(tell.send(report));
        let handle = live::spawn(7, ports, plane, Clock::start(), report).unwrap();
        Self { pair, tun, handle, reports }
    }

    /// The next report, in words, which must come within five seconds.
    fn next_report(&self) -> String {
        match self.reports.recv_timeout(Duration::from_secs(5)).expect("a report") {
            Report::Broken { worker, broken } => format!("{worker}: {broken}"),
            Report::Probed(probed) => format!("{probed:?}"),
            Report::Ended { worker, stopped } => format!("{worker}: ended, stopped {stopped}"),
        }
    }

    /// Waits until the worker has received `frames` on its first WAN.
    fn has_received(&self, frames: u64) -> bool {
        (0..1000).any(|_| {
            clock::pause(Duration::from_millis(2));
            self.handle.meters().wans[0].read().received == frames
        })
    }
}

#[test]
fn a_worker_that_is_stopped_says_so_and_leaves_no_device() {
    let service = Service::start();
    service.handle.publish(policy(2));
    service.pair.outside_port().send(&[(&ETHERNET, &[1; 50])]);
    assert!(service.has_received(1));
    let Service { pair, tun, handle, reports } = service;
    handle.join().unwrap();
    assert!(matches!(reports.recv(), Ok(Report::Ended { worker: 7, stopped: true })));
    assert!(reports.recv().is_err(), "that was the last word");
    drop(tun);
    assert!(!crate::lab::attempt(&pair.router, "ip", &["link", "show", "fp0"]).0);
}

#[test]
fn c_69_a_wan_that_is_unplugged_is_reported_once_and_works_when_it_is_attached_again() {
    let mut service = Service::start();
    run(&service.pair.router, "ip", &["link", "del", "wan0"]);
    assert_eq!(service.next_report(), "7: the port of WAN 0 broke: No such device (os error 19)");
    service.pair.join();
    let Service { pair, handle, .. } = &mut service;
    let attached = pair.router.run(|| handle.attach(WanId(0), &Link::find("wan0")?));
    attached.unwrap().unwrap();
    clock::pause(Duration::from_millis(20));
    service.pair.outside_port().send(&[(&ETHERNET, &[1; 50])]);
    assert!(service.has_received(1));
    assert!(service.reports.try_recv().is_err(), "nothing more to report");
}

#[test]
fn a_wan_that_is_down_for_a_while_is_not_worth_a_report() {
    let service = Service::start();
    run(&service.pair.router, "ip", &["link", "set", "wan0", "down"]);
    run(&service.pair.router, "ip", &["link", "set", "wan0", "up"]);
    service.pair.outside_port().send(&[(&ETHERNET, &[1; 50])]);
    assert!(service.has_received(1));
    assert!(service.reports.try_recv().is_err());
}

#[test]
fn a_worker_without_its_tun_reports_and_ends() {
    let service = Service::start();
    run(&service.pair.router, "ip", &["link", "del", "fp0"]);
    assert!(service.next_report().starts_with("7: the TUN broke: "));
    assert_eq!(service.next_report(), "7: ended, stopped false");
    service.handle.join().unwrap();
}

#[test]
fn a_detached_wan_hears_nothing_and_an_attached_one_hears_again() {
    let mut service = Service::start();
    let mut outside = service.pair.outside_port();
    outside.send(&[(&ETHERNET, &[1; 50])]);
    assert!(service.has_received(1));
    assert!(service.handle.detach(WanId(0)));
    clock::pause(Duration::from_millis(50));
    outside.send(&[(&ETHERNET, &[2; 50])]);
    let Service { pair, handle, .. } = &mut service;
    pair.router.run(|| handle.attach(WanId(0), &Link::find("wan0").unwrap())).unwrap().unwrap();
    clock::pause(Duration::from_millis(50));
    outside.send(&[(&ETHERNET, &[3; 50])]);
    assert!(service.has_received(2));
}

/// Frames in a recording, as bytes.
fn written(recording: &Recording) -> Vec<Vec<u8>> {
    let mut writer = Writer::pcapng(Vec::new(), [("fiber", LinkType::Ethernet)]).unwrap();
    recording.write_to(&mut writer).unwrap();
    let file = writer.finish().unwrap();
    let (mut capture, mut packet, mut frames) = (Capture::new(&file[..]).unwrap(), Packet::default(), Vec::new());
    while capture.next(&mut packet).unwrap() {
        frames.push(packet.data.clone());
    }
    frames
}

#[test]
fn a_worker_serves_a_port_that_is_recorded_and_faulty_as_any_other() {
    let (faults, recording) = (Faults::default(), Arc::new(Recording::new(1 << 20, || 1)));
    let received = Interfaces { received: Some(0), sent: None };
    let mut service = Service::start_with(|end, port| {
        if end == WAN { record::wrap(faulty::wrap(port, &faults, 1), &recording, received) } else { port }
    });
    let mut outside = service.pair.outside_port();
    faults.set(Rates { lose: 1000, ..Rates::default() });
    outside.send(&[(&ETHERNET, &[1; 50])]);
    assert!(service.has_received(1), "the kernel has delivered it, and the line has lost it");
    faults.set(Rates::default());
    outside.send(&[(&ETHERNET, &[2; 50]), (&ETHERNET, &[3; 50])]);
    assert!(service.has_received(3));
    faults.break_port();
    assert_eq!(service.next_report(), "7: the port of WAN 0 broke: broken on command");
    let seen = [2, 3].map(|byte| [&ETHERNET[..], &[byte; 50]].concat());
    assert_eq!((written(&recording), recording.missed()), (seen.to_vec(), 0));
    let Service { pair, handle, .. } = &mut service;
    pair.router.run(|| handle.attach(WanId(0), &Link::find("wan0").unwrap())).unwrap().unwrap();
    clock::pause(Duration::from_millis(50));
    outside.send(&[(&ETHERNET, &[4; 50])]);
    assert!(service.has_received(4));
    assert!(service.reports.try_recv().is_err(), "nothing more to report");
}
