//! C-64, C-65 and C-68: frames for others, tags that the kernel took off, short and padded frames.
//! Must never know: flows.

use crate::lab::{Frame, Raw, Sniffer, lab, run, settle, start, start_with};
use crate::story::packets::{ethernet, ip};
use crate::story::{self, At, HOST6, SERVER6, Step, arrives, from_station};
use At::{Cable, Fiber, Inside};
use Step::{Drop, In, Out};
use flowpin::lab::topology::{FIBER4, INSIDE4, SERVER4, mac};
use flowpin::lab::{Lab, Options};
use std::net::IpAddr;

/// From the server to an owned address of the fiber.
fn datagram(payload: &[u8]) -> Vec<u8> {
    ip("203.0.113.10", "192.0.2.193").udp((53, 4000), payload)
}

/// What the firewall gets of it.
fn delivered(lab: &Lab) -> Sniffer {
    let due = Some((IpAddr::from(SERVER4), IpAddr::from(INSIDE4[0])));
    Sniffer::start(&lab.fw, move |frame| frame.is_to(mac::FW) && frame.addresses() == due)
}

/// Shows RFC 1812 §5.3.4.
#[test]
fn c_64_frames_for_other_stations_and_for_groups_bring_nothing_inside() {
    let lab = lab(Options::default());
    let router = start(&lab);
    let inside = delivered(&lab);
    let mut link = Raw::open(&lab.ispa, "customer");
    // Another station's, everybody's, a group's.
    for to in [[2, 0, 0, 0, 0, 9], [0xff; 6], [1, 0, 0x5e, 0, 0, 1]] {
        link.send(&ethernet(to, mac::ISPA, None, &datagram(b"not for you")));
    }
    settle();
    assert_eq!(inside.stop(), []);
    router.end(&[("inbound", "wrong-mac", 3)]);
}

#[test]
fn c_65_an_untagged_wan_takes_no_vlan_and_a_priority_tag_is_none() {
    let lab = lab(Options::default());
    let router = start(&lab);
    let inside = delivered(&lab);
    let mut link = Raw::open(&lab.ispa, "customer");
    // The kernel takes both tags out of the bytes.
    link.send(&ethernet(mac::RT_WAN0, mac::ISPA, Some(3242), &datagram(b"tagged")));
    link.send(&ethernet(mac::RT_WAN0, mac::ISPA, Some(0xa000), &datagram(b"urgent")));
    settle();
    let ends: Vec<_> = inside.stop().iter().map(|frame| frame.0[42..].to_vec()).collect();
    assert_eq!(ends, [b"urgent".to_vec()]);
    router.end(&[("inbound", "wrong-vlan", 1)]);
}

#[test]
fn c_65_the_vlan_of_a_wan_is_required_and_no_other_taken() {
    let to_cable = ip("203.0.113.10", "198.51.100.2").udp((1, 2), b"x");
    let to_fiber = ip("203.0.113.10", "192.0.2.2").udp((1, 2), b"x");
    let steps = vec![
        In(Cable, from_station(Cable, None, &to_cable)),
        Drop("wrong-vlan"),
        In(Cable, from_station(Cable, Some(3241), &to_cable)),
        Drop("wrong-vlan"),
        In(Cable, from_station(Cable, Some(0), &to_cable)),
        Drop("wrong-vlan"),
        In(Fiber, from_station(Fiber, Some(3242), &to_fiber)),
        Drop("wrong-vlan"),
        In(Fiber, from_station(Fiber, Some(0xe000), &to_fiber)),
        Out(Inside, ip("203.0.113.10", "10.250.250.2").ttl(63).udp((1, 2), b"x")),
    ];
    story::check("c-65", steps, 1);
}

#[test]
fn c_68_every_short_frame_is_dropped_and_padding_is_left_behind() {
    let lab = lab(Options::default());
    let router = start(&lab);
    let inside = delivered(&lab);
    let mut link = Raw::open(&lab.ispa, "customer");
    let frame = ethernet(mac::RT_WAN0, mac::ISPA, None, &datagram(b"eighteen bytes ..."));
    assert_eq!(frame.len(), 60, "the least that Ethernet carries");
    for length in 14..60 {
        link.send(&frame[..length]);
    }
    let padded = ethernet(mac::RT_WAN0, mac::ISPA, None, &[&datagram(b"odd")[..], &[0xee; 15]].concat());
    link.send(&padded);
    link.send(&frame);
    settle();
    let lengths: Vec<_> = inside.stop().iter().map(|Frame(bytes)| bytes.len()).collect();
    assert_eq!(lengths, [14 + 31, 60], "{FIBER4:?}");
    router.end(&[("inbound", "truncated", 46)]);
}

#[test]
fn c_68_jumbo_frames_pass_where_every_link_carries_them() {
    let lab = lab(Options { lan_mtu: 9000, wan_mtu: [9000; 2], weights: [10_000, 1], ..Options::default() });
    let router = start_with(&lab, &lab.config().replace("[downstream]\n", "[downstream]\nmtu = 9000\n"));
    // The ISPs' uplinks are smaller: to their routers and back is what the large links carry.
    for (from, to, size) in
        [(&lab.fw, "192.0.2.198", "8972"), (&lab.ispa, "192.0.2.193", "8972"), (&lab.ispa, "2001:db8:a:c80::1", "8952")]
    {
        run(from, "ping", &["-n", "-c", "1", "-W", "5", "-M", "do", "-s", size, to]);
    }
    router.end(&[]);
}

/// Shows RFC 1812 §5.2.2.
#[test]
fn c_68_no_length_of_a_packet_reads_beyond_its_end() {
    let packets = [
        ip("203.0.113.10", "192.0.2.2").tcp((443, 4000), 2, &[2, 4, 5, 0xb4], b"data"),
        ip(SERVER6, "2001:db8:a:c81::100").udp((53, 4000), b"data"),
    ];
    let outbound = [
        ip("10.250.250.2", "203.0.113.10").tcp((4000, 443), 2, &[2, 4, 5, 0xb4], b"data"),
        ip(HOST6, SERVER6).udp((4000, 53), b"data"),
    ];
    let mut steps = Vec::new();
    for packet in &packets {
        for length in 0..packet.len() {
            let Step::In(at, frame) = arrives(Fiber, packet) else { unreachable!("it arrives") };
            steps.extend([In(at, frame[..14 + length].to_vec()), Drop("truncated")]);
        }
    }
    for packet in &outbound {
        for length in 0..packet.len() {
            steps.extend([In(Inside, packet[..length].to_vec()), Drop("truncated")]);
        }
    }
    story::check("c-68", steps, 0);
}
