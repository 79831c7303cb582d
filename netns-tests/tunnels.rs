//! Segments that the kernel merges on their way in (GRO) inside a tunnel, for every tunnel that it looks into, or as a list
//! reach the firewall as they were sent.

use crate::lab::{Frame, Raw, Sniffer, ethernet, lab, offloads, run, settle, start, wait_until};
use flowpin::lab::topology::{FIBER4, SERVER4, SERVER6, mac};
use flowpin::lab::{Lab, Options};
use flowpin::plane::packet::checksum;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const SEGMENTS: usize = 24;
const PAYLOAD: usize = 100;
/// The firewall's address as the fiber shows it.
const FIREWALL6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xa, 0xc81, 0, 0, 0, 0x100);
const TCP: u8 = 6;
const UDP: u8 = 17;
const IPV4: u8 = 4;
const IPV6: u8 = 41;
const GRE: u8 = 47;

/// An IP packet of the family of its addresses.
fn ip(source: IpAddr, destination: IpAddr, number: u8, id: u16, payload: &[u8]) -> Vec<u8> {
    let mut header = match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let (len, id) = ((20 + payload.len() as u16).to_be_bytes(), id.to_be_bytes());
            let fixed = [0x45, 0, len[0], len[1], id[0], id[1], 0x40, 0, 60, number, 0, 0];
            let mut header = [&fixed[..], &source.octets(), &destination.octets()].concat();
            let sum = !checksum::sum(&header);
            header[10..12].copy_from_slice(&sum.to_be_bytes());
            header
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let len = (payload.len() as u16).to_be_bytes();
            [&[0x60, 0, 0, 0, len[0], len[1], number, 60], &source.octets()[..], &destination.octets()].concat()
        }
        _ => unreachable!("two families"),
    };
    header.extend_from_slice(payload);
    header
}

/// The segment of this number of a bulk transfer between two hosts behind the tunnel's ends.
fn segment(v4: bool, number: usize) -> Vec<u8> {
    let host = |last: u16| -> IpAddr {
        if v4 { [172, 16, 0, last as u8].into() } else { [0xfd77, 0, 0, 0, 0, 0, 0, last].into() }
    };
    let sequence = (1000 + (number * PAYLOAD) as u32).to_be_bytes();
    let flags = if number + 1 == SEGMENTS { 0x18 } else { 0x10 };
    let mut tcp = [&[0x1f, 0x90, 0xc0, 1][..], &sequence, &[0, 0, 0, 1, 0x50, flags, 1, 0, 0, 0, 0, 0]].concat();
    tcp.extend((0..PAYLOAD).map(|at| (number * 7 + at) as u8));
    let pseudo = checksum::pseudo(host(1), host(2), TCP, tcp.len() as u32);
    let sum = !checksum::add(pseudo, checksum::sum(&tcp));
    tcp[16..18].copy_from_slice(&sum.to_be_bytes());
    ip(host(1), host(2), TCP, 100 + number as u16, &tcp)
}

/// What stands between the outer IP header and the segment: its protocol number, and the bytes.
fn inside(kind: &str, v4: bool, segment: &[u8]) -> (u8, Vec<u8>) {
    let ethertype: [u8; 2] = if v4 { [0x08, 0x00] } else { [0x86, 0xdd] };
    match kind {
        "ip" => (if v4 { IPV4 } else { IPV6 }, segment.to_vec()),
        "gre" => (GRE, [&[0, 0], &ethertype[..], segment].concat()),
        "gre with key and checksum" => {
            let mut gre = [&[0xa0, 0], &ethertype[..], &[0, 0, 0, 0, 0, 0, 0, 9], segment].concat();
            let sum = !checksum::sum(&gre);
            gre[4..6].copy_from_slice(&sum.to_be_bytes());
            (GRE, gre)
        }
        _ => unreachable!("{kind}"),
    }
}

/// Lets the kernel wait for more to merge, on the router's link to ISP a. It merges what comes from a peer that cannot
/// send super-frames.
fn merge(lab: &Lab) {
    run(&lab.ispa, "ethtool", &["-K", "customer", "tso", "off"]);
    run(&lab.rt, "ethtool", &["-K", "wan0", "gro", "on"]);
    let wait = "echo 2000000 >/sys/class/net/wan0/gro_flush_timeout";
    let done = std::process::Command::new("ip").args(["netns", "exec", lab.rt.name(), "sh", "-c", wait]).status();
    assert!(done.expect("ip starts").success());
}

/// Bytes of a packet's IP header, and how long the packet says it is.
fn outer(packet: &[u8]) -> (usize, usize) {
    let word = |at: usize| usize::from(u16::from_be_bytes([packet[at], packet[at + 1]]));
    if packet[0] >> 4 == 4 { (20, word(2)) } else { (40, 40 + word(4)) }
}

