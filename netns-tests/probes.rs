//! Probes of the WANs' health pass and fail for the right reason, against real kernels and servers: each leaves by its own
//! WAN with that WAN's address, also where one host is asked through both.

use crate::lab::{Router, Trunk, lab, offloads, run, start_with, talkative_lab, wait_until};
use flowpin::lab::topology::{SERVER4, SERVER6};
use flowpin::lab::traffic::Traffic;
use flowpin::lab::{Lab, Namespace, Options};
use std::net::{IpAddr, SocketAddr, UdpSocket};

const WANS: [&str; 2] = ["fiber", "dsl"];

/// Public addresses that a web server sees, WAN by WAN.
const OWN: [[&str; 2]; 2] = [["192.0.2.193:", "[2001:db8:a:c80::1]:"], ["198.51.100.241:", "[2001:db8:b:be00::1]:"]];

/// The lab's configuration with these probes on each WAN, ten times a second, and a log that tells what became of them.
fn probing(lab: &Lab, probes: impl Fn(usize) -> Vec<String>) -> String {
    let mut config = lab.config();
    for (index, link) in ["wan0", "wan1"].into_iter().enumerate() {
        let (before, behind) = config.split_once(&format!("interface = \"{link}\"\n")).expect("the WAN");
        let list = probes(index).join(",\n");
        let health =
            format!("[wan.health]\nprobes = [\n{list}\n]\ninterval = \"400ms\"\ntimeout = \"400ms\"\n[wan.nat44]");
        config = format!("{before}interface = \"{link}\"\n{}", behind.replacen("[wan.nat44]", &health, 1));
    }
    config + "\n[log]\nlevel = \"debug\"\n"
}

/// What became of a probe the last time: `passed` or the reason why not.
fn last(router: &mut Router<'_>, wan: &str, probe: usize) -> Option<String> {
    let log = router.service().log();
    let (_, said) = log.rsplit_once(&format!("WAN \"{wan}\": probe {probe} "))?;
    let word = said.lines().next()?;
    Some(if word.starts_with("passed") { "passed" } else { word.trim_start_matches("failed: ") }.to_owned())
}

fn wait_for(router: &mut Router<'_>, wan: &str, probe: usize, wanted: &str) {
    wait_until(&format!("probe {probe} of {wan} is {wanted}"), || last(router, wan, probe).as_deref() == Some(wanted));
}

/// A name server that knows every name but those that begin with `missing`. It ends with the test's process.
fn name_server(namespace: &Namespace, address: IpAddr) {
    let at = SocketAddr::new(address, 53);
    let socket =
        namespace.run(|| UdpSocket::bind(at)).expect("the namespace can be entered").expect("the port is free");
    std::thread::spawn(move || {
        let mut datagram = [0; 512];
        while let Ok((len, from)) = socket.recv_from(&mut datagram) {
            let mut answer = datagram[..len].to_vec();
            let is_missing = answer[12..].starts_with(b"\x07missing");
            (answer[2], answer[3]) = (0x81, if is_missing { 0x83 } else { 0x80 });
            if !is_missing {
                answer[7] = 1;
                answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1]);
            }
            let _ = socket.send_to(&answer, from);
        }
    });
}

/// Good probes of every kind in both families: of hosts the first `HOSTS`, then of the gateway.
fn good(wan: usize) -> Vec<String> {
    let [own4, own6] = OWN[wan];
    let words = [
        format!("{{ icmp = \"{SERVER4}\" }}"),
        format!("{{ icmp = \"{SERVER6}\" }}"),
        format!("{{ tcp = \"{SERVER4}:80\" }}"),
        format!("{{ tcp = \"[{SERVER6}]:80\" }}"),
        format!("{{ http = \"http://{SERVER4}/\", expect = 200, body = \"{own4}\" }}"),
        format!("{{ http = \"http://[{SERVER6}]/\", body = \"{own6}\" }}"),
        format!("{{ dns = \"{SERVER4}\", name = \"example.com\" }}"),
        format!("{{ dns = \"{SERVER6}\", name = \"example.com\" }}"),
        "{ icmp = \"gateway\" }".to_owned(),
        "{ neighbor = \"gateway\" }".to_owned(),
    ];
    words.to_vec()
}

const HOSTS: usize = 8;
const GATEWAY_PING4: usize = 8;
const GATEWAY_ON_LINK4: usize = 10;
/// With the gateway's in both families.
const GOOD: usize = 12;

fn servers(lab: &Lab) -> Traffic {
    name_server(&lab.inet, SERVER4.into());
    name_server(&lab.inet, SERVER6.into());
    Traffic::servers(lab).expect("servers")
}

