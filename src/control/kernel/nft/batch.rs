//! One exchange with nf_tables over nfnetlink: a batch that takes effect as a whole or not at all, and its answers.
//! Numbers are those of linux/netlink.h and linux/netfilter/nfnetlink.h. Must never know: what the messages are for.

use super::answers::{Answers, Refusal};
use super::{APPEND, Attributes, CREATE, End, Family, HEADERS, Hook, Message, SUBSYS_NFTABLES};
use rtnetlink::sys::protocols::NETLINK_NETFILTER;
use rtnetlink::sys::{Socket, SocketAddr};
use socket2::SockRef;
use std::fmt;
use std::io;

/// `NLM_F_REQUEST`, `NLM_F_ACK`, `NLM_F_DUMP`.
const REQUEST: u16 = 1;
const ACK: u16 = 4;
const DUMP: u16 = 0x300;
/// `NFNL_MSG_BATCH_BEGIN` and `_END`.
const BATCH_BEGIN: u16 = 16;
const BATCH_END: u16 = 17;

/// Messages that take effect together or not at all.
pub(in crate::control::kernel) struct Batch {
    messages: Vec<Draft>,
    family: Family,
}

/// One message without its sequence number, which is the socket's.
struct Draft {
    family: Family,
    message: Message,
    flags: u16,
    attributes: Attributes,
}

impl Batch {
    /// Begins; `family` is the one that messages are about until [`Batch::turn_to`] names another.
    pub fn new(family: Family) -> Self {
        Self { messages: Vec::new(), family }
    }

    /// What follows is about tables of this family.
    pub fn turn_to(&mut self, family: Family) {
        self.family = family;
    }

    pub fn add(&mut self, message: Message, flags: u16, attributes: Attributes) {
        self.messages.push(Draft { family: self.family, message, flags, attributes });
    }

    /// Adds a filter chain with its rules to `table` of the family inet; the lower the priority, the earlier it is asked.
    pub fn add_chain(&mut self, table: &str, chain: &str, hook: Hook, priority: i32, rules: Vec<Attributes>) {
        let hook = Attributes::new().number(1, hook as u32).number(2, priority.cast_unsigned());
        let base = Attributes::new().string(1, table).string(3, chain).nest(4, hook);
        self.add(Message::NewChain, CREATE, base.number(5, End::Accept as u32).string(7, "filter"));
        self.add_rules(table, chain, rules);
    }

    /// Adds rules behind those that a chain has.
    pub fn add_rules(&mut self, table: &str, chain: &str, rules: Vec<Attributes>) {
        for rule in rules {
            let rule = Attributes::new().string(1, table).string(2, chain).nest(4, rule);
            self.add(Message::NewRule, CREATE | APPEND, rule);
        }
    }

    /// The messages between a begin and an end, numbered one by one from `begin` on; and the number behind.
    fn bytes(&self, begin: u32) -> (Vec<u8>, u32) {
        let mut bytes = Vec::new();
        let mut sequence = begin;
        let mut raw = |kind: u16, flags: u16, family: u8, resource: u16, body: &[u8]| {
            append(&mut bytes, (kind, flags, sequence), (family, resource), body);
            sequence = sequence.wrapping_add(1);
        };
        raw(BATCH_BEGIN, REQUEST, 0, SUBSYS_NFTABLES, &[]);
        for Draft { family, message, flags, attributes } in &self.messages {
            let kind = SUBSYS_NFTABLES << 8 | *message as u16;
            raw(kind, REQUEST | ACK | flags, *family as u8, 0, attributes.as_bytes());
        }
        raw(BATCH_END, REQUEST, 0, SUBSYS_NFTABLES, &[]);
        (bytes, sequence)
    }
}

/// A message: `struct nlmsghdr` with type, flags and sequence number, `struct nfgenmsg` with family and resource, the body.
fn append(bytes: &mut Vec<u8>, head: (u16, u16, u32), about: (u8, u16), body: &[u8]) {
    let ((kind, flags, sequence), (family, resource)) = (head, about);
    let length = u32::try_from(HEADERS + body.len()).unwrap_or(u32::MAX);
    bytes.extend_from_slice(&length.to_ne_bytes());
    bytes.extend_from_slice(&kind.to_ne_bytes());
    bytes.extend_from_slice(&flags.to_ne_bytes());
    bytes.extend_from_slice(&sequence.to_ne_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&[family, 0]);
    bytes.extend_from_slice(&resource.to_be_bytes());
    bytes.extend_from_slice(body);
}

/// A batch that did not take effect: what the kernel said of which part.
#[derive(Debug)]
pub(in crate::control::kernel) struct Refused {
    /// The message and the family of its table; `None` where it is the batch as a whole.
    pub part: Option<(Message, Family)>,
    pub error: io::Error,
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        Self { part: None, error }
    }
}

