//! C-30 to C-39: ICMP errors on their way through, in both directions, and those that the router sends itself; IPv6 beside
//! IPv4 wherever the rule has a twin.

mod echo;
mod flood;
mod inside_out;
mod itself;
mod outside_in;
mod silence;

use crate::story::packets::{Ip, ip};
use crate::story::{At, HOST6, SERVER6};

/// An inside host, its public address on a WAN, a server and a router on the way to it.
struct Family {
    wan: At,
    inside: &'static str,
    public: &'static str,
    server: &'static str,
    hop: &'static str,
    /// Time exceeded, destination unreachable: type; port unreachable: code.
    exceeded: u8,
    unreachable: u8,
    port: u8,
    /// Bytes of the IP header.
    header: usize,
    /// Both addresses have the same sum, so that nothing behind the IP header changes (RFC 6296).
    neutral: bool,
}

/// 1:1 NAT.
const V4: Family = Family {
    wan: At::Fiber,
    inside: "10.250.250.2",
    public: "192.0.2.2",
    server: "203.0.113.10",
    hop: "198.18.0.9",
    exceeded: 11,
    unreachable: 3,
    port: 3,
    header: 20,
    neutral: false,
};
/// The prefix is swapped, and checksums follow.
const V6: Family = Family {
    wan: At::Fiber,
    inside: HOST6,
    public: "2001:db8:a:c81::100",
    server: SERVER6,
    hop: "2001:db8:99::1",
    exceeded: 3,
    unreachable: 1,
    port: 4,
    header: 40,
    neutral: false,
};
/// The prefix is swapped neutrally.
const N6: Family = Family { wan: At::Cable, public: "2001:db8:b:be01:27ea::100", neutral: true, ..V6 };

impl Family {
    /// A packet that the inside host sent to the server, as it is seen with the source `from`.
    fn sent(&self, from: &str, ttl: u8, make: impl Fn(Ip) -> Vec<u8>) -> Vec<u8> {
        self.summed(make(ip(from, self.server).ttl(ttl)), &make(ip(self.inside, self.server)))
    }

    /// A packet that the server sent to the inside host, as it is seen with the destination `to`.
    fn came(&self, to: &str, ttl: u8, make: impl Fn(Ip) -> Vec<u8>) -> Vec<u8> {
        self.summed(make(ip(self.server, to).ttl(ttl)), &make(ip(self.server, self.inside)))
    }

    fn summed(&self, packet: Vec<u8>, inside: &[u8]) -> Vec<u8> {
        if self.neutral { [&packet[..self.header], &inside[self.header..]].concat() } else { packet }
    }

    fn query(&self, from: &str, ttl: u8) -> Vec<u8> {
        self.sent(from, ttl, |ip| ip.udp((40000, 443), b"question"))
    }

    fn call(&self, to: &str, ttl: u8) -> Vec<u8> {
        self.came(to, ttl, |ip| ip.udp((443, 40000), b"answer"))
    }
}
