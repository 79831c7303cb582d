//! What may happen to a router, drawn at random: packets from scratch, packets that answer or abuse earlier ones, time,
//! another configuration. Each event is concrete, so that it stays what it is when others are left out.
//! Must never know: what must come of it.

use super::build::{extend, extensions, flags, fragment, transport, vary_header4};
use super::chance::Chance;
use super::form::header;
use super::net::Net;
use super::wire::{self, ICMP, ICMPV6, RST, TCP, UDP};
use flowpin::types::{End, WanId};
use std::fmt;
use std::net::IpAddr;

#[derive(Clone, Debug)]
pub struct Event {
    /// Nanoseconds since the event before.
    pub after: u64,
    /// The worker that is given it.
    pub worker: usize,
    pub what: What,
}

#[derive(Clone, Debug)]
pub enum What {
    Packet { from: End, way: Way, packet: Vec<u8> },
    Configuration(Box<Net>),
}

/// How a frame from a WAN is addressed; inside there is no such thing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    ToUs,
    ToAGroup,
    WrongTag,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} s later, ", self.after as f64 / 1e9)?;
        match &self.what {
            What::Packet { from, way, packet } => {
                write!(f, "worker {} from {from:?} ({way:?}): {}", self.worker, wire::describe(packet))
            }
            What::Configuration(net) => {
                let dead: Vec<_> = net.wans.iter().map(|wan| wan.dead).collect();
                write!(f, "another configuration, dead lines {dead:?}:\n{}", net.toml())
            }
        }
    }
}

/// Draws events, and remembers what passed.
pub struct Draw {
    pub chance: Chance,
    pub net: Net,
    /// What the router forwarded, and where to.
    pub passed: Vec<(End, Vec<u8>)>,
    came: Vec<(End, Vec<u8>)>,
    /// Pieces of datagrams still to come.
    pieces: Vec<(End, Vec<u8>)>,
}

const SECOND: u64 = 1_000_000_000;
const HOSTS: [&str; 6] =
    ["10.250.250.2", "10.250.250.2", "10.250.250.3", "10.250.250.3", "10.250.250.4", "10.250.250.5"];
const HOSTS6: [&str; 7] = [
    "fd00:bad:b01:1::100",
    "fd00:bad:b01::50",
    "fd00:bad:b01::100",
    "fd00:bad:b01:ffff::1",
    "fd00:bad:b01::",
    "fd77::2",
    "fd00:bad:b01:0:ffff:ffff:ffff:ffff",
];
const SERVERS: [&str; 3] = ["203.0.113.10", "203.0.113.11", "198.18.0.1"];
const SERVERS6: [&str; 3] = ["2001:db8:5::10", "2001:db8:5::11", "2001:db8:f::1"];
const ODD: [&str; 8] = [
    "127.0.0.1",
    "224.0.0.251",
    "239.1.1.1",
    "255.255.255.255",
    "169.254.9.9",
    "0.0.0.1",
    "10.250.250.7",
    "192.168.7.7",
];
const ODD6: [&str; 6] = ["::1", "ff02::fb", "ff0e::1", "fe80::9", "fd00:bad:b01:9::9", "fd99::1"];

impl Draw {
    pub fn new(chance: Chance, net: Net) -> Self {
        Self { chance, net, passed: Vec::new(), came: Vec::new(), pieces: Vec::new() }
    }

    pub fn event(&mut self) -> Event {
        let chance = &mut self.chance;
        let millis = chance.pick(&[40, 40, 40, 40, 100, 999]) * (SECOND / 1000) + chance.below(1000) as u64;
        let long = chance.pick(&[2, 29, 31, 60, 61, 239, 240, 241, 299, 300, 301, 4000, 7440, 7441]) * SECOND;
        let after = if chance.one_in(12) { long } else { millis };
        let worker = usize::from(chance.one_in(3));
        if chance.one_in(60) {
            self.net = self.net.changed(chance);
            return Event { after, worker, what: What::Configuration(Box::new(self.net.clone())) };
        }
        if chance.one_in(25) {
            self.net = self.net.after_a_while(chance);
            return Event { after, worker, what: What::Configuration(Box::new(self.net.clone())) };
        }
        let (from, packet) = self.packet();
        let from = match from {
            End::Wan(wan) if wan.index() >= self.net.wans.len() => End::Wan(WanId(0)),
            from => from,
        };
        let packet = self.damage(packet);
        self.came.push((from, packet.clone()));
        let way = if from == End::Inside { Way::ToUs } else { self.way() };
        Event { after, worker, what: What::Packet { from, way, packet } }
    }

