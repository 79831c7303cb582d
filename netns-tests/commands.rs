//! What `run`, `status` and `flows` say to the person at the terminal, and with which exit code.

use crate::lab::lab;
use flowpin::api::Status;
use flowpin::lab::{Lab, Options};
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

fn flowpin() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_flowpin"))
}

/// Exit code and what was said, in the router.
fn ask(lab: &Lab, arguments: &[&str]) -> (Option<i32>, String) {
    let output = lab.rt.output(Command::new(flowpin()).args(arguments).env("RUST_LOG", "info")).expect("flowpin runs");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    (output.status.code(), said.into_owned())
}

fn path(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// A configuration file of the test's own.
fn file(lab: &Lab, name: &str, text: &str) -> PathBuf {
    let file = lab.directory().join(name);
    fs::write(&file, text).expect("the file");
    file
}

#[test]
fn status_and_flows_answer_for_people_and_for_programs() {
    let lab = lab(Options::default());
    let service = lab.start_flowpin(flowpin()).unwrap_or_else(|error| panic!("{error}"));
    let ping = lab.fw.output(Command::new("ping").args(["-n", "-c", "1", "-W", "5", "203.0.113.10"])).expect("ping");
    assert!(ping.status.success());
    let socket = lab.socket();
    let (code, said) = ask(&lab, &["status", "--socket", path(&socket)]);
    assert!(code == Some(0) && said.contains("fiber") && said.contains("flows: 1 of 1000000"), "{said}");
    let (code, said) = ask(&lab, &["status", "--socket", path(&socket), "--json"]);
    let status: Status = serde_json::from_str(&said).expect("JSON and nothing else");
    assert_eq!((code, status.pid, status.table.flows), (Some(0), service.pid(), 1));
    let words = ["status", "--socket", path(&socket), "--json", "--watch"];
    let mut watch = lab.rt.spawn(Command::new(flowpin()).args(words).stdout(Stdio::piped())).expect("flowpin runs");
    let lines = BufReader::new(watch.stdout.take().expect("a pipe")).lines().take(2);
    lines.for_each(|line| drop(serde_json::from_str::<Status>(&line.expect("a line")).expect("a status per line")));
    // Its reader is gone.
    assert_eq!(watch.wait().expect("it ends").code(), Some(0));
    let (code, said) = ask(&lab, &["flows", "--socket", path(&socket), "--protocol", "icmp"]);
    assert!(code == Some(0) && said.contains("10.250.250.2 id ") && said.ends_with("1 of 1 flows\n"), "{said}");
    let (code, said) = ask(&lab, &["flows", "--socket", path(&socket), "--wan", "cable"]);
    assert_eq!((code, said.as_str()), (Some(1), "flowpin: no WAN is named \"cable\": there is fiber, dsl\n"));
    assert_eq!(fs::metadata(&socket).expect("the socket").mode() & 0o777, 0o600);
    service.stop().expect("it stops");
    assert!(!socket.exists());
    let (code, said) = ask(&lab, &["status", "--socket", path(&socket)]);
    assert!(code == Some(1) && said.contains("is it running?"), "{said}");
}

#[test]
fn a_run_that_cannot_be_says_why_and_leaves_everything_as_it_was() {
    let lab = lab(Options::default());
    let rules = || crate::lab::run(&lab.rt, "ip", &["rule"]) + &crate::lab::run(&lab.rt, "nft", &["list", "ruleset"]);
    let before = rules();
    let missing = file(&lab, "missing.toml", &lab.config().replace("\"lan0\"", "\"lan7\""));
    let (code, said) = ask(&lab, &["run", "--config", path(&missing)]);
    assert!(code == Some(1) && said.contains("there is no link \"lan7\""), "{said}");
    let bad = file(&lab, "bad.toml", &lab.config().replace("weight = 2", "weight = 0"));
    let (code, said) = ask(&lab, &["run", "--config", path(&bad)]);
    assert!(code == Some(2) && said.contains("weight"), "{said}");
    let group = file(&lab, "group.toml", &lab.config().replace("[control]", "[control]\ngroup = \"no-such-group\""));
    let (code, said) = ask(&lab, &["run", "--config", path(&group)]);
    assert!(code == Some(1) && said.contains("groupadd --system no-such-group"), "{said}");
    assert_eq!(rules(), before);
    let left: Vec<_> =
        fs::read_dir(lab.directory()).expect("the directory").flatten().map(|it| it.file_name()).collect();
    assert!(left.iter().all(|name| name.to_string_lossy().ends_with(".toml")), "{left:?}");
}

#[test]
fn a_second_instance_is_refused_and_the_first_one_routes_on() {
    let lab = lab(Options::default());
    let service = lab.start_flowpin(flowpin()).unwrap_or_else(|error| panic!("{error}"));
    let again = file(&lab, "again.toml", &lab.config());
    let (code, said) = ask(&lab, &["run", "--config", path(&again)]);
    assert!(code == Some(1) && said.contains(&format!("process {}", service.pid())), "{said}");
    let elsewhere = lab.config().replace("control.sock", "other/control.sock");
    let (code, said) = ask(&lab, &["run", "--config", path(&file(&lab, "elsewhere.toml", &elsewhere))]);
    assert!(code == Some(1) && said.contains("flowpin runs already in this network namespace (process"), "{said}");
    assert!(!lab.directory().join("other").exists(), "its directory is gone again");
    let ping = lab.fw.output(Command::new("ping").args(["-n", "-c", "1", "-W", "5", "203.0.113.10"])).expect("ping");
    assert!(ping.status.success());
    service.stop().expect("it stops");
}

#[test]
fn systemd_hears_ready_that_it_lives_and_stopping() {
    let lab = lab(Options::default());
    let address = lab.directory().join("notify");
    let systemd = UnixDatagram::bind(&address).expect("a socket");
    systemd.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    let hear = || {
        let mut buffer = [0; 4096];
        let len = systemd.recv(&mut buffer).expect("a word to systemd");
        String::from_utf8_lossy(&buffer[..len]).into_owned()
    };
    let config = file(&lab, "notify.toml", &lab.config());
    let mut command = Command::new(flowpin());
    command
        .args(["run", "--config", path(&config)])
        .env("NOTIFY_SOCKET", &address)
        .env("WATCHDOG_USEC", "6000000")
        .stderr(Stdio::null());
    let mut child = lab.rt.spawn(&mut command).expect("flowpin runs");
    let ready = hear();
    assert!(ready.starts_with("READY=1\nSTATUS=Routing: fiber on wan0, dsl on wan1;"), "{ready}");
    for _ in 0..2 {
        assert_eq!(hear(), "WATCHDOG=1\n");
    }
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("a pid"));
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).expect("a signal");
    let said = std::iter::repeat_with(hear).find(|said| said != "WATCHDOG=1\n");
    assert_eq!(said.as_deref(), Some("STOPPING=1\n"));
    assert_eq!(child.wait().expect("its end").code(), Some(0));
}

#[test]
fn a_user_without_rights_is_told_which_are_missing() {
    let lab = lab(Options::default());
    let config = file(&lab, "rights.toml", &lab.config());
    // Into a directory that an unprivileged user can reach: a copy of the program, and the file.
    let open = |path: &Path| fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("permissions");
    let program = lab.directory().join("flowpin");
    fs::copy(flowpin(), &program).expect("a copy");
    [lab.directory(), &program, &config].into_iter().for_each(open);
    let mut command = Command::new(&program);
    std::os::unix::process::CommandExt::uid(&mut command, 65_534);
    let output = lab.rt.output(command.args(["run", "--config", path(&config)])).expect("flowpin runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains("CAP_NET_ADMIN and CAP_NET_RAW missing"), "{said}");
}
