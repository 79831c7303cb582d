//! Probes on their way through the whole plane, answered by a network of this file's own.

use crate::plane::packet::headers::{Fragment, Headers};
use crate::plane::packet::numbers::protocol;
use crate::plane::packet::parse::parse;
use crate::plane::packet::sample::{fix_ip, icmp, ip, packet};
use crate::plane::path::State;
use crate::plane::policy::{Policy, Probe};
use crate::plane::sample::{A, B, GATEWAY, OWN, Rig, SERVER, SERVER6, policy};
use crate::plane::verdict::Verdict;
use crate::types::{Direction, End, Family, Offload, Tick, WanId};
use proptest::prelude::*;
use std::net::IpAddr;
use std::sync::Arc;

/// WAN a is probed at the server, in both families.
fn probing() -> Policy {
    let mut policy = policy();
    policy.wans[0].probe = Some(Probe { targets4: vec![ip(SERVER)], targets6: vec![ip(SERVER6)] }.into());
    policy
}

/// A probe that left: when, its packet and what is known of it.
struct Sent {
    at: Tick,
    packet: Vec<u8>,
    headers: Headers,
}

/// Calls the plane whenever it wants to be called, for so many milliseconds. `answer` gives what comes back to a probe.
fn run(rig: &mut Rig, millis: u64, mut answer: impl FnMut(&Sent) -> Option<Vec<u8>>) -> Vec<Sent> {
    let end = rig.now.plus_millis(millis);
    let mut all = Vec::new();
    while rig.now < end {
        let next = rig.plane.tick(rig.now, &mut rig.outbox);
        assert!(rig.now < next && next <= rig.now.plus_millis(1000));
        for (to, link, packet) in rig.sent() {
            let Ok(headers) = parse(&packet, &Offload::NONE) else { continue };
            if to != End::Wan(A) || link[..6] != GATEWAY[0].0 || link[6..12] != OWN[0].0 {
                continue;
            }
            let sent = Sent { at: rig.now, packet, headers };
            if let Some(back) = answer(&sent) {
                rig.inbound(A, &back);
            }
            all.push(sent);
        }
        rig.now = next;
    }
    all
}

/// An echo reply to a probe, from its target.
fn reply(sent: &Sent) -> Vec<u8> {
    let body = &sent.packet[usize::from(sent.headers.l4) + 4..];
    let (kind, protocol) = if sent.headers.is_v4() { (0, protocol::ICMP) } else { (129, protocol::ICMPV6) };
    let message = [&[kind, 0, 0, 0][..], body].concat();
    packet(&sent.headers.destination.to_string(), &sent.headers.source.to_string(), protocol, &message)
}

/// A router's word that a probe is too big.
fn too_big(sent: &Sent, mtu: u16) -> Vec<u8> {
    let (to, quote) = (sent.headers.source.to_string(), &sent.packet[..sent.packet.len().min(528)]);
    match sent.headers.source {
        IpAddr::V4(_) => packet("198.18.0.1", &to, protocol::ICMP, &icmp(3, 4, [0, mtu], quote)),
        IpAddr::V6(_) => packet("2001:db8:a::1", &to, protocol::ICMPV6, &icmp(2, 0, [0, mtu], quote)),
    }
}

fn found(rig: &Rig, id: WanId) -> [(Option<u16>, State); 2] {
    let paths = &rig.plane.shared().paths;
    Family::ALL.map(|family| (paths.found(id, family), paths.state(id, family)))
}

#[test]
fn a_path_is_probed_in_each_family_from_the_wans_own_address() {
    let mut rig = Rig::new(probing());
    let sent = run(&mut rig, 2000, |sent| Some(reply(sent)));
    let seen: Vec<_> =
        sent.iter().map(|sent| (sent.headers.source, sent.headers.destination, sent.headers.len)).collect();
    let (own4, own6) = (ip("192.0.2.12"), ip("2001:db8:a:c80::1"));
    let wanted =
        [(own4, ip(SERVER), 576), (own6, ip(SERVER6), 1280), (own4, ip(SERVER), 1500), (own6, ip(SERVER6), 1500)];
    assert_eq!(seen, wanted);
    assert!(sent.iter().all(|sent| sent.headers.dont_fragment && sent.headers.fragment == Fragment::Whole));
    assert_eq!(found(&rig, A), [(Some(1500), State::Found); 2]);
    assert_eq!(found(&rig, B), [(None, State::Off); 2]);
    assert_eq!(rig.plane.shared().table.len(), 0, "probes are no flows");
    assert_eq!(rig.totals().forwarded(A, Direction::Inbound).packets, 0);
}

