//! Claims about a worker's loop, on ports in memory: no kernel, no root.

use super::*;
use crate::clock;
use crate::plane::Shared;
use crate::plane::packet::numbers::protocol;
use crate::plane::packet::sample::{packet, udp};
use crate::plane::sample::{A, B, GATEWAY, SERVER, policy, port_for};
use crate::ports::faulty::{self, Faults};
use crate::ports::memory::{self, FarEnd, Stored};
use crate::types::{End, Family};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// A worker with two WANs, `A` and `B`, and what stands around it. One of its ports obeys `faults`.
struct Rig {
    inside: FarEnd,
    wans: [FarEnd; 2],
    faults: Faults,
    handle: WorkerHandle,
    reports: Receiver<Report>,
}

impl Rig {
    fn start(faulty: End) -> Self {
        let [(inside, near), (a, far_a), (b, far_b)] = [(); 3].map(|()| memory::live().unwrap());
        let faults = Faults::default();
        let wrap = |end, port| if end == faulty { faulty::wrap(port, &faults, 1) } else { port };
        let ports = Ports::of(inside, vec![Some(a), Some(b)]).wrapped(wrap);
        let shared = Arc::new(Shared::new(100, 0));
        for id in [A, B] {
            shared.neighbors.set(id, Family::V4, GATEWAY[id.index()]);
        }
        let plane = Plane::new(Arc::new(policy()), shared, true);
        let (tell, reports) = channel();
        let handle = spawn(3, ports, plane, Clock::start(), move |report| drop(tell.send(report))).unwrap();
        Self { inside: near, wans: [far_a, far_b], faults, handle, reports }
    }

    /// Sends a datagram from inside whose flow the hash gives to this WAN.
    fn send(&self, to: WanId) {
        let datagram = packet("10.250.250.2", SERVER, protocol::UDP, &udp(port_for(to), 53, b"x"));
        self.inside.send(Stored::new(&[], &datagram));
    }

    /// The next report, in words.
    fn next_report(&self) -> String {
        match self.reports.recv_timeout(Duration::from_secs(20)).expect("a report") {
            Report::Broken { worker, broken } => format!("{worker}: {broken}"),
            Report::Probed(probed) => format!("{probed:?}"),
            Report::Ended { worker, stopped } => format!("{worker}: ended, stopped {stopped}"),
        }
    }
}

/// Waits until the port behind `far` has sent a datagram.
#[track_caller]
fn arrives(far: &FarEnd) {
    let is_datagram = |frame: &Stored| frame.packet.first() == Some(&0x45) && frame.packet[9] == protocol::UDP;
    until(|| far.sent.take().iter().any(is_datagram));
}

#[track_caller]
fn until(is_so: impl FnMut() -> bool) {
    let often = std::iter::repeat_with(is_so).inspect(|_| clock::pause(Duration::from_millis(2)));
    assert!(often.take(10_000).any(|is_so| is_so));
}

#[test]
fn a_worker_carries_frames_and_ends_when_it_is_stopped() {
    let rig = Rig::start(End::Inside);
    for wan in [A, B] {
        rig.send(wan);
        arrives(&rig.wans[wan.index()]);
    }
    rig.handle.join().unwrap();
    assert!(matches!(rig.reports.recv(), Ok(Report::Ended { worker: 3, stopped: true })));
    assert!(rig.reports.recv().is_err(), "that was the last report");
}

#[test]
fn a_wan_whose_port_breaks_is_reported_once_and_the_others_go_on() {
    let rig = Rig::start(End::Wan(B));
    rig.faults.break_port();
    assert_eq!(rig.next_report(), "3: the port of WAN 1 broke: broken on command");
    rig.send(B);
    until(|| rig.handle.meters().no_link() == 1);
    rig.send(A);
    arrives(&rig.wans[A.index()]);
    assert!(rig.reports.try_recv().is_err(), "nothing more to report");
    rig.handle.join().unwrap();
}

#[test]
fn a_port_that_is_attached_takes_the_place_of_the_one_before_until_it_is_detached() {
    let rig = Rig::start(End::Inside);
    let (port, far) = memory::live().unwrap();
    assert!(rig.handle.mailbox.change_link(LinkChange::Attach(B, port)));
    rig.send(B);
    arrives(&far);
    assert!(rig.handle.detach(B));
    rig.send(B);
    until(|| rig.handle.meters().no_link() == 1);
    assert!(rig.wans[B.index()].sent.take().iter().all(|frame| frame.packet[0] != 0x45));
    rig.handle.join().unwrap();
}

#[test]
fn a_worker_whose_tun_breaks_reports_it_and_ends() {
    let rig = Rig::start(End::Inside);
    rig.faults.break_port();
    assert_eq!(rig.next_report(), "3: the TUN broke: broken on command");
    assert_eq!(rig.next_report(), "3: ended, stopped false");
    rig.handle.join().unwrap();
}
