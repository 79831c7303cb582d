//! A line without a link layer, as modems and tunnels make it: a TUN at each end in place of the Ethernet between the router
//! and the fiber's ISP, and a thread that carries packets between them. Must never know: any single claim.

use super::run;
use flowpin::clock::pause;
use flowpin::lab::{Lab, Namespace};
use flowpin::ports::batch::{Receive, Transmit};
use flowpin::ports::tun::{TunDevice, TunReceive, TunTransmit};
use flowpin::types::{Batch, Disposition, End};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

/// Connected until it is dropped.
pub struct Modem {
    hung_up: Arc<AtomicBool>,
    carrier: Option<JoinHandle<()>>,
    ends: [TunDevice; 2],
}

impl Modem {
    /// Takes the Ethernet link away and dials in: `wan0` at the router without any address, `customer` at the ISP, which
    /// sends the public addresses there. `mtu` is that of PPPoE, for one.
    pub fn dial(lab: &Lab, mtu: u16) -> Self {
        super::attempt(&lab.rt, "ip", &["link", "del", "wan0"]);
        let ends = [tun(&lab.rt, "wan0", mtu), tun(&lab.ispa, "customer", mtu)];
        for prefix in ["192.0.2.192/29", "2001:db8:a:c80::/60"] {
            run(&lab.ispa, "ip", &["route", "replace", prefix, "dev", "customer"]);
        }
        let hung_up = Arc::new(AtomicBool::new(false));
        let [router, isp] = ends.each_ref().map(|tun| tun.open(0, &Arc::default()).expect("a queue"));
        let is_over = Arc::clone(&hung_up);
        let carrier = spawn(move || carry(router, isp, &is_over));
        Self { hung_up, carrier: Some(carrier), ends }
    }
}

impl Modem {
    /// Changes what kind of link the router's end is (`ARPHRD_*`), as a driver does that is told to leave the Ethernet headers
    /// out: in place, while it is down.
    pub fn change(&self, lab: &Lab, hardware: u16) {
        run(&lab.rt, "ip", &["link", "set", "wan0", "down"]);
        self.ends[0].pretend(hardware).expect("it is down");
        run(&lab.rt, "ip", &["link", "set", "wan0", "up"]);
    }
}

impl Drop for Modem {
    fn drop(&mut self) {
        self.hung_up.store(true, Ordering::Relaxed);
        self.carrier.take().map(JoinHandle::join);
    }
}

/// Makes the Ethernet link to the fiber's ISP again, once it is gone.
pub fn plug_in(lab: &Lab) {
    let make = "link add wan0 address 00:00:5e:00:53:a2 type veth peer name customer address 00:00:5e:00:53:a1 netns";
    let router = |line: &str| run(&lab.rt, "ip", &line.split(' ').collect::<Vec<_>>());
    router(&format!("{make} {}", lab.ispa.name()));
    let isp = |line: &str| run(&lab.ispa, "ip", &line.split(' ').collect::<Vec<_>>());
    isp("address add 192.0.2.198/29 dev customer");
    isp("address add fe80::a1/64 dev customer nodad");
    isp("link set customer up");
    router("link set wan0 up");
}

fn tun(namespace: &Namespace, name: &str, mtu: u16) -> TunDevice {
    let tun = namespace.run(|| TunDevice::create(name, 1)).expect("the namespace").expect("a TUN");
    run(namespace, "ip", &["link", "set", name, "mtu", &mtu.to_string(), "up"]);
    tun
}

type Queue = (TunReceive, TunTransmit);

fn carry(mut a: Queue, mut b: Queue, is_over: &AtomicBool) {
    while !is_over.load(Ordering::Relaxed) {
        let carried = pass(&mut a.0, &mut b.1) + pass(&mut b.0, &mut a.1);
        if carried == 0 {
            pause(Duration::from_micros(500));
        }
    }
}

/// What one end has sent, in the form that the kernel made it, super-frames whole. How much that was.
fn pass(from: &mut TunReceive, to: &mut TunTransmit) -> usize {
    let mut batch = Batch::new();
    if from.receive(&mut batch).is_err() {
        return 0;
    }
    batch.iter_mut().for_each(|frame| frame.disposition = Disposition::Send(End::Inside));
    let carried = batch.len();
    let _ = to.transmit(&batch, End::Inside);
    drop(batch);
    from.release();
    carried
}
