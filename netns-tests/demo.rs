//! `flowpin lab`: every claim of it holds on this machine, and however it ends nothing of it stays.

use crate::lab::flowpin;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A running `flowpin lab`; a test that fails does not leave it behind.
struct Demo(Child);

impl Demo {
    fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(flowpin());
        command.arg("lab").args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(command.spawn().expect("flowpin starts"))
    }

    fn signal(&self, signal: Signal) {
        let pid = self.0.id().try_into().expect("a process id");
        kill(Pid::from_raw(pid), signal).expect("it runs");
    }

    fn progress(&mut self) -> impl Iterator<Item = String> + use<> {
        BufReader::new(self.0.stderr.take().expect("a pipe")).lines().map_while(Result::ok)
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        if let Ok(None) = self.0.try_wait() {
            self.signal(Signal::SIGTERM);
            let _ = self.0.wait();
        }
    }
}

/// What a lab of this process has made: namespaces and its directory.
fn left_by(pid: u32) -> Vec<PathBuf> {
    let prefix = format!("fp{pid}");
    let names = |directory: &Path| fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    let of = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().contains(&prefix));
    names(Path::new("/run/netns")).chain(names(&std::env::temp_dir())).filter(of).collect()
}

#[test]
fn every_claim_of_the_lab_holds_and_nothing_stays() {
    let mut lab = Demo::start(&["--seconds", "3", "--json"]);
    let pid = lab.0.id();
    let mut text = String::new();
    lab.0.stdout.take().expect("a pipe").read_to_string(&mut text).expect("a summary");
    let done = lab.0.wait().expect("flowpin ends");
    let summary: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let failed: Vec<_> =
        summary["checks"].as_array().into_iter().flatten().filter(|check| check["ok"] != true).collect();
    assert_eq!(failed, Vec::<&serde_json::Value>::new());
    assert_eq!(summary["checks"].as_array().map(Vec::len), Some(17));
    let cuts: Vec<_> = summary["cuts"].as_array().into_iter().flatten().collect();
    let ways: Vec<_> = cuts.iter().map(|cut| (cut["wan"].as_str(), cut["how"].as_str())).collect();
    assert_eq!(ways, [(Some("fiber"), Some("soft")), (Some("dsl"), Some("hard"))]);
    assert!(cuts.iter().all(|cut| cut["stream"]["gap_ms"].is_f64() && cut["noticed_ms"].is_f64()), "{text}");
    let times: Vec<_> =
        summary["events"].as_array().into_iter().flatten().map(|event| event["at_ms"].as_u64()).collect();
    assert!(times.len() >= 10 && times.is_sorted(), "{text}");
    assert!(done.success() && summary["ok"] == true, "{text}");
    assert_eq!(left_by(pid), Vec::<PathBuf>::new());
}

#[test]
fn an_interrupted_lab_cleans_up() {
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let mut lab = Demo::start(&["--seconds", "600"]);
        let pid = lab.0.id();
        let mut lines = lab.progress();
        assert!(lines.any(|line| line.contains("TCP, UDP and ping")), "the lab runs");
        assert_eq!(left_by(pid).len(), 7, "six namespaces and a directory");
        lab.signal(signal);
        let rest: Vec<String> = lines.collect();
        let ended = lab.0.wait().expect("flowpin ends");
        assert_eq!(ended.code(), Some(1), "{rest:?}");
        assert_eq!(left_by(pid), Vec::<PathBuf>::new(), "{signal}");
    }
}

#[test]
fn a_lab_that_is_kept_is_open_to_programs_until_it_is_interrupted() {
    let mut lab = Demo::start(&["--seconds", "1", "--keep"]);
    let pid = lab.0.id();
    let command =
        lab.progress().map(|line| line.trim().to_owned()).find(|line| line.contains("-fw curl http://203.0.113.10/"));
    let seen = Command::new("sh").args(["-c", &command.expect("a command to play with")]).output().expect("sh starts");
    let seen = String::from_utf8_lossy(&seen.stdout).into_owned();
    let lines = ["192.0.2.193:", "198.51.100.241:", "203.0.113.241:"];
    assert!(lines.iter().any(|public| seen.starts_with(public)), "{seen}");
    lab.signal(Signal::SIGINT);
    let ended = lab.0.wait().expect("flowpin ends");
    let mut said = String::new();
    lab.0.stdout.take().expect("a pipe").read_to_string(&mut said).expect("a summary");
    assert!(ended.success(), "{said}");
    assert_eq!(left_by(pid), Vec::<PathBuf>::new());
}
