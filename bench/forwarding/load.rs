//! The loads: bulk TCP by iperf3, floods of small UDP packets made here and counted where they arrive, ping.
//! Must never know: which router stands between.

use crate::output;
use flowpin::clock::Clock;
use flowpin::lab::topology::{DSL4, FIBER4, INSIDE4, SERVER4, SERVER6, mac};
use flowpin::lab::{Lab, Namespace};
use flowpin::ports::batch::Transmit;
use flowpin::ports::link::Link;
use flowpin::ports::packet_socket;
use flowpin::types::{Batch, Disposition, End, Frame, Offload, WanId};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use std::io::{self, Error};
use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::Arc;

/// What a figure counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Payload of bulk TCP.
    Throughput,
    /// Small packets that arrived.
    Rate,
    /// Time there and back.
    RoundTrip,
}

/// What is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Load {
    /// Streams, towards inside, IPv6.
    Tcp { streams: u32, down: bool, v6: bool },
    /// Flows, towards inside.
    Udp { flows: u32, down: bool },
    /// Percentile in per cent.
    Ping { percentile: usize },
}

/// One measurement.
#[derive(Clone, Copy)]
pub struct Case {
    /// Its row.
    pub name: &'static str,
    /// Its unit.
    pub measure: Measure,
    load: Load,
}

/// All cases, or the few of a smoke run.
pub fn cases(smoke: bool) -> Vec<Case> {
    let tcp =
        |name, streams, down, v6| Case { name, measure: Measure::Throughput, load: Load::Tcp { streams, down, v6 } };
    let udp = |name, flows, down| Case { name, measure: Measure::Rate, load: Load::Udp { flows, down } };
    let ping = |name, percentile| Case { name, measure: Measure::RoundTrip, load: Load::Ping { percentile } };
    let all = vec![
        tcp("tcp4 1 stream outbound", 1, false, false),
        tcp("tcp4 1 stream inbound", 1, true, false),
        tcp("tcp4 4 streams outbound", 4, false, false),
        tcp("tcp4 4 streams inbound", 4, true, false),
        tcp("tcp6 1 stream outbound", 1, false, true),
        tcp("tcp6 1 stream inbound", 1, true, true),
        tcp("tcp6 4 streams outbound", 4, false, true),
        tcp("tcp6 4 streams inbound", 4, true, true),
        udp("udp 64 B, 256 flows out", 256, false),
        udp("udp 64 B, 256 flows in", 256, true),
        udp("udp 64 B, 100k flows out", 100_000, false),
        udp("udp 64 B, 100k flows in", 100_000, true),
        ping("ping p50", 50),
        ping("ping p99", 99),
    ];
    let few = ["tcp4 1 stream outbound", "tcp6 1 stream inbound", "udp 64 B, 256 flows out", "ping p50"];
    all.into_iter().filter(|case| !smoke || few.contains(&case.name)).collect()
}

/// The discard port (RFC 863): floods go there, and every end of the lab drops them on arrival.
const DISCARD: u16 = 9;

const SINK: &str =
    "table netdev sink { chain in { type filter hook ingress devices = { LINKS } priority 0; udp dport 9 drop\n}\n}\n";

/// Both families get through, and floods will die where they are counted.
pub fn check(lab: &Lab) -> io::Result<()> {
    for (namespace, links) in [(&lab.fw, "lan0"), (&lab.ispa, "customer"), (&lab.ispb, "customer")] {
        output(namespace, Command::new("nft").arg(SINK.replace("LINKS", links)))?;
    }
    for server in [SERVER4.to_string(), SERVER6.to_string()] {
        output(&lab.fw, Command::new("ping").args(["-c", "3", "-i", "0.2", "-W", "2", &server]))?;
    }
    Ok(())
}

impl Case {
    /// Puts the load on and returns the figure.
    pub fn run(&self, lab: &Lab, seconds: u32) -> io::Result<f64> {
        match self.load {
            Load::Tcp { streams, down, v6 } => iperf(lab, seconds, streams, down, v6),
            Load::Udp { flows, down } => flood(lab, seconds, flows, down),
            Load::Ping { percentile } => ping(lab, seconds, percentile),
        }
    }
}

/// Gbit/s as the receiver saw it.
fn iperf(lab: &Lab, seconds: u32, streams: u32, down: bool, v6: bool) -> io::Result<f64> {
    let server = if v6 { SERVER6.to_string() } else { SERVER4.to_string() };
    let mut listener = lab.inet.spawn(Command::new("iperf3").arg("-s").stdout(std::process::Stdio::null()))?;
    let (seconds, streams) = (seconds.to_string(), streams.to_string());
    let mut command = Command::new("timeout");
    command.args(["60", "iperf3", "-J", "-c", &server, "-t", &seconds, "-O", "1", "-P", &streams]);
    if down {
        command.arg("-R");
    }
    let result = retry(|| {
        let report: serde_json::Value = serde_json::from_str(&output(&lab.fw, &mut command)?)?;
        let bits = report["end"]["sum_received"]["bits_per_second"].as_f64();
        bits.ok_or_else(|| Error::other(format!("iperf3 saw no throughput: {}", report["error"])))
    });
    let _ = listener.kill();
    let _ = listener.wait();
    result.map(|bits| bits / 1e9)
}

/// The listener may need a moment to listen.
fn retry<T>(mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    for _ in 0..4 {
        if let Ok(value) = attempt() {
            return Ok(value);
        }
        flowpin::clock::pause(std::time::Duration::from_millis(200));
    }
    attempt()
}

