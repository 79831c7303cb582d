//! The packet socket's ring and its sending half: order, tags, lengths, losses, links that come and go.

use super::*;
use crate::lab::run;
use flowpin::ports::live::LiveReceive;
use flowpin::ports::meter::Reading;
use flowpin::types::{Gso, GsoKind, PartialChecksum};

/// A TCP super-frame over IPv4 with `payload` bytes, that owes its checksum; the number stands in the sequence field.
fn super_frame(number: u32, payload: usize) -> (Vec<u8>, Offload) {
    let mut packet = vec![0; 40 + payload];
    packet[0] = 0x45;
    packet[2..4].copy_from_slice(&((40 + payload) as u16).to_be_bytes());
    packet[8] = 64;
    packet[9] = 6;
    packet[12..20].copy_from_slice(&[198, 18, 1, 1, 198, 18, 1, 2]);
    packet[24..28].copy_from_slice(&number.to_be_bytes());
    packet[32] = 0x50;
    packet[33] = 0x10;
    for (at, byte) in packet[40..].iter_mut().enumerate() {
        *byte = (at as u32 ^ number) as u8;
    }
    let offload = Offload {
        partial: Some(PartialChecksum { start: 20, offset: 16 }),
        gso: Some(Gso { kind: GsoKind::Tcp4, size: 1448, ecn: false }),
    };
    (packet, offload)
}

/// Sends super-frames from the outside, one batch each.
fn send_super_frames(port: &mut Port, numbers: std::ops::Range<u32>, payload: usize) {
    let mut ethernet = ETHERNET;
    ethernet[12..].copy_from_slice(&[8, 0]);
    for number in numbers {
        let (packet, offload) = super_frame(number, payload);
        let mut buffer = laid_out(&ethernet, &packet);
        let mut frame = outgoing(&mut buffer, 14, offload);
        frame.header_len = 40;
        let mut batch = Batch::new();
        batch.push(frame);
        assert_eq!(port.transmit.transmit(&batch, WAN).unwrap().sent, 1);
    }
}

#[test]
fn small_and_super_frames_come_whole_and_in_order() {
    let pair = Pair::new();
    let (mut router, mut outside) = (pair.router_port(), pair.outside_port());
    let payload = 65_000 - 40;
    for number in (0..40).step_by(2) {
        send_super_frames(&mut outside, number..number + 1, payload);
        outside.send(&[(&ETHERNET, &(number + 1).to_be_bytes())]);
    }
    let mut seen = Vec::new();
    while router.receive(|frame| {
        if frame.offload == Offload::NONE {
            seen.push(u32::from_be_bytes(frame.packet()[..4].try_into().unwrap()));
        } else {
            let number = u32::from_be_bytes(frame.packet()[24..28].try_into().unwrap());
            let (packet, offload) = super_frame(number, payload);
            assert_eq!((frame.packet() == packet, frame.offload), (true, offload), "frame {number}");
            seen.push(number);
        }
    }) != 0
        && seen.len() < 40
    {}
    assert_eq!(seen, (0..40).collect::<Vec<_>>());
    assert_eq!(router.meter.read(), Reading { received: 40, ..Reading::default() });
    assert_eq!(outside.meter.read(), Reading { sent: 40, ..Reading::default() });
}

#[test]
fn super_frames_beyond_the_queue_are_counted_as_truncated_and_the_rest_stay_whole() {
    let pair = Pair::new();
    let (mut router, mut outside) = (pair.router_port(), pair.outside_port());
    send_super_frames(&mut outside, 0..800, 60_000);
    let (mut next, mut count) = (0, 0);
    while router.meter.read().received + router.meter.read().truncated < 800
        && router.receive(|frame| {
            let number = u32::from_be_bytes(frame.packet()[24..28].try_into().unwrap());
            assert!(number >= next, "frame {number} after {next}");
            assert!(frame.packet() == super_frame(number, 60_000).0, "frame {number}");
            next = number + 1;
            count += 1;
        }) != 0
    {}
    let reading = router.meter.read();
    assert_eq!((reading.received, reading.received + reading.truncated, reading.malformed), (count, 800, 0));
    assert!(count > 200 && reading.truncated > 0, "{reading:?}");
    send_super_frames(&mut outside, 900..903, 60_000);
    let mut after = Vec::new();
    while after.len() < 3 && router.receive(|frame| after.push(frame.packet().len())) != 0 {}
    assert_eq!(after, [60_040; 3]);
}

