//! ICMP errors find the socket that caused them, through flowpin, both ways, over both WANs, in every kind of translation.

use crate::lab::{ask, attempt, mirror, run, start, talkative_lab};
use flowpin::lab::topology::{INSIDE4, INSIDE6, SERVER4, SERVER6, public_addresses};
use flowpin::lab::{Lab, Npt, Options};
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

/// Nobody listens there.
const CLOSED: u16 = 9;
const PATIENCE: Duration = Duration::from_secs(5);
/// Enough source ports for both WANs.
const PORTS: std::ops::Range<u16> = 20_000..20_016;

/// Sends a datagram from a connected socket (called in its namespace). The error that the socket hears of.
fn send(from: SocketAddr, to: SocketAddr) -> Option<i32> {
    let socket = UdpSocket::bind(from).expect("the port is free");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    socket.connect(to).expect("a route");
    socket.send(b"anybody?").expect("it leaves");
    socket.recv(&mut [0; 8]).err().and_then(|error| error.raw_os_error())
}

fn server(v6: bool) -> IpAddr {
    if v6 { SERVER6.into() } else { SERVER4.into() }
}

fn inside(v6: bool) -> IpAddr {
    if v6 { INSIDE6.into() } else { INSIDE4[1].into() }
}

#[test]
fn a_closed_port_of_the_firewall_is_told_to_the_asker_outside() {
    for npt in [[Npt::Prefix, Npt::Rfc6296], [Npt::Rfc6296, Npt::Prefix]] {
        let lab = talkative_lab(Options { npt, ..Options::default() });
        let router = start(&lab);
        for public in public_addresses(lab.options()) {
            let from = SocketAddr::new(server(public.address.is_ipv6()), 0);
            let to = SocketAddr::new(public.address, CLOSED);
            let told = lab.inet.run(|| send(from, to)).expect("the namespace can be entered");
            assert_eq!(told, Some(libc::ECONNREFUSED), "{public:?}");
        }
        router.end(&[]);
    }
}

/// Sends from many ports of an inside host; every socket must hear the same.
fn all_hear(lab: &Lab, to: SocketAddr, error: i32) {
    let from = |port| SocketAddr::new(inside(to.is_ipv6()), port);
    let hear = || PORTS.map(|port| send(from(port), to)).collect::<BTreeSet<_>>();
    assert_eq!(lab.fw.run(hear).expect("the namespace can be entered"), BTreeSet::from([Some(error)]), "{to}");
}

/// Both WANs carry those ports of both families.
fn both_wans_carry(lab: &Lab) {
    for v6 in [false, true] {
        let at = mirror(&lab.inet, server(v6));
        let see = || PORTS.filter_map(|port| ask(SocketAddr::new(inside(v6), port), at)).map(|seen| seen.ip());
        let seen: BTreeSet<IpAddr> = lab.fw.run(|| see().collect()).expect("the namespace can be entered");
        assert_eq!(seen.len(), 2, "{seen:?}");
    }
}

#[test]
fn a_closed_port_outside_is_told_to_the_inside_socket_over_both_wans() {
    let lab = talkative_lab(Options::default());
    let router = start(&lab);
    both_wans_carry(&lab);
    for v6 in [false, true] {
        all_hear(&lab, SocketAddr::new(server(v6), CLOSED), libc::ECONNREFUSED);
    }
    router.end(&[]);
}

/// The ISPs refuse to carry on to these, by policy.
const FORBIDDEN: [&str; 2] = ["203.0.113.77", "2001:db8:ffff::77"];

