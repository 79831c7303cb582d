//! A frame that still owes its kernel a checksum or its segmentation fares as the packets it stands for: the same frames
//! from two routers, one of which gets them as they are on a wire. Must never know: the laws.

use super::chance::Chance;
use super::event::Way;
use super::form::header;
use super::net::Net;
use super::router::{self, Worker, frame};
use super::wire::{self, ACK, FIN, Ip, SYN, TCP, UDP};
use flowpin::ports::memory::Stored;
use flowpin::types::{Direction, End, Gso, GsoKind, Offload, PartialChecksum, Tick, WanId};
use std::net::IpAddr;

const SEEDS: u64 = 400;
const FRAMES: u64 = 25;

/// A packet with its checksums right, and the size that it is to be cut in, if any.
struct Owing {
    from: End,
    packet: Vec<u8>,
    size: Option<u16>,
}

fn draw(chance: &mut Chance, net: &Net) -> Owing {
    let v4 = chance.one_in(2);
    let hosts = if v4 { ["10.250.250.2", "10.250.250.3"] } else { ["fd00:bad:b01::50", "fd00:bad:b01:1::100"] };
    let host: IpAddr = chance.pick(&hosts).parse().unwrap();
    let server: IpAddr = (if v4 { "203.0.113.10" } else { "2001:db8:5::10" }).parse().unwrap();
    let wan = chance.below(net.wans.len());
    let public = net.wans[wan].public(host).unwrap_or(server);
    let (from, source, destination) = match chance.below(5) {
        0 | 1 => (End::Wan(WanId(wan as u8)), server, public),
        2 => (End::Inside, hosts[0].parse().unwrap(), public),
        _ => (End::Inside, host, server),
    };
    let tcp = chance.one_in(2);
    let size = chance.pick(&[None, Some(1200), Some(1208), Some(1340), Some(1360), Some(1380), Some(1440), Some(1460)]);
    let payload = chance.below(if size.is_some() { 9000 } else { 40 }) + 1;
    let mut packet =
        if tcp { segment(chance, source, destination, payload) } else { datagram(source, destination, payload) };
    packet[if v4 { 8 } else { 7 }] = chance.pick(&[64, 64, 64, 64, 1, 2]);
    if v4 && !tcp && chance.one_in(2) {
        packet[6] = 0;
    }
    wire::seal(&mut packet);
    Owing { from, packet, size }
}

fn segment(chance: &mut Chance, source: IpAddr, destination: IpAddr, payload: usize) -> Vec<u8> {
    let flags =
        if payload < 41 { chance.pick(&[SYN, SYN | ACK, ACK]) } else { chance.pick(&[ACK, ACK | 8, ACK | FIN | 8]) };
    let mut packet = header(source, destination, 0, TCP, 24 + payload);
    packet.extend([0x10, 0, 0, 53, 0xff, 0xff, 0xf8, 0, 0, 0, 0, 1, 0x60, flags, 9, 9, 0, 0, 0, 0, 2, 4, 0x22, 0xb8]);
    packet.extend((0..payload).map(|at| at as u8));
    packet
}

fn datagram(source: IpAddr, destination: IpAddr, payload: usize) -> Vec<u8> {
    let mut packet = header(source, destination, 0, UDP, 8 + payload);
    packet.extend([0x10, 0, 0, 53]);
    packet.extend((8 + payload as u16).to_be_bytes());
    packet.extend([0, 0]);
    packet.extend((0..payload).map(|at| at as u8));
    packet
}

/// Bytes of network and transport header.
fn headers(packet: &[u8], ip: &Ip) -> usize {
    ip.l4 + if ip.protocol == TCP { usize::from(packet[ip.l4 + 12] >> 4) * 4 } else { 8 }
}

/// The packets that a frame is on a wire, each with all its checksums: what the kernel makes of it.
fn on_the_wire(packet: &[u8], size: Option<u16>) -> Vec<Vec<u8>> {
    let Some(size) = size else { return vec![packet.to_vec()] };
    let ip = wire::read(packet).unwrap();
    let (headers, payload) = packet.split_at(headers(packet, &ip));
    let chunks = payload.chunks(size.into());
    let last = chunks.len() - 1;
    let cut = chunks.enumerate().map(|(number, chunk)| {
        let mut piece = [headers, chunk].concat();
        let len = piece.len() as u16;
        let add = |piece: &mut [u8], at: usize| {
            let id = u16::from_be_bytes([piece[at], piece[at + 1]]);
            wire::put(piece, at, id.wrapping_add(number as u16));
        };
        if ip.source.is_ipv4() {
            wire::put(&mut piece, 2, len);
            add(&mut piece, 4);
        } else {
            wire::put(&mut piece, 4, len - 40);
        }
        if ip.protocol == TCP {
            let at = ip.l4 + 4;
            let sequence = u32::from_be_bytes([piece[at], piece[at + 1], piece[at + 2], piece[at + 3]]);
            let sequence = sequence.wrapping_add(number as u32 * u32::from(size));
            piece[at..at + 4].copy_from_slice(&sequence.to_be_bytes());
            piece[ip.l4 + 13] &= if number < last { !(FIN | 8) } else { 0xff };
        } else {
            wire::put(&mut piece, ip.l4 + 4, len - ip.l4 as u16);
        }
        wire::seal(&mut piece);
        piece
    });
    cut.collect()
}

