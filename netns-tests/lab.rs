//! The harness: a lab that must come up, programs that must succeed, and the checks that each lab test ends with.
//! Must never know: any single claim.

mod bulk;
mod capture;
mod daemon;
mod dhcpcd;
mod echo;
mod everything;
mod flows;
mod line;
mod lines;
mod modem;
mod noise;
mod path;
mod provider;
mod raw;
mod segment;
mod shared;
mod sniffer;
mod stream;
mod trace;
mod transfer;
mod trunk;
mod udp;

pub use bulk::exchange;
pub use capture::Capture;
pub use daemon::Daemon;
pub use dhcpcd::dhcpcd;
pub use echo::{Echo, echo};
pub use everything::everything_passes;
pub use flows::{all_by_dsl, connect_to, connected, flow, goes_on, seen, shared_again, socket};
pub use line::{TUNNELS, dial_pppoe, lay_loose_tunnel, lay_tunnel, lay_wireguard, serve_pppoe, wait_for_line};
pub use lines::{carry, cut, event, fiber_following, forward, forward_all, judged, mend, probing, wait_for, wan};
pub use modem::{Modem, plug_in};
pub use noise::{ADDRESSES_IN_A_ROUND, Noise};
pub use path::{
    Swallowed, announce_wide, dig_black_holes, forget_paths, set_lan_mtu, set_mtu, set_uplink_mtu, set_wan_mtu,
    swallow, wait_for_paths,
};
pub use provider::{Offer, Provider};
pub use raw::{Raw, ethernet};
pub use segment::Segment;
pub use shared::{SHARED, shared_line, sharing, start_sharing};
pub use sniffer::{Frame, Sniffer};
pub use stream::{STREAM, while_streaming};
pub use trace::trace;
pub use transfer::transfer;
pub use trunk::{Trunk, offloads};
pub use udp::{ask, mirror};

use flowpin::api::{Flow, Flows, Status};
use flowpin::clock::pause;
use flowpin::lab::{Counters, Lab, Namespace, Options, Service};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The program under test.
pub fn flowpin() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_flowpin"))
}

/// A lab, or the end of the test.
pub fn lab(options: Options) -> Lab {
    Lab::build(options).expect("the lab can be built (run the tests as root)")
}

/// A lab whose kernels send as many ICMP errors as they are asked for; by default one host gets six at once.
pub fn talkative_lab(options: Options) -> Lab {
    let lab = lab(options);
    for (_, namespace) in lab.namespaces() {
        run(namespace, "sysctl", &["-qw", "net.ipv4.icmp_ratelimit=0", "net.ipv6.icmp.ratelimit=0"]);
    }
    lab
}

/// flowpin running in a lab, with what the kernels had counted before.
pub struct Router<'a> {
    service: Option<Service>,
    lab: &'a Lab,
    before: Vec<u64>,
    _noise: Option<Noise>,
}

/// Names the switch by which every flowpin of the lab has noise beside it.
pub const NOISE: &str = "FLOWPIN_TEST_NOISE";

/// Starts flowpin with the lab's own configuration.
pub fn start(lab: &Lab) -> Router<'_> {
    start_with(lab, &lab.config())
}

/// This configuration, with each stop putting everything back.
pub fn open_at_stop(config: &str) -> String {
    config.replace("[downstream]", "[downstream]\non_stop = \"open\"")
}

/// Starts flowpin with another configuration.
pub fn start_with<'a>(lab: &'a Lab, config: &str) -> Router<'a> {
    let service = lab.start_flowpin_with(flowpin(), config).unwrap_or_else(|error| panic!("{error}"));
    let noise = std::env::var_os(NOISE).map(|_| Noise::begin(lab, true));
    Router { service: Some(service), lab, before: checksum_errors(lab), _noise: noise }
}

