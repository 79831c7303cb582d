//! C-61 and C-62: super-frames of TCP and UDP through flowpin, whole where the links take them and cut where not.
//! Must never know: how a checksum is updated.

use crate::lab::{Frame, Sniffer, exchange, lab, offloads, run, start};
use flowpin::lab::topology::{FIBER4, FIBER6_PREFIX, INSIDE4, INSIDE6, SERVER4, SERVER6, mac};
use flowpin::lab::{Lab, Namespace, Options};
use flowpin::ports::sys::packet;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::time::Duration;

/// All flows take the fiber: the other WAN gets a ten-thousandth.
fn fiber_lab(wan_mtu: u16) -> Lab {
    lab(Options { weights: [10_000, 1], wan_mtu: [wan_mtu; 2], ..Options::default() })
}

/// Bytes of the IP packet in a frame, as its header says.
fn length(frame: &Frame) -> usize {
    let word = |at: usize| usize::from(u16::from_be_bytes([frame.0[at], frame.0[at + 1]]));
    if frame.0[12] == 0x08 { word(16) } else { word(18) + 40 }
}

/// The TCP flags of a frame.
fn flags(frame: &Frame) -> u8 {
    frame.0[if frame.0[12] == 0x08 { 14 + 20 + 13 } else { 14 + 40 + 13 }]
}

/// Whether a frame of IP carries that protocol from one station to another.
fn carries(frame: &Frame, protocol: u8, to: [u8; 6], from: [u8; 6]) -> bool {
    let next = if frame.0[12] == 0x08 { 23 } else { 20 };
    frame.is_to(to) && frame.0[6..12] == from && frame.addresses().is_some() && frame.0[next] == protocol
}

/// What the router sends to ISP a, of one protocol.
fn sent(lab: &Lab, protocol: u8) -> Sniffer {
    Sniffer::start(&lab.ispa, move |frame| carries(frame, protocol, mac::ISPA, mac::RT_WAN0))
}

const FAMILIES: [(IpAddr, IpAddr, IpAddr); 2] = [
    (IpAddr::V4(INSIDE4[0]), IpAddr::V4(SERVER4), IpAddr::V4(FIBER4[0])),
    (IpAddr::V6(INSIDE6), IpAddr::V6(SERVER6), IpAddr::V6(FIBER6_PREFIX)),
];

#[test]
fn c_61_tcp_leaves_in_super_frames_and_in_frames_of_the_mtu_where_the_link_has_none() {
    let lab = fiber_lab(1500);
    let router = start(&lab);
    for (whole, port) in [(true, 5001), (false, 5002)] {
        offloads(&lab.rt, "wan0", whole);
        for (inside, server, _) in FAMILIES {
            let sniffer = sent(&lab, 6);
            exchange((&lab.fw, inside), (&lab.inet, SocketAddr::new(server, port)), 4 << 20);
            let longest = sniffer.stop().iter().map(length).max().expect("frames");
            assert_eq!(longest > 1500, whole, "{longest} bytes to {server}");
        }
    }
    // Nothing was too big, and no receiver saw a wrong checksum.
    router.end(&[]);
}

#[test]
fn c_62_a_congested_path_is_signalled_through_super_frames() {
    let lab = fiber_lab(1500);
    for namespace in [&lab.fw, &lab.inet] {
        run(namespace, "sysctl", &["-qw", "net.ipv4.tcp_ecn=1"]);
    }
    // ISP a marks what inside sends: the receiver echoes it, the sender answers with CWR.
    let mark = "table inet congested { chain forward { type filter hook forward priority 0; \
                iifname \"customer\" ip ecn ect0 ip ecn set ce; iifname \"customer\" ip6 ecn ect0 ip6 ecn set ce; }; }";
    run(&lab.ispa, "nft", &[mark]);
    let router = start(&lab);
    for (inside, server, _) in FAMILIES {
        let sniffer = sent(&lab, 6);
        exchange((&lab.fw, inside), (&lab.inet, SocketAddr::new(server, 5001)), 4 << 20);
        let frames = sniffer.stop();
        assert!(frames.iter().any(|frame| length(frame) > 1500), "super-frames to {server}");
        // CWR without SYN.
        assert!(frames.iter().any(|frame| flags(frame) & 0x82 == 0x80), "congestion answered towards {server}");
    }
    router.end(&[]);
}

/// `IPPROTO_UDP` and `UDP_SEGMENT`, linux/udp.h.
const UDP: i32 = 17;
const UDP_SEGMENT: i32 = 103;

/// Level and option of `IP_MTU_DISCOVER` and `IPV6_MTU_DISCOVER`, linux/in.h and linux/in6.h, and their value for DF.
const MTU_DISCOVER: [(i32, i32); 2] = [(0, 10), (41, 23)];
const ALWAYS: i32 = 2;

fn bound(namespace: &Namespace, at: SocketAddr) -> UdpSocket {
    let socket = namespace.run(|| UdpSocket::bind(at)).expect("the namespace can be entered").expect("a free port");
    socket.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
    socket
}

/// Sends `bytes` as one train of datagrams of `segment` bytes.
fn send_train(socket: &UdpSocket, to: SocketAddr, segment: u16, bytes: &[u8]) -> std::io::Result<usize> {
    packet::set(socket.as_fd(), UDP, UDP_SEGMENT, segment.into())?;
    socket.send_to(bytes, to)
}

