//! `traceroute` and `tracepath` in a lab, read. Must never know: any single claim.

use super::run;
use flowpin::lab::Namespace;
use std::net::IpAddr;

/// The hops that a program finds. A kernel loses an error's wake-up now and then, and the program then hears no more: a
/// trace with a silent hop is tried again.
pub fn trace(from: &Namespace, program: &str, arguments: &[&str]) -> Vec<String> {
    let once = || hops(&run(from, program, arguments));
    (0..3).map(|_| once()).find(|found| found.iter().all(|hop| hop != "*")).unwrap_or_else(once)
}

/// The answering hops of `traceroute -n -q 1` and `tracepath -n`, in their order; a silent hop is `*`.
fn hops(text: &str) -> Vec<String> {
    let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let mut hops: Vec<(String, String)> = Vec::new();
    for words in lines {
        let [number, hop, ..] = words[..] else { continue };
        let number = number.trim_end_matches(':');
        let is_hop = number.parse::<u8>().is_ok() && (hop == "*" || hop.parse::<IpAddr>().is_ok());
        // tracepath may say a hop twice: as the way it found, and with the MTU it tried.
        if is_hop && hops.last().is_none_or(|last| last.0 != number) {
            hops.push((number.to_owned(), hop.to_owned()));
        }
    }
    hops.into_iter().map(|(_, hop)| hop).collect()
}
