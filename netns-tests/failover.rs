//! A line dies while programs use it: what was on it is told or moves, what was not notices nothing, new flows go by the
//! other line at once, and come back with the line.

use crate::lab::{
    AtEnd, Router, carry, connect_to, connected, cut, event, flow, judged, lab, mend, run, seen, socket, start_with,
    visitor, wait_until,
};
use flowpin::lab::topology::{DSL4, DSL6_RFC6296, FIBER4, SERVER4, SERVER6};
use flowpin::lab::traffic::Traffic;
use flowpin::lab::{Lab, Options};
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};

const WEB: u16 = 80;
const ECHO: u16 = 7;
/// Rounds without a loss that show something, however slow the machine is.
const ENOUGH: u32 = 50;

/// flowpin, which takes a line as alive again soon after its link is back.
fn prompt(lab: &Lab) -> Router<'_> {
    start_with(lab, &judged(lab, "rise = 1\nhold = \"0s\""))
}

#[test]
fn a_download_over_a_line_that_is_cut_is_reset_and_its_redial_goes_by_the_other() {
    let lab = lab(Options::default());
    let router = prompt(&lab);
    let _servers = Traffic::servers(&lab).expect("servers");
    let mut download = connected(&lab, &router, WEB, "fiber");
    download.write_all(b"GET /1073741824 HTTP/1.1\r\n\r\n").expect("the request leaves");
    let mut block = [0; 65_536];
    (0..100).for_each(|_| assert!(download.read(&mut block).expect("it flows") > 0));
    carry(&lab, "fiber", false);
    let end = std::iter::repeat_with(|| download.read(&mut block)).find_map(Result::err).expect("it never ends well");
    assert_eq!(end.kind(), ErrorKind::ConnectionReset, "{end}");
    assert_eq!(seen(&lab), IpAddr::from(DSL4[0]));
    assert_eq!(event(&router, "reset"), 1);
    router.end_with_losses();
}

#[test]
fn a_silent_connection_over_a_line_that_is_cut_is_reset_too() {
    let lab = lab(Options::default());
    let router = prompt(&lab);
    let _servers = Traffic::servers(&lab).expect("servers");
    let mut silent = connected(&lab, &router, ECHO, "fiber");
    let mut other = connected(&lab, &router, ECHO, "dsl");
    cut(&lab, &router, "fiber");
    assert_eq!(silent.read(&mut [0; 8]).map_err(|error| error.kind()), Err(ErrorKind::ConnectionReset));
    let hello = [b'.'; 200];
    other.write_all(&hello).expect("it goes on");
    let mut back = [0; 200];
    other.read_exact(&mut back).expect("the other line's connection has noticed nothing");
    let status = router.end_with_losses();
    assert_eq!(status.drops, std::collections::BTreeMap::new(), "the hosts had nothing more to say");
}

/// Shows RFC 1812 §5.3.12.
/// The host waits for less than has reached the router, whose RST it therefore answers with a challenge ACK (RFC 5961 §3.2).
#[test]
fn a_silent_connection_whose_last_bytes_were_lost_behind_flowpin_is_reset_too() {
    let lab = lab(Options::default());
    let router = prompt(&lab);
    let _servers = Traffic::servers(&lab).expect("servers");
    let mut silent = connected(&lab, &router, ECHO, "fiber");
    let ruleset = "table ip lost { chain input { type filter hook input priority 0; tcp sport 7 ip length > 100 counter drop; }; }";
    run(&lab.fw, "nft", &[ruleset]);
    silent.write_all(&[b'.'; 200]).expect("it leaves");
    wait_until("its echo is lost", || !run(&lab.fw, "nft", &["list", "ruleset"]).contains("packets 0 "));
    cut(&lab, &router, "fiber");
    let end = silent.read_to_end(&mut Vec::new()).expect_err("it never ends well");
    assert_eq!(end.kind(), ErrorKind::ConnectionReset, "{end}");
    assert_eq!(event(&router, "reset"), 1);
    router.end_with_losses();
}

