//! What may happen, drawn at random. Each event is concrete, so that it stays what it is when others are left out.
//! Must never know: what must come of it.

use super::line::Fault;
use super::net::{HOSTS, Net, SERVERS};
use crate::model::chance::Chance;
use crate::model::wire::{ACK, FIN, RST, SYN, TCP, UDP};
use flowpin::health::Verb;

#[derive(Clone, Debug)]
pub struct Event {
    /// Milliseconds since the event before.
    pub after: u64,
    pub what: What,
}

#[derive(Clone, Debug)]
pub enum What {
    /// The kernel says this of a line's link: what is broken, or that IPv6 alone lacks a gateway.
    Link {
        line: usize,
        fault: [Option<Fault>; 2],
        mtu: u16,
    },
    /// From now on its probes pass, or fail; or nothing is heard of them.
    Path {
        line: usize,
        v6: bool,
        passes: Option<bool>,
    },
    Hand {
        line: usize,
        verb: Verb,
    },
    /// The kernel lists these prefixes for a line, the best first.
    Lent {
        line: usize,
        prefixes: Vec<u8>,
    },
    /// An operator says the prefix of a line, for so many seconds.
    Set {
        line: usize,
        prefix: u8,
        seconds: Option<u32>,
    },
    /// From a host to a server, or the other way on a line, there to its newest or its oldest address.
    Packet {
        worker: usize,
        from: Option<usize>,
        talk: Talk,
        old: bool,
    },
}

/// Who speaks with whom: places in `HOSTS` and `SERVERS`, the host's port, the protocol and TCP flags.
#[derive(Clone, Copy, Debug)]
pub struct Talk {
    pub host: usize,
    pub server: usize,
    pub port: u16,
    pub protocol: u8,
    pub flags: u8,
}

impl Event {
    pub fn random(chance: &mut Chance, net: &Net) -> Self {
        let after = match chance.below(60) {
            0 => chance.pick(&[20_000, 61_000, 301_000]),
            1..8 => chance.pick(&[3000, 5000, 9000]),
            8..24 => chance.pick(&[799, 800, 1000, 1001, 2800]),
            _ => chance.pick(&[0, 1, 20, 40]),
        };
        let line = chance.below(net.lines.len());
        let what = match chance.below(16) {
            0 => What::Link { line, fault: fault(chance), mtu: chance.pick(&[1500, 1500, 1492]) },
            1..4 => What::Path {
                line,
                v6: chance.one_in(2),
                passes: chance.pick(&[Some(true), Some(true), Some(false), None]),
            },
            5 if net.lines[line].lends && !chance.one_in(3) => lent(chance, line),
            4 if chance.one_in(2) => What::Hand { line, verb: chance.pick(&Verb::ALL) },
            _ => {
                let from = chance.one_in(3).then_some(line);
                What::Packet { worker: chance.below(2), from, talk: talk(chance), old: chance.one_in(3) }
            }
        };
        Self { after, what }
    }
}

fn lent(chance: &mut Chance, line: usize) -> What {
    let prefix = chance.below(3) as u8;
    match chance.below(4) {
        0 => What::Set { line, prefix, seconds: chance.pick(&[None, Some(2), Some(5), Some(40)]) },
        1 => What::Lent { line, prefixes: vec![] },
        2 => What::Lent { line, prefixes: vec![prefix, (prefix + 1) % 3] },
        _ => What::Lent { line, prefixes: vec![prefix] },
    }
}

fn fault(chance: &mut Chance) -> [Option<Fault>; 2] {
    match chance.below(8) {
        0 => [Some(Fault::Absent); 2],
        1 => [Some(Fault::NoCarrier); 2],
        3 => [Some(Fault::NoGateway), None],
        4 => [None, Some(Fault::NoGateway)],
        _ => [None; 2],
    }
}

fn talk(chance: &mut Chance) -> Talk {
    let v6 = chance.one_in(2);
    let place = |chance: &mut Chance| chance.below(2) + if v6 { 2 } else { 0 };
    let (host, server) = (place(chance), place(chance));
    debug_assert!(host < HOSTS.len() && server < SERVERS.len());
    let flags = chance.pick(&[SYN, SYN, SYN | ACK, ACK, ACK, ACK, ACK | FIN, RST]);
    Talk { host, server, port: 1000 + chance.below(2) as u16, protocol: chance.pick(&[TCP, UDP]), flags }
}
