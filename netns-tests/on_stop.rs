//! A stop keeps the door shut, also over a restart, and `flowpin down` opens it and puts everything back; there is one
//! flowpin per network namespace.

use crate::lab::{
    AtEnd, Router, Sniffer, attempt, flowpin, forward_by_kernel, lab, open_at_stop, run, say, start, start_with,
    talkative_lab, wait_until,
};
use crate::machine::machine_of;
use flowpin::clock::pause;
use flowpin::lab::{Lab, Options};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const SERVERS: [&str; 2] = ["203.0.113.10", "2001:db8:ffff::10"];

/// A router that would forward what comes from the LAN link to an ISP if flowpin were not there.
fn forwarding_lab() -> Lab {
    let lab = talkative_lab(Options::default());
    forward_by_kernel(&lab);
    lab
}

fn browses(lab: &Lab) {
    for server in SERVERS {
        run(&lab.fw, "ping", &["-n", "-c", "3", "-W", "5", server]);
    }
}

fn is_refused(lab: &Lab) {
    for server in SERVERS {
        // The kernel says so of a route that refuses about once a second and receiver, and five times at once at most.
        let (answered, text) = attempt(&lab.fw, "ping", &["-n", "-c", "5", "-W", "2", server]);
        assert!(!answered && text.contains("nreachable"), "{text}");
    }
}

/// What ISP b gets with an inside address as its source, while `work` is done and the firewall pings without a pause.
fn leaked(lab: &Lab, work: impl FnOnce()) -> usize {
    let is_inside = |frame: &crate::lab::Frame| match frame.0.get(12..14) {
        Some([0x08, 0x00]) => frame.0.get(26..29) == Some(&[10, 250, 250][..]),
        Some([0x86, 0xdd]) => frame.0.get(22..28) == Some(&[0xfd, 0, 0x0b, 0xad, 0x0b, 1][..]),
        _ => false,
    };
    let sniffer = Sniffer::start(&lab.ispb, is_inside);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _over = AtEnd(&over);
        for server in SERVERS {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    attempt(&lab.fw, "ping", &["-n", "-c", "50", "-i", "0.01", "-W", "1", server]);
                }
            });
        }
        pause(Duration::from_millis(300));
        work();
        pause(Duration::from_millis(300));
    });
    sniffer.stop().len()
}

#[test]
fn nothing_leaves_untranslated_over_a_stop_and_a_restart_and_down_puts_everything_back() {
    let lab = forwarding_lab();
    let before = machine_of(&lab);
    let first = start(&lab);
    let leaked_in_all = leaked(&lab, || {
        first.end_with_losses();
        for _ in 0..3 {
            let router = start(&lab);
            browses(&lab);
            router.end_with_losses();
        }
    });
    assert_eq!(leaked_in_all, 0, "left with private addresses");
    is_refused(&lab);
    let (put_back, said) = say(&lab, &["down"]);
    assert!(put_back && said.contains("flowpin did not run; what it had left is put back: "), "{said}");
    assert_eq!(machine_of(&lab), before);
    let (again, said) = say(&lab, &["down"]);
    assert!(again && said.contains("flowpin did not run; nothing of it is left"), "{said}");
    assert_eq!(fs::read_dir(lab.directory()).expect("the directory").count(), 1, "the configuration alone is left");
    assert!(leaked(&lab, || ()) > 0, "the instrument sees nothing");
}

#[test]
fn with_on_stop_open_a_stop_puts_everything_back() {
    let lab = forwarding_lab();
    let before = machine_of(&lab);
    start_with(&lab, &open_at_stop(&lab.config())).end(&[]);
    assert_eq!(machine_of(&lab), before);
}

#[test]
fn down_ends_a_service_that_runs_and_that_says_so_by_its_exit_code() {
    let lab = forwarding_lab();
    let before = machine_of(&lab);
    let file = lab.directory().join("ended.toml");
    fs::write(&file, lab.config()).expect("the file");
    let mut command = Command::new(flowpin());
    command.args(["run", "--config"]).arg(&file).stderr(Stdio::null());
    let mut service = lab.rt.spawn(&mut command).expect("flowpin runs");
    wait_until("it answers", || say(&lab, &["status"]).0);
    let (ended, said) = say(&lab, &["down", "--json"]);
    let told = r#"{"ended":true,"settings":0,"rules":0,"routes":0,"tables":0}"#;
    assert!(ended && said.trim() == told, "{said}");
    assert_eq!(service.wait().expect("its end").code(), Some(3));
    assert_eq!(machine_of(&lab), before);
}

#[test]
fn down_puts_back_what_a_kill_left() {
    let lab = forwarding_lab();
    let before = machine_of(&lab);
    start(&lab).kill9();
    is_refused(&lab);
    let (put_back, said) = say(&lab, &["down", "--json"]);
    let counts: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    assert!(put_back && counts["ended"] == false && counts["tables"] == 2 && counts["rules"] == 4, "{said}");
    assert_eq!(machine_of(&lab), before);
    assert!(!lab.socket().exists(), "the socket of the dead is gone");
}

#[test]
fn a_start_that_fails_leaves_the_door_as_it_found_it() {
    let lab = forwarding_lab();
    start(&lab).end(&[]);
    let shut = machine_of(&lab);
    // It fails late: when everything else stands already.
    fs::write(lab.socket(), "precious").expect("a file");
    let file = lab.directory().join("failing.toml");
    fs::write(&file, lab.config()).expect("the file");
    let output = lab.rt.output(Command::new(flowpin()).args(["run", "--config"]).arg(&file)).expect("flowpin runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && said.contains("is in the way of the control socket"), "{said}");
    is_refused(&lab);
    assert_eq!(machine_of(&lab), shut);
    fs::remove_file(lab.socket()).expect("the file");
    assert!(say(&lab, &["down"]).0);
}

#[test]
fn a_second_flowpin_in_the_same_network_namespace_is_refused_and_one_in_its_own_works() {
    let lab = lab(Options::default());
    let mut router = start(&lab);
    let before = machine_of(&lab);
    let other = lab.directory().join("other");
    fs::create_dir(&other).expect("a directory");
    let config = lab.config().replace(lab.socket().to_str().expect("UTF-8"), other.join("s").to_str().expect("UTF-8"));
    let config = config.replace("[downstream]", "[downstream]\ntun = \"other0\"");
    let file = other.join("other.toml");
    fs::write(&file, config).expect("the file");
    let output = lab.rt.output(Command::new(flowpin()).args(["run", "--config"]).arg(&file)).expect("flowpin runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let pid = router.service().pid();
    let expected = format!("flowpin runs already in this network namespace (process {pid}), and there is room for one");
    assert!(output.status.code() == Some(1) && said.contains(&expected), "{said}");
    assert_eq!(machine_of(&lab), before, "the first is not touched");
    let elsewhere = crate::lab::lab(Options::default());
    let second = start(&elsewhere);
    browses(&lab);
    browses(&elsewhere);
    second.end(&[]);
    // Who flushes the ruleset does not make room either.
    run(&lab.rt, "nft", &["flush", "ruleset"]);
    let output = lab.rt.output(Command::new(flowpin()).args(["run", "--config"]).arg(&file)).expect("flowpin runs");
    assert!(String::from_utf8_lossy(&output.stderr).contains(&expected));
    end_killed(router);
    start(&lab).end(&[]);
}

/// After a kill the lock is free at once.
fn end_killed(mut router: Router<'_>) {
    kill(Pid::from_raw(router.service().pid().cast_signed()), Signal::SIGKILL).expect("it lives");
    wait_until("it is dead", || !router.service().alive());
    router.kill9();
}
