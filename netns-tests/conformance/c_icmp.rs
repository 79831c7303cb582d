//! C-30 to C-39: ICMP errors on their way through, in both directions, and those that the router sends itself; IPv6 beside
//! IPv4 wherever the rule has a twin.

mod echo;
mod flood;
mod inside_out;
mod itself;
mod outside_in;
mod silence;

use crate::story::packets::ip;

/// An inside host, its public address on fiber, a server and a router on the way to it.
struct Family {
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
}

const V4: Family = Family {
    inside: "10.250.250.2",
    public: "192.0.2.2",
    server: "203.0.113.10",
    hop: "198.18.0.9",
    exceeded: 11,
    unreachable: 3,
    port: 3,
    header: 20,
};
const V6: Family = Family {
    inside: "fd00:bad:b01:1::100",
    public: "2001:db8:a:c81::100",
    server: "2001:db8:5::10",
    hop: "2001:db8:99::1",
    exceeded: 3,
    unreachable: 1,
    port: 4,
    header: 40,
};

impl Family {
    /// What the inside host sent, as it is seen with that source.
    fn query(&self, from: &str, ttl: u8) -> Vec<u8> {
        ip(from, self.server).ttl(ttl).udp((40000, 443), b"question")
    }

    /// What the server sent, as it is seen with that destination.
    fn call(&self, to: &str, ttl: u8) -> Vec<u8> {
        ip(self.server, to).ttl(ttl).udp((443, 40000), b"answer")
    }
}
