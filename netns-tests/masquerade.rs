//! A line with one address: inside hosts share it with each other and with the router's own sockets.

use crate::lab::{SHARED, ask, attempt, does, mirror, run, shared_line, sharing, start_sharing, wait_until};
use flowpin::lab::Namespace;
use flowpin::lab::topology::{INSIDE4, SERVER4};
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

const NEXT: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 194);
/// A port of the range, and one that the kernel may give away.
const INSIDE_PORT: u16 = 20_000;
const KERNELS_PORT: u16 = 40_000;

/// A server that tells each caller its address and port, and hangs up. It ends with the test's process.
fn greeter(namespace: &Namespace, at: SocketAddr) -> SocketAddr {
    let listener = namespace.run(|| TcpListener::bind(at)).expect("the namespace").expect("a free port");
    std::thread::spawn(move || {
        for caller in listener.incoming().flatten() {
            let mut caller = caller;
            let from = caller.peer_addr().map(|from| from.to_string()).unwrap_or_default();
            let _ = caller.write_all(from.as_bytes());
        }
    });
    at
}

/// What a greeter tells a caller from this address and port.
fn call(namespace: &Namespace, from: SocketAddr, to: SocketAddr) -> SocketAddr {
    let called = namespace.run(|| {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.bind(&from.into())?;
        socket.connect_timeout(&to.into(), Duration::from_secs(10))?;
        let mut stream = TcpStream::from(socket);
        let mut told = String::new();
        stream.read_to_string(&mut told)?;
        stream.shutdown(Shutdown::Both).ok();
        Ok::<_, std::io::Error>(told)
    });
    let told = called.expect("the namespace").unwrap_or_else(|error| panic!("{from} to {to}: {error}"));
    told.parse().expect("an address and port")
}

fn inside(host: usize) -> SocketAddr {
    SocketAddr::new(INSIDE4[host].into(), INSIDE_PORT)
}

fn asked(namespace: &Namespace, from: SocketAddr, server: SocketAddr) -> SocketAddr {
    namespace.run(|| ask(from, server)).expect("the namespace").unwrap_or_else(|| panic!("{from} gets no answer"))
}

#[test]
fn hosts_with_one_source_port_reach_one_server_by_one_address_and_the_routers_sockets_stay() {
    let lab = shared_line();
    let router = start_sharing(&lab, "");
    let (server, web) = (mirror(&lab.inet, SERVER4), greeter(&lab.inet, SocketAddr::new(SERVER4.into(), 8080)));
    for seen in
        [[0, 1].map(|host| asked(&lab.fw, inside(host), server)), [0, 1].map(|host| call(&lab.fw, inside(host), web))]
    {
        assert_eq!(seen.map(|seen| seen.ip()), [IpAddr::V4(SHARED); 2]);
        assert_eq!(seen[0].port(), INSIDE_PORT, "it is free");
        assert!((16384..=32767).contains(&seen[1].port()) && seen[1].port() != INSIDE_PORT);
    }
    for host in [0, 1] {
        run(
            &lab.fw,
            "ping",
            &["-n", "-c", "2", "-i", "0.2", "-W", "5", "-e", "777", "-I", &INSIDE4[host].to_string(), "203.0.113.10"],
        );
    }
    // The router's own sockets at the same address, called and calling, and its pings.
    let own = greeter(&lab.rt, SocketAddr::new(SHARED.into(), 22));
    call(&lab.inet, SocketAddr::new(SERVER4.into(), 0), own);
    let from = SocketAddr::new(SHARED.into(), KERNELS_PORT);
    assert_eq!((asked(&lab.rt, from, server), call(&lab.rt, from, web)), (from, from));
    run(&lab.rt, "ping", &["-n", "-c", "1", "-W", "5", "-e", "777", "203.0.113.10"]);
    run(&lab.inet, "ping", &["-n", "-c", "1", "-W", "5", &SHARED.to_string()]);
    let flows = router.flows("protocol=udp");
    let publics: Vec<_> = flows.iter().map(|flow| (flow.public, flow.public_port.is_some())).collect();
    assert_eq!(publics, [(Some(IpAddr::V4(SHARED)), true); 2]);
    assert_eq!(router.status().wans[0].owned, [format!("{SHARED}:16384-32767")]);
    router.end(&[]);
}

