//! Which messages are remembered, and what the SYNs of the remembered remote announce afterwards.

use crate::plane::counters::Event;
use crate::plane::packet::numbers::protocol;
use crate::plane::packet::sample::{icmp, is_right, packet, tcp, udp};
use crate::plane::sample::{A, B, Rig, SERVER, SERVER6, policy, port_for};
use crate::plane::verdict::{DropReason, Verdict};
use crate::types::{End, Family, Tick, WanId};

use crate::types::Family::{V4, V6};

const SYN: u8 = 2;
const SYN_ACK: u8 = 18;
const HOST: &str = "10.250.250.2";
const HOST6: &str = "fd00:bad:b01:1::100";

/// A rig with a UDP flow from a host to the server in `family`, and the packet that left: 1400 bytes, its WAN.
fn flow(family: Family, id: WanId) -> (Rig, Vec<u8>) {
    let (host, server, header) = if family.is_v4() { (HOST, SERVER, 28) } else { (HOST6, SERVER6, 48) };
    (1..500u16)
        .find_map(|port| {
            let mut rig = Rig::new(policy());
            let done = rig.outbound(&packet(host, server, protocol::UDP, &udp(port, 53, &vec![7; 1400 - header])));
            (done.verdict == Verdict::Forward(End::Wan(id))).then_some((rig, done.packet))
        })
        .unwrap()
}

/// A too-big message about `quoted` from a router on the way, to whom it came from.
fn too_big(quoted: &[u8], mtu: u32) -> Vec<u8> {
    let [high, low] = [(mtu >> 16) as u16, mtu as u16];
    if quoted[0] >> 4 == 4 {
        let to = format!("{}.{}.{}.{}", quoted[12], quoted[13], quoted[14], quoted[15]);
        packet("198.18.0.1", &to, protocol::ICMP, &icmp(3, 4, [high, low], &quoted[..28]))
    } else {
        let to = std::net::Ipv6Addr::from(<[u8; 16]>::try_from(&quoted[8..24]).unwrap()).to_string();
        packet("2001:db8:a::1", &to, protocol::ICMPV6, &icmp(2, 0, [high, low], &quoted[..600]))
    }
}

fn known(rig: &Rig) -> Vec<(WanId, String, u16)> {
    let list = rig.plane.shared().paths.memory.list(rig.now);
    list.into_iter().map(|known| (known.wan, known.remote.to_string(), known.mtu)).collect()
}

/// The MSS in a SYN or SYN-ACK with that option alone.
fn mss(packet: &[u8]) -> u16 {
    assert!(is_right(packet));
    u16::from_be_bytes(packet[packet.len() - 2..].try_into().unwrap())
}

/// Shows RFC 5508 REQ-4.
#[test]
fn c_55_a_message_about_a_flow_is_remembered_and_clamps_syn_and_syn_ack_from_the_first_on() {
    for (family, host, server, size) in [(V4, HOST, SERVER, 1260), (V6, HOST6, SERVER6, 1240)] {
        for id in [A, B] {
            let (mut rig, quoted) = flow(family, id);
            assert_eq!(
                rig.inbound(id, &too_big(&quoted, 1300)).verdict,
                Verdict::Forward(End::Inside),
                "and delivered"
            );
            assert_eq!(known(&rig), [(id, server.to_owned(), 1300)]);
            let public = if family.is_v4() {
                format!("{}.{}.{}.{}", quoted[12], quoted[13], quoted[14], quoted[15])
            } else {
                std::net::Ipv6Addr::from(<[u8; 16]>::try_from(&quoted[8..24]).unwrap()).to_string()
            };
            let option = [2, 4, 0x05, 0xb4];
            let syn = rig.inbound(id, &packet(server, &public, protocol::TCP, &tcp(5, 443, SYN, &option, &[])));
            assert_eq!((syn.verdict, mss(&syn.packet)), (Verdict::Forward(End::Inside), size));
            let answer = rig.outbound(&packet(host, server, protocol::TCP, &tcp(443, 5, SYN_ACK, &option, &[])));
            assert_eq!((answer.verdict, mss(&answer.packet)), (Verdict::Forward(End::Wan(id)), size));
            assert_eq!(rig.totals().events(Event::Clamped), 2);
            let other = if family.is_v4() { "203.0.113.11" } else { "2001:db8:ffff::11" };
            let elsewhere = rig.inbound(id, &packet(other, &public, protocol::TCP, &tcp(5, 443, SYN, &option, &[])));
            assert!(mss(&elsewhere.packet) > size, "another remote has another path");
        }
    }
}