impl Refused {
    fn new(refusal: Refusal, batch: &Batch) -> Self {
        match refusal {
            Refusal::Message(place, error) => {
                Self { part: batch.messages.get(place).map(|draft| (draft.message, draft.family)), error }
            }
            Refusal::Batch(error) => error.into(),
            Refusal::Unanswered => io::Error::other("the kernel left part of it unanswered").into(),
        }
    }
}

/// The part that is refused and why, as the end of a sentence about the table.
impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.part {
            Some((message, family)) => write!(f, "{message} (family {family}) is refused: {}", self.error),
            None => self.error.fmt(f),
        }
    }
}

/// A socket to nf_tables. A table with an owner belongs to the socket that made it.
pub(in crate::control::kernel) struct Netfilter {
    socket: Socket,
    /// The number by which the kernel knows the socket: its notifications carry that of whoever caused them.
    port: u32,
    /// The sequence number of the next message: no two messages of this socket share one, so that no answer is taken for
    /// that to another batch.
    next: u32,
}

impl Netfilter {
    pub fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_NETFILTER)?;
        let port = socket.bind_auto()?.port_number();
        socket.connect(&SocketAddr::new(0, 0))?;
        // The kernel answers inside the send call, so what is not there at once never comes.
        socket.set_non_blocking(true)?;
        Ok(Self { socket, port, next: 1 })
    }

    /// The number by which the kernel knows this socket.
    pub fn port(&self) -> u32 {
        self.port
    }

    /// Sends the batch and reads every answer.
    ///
    /// # Errors
    /// The refusal of the first message of the batch that is refused; nothing of the batch has taken effect then.
    pub fn commit(&mut self, batch: &Batch) -> Result<(), Refused> {
        let begin = self.next;
        let (bytes, next) = batch.bytes(begin);
        self.next = next;
        let options = SockRef::from(&self.socket);
        if options.send_buffer_size()? < bytes.len() * 2 {
            options.set_send_buffer_size(bytes.len() * 2)?;
        }
        self.socket.send(&bytes, 0)?;
        let messages = u32::try_from(batch.messages.len()).unwrap_or(u32::MAX);
        let mut answers = Answers::to(begin, messages);
        let mut datagram = Vec::with_capacity(1 << 16);
        loop {
            datagram.clear();
            match self.socket.recv(&mut datagram, 0) {
                Ok(_) => answers.read(&datagram),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // Answers were lost: they are missed in the count of confirmations.
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {}
                Err(error) => return Err(error.into()),
            }
        }
        answers.outcome().map_err(|refusal| Refused::new(refusal, batch))
    }

    /// Asks for everything of a kind, of every family.
    pub(super) fn ask_for_all(&mut self, message: u16) -> io::Result<()> {
        let mut bytes = Vec::new();
        append(&mut bytes, (SUBSYS_NFTABLES << 8 | message, REQUEST | DUMP, self.next), (0, 0), &[]);
        self.next = self.next.wrapping_add(1);
        self.socket.send(&bytes, 0).map(drop)
    }

    /// Reads one datagram of what was asked for.
    pub(super) fn receive(&mut self, datagram: &mut Vec<u8>) -> io::Result<()> {
        self.socket.recv(datagram, 0).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_numbered_without_a_gap_and_says_where_the_next_begins() {
        let mut batch = Batch::new(Family::Netdev);
        batch.add(Message::NewTable, 0, Attributes::new().string(1, "t"));
        batch.turn_to(Family::Inet);
        batch.add(Message::DelTable, 0, Attributes::new());
        let (bytes, next) = batch.bytes(u32::MAX);
        assert_eq!(next, 3);
        let mut rest = &bytes[..];
        let mut found = Vec::new();
        while let [l0, l1, l2, l3, t0, t1, _, _, s0, s1, s2, s3, _, _, _, _, family, ..] = *rest {
            found.push((u16::from_ne_bytes([t0, t1]), u32::from_ne_bytes([s0, s1, s2, s3]), family));
            rest = &rest[u32::from_ne_bytes([l0, l1, l2, l3]) as usize..];
        }
        assert_eq!(found, [(16, u32::MAX, 0), (0xa00, 0, 5), (0xa02, 1, 1), (17, 2, 0)]);
    }

    #[test]
    fn a_refusal_names_its_part() {
        let mut batch = Batch::new(Family::Inet);
        batch.add(Message::NewTable, 0, Attributes::new());
        batch.add(Message::NewChain, 0, Attributes::new());
        let error = || io::Error::from_raw_os_error(libc::ENOENT);
        let said = |refusal| Refused::new(refusal, &batch).to_string();
        let no_entry = "No such file or directory (os error 2)";
        assert_eq!(said(Refusal::Message(1, error())), format!("its chain (family inet) is refused: {no_entry}"));
        assert_eq!(said(Refusal::Batch(error())), no_entry);
        assert_eq!(said(Refusal::Unanswered), "the kernel left part of it unanswered");
    }
}
