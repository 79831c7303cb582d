//! What `status` and `flows` show is what is: links, gateways, counters, and each flow with its public address.

use crate::lab::{flowpin, lab, mirror, run, start, wait_until};
use flowpin::api::{Flows, Status, Traffic};
use flowpin::lab::topology::{INSIDE4, INSIDE6, SERVER4};
use flowpin::lab::{Lab, Options};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

/// The output of a command that asks the lab's service.
fn ask(lab: &Lab, words: &str) -> String {
    let socket = lab.socket();
    let socket = ["--socket", socket.to_str().expect("UTF-8")];
    let words: Vec<&str> = words.split(' ').collect();
    run(&lab.rt, flowpin().to_str().expect("UTF-8"), &[&words[..], &socket].concat())
}

fn flows(lab: &Lab, filter: &str) -> Flows {
    serde_json::from_str(&ask(lab, &format!("flows --json {filter}"))).expect("JSON and nothing else")
}

#[test]
fn status_shows_links_gateways_and_what_passed() {
    let lab = lab(Options::default());
    let mut router = start(&lab);
    let status = || -> Status { serde_json::from_str(&ask(&lab, "status --json")).expect("JSON and nothing else") };
    wait_until("all gateways answer", || {
        status().wans.iter().flat_map(|wan| &wan.gateways).all(|gateway| gateway.state == "reachable")
    });
    wait_until("both are up", || status().wans.iter().all(|wan| wan.state == "up"));
    // 3 echoes of 84 bytes in, and 3 out, on each WAN.
    for public in ["192.0.2.193", "198.51.100.242"] {
        run(&lab.inet, "ping", &["-n", "-c", "3", "-i", "0.01", "-W", "5", public]);
    }
    let status = status();
    assert_eq!((status.pid, status.version.as_str()), (router.service().pid(), env!("CARGO_PKG_VERSION")));
    assert_eq!((status.downstream.interface.as_deref(), status.downstream.tun.as_str()), (Some("lan0"), "flowpin0"));
    let gateways = |wan: usize| -> Vec<_> {
        let gateways = status.wans[wan].gateways.iter();
        gateways.map(|it| (it.address.to_string(), it.mac.clone().unwrap_or_default())).collect()
    };
    let due = |v4: &str, v6: &str, mac: &str| [v4, v6].map(|address| (address.to_owned(), mac.to_owned())).to_vec();
    assert_eq!(gateways(0), due("192.0.2.198", "fe80::a1", "00:00:5e:00:53:a1"));
    assert_eq!(gateways(1), due("198.18.2.1", "fe80::b1", "00:00:5e:00:53:b1"));
    let addresses = |wan: usize| status.wans[wan].addresses.iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!([addresses(0), addresses(1)], [vec!["fe80::a2"], vec!["198.18.2.2/30", "fe80::b2"]]);
    let passed = Traffic { packets: 3, bytes: 252 };
    for (wan, (name, link, mac, weight)) in
        status.wans.iter().zip([("fiber", "wan0", "00:00:5e:00:53:a2", 2), ("dsl", "wan1", "00:00:5e:00:53:b2", 1)])
    {
        assert_eq!((wan.name.as_str(), wan.interface.as_str(), wan.mac.as_str()), (name, link, mac));
        assert_eq!((wan.state.as_str(), wan.weight, wan.mtu, wan.flows), ("up", weight, 1500, 1));
        assert_eq!((wan.outbound, wan.inbound), (passed, passed), "{name}");
    }
    let text = ask(&lab, "status");
    for part in ["fiber", "dsl", "192.0.2.198", "00:00:5e:00:53:a1", "fe80::b1", "00:00:5e:00:53:b1"] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    router.end(&[]);
}