#[test]
fn c_55_after_ten_minutes_it_is_forgotten() {
    let (mut rig, quoted) = flow(V4, A);
    rig.inbound(A, &too_big(&quoted, 1300));
    rig.now = rig.now.plus_millis(599_999);
    assert_eq!(known(&rig).len(), 1);
    rig.now = rig.now.plus_millis(1);
    let syn = rig.inbound(A, &packet(SERVER, "192.0.2.12", protocol::TCP, &tcp(5, 443, SYN, &[2, 4, 5, 0xb4], &[])));
    assert_eq!((known(&rig).len(), mss(&syn.packet)), (0, 1460));
}

#[test]
fn c_54_messages_that_cannot_be_true_change_nothing_and_are_delivered() {
    let below = [(V4, 0), (V4, 67), (V4, 575), (V6, 0), (V6, 1279), (V6, 0x1_0514)];
    let above = [(V4, 1400), (V4, 1401), (V4, 1500), (V6, 1400), (V6, 65_535)];
    for (family, mtu) in below.into_iter().chain(above) {
        let (mut rig, quoted) = flow(family, A);
        assert_eq!(rig.inbound(A, &too_big(&quoted, mtu)).verdict, Verdict::Forward(End::Inside), "{mtu}");
        assert_eq!(known(&rig), [], "{mtu}");
    }
    for (family, least) in [(V4, 576), (V6, 1280)] {
        let (mut rig, quoted) = flow(family, A);
        rig.inbound(A, &too_big(&quoted, least.into()));
        assert_eq!(known(&rig)[0].2, least);
    }
}

#[test]
fn c_54_who_knows_no_flow_teaches_nothing() {
    let (mut rig, _) = flow(V4, A);
    let unknown = packet("192.0.2.12", "203.0.113.99", protocol::UDP, &udp(1, 2, &[0; 1372]));
    rig.inbound(A, &too_big(&unknown, 1300));
    let port = port_for(A);
    let other_port = packet("192.0.2.12", SERVER, protocol::UDP, &udp(port, 54, &[0; 1372]));
    rig.inbound(A, &too_big(&other_port, 1300));
    assert_eq!(known(&rig), []);
    let mut stray = too_big(&packet("192.0.2.13", SERVER, protocol::UDP, &udp(port, 53, &[0; 1372])), 1300);
    stray[19] = 12;
    crate::plane::packet::sample::fix_ip(&mut stray);
    assert_eq!(rig.inbound(A, &stray).verdict, Verdict::Drop(DropReason::StrayIcmpError), "sent to another host");
    assert_eq!(known(&rig), []);
}

#[test]
fn c_54_a_message_by_the_other_wan_teaches_nothing() {
    let (mut rig, mut quoted) = flow(V4, A);
    quoted[12..16].copy_from_slice(&[198, 51, 100, 12]);
    crate::plane::packet::sample::fix_ip(&mut quoted);
    assert_eq!(rig.inbound(B, &too_big(&quoted, 1300)).verdict, Verdict::Forward(End::Inside), "and delivered");
    assert_eq!(known(&rig), []);
}

#[test]
fn c_54_a_flow_that_has_expired_teaches_nothing() {
    let (mut rig, quoted) = flow(V4, A);
    rig.now = Tick(rig.now.0 + 301_000_000_000);
    rig.plane.tick(rig.now, &mut rig.outbox);
    rig.inbound(A, &too_big(&quoted, 1300));
    assert_eq!(known(&rig), []);
}

