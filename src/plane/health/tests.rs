//! Probes on their way through the whole plane, answered by a network of this file's own; the claims stand in the files below.

use super::{question, request};
use crate::plane::packet::headers::{Headers, Transport};
use crate::plane::packet::numbers::protocol;
use crate::plane::packet::parse::parse;
use crate::plane::packet::sample::{icmp, ip, is_right, packet, udp};
use crate::plane::policy::{Policy, ProbeSpec, Question, Target};
use crate::plane::sample::{A, B, GATEWAY, OWN, Rig, SERVER, SERVER6, policy};
use crate::plane::verdict::Verdict;
use crate::types::{End, Failure, Family, Offload, Outcome, Probed, Tick, WanId};
use proptest::prelude::*;
use std::sync::Arc;

mod forged;
mod greetings;
mod kinds;
mod neighbors;
mod pace;
mod page;

const SILENT: Outcome = Outcome::Failed(Failure::Silent);

/// A probe of a server each second, with 800 ms for the answer.
fn spec(target: &str, question: Question) -> ProbeSpec {
    let target = ip(target);
    let family = Family::of(target);
    ProbeSpec { family, target: Target::Host(target), question, source: None, interval: 1000, timeout: 800, urgent: 0 }
}

fn resolve() -> Question {
    Question::Resolve { name: question("example.com", None).unwrap(), record: None }
}

/// WAN a has these probes.
fn probing(health: Vec<ProbeSpec>) -> Policy {
    let mut policy = policy();
    policy.wans[0].fixed_mut().health = health;
    policy
}

/// One of each kind, in both families; the policy's own WAN a and b alike.
fn all() -> Vec<ProbeSpec> {
    let kinds = [Question::Echo, Question::Connect { port: 443 }, resolve()];
    kinds.into_iter().flat_map(|kind| [SERVER, SERVER6].map(|target| spec(target, kind.clone()))).collect()
}

/// A packet of the plane's own.
#[derive(Clone, Debug)]
struct Sent {
    packet: Vec<u8>,
    headers: Headers,
}

impl Sent {
    fn ends(&self) -> (String, String) {
        (self.headers.source.to_string(), self.headers.destination.to_string())
    }

    /// What stands behind the IP header.
    fn rest(&self) -> &[u8] {
        &self.packet[usize::from(self.headers.l4)..]
    }

    /// A packet back, from the host that was asked.
    fn back(&self, rest: &[u8]) -> Vec<u8> {
        let (source, target) = self.ends();
        packet(&target, &source, self.headers.protocol, rest)
    }

    fn ports(&self) -> [u16; 2] {
        let rest = self.rest();
        [u16::from_be_bytes([rest[0], rest[1]]), u16::from_be_bytes([rest[2], rest[3]])]
    }

    fn number(&self, at: usize) -> u32 {
        u32::from_be_bytes(self.rest()[at..at + 4].try_into().unwrap())
    }

    /// The segment that answers it.
    fn segment(&self, flags: u8, seq: u32, ack: u32, payload: &[u8]) -> Vec<u8> {
        let [own, remote] = self.ports();
        let mut bytes = [remote.to_be_bytes(), own.to_be_bytes()].concat();
        bytes.extend([seq.to_be_bytes(), ack.to_be_bytes()].concat());
        bytes.extend([0x50, flags, 0x20, 0, 0, 0, 0, 0]);
        bytes.extend(payload);
        self.back(&bytes)
    }

    /// The good answer.
    fn answer(&self) -> Vec<u8> {
        match self.headers.protocol {
            protocol::ICMP => self.back(&[&[0, 0, 0, 0], &self.rest()[4..]].concat()),
            protocol::ICMPV6 => self.back(&[&[129, 0, 0, 0], &self.rest()[4..]].concat()),
            protocol::UDP => self.resolved(0x81, 0x80, 1),
            _ => self.segment(0x12, 7000, self.number(4).wrapping_add(1), &[]),
        }
    }

    /// An answer to a question of DNS, with so many records of one address.
    fn resolved(&self, flags: u8, codes: u8, records: u8) -> Vec<u8> {
        let mut message = self.rest()[8..].to_vec();
        (message[2], message[3], message[7]) = (flags, codes, records);
        for _ in 0..records {
            message.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1]);
        }
        let [own, remote] = self.ports();
        self.back(&udp(remote, own, &message))
    }

    /// A router's word that it did not arrive, with so many bytes of it.
    fn unreachable(&self, len: usize) -> Vec<u8> {
        let (source, quote) = (self.ends().0, &self.packet[..len.min(self.packet.len())]);
        if self.headers.is_v4() {
            packet("198.18.0.1", &source, protocol::ICMP, &icmp(3, 1, [0, 0], quote))
        } else {
            packet("2001:db8:a::1", &source, protocol::ICMPV6, &icmp(1, 3, [0, 0], quote))
        }
    }
}

/// What is known of a packet that is neither ARP nor ND.
fn asked_in(packet: &[u8]) -> Option<Headers> {
    parse(packet, &Offload::NONE).ok().filter(|headers| !matches!(headers.transport, Transport::OtherIcmp(_)))
}

/// What the plane has sent by itself to WAN a; its probes go to the gateway.
fn sent(rig: &mut Rig) -> Vec<Sent> {
    let own = rig.sent().into_iter().filter(|(to, ..)| *to == End::Wan(A));
    let packets = own.filter_map(|(_, link, packet)| {
        let headers = asked_in(&packet)?;
        assert!(link[..6] == GATEWAY[0].0 && link[6..12] == OWN[0].0 && is_right(&packet), "{packet:x?}");
        Some(Sent { packet, headers })
    });
    packets.collect()
}

/// Calls the plane at `now` and says what it sent.
fn tick(rig: &mut Rig) -> Vec<Sent> {
    rig.plane.tick(rig.now, &mut rig.outbox);
    sent(rig)
}

fn outcomes(rig: &Rig) -> Vec<(u16, Outcome)> {
    let ended: Vec<Probed> = rig.plane.shared().health.outcomes().collect();
    assert!(ended.iter().all(|probed| probed.wan == A));
    ended.into_iter().map(|probed| (probed.probe, probed.outcome)).collect()
}

fn passed(millis: u64) -> Outcome {
    Outcome::Passed { round_trip: millis * 1_000_000 }
}

fn wait(rig: &mut Rig, millis: u64) {
    rig.now = rig.now.plus_millis(millis);
}

/// It was ours: nobody inside has seen it, and nothing was dropped.
fn taken(rig: &mut Rig, id: WanId, packet: &[u8]) {
    let verdict = rig.inbound(id, packet).verdict;
    assert!(matches!(verdict, Verdict::Answered | Verdict::Kernel), "{verdict:?}");
}