#[test]
fn what_routers_say_of_a_probe_shortens_the_search_and_is_delivered_to_nobody() {
    let mut rig = Rig::new(probing());
    let sent =
        run(&mut rig, 2000, |sent| Some(if sent.headers.len > 1400 { too_big(sent, 1400) } else { reply(sent) }));
    assert_eq!(found(&rig, A), [(Some(1400), State::Found); 2]);
    assert_eq!(sent.len(), 2 * 4, "the smallest, the link's, what was said, and a byte more");
    assert_eq!(rig.totals().forwarded(A, Direction::Inbound).packets, 0);
    assert_eq!(rig.totals().drops(Direction::Inbound).count(), 0);
}

#[test]
fn what_was_found_is_what_fits_what_is_told_and_what_is_clamped() {
    use crate::plane::packet::sample::{tcp, udp};
    let mut policy = probing();
    policy.wans.set(WanId(1), None);
    let mut rig = Rig::new(policy);
    run(&mut rig, 2000, |sent| Some(if sent.headers.len > 1400 { too_big(sent, 1400) } else { reply(sent) }));
    for (source, server, mss) in [("10.250.250.2", SERVER, 1360u16), ("fd00:bad:b01:1::100", SERVER6, 1340)] {
        let header = if source.contains(':') { 48 } else { 28 };
        let datagram = |size: usize| packet(source, server, protocol::UDP, &udp(1, 2, &vec![0; size - header]));
        assert_eq!(rig.outbound(&datagram(1400)).verdict, Verdict::Forward(End::Wan(A)));
        assert!(matches!(rig.outbound(&datagram(1401)).verdict, Verdict::Drop(_)));
        let told = rig.sent();
        let (end, _, error) = &told[0];
        let word = usize::from(parse(error, &Offload::NONE).unwrap().l4) + 4;
        assert_eq!((*end, &error[word..word + 4]), (End::Inside, &[0, 0, 0x05, 0x78][..]));
        let syn = rig.outbound(&packet(source, server, protocol::TCP, &tcp(9, 80, 2, &[2, 4, 0x05, 0xb4], &[])));
        assert_eq!(syn.packet[syn.packet.len() - 2..], mss.to_be_bytes());
    }
}

#[test]
fn the_reply_to_an_owned_address_is_ours_and_a_first_fragment_will_do() {
    let mut policy = probing();
    policy.wans[0].link.addresses = [].into();
    let mut rig = Rig::new(policy);
    let sent = run(&mut rig, 2000, |sent| {
        let mut back = reply(sent);
        if sent.headers.is_v4() {
            assert_eq!(sent.headers.source, ip("192.0.2.12"), "an owned address");
            back.truncate(20 + 104);
            back[2..4].copy_from_slice(&124u16.to_be_bytes());
            back[6] = 0x20;
            fix_ip(&mut back);
        }
        Some(back)
    });
    assert_eq!((sent.len(), found(&rig, A)[0]), (4, (Some(1500), State::Found)));
    assert_eq!(rig.totals().forwarded(A, Direction::Inbound).packets, 0, "no inside host sees them");
}

#[test]
fn an_answer_from_elsewhere_or_with_another_token_is_none() {
    for forge in [
        |sent: &Sent| {
            let mut back = reply(sent);
            let last = back.len() - 1;
            back[usize::from(sent.headers.l4) + 11] ^= 1;
            back[last] ^= 1;
            back
        },
        |sent: &Sent| {
            let other = if sent.headers.is_v4() { "203.0.113.66" } else { "2001:db8:ffff::66" };
            let forged = Sent {
                at: sent.at,
                packet: sent.packet.clone(),
                headers: Headers { destination: ip(other), ..sent.headers },
            };
            reply(&forged)
        },
    ] {
        let mut rig = Rig::new(probing());
        run(&mut rig, 10_000, |sent| Some(forge(sent)));
        assert_eq!(found(&rig, A), [(None, State::NoAnswer); 2]);
    }
}

#[test]
fn an_answer_on_the_other_wan_is_none() {
    let mut rig = Rig::new(probing());
    let mut answers = Vec::new();
    run(&mut rig, 10, |sent| {
        answers.push(reply(sent));
        None
    });
    for answer in answers {
        rig.inbound(B, &answer);
    }
    run(&mut rig, 900, |sent| panic!("nothing is due yet, and {} was sent", sent.headers.len));
}

