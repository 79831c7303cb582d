//! The clauses of each RFC that concern a router, and where flowpin stands. Must never know: which tests show them.

mod clause;
mod rfc1812;
mod rfc4443;
mod rfc4787;
mod rfc5382;
mod rfc5508;
mod rfc5961;
mod rfc6296;
mod rfc7857;
mod rfc8200;

pub use clause::{Clause, State};

/// An RFC with its title and clauses.
pub struct Rfc {
    pub name: &'static str,
    pub title: &'static str,
    pub clauses: &'static [Clause],
}

/// All of them, in the order of the table.
pub const RFCS: &[Rfc] = &[
    Rfc { name: "RFC 4787", title: "NAT behaviour for unicast UDP", clauses: rfc4787::CLAUSES },
    Rfc { name: "RFC 5382", title: "NAT behaviour for TCP", clauses: rfc5382::CLAUSES },
    Rfc { name: "RFC 5508", title: "NAT behaviour for ICMP", clauses: rfc5508::CLAUSES },
    Rfc { name: "RFC 7857", title: "Updates to NAT behaviour", clauses: rfc7857::CLAUSES },
    Rfc { name: "RFC 6296", title: "IPv6-to-IPv6 network prefix translation", clauses: rfc6296::CLAUSES },
    Rfc { name: "RFC 1812", title: "Requirements for IPv4 routers", clauses: rfc1812::CLAUSES },
    Rfc { name: "RFC 4443", title: "ICMPv6", clauses: rfc4443::CLAUSES },
    Rfc { name: "RFC 8200", title: "IPv6", clauses: rfc8200::CLAUSES },
    Rfc { name: "RFC 5961", title: "TCP against blind attacks in the window", clauses: rfc5961::CLAUSES },
];
