//! What holds for any packet.

use super::*;

/// Any protocol, from an inside host of either family.
fn any_packet() -> impl Strategy<Value = Vec<u8>> {
    let hosts = prop_oneof![
        Just(("10.250.250.2", SERVER)),
        Just(("10.250.250.3", SERVER)),
        Just(("fd00:bad:b01:1::100", SERVER6)),
        Just(("fd00:bad:b01:f:1:2:3:4", SERVER6)),
    ];
    let payload = proptest::collection::vec(any::<u8>(), 0..64);
    (hosts, any::<u16>(), any::<u16>(), payload, 0..5u8).prop_map(|((from, to), source, destination, payload, kind)| {
        let echo = if from.contains(':') { 128 } else { 8 };
        let query = if from.contains(':') { protocol::ICMPV6 } else { protocol::ICMP };
        match kind {
            0 => packet(from, to, protocol::UDP, &udp(source, destination, &payload)),
            1 => packet(from, to, protocol::TCP, &tcp(source, destination, 16, &[], &payload)),
            2 => packet(from, to, query, &icmp(echo, 0, [source, 1], &payload)),
            3 => packet(from, to, 47, &payload),
            _ => packet(from, to, 132, &[&[0; 12][..], &payload].concat()),
        }
    })
}

/// The answer that the remote would send: addresses and ports swapped, an echo turned into its reply.
fn answer(packet: &[u8]) -> Vec<u8> {
    let mut answer = packet.to_vec();
    let (at, len) = if packet[0] >> 4 == 4 { (12, 4) } else { (8, 16) };
    answer.copy_within(at + len..at + 2 * len, at);
    answer[at + len..at + 2 * len].copy_from_slice(&packet[at..at + len]);
    let headers = parse(packet, &Offload::NONE).unwrap();
    let l4 = usize::from(headers.l4);
    match headers.transport {
        Transport::Tcp { .. } | Transport::Udp { .. } => answer[l4..l4 + 4].rotate_left(2),
        Transport::Query { .. } => answer[l4] = if headers.is_v4() { 0 } else { 129 },
        _ => {}
    }
    fix_transport(&mut answer);
    answer
}

proptest! {
    #[test]
    fn out_and_back_in_is_identity_and_every_checksum_stays_right(sent in any_packet()) {
        let mut rig = Rig::new(policy());
        let out = rig.outbound(&sent);
        let Verdict::Forward(End::Wan(id)) = out.verdict else { panic!("{:?}", out.verdict) };
        prop_assert!(is_right(&out.packet));
        prop_assert!(rig.plane.policy().wan(id).unwrap().owns_address(hosts(&out.packet).0));
        let back = rig.inbound(id, &answer(&out.packet));
        prop_assert_eq!(back.verdict, Verdict::Forward(End::Inside));
        prop_assert!(is_right(&back.packet));
        let mut expected = answer(&sent);
        let at = if expected[0] >> 4 == 4 { 8 } else { 7 };
        expected[at] -= 2;
        fix_ip(&mut expected);
        prop_assert_eq!(back.packet, expected);
        prop_assert_eq!(rig.plane.shared().table.len(), 1);
    }

    /// Neither source quench nor anything that is no error. Shows RFC 1812 §4.3.3.3, RFC 5508 REQ-10c, RFC 4443 §2.3.
    #[test]
    fn c_36_of_all_messages_the_router_sends_these_errors_alone_each_summed_right(
        sent in any_packet(), hops in 0..3u8, tail in 0..2usize, room in 0..2usize, id in 0..2u8,
    ) {
        let mut rig = Rig::with_room(policy(), room);
        let mut refused = answer(&rig.outbound(&sent).packet);
        for packet in [&mut refused, &mut sent.clone()] {
            packet.resize(packet.len() + tail * 1500, 7);
            let (v4, len) = (packet[0] >> 4 == 4, packet.len() as u16);
            let (at, length) = if v4 { (2, len) } else { (4, len - 40) };
            packet[at..at + 2].copy_from_slice(&length.to_be_bytes());
            packet[if v4 { 8 } else { 7 }] = hops;
            fix_ip(packet);
            rig.outbound(packet);
            rig.inbound(WanId(id), packet);
        }
        for (_, _, error) in rig.sent() {
            let v4 = error[0] >> 4 == 4;
            let kind = error[if v4 { 20 } else { 40 }];
            prop_assert!(if v4 { matches!(kind, 3 | 11) } else { matches!(kind, 1..=3) }, "type {}", kind);
            prop_assert!(is_right(&error));
        }
    }

    #[test]
    fn no_bytes_can_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), from_wan in any::<bool>()) {
        let mut rig = Rig::new(policy());
        if from_wan {
            let cut = bytes.len().min(14);
            rig.process(End::Wan(A), &bytes[..cut], &bytes[cut..], None);
            if !bytes.is_empty() {
                rig.inbound(A, &bytes);
            }
        } else {
            rig.outbound(&bytes);
        }
        rig.plane.tick(rig.now, &mut rig.outbox);
    }

    #[test]
    fn a_damaged_packet_never_makes_it_panic(good in any_packet(), at in 0usize..100, value in any::<u8>(), cut in 0usize..100) {
        let mut rig = Rig::new(policy());
        let mut bad = good;
        let at = at % bad.len();
        bad[at] = value;
        fix_ip_if_possible(&mut bad);
        bad.truncate(bad.len().saturating_sub(cut).max(1));
        rig.outbound(&bad);
        rig.inbound(B, &bad);
    }
}

fn fix_ip_if_possible(packet: &mut [u8]) {
    let header = usize::from(packet[0] & 15) * 4;
    if packet[0] >> 4 == 4 && (20..=packet.len()).contains(&header) {
        fix_ip(packet);
    }
}
