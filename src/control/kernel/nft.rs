//! The words of nf_tables over nfnetlink: attributes, expressions, and one batch that succeeds or fails as a whole.
//! Numbers are those of linux/netfilter/nf_tables.h and nfnetlink.h; integers travel in network order.
//! Must never know: what the rules are for.

use socket2::{Domain, Protocol, Socket, Type};
use std::io::{self, Read};

/// The families of tables: `NFPROTO_INET` and `NFPROTO_NETDEV` (linux/netfilter.h).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Family {
    Inet = 1,
    Netdev = 5,
}

const NETLINK_NETFILTER: i32 = 12;
const SUBSYS_NFTABLES: u16 = 10;
/// `NLM_F_REQUEST`, `NLM_F_ACK`, `NLM_F_CREATE`, `NLM_F_APPEND` (linux/netlink.h).
const REQUEST: u16 = 1;
const ACK: u16 = 4;
pub(super) const CREATE: u16 = 0x400;
pub(super) const APPEND: u16 = 0x800;
/// `NFNL_MSG_BATCH_BEGIN` and `_END`.
const BATCH_BEGIN: u16 = 16;
const BATCH_END: u16 = 17;
const NLMSG_ERROR: u16 = 2;
const NLMSG_HEADER: usize = 16;
/// `NLA_F_NESTED`.
const NESTED: u16 = 0x8000;

/// `enum nf_tables_msg_types`.
#[derive(Clone, Copy)]
pub(super) enum Message {
    NewTable = 0,
    DelTable = 2,
    NewChain = 3,
    NewRule = 6,
    NewSet = 9,
    NewElement = 12,
}

/// Netlink attributes in the making.
#[derive(Clone, Default)]
pub(super) struct Attributes(Vec<u8>);

impl Attributes {
    pub fn new() -> Self {
        Self::default()
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
    /// The transport protocol behind any extension header.
    Transport = 16,
}

/// `NF_DROP` and `NF_ACCEPT`.
#[derive(Clone, Copy)]
pub(super) enum End {
    Drop = 0,
    Accept = 1,
}

/// The one register that all expressions here share: 16 bytes.
const REGISTER: u32 = 1;
const VERDICT_REGISTER: u32 = 0;
/// `NFT_LOOKUP_F_INV`.
const LOOKUP_INVERTED: u32 = 1;

impl Rule {
    fn expression(self, name: &str, data: Attributes) -> Self {
        Self(self.0.nest(1, Attributes::new().string(1, name).nest(2, data)))
    }

    fn equals(self, value: &[u8]) -> Self {
        let value = Attributes::new().bytes(1, value);
        self.expression("cmp", Attributes::new().number(1, REGISTER).number(2, 0).nest(3, value))
    }

    fn load(self, base: Base, offset: u32, length: u32) -> Self {
        let data = Attributes::new().number(1, REGISTER).number(2, base as u32).number(3, offset).number(4, length);
        self.expression("payload", data)
    }

    /// Goes on if the packet's property has this value, given as the kernel stores it.
    pub fn meta_is(self, meta: Meta, value: &[u8]) -> Self {
        self.expression("meta", Attributes::new().number(1, REGISTER).number(2, meta as u32)).equals(value)
    }

    /// Goes on if the packet holds these bytes there.
    pub fn holds(self, base: Base, offset: u32, value: &[u8]) -> Self {
        let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
        self.load(base, offset, length).equals(value)
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
        let verdict = Attributes::new().nest(2, Attributes::new().number(1, end as u32));
        self.expression("immediate", Attributes::new().number(1, VERDICT_REGISTER).nest(2, verdict)).0
    }
}

/// Messages that take effect together or not at all.
pub(super) struct Batch {
    bytes: Vec<u8>,
    messages: u32,
    family: Family,
}

impl Batch {
    /// Begins; `family` is the one that messages are about until [`Batch::turn_to`] names another.
    pub fn new(family: Family) -> Self {
        let mut batch = Self { bytes: Vec::new(), messages: 0, family };
        batch.raw(BATCH_BEGIN, REQUEST, 0, [0, 0], SUBSYS_NFTABLES, &[]);
        batch
    }

