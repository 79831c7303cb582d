//! What the path behind a WAN carries is found by probing and heard from routers beyond, is shown, and is what the next
//! packets and connections get to know.

use crate::lab::{
    Capture, Router, Swallowed, attempt, dig_black_holes, flowpin, forget_paths, lab, run, set_mtu, start, start_with,
    swallow, talkative_lab, transfer, wait_for_paths, wait_until,
};
use flowpin::lab::topology::{INBOUND6_PUBLIC, SERVER4, SERVER6};
use flowpin::lab::traffic::Traffic;
use flowpin::lab::{Lab, Options};
use std::collections::BTreeMap;
use std::net::IpAddr;

const SERVERS: [IpAddr; 2] = [IpAddr::V4(SERVER4), IpAddr::V6(SERVER6)];
const ROUTERS: [&str; 2] = ["10.250.250.1", "fd00:bad:b01:f::1"];

/// The lab's configuration with both WANs probed, at the Internet host.
fn probing(lab: &Lab) -> String {
    let probe = "mtu = \"probe\"\nmtu_targets = [\"203.0.113.10\", \"2001:db8:ffff::10\"]\n";
    ["wan0", "wan1"].into_iter().fold(lab.config(), |config, link| {
        let interface = format!("interface = \"{link}\"\n");
        config.replace(&interface, &format!("{interface}{probe}"))
    })
}

fn status_text(lab: &Lab) -> String {
    let socket = lab.socket();
    run(&lab.rt, flowpin().to_str().expect("UTF-8"), &["status", "--socket", socket.to_str().expect("UTF-8")])
}

/// The MSS that a line of tcpdump says.
fn mss(line: &str) -> u16 {
    let (_, behind) = line.split_once("mss ").unwrap_or_else(|| panic!("no MSS in {line}"));
    let digits: String = behind.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().expect("a number")
}

/// Connects from inside until both WANs were used. By WAN: the MSS that the server heard, and the one that it was said to
/// have announced.
fn handshakes(lab: &Lab, router: &Router, server: IpAddr) -> BTreeMap<String, [u16; 2]> {
    let flags = if server.is_ipv4() { "tcp[13]" } else { "ip6[6] == 6 and ip6[53]" };
    let mut heard = BTreeMap::new();
    for _ in 0..40 {
        let out = Capture::start(&lab.inet, "any", 1, &format!("dst host {server} and {flags} & 18 == 2"));
        let back = Capture::start(&lab.fw, "lan0", 1, &format!("src host {server} and {flags} & 18 == 18"));
        let connection = transfer(&lab.fw, server).expect("a connection");
        let flows = router.flows(&format!("protocol=tcp&port={}&host={server}", connection.port()));
        heard.insert(flows[0].wan.clone(), [out, back].map(|capture| mss(&capture.finish()[0])));
        if heard.len() == 2 {
            return heard;
        }
    }
    panic!("40 connections took one WAN");
}

/// A ping of that many bytes with all headers that may not be fragmented.
fn ping(lab: &Lab, server: IpAddr, bytes: usize, identifier: u16) -> (bool, String) {
    forget_paths(&lab.fw);
    let size = (bytes - if server.is_ipv4() { 28 } else { 48 }).to_string();
    let (identifier, server) = (identifier.to_string(), server.to_string());
    attempt(&lab.fw, "ping", &["-n", "-c", "1", "-W", "5", "-M", "do", "-e", &identifier, "-s", &size, &server])
}

/// An identifier of pings to `server` that take this WAN.
fn identifier_for(lab: &Lab, router: &Router, server: IpAddr, wan: &str) -> u16 {
    let takes = |identifier: &u16| {
        assert!(ping(lab, server, 100, *identifier).0);
        let flows = router.flows("limit=1000");
        flows.iter().any(|flow| flow.inside_port == *identifier && flow.remote == server && flow.wan == wan)
    };
    (1000..1040).find(takes).expect("one of forty pings takes it")
}

#[test]
fn a_probed_path_is_found_shown_and_told_to_senders() {
    let lab = talkative_lab(Options { uplink_mtu: [1500, 1400], ..Options::default() });
    let router = start_with(&lab, &probing(&lab));
    let _servers = Traffic::servers(&lab).expect("servers");
    wait_for_paths(&router, "fiber", [1500; 2]);
    wait_for_paths(&router, "dsl", [1400; 2]);
    let text = status_text(&lab);
    for row in ["fiber  ipv4    1500  found  203.0.113.10", "dsl    ipv6    1400  found  2001:db8:ffff::10"] {
        assert!(text.contains(row), "{text}");
    }
    let mut too_big = 0;
    for (family, server) in SERVERS.into_iter().enumerate() {
        let header = [40, 60][family];
        let heard = handshakes(&lab, &router, server);
        assert_eq!(heard["fiber"], [1500 - header; 2]);
        assert_eq!(heard["dsl"], [1400 - header; 2], "both directions");
        let identifier = identifier_for(&lab, &router, server, "dsl");
        assert!(ping(&lab, server, 1400, identifier).0);
        let (answered, text) = ping(&lab, server, 1401, identifier);
        let said = ["Frag needed and DF set (mtu = 1400)", "Packet too big: mtu=1400"][family];
        assert!(!answered && text.contains(&format!("From {} icmp_seq=1 {said}", ROUTERS[family])), "{text}");
        too_big += 1;
        let identifier = identifier_for(&lab, &router, server, "fiber");
        assert!(ping(&lab, server, 1500, identifier).0);
    }
    let dsl = &router.status().wans[1];
    assert_eq!((dsl.mtu, dsl.mtu_source.as_str()), (1500, "probe"));
    assert_eq!(dsl.remembered.len(), 0, "flowpin told the senders before a router beyond had to");
    router.end(&[("outbound", "too-big", too_big)]);
}

