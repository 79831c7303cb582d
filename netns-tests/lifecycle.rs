//! What starts and stops leaves the machine as it was, to the byte, also after a kill; what cannot start changes nothing.

use crate::lab::{Router, attempt, flowpin, lab, open_at_stop, run, start_with, wait_until};
use crate::machine::machine_of;
use flowpin::clock::pause;
use flowpin::lab::{Lab, Options};
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixListener;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Rules, routes, nftables, sysctls and links of the router.
fn state(lab: &Lab) -> String {
    machine_of(lab) + &run(&lab.rt, "ip", &["-br", "link"])
}

fn assert_same(before: &str, after: &str) {
    let changed = before.lines().zip(after.lines()).find(|(before, after)| before != after);
    assert_eq!(changed, None, "the first line that differs");
    assert_eq!(before, after);
}

/// A machine that has something to lose: rules, routes and a firewall of its own, filters and forwarding switched on.
fn furnished(options: Options) -> Lab {
    let lab = lab(options);
    let ruleset = "table inet filter { chain forward { type filter hook forward priority 0; policy accept; ip saddr 192.0.2.0/24 drop; }; }";
    run(&lab.rt, "nft", &[ruleset]);
    for line in [
        "rule add priority 1000 from 192.0.2.0/24 lookup 100",
        "-6 rule add priority 1000 from 2001:db8:a::/48 lookup 100",
        "route add 192.0.2.198/32 dev wan0 table 100",
        "route add 10.9.0.0/16 via 10.250.250.2",
        "-6 route add fd00:9::/32 via fe80::2 dev lan0",
    ] {
        run(&lab.rt, "ip", &line.split(' ').collect::<Vec<_>>());
    }
    for switch in ["net.ipv4.conf.all.rp_filter=2", "net.ipv4.ip_forward=1", "net.ipv4.conf.wan0.rp_filter=1"] {
        run(&lab.rt, "sysctl", &["-qw", switch]);
    }
    lab
}

/// Each stop is to put everything back.
fn start_open(lab: &Lab) -> Router<'_> {
    start_with(lab, &open_at_stop(&lab.config()))
}

fn browses(lab: &Lab) {
    for server in ["203.0.113.10", "2001:db8:ffff::10"] {
        run(&lab.fw, "ping", &["-n", "-c", "1", "-W", "5", server]);
    }
}

#[test]
fn a_stop_leaves_the_machine_as_it_was_before_the_start() {
    for options in [Options::default(), Options { threads: Some(2), ..Options::default() }] {
        let lab = furnished(options);
        let before = state(&lab);
        let files = || fs::read_dir(lab.directory()).expect("the directory").count();
        for round in 1..=2 {
            let router = start_open(&lab);
            assert_ne!(state(&lab), before, "there is something to take back");
            browses(&lab);
            router.end(&[]);
            assert_same(&before, &state(&lab));
            assert_eq!(files(), 1, "in round {round} nothing but the configuration file is left");
        }
    }
}

#[test]
fn a_stop_at_any_moment_of_the_start_leaves_nothing() {
    let lab = furnished(Options::default());
    let before = state(&lab);
    let file = lab.directory().join("early.toml");
    fs::write(&file, open_at_stop(&lab.config())).expect("the file");
    for delay in [0, 3, 6, 9, 12, 15, 20, 25, 30, 40, 60, 100] {
        let mut command = Command::new(flowpin());
        command.args(["run", "--config"]).arg(&file).stderr(Stdio::null());
        let mut child = lab.rt.spawn(&mut command).expect("flowpin runs");
        pause(Duration::from_millis(delay));
        signal(child.id(), Signal::SIGTERM);
        // Ended in order, or by the signal before anything was done.
        let ended = child.wait().expect("its end");
        assert!(ended.success() || ended.signal() == Some(Signal::SIGTERM as i32), "after {delay} ms: {ended}");
        assert_same(&before, &state(&lab));
    }
}

fn signal(process: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(process).expect("a pid"));
    nix::sys::signal::kill(pid, signal).expect("it lives");
}

#[test]
fn a_terminal_that_is_closed_ends_nothing() {
    let lab = lab(Options::default());
    let mut router = start_open(&lab);
    signal(router.service().pid(), Signal::SIGHUP);
    wait_until("it is said", || router.service().log().contains("SIGHUP: nothing is done"));
    browses(&lab);
    router.end(&[]);
}

#[test]
fn after_a_kill_the_next_start_takes_over_and_its_stop_leaves_nothing() {
    let lab = furnished(Options::default());
    let before = state(&lab);
    for _ in 0..2 {
        let router = start_open(&lab);
        browses(&lab);
        router.kill9();
        assert_ne!(state(&lab), before, "a kill takes nothing back");
        // The router is no router now, and leaks nothing: what would leave untranslated is refused.
        let (answered, text) = attempt(&lab.fw, "ping", &["-n", "-c", "1", "-W", "2", "203.0.113.10"]);
        assert!(!answered && text.contains("nreachable"), "{text}");
    }
    assert!(fs::metadata(lab.socket()).expect("the stale socket").file_type().is_socket());
    let router = start_open(&lab);
    browses(&lab);
    router.end(&[]);
    assert_same(&before, &state(&lab));
}

