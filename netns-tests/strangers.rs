//! Floods of new flows, by strangers with made-up addresses and by one host inside, while other hosts begin new flows: each of
//! these is answered and has its place in the table, and a stream that was there before loses nothing. A flood goes as fast as
//! flowpin deals with it; for `FLOWPIN_FLOOD_SECONDS` it goes at `FLOWPIN_FLOOD_RATE` packets a second (200 000) instead, and
//! what came of it is told.

use crate::lab::{Raw, Router, ask, ethernet, lab, mirror, start, wait_until};
use crate::story::packets::ip;
use flowpin::clock::{Clock, pause};
use flowpin::lab::topology::{INSIDE4, SERVER4, mac};
use flowpin::lab::{Lab, Namespace, Options};
use flowpin::ports::batch::Transmit;
use flowpin::ports::link::Link;
use flowpin::ports::packet_socket;
use flowpin::types::{Batch, Disposition, End, Frame, MAX_BATCH, Offload, WanId};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Room in the table, and what one source may have of it.
const LIMITS: &str = "\n[limits]\nflows = 4000\nflows_per_source = 1000\n";
/// Flows that a flood makes, and those made in one go: less than a ring holds.
const FLOOD: u64 = 20_000;
const BURST: u64 = 500;
/// Where a host inside hears strangers and says nothing.
const DEAF: u16 = 4444;
/// Ports of the host inside that begins new flows.
const PORTS: std::ops::Range<u16> = 20_000..21_000;

/// How long a flood goes on at its full rate, if it is to be measured.
fn seconds() -> Option<u64> {
    std::env::var("FLOWPIN_FLOOD_SECONDS").ok()?.parse().ok()
}

/// Packets a second of a flood that is measured.
fn rate() -> u64 {
    std::env::var("FLOWPIN_FLOOD_RATE").map_or(200_000, |text| text.parse().expect("a number of packets a second"))
}

/// Where a flood comes from.
struct Flooder<'a> {
    namespace: &'a Namespace,
    link: &'static str,
}

fn flooded_lab() -> Lab {
    let extra = if seconds().is_some() { String::new() } else { LIMITS.to_owned() };
    lab(Options { extra, ..Options::default() })
}

/// Sends frame after frame, each of another flow; how many.
fn flood(
    link: &Flooder<'_>,
    frame: impl Fn(u64) -> Vec<u8> + Send,
    dealt_with: impl Fn() -> u64,
    stop: &AtomicBool,
) -> u64 {
    if seconds().is_some() {
        return link.namespace.run(|| flood_at_rate(link.link, frame, stop)).expect("the namespace can be entered");
    }
    let mut raw = Raw::open(link.namespace, link.link);
    let before = dealt_with();
    for number in 0..FLOOD {
        if stop.load(Relaxed) {
            return number;
        }
        raw.send(&frame(number));
        if (number + 1).is_multiple_of(BURST) {
            wait_until("a burst is dealt with", || dealt_with() - before > number);
        }
    }
    FLOOD
}

/// Sends frames in bursts, so many a second in the long run, until it is told to stop; how many the kernel took.
fn flood_at_rate(link: &str, frame: impl Fn(u64) -> Vec<u8>, stop: &AtomicBool) -> u64 {
    let here = End::Wan(WanId(0));
    let meter = Arc::default();
    let found = Link::find(link).expect("the link is there");
    let (_, mut port) = packet_socket::open(&found, None, &meter).expect("a port on the link");
    let (clock, rate) = (Clock::start(), rate());
    let (mut number, mut sent) = (0, 0);
    while !stop.load(Relaxed) {
        let due = clock.now().0 / 1000 * rate / 1_000_000;
        if number >= due {
            pause(Duration::from_micros(100));
            continue;
        }
        let mut burst: Vec<_> = (number..due.min(number + MAX_BATCH as u64)).map(&frame).collect();
        number += burst.len() as u64;
        let mut batch = Batch::new();
        for bytes in &mut burst {
            let end = bytes.len();
            let mut frame = Frame::new(bytes, 0, 14, end, Offload::NONE).expect("a whole frame");
            frame.disposition = Disposition::Send(here);
            batch.push(frame);
        }
        sent += u64::from(port.transmit(&batch, here).expect("the link is up").sent);
    }
    sent
}

/// Packets that have passed a WAN inbound, or all of them outbound.
fn passed(router: &Router<'_>, direction: &str) -> u64 {
    let each =
        |wan: &flowpin::api::Wan| if direction == "inbound" { wan.inbound.packets } else { wan.outbound.packets };
    router.status().wans.iter().map(each).sum()
}

/// New flows, one after the other; how many were asked and answered.
fn begin(lab: &Lab, server: SocketAddr, stop: &AtomicBool) -> (u64, u64) {
    let (mut asked, mut answered) = (0, 0);
    lab.fw
        .run(|| {
            for port in PORTS {
                let is_measured = seconds().is_some();
                if is_measured && stop.load(Relaxed) {
                    break;
                }
                asked += 1;
                answered += u64::from(ask(SocketAddr::new(INSIDE4[0].into(), port), server).is_some());
                if is_measured {
                    pause(Duration::from_millis(50));
                }
            }
        })
        .expect("the namespace can be entered");
    (asked, answered)
}

