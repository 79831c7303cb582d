//! What the traffic did, kept by both ends: exchanges tried and done, the public addresses that the server saw, and
//! whether each was the right one. What a cut of a line explains is kept apart. Must never know: sockets.

use super::cuts::Cuts;
use crate::clock::Clock;
use crate::lab::topology::{Line, Public};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How two ends talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// A connection with payload both ways.
    Tcp,
    /// A datagram and its echo.
    Udp,
    /// An echo request and its reply.
    Ping,
}

/// A protocol over one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    /// The protocol.
    pub protocol: Protocol,
    /// IPv6 or IPv4.
    pub v6: bool,
}

/// Exchanges of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Score {
    /// Ended well or badly.
    pub tried: u64,
    /// Ended well: everything came back unharmed.
    pub done: u64,
    /// Ended badly because their line was cut.
    pub caught: u64,
    /// Payload bytes that came back.
    pub bytes: u64,
    /// Why the last bad one failed that no cut explains.
    pub last_failure: Option<String>,
}

/// A public address in the eyes of the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Name of the WAN that it belongs to; empty if to none.
    pub wan: String,
    /// Connections and UDP sockets that came from it.
    pub flows: u64,
}

/// One exchange that has ended.
#[derive(Debug)]
pub(super) struct Attempt {
    /// When it began, in milliseconds of [`Tally::now`].
    pub began: u64,
    /// The socket of its sender, where it is known.
    pub inside: Option<SocketAddr>,
    /// The payload bytes that came back.
    pub result: io::Result<u64>,
}

/// The books.
#[derive(Debug)]
pub struct Tally {
    publics: Vec<Public>,
    clock: Clock,
    books: Mutex<Books>,
}

#[derive(Debug, Default)]
struct Books {
    outbound: BTreeMap<Kind, Score>,
    inbound: BTreeMap<(IpAddr, Protocol), Score>,
    seen: BTreeMap<IpAddr, Seen>,
    sockets: BTreeMap<SocketAddr, SocketAddr>,
    connections: BTreeMap<SocketAddr, SocketAddr>,
    cuts: Cuts,
    wrong: u64,
    moved: u64,
    carried_over: u64,
    example: Option<String>,
}

impl Tally {
    /// Empty books for a network with these public addresses.
    #[must_use]
    pub fn new(publics: Vec<Public>) -> Self {
        Self { publics, clock: Clock::start(), books: Mutex::default() }
    }

