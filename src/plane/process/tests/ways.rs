//! What leaves where, with which addresses, and what every counter says.

use super::*;

#[test]
fn an_outbound_packet_leaves_with_its_wans_address_link_header_and_one_hop_less() {
    let mut rig = Rig::new(policy());
    let port = port_for(B);
    let done = rig.outbound(&packet("10.250.250.2", SERVER, protocol::UDP, &udp(port, 53, b"query")));
    assert_eq!(done.verdict, Verdict::Forward(End::Wan(B)));
    assert_eq!(done.link, [&GATEWAY[1].0[..], &OWN[1].0, &[0x81, 0, 1, 44, 8, 0]].concat(), "tag 300 is pushed");
    let expected = {
        let mut expected = packet("198.51.100.12", SERVER, protocol::UDP, &udp(port, 53, b"query"));
        expected[8] = 63;
        fix_ip(&mut expected);
        expected
    };
    assert_eq!(done.packet, expected);
    let forwarded = rig.totals().forwarded(B, Direction::Outbound);
    assert_eq!((forwarded.packets, forwarded.bytes), (1, 33));
    assert_eq!(rig.plane.shared().table.len(), 1);
}

#[test]
fn both_prefix_translations_work_both_ways() {
    for (id, public) in [(A, "2001:db8:a:c81::100"), (B, "2001:db8:b:be01:27ea::100")] {
        let mut rig = Rig::new(policy());
        let request = rig.inbound(id, &packet(SERVER6, public, protocol::TCP, &tcp(5000, 443, 2, &[], &[])));
        assert_eq!(hosts(&request.packet), (ip(SERVER6), ip("fd00:bad:b01:1::100")));
        let reply = rig.outbound(&packet("fd00:bad:b01:1::100", SERVER6, protocol::TCP, &tcp(443, 5000, 18, &[], &[])));
        assert_eq!(reply.verdict, Verdict::Forward(End::Wan(id)));
        assert_eq!(hosts(&reply.packet), (ip(public), ip(SERVER6)));
        assert!(is_right(&reply.packet) && is_right(&request.packet));
    }
}

#[test]
fn an_external_host_reaches_its_inside_host_outside_the_prefix_and_replies_carry_its_address() {
    let mut rig = Rig::new(policy());
    let request = rig.inbound(A, &packet(SERVER6, "2001:db8:a:c80::1", protocol::UDP, &udp(9, 51820, b"hi")));
    assert_eq!(hosts(&request.packet), (ip(SERVER6), ip("fd00:bad:b01:fe::2")));
    let reply = rig.outbound(&packet("fd00:bad:b01:fe::2", SERVER6, protocol::UDP, &udp(51820, 9, b"ho")));
    assert_eq!(reply.verdict, Verdict::Forward(End::Wan(A)));
    assert_eq!(hosts(&reply.packet), (ip("2001:db8:a:c80::1"), ip(SERVER6)));
}

#[test]
fn what_is_not_owned_is_the_kernels() {
    let mut rig = Rig::new(policy());
    for destination in ["192.0.2.200", "192.0.2.14", "203.0.113.99"] {
        let done = rig.inbound(A, &packet(SERVER, destination, protocol::UDP, &udp(67, 68, b"")));
        assert_eq!(done.verdict, Verdict::Kernel, "{destination}");
    }
    let done = rig.inbound(A, &packet(SERVER, "198.51.100.12", protocol::UDP, &udp(1, 2, b"")));
    assert_eq!(done.verdict, Verdict::Kernel, "owned by the other WAN");
    assert_eq!(rig.totals().events(Event::Kernel), 4);
}

#[test]
fn what_the_kernel_says_of_its_groups_on_the_tun_is_no_drop() {
    let mut rig = Rig::new(policy());
    let mut report = packet("::", "ff02::16", protocol::ICMPV6, &icmp(143, 0, [0, 0], &[0; 24]));
    report[7] = 1;
    assert_eq!(rig.outbound(&report).verdict, Verdict::Kernel);
    for (source, group) in [("0.0.0.0", "224.0.0.22"), ("fe80::1", "ff02::fb")] {
        assert_eq!(rig.outbound(&packet(source, group, protocol::UDP, &udp(5353, 5353, b""))).verdict, Verdict::Kernel);
    }
    assert_eq!(rig.sent().len(), 0);
    let afar = rig.outbound(&packet("fe80::1", "ff05::fb", protocol::UDP, &udp(1, 2, b"")));
    assert_eq!(afar.verdict, Verdict::Drop(DropReason::ForeignSource));
}

#[test]
fn a_host_whose_prefix_form_is_another_hosts_edge_takes_the_other_wan() {
    let query = |port| packet("fd00:bad:b01::1", SERVER6, protocol::UDP, &udp(port, 53, b""));
    let mut rig = Rig::new(policy());
    for port in 1000..1040 {
        let done = rig.outbound(&query(port));
        assert_eq!(done.verdict, Verdict::Forward(End::Wan(B)));
        assert_ne!(hosts(&done.packet).0, ip("2001:db8:a:c80::1"));
    }
    let mut alone = policy();
    alone.wans.set(WanId(1), None);
    let mut rig = Rig::new(alone);
    assert_eq!(rig.outbound(&query(1000)).verdict, Verdict::Drop(DropReason::NoWan));
    assert_eq!(rig.sent()[0].2[40], 1, "unreachable");
}

#[test]
fn syns_are_clamped_both_ways_to_the_smaller_mtu() {
    let mss = [2, 4, 5, 180];
    let mut rig = Rig::new(policy());
    let syn = rig.inbound(B, &packet(SERVER, "198.51.100.12", protocol::TCP, &tcp(5000, 443, 2, &mss, &[])));
    assert_eq!(&syn.packet[40..44], &[2, 4, 5, 80], "1360");
    let reply = rig.outbound(&packet("10.250.250.2", SERVER, protocol::TCP, &tcp(443, 5000, 18, &mss, &[])));
    assert_eq!(&reply.packet[40..44], &[2, 4, 5, 80]);
    assert!(is_right(&syn.packet) && is_right(&reply.packet));
    assert_eq!(rig.totals().events(Event::Clamped), 2);
}

#[test]
fn c_85_padding_behind_the_packet_is_cut() {
    let mut rig = Rig::new(policy());
    let mut padded = packet(SERVER, "192.0.2.12", protocol::UDP, &udp(1, 2, b"x"));
    padded.resize(46, 0xee);
    let done = rig.inbound(A, &padded);
    assert_eq!(done.verdict, Verdict::Forward(End::Inside));
    let mut wanted = packet(SERVER, "10.250.250.2", protocol::UDP, &udp(1, 2, b"x"));
    wanted[8] = 63;
    fix_ip(&mut wanted);
    assert_eq!(done.packet, wanted);
}
