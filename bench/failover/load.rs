//! What weighs on the machine while a line dies: routes in the kernel's main table, read again and again because something
//! changes all the time, and flows in the table that somebody lists without a pause. Must never know: faults, gaps.

use flowpin::clock::{Clock, pause};
use flowpin::lab::topology::{INSIDE4, SERVER4};
use flowpin::lab::{Lab, Service};
use std::fs;
use std::io::{self, Error};
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How much of it.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Load {
    /// IPv4 routes.
    pub routes: u32,
    /// IPv6 routes. The kernel walks all of these when a link is lost, before it tells anybody.
    pub routes6: u32,
    /// Flows.
    pub flows: u32,
}

/// Ports of the server that one socket sends to.
const PORTS: u32 = 50_000;
/// Datagrams that are sent at once; the TUN's queue holds 4096.
const BURST: usize = 512;
/// How long the table may take to fill, milliseconds.
const PATIENCE_MS: u64 = 120_000;

impl Load {
    /// In words, for the report.
    pub fn name(self) -> String {
        let part = |number: u32, what: &str| (number > 0).then(|| format!("{number} {what}"));
        let parts = [part(self.routes, "routes"), part(self.routes6, "IPv6 routes"), part(self.flows, "flows listed")];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// What the configuration needs for it.
    pub fn settings(self) -> String {
        if self.flows == 0 { String::new() } else { format!("\n[limits]\nflows = {}\n", self.flows + 10_000) }
    }

    /// Puts the routes into the router's main table.
    pub fn add_routes(self, lab: &Lab) -> io::Result<()> {
        let host4 = |number: u32| {
            let [_, a, b, c] = number.to_be_bytes();
            format!("100.{}.{b}.{c}/32", 64 + a)
        };
        let net6 = |number: u32| format!("2001:db8:{:x}:{:x}::/64", 0xee00 + (number >> 16), number & 0xffff);
        add(lab, "-4", (0..self.routes).map(host4))?;
        add(lab, "-6", (0..self.routes6).map(net6))
    }

    /// Fills the table, and starts what goes on until the result is dropped.
    pub fn weigh(self, lab: &Lab, service: &Service) -> io::Result<Weighing> {
        let mut weighing = Weighing { stop: Arc::default(), threads: Vec::new() };
        if self.routes + self.routes6 > 0 {
            let stop = Arc::clone(&weighing.stop);
            weighing.threads.push(lab.rt.thread("churn", move || churn(&stop))?);
        }
        if self.flows > 0 {
            fill(lab, service, self.flows)?;
            let (stop, socket) = (Arc::clone(&weighing.stop), lab.socket());
            weighing.threads.push(thread::spawn(move || {
                list(&stop, &socket);
                Ok(())
            }));
        }
        // Until the first looks and lists are under way.
        pause(Duration::from_millis(500));
        Ok(weighing)
    }
}

/// Adds routes that lead nowhere.
fn add(lab: &Lab, family: &str, to: impl Iterator<Item = String>) -> io::Result<()> {
    let file = lab.directory().join("routes");
    fs::write(&file, to.map(|to| format!("route add blackhole {to} proto bird\n")).collect::<String>())?;
    let output = lab.rt.output(Command::new("ip").args([family, "-batch"]).arg(&file))?;
    let words = || Error::other(format!("ip -batch: {}", String::from_utf8_lossy(&output.stderr)));
    output.status.success().then_some(()).ok_or_else(words)
}

/// What goes on meanwhile. Dropped, it ends.
pub struct Weighing {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<io::Result<()>>>,
}

impl Drop for Weighing {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.drain(..).for_each(|thread| drop(thread.join()));
    }
}

/// An address comes and goes, so that the service reads the kernel's tables as often as it ever does.
fn churn(stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        for verb in ["add", "del"] {
            let _ = Command::new("ip").args(["addr", verb, "192.0.2.77/32", "dev", "lo"]).output();
            pause(Duration::from_millis(20));
        }
    }
}

/// The whole list, again and again.
fn list(stop: &AtomicBool, socket: &Path) {
    while !stop.load(Ordering::Relaxed) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flowpin"));
        command.args(["flows", "--limit", "100000000", "--json", "--socket"]).arg(socket).stdout(Stdio::null());
        let _ = command.status();
    }
}

/// Begins so many flows: datagrams of the first inside host to ports of the server.
fn fill(lab: &Lab, service: &Service, flows: u32) -> io::Result<()> {
    let number = || Ok::<_, Error>(service.status()?["table"]["flows"].as_u64().unwrap_or(0));
    let clock = Clock::start();
    let wanted = u64::from(flows);
    // What a queue on the way had no room for is sent once more.
    while number()? < wanted {
        if clock.now().millis() > PATIENCE_MS {
            return Err(Error::other(format!("{} flows of {flows} came about", number()?)));
        }
        lab.fw.run(|| send(flows))??;
        pause(Duration::from_millis(200));
    }
    Ok(())
}

fn send(flows: u32) -> io::Result<()> {
    for first in (0..flows).step_by(PORTS as usize) {
        let source = u16::try_from(20_000 + first / PORTS).map_err(Error::other)?;
        let socket = UdpSocket::bind((INSIDE4[0], source))?;
        for (at, port) in (1..=PORTS.min(flows - first)).enumerate() {
            // A refused one is an answer of the server to one before.
            let _ = socket.send_to(&[0; 8], (SERVER4, u16::try_from(port).map_err(Error::other)?));
            if at % BURST == BURST - 1 {
                pause(Duration::from_millis(2));
            }
        }
    }
    Ok(())
}

/// The most memory that the service has had, in KiB.
pub fn peak(service: &Service) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", service.pid()))?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().split(' ').next()?.parse().ok());
    Ok(peak.unwrap_or(0))
}
