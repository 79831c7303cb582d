//! C-87 with real kernels: no broadcast crosses the router, whichever layer says that it is one.

use crate::lab::{Frame, Raw, Sniffer, ethernet, lab, settle, start};
use crate::story::packets::ip;
use flowpin::lab::topology::mac;
use flowpin::lab::{Namespace, Options};

/// What these tests send has this port.
const PORT: u16 = 4747;

/// Datagrams of these tests that a namespace sees coming from this station.
fn watch(namespace: &Namespace, from: [u8; 6]) -> Sniffer {
    let port = PORT.to_be_bytes();
    Sniffer::start(namespace, move |frame: &Frame| {
        frame.0.get(6..12) == Some(&from) && frame.0.get(34..36) == Some(&port)
    })
}

fn datagram(from: &str, to: &str) -> Vec<u8> {
    ip(from, to).udp((PORT, 7), b"to all")
}

/// Shows RFC 1812 §5.3.4, RFC 1812 §5.3.5.1, RFC 1812 §5.3.5.2.
#[test]
fn c_87_no_broadcast_crosses_the_router() {
    let lab = lab(Options::default());
    let router = start(&lab);
    let (inside, outside) = (watch(&lab.fw, mac::RT_LAN), watch(&lab.ispb, mac::RT_WAN1));
    let (mut lan, mut dsl) = (Raw::open(&lab.fw, "lan0"), Raw::open(&lab.ispb, "customer"));
    let outbound = ethernet(mac::RT_LAN, mac::FW, 0x0800);
    // The link's own broadcast, the limited one: the kernel's, as any frame for the router is.
    for to in ["198.18.2.3", "255.255.255.255"] {
        lan.send(&[&outbound[..], &datagram("10.250.250.2", to)].concat());
    }
    let inbound = ethernet(mac::RT_WAN1, mac::ISPB, 0x0800);
    // The first and last of the routed block, the link's own, the limited one.
    for to in ["198.51.100.240", "198.51.100.247", "198.18.2.3", "255.255.255.255"] {
        dsl.send(&[&inbound[..], &datagram("203.0.113.10", to)].concat());
    }
    // To an owned address, in a frame to all and in one to a group.
    for all in [[0xff; 6], [1, 0, 0x5e, 0, 0, 1]] {
        dsl.send(&[ethernet(all, mac::ISPB, 0x0800), datagram("203.0.113.10", "198.51.100.242")].concat());
    }
    // From everybody, and from the router itself.
    for from in ["198.18.2.3", "198.18.2.2"] {
        dsl.send(&[&inbound[..], &datagram(from, "198.51.100.242")].concat());
    }
    // One that may pass, so that silence means something.
    dsl.send(&[&inbound[..], &datagram("203.0.113.10", "198.51.100.242")].concat());
    settle();
    assert_eq!(outside.stop(), []);
    let passed = inside.stop();
    assert_eq!(passed.len(), 1, "{passed:?}");
    assert_eq!(passed[0].addresses(), Some(("203.0.113.10".parse().unwrap(), "10.250.250.3".parse().unwrap())));
    router.end(&[("inbound", "wrong-mac", 2), ("inbound", "martian-source", 1), ("inbound", "spoofed-source", 1)]);
}