#[test]
fn a_full_ring_loses_the_newest_and_counts_them() {
    let pair = Pair::new();
    let (mut router, mut outside) = (pair.router_port(), pair.outside_port());
    let numbers: Vec<_> = (0..4196u32).map(u32::to_be_bytes).collect();
    let frames: Vec<_> = numbers.iter().map(|number| (&ETHERNET[..], &number[..])).collect();
    outside.send(&frames);
    let mut next = 0u32;
    while router.receive(|frame| {
        assert_eq!(frame.packet()[..4], next.to_be_bytes());
        next += 1;
    }) != 0
        && next < 4096
    {}
    router.receive.count_losses();
    assert_eq!((next, router.meter.read().lost), (4096, 100));
    router.receive.count_losses();
    assert_eq!(router.meter.read(), Reading { received: 4096, lost: 100, ..Reading::default() });
    outside.send(&frames[..1]);
    assert_eq!(router.receive(|_| ()), 1);
}

#[test]
fn c_65_an_8021q_tag_is_seen_beside_the_frame_and_sent_within_it() {
    let pair = Pair::new();
    let (mut router, mut outside) = (pair.router_port(), pair.outside_port());
    let mut tagged = [0; 18];
    tagged[..12].copy_from_slice(&ETHERNET[..12]);
    tagged[12..].copy_from_slice(&[0x81, 0, 0x60, 7, 0x88, 0xb5]);
    outside.send(&[(&tagged, &[1; 50]), (&ETHERNET, &[2; 50])]);
    let mut seen = Vec::new();
    while seen.len() < 2
        && router.receive(|frame| seen.push((frame.tag, frame.link().to_vec(), frame.packet()[0]))) != 0
    {}
    assert_eq!(seen, [(Some(0x6007), ETHERNET.to_vec(), 1), (None, ETHERNET.to_vec(), 2)]);
}

#[test]
fn a_frame_over_the_mtu_is_refused_and_the_others_of_its_batch_are_sent() {
    let pair = Pair::new();
    let (mut router, mut outside) = (pair.router_port(), pair.outside_port());
    outside.send(&[(&ETHERNET, &[1; 50]), (&ETHERNET, &[2; 1600]), (&ETHERNET, &[3; 1500])]);
    let mut seen = Vec::new();
    while seen.len() < 2 && router.receive(|frame| seen.push((frame.packet()[0], frame.packet().len()))) != 0 {}
    assert_eq!(seen, [(1, 50), (3, 1500)]);
    assert_eq!(outside.meter.read(), Reading { sent: 2, refused: 1, ..Reading::default() });
}

#[test]
fn c_64_a_port_sees_nothing_of_what_its_own_link_sends() {
    let pair = Pair::new();
    let (mut router, mut outside) = (pair.router_port(), pair.outside_port());
    let mut second = pair.router_port();
    router.send(&[(&ETHERNET, &[1; 50])]);
    assert_eq!(outside.receive(|_| ()), 1);
    assert_eq!((router.receive(|_| ()), second.receive(|_| ())), (0, 0));
}

#[test]
fn multicast_to_any_group_arrives() {
    let pair = Pair::new();
    let (mut router, mut outside) = (pair.router_port(), pair.outside_port());
    let mut ethernet = ETHERNET;
    ethernet[..6].copy_from_slice(&[0x33, 0x33, 0xff, 1, 2, 3]);
    outside.send(&[(&ethernet, &[1; 50])]);
    assert_eq!(router.receive(|frame| assert_eq!(frame.link(), ethernet)), 1);
}