    fn way(&mut self) -> Way {
        match self.chance.below(100) {
            0 => Way::ToAGroup,
            1 => Way::WrongTag,
            _ => Way::ToUs,
        }
    }

    fn packet(&mut self) -> (End, Vec<u8>) {
        if !self.pieces.is_empty() && self.chance.one_in(2) {
            let at = self.chance.below(self.pieces.len());
            return self.pieces.swap_remove(at);
        }
        match self.chance.below(20) {
            0..7 => self.fresh_outbound(),
            7..10 => self.fresh_inbound(),
            10..14 => self.answer(),
            14..16 => self.again(),
            16..19 => self.error(),
            _ => self.cut(),
        }
    }

    fn fresh_outbound(&mut self) -> (End, Vec<u8>) {
        let v4 = self.chance.one_in(2);
        let source = self.chance.pick(if v4 { &HOSTS[..] } else { &HOSTS6 });
        let to = self.outside(v4);
        (End::Inside, self.datagram(source.parse().unwrap(), to))
    }

    fn fresh_inbound(&mut self) -> (End, Vec<u8>) {
        let v4 = self.chance.one_in(2);
        let wan = self.wan();
        let to = self.owned(wan, v4);
        let from = self.outside(v4);
        (End::Wan(WanId(wan as u8)), self.datagram(from, to))
    }

    fn wan(&mut self) -> usize {
        self.chance.below(self.net.wans.len())
    }

    /// An address outside, or one that nothing outside may have.
    fn outside(&mut self, v4: bool) -> IpAddr {
        let chance = &mut self.chance;
        match chance.below(24) {
            0 => chance.pick(if v4 { &ODD[..] } else { &ODD6 }).parse().unwrap(),
            1 => chance.pick(if v4 { &HOSTS[..] } else { &HOSTS6 }).parse().unwrap(),
            2 => {
                let wan = self.wan();
                self.owned(wan, v4)
            }
            _ => chance.pick(if v4 { &SERVERS[..] } else { &SERVERS6 }).parse().unwrap(),
        }
    }

    /// Mostly the public address of an inside host.
    fn owned(&mut self, wan: usize, v4: bool) -> IpAddr {
        let host: IpAddr = self.chance.pick(if v4 { &HOSTS[..] } else { &HOSTS6 }).parse().unwrap();
        let nobody = if v4 { "192.0.2.77" } else { "2001:db8:a:c000::" };
        self.net.wans[wan].public(host).unwrap_or(nobody.parse().unwrap())
    }

    /// A whole datagram between two addresses.
    fn datagram(&mut self, from: IpAddr, to: IpAddr) -> Vec<u8> {
        let v4 = from.is_ipv4();
        let chance = &mut self.chance;
        let icmp = if v4 { ICMP } else { ICMPV6 };
        let protocol = chance.pick(&[TCP, TCP, TCP, UDP, UDP, UDP, icmp, icmp, 47, 33, 136, 253]);
        let ports =
            [chance.pick(&[1000u16, 1001, 53]).to_be_bytes(), chance.pick(&[53u16, 443]).to_be_bytes()].concat();
        let mut l4 = transport(chance, protocol, &ports, v4);
        let (extensions, first) =
            if v4 || !chance.one_in(4) { (vec![], protocol) } else { extensions(chance, protocol) };
        let network = if v4 { 20 } else { 40 + extensions.len() };
        let room = match chance.below(6) {
            0 => usize::from(chance.pick(&self.net.wans).mtu.min(1500)) + chance.below(3) - 1,
            1 => network + l4.len() + chance.below(600),
            2 if chance.one_in(4) => 1400 + chance.below(2200),
            _ => network + l4.len() + chance.below(24),
        };
        l4.resize(l4.len().max(room.saturating_sub(network)), chance.next() as u8);
        if protocol == TCP && room > 1000 {
            // A RST makes no flow, so nobody could say which WAN refused it.
            l4[13] &= !RST;
        }
        if protocol == UDP || protocol == 136 {
            let len = if protocol == UDP { l4.len() as u16 } else { 8 };
            wire::put(&mut l4, 4, len);
        }
        let tos = chance.pick(&[0, 0, 0xb8, 0x03]);
        let mut packet = header(from, to, tos, first, extensions.len() + l4.len());
        packet.extend(extensions);
        packet.extend(l4);
        let hops = if chance.one_in(8) { chance.pick(&[0, 1, 2, 3, 255]) } else { 64 };
        packet[if v4 { 8 } else { 7 }] = hops;
        if v4 {
            vary_header4(chance, &mut packet);
        }
        wire::seal(&mut packet);
        if v4 && protocol == UDP && chance.one_in(5) {
            let l4 = usize::from(packet[0] & 15) * 4;
            wire::put(&mut packet, l4 + 6, 0);
        }
        packet
    }