impl Router<'_> {
    /// The service itself.
    pub fn service(&mut self) -> &mut Service {
        self.service.as_mut().expect("the service is here until the end")
    }

    /// What flowpin says of itself.
    pub fn status(&self) -> Status {
        serde_json::from_str(&self.get("/v1/status")).expect("a status")
    }

    /// Its flows that match a query such as `protocol=udp&limit=5`.
    pub fn flows(&self, query: &str) -> Vec<Flow> {
        let flows: Flows = serde_json::from_str(&self.get(&format!("/v1/flows?{query}"))).expect("flows");
        flows.flows
    }

    fn get(&self, path: &str) -> String {
        let service = self.service.as_ref().expect("the service is here until the end");
        service.get(path).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Kills it, as a crash would: nothing it made is taken back.
    pub fn kill9(mut self) {
        let service = self.service.take().expect("the service is here until the end");
        service.kill9().expect("it was alive");
    }

    /// What every lab test ends with: the daemon lives, no receiver saw a wrong checksum, exactly these packets were
    /// dropped (direction, reason, count), no port lost a frame, and it stops in order.
    pub fn end(mut self, drops: &[(&str, &str, u64)]) {
        assert!(self.service().alive(), "flowpin has died");
        let status = self.status();
        assert_eq!(checksum_errors(self.lab), self.before, "wrong checksums at receivers, by namespace");
        let mut expected: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
        for (direction, reason, count) in drops {
            expected.entry((*direction).to_owned()).or_default().insert((*reason).to_owned(), *count);
        }
        assert_eq!(status.drops, expected, "drops");
        assert_eq!(status.ports, BTreeMap::new(), "frames lost at ports");
        self.stop();
    }

    /// Like [`Router::end`] where packets were dropped for these reasons, however many, and for no other.
    pub fn end_with(self, reasons: &[&'static str]) {
        let drops = self.status().drops;
        let counted = |direction: &'static str, reason: &'static str| {
            drops.get(direction)?.get(reason).map(|count| (direction, reason, *count))
        };
        let expected: Vec<_> = ["outbound", "inbound"]
            .into_iter()
            .flat_map(|direction| reasons.iter().filter_map(move |reason| counted(direction, reason)))
            .collect();
        assert!(expected.len() >= reasons.len(), "{drops:?}");
        self.end(&expected);
    }

    /// The end of a test that cuts lines, where frames are lost at ports: it is alive and stops in order, and no receiver
    /// saw a wrong checksum. What it said last.
    pub fn end_with_losses(mut self) -> Status {
        assert!(self.service().alive(), "flowpin has died");
        let status = self.status();
        assert_eq!(checksum_errors(self.lab), self.before, "wrong checksums at receivers, by namespace");
        self.stop();
        status
    }

    fn stop(&mut self) {
        let service = self.service.take().expect("the service is here until the end");
        let log = service.log();
        let ended = service.stop().expect("flowpin stops");
        assert!(ended.success(), "flowpin ended with {ended}:\n{log}");
    }
}

impl Drop for Router<'_> {
    /// A test that fails says what flowpin had to say.
    fn drop(&mut self) {
        if let Some(service) = self.service.take().filter(|_| std::thread::panicking()) {
            let status = service.get("/v1/status").unwrap_or_else(|error| error.to_string());
            eprintln!("flowpin's status: {status}\nflowpin's log:\n{}", service.log());
        }
    }
}

fn checksum_errors(lab: &Lab) -> Vec<u64> {
    let of = |(_, namespace): &(&str, &Namespace)| Counters::read(namespace).expect("counters").checksum_errors();
    lab.namespaces().iter().map(of).collect()
}

/// Runs a program in a namespace; it must succeed. Returns what it printed.
pub fn run(namespace: &Namespace, program: &str, arguments: &[&str]) -> String {
    let (success, text) = attempt(namespace, program, arguments);
    assert!(success, "{} failed in {}:\n{text}", line(program, arguments), namespace.name());
    text
}

/// Runs a command line of words in a namespace; it must succeed.
pub fn does(namespace: &Namespace, line: &str) {
    let words: Vec<_> = line.split(' ').collect();
    run(namespace, words[0], &words[1..]);
}

/// Gives the router's kernel a way to the Internet of its own, by ISP b.
pub fn route_by_default(lab: &Lab) {
    does(&lab.rt, "ip route replace default via 198.18.2.1 dev wan1");
    does(&lab.rt, "ip -6 route replace default via fe80::b1 dev wan1");
}

/// Has the router's kernel forward by itself what comes from the firewall, were flowpin not there.
pub fn forward_by_kernel(lab: &Lab) {
    does(&lab.rt, "sysctl -qw net.ipv4.ip_forward=1");
    does(&lab.rt, "sysctl -qw net.ipv6.conf.all.forwarding=1");
    route_by_default(lab);
}

/// Runs a program in a namespace. Returns whether it succeeded and what it printed.
pub fn attempt(namespace: &Namespace, program: &str, arguments: &[&str]) -> (bool, String) {
    let output = namespace.output(Command::new(program).args(arguments));
    let output = output.unwrap_or_else(|error| panic!("{} cannot be run: {error}", line(program, arguments)));
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    (output.status.success(), text.into_owned())
}

/// What the command says, and whether it succeeds.
pub fn say(lab: &Lab, words: &[&str]) -> (bool, String) {
    let socket = lab.socket();
    let words = [words, &["--socket", socket.to_str().expect("UTF-8")]].concat();
    attempt(&lab.rt, flowpin().to_str().expect("UTF-8"), &words)
}

fn line(program: &str, arguments: &[&str]) -> String {
    format!("`{program} {}`", arguments.join(" "))
}

/// The address in front of the port that the lab's web server and [`mirror`] answer with.
pub fn visitor(text: &str) -> IpAddr {
    let at: std::net::SocketAddr = text.trim().parse().unwrap_or_else(|_| panic!("not an address and port: {text:?}"));
    at.ip()
}

/// Lets workers and kernels finish what they were given at once; each has queues of its own, so no answer is a sign that
/// all are done.
pub fn settle() {
    pause(Duration::from_millis(300));
}

/// Says that it is over when it goes, also where a test fails on the way: threads that ask do not keep that from ending.
pub struct AtEnd<'a>(pub &'a AtomicBool);

impl Drop for AtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Waits until something becomes true, up to thirty seconds and more on a busy or an emulated machine; the test ends if it
/// does not.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    for _ in 0..600 {
        if condition() {
            return;
        }
        pause(Duration::from_millis(50));
    }
    panic!("in vain: waited until {what}");
}