/// Sends packets of one protocol in a burst; what the firewall got of them, and whether the router got some as one.
fn pass(lab: &Lab, link: &mut Raw, packets: &[Vec<u8>]) -> (Vec<Vec<u8>>, bool) {
    let (longest, number) = (packets[0].len(), if packets[0][0] >> 4 == 4 { packets[0][9] } else { packets[0][6] });
    let is_ours = move |frame: &Frame| match frame.0.get(12..14) {
        Some([8, 0]) => frame.0[23] == number,
        Some([0x86, 0xdd]) => frame.0[20] == number,
        _ => false,
    };
    let at_router = Sniffer::start(&lab.rt, move |frame| frame.is_to(mac::RT_WAN0) && is_ours(frame));
    let got = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&got);
    let at_firewall = Sniffer::start(&lab.fw, move |frame| {
        let is_it = frame.is_to(mac::FW) && is_ours(frame);
        counted.fetch_add(usize::from(is_it), Ordering::Relaxed);
        is_it
    });
    settle();
    let (family, ethertype) = if packets[0][0] >> 4 == 4 { (4, 0x0800) } else { (6, 0x86dd) };
    packets.iter().for_each(|packet| {
        link.send(&[&ethernet(mac::RT_WAN0, mac::ISPA, ethertype)[..], packet].concat());
    });
    wait_until(&format!("the firewall has it all (IPv{family})"), || got.load(Ordering::Relaxed) >= packets.len());
    settle();
    let is_merged = at_router.stop().iter().any(|frame| outer(&frame.0[14..]).1 > longest);
    (at_firewall.stop().iter().map(|frame| frame.0[14..].to_vec()).collect(), is_merged)
}

#[test]
fn segments_that_the_kernel_merged_inside_a_tunnel_arrive_as_they_were_sent() {
    let lab = lab(Options::default());
    merge(&lab);
    let router = start(&lab);
    let mut link = Raw::open(&lab.ispa, "customer");
    let ends: [(IpAddr, IpAddr); 2] = [(SERVER4.into(), FIBER4[0].into()), (SERVER6.into(), FIREWALL6.into())];
    for ((source, destination), v4) in ends.into_iter().flat_map(|ends| [(ends, true), (ends, false)]) {
        for kind in ["ip", "gre", "gre with key and checksum"] {
            let sent: Vec<_> = (0..SEGMENTS).map(|number| inside(kind, v4, &segment(v4, number))).collect();
            let whole = sent.iter().zip(7..).map(|((number, bytes), id)| ip(source, destination, *number, id, bytes));
            let (arrived, is_merged) = pass(&lab, &mut link, &whole.collect::<Vec<_>>());
            let arrived: Vec<_> = arrived.iter().map(|packet| packet[outer(packet).0..].to_vec()).collect();
            let due: Vec<_> = sent.into_iter().map(|(_, bytes)| bytes).collect();
            assert!(arrived == due, "{kind} to {destination}: {} of {}", arrived.len(), due.len());
            assert!(is_merged, "{kind} to {destination}: the kernel merged nothing, so this shows nothing");
        }
    }
    router.end(&[]);
}

/// The transport of a packet with its checksum field zeroed, if that is right.
fn transport(packet: &[u8]) -> Option<Vec<u8>> {
    let (start, _) = outer(packet);
    let (number, (source, destination)): (u8, (IpAddr, IpAddr)) = if start == 20 {
        let at = |at: usize| <[u8; 4]>::try_from(&packet[at..at + 4]).unwrap();
        (packet[9], (at(12).into(), at(16).into()))
    } else {
        let at = |at: usize| <[u8; 16]>::try_from(&packet[at..at + 16]).unwrap();
        (packet[6], (at(8).into(), at(24).into()))
    };
    let mut transport = packet[start..].to_vec();
    let pseudo = checksum::pseudo(source, destination, number, transport.len() as u32);
    let is_right = checksum::add(pseudo, checksum::sum(&transport)) == 0xffff;
    let at = if number == TCP { 16 } else { 6 };
    transport[at..at + 2].fill(0);
    is_right.then_some(transport)
}

#[test]
fn segments_and_datagrams_that_the_kernel_merged_as_a_list_arrive_as_they_were_sent() {
    let lab = lab(Options::default());
    merge(&lab);
    run(&lab.rt, "ethtool", &["-K", "wan0", "rx-gro-list", "on"]);
    offloads(&lab.rt, "lan0", false);
    let router = start(&lab);
    let mut link = Raw::open(&lab.ispa, "customer");
    let ends: [(IpAddr, IpAddr); 2] = [(SERVER4.into(), FIBER4[0].into()), (SERVER6.into(), FIREWALL6.into())];
    for ((source, destination), number) in ends.into_iter().flat_map(|ends| [(ends, UDP), (ends, TCP)]) {
        let packet = |at: usize| {
            let mut payload = segment(true, at)[20..].to_vec();
            if number == UDP {
                payload.splice(..20, [&[0xc0, 1, 0xc0, 2][..], &(8 + PAYLOAD as u16).to_be_bytes(), &[0, 0]].concat());
            }
            let field = if number == TCP { 16 } else { 6 };
            payload[field..field + 2].fill(0);
            let pseudo = checksum::pseudo(source, destination, number, payload.len() as u32);
            let sum = !checksum::add(pseudo, checksum::sum(&payload));
            payload[field..field + 2].copy_from_slice(&sum.to_be_bytes());
            ip(source, destination, number, 7 + at as u16, &payload)
        };
        let sent: Vec<_> = (0..SEGMENTS).map(packet).collect();
        let due: Vec<_> = sent.iter().map(|packet| transport(packet)).collect();
        assert!(due.iter().all(Option::is_some));
        let (arrived, is_merged) = pass(&lab, &mut link, &sent);
        let arrived: Vec<_> = arrived.iter().map(|packet| transport(packet)).collect();
        assert_eq!(arrived, due, "protocol {number} to {destination}");
        assert!(is_merged, "protocol {number} to {destination}: the kernel merged nothing, so this shows nothing");
    }
    router.end(&[]);
}
