//! A line whose link is up and on which nobody answers: what gets no answers leaves it, what gets some never notices.

use crate::lab::{
    Daemon, Router, STREAM, connected, event, forward, forward_all, goes_on, lab, probing, socket, start_with,
    wait_for, wait_until, wan, while_streaming,
};
use flowpin::api::Flow;
use flowpin::clock::pause;
use flowpin::lab::topology::SERVER4;
use flowpin::lab::traffic::Traffic;
use flowpin::lab::{Lab, Namespace, Options};
use std::io::{ErrorKind, Read, Write};
use std::net::UdpSocket;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

const ECHO: u16 = 7;
const DNS: u16 = 53;
/// Nothing passes the ISP, which goes on answering for itself.
const BLACK_HOLE: &str = "drop;";
/// Only what is sent is lost.
const DEAF: &str = "iifname \"customer\" drop;";
/// Only what comes back is lost.
const MUTE: &str = "oifname \"customer\" drop;";
/// Only the probes fail.
const DARK: &str = "icmp type echo-reply drop; icmpv6 type echo-reply drop;";
/// Longer than a flow may wait for an answer.
const LONG: Duration = Duration::from_millis(3500);

/// The flow from an inside port to a port of the server.
fn flow(router: &Router<'_>, protocol: &str, port: u16, server: u16) -> Option<Flow> {
    let flows = router.flows(&format!("protocol={protocol}&port={port}"));
    flows.into_iter().find(|flow| flow.inside_port == port && flow.remote_port == server)
}

fn is_on(router: &Router<'_>, protocol: &str, port: u16, server: u16, wan: &str) -> bool {
    flow(router, protocol, port, server).is_some_and(|flow| flow.wan == wan)
}

/// Flows that were moved, reset, and either for want of an answer.
fn left(router: &Router<'_>) -> [u64; 3] {
    ["moved", "reset", "silent"].map(|name| event(router, name))
}

fn dnsmasq(namespace: &Namespace, lab: &Lab, name: &str, words: &str) -> Daemon {
    let script = format!(
        "exec dnsmasq --no-daemon --conf-file=/dev/null --user=root --no-resolv --no-hosts --bind-interfaces \
         --cache-size=0 {words}"
    );
    Daemon::start(namespace, lab.directory(), name, &script)
}

/// Whether the resolver inside knows a name within a second.
fn resolves(lab: &Lab) -> bool {
    let ask = || -> std::io::Result<bool> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.connect(("127.0.0.1", DNS))?;
        socket.set_read_timeout(Some(Duration::from_secs(1)))?;
        let question = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x07example\x03com\0\0\x01\0\x01";
        socket.send(question)?;
        let mut answer = [0; 512];
        let length = socket.recv(&mut answer)?;
        // No error, and one answer (RFC 1035 §4.1.1).
        Ok(length > question.len() && answer[3] & 15 == 0 && answer[7] == 1)
    };
    lab.fw.run(ask).flatten().unwrap_or(false)
}

#[test]
fn a_resolver_and_a_quiet_socket_that_keep_their_ports_leave_a_black_hole() {
    let lab = lab(Options::default());
    let router = start_with(&lab, &probing(&lab));
    let _servers = Traffic::servers(&lab).expect("servers");
    let quiet = socket(&lab, &router, ECHO, "fiber");
    let port = socket(&lab, &router, ECHO, "fiber").local_addr().expect("it is bound").port();
    let upstream = format!("--listen-address={SERVER4} --address=/example.com/192.0.2.7");
    let _upstream = dnsmasq(&lab.inet, &lab, "upstream", &upstream);
    let words = format!("--listen-address=127.0.0.1 --server={SERVER4} --query-port={port}");
    let _resolver = dnsmasq(&lab.fw, &lab, "resolver", &words);
    wait_until("the resolver answers", || resolves(&lab));
    assert!(is_on(&router, "udp", port, DNS, "fiber"));
    forward(&lab, BLACK_HOLE);
    wait_for(&router, "fiber", "down");
    wait_until("the resolver answers again", || resolves(&lab));
    assert!(is_on(&router, "udp", port, DNS, "dsl"));
    assert_eq!(left(&router), [1, 0, 1]);
    pause(LONG);
    quiet.send(b"still there?").expect("it leaves");
    assert_eq!(quiet.recv(&mut [0; 64]).expect("its first question is answered"), 12);
    assert!(is_on(&router, "udp", quiet.local_addr().expect("it is bound").port(), ECHO, "dsl"));
    assert_eq!(left(&router), [2, 0, 2]);
    router.end_with_losses();
}

const SIZE: u32 = 50_000_000;

/// curl downloads at its ease, and redials when it fails.
fn download(lab: &Lab, port: u16) -> Child {
    let (port, url) = (port.to_string(), format!("http://{SERVER4}/{SIZE}"));
    // What curl begins again has to be a file, which it can cut.
    let file = lab.directory().join("download");
    let mut curl = Command::new("curl");
    curl.args(["-sS", "--limit-rate", "20M", "--retry", "20", "--retry-all-errors", "--retry-delay", "1"]);
    curl.args(["--local-port", &port, "-w", "%{size_download}", &url, "-o"]).arg(file);
    lab.fw.spawn(curl.stdout(Stdio::piped())).expect("curl runs")
}