    /// The answer to something that passed: its addresses and ports exchanged.
    fn answer(&mut self) -> (End, Vec<u8>) {
        let Some((end, mut packet)) = self.some(true) else { return self.fresh_outbound() };
        let v4 = packet[0] >> 4 == 4;
        let Ok(ip) = wire::read(&packet) else { return self.fresh_outbound() };
        let (source, destination) = wire::places(v4);
        for at in source..destination {
            packet.swap(at, at + destination - source);
        }
        let l4 = ip.l4;
        match wire::talk(&ip, &packet, false) {
            Some(talk @ (wire::Talk::Tcp { .. } | wire::Talk::Udp { .. })) => {
                packet.swap(l4, l4 + 2);
                packet.swap(l4 + 1, l4 + 3);
                if let wire::Talk::Tcp { flags, numbers, .. } = talk {
                    let marks = u32::from(flags & 1 != 0) + u32::from(flags & 2 != 0);
                    let next = numbers.sequence.wrapping_add(numbers.payload + marks);
                    packet[l4 + 4..l4 + 8].copy_from_slice(&numbers.acknowledgment.to_be_bytes());
                    packet[l4 + 8..l4 + 12].copy_from_slice(&next.to_be_bytes());
                }
            }
            Some(wire::Talk::Query { .. }) => packet[l4] ^= if v4 { 8 } else { 1 },
            _ => {}
        }
        self.reflag(&mut packet, &ip);
        packet[if v4 { 8 } else { 7 }] = 60;
        wire::seal(&mut packet);
        let other = End::Wan(WanId(self.wan() as u8));
        (if end != End::Inside && self.chance.one_in(8) { other } else { end }, packet)
    }

    /// Something that came before once more, with other TCP flags.
    fn again(&mut self) -> (End, Vec<u8>) {
        let Some((end, mut packet)) = self.some(false) else { return self.fresh_outbound() };
        if let Ok(ip) =
            wire::read(&packet).map_err(drop).and_then(|ip| if ip.len <= packet.len() { Ok(ip) } else { Err(()) })
        {
            self.reflag(&mut packet, &ip);
            if wire::talk(&ip, &packet, false).is_some() {
                wire::seal(&mut packet);
            }
        }
        (end, packet)
    }

    fn reflag(&mut self, packet: &mut [u8], ip: &wire::Ip) {
        if let Some(wire::Talk::Tcp { .. }) = wire::talk(ip, packet, false) {
            let flags = flags(&mut self.chance);
            packet[ip.l4 + 13] = if packet.len() > 1000 { flags & !RST } else { flags };
        }
    }

    fn some(&mut self, passed: bool) -> Option<(End, Vec<u8>)> {
        let from = if passed { &self.passed } else { &self.came };
        let late = from.len().saturating_sub(12);
        (!from.is_empty()).then(|| self.chance.pick(&from[late..]))
    }

