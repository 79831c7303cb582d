//! The lab's instruments show what they are there to show: a wrong checksum, a source on the wrong WAN.

use crate::lab::{lab, wait_until};
use flowpin::clock::pause;
use flowpin::lab::traffic::Wires;
use flowpin::lab::{Counters, Namespace, Options};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Sends an IPv4 packet with an empty UDP datagram to the discard port; the kernel fills the header's checksum.
fn send(namespace: &Namespace, from: Ipv4Addr, to: Ipv4Addr, checksum: u16) {
    let [from_bytes, to_bytes] = [from, to].map(|address| address.octets());
    let header = [0x45, 0, 0, 28, 0, 0, 0x40, 0, 64, 17, 0, 0];
    let ports_and_length = [0x9c, 0x40, 0, 9, 0, 8];
    let packet = [&header[..], &from_bytes, &to_bytes, &ports_and_length, &checksum.to_be_bytes()].concat();
    let sent = namespace.run(|| {
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::UDP))?;
        socket.set_header_included_v4(true)?;
        socket.send_to(&packet, &SockAddr::from(SocketAddr::new(to.into(), 0)))
    });
    assert_eq!(sent.expect("the namespace can be entered").expect("a raw socket"), 28);
}

#[test]
fn a_wrong_checksum_is_counted_by_its_receiver() {
    let lab = lab(Options::default());
    let errors = || Counters::read(&lab.inet).expect("counters").checksum_errors();
    let (from, to) = (Ipv4Addr::new(198, 18, 10, 1), Ipv4Addr::new(203, 0, 113, 10));
    assert_eq!(errors(), 0);
    // 0: the sender made no checksum (RFC 768), which is not a wrong one.
    send(&lab.ispa, from, to, 0);
    pause(Duration::from_millis(50));
    assert_eq!(errors(), 0);
    send(&lab.ispa, from, to, 0x1234);
    wait_until("the wrong checksum is counted", || errors() > 0);
    assert_eq!(errors(), 1);
}

#[test]
fn a_source_of_another_wan_is_seen_on_the_wire() {
    let lab = lab(Options::default());
    let wires = Wires::watch(&lab).expect("packet sockets");
    let isp = Ipv4Addr::new(198, 18, 2, 1);
    send(&lab.rt, Ipv4Addr::new(198, 51, 100, 241), isp, 0);
    pause(Duration::from_millis(200));
    assert_eq!(wires.strangers(), (0, None));
    send(&lab.rt, Ipv4Addr::new(192, 0, 2, 193), isp, 0);
    wait_until("the stranger is seen", || wires.strangers().0 > 0);
    assert_eq!(wires.strangers(), (1, Some("192.0.2.193 left on wan1".to_owned())));
    assert!(wires.frames()[1] >= 2, "{:?}", wires.frames());
}