/// A download that goes by the fiber, and its port.
fn download_by_fiber(lab: &Lab, router: &Router<'_>) -> (Child, u16) {
    for port in 42_000..42_064 {
        let mut curl = download(lab, port);
        wait_until("it has a flow", || flow(router, "tcp", port, 80).is_some());
        if is_on(router, "tcp", port, 80, "fiber") {
            return (curl, port);
        }
        curl.kill().and_then(|()| curl.wait()).expect("curl ends");
    }
    panic!("no port of 64 goes by the fiber");
}

#[test]
fn a_download_that_stalls_in_a_black_hole_is_reset_and_redials_from_its_port_by_the_other_line() {
    let lab = lab(Options::default());
    let router = start_with(&lab, &probing(&lab));
    let _servers = Traffic::servers(&lab).expect("servers");
    let (curl, port) = download_by_fiber(&lab, &router);
    wait_until("it flows", || wan(&router, "fiber").inbound_rate.bits_per_second > 10_000_000);
    forward(&lab, BLACK_HOLE);
    let ended = curl.wait_with_output().expect("curl ends");
    let size = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert!(ended.status.success() && size == SIZE.to_string(), "{ended:?}");
    assert!(is_on(&router, "tcp", port, 80, "dsl"));
    assert_eq!((left(&router), wan(&router, "fiber").state.as_str()), ([0, 1, 1], "down"));
    router.end_with_losses();
}

#[test]
fn what_is_answered_never_notices_and_stays_until_only_one_way_is_left() {
    for fault in [DEAF, MUTE] {
        let lab = lab(Options::default());
        let config = format!("{}\n[default]\ntraffic_evidence = false\n", probing(&lab));
        let router = start_with(&lab, &config);
        let _servers = Traffic::servers(&lab).expect("servers");
        wait_for(&router, "fiber", "up");
        let (mut session, talk) = (connected(&lab, &router, ECHO, "fiber"), socket(&lab, &router, ECHO, "fiber"));
        let idle = connected(&lab, &router, ECHO, "fiber");
        let mut exchange = || {
            for _ in 0..LONG.as_millis() / 50 {
                goes_on(&mut session);
                talk.send(b"hello").expect("it leaves");
                assert_eq!(talk.recv(&mut [0; 64]).expect("no question is lost"), 5);
                pause(Duration::from_millis(50));
            }
        };
        // The third is quiet meanwhile: what was spoken to just before a line falls could be a download.
        exchange();
        forward(&lab, DARK);
        wait_for(&router, "fiber", "down");
        exchange();
        assert_eq!((left(&router), wan(&router, "fiber").state.as_str()), ([0; 3], "down"));
        forward_all(&lab);
        forward(&lab, fault);
        session.write_all(b"anybody?").expect("it leaves");
        let end = session.read(&mut [0; 8]).expect_err("nobody answers").kind();
        assert_eq!(end, ErrorKind::ConnectionReset, "{fault}");
        talk.set_read_timeout(Some(Duration::from_millis(200))).expect("a timeout");
        wait_until("an answer comes by the other line", || {
            talk.send(b"hello").expect("it leaves");
            talk.recv(&mut [0; 64]).is_ok()
        });
        let port = talk.local_addr().expect("it is bound").port();
        assert!(is_on(&router, "udp", port, ECHO, "dsl"), "{fault}");
        assert_eq!(left(&router), [1, 1, 2], "{fault}");
        drop(idle);
        router.end_with_losses();
    }
}

#[test]
fn a_stream_goes_on_over_a_line_on_which_only_what_is_sent_is_lost() {
    let lab = lab(Options::default());
    let router = start_with(&lab, &probing(&lab));
    wait_for(&router, "fiber", "up");
    while_streaming(&lab, |received| {
        wait_until("the stream flows", || received.load(Relaxed) > 50);
        forward(&lab, DEAF);
        wait_for(&router, "fiber", "down");
        pause(LONG);
        let then = received.load(Relaxed);
        wait_until("the stream still comes", || received.load(Relaxed) > then + 50);
        assert!(is_on(&router, "udp", STREAM, STREAM, "fiber"));
    });
    assert_eq!(left(&router), [0; 3]);
    router.end_with_losses();
}

#[test]
fn where_silence_is_off_every_flow_drains() {
    let lab = lab(Options::default());
    let config = probing(&lab).replace("rise = 2", "rise = 2\nsilence = \"off\"");
    let router = start_with(&lab, &config);
    let _servers = Traffic::servers(&lab).expect("servers");
    wait_for(&router, "fiber", "up");
    let talk = socket(&lab, &router, ECHO, "fiber");
    forward(&lab, BLACK_HOLE);
    wait_for(&router, "fiber", "down");
    talk.set_read_timeout(Some(Duration::from_millis(500))).expect("a timeout");
    for _ in 0..10 {
        talk.send(b"hello").expect("it leaves");
        talk.recv(&mut [0; 64]).expect_err("nobody answers");
    }
    assert_eq!(left(&router), [0; 3]);
    router.end_with_losses();
}
