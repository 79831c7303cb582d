//! A stream from the Internet that comes in over the fiber to a viewer, who reports as media players do.
//! Must never know: any single claim.

use super::AtEnd;
use flowpin::clock::pause;
use flowpin::lab::Lab;
use flowpin::lab::topology::{FIBER4, INSIDE4, SERVER4};
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::time::Duration;

/// The port at both ends: the seed of the lab gives its flow to the fiber.
pub const STREAM: u16 = 5004;

/// Does `work` while the stream comes in; `work` is given the number of datagrams that have arrived.
pub fn while_streaming(lab: &Lab, work: impl FnOnce(&AtomicU32)) {
    let server = lab.inet.run(|| UdpSocket::bind((SERVER4, STREAM))).flatten().expect("a server");
    let viewer = viewer(lab, &server);
    let (over, received) = (AtomicBool::new(false), AtomicU32::new(0));
    std::thread::scope(|scope| {
        let _end = AtEnd(&over);
        scope.spawn(|| {
            while let Ok(1..) = viewer.recv(&mut [0; 1200]) {
                received.fetch_add(1, Relaxed);
                let _ = viewer.send(b"report");
            }
        });
        scope.spawn(|| {
            for _ in (0..4000).take_while(|_| !over.load(Relaxed)) {
                server.send_to(&[0; 1200], (FIBER4[0], STREAM)).expect("it leaves");
                pause(Duration::from_millis(5));
            }
            server.send_to(b"", (FIBER4[0], STREAM)).expect("it leaves");
        });
        work(&received);
    });
}

/// A socket inside that has asked the server for its stream.
fn viewer(lab: &Lab, server: &UdpSocket) -> UdpSocket {
    server.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
    let viewer = lab.fw.run(|| UdpSocket::bind((INSIDE4[0], STREAM))).flatten().expect("a viewer");
    viewer.connect((SERVER4, STREAM)).expect("a way");
    viewer.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
    viewer.send(b"play").expect("it leaves");
    let (_, from) = server.recv_from(&mut [0; 64]).expect("it arrives");
    assert_eq!(from.ip(), FIBER4[0], "the port of the stream goes by the fiber");
    viewer
}
