//! What passes while the table is full: packets whose flows need no entry.

use super::*;

/// A plane whose table holds one flow, and is full.
fn full() -> Rig {
    let mut rig = Rig::with_room(policy(), 1);
    let old = packet("10.250.250.2", SERVER, protocol::UDP, &udp(1, 2, b""));
    assert!(matches!(rig.outbound(&old).verdict, Verdict::Forward(_)));
    rig
}

/// Packets of new flows from the same host and port of each protocol, out and what comes back from `public`.
fn strangers(port: u16, public: [&str; 2]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let (host, host6, [public, public6]) = ("10.250.250.2", "fd00:bad:b01:1::100", public);
    let pairs = [
        (protocol::TCP, tcp(port, 443, 2, &[], &[]), tcp(443, port, 18, &[], &[])),
        (protocol::UDP, udp(port, 53, b"question"), udp(53, port, b"answer")),
        (47, vec![1; 8], vec![2; 8]),
    ];
    let mut all = Vec::new();
    for (protocol, out, back) in &pairs {
        all.push((packet(host, SERVER, *protocol, out), packet(SERVER, public, *protocol, back)));
        all.push((packet(host6, SERVER6, *protocol, out), packet(SERVER6, public6, *protocol, back)));
    }
    let echo = |kind| icmp(kind, 0, [port, 1], b"ping");
    all.push((packet(host, SERVER, protocol::ICMP, &echo(8)), packet(SERVER, public, protocol::ICMP, &echo(0))));
    let (ask, reply) = (echo(128), echo(129));
    all.push((packet(host6, SERVER6, protocol::ICMPV6, &ask), packet(SERVER6, public6, protocol::ICMPV6, &reply)));
    all
}

const PUBLIC: [&str; 2] = ["192.0.2.12", "198.51.100.12"];
const PUBLIC6: &str = "2001:db8:a:c81::100";

#[test]
fn a_full_table_lets_flows_from_inside_pass_by_the_hash_and_their_replies_come_back() {
    let mut rig = full();
    let mut unpinned = 0;
    for port in 1000..1040 {
        for (number, (out, _)) in strangers(port, [PUBLIC[0], PUBLIC6]).into_iter().enumerate() {
            let first = rig.outbound(&out);
            let Verdict::Forward(End::Wan(wan)) = first.verdict else { panic!("{number}: {:?}", first.verdict) };
            assert_eq!(rig.outbound(&out).packet, first.packet, "the same again");
            let source = hosts(&first.packet).0.to_string();
            let public = if source.contains(':') { [PUBLIC[0], &source] } else { [&source, PUBLIC6] };
            let back = strangers(port, public).swap_remove(number).1;
            assert_eq!(rig.inbound(wan, &back).verdict, Verdict::Forward(End::Inside), "{number} by {wan:?}");
            unpinned += 3;
        }
    }
    let totals = rig.totals();
    assert_eq!((totals.events(Event::Unpinned), rig.plane.shared().table.len()), (unpinned, 1));
    assert!(DropReason::ALL.iter().all(|reason| totals.dropped(Direction::Outbound, *reason) == 0));
    assert!(matches!(
        rig.outbound(&packet("10.250.250.2", SERVER, protocol::UDP, &udp(1, 2, b""))).verdict,
        Verdict::Forward(_)
    ));
}

#[test]
fn a_full_table_refuses_a_flow_from_outside_that_would_be_answered_from_elsewhere() {
    let mut rig = full();
    for port in 2000..2040u16 {
        // The share of one receiver in the limit of errors grows again.
        rig.now = Tick(rig.now.0 + 1_000_000_000);
        let request = |public: &str| packet(SERVER, public, protocol::TCP, &tcp(port, 443, 2, &[], &[]));
        let out = packet("10.250.250.2", SERVER, protocol::TCP, &tcp(443, port, 18, &[], &[]));
        let Verdict::Forward(End::Wan(home)) = rig.outbound(&out).verdict else { panic!("it leaves") };
        let other = WanId(1 - home.0);
        let [own, foreign] = [home, other].map(|wan| request(PUBLIC[wan.index()]));
        assert_eq!(rig.inbound(home, &own).verdict, Verdict::Forward(End::Inside));
        assert_eq!(rig.sent().len(), 0);
        assert_eq!(rig.inbound(other, &foreign).verdict, Verdict::Drop(DropReason::TableFull));
        let (end, _, answer) = rig.sent().remove(0);
        assert_eq!((end, answer[20], answer[21]), (End::Wan(other), 3, 13));
    }
    assert_eq!(rig.totals().dropped(Direction::Inbound, DropReason::TableFull), 40);
    assert_eq!(rig.totals().events(Event::Unpinned), 80);
}

