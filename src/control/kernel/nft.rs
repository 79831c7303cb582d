//! The words of nf_tables: families, messages, attributes and the expressions of a rule. Numbers are those of
//! linux/netfilter/nf_tables.h; integers travel in network order.
//! Must never know: what the rules are for, batch.

pub(super) mod answers;
pub(super) mod batch;
pub(super) mod dump;

use crate::types::PortRange;
use std::fmt;

/// The families of tables: `NFPROTO_INET` and `NFPROTO_NETDEV` (linux/netfilter.h).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Family {
    Inet = 1,
    Netdev = 5,
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::Inet { "inet" } else { "netdev" })
    }
}

/// `NFNL_SUBSYS_NFTABLES` (linux/netfilter/nfnetlink.h).
pub(super) const SUBSYS_NFTABLES: u16 = 10;
/// `NLMSG_ERROR` (linux/netlink.h): a confirmation where the code is 0.
const NLMSG_ERROR: u16 = 2;
/// Bytes of `struct nlmsghdr`, and of that with `struct nfgenmsg`.
const HEADER: usize = 16;
pub(super) const HEADERS: usize = 20;

/// `NLM_F_EXCL`, `NLM_F_CREATE`, `NLM_F_APPEND` (linux/netlink.h).
pub(super) const EXCLUSIVE: u16 = 0x200;
pub(super) const CREATE: u16 = 0x400;
pub(super) const APPEND: u16 = 0x800;
/// `NFT_TABLE_F_OWNER`: the table belongs to the socket that made it, and goes with that.
pub(super) const OWNER: u32 = 2;
/// `NFT_TABLE_F_PERSIST`, Linux 6.9: it stays when its owner has gone.
pub(super) const PERSIST: u32 = 4;
/// `NLA_F_NESTED`.
const NESTED: u16 = 0x8000;

/// `enum nf_tables_msg_types`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Message {
    NewTable = 0,
    DelTable = 2,
    NewChain = 3,
    NewRule = 6,
    NewSet = 9,
    NewElement = 12,
}

/// What the message is about, for sentences.
impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NewTable => "the table itself",
            Self::DelTable => "the removal of the old table",
            Self::NewChain => "its chain",
            Self::NewRule => "a rule",
            Self::NewSet => "a set of addresses",
            Self::NewElement => "addresses of a set",
        })
    }
}

/// Netlink attributes in the making.
#[derive(Clone, Default)]
pub(super) struct Attributes(Vec<u8>);

impl Attributes {
    pub fn new() -> Self {
        Self::default()
    }

    /// The attributes as they travel.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// An attribute of raw bytes, padded to four. Longer than 65531 bytes cannot be said: callers split before.
    pub fn bytes(mut self, kind: u16, value: &[u8]) -> Self {
        let length = u16::try_from(value.len() + 4).unwrap_or(u16::MAX);
        self.0.extend_from_slice(&length.to_ne_bytes());
        self.0.extend_from_slice(&kind.to_ne_bytes());
        self.0.extend_from_slice(value);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    pub fn number(self, kind: u16, value: u32) -> Self {
        self.bytes(kind, &value.to_be_bytes())
    }

    pub fn string(self, kind: u16, value: &str) -> Self {
        self.bytes(kind, &[value.as_bytes(), &[0]].concat())
    }

    pub fn nest(self, kind: u16, inner: Attributes) -> Self {
        self.bytes(kind | NESTED, &inner.0)
    }
}

/// Where a base chain is hooked into the inet family: `enum nf_inet_hooks` (linux/netfilter.h).
#[derive(Clone, Copy)]
pub(super) enum Hook {
    PreRouting = 0,
    LocalIn = 1,
    Forward = 2,
    LocalOut = 3,
}

/// Ethernet types.
pub(super) const IPV4: u16 = 0x0800;
pub(super) const IPV6: u16 = 0x86dd;
/// ICMP over IPv4: its protocol, and the types of its errors (RFC 792): unreachable, time exceeded, parameter problem.
pub(super) const ICMP: u8 = 1;
pub(super) const ICMP_ERRORS: [u8; 3] = [3, 11, 12];
/// ICMPv6 likewise (RFC 4443 §2.1): unreachable, too big, time exceeded, parameter problem.
pub(super) const ICMPV6: u8 = 58;
pub(super) const ICMPV6_ERRORS: [u8; 4] = [1, 2, 3, 4];

/// The expressions of one rule, in order; a comparison that fails ends the rule.
#[derive(Default)]
pub(super) struct Rule(Attributes);

/// `enum nft_payload_bases`.
#[derive(Clone, Copy)]
pub(super) enum Base {
    Network = 1,
    Transport = 2,
}

/// `enum nft_meta_keys`.
#[derive(Clone, Copy)]
pub(super) enum Meta {
    /// The Ethernet type behind any tag.
    Protocol = 1,
    /// The name of the link that a packet came in on.
    InName = 6,
    /// The name of the link that it leaves by.
    OutName = 7,
    /// The transport protocol behind any extension header.
    Transport = 16,
}

/// What a route that is looked up says: `NFT_FIB_RESULT_ADDRTYPE` of the destination (`NFTA_FIB_F_DADDR`).
#[derive(Clone, Copy)]
pub(super) enum Fib {
    DestinationType = 3,
}

/// `NF_DROP` and `NF_ACCEPT`; or the packet goes on, and no connection is made of it.
#[derive(Clone, Copy)]
pub(super) enum End {
    Drop = 0,
    Accept = 1,
    Untracked,
}

/// The one register that all expressions here share: 16 bytes.
const REGISTER: u32 = 1;
const VERDICT_REGISTER: u32 = 0;
/// `NFT_CMP_EQ`, `NFT_CMP_NEQ`, `NFT_CMP_LTE` and `NFT_CMP_GTE`.
const EQUAL: u32 = 0;
const NOT_EQUAL: u32 = 1;
const AT_MOST: u32 = 3;
const AT_LEAST: u32 = 5;
/// Bytes of a link's name as the kernel compares it, filled up with zeros (`IFNAMSIZ`).
pub(super) const LINK_NAME: usize = 16;
/// `NFTA_FIB_F_DADDR`.
const FIB_DESTINATION: u32 = 2;
/// `NFT_LOOKUP_F_INV`.
const LOOKUP_INVERTED: u32 = 1;

impl Rule {
    fn expression(self, name: &str, data: Attributes) -> Self {
        Self(self.0.nest(1, Attributes::new().string(1, name).nest(2, data)))
    }