    /// What follows is about tables of this family.
    pub fn turn_to(&mut self, family: Family) {
        self.family = family;
    }

    pub fn add(&mut self, message: Message, flags: u16, attributes: &Attributes) {
        self.messages += 1;
        let kind = SUBSYS_NFTABLES << 8 | message as u16;
        self.raw(kind, REQUEST | ACK | flags, self.messages, [self.family as u8, 0], 0, &attributes.0);
    }

    /// `struct nlmsghdr`, then `struct nfgenmsg`.
    fn raw(&mut self, kind: u16, flags: u16, sequence: u32, family: [u8; 2], resource: u16, body: &[u8]) {
        let length = u32::try_from(NLMSG_HEADER + 4 + body.len()).unwrap_or(u32::MAX);
        self.bytes.extend_from_slice(&length.to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes.extend_from_slice(&flags.to_ne_bytes());
        self.bytes.extend_from_slice(&sequence.to_ne_bytes());
        self.bytes.extend_from_slice(&[0; 4]);
        self.bytes.extend_from_slice(&family);
        self.bytes.extend_from_slice(&resource.to_be_bytes());
        self.bytes.extend_from_slice(body);
    }
}

/// A socket to nf_tables. A table with an owner belongs to the socket that made it.
pub(super) struct Netfilter(Socket);

impl Netfilter {
    pub fn open() -> io::Result<Self> {
        let socket = Socket::new(Domain::from(libc::AF_NETLINK), Type::RAW, Some(Protocol::from(NETLINK_NETFILTER)))?;
        // The kernel answers inside the send call, so what is not there at once never comes.
        socket.set_nonblocking(true)?;
        Ok(Self(socket))
    }

    /// Sends the batch and reads every answer.
    ///
    /// # Errors
    /// The first refusal; nothing of the batch has taken effect then.
    pub fn commit(&self, mut batch: Batch) -> io::Result<()> {
        batch.raw(BATCH_END, REQUEST, 0, [0, 0], SUBSYS_NFTABLES, &[]);
        if self.0.send_buffer_size()? < batch.bytes.len() * 2 {
            self.0.set_send_buffer_size(batch.bytes.len() * 2)?;
        }
        self.0.send(&batch.bytes)?;
        let mut confirmed = 0;
        let mut answer = vec![0; 1 << 16];
        loop {
            match (&self.0).read(&mut answer) {
                Ok(length) => confirmed += acknowledgements(answer.get(..length).unwrap_or_default())?,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        if confirmed == batch.messages {
            Ok(())
        } else {
            Err(io::Error::other("the kernel left part of it unanswered"))
        }
    }
}

/// Counts the confirmations in one answer; a refusal is the error.
fn acknowledgements(mut bytes: &[u8]) -> io::Result<u32> {
    let mut count = 0;
    while let Some((header, rest)) = bytes.split_first_chunk::<NLMSG_HEADER>() {
        let length = u32::from_ne_bytes([header[0], header[1], header[2], header[3]]) as usize;
        let kind = u16::from_ne_bytes([header[4], header[5]]);
        if let (NLMSG_ERROR, Some((code, _))) = (kind, rest.split_first_chunk::<4>()) {
            match i32::from_ne_bytes(*code) {
                0 => count += 1,
                code => return Err(io::Error::from_raw_os_error(code.saturating_neg())),
            }
        }
        bytes = bytes.get(length.max(NLMSG_HEADER).next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(count)
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

    #[test]
    fn a_refusal_among_confirmations_is_found() {
        let answer = |code: i32| {
            let mut bytes = 36u32.to_ne_bytes().to_vec();
            bytes.extend_from_slice(&NLMSG_ERROR.to_ne_bytes());
            bytes.extend_from_slice(&[0; 10]);
            bytes.extend_from_slice(&code.to_ne_bytes());
            bytes.resize(36, 0);
            bytes
        };
        assert_eq!(acknowledgements(&[answer(0), answer(0)].concat()).unwrap(), 2);
        let refused = acknowledgements(&[answer(0), answer(-libc::EPERM)].concat()).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(libc::EPERM));
        assert_eq!(acknowledgements(&[1, 2, 3]).unwrap(), 0);
    }
}