/// A stream that was there before: a question every two milliseconds; how many went and came back.
fn stream(lab: &Lab, server: SocketAddr, ready: &AtomicBool, stop: &AtomicBool) -> (u64, u64) {
    let open = || {
        let socket = UdpSocket::bind((INSIDE4[1], 7777)).expect("a port");
        socket.connect(server).expect("a route");
        socket.set_read_timeout(Some(Duration::from_millis(200))).expect("a timeout");
        socket
    };
    let socket = lab.fw.run(open).expect("the namespace can be entered");
    let heard = AtomicU64::new(0);
    let said = AtomicU64::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Relaxed) {
                said.fetch_add(u64::from(socket.send(b"still there?").is_ok()), Relaxed);
                pause(Duration::from_millis(2));
            }
        });
        loop {
            let came = socket.recv(&mut [0; 64]).is_ok();
            heard.fetch_add(u64::from(came), Relaxed);
            ready.store(heard.load(Relaxed) > 10, Relaxed);
            if !came && stop.load(Relaxed) {
                break;
            }
        }
    });
    (said.load(Relaxed), heard.load(Relaxed))
}

/// Says stop when dropped.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// What goes on beside a flood, and what is to be said at its end: frames of the flood, new flows, the stream.
fn beside(
    lab: &Lab,
    link: &Flooder<'_>,
    frame: impl Fn(u64) -> Vec<u8> + Send + Sync,
    dealt_with: impl Fn() -> u64 + Send + Sync,
) -> (u64, (u64, u64), (u64, u64)) {
    let server = mirror(&lab.inet, SERVER4);
    let (ready, stop, over) = (AtomicBool::new(false), AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let _stopped_by_a_panic_too = (Stop(&stop), Stop(&over));
        let streaming = scope.spawn(|| stream(lab, server, &ready, &over));
        wait_until("the stream goes", || ready.load(Relaxed));
        let beginning = scope.spawn(|| begin(lab, server, &stop));
        let timer = seconds().map(|seconds| {
            let stop = &stop;
            scope.spawn(move || {
                pause(Duration::from_secs(seconds));
                stop.store(true, Relaxed);
            })
        });
        let sent = flood(link, frame, dealt_with, &stop);
        timer.into_iter().for_each(|timer| timer.join().expect("it waits"));
        let begun = beginning.join().expect("it asks");
        over.store(true, Relaxed);
        (sent, begun, streaming.join().expect("it streams"))
    })
}

/// Each new flow was answered, and the stream lost nothing; or what came of the flood, if it is measured.
fn judge(
    what: &str,
    (sent, (asked, answered), (said, heard)): (u64, (u64, u64), (u64, u64)),
    router: Router<'_>,
    drops: &[&'static str],
) {
    let Some(seconds) = seconds() else {
        assert_eq!((asked, answered), (1000, 1000), "new flows");
        assert_eq!(heard, said, "the stream");
        return router.end_with(drops);
    };
    let status = router.end_with_losses();
    eprintln!(
        "{what}: {} packets a second for {seconds} s; new flows {answered} of {asked}, stream {heard} of {said}; {:?} {:?} {:?}",
        sent / seconds,
        status.table,
        status.events,
        status.drops
    );
    assert_eq!(answered, asked, "new flows");
}

#[test]
fn a_flood_with_made_up_sources_keeps_no_host_inside_from_new_flows() {
    let lab = flooded_lab();
    let router = start(&lab);
    let _deaf = lab.fw.run(|| UdpSocket::bind((INSIDE4[2], DEAF))).flatten().expect("a port");
    let link = Flooder { namespace: &lab.ispa, link: "customer" };
    let header = ethernet(mac::RT_WAN0, mac::ISPA, 0x0800);
    let frame = |number: u64| {
        let source = Ipv4Addr::from_bits(0x0500_0000 + number as u32);
        [&header[..], &ip(&source.to_string(), "192.0.2.195").udp((9, DEAF), b"")].concat()
    };
    let told = beside(&lab, &link, frame, || passed(&router, "inbound"));
    let status = router.status();
    if seconds().is_none() {
        assert_eq!(router.flows(&format!("host={}&limit=2000", INSIDE4[0])).len(), 1000, "each has its place");
        assert_eq!(status.events.get("unpinned"), None);
        assert!(status.events["evicted"] > FLOOD / 4, "{:?}", status.events);
    }
    judge("made-up sources", told, router, &[]);
}

#[test]
fn a_host_inside_that_floods_keeps_no_other_from_new_flows() {
    let lab = flooded_lab();
    let router = start(&lab);
    let link = Flooder { namespace: &lab.fw, link: "lan0" };
    let header = ethernet(mac::RT_LAN, mac::FW, 0x0800);
    let frame = |number: u64| {
        // To where the ISPs know the way and nobody is.
        let nobody = format!("203.0.113.{}", 100 + (number >> 16) % 100);
        [&header[..], &ip("10.250.250.6", &nobody).udp((number as u16, 9), b"")].concat()
    };
    let told = beside(&lab, &link, frame, || passed(&router, "outbound"));
    let status = router.status();
    if seconds().is_none() {
        assert_eq!(router.flows(&format!("host={}&limit=2000", INSIDE4[0])).len(), 1000, "each has its place");
        assert_eq!(router.flows("host=10.250.250.6&limit=4000").len(), 1000, "so many has the one that floods");
        assert_eq!(status.events["source-limited"], FLOOD - 1000);
    }
    judge("a host inside", told, router, &[]);
}
