//! What the traffic did, kept by both ends: exchanges tried and done, the public addresses that the server saw, and
//! whether each was the right one. Must never know: sockets.

use crate::lab::topology::Public;
use std::collections::BTreeMap;
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
    /// Payload bytes that came back.
    pub bytes: u64,
    /// Why the last bad one failed.
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

/// The books.
#[derive(Debug)]
pub struct Tally {
    publics: Vec<Public>,
    books: Mutex<Books>,
}

#[derive(Clone, Debug, Default)]
struct Books {
    outbound: BTreeMap<Kind, Score>,
    inbound: BTreeMap<(IpAddr, Protocol), Score>,
    seen: BTreeMap<IpAddr, Seen>,
    sockets: BTreeMap<SocketAddr, SocketAddr>,
    wrong: u64,
    moved: u64,
    example: Option<String>,
}

impl Tally {
    /// Empty books for a network with these public addresses.
    #[must_use]
    pub fn new(publics: Vec<Public>) -> Self {
        Self { publics, books: Mutex::default() }
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

    /// Datagrams of a flow that came from another public address than the flow's first.
    #[must_use]
    pub fn moved(&self) -> u64 {
        self.books().moved
    }

    /// The first wrong or moved one, in words.
    #[must_use]
    pub fn example(&self) -> Option<String> {
        self.books().example.clone()
    }

    pub(super) fn note_outbound(&self, kind: Kind, result: Result<u64, String>) {
        self.books().outbound.entry(kind).or_default().add(result);
    }

    pub(super) fn note_inbound(&self, to: IpAddr, protocol: Protocol, result: Result<u64, String>) {
        self.books().inbound.entry((to, protocol)).or_default().add(result);
    }

    /// The server saw a connection of `inside` come from `from`.
    pub(super) fn note_connection(&self, inside: SocketAddr, from: SocketAddr) {
        let mut books = self.books();
        self.count(&mut books, inside, from);
    }

    /// The server saw a datagram of `inside` come from `from`.
    pub(super) fn note_datagram(&self, inside: SocketAddr, from: SocketAddr) {
        let mut books = self.books();
        match books.sockets.insert(inside, from) {
            Some(before) if before == from => {}
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
        let public = self.publics.iter().find(|public| public.address == from.ip());
        let seen = books.seen.entry(from.ip()).or_default();
        seen.flows += 1;
        seen.wan = public.map(|public| public.wan.to_owned()).unwrap_or_default();
        if public.is_none_or(|public| public.inside != inside.ip()) || inside.port() != from.port() {
            books.wrong += 1;
            books.example.get_or_insert_with(|| format!("{inside} appeared as {from}"));
        }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Score {
    fn add(&mut self, result: Result<u64, String>) {
        self.tried += 1;
        match result {
            Ok(bytes) => {
                self.done += 1;
                self.bytes += bytes;
            }
            Err(why) => self.last_failure = Some(why),
        }
    }
}