#[test]
fn what_an_isp_refuses_is_told_to_the_inside_socket_over_both_wans() {
    let lab = talkative_lab(Options::default());
    let [v4, v6] = FORBIDDEN;
    let rules = format!(
        "table inet refusals {{ chain forward {{ type filter hook forward priority 0; \
         ip daddr {v4} reject with icmp admin-prohibited; ip6 daddr {v6} reject with icmpv6 admin-prohibited; }}; }}"
    );
    for isp in [&lab.ispa, &lab.ispb] {
        run(isp, "nft", &[&rules]);
    }
    let router = start(&lab);
    both_wans_carry(&lab);
    for (address, error) in FORBIDDEN.into_iter().zip([libc::EHOSTUNREACH, libc::EACCES]) {
        let to = SocketAddr::new(address.parse().unwrap(), 443);
        all_hear(&lab, to, error);
        // A connection that is being made ends at once, without waiting for its timeout.
        let connect = || TcpStream::connect_timeout(&to, Duration::from_secs(30)).map_err(|error| error.raw_os_error());
        let ended = lab.fw.run(connect).expect("the namespace can be entered").expect_err("refused");
        assert_eq!(ended, Some(error), "TCP to {to}");
    }
    router.end(&[]);
}

#[test]
fn c_55_a_path_mtu_that_an_isp_tells_is_learned_inside_over_both_wans() {
    let lab = talkative_lab(Options::default());
    for isp in [&lab.ispa, &lab.ispb] {
        run(isp, "ip", &["link", "set", "uplink", "mtu", "1300"]);
    }
    let router = start(&lab);
    let isps = [["192.0.2.198", "198.18.2.1"], ["2001:db8:a::1", "2001:db8:b::1"]];
    for (v6, isps) in [false, true].into_iter().zip(isps) {
        let (server, size) = (server(v6).to_string(), if v6 { "1252" } else { "1272" });
        let mut told_by = BTreeSet::new();
        for identifier in 1000..1016 {
            for family in ["-4", "-6"] {
                run(&lab.fw, "ip", &[family, "route", "flush", "cache"]);
            }
            let identifier = identifier.to_string();
            let ping = ["-n", "-c", "1", "-W", "5", "-e", &identifier, "-M", "do", "-s"];
            // 1300 bytes with all headers pass; one more does not.
            assert!(attempt(&lab.fw, "ping", &[&ping[..], &[size, &server]].concat()).0, "{identifier}");
            let more = (size.parse::<u16>().unwrap() + 1).to_string();
            let (answered, text) = attempt(&lab.fw, "ping", &[&ping[..], &[&more, &server]].concat());
            let said = if v6 { "Packet too big: mtu=1300" } else { "Frag needed and DF set (mtu = 1300)" };
            let isp = isps.iter().find(|isp| text.contains(&format!("From {isp} icmp_seq=1 {said}")));
            assert!(!answered);
            if !told_by.insert(isp.unwrap_or_else(|| panic!("{text}"))) {
                continue;
            }
            // Now the firewall knows by itself: the next packet does not even leave.
            let (_, text) = attempt(&lab.fw, "ping", &[&ping[..], &[&more, "-w", "1", &server]].concat());
            assert!(text.contains("message too long, mtu=1300") || text.contains("mtu: 1300"), "{text}");
            if told_by.len() == 2 {
                break;
            }
        }
        assert_eq!(told_by.len(), 2, "both ISPs: {told_by:?}");
    }
    router.end(&[]);
}

#[test]
fn an_error_does_not_end_the_flow_it_is_about() {
    let lab = talkative_lab(Options::default());
    let router = start(&lab);
    for v6 in [false, true] {
        let to = SocketAddr::new(server(v6), 3478);
        let from = SocketAddr::new(inside(v6), 4000);
        assert_eq!(lab.fw.run(|| send(from, to)).expect("the namespace can be entered"), Some(libc::ECONNREFUSED));
        let flow =
            |flows: Vec<flowpin::api::Flow>| flows.into_iter().find(|flow| flow.remote == to.ip()).expect("a flow");
        let told = flow(router.flows("protocol=udp"));
        assert_eq!((told.outbound.packets, told.inbound.packets), (1, 0), "an error is no packet of the flow");
        // Now somebody listens: the same flow goes on, under the same address.
        mirror(&lab.inet, to.ip());
        let seen = lab.fw.run(|| ask(from, to)).expect("the namespace can be entered");
        assert_eq!(seen.map(|seen| seen.ip()), told.public);
        let later = flow(router.flows("protocol=udp"));
        assert_eq!((later.outbound.packets, later.inbound.packets, &later.wan), (2, 1, &told.wan));
    }
    assert_eq!(router.status().table.created, 2);
    router.end(&[]);
}