    fn equals(self, value: &[u8]) -> Self {
        self.compare(EQUAL, value)
    }

    fn compare(self, how: u32, value: &[u8]) -> Self {
        let value = Attributes::new().bytes(1, value);
        self.expression("cmp", Attributes::new().number(1, REGISTER).number(2, how).nest(3, value))
    }

    fn load(self, base: Base, offset: u32, length: u32) -> Self {
        let data = Attributes::new().number(1, REGISTER).number(2, base as u32).number(3, offset).number(4, length);
        self.expression("payload", data)
    }

    /// Goes on if the packet's property has this value, given as the kernel stores it.
    pub fn meta_is(self, meta: Meta, value: &[u8]) -> Self {
        self.expression("meta", Attributes::new().number(1, REGISTER).number(2, meta as u32)).equals(value)
    }

    /// Goes on if it is an ICMP message of this type, over IPv4 or IPv6 as the Ethernet type says.
    pub fn icmp_is(self, ethertype: u16, protocol: u8, kind: u8) -> Self {
        let icmp = self.meta_is(Meta::Protocol, &ethertype.to_be_bytes()).meta_is(Meta::Transport, &[protocol]);
        icmp.holds(Base::Transport, 0, &[kind])
    }

    /// Goes on if this link of the packet has that name.
    pub fn link_is(self, meta: Meta, name: &str) -> Self {
        self.meta_is(meta, &link_name(name))
    }

    /// Goes on if it has another.
    pub fn link_is_not(self, meta: Meta, name: &str) -> Self {
        let loaded = self.expression("meta", Attributes::new().number(1, REGISTER).number(2, meta as u32));
        loaded.compare(NOT_EQUAL, &link_name(name))
    }

    /// Goes on if the route to where the packet goes says something else than this.
    pub fn fib_is_not(self, fib: Fib, value: &[u8]) -> Self {
        let data = Attributes::new().number(1, REGISTER).number(2, fib as u32).number(3, FIB_DESTINATION);
        self.expression("fib", data).compare(NOT_EQUAL, value)
    }

    /// Goes on if the packet holds these bytes there.
    pub fn holds(self, base: Base, offset: u32, value: &[u8]) -> Self {
        let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
        self.load(base, offset, length).equals(value)
    }

    /// Goes on if the packet holds one of these ports there.
    pub fn within(self, base: Base, offset: u32, ports: PortRange) -> Self {
        let loaded = self.load(base, offset, 2).compare(AT_LEAST, &ports.first.to_be_bytes());
        loaded.compare(AT_MOST, &ports.last.to_be_bytes())
    }

    /// Goes on if the `length` bytes there are in the set.
    pub fn in_set(self, base: Base, offset: u32, length: u32, set: &str) -> Self {
        self.load(base, offset, length).expression("lookup", Attributes::new().string(1, set).number(2, REGISTER))
    }

    /// Goes on if the `length` bytes there are not in the set.
    pub fn not_in_set(self, base: Base, offset: u32, length: u32, set: &str) -> Self {
        let lookup = Attributes::new().string(1, set).number(2, REGISTER).number(5, LOOKUP_INVERTED);
        self.load(base, offset, length).expression("lookup", lookup)
    }

    /// The whole rule, ready for `NFTA_RULE_EXPRESSIONS`.
    pub fn end(self, end: End) -> Attributes {
        if let End::Untracked = end {
            return self.0.nest(1, Attributes::new().string(1, "notrack"));
        }
        let verdict = Attributes::new().nest(2, Attributes::new().number(1, end as u32));
        self.expression("immediate", Attributes::new().number(1, VERDICT_REGISTER).nest(2, verdict)).0
    }
}

fn link_name(name: &str) -> [u8; LINK_NAME] {
    let mut octets = [0; LINK_NAME];
    // The last byte stays zero, as in every name of the kernel.
    octets.iter_mut().take(LINK_NAME - 1).zip(name.bytes()).for_each(|(octet, byte)| *octet = byte);
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_padded_and_nested_with_their_length() {
        let attributes = Attributes::new().nest(2, Attributes::new().string(1, "ab"));
        let inner = [7u16.to_ne_bytes(), 1u16.to_ne_bytes(), *b"ab", [0, 0]].concat();
        let expected = [12u16.to_ne_bytes().as_slice(), &(0x8002u16).to_ne_bytes(), &inner].concat();
        assert_eq!(attributes.0, expected);
    }
}