/// A TCP connection from inside in `family` that has sent 100 bytes from `number` on, and its public source.
fn connection(family: Family, number: u32) -> (Rig, WanId, String) {
    let (host, server) = if family.is_v4() { (HOST, SERVER) } else { (HOST6, SERVER6) };
    let mut rig = Rig::new(policy());
    let segment = |ports: (u16, u16), flags, numbers: [u32; 2], data: &[u8]| {
        let mut segment = tcp(ports.0, ports.1, flags, &[], data);
        segment[4..8].copy_from_slice(&numbers[0].to_be_bytes());
        segment[8..12].copy_from_slice(&numbers[1].to_be_bytes());
        segment
    };
    let out =
        |flags, numbers, data: &[u8]| packet(host, server, protocol::TCP, &segment((700, 443), flags, numbers, data));
    let syn = rig.outbound(&out(SYN, [number.wrapping_sub(1), 0], &[]));
    let Verdict::Forward(End::Wan(id)) = syn.verdict else { panic!("{:?}", syn.verdict) };
    let public = crate::plane::sample::hosts(&syn.packet).0.to_string();
    let syn_ack = segment((443, 700), SYN_ACK, [5000, number], &[]);
    rig.inbound(id, &packet(server, &public, protocol::TCP, &syn_ack));
    rig.outbound(&out(16, [number, 5001], &[7; 100]));
    (rig, id, public)
}

/// What is learnt from an error that quotes the connection's segment with this sequence number.
fn learnt(rig: &mut Rig, (family, id): (Family, WanId), public: &str, sequence: u32) -> usize {
    let server = if family.is_v4() { SERVER } else { SERVER6 };
    let mut quoted = tcp(700, 443, 16, &[], &vec![7; 1360 - if family.is_v4() { 20 } else { 40 }]);
    quoted[4..8].copy_from_slice(&sequence.to_be_bytes());
    let error = too_big(&packet(public, server, protocol::TCP, &quoted), 1300);
    assert_eq!(rig.inbound(id, &error).verdict, Verdict::Forward(End::Inside), "delivered in any case");
    known(rig).len()
}

#[test]
fn c_54_of_a_connection_only_what_is_in_flight_teaches_anything() {
    for (family, number) in [(V4, 1000), (V4, 0), (V4, u32::MAX - 50), (V6, 0x8000_0000)] {
        let (mut rig, id, public) = connection(family, number);
        for guess in [
            number.wrapping_sub(1),
            number.wrapping_add(100),
            number.wrapping_add(1 << 31),
            number.wrapping_sub(1 << 20),
        ] {
            assert_eq!(learnt(&mut rig, (family, id), &public, guess), 0, "{guess} of {number}");
        }
        assert_eq!(learnt(&mut rig, (family, id), &public, number.wrapping_add(99)), 1);
        // What the server has acknowledged is in flight no more.
        let (mut rig, id, public) = connection(family, number);
        let server = if family.is_v4() { SERVER } else { SERVER6 };
        let mut ack = tcp(443, 700, 16, &[], &[]);
        ack[4..8].copy_from_slice(&5001_u32.to_be_bytes());
        ack[8..12].copy_from_slice(&number.wrapping_add(60).to_be_bytes());
        rig.inbound(id, &packet(server, &public, protocol::TCP, &ack));
        assert_eq!(learnt(&mut rig, (family, id), &public, number.wrapping_add(59)), 0);
        assert_eq!(learnt(&mut rig, (family, id), &public, number.wrapping_add(60)), 1);
    }
}

#[test]
fn c_54_a_flow_in_which_the_inside_has_sent_nothing_teaches_nothing() {
    for protocol in [protocol::UDP, protocol::TCP, 47] {
        let (come, quoted) = match protocol {
            protocol::UDP => (udp(53, 700, b"?"), udp(700, 53, &[0; 1372])),
            protocol::TCP => (tcp(53, 700, SYN, &[], &[]), tcp(700, 53, 16, &[], &[0; 1360])),
            _ => (vec![0; 8], vec![0; 1380]),
        };
        let mut rig = Rig::new(policy());
        rig.inbound(A, &packet(SERVER, "192.0.2.12", protocol, &come));
        rig.inbound(A, &too_big(&packet("192.0.2.12", SERVER, protocol, &quoted), 1300));
        assert_eq!(known(&rig), [], "{protocol}");
    }
}