#[test]
fn c_69_a_link_that_went_down_works_again_when_it_is_up() {
    let pair = Pair::new();
    let (mut router, mut outside) = (pair.router_port(), pair.outside_port());
    run(&pair.router, "ip", &["link", "set", "wan0", "down"]);
    assert!(router.receive.check().is_ok());
    router.send(&[(&ETHERNET, &[1; 50])]);
    assert_eq!(router.meter.read(), Reading { refused: 1, ..Reading::default() });
    run(&pair.router, "ip", &["link", "set", "wan0", "up"]);
    outside.send(&[(&ETHERNET, &[2; 50])]);
    assert_eq!(router.receive(|frame| assert_eq!(frame.packet(), [2; 50])), 1);
    router.send(&[(&ETHERNET, &[3; 50])]);
    assert_eq!(outside.receive(|frame| assert_eq!(frame.packet(), [3; 50])), 1);
}

#[test]
fn c_69_a_super_frame_waiting_while_the_link_goes_down_and_up_is_not_mixed_up_with_the_next() {
    let pair = Pair::new();
    let (mut router, mut outside) = (pair.router_port(), pair.outside_port());
    send_super_frames(&mut outside, 1..3, 30_000);
    run(&pair.router, "ip", &["link", "set", "wan0", "down"]);
    run(&pair.router, "ip", &["link", "set", "wan0", "up"]);
    send_super_frames(&mut outside, 3..4, 40_000);
    let mut seen = Vec::new();
    while seen.len() < 3 && router.receive(|frame| seen.push(frame.packet().len())) != 0 {}
    assert_eq!(seen, [30_040, 30_040, 40_040]);
}

#[test]
fn a_link_that_is_gone_breaks_both_halves() {
    let pair = Pair::new();
    let mut router = pair.router_port();
    run(&pair.router, "ip", &["link", "del", "wan0"]);
    assert_eq!(router.receive.check().unwrap_err().raw_os_error(), Some(libc_enodev()));
    let mut buffer = laid_out(&ETHERNET, &[1; 50]);
    let mut batch = Batch::new();
    batch.push(outgoing(&mut buffer, 14, Offload::NONE));
    let error = router.transmit.transmit(&batch, WAN).unwrap_err();
    assert_eq!(error.to_string(), "No such device or address (os error 6)");
}

/// ENODEV, asm-generic/errno-base.h.
fn libc_enodev() -> i32 {
    19
}

#[test]
fn c_64_two_ports_of_one_fanout_group_share_the_frames_and_hear_none_of_their_own() {
    let pair = Pair::new();
    let mut outside = pair.outside_port();
    // Before Linux 6.13 sockets join a group only on a link that is up.
    let mut ports = [0, 1].map(|_| Port::open(&pair.router, "wan0", Some(0x5eed)));
    let mut ethernet = ETHERNET;
    ethernet[12..].copy_from_slice(&[8, 0]);
    let packets = (0..200u32).map(|number| {
        let mut packet = super_frame(number, 0).0;
        packet[20..22].copy_from_slice(&(1000 + number as u16).to_be_bytes());
        packet
    });
    let packets: Vec<_> = packets.collect();
    let frames: Vec<_> = packets.iter().map(|packet| (&ethernet[..], &packet[..])).collect();
    outside.send(&frames);
    ports[0].send(&frames[..10]);
    let mut seen = [Vec::new(), Vec::new()];
    for (port, seen) in ports.iter_mut().zip(&mut seen) {
        while port.receive(|frame| seen.push(frame.packet()[24..28].to_vec())) != 0 {}
    }
    let counts = seen.each_ref().map(Vec::len);
    assert!(counts[0] + counts[1] == 200 && counts.iter().all(|count| *count > 50), "{counts:?}");
}