    /// Milliseconds since these books were opened.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.clock.now().millis()
    }

    /// A line is about to be cut.
    pub fn cut(&self, line: Line) {
        let now = self.now();
        self.books().cuts.cut(line, now);
    }

    /// flowpin has noticed: from now on nothing of what begins inside has to do with that line.
    pub fn noticed(&self, line: Line) {
        let now = self.now();
        self.books().cuts.noticed(line, now);
    }

    /// The line is in use again.
    pub fn mended(&self, line: Line) {
        let now = self.now();
        self.books().cuts.mended(line, now);
    }

    /// Exchanges from inside.
    #[must_use]
    pub fn outbound(&self) -> BTreeMap<Kind, Score> {
        self.books().outbound.clone()
    }

    /// Exchanges from outside, by the public address they went to.
    #[must_use]
    pub fn inbound(&self) -> BTreeMap<(IpAddr, Protocol), Score> {
        self.books().inbound.clone()
    }

    /// The public addresses that the server saw.
    #[must_use]
    pub fn seen(&self) -> BTreeMap<IpAddr, Seen> {
        self.books().seen.clone()
    }

    /// Flows that came from an address or port that is not their sender's.
    #[must_use]
    pub fn wrong(&self) -> u64 {
        self.books().wrong
    }

    /// Datagrams of a flow that came from another public address than the one before, and no cut explains it.
    #[must_use]
    pub fn moved(&self) -> u64 {
        self.books().moved
    }

    /// Flows of datagrams whose line was cut and that went on by another.
    #[must_use]
    pub fn carried_over(&self) -> u64 {
        self.books().carried_over
    }

    /// The line by which the connection of an inside socket came to the server, if it came.
    #[must_use]
    pub fn line_of(&self, inside: SocketAddr) -> Option<String> {
        let from = self.books().connections.get(&inside).copied()?;
        self.wan(from.ip()).map(str::to_owned)
    }

    /// The first wrong or moved one, in words.
    #[must_use]
    pub fn example(&self) -> Option<String> {
        self.books().example.clone()
    }

    /// An exchange that began inside has ended. A cut explains a datagram that is lost while nobody has noticed, and a
    /// connection that is reset; that the server knows it by another line than the one that was cut speaks against it.
    pub(super) fn note_outbound(&self, kind: Kind, attempt: Attempt) {
        let mut books = self.books();
        let known = match kind.protocol {
            Protocol::Tcp => &books.connections,
            Protocol::Udp | Protocol::Ping => &books.sockets,
        };
        let wan = attempt.inside.and_then(|inside| known.get(&inside)).and_then(|from| self.wan(from.ip()));
        // Whoever sends learns of a reset by the one, or the other if a reader has been told before.
        let reset = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
        let is_told = attempt.result.as_ref().is_err_and(|error| reset.contains(&error.kind()));
        let may_be = kind.protocol != Protocol::Tcp || is_told;
        let is_caught = may_be && books.cuts.caught_outbound(wan, attempt.began, self.now());
        books.outbound.entry(kind).or_default().add(attempt.result, is_caught);
    }

    /// An exchange that began outside has ended. Where its public address is of a line that was cut, the cut explains it.
    pub(super) fn note_inbound(&self, to: IpAddr, protocol: Protocol, attempt: Attempt) {
        let mut books = self.books();
        let is_caught = self.wan(to).is_some_and(|wan| books.cuts.caught_inbound(wan, attempt.began, self.now()));
        books.inbound.entry((to, protocol)).or_default().add(attempt.result, is_caught);
    }

    /// The server saw a connection of `inside` come from `from`.
    pub(super) fn note_connection(&self, inside: SocketAddr, from: SocketAddr) {
        let mut books = self.books();
        books.connections.insert(inside, from);
        self.count(&mut books, inside, from);
    }

    /// The server saw a datagram of `inside` come from `from`.
    pub(super) fn note_datagram(&self, inside: SocketAddr, from: SocketAddr) {
        let mut books = self.books();
        match books.sockets.insert(inside, from) {
            Some(before) if before == from => {}
            Some(before) if self.wan(before.ip()).is_some_and(|wan| books.cuts.drives_away(wan)) => {
                books.carried_over += 1;
                self.count(&mut books, inside, from);
            }
            Some(before) => {
                books.moved += 1;
                books.example.get_or_insert_with(|| format!("{inside} moved from {before} to {from}"));
            }
            None => self.count(&mut books, inside, from),
        }
    }

    /// A socket is closed; another one may get its port, and another pin.
    pub(super) fn forget(&self, inside: SocketAddr) {
        self.books().sockets.remove(&inside);
    }

    fn count(&self, books: &mut Books, inside: SocketAddr, from: SocketAddr) {
        let public = self.public(from.ip());
        let seen = books.seen.entry(from.ip()).or_default();
        seen.flows += 1;
        seen.wan = public.map(|public| public.wan.to_owned()).unwrap_or_default();
        if public.is_none_or(|public| public.inside != inside.ip()) || inside.port() != from.port() {
            books.wrong += 1;
            books.example.get_or_insert_with(|| format!("{inside} appeared as {from}"));
        }
    }

    fn public(&self, address: IpAddr) -> Option<&Public> {
        self.publics.iter().find(|public| public.address == address)
    }

    fn wan(&self, address: IpAddr) -> Option<&'static str> {
        self.public(address).map(|public| public.wan)
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Score {
    fn add(&mut self, result: io::Result<u64>, is_caught: bool) {
        self.tried += 1;
        match result {
            Ok(bytes) => {
                self.done += 1;
                self.bytes += bytes;
            }
            Err(_) if is_caught => self.caught += 1,
            Err(why) => self.last_failure = Some(why.to_string()),
        }
    }
}