#[test]
fn after_a_kill_another_configuration_takes_over_too() {
    let lab = furnished(Options::default());
    let before = state(&lab);
    start_open(&lab).kill9();
    let other = open_at_stop(&lab.config()).replace("[downstream]", "[downstream]\ntun = \"other0\"");
    let router = start_with(&lab, &other);
    browses(&lab);
    let rules = run(&lab.rt, "ip", &["rule"]) + &run(&lab.rt, "nft", &["list", "tables"]);
    assert!(rules.contains("other0") && !rules.contains("flowpin0"), "{rules}");
    router.end(&[]);
    assert_same(&before, &state(&lab));
}

/// Runs a configuration that cannot work. Its exit code and what it said.
fn refused(lab: &Lab, config: &str) -> (Option<i32>, String) {
    let file = lab.directory().join("refused.toml");
    fs::write(&file, config).expect("the file");
    let output = lab.rt.output(Command::new(flowpin()).args(["run", "--config"]).arg(&file)).expect("flowpin runs");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_start_that_is_refused_changes_nothing() {
    let lab = furnished(Options::default());
    let config = lab.config();
    // Somebody else's rule with the priority that flowpin needs.
    run(&lab.rt, "ip", &["rule", "add", "priority", "61", "from", "198.18.0.0/15", "lookup", "100"]);
    let before = state(&lab);
    let (code, said) = refused(&lab, &config);
    assert!(code == Some(1) && said.contains("the IPv4 policy rule 61 (lookup 100) is in the way: "), "{said}");
    assert_same(&before, &state(&lab));
    run(&lab.rt, "ip", &["rule", "del", "priority", "61"]);

    let before = state(&lab);
    let cases = [
        (config.replace("\"lan0\"", "\"lan9\""), 1, "there is no link \"lan9\" on this machine"),
        (config.replace("next_hop6 = \"fe80::2\"", ""), 1, "set next_hop6 in [downstream]"),
        (config.replace("weight = 2", "wait = 2"), 2, "refused.toml"),
        (config.replace("[downstream]", "[downstream"), 2, "refused.toml"),
    ];
    for (config, code, sentence) in cases {
        let (ended, said) = refused(&lab, &config);
        assert!(ended == Some(code) && said.contains(sentence), "{sentence}: {ended:?} {said}");
        assert_same(&before, &state(&lab));
    }
    run(&lab.rt, "ip", &["link", "add", "flowpin0", "type", "veth", "peer", "name", "other"]);
    let before = state(&lab);
    let (code, said) = refused(&lab, &config);
    assert!(code == Some(1) && said.contains("a link named \"flowpin0\" exists already"), "{said}");
    assert_same(&before, &state(&lab));
    run(&lab.rt, "ip", &["link", "del", "flowpin0"]);
    run(&lab.rt, "ip", &["link", "set", "lan0", "down"]);
    let before = state(&lab);
    let (code, said) = refused(&lab, &config);
    assert!(code == Some(1) && said.contains("the link \"lan0\" is down: bring it up"), "{said}");
    assert_same(&before, &state(&lab));
}

#[test]
fn a_stale_socket_is_replaced_and_anything_else_in_its_place_is_named() {
    let lab = lab(Options::default());
    drop(UnixListener::bind(lab.socket()).expect("a socket that nobody listens to any more"));
    let before = state(&lab);
    start_open(&lab).end(&[]);
    assert!(!lab.socket().exists());

    fs::write(lab.socket(), "precious").expect("a file");
    let (code, said) = refused(&lab, &lab.config());
    assert!(code == Some(1) && said.contains("is in the way of the control socket and is not a socket"), "{said}");
    assert_eq!(fs::read_to_string(lab.socket()).expect("the file"), "precious");
    assert_same(&before, &state(&lab));
}

#[test]
fn the_control_socket_is_for_its_group_alone() {
    let lab = lab(Options::default());
    let config = open_at_stop(&lab.config()).replace("[control]", "[control]\ngroup = \"nogroup\"");
    let router = start_with(&lab, &config);
    let socket = fs::metadata(lab.socket()).expect("the socket");
    assert_eq!((socket.mode() & 0o777, socket.uid(), socket.gid()), (0o660, 0, 65_534));
    router.end(&[]);
    let router = start_open(&lab);
    let socket = fs::metadata(lab.socket()).expect("the socket");
    assert_eq!((socket.mode() & 0o777, socket.uid(), socket.gid()), (0o600, 0, 0));
    router.end(&[]);
}
