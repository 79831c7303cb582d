//! Settings that mean the same where they are read and where they are obeyed: `config` fills them in, the plane acts on
//! them, and nobody translates between. Must never know: which key says them, which packet they are for.

/// What of a new flow the rendezvous hash sees (`[default] balance`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Balance {
    /// Protocol, inside address and inside port (RFC 4787 REQ-1 holds).
    #[default]
    Endpoint,
    /// Inside source and remote address, all protocols alike.
    Site,
    /// The inside source alone (RFC 4787 REQ-2 holds).
    Source,
    /// The whole key.
    Flow,
}

/// Who outside may speak to a public port that an inside host has at an address which it shares (`[wan.masquerade] filtering`; RFC
/// 4787 §5).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Filtering {
    /// Everybody, as to a 1:1 address.
    Endpoint,
    /// Every port of an address that it has spoken to from there.
    Address,
    /// What it has spoken to from there.
    #[default]
    AddressAndPort,
}

/// Seconds a silent flow lives, by protocol and state, each at least 1 (`[timeouts]`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timeouts {
    /// RFC 5382 REQ-5: at least 2 h 4 min; default 7440.
    pub tcp_established: u32,
    /// RFC 5382 REQ-5, RFC 7857 §2.1: at least 4 min; default 240.
    pub tcp_opening: u32,
    /// RFC 5382 REQ-5, RFC 7857 §2.1: at least 4 min; default 240.
    pub tcp_closing: u32,
    /// RFC 4787 REQ-5: 5 min recommended; default 300.
    pub udp: u32,
    /// RFC 5508 REQ-2: at least 60 s; default 60.
    pub icmp: u32,
    /// RFC 6092 REC-12: 5 min; default 300.
    pub other: u32,
    /// At the most, of any protocol, where the flow came from outside and the inside has not answered yet; default 30.
    pub unanswered: u32,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            tcp_established: 7440,
            tcp_opening: 240,
            tcp_closing: 240,
            udp: 300,
            icmp: 60,
            other: 300,
            unanswered: 30,
        }
    }
}

/// How NPTv6 treats the bits behind the prefix (`nptv6 = { mode = .. }`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NptMode {
    /// They stay; the transport checksum is updated.
    Prefix,
    /// Checksum-neutral (RFC 6296 §3.1): one word absorbs the difference; no byte behind the IPv6 header changes.
    Rfc6296,
}