#[test]
fn datagrams_move_and_go_on_and_a_flow_of_the_other_line_loses_none() {
    let lab = lab(Options::default());
    let router = prompt(&lab);
    let _servers = Traffic::servers(&lab).expect("servers");
    let (moving, steady) = (socket(&lab, &router, ECHO, "fiber"), socket(&lab, &router, ECHO, "dsl"));
    let mut session = connected(&lab, &router, ECHO, "dsl");
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let steady = scope.spawn(|| every_answer_comes(&steady, &over));
        let session = scope.spawn(|| every_byte_comes_back(&mut session, &over));
        let end = AtEnd(&over);
        cut(&lab, &router, "fiber");
        moving.send(b"again").expect("it leaves");
        let mut answer = [0; 64];
        assert_eq!(moving.recv(&mut answer).expect("it has moved"), 5);
        drop(end);
        assert!(steady.join().unwrap() >= ENOUGH && session.join().unwrap() >= ENOUGH);
    });
    let port = moving.local_addr().unwrap().port();
    let moved = flow(&router, "udp", port);
    assert_eq!((moved.wan.as_str(), moved.public), ("dsl", Some(DSL4[0].into())));
    mend(&lab, &router, "fiber");
    moving.send(b"still").expect("it leaves");
    moving.recv(&mut [0; 64]).expect("it stays where it is");
    assert_eq!(flow(&router, "udp", port).wan, "dsl");
    assert_eq!(event(&router, "moved"), 1);
    router.end_with_losses();
}

/// Asks until it is over, one question after the other. How many were answered: all.
fn every_answer_comes(socket: &UdpSocket, over: &AtomicBool) -> u32 {
    let mut asked = 0u32;
    while asked < ENOUGH || !over.load(Ordering::Relaxed) {
        asked += 1;
        socket.send(&asked.to_be_bytes()).expect("it leaves");
        let mut answer = [0; 64];
        let length = socket.recv(&mut answer).expect("no question is lost");
        assert_eq!(answer[..length], asked.to_be_bytes());
    }
    asked
}

fn every_byte_comes_back(session: &mut TcpStream, over: &AtomicBool) -> u32 {
    let mut rounds = 0u32;
    while rounds < ENOUGH || !over.load(Ordering::Relaxed) {
        rounds += 1;
        let sent = [rounds as u8; 300];
        session.write_all(&sent).expect("it leaves");
        let mut back = [0; 300];
        session.read_exact(&mut back).expect("it comes back");
        assert_eq!(back, sent);
    }
    rounds
}

#[test]
fn new_flows_leave_with_the_line_and_come_back_with_it() {
    let lab = lab(Options::default());
    let router = prompt(&lab);
    let _servers = Traffic::servers(&lab).expect("servers");
    cut(&lab, &router, "fiber");
    (0..20).for_each(|_| assert_eq!(seen(&lab), IpAddr::from(DSL4[0])));
    mend(&lab, &router, "fiber");
    assert!((0..64).any(|_| seen(&lab) == IpAddr::from(FIBER4[0])), "new flows are shared again");
    router.end_with_losses();
}

/// Shows RFC 1812 §5.3.12.
#[test]
fn without_any_line_a_connection_fails_at_once_and_with_one_again_it_succeeds() {
    let lab = lab(Options::default());
    let router = prompt(&lab);
    let _servers = Traffic::servers(&lab).expect("servers");
    cut(&lab, &router, "fiber");
    cut(&lab, &router, "dsl");
    for server in [IpAddr::from(SERVER4), SERVER6.into()] {
        let failed = connect_to(&lab, SocketAddr::new(server, WEB)).expect_err("no way there");
        assert_eq!(failed.kind(), ErrorKind::NetworkUnreachable, "{failed}");
    }
    let refused = router.status().drops["outbound"]["all-wans-down"];
    assert_eq!(refused, 2, "each was told of its first SYN");
    mend(&lab, &router, "dsl");
    assert_eq!(seen(&lab), IpAddr::from(DSL4[0]));
    router.end_with_losses();
}

#[test]
fn a_family_that_loses_its_gateway_takes_only_its_flows_away() {
    let lab = lab(Options::default());
    let config = lab.config();
    assert!(config.contains("gateway6"), "{config}");
    let without = config.lines().filter(|line| !line.starts_with("gateway6")).collect::<Vec<_>>().join("\n");
    let router = start_with(&lab, &without);
    let _servers = Traffic::servers(&lab).expect("servers");
    let urls = vec!["http://[2001:db8:ffff::10]/"; 20];
    let arguments = [vec!["-sS", "--max-time", "20", "--no-keepalive"], urls].concat();
    let seen6 = run(&lab.fw, "curl", &arguments);
    assert!(seen6.lines().all(|line| visitor(line) == IpAddr::from(DSL6_RFC6296)), "{seen6}");
    assert!((0..64).any(|_| seen(&lab) == IpAddr::from(FIBER4[0])), "IPv4 has its gateway");
    router.end(&[]);
}
