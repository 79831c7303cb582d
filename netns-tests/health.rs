//! A line that is dead behind its link is found out by probes, one that is drained by hand and one that comes later are
//! obeyed at once: new flows go where they can, those that stand notice nothing.

use crate::failover::{connected, flow, seen};
use crate::lab::{Router, attempt, flowpin, lab, run, start_with, wait_until};
use flowpin::api::{Event, Status, Wan};
use flowpin::lab::topology::{DSL4, FIBER4, SERVER4, SERVER6};
use flowpin::lab::traffic::Traffic;
use flowpin::lab::{Lab, Options};
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, TcpStream};

const ECHO: u16 = 7;

/// The lab's configuration, with this in `[wan.health]` of both WANs.
pub fn judged(lab: &Lab, health: &str) -> String {
    lab.config().replace("[wan.nat44]", &format!("[wan.health]\n{health}\n[wan.nat44]"))
}

/// Quick probes of the server in both families, and no long hold.
pub fn probing(lab: &Lab) -> String {
    let probes = format!("probes = [{{ icmp = \"{SERVER4}\" }}, {{ icmp = \"{SERVER6}\" }}]");
    judged(lab, &format!("{probes}\ninterval = \"50ms\"\ntimeout = \"50ms\"\nrise = 2\nhold = \"100ms\""))
}

pub fn wan(router: &Router<'_>, name: &str) -> Wan {
    router.status().wans.into_iter().find(|it| it.name == name).expect("the WAN")
}

pub fn wait_for(router: &Router<'_>, name: &str, state: &str) {
    wait_until(&format!("{name} is {state}"), || wan(router, name).state == state);
}

pub fn all_by_dsl(lab: &Lab) {
    (0..20).for_each(|_| assert_eq!(seen(lab), IpAddr::from(DSL4[0])));
}

pub fn shared_again(lab: &Lab) {
    assert!((0..64).any(|_| seen(lab) == IpAddr::from(FIBER4[0])), "no flow of 64 goes by fiber");
}

/// A question to an echo server, and its answer.
pub fn goes_on(stream: &mut TcpStream) {
    stream.write_all(&[b'.'; 200]).expect("it leaves");
    stream.read_exact(&mut [0; 200]).expect("it comes back");
}

/// What the command says, and whether it succeeds.
pub fn say(lab: &Lab, words: &[&str]) -> (bool, String) {
    let socket = lab.socket();
    let words = [words, &["--socket", socket.to_str().expect("UTF-8")]].concat();
    attempt(&lab.rt, flowpin().to_str().expect("UTF-8"), &words)
}

#[test]
fn c_91_a_black_hole_takes_new_flows_away_and_gives_them_back_and_the_old_wait_for_it() {
    let lab = lab(Options::default());
    let router = start_with(&lab, &probing(&lab));
    let _servers = Traffic::servers(&lab).expect("servers");
    wait_for(&router, "fiber", "up");
    wait_for(&router, "dsl", "up");
    let (mut waiting, mut steady) = (connected(&lab, &router, ECHO, "fiber"), connected(&lab, &router, ECHO, "dsl"));
    run(&lab.ispa, "nft", &["table inet hole { chain forward { type filter hook forward priority 0; drop; }; }"]);
    wait_for(&router, "fiber", "down");
    let [v4, v6] = &wan(&router, "fiber").health[..] else { panic!("two families") };
    assert!(v4.reason.contains("icmp 203.0.113.10: no answer"), "{}", v4.reason);
    assert_eq!(v6.probes[0].last.as_deref(), Some("no answer"));
    assert_eq!(wan(&router, "dsl").state, "up");
    all_by_dsl(&lab);
    goes_on(&mut steady);
    let port = waiting.local_addr().unwrap().port();
    assert_eq!(flow(&router, "tcp", port).wan, "fiber", "it stays where it is");
    run(&lab.ispa, "nft", &["delete table inet hole"]);
    goes_on(&mut waiting);
    wait_for(&router, "fiber", "up");
    shared_again(&lab);
    router.end_with_losses();
}

#[test]
fn c_91_a_family_that_dies_alone_takes_only_its_own_flows_away() {
    let lab = lab(Options::default());
    let router = start_with(&lab, &probing(&lab));
    let _servers = Traffic::servers(&lab).expect("servers");
    wait_for(&router, "fiber", "up");
    let hole = "table ip6 hole { chain forward { type filter hook forward priority 0; drop; }; }";
    run(&lab.ispa, "nft", &[hole]);
    wait_for(&router, "fiber", "ipv4 up, ipv6 down");
    shared_again(&lab);
    run(&lab.ispa, "nft", &["delete table ip6 hole"]);
    wait_for(&router, "fiber", "up");
    router.end_with_losses();
}