/// The datagrams of a train arrive one by one, each whole.
fn receive_train(socket: &UdpSocket, segment: usize, bytes: &[u8]) {
    let mut datagram = [0; 2048];
    let mut due: Vec<&[u8]> = bytes.chunks(segment).collect();
    while !due.is_empty() {
        let length = socket.recv(&mut datagram).expect("a datagram");
        let at = due.iter().position(|due| *due == &datagram[..length]).expect("one that was sent, once");
        due.remove(at);
    }
}

/// Ten datagrams and a shorter one, each different.
fn train(segment: usize) -> Vec<u8> {
    (0..10 * segment + 7).map(|at| (at / segment * 31 + at) as u8).collect()
}

#[test]
fn c_62_udp_trains_go_through_in_both_directions_whole_and_cut() {
    let lab = fiber_lab(1500);
    let mut router = start(&lab);
    let offered = router.status().downstream.offloads;
    let bytes = train(1200);
    for (whole, port) in [(true, 6001), (false, 6002)] {
        offloads(&lab.rt, "wan0", whole);
        for (inside, server, public) in FAMILIES {
            let own = bound(&lab.fw, SocketAddr::new(inside, port));
            let theirs = bound(&lab.inet, SocketAddr::new(server, port));
            let sniffer = sent(&lab, 17);
            send_train(&own, SocketAddr::new(server, port), 1200, &bytes).expect("it leaves");
            receive_train(&theirs, 1200, &bytes);
            let longest = sniffer.stop().iter().map(length).max().expect("frames");
            let kept = whole && offered.iter().any(|offload| offload.starts_with("uso"));
            assert_eq!(longest > 1500, kept, "{longest} bytes to {server}, the TUN has {offered:?}");
            send_train(&theirs, SocketAddr::new(public, port), 1200, &bytes).expect("it leaves");
            receive_train(&own, 1200, &bytes);
        }
    }
    assert!(router.service().alive());
    router.end(&[]);
}

/// The sender of a train that is too big for a link of 1400 bytes on its way learns that, and what it sends then arrives.
fn learns(own: &UdpSocket, to: SocketAddr, theirs: &UdpSocket) {
    let family = usize::from(to.is_ipv6());
    let (fits, (level, discover)) = ([1400u16 - 28, 1400 - 48][family], MTU_DISCOVER[family]);
    own.connect(to).expect("a route");
    packet::set(own.as_fd(), level, discover, ALWAYS).expect("no fragments");
    packet::set(own.as_fd(), UDP, UDP_SEGMENT, 1440).expect("trains");
    own.send(&train(1440)).expect("it leaves");
    // The error of the router comes back at the socket (RFC 1191 §4, RFC 4443 §3.2).
    let told = own.recv(&mut [0; 8]).expect_err("an error");
    assert_eq!(told.to_string(), "Message too long (os error 90)", "{to}");
    packet::set(own.as_fd(), UDP, UDP_SEGMENT, fits.into()).expect("trains");
    own.send(&train(fits.into())).expect("it leaves");
    receive_train(theirs, fits.into(), &train(fits.into()));
}

/// Shows RFC 4443 §3.2.
#[test]
fn c_62_a_train_for_a_smaller_wan_is_answered_and_its_sender_learns_the_size() {
    let lab = fiber_lab(1400);
    let router = start(&lab);
    for (inside, server, _) in FAMILIES {
        let own = bound(&lab.fw, SocketAddr::new(inside, 6001));
        let theirs = bound(&lab.inet, SocketAddr::new(server, 6001));
        learns(&own, SocketAddr::new(server, 6001), &theirs);
    }
    router.end(&[("outbound", "too-big", 2)]);
}

#[test]
fn c_62_a_train_for_a_smaller_lan_is_answered_and_its_sender_outside_learns_the_size() {
    let lab = lab(Options { lan_mtu: 1400, ..Options::default() });
    let router = start(&lab);
    for (inside, server, public) in FAMILIES {
        let own = bound(&lab.inet, SocketAddr::new(server, 6001));
        let theirs = bound(&lab.fw, SocketAddr::new(inside, 6001));
        learns(&own, SocketAddr::new(public, 6001), &theirs);
    }
    router.end(&[("inbound", "too-big", 2)]);
}

#[test]
fn c_62_a_train_without_df_arrives_in_fragments_of_each_datagram() {
    let lab = fiber_lab(1400);
    let router = start(&lab);
    let (inside, server, _) = FAMILIES[0];
    let own = bound(&lab.fw, SocketAddr::new(inside, 6001));
    let theirs = bound(&lab.inet, SocketAddr::new(server, 6001));
    // Longer than a packet of the link, a train is sent without DF.
    send_train(&own, SocketAddr::new(server, 6001), 1440, &train(1440)).expect("it leaves");
    receive_train(&theirs, 1440, &train(1440));
    // One frame came in; ten datagrams left in two fragments each, and a short one whole.
    let status = router.status();
    assert_eq!((status.events["fragmented"], status.wans[0].outbound.packets), (1, 21));
    assert_eq!(status.wans[0].outbound.bytes, 10 * (20 + 20 + 8 + 1440) + 20 + 8 + 7);
    router.end(&[]);
}
