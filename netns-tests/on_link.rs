//! Hosts of a WAN's own networks are sent to without its gateway: a modem, a server beside us, callers; an address that nobody
//! has is told to the sender, and whoever tries them all takes nothing from others.

use crate::lab::{
    Router, Segment, ask, attempt, does, fiber_following, lab, mirror, start, start_with, wait_until, wan,
};
use flowpin::lab::topology::{FIBER4, INSIDE4, INSIDE6, SERVER4};
use flowpin::lab::{Lab, Options};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const MODEM: Ipv4Addr = Ipv4Addr::new(192, 168, 100, 1);
/// A host in the fiber's own block, which its gateway does not lead to: that has a smaller network.
const NEIGHBOR4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 200);
const NEIGHBOR6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xa, 1, 0, 0, 0, 0xbd);
const NOBODY4: &str = "192.0.2.201";
const NOBODY6: &str = "2001:db8:a:1::dead";

/// The other station is a modem, and a host of the fiber's networks; the router's kernel is connected to these.
fn neighborhood(lab: &Lab) -> Segment {
    let segment = Segment::start(lab);
    for line in [
        "ip address add 192.168.100.1/24 dev seg0",
        "ip address add 192.0.2.200/28 dev seg0",
        "ip address add 2001:db8:a:1::bd/64 dev seg0 nodad",
        // Both find our public addresses on the link.
        "ip -6 route add 2001:db8:a:c80::/60 dev seg0",
    ] {
        does(&segment.other, line);
    }
    for line in [
        "ip address add 192.168.100.2/24 dev wan0",
        "ip address add 192.0.2.206/28 dev wan0",
        "ip address add 2001:db8:a:1::a2/64 dev wan0 nodad",
    ] {
        does(&lab.rt, line);
    }
    segment
}

/// What a server saw that the firewall asks from these ports, one by one, until it is known that it answers none.
fn seen(lab: &Lab, inside: IpAddr, ports: std::ops::Range<u16>, server: SocketAddr) -> Vec<Option<SocketAddr>> {
    let all = || ports.clone().map(|port| ask(SocketAddr::new(inside, port), server)).collect();
    lab.fw.run(all).expect("the namespace")
}

/// Whether all the flows to this remote that the router knows leave the fiber without its gateway; there are some.
fn is_direct(router: &Router<'_>, remote: IpAddr) -> bool {
    let flows: Vec<_> = router.flows("limit=1000").into_iter().filter(|flow| flow.remote == remote).collect();
    !flows.is_empty() && flows.iter().all(|flow| flow.direct && flow.wan == "fiber")
}

fn knows(router: &Router<'_>, networks: &[&str]) -> bool {
    wan(router, "fiber").direct == networks
}

const NETWORKS: [&str; 3] = ["2001:db8:a:1::/64", "192.0.2.192/28", "192.168.100.0/24"];

#[test]
fn a_modem_and_a_host_of_the_wans_own_block_are_reached_on_the_link_whatever_the_hash_would_choose() {
    let lab = lab(Options::default());
    let segment = neighborhood(&lab);
    let router = start(&lab);
    wait_until("the networks are known", || knows(&router, &NETWORKS));
    for (server, inside) in [
        (IpAddr::from(MODEM), IpAddr::from(INSIDE4[0])),
        (NEIGHBOR4.into(), INSIDE4[0].into()),
        (NEIGHBOR6.into(), INSIDE6.into()),
    ] {
        let at = mirror(&segment.other, server);
        // Some of these ports the hash would give to the DSL.
        let answers = seen(&lab, inside, 7000..7010, at);
        assert!(answers.iter().all(Option::is_some), "{server}: {answers:?}");
        assert!(server.is_ipv6() || answers.iter().flatten().all(|it| it.ip() == IpAddr::from(FIBER4[0])));
        assert!(is_direct(&router, server), "{server}: {:?}", router.flows("limit=1000"));
    }
    router.end(&[]);
}

#[test]
fn the_modem_is_reached_just_when_its_line_is_dead() {
    let lab = lab(Options::default());
    let segment = neighborhood(&lab);
    let router = start(&lab);
    let modem = mirror(&segment.other, MODEM);
    wait_until("the networks are known", || knows(&router, &NETWORKS));
    assert!(seen(&lab, INSIDE4[0].into(), 7000..7001, modem)[0].is_some());
    does(&lab.ispa, "ip address del 192.0.2.198/29 dev customer");
    wait_until("the line is down", || wan(&router, "fiber").health[0].state == "down");
    let answers = seen(&lab, INSIDE4[0].into(), 7000..7010, modem);
    assert!(answers.iter().all(Option::is_some), "{answers:?}");
    assert!(is_direct(&router, MODEM.into()));
    let _ = router.end_with_losses();
}

