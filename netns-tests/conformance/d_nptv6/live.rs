//! C-42 with a kernel that hears what it is told, C-45 with connections that outlive a router. Must never know: how addresses are computed.

use crate::lab::{attempt, lab, run, start};
use flowpin::lab::topology::{DSL6_RFC6296, FIBER6_PREFIX, SERVER6};
use flowpin::lab::{Npt, Options};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

/// Shows RFC 6296 §3.7.
#[test]
fn c_42_the_host_whose_identifier_has_no_other_side_learns_it_from_ping() {
    let lab = lab(Options { npt: [Npt::Rfc6296; 2], ..Options::default() });
    let hosts =
        [("fd00:bad:b01:5::", "Parameter problem"), ("fd00:bad:b01:5:ffff:ffff:ffff:ffff", "Address unreachable")];
    let router = start(&lab);
    for (host, told) in hosts {
        run(&lab.fw, "ip", &["address", "add", &format!("{host}/128"), "dev", "lan0", "nodad"]);
        let (heard, text) = attempt(&lab.fw, "ping", &["-n", "-c", "1", "-W", "5", "-I", host, "2001:db8:ffff::10"]);
        assert!(!heard && text.contains(told), "{host}: {text}");
    }
    router.end(&[("outbound", "unmappable", 1), ("outbound", "unmappable-identifier", 1)]);
}

/// Shows RFC 6296 §5.
#[test]
fn c_45_connections_go_on_through_a_router_that_was_killed_and_started_again() {
    let lab = lab(Options::default());
    let router = start(&lab);
    let listener = lab.inet.run(|| TcpListener::bind((SERVER6, 5001))).expect("the namespace can be entered");
    let listener = listener.expect("a free port");
    // Enough of them that both WANs, and so both modes, have some.
    let mut pairs: Vec<(TcpStream, TcpStream)> = Vec::new();
    let mut publics = BTreeSet::new();
    for _ in 0..16 {
        let near = lab.fw.run(|| TcpStream::connect((SERVER6, 5001))).expect("the namespace can be entered");
        let (far, from) = listener.accept().expect("a visitor");
        publics.insert(from.ip());
        pairs.push((near.expect("a connection"), far));
    }
    assert_eq!(publics, BTreeSet::from([FIBER6_PREFIX.into(), DSL6_RFC6296.into()]));
    router.kill9();
    let router = start(&lab);
    for (number, (near, far)) in pairs.iter_mut().enumerate() {
        // Half of them go on from inside, half from outside.
        let (first, second) = if number % 2 == 0 { (near, far) } else { (far, near) };
        talk(first, second);
        talk(second, first);
    }
    router.end(&[]);
}

fn talk(from: &mut TcpStream, to: &mut TcpStream) {
    to.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    from.write_all(b"still there?").expect("the connection stands");
    let mut word = [0; 12];
    to.read_exact(&mut word).expect("the word arrives");
    assert_eq!(&word, b"still there?");
}
