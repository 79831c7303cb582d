//! C-10: what a STUN client finds out about the router (RFC 5780), with a real client and a real server.

use crate::lab::{attempt, lab, run, shared_line, start, start_sharing, wait_until};
use flowpin::lab::topology::{DSL4, FIBER4, INSIDE4};
use flowpin::lab::{Lab, Options};
use std::process::{Child, Command, Stdio};

/// The server needs two addresses and two ports to answer from.
const STUN: [&str; 2] = ["203.0.113.10", "203.0.113.11"];

struct Server(Child);

impl Server {
    fn start(lab: &Lab) -> Self {
        run(&lab.inet, "ip", &["addr", "add", &format!("{}/32", STUN[1]), "dev", "lo"]);
        let mut command = Command::new("turnserver");
        command.args(["-n", "--stun-only", "--no-cli", "--no-tls", "--no-dtls", "--log-file", "stdout"]);
        command.args(STUN.iter().flat_map(|address| ["--listening-ip", address]));
        command.arg("--pidfile").arg(lab.directory().join("turnserver.pid"));
        let child = lab.inet.spawn(command.stdout(Stdio::null()).stderr(Stdio::null())).expect("turnserver starts");
        let listens = || attempt(&lab.inet, "ss", &["-Hulna"]).1.matches(":347").count() >= 4;
        wait_until("the STUN server listens on both addresses and ports", listens);
        Self(child)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Shows RFC 4787 REQ-1, RFC 4787 REQ-8, RFC 4787 REQ-9.
#[test]
fn c_10_a_stun_client_finds_independent_mapping_independent_filtering_and_hairpin() {
    let lab = lab(Options::default());
    let router = start(&lab);
    let _server = Server::start(&lab);
    let inside = INSIDE4[0].to_string();
    let mut wans = [false; 2];
    for port in 40_000..40_030 {
        let port = port.to_string();
        let discovery =
            |what: &str| run(&lab.fw, "turnutils_natdiscovery", &[what, "-L", &inside, "-l", &port, STUN[0]]);
        let mapping = discovery("-m");
        assert!(mapping.contains("NAT with Endpoint Independent Mapping!"), "{mapping}");
        let filtering = discovery("-f");
        assert!(filtering.contains("NAT with Endpoint Independent Filtering!"), "{filtering}");
        let hairpin = discovery("-H");
        assert!(hairpin.contains("Received a request (maybe a successful hairpinning)"), "{hairpin}");
        for (seen, public) in wans.iter_mut().zip([FIBER4[0], DSL4[0]]) {
            *seen |= mapping.contains(&public.to_string());
        }
        if wans == [true; 2] {
            break;
        }
    }
    assert_eq!(wans, [true; 2], "both WANs were looked at");
    router.end(&[]);
}

/// Shows RFC 4787 REQ-1, RFC 4787 REQ-8a.
#[test]
fn c_10_behind_a_shared_address_mapping_is_independent_and_filtering_is_what_was_asked_for() {
    let lab = shared_line();
    let _server = Server::start(&lab);
    let inside = INSIDE4[0].to_string();
    for (number, (filtering, found)) in (0..).zip([
        ("address-and-port", "NAT with Address and Port Dependent Filtering!"),
        ("address", "NAT with Address Dependent Filtering!"),
        ("endpoint", "NAT with Endpoint Independent Filtering!"),
    ]) {
        let router = start_sharing(&lab, &format!("filtering = \"{filtering}\""));
        let discovery = |what: &str, port: u16| {
            run(&lab.fw, "turnutils_natdiscovery", &[what, "-L", &inside, "-l", &port.to_string(), STUN[0]])
        };
        let mapping = discovery("-m", 40_000 + 2 * number);
        assert!(mapping.contains("NAT with Endpoint Independent Mapping!"), "{filtering}: {mapping}");
        let said = discovery("-f", 40_001 + 2 * number);
        assert!(said.contains(found), "{filtering}: {said}");
        router.end_with(if filtering == "endpoint" { &[] } else { &["filtered"] });
    }
}