    /// An ICMP error about something that passed: from a router on its way or its receiver, now and then to the wrong
    /// host, by the wrong WAN, or broken.
    fn error(&mut self) -> (End, Vec<u8>) {
        let late = self.passed.len().saturating_sub(12);
        let largest = self.passed[late..].iter().max_by_key(|(_, packet)| packet.len()).cloned();
        let about = if self.chance.one_in(3) { largest } else { self.some(true) };
        let Some((end, about)) = about else { return self.fresh_inbound() };
        let Ok(ip) = wire::read(&about) else { return self.fresh_inbound() };
        let v4 = ip.source.is_ipv4();
        let chance = &mut self.chance;
        let (kind, code) = match v4 {
            true => chance.pick(&[(3, 4), (3, 3), (3, 1), (11, 0), (12, 0), (4, 0)]),
            false => chance.pick(&[(2, 0), (1, 4), (3, 0), (4, 1)]),
        };
        let room = chance.pick(&[28usize, 36, 60, 548, 200]).max(ip.l4.min(about.len()) + 8);
        let [high, low] = chance.pick(&[1280u16, 1300, 1300, 1200, 576, 0, 1450]).to_be_bytes();
        let mut message = vec![kind, code, 0, 0, 0, 0, high, low];
        message.extend(&about[..about.len().min(room)]);
        if chance.one_in(6) {
            extend(&mut message, v4);
        }
        let broken = chance.one_in(12);
        if broken {
            let at = 8 + chance.below(12);
            message[at] ^= 0x10;
        }
        let from: IpAddr = match end {
            End::Inside if chance.one_in(4) => chance.pick(if v4 { &HOSTS[..] } else { &HOSTS6 }).parse().unwrap(),
            End::Inside => ip.destination,
            End::Wan(_) => (if v4 { "198.18.0.9" } else { "2001:db8:99::1" }).parse().unwrap(),
        };
        let wan = self.wan();
        let wrong = self.chance.one_in(10);
        let to = if wrong && end != End::Inside { self.owned(wan, v4) } else { ip.source };
        let mut packet = header(from, to, 0, if v4 { ICMP } else { ICMPV6 }, message.len());
        packet.extend(message);
        wire::seal(&mut packet);
        (end, packet)
    }

    /// A datagram in two or three pieces: one now, the others some time, in any order.
    fn cut(&mut self) -> (End, Vec<u8>) {
        let (end, packet) = match self.chance.below(9) {
            0..4 => self.fresh_outbound(),
            4..8 => self.fresh_inbound(),
            _ => self.error(),
        };
        let Ok(ip) = wire::read(&packet) else { return (end, packet) };
        if ip.piece != wire::Piece::Whole || packet.len() > 1400 {
            return (end, packet);
        }
        let first = if self.chance.one_in(8) { 8 } else { 24 + 8 * self.chance.below(4) };
        let cuts = [0, first, first + 8 + 8 * self.chance.below(3), usize::MAX];
        let payload = &packet[ip.l4..];
        let id = self.chance.next() as u32;
        for pair in cuts.windows(2).filter(|pair| pair[0] < payload.len()) {
            let (from, to) = (pair[0], pair[1].min(payload.len()));
            let more = to < payload.len();
            // What cannot be a piece: no payload, or not a multiple of eight bytes, or beyond the end of any datagram.
            let (from, to, offset) = match self.chance.below(40) {
                0 => (from, from, from),
                1 => (from, to - 1, from),
                2 => (from, to, 65528),
                _ => (from, to, from),
            };
            self.pieces.push((end, fragment(&packet, &ip, id, offset, &payload[from..to], more)));
        }
        let at = self.chance.below(self.pieces.len());
        self.pieces.swap_remove(at)
    }

    /// Now and then breaks what was well made.
    fn damage(&mut self, mut packet: Vec<u8>) -> Vec<u8> {
        let len = packet.len();
        match self.chance.below(150) {
            0 => packet.truncate(len - 1),
            1 => packet[0] ^= 0x90,
            2 if packet[0] >> 4 == 4 => packet[11] ^= 1,
            3 | 4 => packet[len - 1] ^= 0x40,
            5 => packet.extend([0; 6]),
            6 if packet[0] >> 4 == 4 => packet[0] = 0x44,
            _ => {}
        }
        packet
    }
}
