//! Probes on their way through the whole plane, answered by a network of this file's own.

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

mod neighbors;
mod page;

const SILENT: Outcome = Outcome::Failed(Failure::Silent);

/// A probe of a server each second, with 800 ms for the answer.
fn spec(target: &str, question: Question) -> ProbeSpec {
    let target = ip(target);
    let family = Family::of(target);
    ProbeSpec { family, target: Target::Host(target), question, interval: 1000, timeout: 800, urgent: 0 }
}

fn resolve() -> Question {
    Question::Resolve { name: question("example.com").unwrap() }
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

#[test]
fn every_kind_passes_with_its_round_trip_in_both_families() {
    let mut rig = Rig::new(probing(all()));
    let asked = tick(&mut rig);
    assert_eq!(asked.len(), 6);
    wait(&mut rig, 30);
    for probe in &asked {
        taken(&mut rig, A, &probe.answer());
    }
    assert_eq!(outcomes(&rig), (0..6).map(|probe| (probe, passed(30))).collect::<Vec<_>>());
    assert_eq!(rig.plane.shared().table.len(), 0, "probes are no flows");
    assert_eq!(sent(&mut rig).len(), 2, "connections are ended");
    wait(&mut rig, 770);
    assert!(tick(&mut rig).is_empty() && outcomes(&rig).is_empty(), "nothing is missed, nothing asked twice");
    wait(&mut rig, 200);
    assert_eq!(tick(&mut rig).len(), 6, "a second after the first");
}

#[test]
fn questions_leave_with_an_owned_address_where_a_kernel_would_refuse_the_answer() {
    let mut rig = Rig::new(probing(all()));
    let ends: Vec<_> = tick(&mut rig).iter().map(|probe| probe.ends().0).collect();
    let [owned, owned6] = ["192.0.2.12", "2001:db8:a:c80::1"];
    assert_eq!(ends, ["192.0.2.200", owned6, owned, owned6, owned, owned6]);
}

#[test]
fn a_question_of_each_kind_byte_by_byte() {
    let mut rig = Rig::new(probing(all()));
    let asked = tick(&mut rig);
    let echo = asked[0].rest();
    assert_eq!((asked[0].packet.len(), &echo[..2]), (84, &[8, 0][..]));
    assert!(asked[0].headers.dont_fragment && asked[0].headers.ttl == 64);
    let syn = &asked[2];
    assert_eq!(syn.ports()[1], 443);
    assert!(syn.ports()[0] >= 49_152);
    assert_eq!(syn.rest()[8..16], [0, 0, 0, 0, 0x60, 2, 0x20, 0]);
    assert_eq!(syn.rest()[18..], [0, 0, 2, 4, 0x02, 0x18], "536 bytes a segment");
    assert_eq!(asked[3].rest()[20..], [2, 4, 0x04, 0xc4], "1220 bytes a segment");
    let query = &asked[4].rest()[8..];
    assert_eq!(query[2..12], [1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(query[12..], *question("example.com").unwrap());
}

#[test]
fn a_connection_is_ended_by_a_reset_with_the_number_that_the_server_expects() {
    let mut rig = Rig::new(probing(vec![spec(SERVER, Question::Connect { port: 443 })]));
    let syn = tick(&mut rig).remove(0);
    let answer = syn.answer();
    taken(&mut rig, A, &answer);
    let reset = sent(&mut rig).remove(0);
    let next = syn.number(4).wrapping_add(1);
    assert_eq!((reset.ports(), reset.number(4), reset.number(8), reset.rest()[13]), (syn.ports(), next, 7001, 0x14));
    taken(&mut rig, A, &answer);
    assert_eq!(sent(&mut rig).len(), 1, "who repeats itself is told again");
    assert_eq!(outcomes(&rig), [(0, passed(0))]);
}

#[test]
fn silence_is_noticed_in_time_and_the_late_answer_reaches_nobody() {
    let mut rig = Rig::new(probing(all()));
    let asked = tick(&mut rig);
    wait(&mut rig, 799);
    rig.plane.tick(rig.now, &mut rig.outbox);
    assert!(outcomes(&rig).is_empty());
    wait(&mut rig, 1);
    let next = rig.plane.tick(rig.now, &mut rig.outbox);
    assert_eq!(outcomes(&rig), (0..6).map(|probe| (probe, SILENT)).collect::<Vec<_>>());
    assert_eq!(next, Tick::from_secs(1001), "the next question is due");
    for probe in &asked {
        taken(&mut rig, A, &probe.answer());
    }
    assert!(outcomes(&rig).is_empty());
    let resets = sent(&mut rig);
    assert_eq!(resets.iter().filter(|it| it.headers.protocol == protocol::TCP).count(), 2, "the server may forget it");
}

#[test]
fn each_kind_fails_for_its_own_reason() {
    let mut rig = Rig::new(probing(all()));
    let asked = tick(&mut rig);
    taken(&mut rig, A, &asked[0].unreachable(28));
    taken(&mut rig, A, &asked[1].unreachable(48));
    for tcp in &asked[2..4] {
        taken(&mut rig, A, &tcp.segment(0x14, 0, tcp.number(4).wrapping_add(1), &[]));
    }
    taken(&mut rig, A, &asked[4].resolved(0x81, 0x83, 0));
    taken(&mut rig, A, &asked[5].resolved(0x81, 0x80, 0));
    let failures = [
        Failure::Unreachable,
        Failure::Unreachable,
        Failure::Refused,
        Failure::Refused,
        Failure::Dns(3),
        Failure::Dns(0),
    ];
    let wanted: Vec<_> = (0..).zip(failures.map(Outcome::Failed)).collect();
    assert_eq!(outcomes(&rig), wanted);
    let mut rig = Rig::new(probing(all()));
    for probe in &tick(&mut rig)[2..] {
        taken(&mut rig, A, &probe.unreachable(usize::MAX));
    }
    assert_eq!(outcomes(&rig), (2..6).map(|probe| (probe, Outcome::Failed(Failure::Unreachable))).collect::<Vec<_>>());
}

#[test]
fn c_94_an_answer_on_another_wan_does_not_count() {
    let mut rig = Rig::new(probing(all()));
    let asked = tick(&mut rig);
    for probe in &asked {
        rig.inbound(B, &probe.answer());
        rig.inbound(B, &probe.unreachable(usize::MAX));
    }
    assert!(outcomes(&rig).is_empty());
    wait(&mut rig, 800);
    rig.plane.tick(rig.now, &mut rig.outbox);
    assert_eq!(outcomes(&rig), (0..6).map(|probe| (probe, SILENT)).collect::<Vec<_>>());
}

#[test]
fn c_94_a_forged_answer_does_not_count() {
    let mut rig = Rig::new(probing(all()));
    let asked = tick(&mut rig);
    // From another host.
    for probe in &asked {
        let other = if probe.headers.is_v4() { "203.0.113.66" } else { "2001:db8:ffff::66" };
        let elsewhere =
            Sent { headers: Headers { destination: ip(other), ..probe.headers }, packet: probe.packet.clone() };
        rig.inbound(A, &elsewhere.answer());
    }
    // Echo: identifier, sequence number, data.
    for probe in &asked[..2] {
        for at in [4, 5, 6, 7, 8, 11] {
            let mut rest = [&[if probe.headers.is_v4() { 0 } else { 129 }, 0, 0, 0], &probe.rest()[4..]].concat();
            rest[at] ^= 1;
            rig.inbound(A, &probe.back(&rest));
        }
    }
    // TCP: both ports, the number that is acknowledged, and a reset without it.
    for probe in &asked[2..4] {
        let ack = probe.number(4).wrapping_add(1);
        for (at, flags) in [(0, 0x12), (3, 0x12), (8, 0x12), (11, 0x12), (11, 0x14), (8, 0x14)] {
            let mut rest = parse(&probe.segment(flags, 7000, ack, &[]), &Offload::NONE)
                .map(|headers| probe.segment(flags, 7000, ack, &[])[usize::from(headers.l4)..].to_vec())
                .unwrap();
            rest[at] ^= 1;
            rest[16..18].fill(0);
            rig.inbound(A, &probe.back(&rest));
        }
        rig.inbound(A, &probe.segment(0x04, 7000, ack, &[]));
    }
    // DNS: both ports, the number, the question.
    for probe in &asked[4..] {
        let good = probe.answer()[usize::from(probe.headers.l4)..].to_vec();
        for at in [0, 3, 8, 9, 21] {
            let mut rest = good.clone();
            rest[at] ^= 1;
            rest[6..8].fill(0);
            rig.inbound(A, &probe.back(&rest));
        }
    }
    // Errors that quote something else.
    for probe in &asked {
        let mut other = probe.clone();
        let at = usize::from(probe.headers.l4) + if probe.headers.protocol == protocol::UDP { 7 } else { 5 };
        other.packet[at] ^= 1;
        rig.inbound(A, &other.unreachable(usize::MAX));
    }
    assert_eq!(outcomes(&rig), []);
    for probe in &asked {
        taken(&mut rig, A, &probe.answer());
    }
    assert_eq!(outcomes(&rig).len(), 6, "the real ones still do");
}

#[test]
fn an_answer_with_a_wrong_checksum_does_not_count() {
    let mut rig = Rig::new(probing(all()));
    for probe in tick(&mut rig) {
        let mut answer = probe.answer();
        *answer.last_mut().unwrap() ^= 1;
        rig.inbound(A, &answer);
    }
    assert_eq!(outcomes(&rig), []);
}

#[test]
fn the_shortest_interval_is_kept() {
    let fast = ProbeSpec { interval: 50, timeout: 50, ..spec(SERVER, Question::Echo) };
    let mut rig = Rig::new(probing(vec![fast]));
    let (start, mut times) = (rig.now, Vec::new());
    while rig.now < start.plus_millis(500) {
        let next = rig.plane.tick(rig.now, &mut rig.outbox);
        if !sent(&mut rig).is_empty() {
            times.push(rig.now.since(start) / 1_000_000);
        }
        rig.now = next;
    }
    assert_eq!(times, [0, 50, 100, 150, 200, 250, 300, 350, 400, 450]);
    assert_eq!(outcomes(&rig), [(0, SILENT); 9]);
}

/// Milliseconds from the start at which the probes of these kinds leave in six seconds, if `answers` are given.
fn asked_at(probes: &[Question], answers: impl Fn(&Sent) -> Option<Vec<u8>>) -> Vec<u64> {
    let urgent = |kind: &Question| ProbeSpec { urgent: 2, ..spec(SERVER, kind.clone()) };
    let mut rig = Rig::new(probing(probes.iter().map(urgent).collect()));
    let (start, mut times) = (rig.now, Vec::new());
    while rig.now < start.plus_millis(6000) {
        let next = rig.plane.tick(rig.now, &mut rig.outbox);
        for probe in sent(&mut rig) {
            times.push(rig.now.since(start) / 1_000_000);
            let back = answers(&probe);
            back.into_iter().for_each(|back| taken(&mut rig, A, &back));
        }
        rig.now = next;
    }
    times
}

#[test]
fn a_cycle_that_failed_as_a_whole_is_followed_by_the_next_when_its_time_is_over_so_often_and_no_oftener() {
    let nobody = asked_at(&[Question::Echo], |_| None);
    assert_eq!(nobody, [0, 800, 1600, 2600, 3600, 4600, 5600]);
    let kinds = [Question::Echo, resolve()];
    let both: Vec<_> = nobody.iter().flat_map(|ms| [*ms; 2]).collect();
    assert_eq!(asked_at(&kinds, |_| None), both);
    assert_eq!(asked_at(&kinds, |probe| Some(probe.unreachable(28))), both, "nor does a quick no hasten it");
    let one = |probe: &Sent| (probe.headers.protocol == protocol::UDP).then(|| probe.answer());
    let calm: Vec<_> = (0..6).flat_map(|second| [second * 1000; 2]).collect();
    assert_eq!(asked_at(&kinds, one), calm, "one that answers is enough");
}

#[test]
fn what_cannot_be_asked_is_said_to_be_unsent() {
    for cut in [
        |policy: &mut Policy| policy.wans[0].link.next_hop4 = None,
        |policy: &mut Policy| {
            policy.wans[0].link.came_up = None;
        },
    ] {
        let mut policy = probing(vec![spec(SERVER, Question::Echo)]);
        cut(&mut policy);
        let mut rig = Rig::new(policy);
        assert!(tick(&mut rig).is_empty());
        wait(&mut rig, 799);
        assert!(tick(&mut rig).is_empty() && outcomes(&rig).is_empty());
        wait(&mut rig, 1);
        tick(&mut rig);
        assert_eq!(outcomes(&rig), [(0, Outcome::Failed(Failure::Unsent))]);
    }
}

#[test]
fn a_probe_goes_on_under_a_new_policy_and_another_one_in_its_place_starts_over() {
    let mut rig = Rig::new(probing(vec![spec(SERVER, Question::Echo), spec(SERVER6, Question::Echo)]));
    let asked = tick(&mut rig);
    let mut policy = probing(vec![spec(SERVER, Question::Echo), spec(SERVER6, resolve())]);
    policy.epoch = 2;
    rig.plane.adopt(Arc::new(policy));
    wait(&mut rig, 10);
    assert_eq!(tick(&mut rig).len(), 1, "the new one");
    rig.inbound(A, &asked[0].answer());
    rig.inbound(A, &asked[1].answer());
    assert_eq!(outcomes(&rig), [(0, passed(10))], "the old one is forgotten");
    let mut policy = probing(vec![]);
    policy.epoch = 3;
    rig.plane.adopt(Arc::new(policy));
    wait(&mut rig, 5000);
    assert!(tick(&mut rig).is_empty() && outcomes(&rig).is_empty());
}

#[test]
fn a_tagged_wan_is_asked_with_its_tag_and_the_same_host_through_both() {
    let mut policy = probing(all());
    policy.wans[1].fixed_mut().health = all();
    let mut rig = Rig::new(policy);
    rig.plane.tick(rig.now, &mut rig.outbox);
    let link = [&GATEWAY[1].0[..], &OWN[1].0, &[0x81, 0, 1, 44]].concat();
    let mut answers = Vec::new();
    for (to, head, packet) in rig.sent() {
        let Some(headers) = asked_in(&packet) else { continue };
        if to == End::Wan(B) {
            assert_eq!(head[..16], link);
        }
        let End::Wan(id) = to else { panic!("inside is not asked") };
        answers.push((id, Sent { packet, headers }.answer()));
    }
    answers.iter().for_each(|(id, answer)| taken(&mut rig, *id, answer));
    let ended: Vec<_> = rig.plane.shared().health.outcomes().map(|it| (it.wan, it.probe, it.outcome)).collect();
    let wanted: Vec<_> = [A, B].into_iter().flat_map(|id| (0..6).map(move |probe| (id, probe, passed(0)))).collect();
    assert_eq!(ended, wanted);
}

#[test]
fn a_flow_of_an_inside_host_to_the_same_server_is_not_mistaken() {
    let mut rig = Rig::new(probing(all()));
    let asked = tick(&mut rig);
    let [own, remote] = asked[2].ports();
    let other = if own == 50_000 { 50_001 } else { 50_000 };
    let segment = crate::plane::packet::sample::tcp(remote, other, 0x12, &[], &[]);
    let done = rig.inbound(A, &packet(SERVER, "192.0.2.12", protocol::TCP, &segment));
    assert_eq!(done.verdict, Verdict::Forward(End::Inside));
}

proptest! {
    /// Whatever comes back, cut and spoiled anywhere, has a verdict and leaves the probes in order.
    #[test]
    fn no_broken_answer_breaks_anything(
        which in 0..6usize,
        is_error: bool,
        cut in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        whole: bool,
    ) {
        let mut rig = Rig::new(probing(all()));
        let probe = tick(&mut rig).remove(which);
        let mut back = if is_error { probe.unreachable(usize::MAX) } else { probe.answer() };
        for (at, value) in edits {
            let at = at.index(back.len());
            back[at] = value;
        }
        if whole {
            crate::plane::packet::sample::fix_ip(&mut back);
            crate::plane::packet::sample::fix_transport(&mut back);
        } else {
            back.truncate(cut.index(back.len()).max(1));
        }
        rig.inbound(A, &back);
        prop_assert!(outcomes(&rig).len() <= 1);
        wait(&mut rig, 1000);
        prop_assert_eq!(tick(&mut rig).iter().filter(|it| it.headers.destination == probe.headers.destination).count() >= 3, true);
    }
}