/// A datagram from `port` in fragments of 24 bytes, of either family.
fn fragments(v4: bool, port: u16) -> Vec<Vec<u8>> {
    let datagram = udp(port, 53, &[1; 100]);
    let whole = if v4 {
        packet("10.250.250.2", SERVER, protocol::UDP, &datagram)
    } else {
        packet("fd00:bad:b01:1::100", SERVER6, protocol::UDP, &datagram)
    };
    let datagram = &whole[if v4 { 20 } else { 40 }..];
    let pieces = datagram.chunks(24).enumerate().map(|(number, payload)| {
        let (offset, more) = ((number * 24) as u16, u16::from((number + 1) * 24 < datagram.len()));
        if v4 {
            let mut piece = packet("10.250.250.2", SERVER, protocol::UDP, payload);
            piece[20..].copy_from_slice(payload);
            piece[6..8].copy_from_slice(&((more << 13) | (offset / 8)).to_be_bytes());
            fix_ip(&mut piece);
            return piece;
        }
        let header = [&[protocol::UDP, 0][..], &(offset | more).to_be_bytes(), &[0, 0, 0, 7], payload].concat();
        packet("fd00:bad:b01:1::100", SERVER6, 44, &header)
    });
    pieces.collect()
}

#[test]
fn later_fragments_follow_a_first_one_without_an_entry_also_when_they_overtook_it() {
    for (v4, port) in (3000..3010).flat_map(|port| [(true, port), (false, port)]) {
        let mut rig = full();
        let pieces = fragments(v4, port);
        assert_eq!(rig.outbound(&pieces[1]).verdict, Verdict::Held);
        let first = rig.outbound(&pieces[0]);
        let Verdict::Forward(End::Wan(wan)) = first.verdict else { panic!("{:?}", first.verdict) };
        let (end, _, second) = rig.sent().remove(0);
        assert_eq!((end, hosts(&second)), (End::Wan(wan), hosts(&first.packet)));
        for piece in &pieces[2..] {
            let later = rig.outbound(piece);
            assert_eq!((later.verdict, hosts(&later.packet)), (first.verdict, hosts(&first.packet)));
        }
        assert_eq!((rig.totals().events(Event::Unpinned), rig.plane.shared().table.len()), (1, 1));
    }
}

#[test]
fn a_rst_passes_both_ways_as_ever() {
    let mut rig = full();
    for port in 4000..4010 {
        let rst = packet("10.250.250.2", SERVER, protocol::TCP, &tcp(port, 443, 4, &[], &[]));
        assert!(matches!(rig.outbound(&rst).verdict, Verdict::Forward(End::Wan(_))));
        for wan in [A, B] {
            let rst = packet(SERVER, PUBLIC[wan.index()], protocol::TCP, &tcp(443, port, 4, &[], &[]));
            assert_eq!(rig.inbound(wan, &rst).verdict, Verdict::Forward(End::Inside));
        }
    }
    assert_eq!((rig.totals().events(Event::Unpinned), rig.plane.shared().table.len()), (0, 1));
}

#[test]
fn errors_about_packets_without_an_entry_pass_both_ways_with_what_they_quote() {
    let mut rig = full();
    for port in 5000..5020 {
        for (number, (out, _)) in strangers(port, [PUBLIC[0], PUBLIC6]).into_iter().enumerate() {
            let v4 = out[0] >> 4 == 4;
            let error = |from: &str, to: &str, quoted: &[u8]| match v4 {
                true => packet(from, to, protocol::ICMP, &icmp(3, 4, [0, 1400], quoted)),
                false => packet(from, to, protocol::ICMPV6, &icmp(2, 0, [0, 1400], quoted)),
            };
            let sent = rig.outbound(&out);
            let Verdict::Forward(End::Wan(wan)) = sent.verdict else { panic!("{:?}", sent.verdict) };
            let (public, remote) = hosts(&sent.packet);
            let (public, remote) = (public.to_string(), remote.to_string());
            let from_outside = rig.inbound(wan, &error(&remote, &public, &sent.packet));
            assert_eq!(from_outside.verdict, Verdict::Forward(End::Inside));

            let ends = if v4 { [&public, PUBLIC6] } else { [PUBLIC[0], &public] };
            let came = rig.inbound(wan, &strangers(port, ends).swap_remove(number).1);
            assert_eq!(came.verdict, Verdict::Forward(End::Inside));
            let host = hosts(&out).0.to_string();
            let from_inside = rig.outbound(&error(&host, &remote, &came.packet));
            assert_eq!(from_inside.verdict, Verdict::Forward(End::Wan(wan)), "{number} {port}");
            assert_eq!(hosts(&from_inside.packet), (ip(&public), ip(&remote)));
            assert_eq!(hosts(&from_inside.packet[if v4 { 28 } else { 48 }..]), (ip(&remote), ip(&public)));
            assert!(is_right(&from_inside.packet));
        }
    }
    assert_eq!(rig.plane.shared().table.len(), 1);
}

#[test]
fn an_error_from_inside_about_nothing_known_is_stray_while_there_is_room() {
    let mut rig = Rig::with_room(policy(), 1);
    let quoted = packet(SERVER, "10.250.250.2", protocol::UDP, &udp(5000, 9, b"hello"));
    let error = packet("10.250.250.2", SERVER, protocol::ICMP, &icmp(3, 3, [0, 0], &quoted));
    assert_eq!(rig.outbound(&error).verdict, Verdict::Drop(DropReason::StrayIcmpError));
}