#[test]
fn c_94_every_kind_of_probe_passes_on_its_own_wan_and_is_silent_behind_a_black_hole() {
    let lab = lab(Options::default());
    let _servers = servers(&lab);
    let mut router = start_with(&lab, &probing(&lab, good));
    for wan in WANS {
        (0..GOOD).for_each(|probe| wait_for(&mut router, wan, probe, "passed"));
    }
    assert_eq!(router.flows("limit=100").len(), 0, "probes are no flows");
    run(&lab.ispa, "nft", &["table inet hole { chain forward { type filter hook forward priority 0; drop; }; }"]);
    (0..HOSTS).for_each(|probe| wait_for(&mut router, "fiber", probe, "Silent"));
    (HOSTS..GOOD).for_each(|probe| wait_for(&mut router, "fiber", probe, "passed"));
    (0..GOOD).for_each(|probe| wait_for(&mut router, "dsl", probe, "passed"));
    run(&lab.ispa, "nft", &["delete table inet hole"]);
    (0..GOOD).for_each(|probe| wait_for(&mut router, "fiber", probe, "passed"));
    router.end(&[]);
}

#[test]
fn nothing_is_asked_through_a_line_without_carrier() {
    let lab = lab(Options::default());
    let _servers = servers(&lab);
    let mut router = start_with(&lab, &probing(&lab, good));
    for wan in WANS {
        (0..GOOD).for_each(|probe| wait_for(&mut router, wan, probe, "passed"));
    }
    run(&lab.ispb, "ip", &["link", "set", "customer", "down"]);
    (0..GOOD).for_each(|probe| wait_for(&mut router, "dsl", probe, "Unsent"));
    (0..GOOD).for_each(|probe| wait_for(&mut router, "fiber", probe, "passed"));
    run(&lab.ispb, "ip", &["link", "set", "customer", "up"]);
    // The ISP's kernel has lost its routes and IPv6 addresses there, but not its IPv4 address.
    [GATEWAY_PING4, GATEWAY_ON_LINK4].into_iter().for_each(|probe| wait_for(&mut router, "dsl", probe, "passed"));
    // What was sent between the cut and the news of it was lost at the port, so this is no end as the others'.
    assert!(router.service().alive(), "flowpin has died");
}

#[test]
fn a_probe_fails_for_the_reason_that_there_is() {
    let lab = talkative_lab(Options::default());
    let _servers = servers(&lab);
    for isp in [&lab.ispa, &lab.ispb] {
        let rules = "ip daddr 203.0.113.77 reject with icmp type host-unreachable; ip daddr 203.0.113.78 drop; \
                     ip6 daddr 2001:db8:ffff::77 reject with icmpv6 type addr-unreachable; ip6 daddr 2001:db8:ffff::78 drop;";
        run(
            isp,
            "nft",
            &[&format!("table inet walls {{ chain pre {{ type filter hook prerouting priority 0; {rules} }}; }}")],
        );
    }
    let cases = [
        (format!("{{ tcp = \"{SERVER4}:81\" }}"), "Refused"),
        (format!("{{ tcp = \"[{SERVER6}]:81\" }}"), "Refused"),
        (format!("{{ http = \"http://{SERVER4}/\", expect = 204 }}"), "Status(200)"),
        (format!("{{ http = \"http://[{SERVER6}]/\", body = \"please log in\" }}"), "Body"),
        (format!("{{ http = \"http://{SERVER4}:81/\" }}"), "Refused"),
        (format!("{{ dns = \"{SERVER4}\", name = \"missing.example\" }}"), "Dns(3)"),
        (format!("{{ dns = \"{SERVER6}\", name = \"missing.example\" }}"), "Dns(3)"),
        ("{ icmp = \"203.0.113.77\" }".to_owned(), "Unreachable"),
        ("{ icmp = \"2001:db8:ffff::77\" }".to_owned(), "Unreachable"),
        ("{ tcp = \"203.0.113.77:80\" }".to_owned(), "Unreachable"),
        ("{ tcp = \"[2001:db8:ffff::77]:80\" }".to_owned(), "Unreachable"),
        ("{ dns = \"203.0.113.77\", name = \"example.com\" }".to_owned(), "Unreachable"),
        ("{ icmp = \"203.0.113.78\" }".to_owned(), "Silent"),
        ("{ http = \"http://[2001:db8:ffff::78]/\" }".to_owned(), "Silent"),
    ];
    let config = probing(&lab, |_| cases.iter().map(|(probe, _)| probe.clone()).collect());
    let mut router = start_with(&lab, &config);
    for wan in WANS {
        for (probe, (_, wanted)) in cases.iter().enumerate() {
            wait_for(&mut router, wan, probe, wanted);
        }
    }
    router.end(&[]);
}

#[test]
fn a_tagged_wan_is_probed_as_an_untagged_one_is() {
    const TAG: u16 = 3242;
    let lab = lab(Options { vlan: Some(TAG), ..Options::default() });
    offloads(&lab.rt, "wan0", false);
    let _trunk = Trunk::start(&lab.ispa, Some(TAG));
    let _servers = servers(&lab);
    let mut router = start_with(&lab, &probing(&lab, good));
    for wan in WANS {
        (0..GOOD).for_each(|probe| wait_for(&mut router, wan, probe, "passed"));
    }
    router.end(&[]);
}
