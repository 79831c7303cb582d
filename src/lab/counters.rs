//! The kernel's own counters of a namespace: what `nstat` reads. They are how a lab knows that every checksum was right.
//! Must never know: who sent what.

use super::Namespace;
use std::collections::BTreeMap;
use std::fs;
use std::io;

/// Counters by their names, such as `TcpInCsumErrors`, `Udp6InCsumErrors`, `IcmpInCsumErrors`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters(BTreeMap<String, u64>);

/// The counters of a receiver that stay 0 while every checksum is right.
pub const CHECKSUM_ERRORS: [&str; 6] = [
    "TcpInCsumErrors",
    "UdpInCsumErrors",
    "Udp6InCsumErrors",
    "IcmpInCsumErrors",
    "Icmp6InCsumErrors",
    "IpExtInCsumErrors",
];

impl Counters {
    /// Reads the counters of a namespace.
    ///
    /// # Errors
    /// The namespace cannot be entered or has no counters.
    pub fn read(namespace: &Namespace) -> io::Result<Self> {
        namespace.run(|| {
            // `self` is the process, whose place is elsewhere: the thread's own files are under `thread-self`.
            let file = |name: &str| fs::read_to_string(format!("/proc/thread-self/net/{name}"));
            let mut counters = BTreeMap::new();
            tables(&file("snmp")?, &mut counters);
            tables(&file("netstat")?, &mut counters);
            lines(&file("snmp6")?, &mut counters);
            Ok(Self(counters))
        })?
    }

    /// One counter; 0 if the kernel does not have it.
    #[must_use]
    pub fn get(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// Packets that a receiver here refused for a wrong checksum.
    #[must_use]
    pub fn checksum_errors(&self) -> u64 {
        CHECKSUM_ERRORS.iter().map(|name| self.get(name)).sum()
    }
}

/// Pairs of lines `Tcp: name name` and `Tcp: 1 2`, as in `/proc/net/snmp`.
fn tables(text: &str, counters: &mut BTreeMap<String, u64>) {
    let mut lines = text.lines();
    while let (Some(names), Some(values)) = (lines.next(), lines.next()) {
        let (Some((group, names)), Some((_, values))) = (names.split_once(':'), values.split_once(':')) else {
            continue;
        };
        for (name, value) in names.split_whitespace().zip(values.split_whitespace()) {
            // Only TcpMaxConn is signed (-1).
            counters.insert(format!("{group}{name}"), value.parse().unwrap_or(0));
        }
    }
}

/// Lines `name value`, as in `/proc/net/snmp6`.
fn lines(text: &str, counters: &mut BTreeMap<String, u64>) {
    for line in text.lines() {
        let mut words = line.split_whitespace();
        if let (Some(name), Some(Ok(value))) = (words.next(), words.next().map(str::parse)) {
            counters.insert(name.to_owned(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_named_as_nstat_names_them() {
        let mut counters = BTreeMap::new();
        tables("Tcp: MaxConn InCsumErrors\nTcp: -1 7\nUdp: InDatagrams InCsumErrors\nUdp: 5 2\n", &mut counters);
        lines("Udp6InCsumErrors                \t3\nIp6InReceives 9\n", &mut counters);
        let counters = Counters(counters);
        assert_eq!(counters.get("TcpInCsumErrors"), 7);
        assert_eq!(counters.get("UdpInDatagrams"), 5);
        assert_eq!(counters.get("nothing"), 0);
        assert_eq!(counters.checksum_errors(), 12);
    }
}