/// Microseconds there and back.
fn ping(lab: &Lab, seconds: u32, percentile: usize) -> io::Result<f64> {
    let count = (seconds * 300).to_string();
    let mut command = Command::new("ping");
    let text = output(&lab.fw, command.args(["-n", "-i", "0.002", "-W", "2", "-c", &count, &SERVER4.to_string()]))?;
    let mut times: Vec<f64> = text
        .lines()
        .filter_map(|line| line.split_once("time=")?.1.split(' ').next()?.parse::<f64>().ok())
        .map(|millis| millis * 1000.0)
        .collect();
    times.sort_by(f64::total_cmp);
    let at = (times.len() * percentile / 100).min(times.len().saturating_sub(1));
    times.get(at).copied().ok_or_else(|| Error::other("ping got no answer"))
}

/// One link that a flood enters, with the link addresses of both its ends.
struct Source {
    namespace: &'static str,
    link: &'static str,
    from: [u8; 6],
    to: [u8; 6],
}

/// Thousands of packets a second that arrived while the router was saturated.
fn flood(lab: &Lab, seconds: u32, flows: u32, down: bool) -> io::Result<f64> {
    let arrived = || -> io::Result<u64> {
        if down {
            return received(&lab.fw, "lan0");
        }
        Ok(received(&lab.ispa, "customer")? + received(&lab.ispb, "customer")?)
    };
    let sources: &[Source] = if down { &INBOUND } else { &OUTBOUND };
    let mut generators = Vec::new();
    for (index, source) in sources.iter().enumerate() {
        let namespace = if source.namespace == "fw" {
            &lab.fw
        } else if source.namespace == "ispa" {
            &lab.ispa
        } else {
            &lab.ispb
        };
        let frames = frames(source, index, flows / sources.len() as u32, down);
        let clock = Clock::start();
        generators.push(namespace.thread("generator", move || generate(source.link, frames, clock, seconds + 1))?);
    }
    // The first second makes the flows.
    flowpin::clock::pause(std::time::Duration::from_secs(1));
    let (clock, before) = (Clock::start(), arrived()?);
    flowpin::clock::pause(std::time::Duration::from_secs(u64::from(seconds)) * 9 / 10);
    let (packets, nanos) = (arrived()? - before, clock.now().0);
    for generator in generators {
        generator.join().map_err(|_| Error::other("a generator panicked"))???;
    }
    Ok(packets as f64 * 1e6 / nanos as f64)
}

const OUTBOUND: [Source; 1] = [Source { namespace: "fw", link: "lan0", from: mac::FW, to: mac::RT_LAN }];
const INBOUND: [Source; 2] = [
    Source { namespace: "ispa", link: "customer", from: mac::ISPA, to: mac::RT_WAN0 },
    Source { namespace: "ispb", link: "customer", from: mac::ISPB, to: mac::RT_WAN1 },
];

/// Packets received on a link, from the kernel's table of links.
fn received(namespace: &Namespace, link: &str) -> io::Result<u64> {
    let text = namespace.run(|| std::fs::read_to_string("/proc/thread-self/net/dev"))??;
    let row = text.lines().find_map(|line| line.trim().strip_prefix(link)?.strip_prefix(':'));
    let packets = row.and_then(|row| row.split_whitespace().nth(1)?.parse().ok());
    packets.ok_or_else(|| Error::other(format!("no counter of {link}")))
}

/// One 60-byte frame (64 with its check sequence) per flow.
fn frames(source: &Source, index: usize, flows: u32, down: bool) -> Vec<[u8; 60]> {
    (0..flows)
        .map(|n| {
            let (host, port) = (n as usize % 5, 10_000 + (n / 5) as u16);
            let public = if index == 0 { FIBER4[host] } else { DSL4[host] };
            if down { frame(source, SERVER4, public, port) } else { frame(source, INSIDE4[host], SERVER4, port) }
        })
        .collect()
}

fn frame(source: &Source, from: Ipv4Addr, to: Ipv4Addr, port: u16) -> [u8; 60] {
    let mut bytes = Vec::with_capacity(60);
    let builder = etherparse::PacketBuilder::ethernet2(source.from, source.to)
        .ipv4(from.octets(), to.octets(), 64)
        .udp(port, DISCARD);
    // Writing to memory cannot fail, and 18 bytes of payload make 60.
    let _ = builder.write(&mut bytes, &[0x55; 18]);
    let mut frame = [0; 60];
    frame.copy_from_slice(&bytes);
    frame
}

/// Sends the frames round and round, as fast as the link takes them.
fn generate(link: &str, frames: Vec<[u8; 60]>, clock: Clock, seconds: u32) -> io::Result<()> {
    let mut first = CpuSet::new();
    first.set(0)?;
    sched_setaffinity(Pid::from_raw(0), &first)?;
    let meter = Arc::default();
    let (_, mut port) = packet_socket::open(&Link::find(link)?, None, &meter)?;
    let until = u64::from(seconds) * 1_000_000_000;
    let mut memory = frames;
    let here = End::Wan(WanId(0));
    while clock.now().0 < until {
        for chunk in memory.chunks_mut(64) {
            let mut batch = Batch::new();
            for bytes in chunk {
                if let Some(mut frame) = Frame::new(bytes, 0, 14, 60, Offload::NONE) {
                    frame.disposition = Disposition::Send(here);
                    batch.push(frame);
                }
            }
            port.transmit(&batch, here)?;
            if clock.now().0 >= until {
                break;
            }
        }
    }
    Ok(())
}
