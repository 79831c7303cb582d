//! What nf_tables has, read as a whole: messages of one kind with their attributes. Numbers are those of linux/netlink.h
//! and linux/netfilter/nf_tables.h. Must never know: what is looked for.

use super::batch::Netfilter;
use super::{HEADER, HEADERS, NLMSG_ERROR};
use crate::control::netlink::subscription::messages;
use std::io;

/// What can be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::control::kernel) enum What {
    /// `NFT_MSG_GETTABLE`.
    Tables = 1,
    /// `NFT_MSG_GETRULE`.
    Rules = 7,
}

/// A table of any family.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::control::kernel) struct Table {
    /// `NFPROTO_*`.
    pub family: u8,
    pub name: String,
    /// The number of the socket that it belongs to.
    pub owner: Option<u32>,
}

/// A rule of any table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::control::kernel) struct FilterRule {
    pub table: String,
    pub chain: String,
    /// What [`nested`] takes apart.
    pub expressions: Vec<u8>,
}

/// `NLMSG_DONE`.
const NLMSG_DONE: u16 = 3;
/// `NFTA_TABLE_NAME`, `NFTA_TABLE_OWNER`.
const NAME: u16 = 1;
const OWNER: u16 = 7;
/// `NFTA_RULE_TABLE`, `NFTA_RULE_CHAIN`, `NFTA_RULE_EXPRESSIONS`.
const RULE_TABLE: u16 = 1;
const RULE_CHAIN: u16 = 2;
const RULE_EXPRESSIONS: u16 = 4;
/// `NFTA_LIST_ELEM`.
const ELEMENT: u16 = 1;
/// `NLA_TYPE_MASK`.
const KIND: u16 = 0x3fff;

impl Netfilter {
    /// The tables of this network namespace.
    ///
    /// # Errors
    /// The kernel's.
    pub fn tables(&mut self) -> io::Result<Vec<Table>> {
        let mut tables = Vec::new();
        self.dump(What::Tables, |family, attributes| {
            let Some(name) = attribute(attributes, NAME).map(text) else { return };
            let owner =
                attribute(attributes, OWNER).and_then(<[u8]>::first_chunk).map(|port| u32::from_be_bytes(*port));
            tables.push(Table { family, name, owner });
        })?;
        Ok(tables)
    }

    /// The rules of every table of this network namespace.
    ///
    /// # Errors
    /// The kernel's.
    pub fn rules(&mut self) -> io::Result<Vec<FilterRule>> {
        let mut rules = Vec::new();
        self.dump(What::Rules, |_, attributes| {
            let word = |kind| attribute(attributes, kind).map(text).unwrap_or_default();
            let expressions = attribute(attributes, RULE_EXPRESSIONS).unwrap_or_default().to_vec();
            rules.push(FilterRule { table: word(RULE_TABLE), chain: word(RULE_CHAIN), expressions });
        })?;
        Ok(rules)
    }

    /// Reads everything of a kind; `take` is given the family and the attributes of each.
    fn dump(&mut self, what: What, mut take: impl FnMut(u8, &[u8])) -> io::Result<()> {
        self.ask_for_all(what as u16)?;
        let mut datagram = Vec::with_capacity(1 << 16);
        loop {
            datagram.clear();
            self.receive(&mut datagram)?;
            for message in messages(&datagram) {
                let (kind, bytes) = message.ok_or_else(|| io::Error::other("an answer of nf_tables is cut off"))?;
                match kind {
                    NLMSG_DONE => return Ok(()),
                    NLMSG_ERROR => return Err(refusal(bytes)),
                    _ => {}
                }
                if let (Some(family), Some(attributes)) = (bytes.get(HEADER), bytes.get(HEADERS..)) {
                    take(*family, attributes);
                }
            }
        }
    }
}

fn refusal(bytes: &[u8]) -> io::Error {
    let code = bytes.get(HEADER..).and_then(<[u8]>::first_chunk).map_or(0, |code| i32::from_ne_bytes(*code));
    io::Error::from_raw_os_error(code.wrapping_neg())
}

/// A string of the kernel's.
pub(in crate::control::kernel) fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).trim_end_matches('\0').to_owned()
}

/// The value of the first netlink attribute of this kind.
pub(in crate::control::kernel) fn attribute(attributes: &[u8], wanted: u16) -> Option<&[u8]> {
    all(attributes).find(|(kind, _)| *kind == wanted).map(|(_, value)| value)
}

/// The values of the elements of a list, in their order.
pub(in crate::control::kernel) fn nested(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    all(list).filter(|(kind, _)| *kind == ELEMENT).map(|(_, value)| value)
}

/// The attributes with their kinds, up to the first that is cut off.
fn all(mut attributes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let [l0, l1, k0, k1, ..] = *attributes else { return None };
        let length = usize::from(u16::from_ne_bytes([l0, l1]));
        let value = attributes.get(4..length)?;
        attributes = attributes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((u16::from_ne_bytes([k0, k1]) & KIND, value))
    })
}