#[test]
fn flows_shows_a_live_connection_with_the_address_that_the_server_sees() {
    let lab = lab(Options::default());
    let router = start(&lab);
    let listener = lab.inet.run(|| TcpListener::bind((SERVER4, 8080))).expect("the namespace can be entered");
    let listener = listener.expect("the port is free");
    let from = SocketAddr::new(INSIDE4[2].into(), 5555);
    let mut stream = connect(&lab, from, listener.local_addr().expect("an address"));
    let (mut accepted, seen) = listener.accept().expect("the connection");
    stream.write_all(b"hello").expect("it leaves");
    accepted.read_exact(&mut [0; 5]).expect("it arrives");

    let listed = flows(&lab, "--port 5555");
    assert_eq!((listed.matched, listed.flows.len()), (1, 1));
    let flow = &listed.flows[0];
    assert_eq!(flow.public, Some(seen.ip()));
    assert_eq!((flow.inside, flow.inside_port, seen.port()), (from.ip(), 5555, 5555));
    assert_eq!((flow.remote, flow.remote_port), (SERVER4.into(), 8080));
    let words = [&flow.protocol, &flow.origin, &flow.state].map(String::as_str);
    assert_eq!(words, ["tcp", "outbound", "established"]);
    let wan = if seen.ip().to_string().starts_with("192.0.2.") { "fiber" } else { "dsl" };
    assert_eq!(flow.wan, wan);
    let text = ask(&lab, "flows");
    let line = text.lines().find(|line| line.contains("10.250.250.4:5555")).expect("the flow's line");
    for part in ["tcp", "203.0.113.10:8080", &seen.ip().to_string(), wan, "established"] {
        assert!(line.contains(part), "{part} in {line}");
    }
    drop((stream, accepted));
    wait_until("its end is seen", || flows(&lab, "--port 5555").flows.iter().all(|flow| flow.state != "established"));
    router.end(&[]);
}

fn connect(lab: &Lab, from: SocketAddr, to: SocketAddr) -> TcpStream {
    let connect = || {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.bind(&from.into())?;
        socket.connect(&to.into())?;
        std::io::Result::Ok(socket.into())
    };
    lab.fw.run(connect).expect("the namespace can be entered").expect("the server answers")
}

#[test]
fn flows_finds_what_is_asked_for_and_no_more() {
    let lab = lab(Options::default());
    let router = start(&lab);
    let servers = [mirror(&lab.inet, SERVER4), mirror(&lab.inet, flowpin::lab::topology::SERVER6)];
    let askers = [(INSIDE4[0].into(), 6000, 0), (INSIDE4[1].into(), 6001, 0), (INSIDE6.into(), 6002, 1)];
    for (inside, port, server) in askers {
        let asked = || crate::lab::ask(SocketAddr::new(inside, port), servers[server]);
        assert!(lab.fw.run(asked).expect("the namespace can be entered").is_some());
    }
    run(&lab.fw, "ping", &["-n", "-c", "1", "-W", "5", "203.0.113.10"]);
    run(&lab.inet, "ping", &["-n", "-c", "1", "-W", "5", "198.51.100.245"]);
    let count = |filter: &str| flows(&lab, filter).matched;
    let found =
        ["--limit 10", "--protocol udp", "--protocol icmp", "--host 10.250.250.3", "--host 203.0.113.10"].map(count);
    assert_eq!(found, [5, 3, 2, 1, 4]);
    assert_eq!(["--port 6002", "--port 3478", "--protocol 47"].map(count), [1, 3, 0]);
    assert_eq!(count("--wan fiber") + count("--wan dsl"), 5);
    let inbound = flows(&lab, "--host 10.250.250.6 --wan dsl");
    assert_eq!(inbound.flows.len(), 1);
    assert_eq!((inbound.flows[0].origin.as_str(), inbound.flows[0].public), ("inbound", "198.51.100.245".parse().ok()));
    let first = flows(&lab, "--limit 2");
    assert_eq!((first.matched, first.flows.len()), (5, 2));
    assert!(ask(&lab, "flows --limit 2").ends_with("2 of 5 flows; --limit shows more\n"));
    router.end(&[]);
}
