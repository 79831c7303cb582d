//! New flows are shared by weight and stay where they are: 10 000 UDP flows, each asked twice who it is, and fewer of
//! the other kinds.

use crate::lab::{Frame, Sniffer, ask, lab, mirror, start};
use flowpin::lab::topology::{DSL4, FIBER4, INSIDE4, INSIDE6, SERVER4, SERVER6, mac, public_addresses};
use flowpin::lab::traffic::Traffic;
use flowpin::lab::{Lab, Options};
use socket2::{Domain, Protocol, Socket, Type};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Ports of each inside address, for UDP over IPv4, and of one inside address, for the others.
const PORTS: std::ops::Range<u16> = 20_000..22_000;
const FEWER_PORTS: std::ops::Range<u16> = 20_000..23_000;

#[test]
fn ten_thousand_flows_are_shared_two_to_one_and_keep_their_wan() {
    let lab = lab(Options::default());
    let router = start(&lab);
    let server = mirror(&lab.inet, SERVER4);
    let sniffers = [(&lab.ispa, mac::ISPA), (&lab.ispb, mac::ISPB)]
        .map(|(isp, mac)| Sniffer::start(isp, move |frame| frame.is_to(mac) && carries(frame, 17)));
    let askers: Vec<SocketAddr> =
        INSIDE4.iter().flat_map(|inside| PORTS.map(|port| SocketAddr::new((*inside).into(), port))).collect();

    let first = ask_all(&lab, &askers, server);
    let again = ask_all(&lab, &askers, server);

    assert_eq!(first.len(), 10_000, "answered");
    assert_eq!(again, first, "each flow is seen under the same address and port as before");
    check_publics(&lab, &first);
    let fiber = first.values().filter(|public| FIBER4.map(IpAddr::V4).contains(&public.ip())).count();
    check_share(fiber, first.len());

    let [at_ispa, at_ispb] = sniffers.map(Sniffer::stop);
    assert_eq!(at_ispa.len(), 2 * fiber, "frames on the fiber: one a question, none from elsewhere");
    assert_eq!(at_ispb.len(), 2 * (first.len() - fiber), "frames on the DSL");
    check_sources(&at_ispa, &FIBER4.map(IpAddr::V4));
    check_sources(&at_ispb, &DSL4.map(IpAddr::V4));
    let status = router.status();
    assert_eq!(status.table.created, 10_000);
    assert_eq!(status.wans.iter().map(|wan| wan.flows).collect::<Vec<_>>(), [fiber as u64, (10_000 - fiber) as u64]);
    router.end(&[]);
}

#[test]
fn ipv6_flows_are_shared_two_to_one_and_keep_their_wan() {
    let lab = lab(Options::default());
    let router = start(&lab);
    let server = mirror(&lab.inet, SERVER6);
    let askers: Vec<SocketAddr> = FEWER_PORTS.map(|port| SocketAddr::new(INSIDE6.into(), port)).collect();

    let first = ask_all(&lab, &askers, server);
    assert_eq!(first.len(), askers.len(), "answered");
    assert_eq!(ask_all(&lab, &askers, server), first, "each flow is seen under the same address and port as before");
    check_publics(&lab, &first);
    let fiber: IpAddr = "2001:db8:a:c81::100".parse().unwrap();
    check_share(first.values().filter(|public| public.ip() == fiber).count(), first.len());
    router.end(&[]);
}

#[test]
fn tcp_connections_are_shared_two_to_one() {
    let lab = lab(Options::default());
    let router = start(&lab);
    let _servers = Traffic::servers(&lab).expect("servers");
    let server = SocketAddr::new(SERVER4.into(), 80);
    let visit_all = || FEWER_PORTS.map(|port| visit(SocketAddr::new(INSIDE4[0].into(), port), server)).collect();
    let seen: Vec<SocketAddr> = lab.fw.run(visit_all).expect("the namespace can be entered");
    for (port, public) in FEWER_PORTS.zip(&seen) {
        assert!(
            public.port() == port && [FIBER4[0], DSL4[0]].map(IpAddr::V4).contains(&public.ip()),
            "{port} as {public}"
        );
    }
    check_share(seen.iter().filter(|public| public.ip() == FIBER4[0]).count(), seen.len());
    router.end(&[]);
}

