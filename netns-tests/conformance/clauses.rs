//! The clauses of each RFC that concern a router, and where flowpin stands. Must never know: which tests show them.

mod rfc1812;
mod rfc4443;
mod rfc4787;
mod rfc5382;
mod rfc5508;
mod rfc5961;
mod rfc6296;
mod rfc7857;
mod rfc8200;

/// One clause.
#[derive(Debug)]
pub struct Clause {
    /// `REQ-1` or `§4.3.2.7`; without a comma, for a comma stands between clauses in an annotation.
    pub id: &'static str,
    /// What it asks, in a few words.
    pub rule: &'static str,
    pub state: State,
}

/// Where flowpin stands, and why where it does not do as the clause says.
#[derive(Debug)]
pub enum State {
    Met,
    Deviates(&'static str),
    NotYet(&'static str),
    NotApplicable(&'static str),
}

const fn clause(id: &'static str, rule: &'static str, state: State) -> Clause {
    Clause { id, rule, state }
}

const fn met(id: &'static str, rule: &'static str) -> Clause {
    clause(id, rule, State::Met)
}

const fn deviates(id: &'static str, rule: &'static str, why: &'static str) -> Clause {
    clause(id, rule, State::Deviates(why))
}

const fn not_yet(id: &'static str, rule: &'static str, why: &'static str) -> Clause {
    clause(id, rule, State::NotYet(why))
}

const fn not_applicable(id: &'static str, rule: &'static str, why: &'static str) -> Clause {
    clause(id, rule, State::NotApplicable(why))
}

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
