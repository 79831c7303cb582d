//! The firewall is reachable from outside under each public address of both WANs, and the answer leaves where the
//! question came in.

use crate::lab::{Frame, Sniffer, attempt, lab, run, start};
use flowpin::lab::Options;
use flowpin::lab::topology::{DSL4, FIBER4, INSIDE4, SERVER4, mac, public_addresses};
use flowpin::lab::traffic::Traffic;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

#[test]
fn every_public_address_answers_ping_tcp_and_udp() {
    let lab = lab(Options::default());
    let router = start(&lab);
    let _servers = Traffic::servers(&lab).expect("servers");
    for public in public_addresses(lab.options()) {
        let address = public.address.to_string();
        let host = if public.address.is_ipv4() { address.clone() } else { format!("[{address}]") };
        run(&lab.inet, "ping", &["-n", "-c", "1", "-W", "2", &address]);
        let size =
            ["-sS", "--max-time", "10", "-o", "/dev/null", "-w", "%{size_download}", &format!("http://{host}/300001")];
        assert_eq!(run(&lab.inet, "curl", &size), "300001", "{address}");
        let script = format!("echo flowpin | nc -w 1 -u {address} 7");
        assert_eq!(run(&lab.inet, "sh", &["-c", &script]), "flowpin\n", "{script}");
    }
    router.end(&[]);
}

#[test]
fn the_visitor_keeps_its_own_address_and_port() {
    let lab = lab(Options::default());
    let router = start(&lab);
    let _servers = Traffic::servers(&lab).expect("servers");
    for (public, port) in [("192.0.2.194", "40123"), ("198.51.100.242", "40124")] {
        let url = format!("http://{public}/");
        let seen = run(&lab.inet, "curl", &["-sS", "--max-time", "10", "--local-port", port, &url]);
        assert_eq!(seen.trim(), format!("203.0.113.10:{port}"), "{public}");
    }
    router.end(&[]);
}

#[test]
fn an_answer_leaves_by_the_wan_its_question_came_in_on() {
    let lab = lab(Options::default());
    let router = start(&lab);
    let _servers = Traffic::servers(&lab).expect("servers");
    let sniffers = [(&lab.ispa, mac::ISPA), (&lab.ispb, mac::ISPB)].map(|(isp, mac)| {
        Sniffer::start(isp, move |frame| frame.is_to(mac) && frame.addresses().is_some_and(to_server))
    });
    let publics = public_addresses(lab.options());
    for public in &publics {
        // Once one reply is here, ping waits for the next no longer than its interval.
        run(&lab.inet, "ping", &["-n", "-c", "3", "-i", "0.5", "-W", "5", &public.address.to_string()]);
    }
    let frames = sniffers.map(Sniffer::stop);
    for (wan, frames) in ["fiber", "dsl"].iter().zip(&frames) {
        let mut sources: Vec<IpAddr> = frames.iter().filter_map(Frame::addresses).map(|(source, _)| source).collect();
        let own = publics.iter().filter(|public| public.wan == *wan);
        let mut due: Vec<IpAddr> = own.flat_map(|public| [public.address; 3]).collect();
        sources.sort();
        due.sort();
        assert_eq!(sources, due, "replies on the {wan}");
    }
    router.end(&[]);
}

/// Two sockets of one outside host ask one inside socket, each under another of its public addresses.
#[test]
fn one_inside_socket_is_reached_over_both_wans_at_once() {
    let lab = lab(Options::default());
    let router = start(&lab);
    let _servers = Traffic::servers(&lab).expect("servers");
    let publics = [FIBER4[1], DSL4[1]].map(IpAddr::V4);
    let ask_both = || {
        let sockets = publics.map(asker);
        sockets.iter().zip(publics).for_each(|(socket, public)| drop(socket.send(public.to_string().as_bytes())));
        sockets.map(|socket| {
            let mut answer = [0; 64];
            let length = socket.recv(&mut answer).expect("an answer from the very address that was asked");
            String::from_utf8_lossy(&answer[..length]).into_owned()
        })
    };
    let answers = lab.inet.run(ask_both).expect("the namespace can be entered");
    assert_eq!(answers, publics.map(|public| public.to_string()));
    let flows = router.flows("protocol=udp");
    let mut wans: Vec<_> = flows.into_iter().map(|flow| (flow.wan, flow.inside, flow.origin)).collect();
    wans.sort();
    let inside = IpAddr::from(INSIDE4[1]);
    assert_eq!(wans, ["dsl", "fiber"].map(|wan| (wan.to_owned(), inside, "inbound".to_owned())));
    router.end(&[]);
}

/// A socket that hears only this address's echo port.
fn asker(public: IpAddr) -> UdpSocket {
    let socket = UdpSocket::bind(SocketAddr::new(SERVER4.into(), 0)).expect("a port is free");
    socket.set_read_timeout(Some(Duration::from_secs(2))).expect("a timeout");
    socket.connect((public, 7)).expect("a route");
    socket
}

#[test]
fn an_inside_host_of_the_inbound_map_answers_under_its_external_address() {
    let lab = lab(Options::default());
    let router = start(&lab);
    let _servers = Traffic::servers(&lab).expect("servers");
    run(&lab.inet, "ping", &["-n", "-c", "1", "-W", "5", "2001:db8:a:c80::1"]);
    let url = "http://[2001:db8:a:c80::1]/";
    assert!(run(&lab.inet, "curl", &["-sS", "--max-time", "10", url]).starts_with("[2001:db8:ffff::10]:"));
    let flows = router.flows("protocol=tcp");
    let inside: IpAddr = "fd00:bad:b01:fe::2".parse().unwrap();
    assert_eq!(flows.len(), 1, "{flows:?}");
    assert_eq!((flows[0].inside, flows[0].wan.as_str(), flows[0].origin.as_str()), (inside, "fiber", "inbound"));
    assert_eq!(flows[0].public, Some("2001:db8:a:c80::1".parse().unwrap()));
    router.end(&[]);
}

#[test]
fn an_address_of_the_routed_block_that_nobody_has_is_silent() {
    let lab = lab(Options::default());
    let router = start(&lab);
    for address in ["198.51.100.240", "198.51.100.246", "198.51.100.247"] {
        let (answered, text) = attempt(&lab.inet, "ping", &["-n", "-c", "1", "-W", "1", address]);
        assert!(!answered && !text.contains("From "), "{text}");
    }
    drop(router);
}

fn to_server((_, destination): (IpAddr, IpAddr)) -> bool {
    [IpAddr::from(SERVER4), flowpin::lab::topology::SERVER6.into()].contains(&destination)
}