#[test]
fn a_wan_that_is_drained_by_hand_keeps_its_flows_and_gets_no_new_ones() {
    let lab = lab(Options::default());
    let router = start_with(&lab, &lab.config());
    let _servers = Traffic::servers(&lab).expect("servers");
    wait_for(&router, "fiber", "up");
    let mut session = connected(&lab, &router, ECHO, "fiber");
    let (done, said) = say(&lab, &["wan", "fiber", "drain", "--reason", "new modem"]);
    let expected = "fiber ipv4: drained (drain by hand: new modem)\nfiber ipv6: drained (drain by hand: new modem)\n";
    assert_eq!((done, said.as_str()), (true, expected));
    all_by_dsl(&lab);
    goes_on(&mut session);
    let (_, text) = say(&lab, &["status"]);
    assert!(text.contains("drain by hand: new modem"), "{text}");
    let (done, said) = say(&lab, &["wan", "fiber", "auto", "--json"]);
    let wan: Wan = serde_json::from_str(&said).expect("JSON and nothing else");
    assert_eq!((done, wan.state.as_str()), (true, "up"));
    shared_again(&lab);
    goes_on(&mut session);
    router.end_with_losses();
}

#[test]
fn a_wan_that_is_taken_down_by_hand_loses_its_flows_and_a_wrong_name_is_corrected() {
    let lab = lab(Options::default());
    let mut router = start_with(&lab, &lab.config());
    let _servers = Traffic::servers(&lab).expect("servers");
    wait_for(&router, "fiber", "up");
    let mut session = connected(&lab, &router, ECHO, "fiber");
    let refused = say(&lab, &["wan", "fibre", "down"]);
    assert_eq!(refused, (false, "flowpin: no WAN is named \"fibre\": did you mean \"fiber\"?\n".to_owned()));
    goes_on(&mut session);
    assert!(say(&lab, &["wan", "fiber", "down"]).0);
    assert_eq!(session.read(&mut [0; 8]).map_err(|error| error.kind()), Err(ErrorKind::ConnectionReset));
    let log = router.service().log();
    let told = |line: &&str| {
        ["WAN changed", "fiber", "ipv4", "from", "up", "down", "trace"].iter().all(|it| line.contains(it))
    };
    assert_eq!(log.lines().filter(told).count(), 1, "{log}");
    router.end_with_losses();
}

#[test]
fn a_hook_is_told_of_each_transition() {
    let lab = lab(Options::default());
    let file = lab.directory().join("events");
    let command = format!("[\"/bin/sh\", \"-c\", \"cat >> {}\"]", file.display());
    let config = format!("{}\n[hooks]\non_event = {command}\n", lab.config());
    let router = start_with(&lab, &config);
    let told = || std::fs::read_to_string(&file).unwrap_or_default();
    wait_until("both lines are told to be up", || told().lines().count() == 4);
    assert!(say(&lab, &["wan", "dsl", "drain", "--reason", "it's \"slow\""]).0);
    assert!(say(&lab, &["wan", "dsl", "auto"]).0);
    wait_until("four more events are told", || told().lines().count() == 8);
    let lines = told();
    let events: Vec<Event> = lines.lines().skip(4).map(|line| serde_json::from_str(line).expect("an event")).collect();
    let shape = |it: &Event| [&it.wan, &it.interface, &it.family, &it.from, &it.to].map(String::clone);
    let due =
        [["ipv4", "up", "drained"], ["ipv6", "up", "drained"], ["ipv4", "drained", "up"], ["ipv6", "drained", "up"]];
    for (event, [family, from, to]) in events.iter().zip(due) {
        assert_eq!(shape(event), ["dsl", "wan1", family, from, to]);
    }
    assert_eq!(events[0].reason, "drain by hand: it's \"slow\"");
    assert!(events[0].trace == events[1].trace && events[1].trace != events[2].trace, "one cause, one trace");
    router.end(&[]);
}

#[test]
fn a_wan_that_is_absent_at_start_is_used_when_it_comes() {
    let lab = lab(Options::default());
    run(&lab.rt, "ip", &["link", "del", "wan0"]);
    let router = start_with(&lab, &lab.config());
    let _servers = Traffic::servers(&lab).expect("servers");
    assert_eq!(wan(&router, "fiber").state, "absent");
    all_by_dsl(&lab);
    let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let ip = |namespace, line: &str| {
        run(namespace, "ip", &words(line).iter().map(String::as_str).collect::<Vec<_>>());
    };
    let make = "link add wan0 address 00:00:5e:00:53:a2 type veth peer name customer address 00:00:5e:00:53:a1 netns";
    ip(&lab.rt, &format!("{make} {}", lab.ispa.name()));
    ip(&lab.ispa, "address add 192.0.2.198/29 dev customer");
    ip(&lab.ispa, "address add fe80::a1/64 dev customer nodad");
    ip(&lab.ispa, "link set customer up");
    ip(&lab.rt, "link set wan0 up");
    wait_for(&router, "fiber", "up");
    wait_until("the gateway answers", || wan(&router, "fiber").gateways[0].mac.is_some());
    shared_again(&lab);
    let status: Status = router.status();
    assert_eq!(status.wans[0].health[0].reason, "the probes are answered");
    router.end_with_losses();
}
