//! The kernel carries packets between the firewall's link and the TUN, both ways, whatever filters and rules the machine
//! has, and keeps those for the router itself.

use crate::machine::{build_router, in_namespace, machine, plan, run, set_up, settle, sh, tear_down};
use flowpin::clock;
use flowpin::lab::Namespace;
use flowpin::ports::batch::{Receive, Transmit};
use flowpin::ports::tun::TunDevice;
use flowpin::types::{Batch, Disposition, End, Frame};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

#[test]
fn packets_pass_between_firewall_and_tun_in_spite_of_filters_and_rules() {
    in_namespace(|| async {
        build_router();
        let firewall = &attach_firewall("pass");
        // Somebody's source routing: without flowpin's own rule it would take what flowpin delivers inside.
        sh("
            ip -4 rule add priority 100 from 198.51.100.0/24 lookup 999
            ip -6 rule add priority 100 from 2001:db8:ffff::/48 lookup 999
            ip -4 route add default via 192.0.2.1 table 999
            ip -6 route add default via fe80::99 dev wan0 table 999
        ");
        let (before, plan) = (machine(), plan("hop"));
        let tun = TunDevice::create("flowpin0", 1).unwrap();
        let kernel = set_up(&plan).await;
        let (stop, pump) = answer_everything(&tun);
        // The kernel may hear late of the carrier that the firewall's link got, and forget a packet then.
        let echo = |address: &str| run(firewall, &format!("ping -c3 -i0.3 -W2 {address}"));
        for address in ["198.51.100.9", "2001:db8:ffff::9"] {
            assert!(echo(address).contains("ttl=63"), "{}", echo(address));
        }
        // An error of flowpin comes out of the TUN with the router's own address.
        assert!(echo("203.0.113.9").contains("From 10.250.250.1 icmp_seq=3 Time to live exceeded"));
        assert!(echo("10.250.250.1").contains("ttl=64"));
        stop.store(true, Ordering::Relaxed);
        let seen = pump.join().unwrap();
        assert!(!seen.iter().any(|destination| destination == "10.250.250.1"), "the router's own went into the TUN");
        tear_down(kernel, &plan).await;
        drop(tun);
        assert_eq!(before, machine());
    });
}

#[test]
fn after_a_crash_nothing_leaves_untranslated() {
    in_namespace(|| async {
        build_router();
        let firewall = &attach_firewall("crash");
        let plan = plan("crash");
        let tun = TunDevice::create("flowpin0", 1).unwrap();
        let kernel = set_up(&plan).await;
        drop(kernel);
        drop(tun);
        for address in ["198.51.100.9", "2001:db8:ffff::9"] {
            let said = run(firewall, &format!("ping -c1 -W2 {address}"));
            assert!(said.contains("nreachable"), "{said}");
        }
        let tun = TunDevice::create("flowpin0", 1).unwrap();
        tear_down(set_up(&plan).await, &plan).await;
        drop(tun);
    });
}

/// Puts the firewall behind lan0: .2 and a host of the inside IPv6 prefix, both with the router as their gateway.
fn attach_firewall(test: &str) -> Namespace {
    let firewall = Namespace::create(&format!("khop-{test}-{}", std::process::id())).unwrap();
    sh(&format!(
        "
        ip link set fw0 netns {ns}
        ip link set lan0 up
        ip addr add fe80::1/64 dev lan0 nodad
        ip -n {ns} link set fw0 up
        ip -n {ns} addr add 10.250.250.2/29 dev fw0
        ip -n {ns} addr add fe80::2/64 dev fw0 nodad
        ip -n {ns} addr add fd00:bad:b01::2/64 dev fw0 nodad
        ip -n {ns} route add default via 10.250.250.1
        ip -n {ns} -6 route add default via fe80::1 dev fw0
        ",
        ns = firewall.name()
    ));
    settle();
    firewall
}

/// Plays the whole Internet at the TUN: echoes are answered, those to 203.0.113.0/24 with an ICMP error. Gives the IPv4
/// destinations seen.
fn answer_everything(tun: &TunDevice) -> (Arc<AtomicBool>, std::thread::JoinHandle<Vec<String>>) {
    let (mut receive, mut transmit) = tun.open(0, &Arc::default()).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let pump = std::thread::spawn(move || {
        let mut seen = Vec::new();
        while !stopped.load(Ordering::Relaxed) {
            let mut batch = Batch::new();
            receive.receive(&mut batch).unwrap();
            for frame in &mut batch {
                seen.extend(answer(frame));
            }
            transmit.transmit(&batch, End::Inside).unwrap();
            drop(batch);
            receive.release();
            clock::pause(Duration::from_millis(1));
        }
        seen
    });
    (stop, pump)
}

/// Turns an echo request around in place; addresses swapped leave the checksums right.
fn answer(frame: &mut Frame) -> Option<String> {
    let packet = frame.packet_mut();
    let v4 = packet[0] >> 4 == 4;
    let (source, length, icmp) = if v4 { (12, 4, 20) } else { (8, 16, 40) };
    let (request, reply) = if v4 { (8, 0) } else { (128, 129) };
    if packet.len() < icmp + 8 || packet[icmp] != request {
        return None;
    }
    let destination = v4.then(|| packet[16..20].iter().map(u8::to_string).collect::<Vec<_>>().join("."));
    if destination.as_ref().is_some_and(|destination| destination.starts_with("203.0.113.")) {
        let error = time_exceeded(packet);
        packet[..error.len()].copy_from_slice(&error);
        frame.truncate(error.len());
    } else {
        let (front, back) = packet.split_at_mut(source + length);
        front[source..].swap_with_slice(&mut back[..length]);
        packet[icmp] = reply;
        packet[if v4 { 8 } else { 7 }] = 64;
        if v4 {
            fill_checksum(&mut packet[..20], 10);
            fill_checksum(&mut packet[20..], 2);
        } else {
            // One more in the type is one less in the complemented sum.
            let sum = u16::from_be_bytes([packet[42], packet[43]]);
            packet[42..44].copy_from_slice(&sum.wrapping_sub(0x0100).to_be_bytes());
        }
    }
    frame.disposition = Disposition::Send(End::Inside);
    destination
}

/// RFC 792: type 11, quoting header and eight bytes, from the router's own 10.250.250.1 to the sender.
fn time_exceeded(packet: &[u8]) -> Vec<u8> {
    let mut error = vec![0x45, 0, 0, 56, 0, 0, 0, 0, 64, 1, 0, 0, 10, 250, 250, 1];
    error.extend_from_slice(&packet[12..16]);
    error.extend_from_slice(&[11, 0, 0, 0, 0, 0, 0, 0]);
    error.extend_from_slice(&packet[..28]);
    fill_checksum(&mut error[..20], 10);
    fill_checksum(&mut error[20..], 2);
    error
}

/// RFC 1071.
fn fill_checksum(bytes: &mut [u8], at: usize) {
    bytes[at..at + 2].fill(0);
    let words = bytes.chunks(2).map(|word| u32::from(word[0]) << 8 | word.get(1).map_or(0, |low| u32::from(*low)));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    bytes[at..at + 2].copy_from_slice(&(!(sum as u16)).to_be_bytes());
}
