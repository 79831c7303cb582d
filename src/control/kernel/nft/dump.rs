//! What nf_tables has, read as a whole: messages of one kind with their attributes. Numbers are those of linux/netlink.h
//! and linux/netfilter/nf_tables.h. Must never know: what is looked for.

use super::batch::Netfilter;
use crate::control::netlink::subscription::messages;
use std::io;

/// What can be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::control::kernel) enum What {
    /// `NFT_MSG_GETTABLE`.
    Tables = 1,
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

/// `NLMSG_ERROR`, `NLMSG_DONE`.
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
/// Bytes of `struct nlmsghdr` and of that with `struct nfgenmsg`.
const HEADER: usize = 16;
const HEADERS: usize = 20;
/// `NFTA_TABLE_NAME`, `NFTA_TABLE_OWNER`.
const NAME: u16 = 1;
const OWNER: u16 = 7;
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
pub(in crate::control::kernel) fn attribute(mut attributes: &[u8], wanted: u16) -> Option<&[u8]> {
    while let [l0, l1, k0, k1, ..] = *attributes {
        let length = usize::from(u16::from_ne_bytes([l0, l1]));
        let value = attributes.get(4..length)?;
        if u16::from_ne_bytes([k0, k1]) & KIND == wanted {
            return Some(value);
        }
        attributes = attributes.get(length.next_multiple_of(4)..)?;
    }
    None
}