#[test]
fn a_late_answer_counts_while_its_size_is_tried() {
    let mut rig = Rig::new(probing());
    let mut first: Option<Vec<u8>> = None;
    let sent = run(&mut rig, 1900, |sent| {
        if !sent.headers.is_v4() {
            return None;
        }
        let late = first.take();
        first = Some(reply(sent));
        late
    });
    let sizes: Vec<_> = sent.iter().filter(|sent| sent.headers.is_v4()).map(|sent| sent.headers.len).collect();
    assert_eq!(sizes, [576, 576, 1500], "answered after its repetition had left");
}

#[test]
fn a_link_that_gets_narrower_or_wider_is_followed_at_once() {
    let mut rig = Rig::new(probing());
    run(&mut rig, 2000, |sent| Some(reply(sent)));
    for (epoch, mtu) in [(2, 1400), (3, 9000), (4, 1500)] {
        let mut policy = probing();
        (policy.epoch, policy.wans[0].mtu) = (epoch, mtu);
        rig.plane.adopt(Arc::new(policy));
        run(&mut rig, 2000, |sent| Some(reply(sent)));
        assert_eq!(found(&rig, A), [(Some(mtu), State::Found); 2]);
    }
    let mut policy = policy();
    policy.epoch = 5;
    rig.plane.adopt(Arc::new(policy));
    run(&mut rig, 10, |_| None);
    assert_eq!(found(&rig, A), [(None, State::Off); 2], "no longer asked for");
}

#[test]
fn a_family_without_a_target_or_a_way_is_not_probed() {
    let mut policy = probing();
    policy.wans[0].probe = Some(Probe { targets4: vec![ip(SERVER)], targets6: vec![] }.into());
    policy.wans[1].probe = Some(Probe { targets4: vec![ip(SERVER)], targets6: vec![ip(SERVER6)] }.into());
    policy.wans[1].link.set_next_hop(Family::V4, None);
    policy.wans[1].mtu = 1280;
    let mut rig = Rig::new(policy);
    let sent = run(&mut rig, 2000, |sent| Some(reply(sent)));
    assert!(sent.iter().all(|sent| sent.headers.is_v4()));
    assert_eq!(found(&rig, A), [(Some(1500), State::Found), (None, State::Off)]);
    assert_eq!(found(&rig, B), [(None, State::Off); 2], "1280 bytes need no search in IPv6");
}

#[test]
fn a_tagged_wan_is_probed_with_its_tag() {
    let mut policy = policy();
    policy.wans[1].probe = Some(Probe { targets4: vec![ip(SERVER)], targets6: vec![] }.into());
    let mut rig = Rig::new(policy);
    rig.plane.tick(rig.now, &mut rig.outbox);
    let probes: Vec<_> =
        rig.sent().into_iter().filter(|(to, _, packet)| *to == End::Wan(B) && packet.len() == 576).collect();
    assert_eq!(probes.len(), 1);
    assert_eq!(probes[0].1, [&GATEWAY[1].0[..], &OWN[1].0, &[0x81, 0, 1, 44, 8, 0]].concat());
}

proptest! {
    /// Whatever comes back, cut and spoiled anywhere, has a verdict; and what has another token or sender is no answer.
    #[test]
    fn no_broken_answer_is_believed(
        is_error: bool,
        cut in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 1..=255u8), 1..4),
        sound: bool,
    ) {
        let mut rig = Rig::new(probing());
        run(&mut rig, 10, |sent| {
            let mut back = if is_error { too_big(sent, 1400) } else { reply(sent) };
            let token = usize::from(sent.headers.l4) + 4;
            for (at, value) in &edits {
                let at = if sound { token + at.index(8) } else { at.index(back.len()) };
                back[at] ^= value;
            }
            back.truncate(if sound { back.len() } else { cut.index(back.len()).max(1) });
            Some(back)
        });
        if sound && !is_error {
            let same = edits.iter().fold([0u8; 8], |mut sum, (at, value)| {
                sum[at.index(8)] ^= value;
                sum
            });
            prop_assert!(same == [0; 8] || found(&rig, A).iter().all(|(_, state)| *state == State::Searching));
        }
        prop_assert!(found(&rig, A).iter().all(|(mtu, _)| mtu.is_none()), "no probe larger than the smallest was out");
    }
}
