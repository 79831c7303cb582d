//! What `tcpdump` sees on a link. Must never know: any single claim.

use flowpin::lab::Namespace;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

/// A `tcpdump` on one link of a namespace.
pub struct Capture {
    tcpdump: Child,
    filter: String,
}

/// Seconds until a capture ends although it has not seen all it waits for.
const PATIENCE: &str = "30";

impl Capture {
    /// Listens from now on, until `count` packets have passed the filter.
    pub fn start(namespace: &Namespace, link: &str, count: usize, filter: &str) -> Self {
        let mut command = Command::new("timeout");
        let count = count.to_string();
        command.args([PATIENCE, "tcpdump", "-i", link, "--immediate-mode", "-lnn", "-c", &count, filter]);
        let started = namespace.spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
        let mut tcpdump = started.expect("tcpdump starts");
        let mut said = BufReader::new(tcpdump.stderr.take().expect("a pipe")).lines().map_while(Result::ok);
        assert!(said.any(|line| line.contains("listening on")), "tcpdump does not listen to {filter}");
        // Read on, or it would stop when the pipe is full.
        std::thread::spawn(move || said.for_each(drop));
        Self { tcpdump, filter: filter.to_owned() }
    }

    /// Waits for the last packet; one line per packet.
    pub fn finish(mut self) -> Vec<String> {
        let mut text = String::new();
        self.tcpdump.stdout.take().expect("a pipe").read_to_string(&mut text).expect("text");
        let ended = self.tcpdump.wait().expect("tcpdump ends");
        assert!(ended.success(), "in {PATIENCE} s tcpdump saw of {} only:\n{text}", self.filter);
        text.lines().map(str::to_owned).collect()
    }
}