#[test]
fn a_path_that_becomes_a_black_hole_is_measured_anew_and_a_link_is_followed() {
    let lab = lab(Options::default());
    for isp in [&lab.ispa, &lab.ispb] {
        swallow(isp, Swallowed::Errors);
    }
    let router = start_with(&lab, &probing(&lab));
    for wan in ["fiber", "dsl"] {
        wait_for_paths(&router, wan, [1500; 2]);
    }
    set_mtu(&lab.rt, "wan0", 1380);
    wait_for_paths(&router, "fiber", [1380; 2]);
    set_mtu(&lab.rt, "wan0", 1500);
    wait_for_paths(&router, "fiber", [1500; 2]);
    dig_black_holes(&lab, [1500, 1396]);
    wait_for_paths(&router, "dsl", [1396; 2]);
    wait_for_paths(&router, "fiber", [1500; 2]);
    router.end(&[]);
}

#[test]
fn a_target_that_never_answers_leaves_the_links_mtu_in_force() {
    let lab = lab(Options { wan_mtu: [1500, 1400], ..Options::default() });
    for isp in [&lab.ispa, &lab.ispb] {
        swallow(isp, Swallowed::Icmp);
    }
    let router = start_with(&lab, &probing(&lab));
    let _servers = Traffic::servers(&lab).expect("servers");
    wait_until("nobody has answered", || {
        router.status().wans.iter().flat_map(|wan| &wan.paths).all(|path| path.state == "no answer")
    });
    for wan in router.status().wans {
        assert_eq!((wan.paths.len(), wan.paths[0].mtu, wan.paths[1].mtu), (2, None, None));
    }
    let text = status_text(&lab);
    assert!(text.contains("dsl    ipv6    1400 (link)  no answer  2001:db8:ffff::10"), "{text}");
    assert_eq!(handshakes(&lab, &router, SERVERS[0])["dsl"], [1360; 2]);
    router.end(&[]);
}

#[test]
fn gateways_are_probed_where_no_target_is_named() {
    let lab = lab(Options { wan_mtu: [1500, 1420], ..Options::default() });
    let config = probing(&lab).replace("mtu_targets", "# mtu_targets");
    let router = start_with(&lab, &config);
    wait_for_paths(&router, "fiber", [1500; 2]);
    wait_for_paths(&router, "dsl", [1420; 2]);
    let asked: Vec<_> =
        router.status().wans.iter().flat_map(|wan| wan.paths.clone()).flat_map(|it| it.targets).collect();
    assert_eq!(
        asked.iter().map(IpAddr::to_string).collect::<Vec<_>>(),
        ["192.0.2.198", "fe80::a1", "198.18.2.1", "fe80::b1"]
    );
    router.end(&[]);
}

#[test]
fn c_55_what_a_router_beyond_the_isp_says_is_remembered_for_the_next_connection() {
    let lab = talkative_lab(Options::default());
    for isp in [&lab.ispa, &lab.ispb] {
        set_mtu(isp, "uplink", 1300);
    }
    let router = start(&lab);
    let _servers = Traffic::servers(&lab).expect("servers");
    for (family, server) in SERVERS.into_iter().enumerate() {
        let header = [40, 60][family];
        for (wan, heard) in handshakes(&lab, &router, server) {
            assert_eq!(heard, [1500 - header; 2], "{wan}: nothing is known yet");
        }
        for wan in ["fiber", "dsl"] {
            let identifier = identifier_for(&lab, &router, server, wan);
            assert!(!ping(&lab, server, 1400, identifier).0);
        }
        forget_paths(&lab.fw);
        for (wan, heard) in handshakes(&lab, &router, server) {
            assert_eq!(heard, [1300 - header; 2], "{wan}: from the first SYN on");
        }
    }
    for wan in router.status().wans {
        let known: Vec<_> = wan.remembered.iter().map(|known| (known.remote, known.mtu)).collect();
        assert_eq!(known, [(SERVERS[0], 1300), (SERVERS[1], 1300)]);
        assert!(wan.remembered.iter().all(|known| (1..=600).contains(&known.expires_seconds)));
    }
    let text = status_text(&lab);
    assert!(text.contains("2 remotes are known to have a smaller path MTU by way of dsl\n"), "{text}");
    // The answer to who calls from there fits as well.
    let answer = Capture::start(&lab.inet, "any", 1, "src host 192.0.2.193 and tcp[13] & 18 == 18");
    transfer(&lab.inet, IpAddr::from([192, 0, 2, 193])).expect("a connection");
    assert_eq!(mss(&answer.finish()[0]), 1260);
    let answer = Capture::start(
        &lab.inet,
        "any",
        1,
        &format!("src host {INBOUND6_PUBLIC} and ip6[6] == 6 and ip6[53] & 18 == 18"),
    );
    transfer(&lab.inet, INBOUND6_PUBLIC.into()).expect("a connection");
    assert_eq!(mss(&answer.finish()[0]), 1240);
    router.end(&[]);
}