/// The same frame with everything left to the kernel.
fn owing(frame: Stored, size: Option<u16>) -> Stored {
    let ip = wire::read(&frame.packet).unwrap();
    let tcp = ip.protocol == TCP;
    let offset = if tcp { 16 } else { 6 };
    let mut packet = frame.packet;
    let pseudo = wire::pseudo(&packet, &ip);
    wire::put(&mut packet, ip.l4 + offset, pseudo);
    let kind = match (tcp, ip.source.is_ipv4()) {
        (true, true) => GsoKind::Tcp4,
        (true, false) => GsoKind::Tcp6,
        _ => GsoKind::UdpL4,
    };
    let gso = size.map(|size| Gso { kind, size, ecn: false });
    let partial = Some(PartialChecksum { start: ip.l4 as u16, offset: offset as u16 });
    Stored { packet, offload: Offload { partial, gso }, ..frame }
}

/// What the kernel sends for a frame that the router has sent.
fn paid(mut frame: Stored) -> Result<Vec<Vec<u8>>, String> {
    let ip = wire::read(&frame.packet)?;
    if let Some(partial) = frame.offload.partial {
        let at = usize::from(partial.start + partial.offset);
        let found = u16::from_be_bytes([frame.packet[at], frame.packet[at + 1]]);
        let wanted = wire::pseudo(&frame.packet, &ip);
        if found % 0xffff != wanted % 0xffff {
            return Err(format!("the sum of the pseudo-header is {wanted:04x}, and {found:04x} was left"));
        }
        wire::seal(&mut frame.packet);
    }
    Ok(on_the_wire(&frame.packet, frame.offload.gso.map(|gso| gso.size)))
}

/// Two routers with one configuration.
struct Twins {
    net: Net,
    plain: Worker,
    owing: Worker,
}

impl Twins {
    fn new(net: Net) -> Self {
        let worker = || router::worker(&net, &router::shared(net.wans.len(), net.flows));
        let (plain, owing) = (worker(), worker());
        Self { net, plain, owing }
    }

    /// One frame for both. What differs, as a sentence.
    fn see(&mut self, now: Tick, it: &Owing) -> Result<(), String> {
        let before = [&self.plain, &self.owing].map(|worker| forwarded(worker, &self.net));
        let mut wanted = Vec::new();
        for packet in on_the_wire(&it.packet, it.size) {
            wanted.extend(self.plain.send(now, it.from, frame(&self.net, it.from, Way::ToUs, &packet)).1);
        }
        let whole = owing(frame(&self.net, it.from, Way::ToUs, &it.packet), it.size);
        let mut found = Vec::new();
        for (end, sent) in self.owing.send(now, it.from, whole).1 {
            found.extend(paid(sent)?.into_iter().map(|packet| (end, packet)));
        }
        let mut wanted: Vec<_> = wanted.into_iter().map(|(end, sent)| (end, sent.packet)).collect();
        let after = [&self.plain, &self.owing].map(|worker| forwarded(worker, &self.net));
        let counts =
            |at: usize| after[at].iter().zip(&before[at]).map(|(after, before)| after - before).collect::<Vec<_>>();
        if counts(1).iter().all(|count| *count == 0) && found.len() < 2 {
            // Refused as a whole: so is its first packet, and its sender is told the same once.
            wanted.truncate(found.len());
            shorten(&mut wanted);
            shorten(&mut found);
        } else if counts(0) != counts(1) {
            return Err(format!("its packets count as {:?}, and it as {:?}", counts(0), counts(1)));
        }
        match wanted == found {
            true => Ok(()),
            false => Err(format!("its packets become {wanted:02x?}, and it {found:02x?}")),
        }
    }
}

/// Only the headers of errors: their quotes differ as what they quote does.
fn shorten(errors: &mut Vec<(End, Vec<u8>)>) {
    for (_, packet) in errors {
        let l4 = if packet[0] >> 4 == 4 { 20 } else { 40 };
        *packet = [&packet[l4 - 8..l4 + 2], &packet[l4 + 4..l4 + 8]].concat();
    }
}

/// Packets and bytes, by WAN and direction, and what came round.
fn forwarded(worker: &Worker, net: &Net) -> Vec<u64> {
    let totals = worker.plane.counters().snapshot();
    let both = [Direction::Outbound, Direction::Inbound];
    let wans = (0..net.wans.len() as u8).flat_map(|wan| both.map(|direction| totals.forwarded(WanId(wan), direction)));
    wans.flat_map(|traffic| [traffic.packets, traffic.bytes]).collect()
}

#[test]
fn a_frame_that_owes_something_fares_as_the_packets_it_stands_for() {
    for seed in 0..SEEDS {
        let mut chance = Chance::new(seed);
        let net = Net { flows: 1000, ..Net::random(&mut chance) };
        let mut twins = Twins::new(net.clone());
        for number in 0..FRAMES {
            let it = draw(&mut chance, &net);
            let seen = twins.see(Tick::from_millis(number * 100), &it);
            let says = |difference| {
                format!(
                    "seed {seed}: from {:?} {} to cut in {:?}: {difference}\n{}",
                    it.from,
                    wire::describe(&it.packet),
                    it.size,
                    net.toml()
                )
            };
            assert!(seen.is_ok(), "{}", says(seen.unwrap_err()));
        }
    }
}
