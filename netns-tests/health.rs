//! A line that is dead behind its link is found out by probes, one that is drained by hand and one that comes later are
//! obeyed at once: new flows go where they can, those that stand notice nothing.

use crate::lab::{
    all_by_dsl, connected, flow, goes_on, lab, probing, run, say, shared_again, start_with, wait_for, wait_until, wan,
};
use flowpin::api::{Event, Status, Wan};
use flowpin::lab::Options;
use flowpin::lab::traffic::Traffic;
use std::io::{ErrorKind, Read};

const ECHO: u16 = 7;

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
    let told = |line: &&str| {
        ["WAN changed", "fiber", "ipv4", "from", "up", "down", "trace"].iter().all(|it| line.contains(it))
    };
    // The log follows at its own pace.
    wait_until("it is told", || router.service().log().lines().any(|line| told(&line)));
    let log = router.service().log();
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