/// A connection to the lab's web server; returns the address and port that it saw.
fn visit(from: SocketAddr, server: SocketAddr) -> SocketAddr {
    let socket = Socket::new(Domain::for_address(server), Type::STREAM, None).expect("a socket");
    socket.set_reuse_address(true).expect("an address can be used again");
    socket.bind(&from.into()).expect("the port is free");
    socket.connect(&server.into()).expect("the server answers");
    let mut answer = String::new();
    (&socket).write_all(b"GET / HTTP/1.0\r\n\r\n").expect("a request");
    (&socket).read_to_string(&mut answer).expect("an answer");
    let body = answer.split("\r\n\r\n").nth(1).unwrap_or_default();
    body.trim().parse().unwrap_or_else(|_| panic!("not an address and port: {answer}"))
}

#[test]
fn pings_are_shared_two_to_one() {
    let lab = lab(Options::default());
    let router = start(&lab);
    let sniffers = [(&lab.ispa, mac::ISPA), (&lab.ispb, mac::ISPB)]
        .map(|(isp, mac)| Sniffer::start(isp, move |frame| frame.is_to(mac) && carries(frame, 1)));
    let ping_all = || FEWER_PORTS.for_each(|id| ping(SocketAddr::new(INSIDE4[0].into(), id)));
    lab.fw.run(ping_all).expect("the namespace can be entered");
    let [fiber, dsl] = sniffers.map(Sniffer::stop);
    assert_eq!(fiber.len() + dsl.len(), FEWER_PORTS.len(), "one request for each ping");
    check_sources(&fiber, &[FIBER4[0].into()]);
    check_sources(&dsl, &[DSL4[0].into()]);
    check_share(fiber.len(), FEWER_PORTS.len());
    router.end(&[]);
}

/// One echo request with the port as its identifier, and its reply.
fn ping(from: SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::ICMPV4)).expect("an ICMP socket");
    socket.bind(&from.into()).expect("the identifier is free");
    socket.connect(&SocketAddr::new(SERVER4.into(), 0).into()).expect("a route");
    socket.set_read_timeout(Some(Duration::from_secs(2))).expect("a timeout");
    // Echo request (RFC 792); the kernel fills in checksum and identifier.
    socket.send(&[8, 0, 0, 0, 0, 0, 0, 1]).expect("a request");
    let mut reply = [0; 16];
    assert_eq!((&socket).read(&mut reply).ok(), Some(8), "the ping with identifier {} is answered", from.port());
}

/// Asks from every socket, from four threads of the firewall. Who is not answered is not in the result.
fn ask_all(lab: &Lab, askers: &[SocketAddr], server: SocketAddr) -> BTreeMap<SocketAddr, SocketAddr> {
    let part = |askers: &[SocketAddr]| -> Vec<_> {
        askers.iter().filter_map(|asker| Some((*asker, ask(*asker, server)?))).collect()
    };
    std::thread::scope(|scope| {
        let parts: Vec<_> = askers
            .chunks(askers.len().div_ceil(4))
            .map(|chunk| scope.spawn(|| lab.fw.run(|| part(chunk)).expect("the namespace can be entered")))
            .collect();
        parts.into_iter().flat_map(|part| part.join().expect("the askers live")).collect()
    })
}

/// Each asker has one of its own two public addresses, and its own port.
fn check_publics(lab: &Lab, seen: &BTreeMap<SocketAddr, SocketAddr>) {
    let publics = public_addresses(lab.options());
    for (inside, public) in seen {
        let own = publics.iter().any(|own| own.inside == inside.ip() && own.address == public.ip());
        assert!(own && inside.port() == public.port(), "{inside} appeared as {public}");
    }
}

/// Within three standard deviations of as many coins that fall on the fiber two times in three.
fn check_share(fiber: usize, flows: usize) {
    let (due, flows) = (flows as f64 * 2.0 / 3.0, flows as f64);
    let sigma = (flows * (2.0 / 3.0) * (1.0 / 3.0)).sqrt();
    assert!(
        (fiber as f64 - due).abs() <= 3.0 * sigma,
        "{fiber} of {flows} on the fiber, {due:.0} are due, sigma {sigma:.0}"
    );
}

fn check_sources(frames: &[Frame], own: &[IpAddr]) {
    for frame in frames {
        let (source, _) = frame.addresses().expect("an IP packet");
        assert!(own.contains(&source), "{source} left on the wrong WAN");
    }
}

/// Whether it is IPv4 (0x0800) with this protocol.
fn carries(frame: &Frame, protocol: u8) -> bool {
    frame.0.get(12..14) == Some(&[0x08, 0x00]) && frame.0.get(23) == Some(&protocol)
}