#[test]
fn a_caller_on_the_link_gets_his_replies_himself() {
    let lab = lab(Options::default());
    let segment = neighborhood(&lab);
    let router = start(&lab);
    wait_until("the networks are known", || knows(&router, &NETWORKS));
    wait_until("the fiber is up", || wan(&router, "fiber").state == "up");
    // What went to the gateway would be lost: it knows no way to the caller.
    let inside4 = mirror(&lab.fw, INSIDE4[0]);
    let inside6 = mirror(&lab.fw, INSIDE6);
    let public6: IpAddr = flowpin::lab::topology::public_addresses(&Options::default())
        .into_iter()
        .find(|it| it.wan == "fiber" && it.inside == IpAddr::from(INSIDE6))
        .expect("the fiber translates it")
        .address;
    for (caller, public, port) in [
        (IpAddr::from(NEIGHBOR4), IpAddr::from(FIBER4[0]), inside4.port()),
        (NEIGHBOR6.into(), public6, inside6.port()),
    ] {
        let call = || ask(SocketAddr::new(caller, 7100), SocketAddr::new(public, port));
        let answer = segment.other.run(call).expect("the namespace");
        assert_eq!(answer, Some(SocketAddr::new(caller, 7100)));
        assert!(is_direct(&router, caller));
    }
    router.end(&[]);
}

#[test]
fn by_settings_a_neighbour_is_reached_by_way_of_the_gateway() {
    let lab = lab(Options::default());
    let segment = neighborhood(&lab);
    let config = lab.config().replacen("interface = \"wan0\"", "interface = \"wan0\"\nonlink = \"gateway\"", 1);
    let router = start_with(&lab, &config);
    wait_until("the fiber is up", || wan(&router, "fiber").state == "up");
    let at = mirror(&segment.other, NEIGHBOR4);
    assert_eq!(seen(&lab, INSIDE4[0].into(), 7000..7001, at), [None], "which does not lead there");
    assert!(knows(&router, &[]) && !is_direct(&router, NEIGHBOR4.into()));
    let _ = router.end_with_losses();
}

#[test]
fn an_address_that_nobody_has_is_told_to_the_sender_as_unreachable() {
    let lab = lab(Options::default());
    let _segment = neighborhood(&lab);
    let router = start(&lab);
    wait_until("the networks are known", || knows(&router, &NETWORKS));
    for (nobody, said) in [(NOBODY4, "Destination Host Unreachable"), (NOBODY6, "Address unreachable")] {
        let (_, text) = attempt(&lab.fw, "ping", &["-n", "-c", "1", "-W", "20", nobody]);
        assert!(text.contains(said) || text.contains("Destination unreachable"), "{text}");
    }
    router.end_with(&["no-neighbor"]);
}

#[test]
fn who_tries_every_address_of_a_network_takes_nothing_from_the_others() {
    let lab = lab(Options::default());
    let segment = neighborhood(&lab);
    does(&lab.rt, "ip route add 198.18.77.0/24 dev wan0");
    let router = start(&lab);
    let networks = ["2001:db8:a:1::/64", "192.0.2.192/28", "192.168.100.0/24", "198.18.77.0/24"];
    wait_until("the networks are known", || knows(&router, &networks));
    let (neighbor, far) = (mirror(&segment.other, NEIGHBOR4), mirror(&lab.inet, SERVER4));
    let scan = || {
        let socket = std::net::UdpSocket::bind((INSIDE4[1], 0)).expect("a socket");
        for _ in 0..20 {
            // Errors about earlier ones are no matter.
            (1..255).for_each(|last| _ = socket.send_to(b"anybody?", (Ipv4Addr::new(198, 18, 77, last), 9)));
        }
    };
    lab.fw.run(scan).expect("the namespace");
    // Those who sought it last are still sought.
    for (server, ports) in [(neighbor, 7000..7005), (far, 7010..7015)] {
        let answers = seen(&lab, INSIDE4[0].into(), ports, server);
        assert!(answers.iter().all(Option::is_some), "{server}: {answers:?}");
    }
    router.end_with(&["hold-full"]);
}

#[test]
fn where_the_default_route_names_no_gateway_everybody_is_on_the_link() {
    let lab = lab(Options::default());
    does(&lab.ispa, "sysctl -qw net.ipv4.conf.customer.proxy_arp=1");
    does(&lab.ispa, "sysctl -qw net.ipv4.neigh.customer.proxy_delay=0");
    does(&lab.rt, "ip route add default dev wan0 metric 50");
    let router = start_with(&lab, &fiber_following(&lab));
    wait_until("it is known", || {
        wan(&router, "fiber").gateways.iter().any(|it| it.family == "ipv4" && it.state == "direct" && it.used)
    });
    wait_until("IPv4 is up", || wan(&router, "fiber").health[0].state == "up");
    let server = mirror(&lab.inet, SERVER4);
    let answers = seen(&lab, INSIDE4[0].into(), 7000..7003, server);
    assert!(answers.iter().all(Option::is_some), "{answers:?}");
    assert!(is_direct(&router, SERVER4.into()));
    let _ = router.end_with_losses();
}