#[test]
fn who_scans_the_ports_of_inside_hosts_reaches_nobody_and_gets_no_answer() {
    let lab = shared_line();
    // A service of the router that happens to be in the range, for whoever is not outside.
    let hidden = greeter(&lab.rt, SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 16_400));
    let router = start_sharing(&lab, "");
    let server = mirror(&lab.inet, SERVER4);
    asked(&lab.fw, inside(0), server);
    let connect = |port: u16| {
        let to = SocketAddr::new(SHARED.into(), port);
        let connected = lab.inet.run(|| TcpStream::connect_timeout(&to, Duration::from_millis(500)));
        connected.expect("the namespace").map_err(|error| error.kind()).err()
    };
    for port in [16_384, hidden.port(), INSIDE_PORT, 32_767] {
        assert_eq!(connect(port), Some(ErrorKind::TimedOut), "{port}");
    }
    for port in [16_383, 32_768] {
        assert_eq!(connect(port), Some(ErrorKind::ConnectionRefused), "{port} is the kernel's");
    }
    let stranger = lab.inet.run(|| std::net::UdpSocket::bind((SERVER4, 5353))).expect("the namespace").expect("a port");
    stranger.set_read_timeout(Some(Duration::from_millis(500))).expect("a timeout");
    for port in [16_384, INSIDE_PORT] {
        stranger.send_to(b"who is there?", (SHARED, port)).expect("it leaves");
        assert!(stranger.recv(&mut [0; 64]).is_err(), "{port}");
    }
    router.end_with(&["no-mapping", "filtered"]);
}

#[test]
fn the_address_of_the_link_is_followed_and_the_kernel_is_silent_for_the_same_ports_there() {
    let lab = shared_line();
    let router = start_sharing(&lab, "");
    let server = mirror(&lab.inet, SERVER4);
    assert_eq!(asked(&lab.fw, inside(1), server).ip(), IpAddr::V4(SHARED));
    does(&lab.rt, &format!("ip address del {SHARED}/29 dev wan0"));
    does(&lab.rt, &format!("ip address add {NEXT}/29 dev wan0"));
    does(&lab.rt, "ip route replace default via 192.0.2.198 dev wan0");
    wait_until("the new address is shared", || {
        router.status().wans[0].owned == [format!("{NEXT}:16384-32767")]
            && router.status().wans[0].health[0].state == "up"
    });
    let seen = asked(&lab.fw, inside(1), server);
    assert_eq!(seen.ip(), IpAddr::V4(NEXT), "the flow goes on from there");
    let hidden = SocketAddr::new(NEXT.into(), 16_400);
    greeter(&lab.rt, SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 16_400));
    let connected = lab.inet.run(|| TcpStream::connect_timeout(&hidden, Duration::from_millis(500)));
    assert_eq!(connected.expect("the namespace").map_err(|error| error.kind()).err(), Some(ErrorKind::TimedOut));
    router.end_with_losses();
}

#[test]
fn ports_that_the_kernel_gives_its_own_sockets_are_refused_at_the_start() {
    let lab = shared_line();
    let config = sharing(&lab, "ports = \"30000-40000\"");
    let file = lab.directory().join("shared.toml");
    std::fs::write(&file, config).expect("a file");
    let program = crate::lab::flowpin().to_str().expect("UTF-8");
    let (started, said) = attempt(&lab.rt, program, &["run", "--config", file.to_str().expect("UTF-8")]);
    assert!(
        !started && said.contains("the ports 30000-40000 of [wan.masquerade] of WAN \"fiber\" are among those"),
        "{said}"
    );
}
