//! What real flows show of a line has a say in how it is: probes that fail alone do not take it down, what a remote sends
//! on its own account does not hold it up, and handshakes that fail on one line alone degrade it.

use crate::lab::{
    Router, all_by_dsl, connected, forward, forward_all, goes_on, judged, lab, probing, run, shared_again, start_with,
    wait_for, wait_until, wan, while_streaming,
};
use flowpin::api::Health;
use flowpin::clock::pause;
use flowpin::lab::topology::SERVER4;
use flowpin::lab::traffic::Traffic;
use flowpin::lab::{Lab, Options};
use std::io::{Read, Write};
use std::net::{IpAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

const ECHO: u16 = 7;
const WEB: u16 = 80;
/// A second address of the Internet host, on which nobody listens.
const OTHER: &str = "203.0.113.11";

/// The only thing that is probed answers no more.
const DARK: &str = "icmp type echo-reply drop; icmpv6 type echo-reply drop;";

/// How the fiber is for IPv4.
fn fiber4(router: &Router<'_>) -> Health {
    wan(router, "fiber").health.remove(0)
}

/// Rounds of a millisecond and more, until it is over; a test that has failed in the meantime ends all the same.
fn rounds(over: &AtomicBool) -> impl Iterator<Item = u32> {
    (0..20_000).take_while(|_| !over.load(Relaxed)).inspect(|_| pause(Duration::from_millis(1)))
}

/// Questions and answers, one after the other, until it is over.
fn talk(session: &mut TcpStream, over: &AtomicBool) {
    rounds(over).for_each(|_| goes_on(session));
}

#[test]
fn a_line_that_real_flows_get_replies_on_stays_up_when_its_only_probe_fails_and_falls_when_they_end() {
    let lab = lab(Options::default());
    let router = start_with(&lab, &probing(&lab));
    let _servers = Traffic::servers(&lab).expect("servers");
    wait_for(&router, "fiber", "up");
    let mut session = connected(&lab, &router, ECHO, "fiber");
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| talk(&mut session, &over));
        // Its replies have been counted.
        wait_until("the stream flows", || wan(&router, "fiber").inbound_rate.packets_per_second > 50);
        forward(&lab, DARK);
        wait_for(&router, "fiber", "ipv4 up, ipv6 down");
        wait_until("the probes are overruled", || fiber4(&router).vetoed);
        for _ in 0..20 {
            let it = fiber4(&router);
            assert_eq!((it.state.as_str(), it.vetoed), ("up", true), "{}", it.reason);
            assert!(
                it.reason.ends_with("(icmp 203.0.113.10: no answer), and yet real flows get replies"),
                "{}",
                it.reason
            );
            pause(Duration::from_millis(50));
        }
        over.store(true, Relaxed);
    });
    wait_for(&router, "fiber", "down");
    assert!(!fiber4(&router).vetoed);
    router.end_with_losses();
}

#[test]
fn real_flows_have_no_say_where_that_is_switched_off() {
    let lab = lab(Options::default());
    let config = format!("{}\n[default]\ntraffic_evidence = false\n", probing(&lab));
    let router = start_with(&lab, &config);
    let _servers = Traffic::servers(&lab).expect("servers");
    wait_for(&router, "fiber", "up");
    let mut session = connected(&lab, &router, ECHO, "fiber");
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| talk(&mut session, &over));
        wait_until("the stream flows", || wan(&router, "fiber").inbound_rate.packets_per_second > 50);
        forward(&lab, DARK);
        wait_until("it is down", || {
            let it = fiber4(&router);
            assert!(!it.vetoed);
            it.state == "down"
        });
        over.store(true, Relaxed);
    });
    router.end_with_losses();
}

#[test]
fn what_a_remote_sends_on_does_not_hold_up_a_line_whose_way_out_is_dead() {
    let lab = lab(Options::default());
    let router = start_with(&lab, &probing(&lab));
    wait_for(&router, "fiber", "up");
    while_streaming(&lab, |received| {
        wait_until("the stream flows", || wan(&router, "fiber").inbound_rate.packets_per_second > 50);
        forward(&lab, "iifname \"customer\" drop;");
        wait_for(&router, "fiber", "down");
        let then = received.load(Relaxed);
        wait_until("the stream still comes", || received.load(Relaxed) > then + 50);
    });
    router.end_with_losses();
}

#[test]
fn what_a_remote_repeats_does_not_hold_up_a_line_whose_way_out_is_dead() {
    let lab = lab(Options::default());
    let router = start_with(&lab, &probing(&lab));
    let _servers = Traffic::servers(&lab).expect("servers");
    wait_for(&router, "fiber", "up");
    let mut download = connected(&lab, &router, WEB, "fiber");
    let mut upload = connected(&lab, &router, ECHO, "fiber");
    download.write_all(b"GET /1073741824 HTTP/1.1\r\n\r\n").expect("the request leaves");
    std::thread::scope(|scope| {
        // Both end by their timeouts, or with the lab.
        for stream in [&download, &upload] {
            stream.set_read_timeout(Some(Duration::from_secs(2))).expect("a timeout");
            stream.set_write_timeout(Some(Duration::from_secs(2))).expect("a timeout");
        }
        scope.spawn(|| while matches!(download.read(&mut [0; 65_536]), Ok(1..)) {});
        scope.spawn(|| while upload.write_all(&[0; 65_536]).is_ok() {});
        wait_until("both flow", || {
            let wan = wan(&router, "fiber");
            [wan.inbound_rate, wan.outbound_rate].iter().all(|rate| rate.bits_per_second > 1_000_000)
        });
        forward(&lab, "iifname \"customer\" drop;");
        wait_for(&router, "fiber", "down");
    });
    router.end_with_losses();
}

#[test]
fn a_line_on_which_only_handshakes_fail_is_degraded_and_tried_again() {
    let lab = lab(Options::default());
    let config = judged(&lab, "probes = [{ icmp = \"203.0.113.10\" }]\ninterval = \"100ms\"\nhold = \"1s\"");
    let router = start_with(&lab, &config);
    let _servers = Traffic::servers(&lab).expect("servers");
    wait_for(&router, "fiber", "up");
    wait_for(&router, "dsl", "up");
    forward(&lab, "tcp flags & (syn | ack) == syn drop;");
    // A remote that alone does not answer would be no evidence.
    run(&lab.inet, "ip", &["address", "add", OTHER, "dev", "lo"]);
    wait_until("handshakes degrade the line", || {
        (0..20).for_each(|round| dial(&lab, if round % 2 == 0 { SERVER4.into() } else { OTHER.parse().unwrap() }));
        fiber4(&router).state == "degraded"
    });
    let why = fiber4(&router).reason;
    assert!(why.contains("TCP handshakes stayed unanswered while others succeed on another WAN; up after"), "{why}");
    all_by_dsl(&lab);
    assert_eq!(wan(&router, "dsl").state, "up");
    forward_all(&lab);
    wait_for(&router, "fiber", "up");
    assert_eq!(fiber4(&router).reason, "TCP handshakes failed here and are tried again");
    shared_again(&lab);
    router.end_with_losses();
}

/// Tries a connection for 50 ms. Who refuses it answers.
fn dial(lab: &Lab, remote: IpAddr) {
    let to = (remote, ECHO).into();
    let _ = lab.fw.run(|| TcpStream::connect_timeout(&to, Duration::from_millis(50))).expect("the namespace");
}
