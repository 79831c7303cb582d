//! The firewall browses the Internet over both WANs in both families, with the programs that people use.

use crate::lab::{lab, run, start, visitor};
use flowpin::lab::topology::public_addresses;
use flowpin::lab::traffic::Traffic;
use flowpin::lab::{Lab, Options};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::process::{Command, Stdio};

const SERVERS: [&str; 2] = ["203.0.113.10", "2001:db8:ffff::10"];
/// Enough connections to see both WANs: all on one of them would happen once in 10^14.
const VISITS: usize = 80;

#[test]
fn curl_sees_each_identity_under_its_two_public_addresses() {
    let lab = lab(Options::default());
    let router = start(&lab);
    let _servers = Traffic::servers(&lab).expect("servers");
    let insides = ["10.250.250.2", "10.250.250.3", "10.250.250.6", "fd00:bad:b01:1::100"];
    for inside in insides {
        let address: IpAddr = inside.parse().unwrap();
        let url = if address.is_ipv4() { "http://203.0.113.10/" } else { "http://[2001:db8:ffff::10]/" };
        let urls = vec![url; VISITS];
        let arguments = [vec!["-sS", "--max-time", "20", "--no-keepalive", "--interface", inside], urls].concat();
        let seen: BTreeSet<IpAddr> = run(&lab.fw, "curl", &arguments).lines().map(visitor).collect();
        let own = public_addresses(lab.options()).into_iter().filter(|public| public.inside == address);
        assert_eq!(seen, own.map(|public| public.address).collect(), "{inside}");
    }
    router.end(&[]);
}

#[test]
fn ping_of_any_size_is_answered_over_both_wans_in_both_families() {
    let lab = lab(Options::default());
    let router = start(&lab);
    for server in SERVERS {
        for size in ["0", "1", "56", "1451", "1452"] {
            // Each ping has an identifier, so a pin, of its own.
            for _ in 0..8 {
                let arguments = ["-n", "-c", "1", "-W", "5", "-s", size, server];
                let text = run(&lab.fw, "ping", &arguments);
                assert!(text.contains(" 0% packet loss"), "{text}");
            }
        }
    }
    let wans: BTreeSet<(String, String)> =
        router.flows("limit=1000").into_iter().map(|flow| (flow.wan, flow.protocol)).collect();
    for wan in ["fiber", "dsl"] {
        for protocol in ["icmp", "icmp6"] {
            assert!(wans.contains(&(wan.to_owned(), protocol.to_owned())), "{wan} carried no {protocol}: {wans:?}");
        }
    }
    router.end(&[]);
}

#[test]
fn a_large_download_arrives_whole_over_each_wan() {
    let lab = lab(Options::default());
    let router = start(&lab);
    let _servers = Traffic::servers(&lab).expect("servers");
    for server in ["203.0.113.10", "[2001:db8:ffff::10]"] {
        for _ in 0..6 {
            let url = format!("http://{server}/20000001");
            let size =
                run(&lab.fw, "curl", &["-sS", "--max-time", "30", "-o", "/dev/null", "-w", "%{size_download}", &url]);
            assert_eq!(size, "20000001", "{server}");
        }
    }
    let status = router.status();
    for wan in &status.wans {
        assert!(wan.inbound.bytes > 20_000_001, "{} carried a download: {:?}", wan.name, wan.inbound);
    }
    router.end(&[]);
}

#[test]
fn nc_gets_back_what_it_sent_over_tcp_and_udp() {
    let lab = lab(Options::default());
    let router = start(&lab);
    let _servers = Traffic::servers(&lab).expect("servers");
    for server in SERVERS {
        for kind in ["-N", "-u"] {
            let script = format!("echo flowpin | nc -w 1 {kind} {server} 7");
            assert_eq!(run(&lab.fw, "sh", &["-c", &script]), "flowpin\n", "{script}");
        }
    }
    router.end(&[]);
}

#[test]
fn iperf3_fills_both_directions_in_both_families() {
    let lab = lab(Options::default());
    let router = start(&lab);
    let mut server = Command::new("iperf3");
    server.args(["--server"]).stdout(Stdio::null()).stderr(Stdio::null());
    let mut server = lab.inet.spawn(&mut server).expect("iperf3 starts");
    for address in SERVERS {
        for direction in ["--no-delay", "--reverse", "--udp"] {
            let text = iperf3(&lab, address, direction);
            let result: serde_json::Value = serde_json::from_str(&text).expect("JSON of iperf3");
            let bits = result["end"]["sum_received"]["bits_per_second"]
                .as_f64()
                .or(result["end"]["sum"]["bits_per_second"].as_f64());
            assert!(bits.unwrap_or_default() > 500_000.0, "{address} {direction}: {text}");
        }
    }
    server.kill().expect("iperf3 ran until now");
    server.wait().expect("iperf3 ends");
    router.end(&[]);
}

/// A second of iperf3, tried again while its server is still starting.
fn iperf3(lab: &Lab, address: &str, direction: &str) -> String {
    let arguments =
        ["--client", address, "--time", "1", "--json", "--connect-timeout", "2000", "--parallel", "4", direction];
    for _ in 0..20 {
        let (success, text) = crate::lab::attempt(&lab.fw, "iperf3", &arguments);
        // A busy or absent server is an `error` in the JSON, whatever the exit code.
        if success && !text.contains("\"error\":") {
            return text;
        }
        flowpin::clock::pause(std::time::Duration::from_millis(100));
    }
    run(&lab.fw, "iperf3", &arguments)
}

#[test]
fn tracepath_shows_the_router_the_isp_and_the_server() {
    let lab = lab(Options::default());
    let router = start(&lab);
    let hops4 = run(&lab.fw, "tracepath", &["-n", "-m", "5", "203.0.113.10"]);
    assert!(hops4.contains("10.250.250.1 "), "the router answers from the inside: {hops4}");
    assert!(hops4.contains("192.0.2.198 ") || hops4.contains("198.18.2.1 "), "the ISP: {hops4}");
    assert!(hops4.contains("203.0.113.10 ") && hops4.contains("reached"), "the server: {hops4}");
    let hops6 = run(&lab.fw, "tracepath", &["-6", "-n", "-m", "5", "2001:db8:ffff::10"]);
    assert!(hops6.contains("fd00:bad:b01:f::1 "), "the router answers from the inside: {hops6}");
    assert!(hops6.contains("2001:db8:a::1 ") || hops6.contains("2001:db8:b::1 "), "the ISP: {hops6}");
    assert!(hops6.contains("2001:db8:ffff::10 ") && hops6.contains("reached"), "the server: {hops6}");
    router.end(&[("outbound", "ttl-expired", 2)]);
}
