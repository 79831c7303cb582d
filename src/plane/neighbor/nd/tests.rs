//! Claims about ND. Packets are written out byte by byte; `finish` fills their checksums in by plain arithmetic.

use super::*;
use crate::plane::neighbor::hop::HopId;
use crate::plane::neighbor::sample::{hex, neighbors as strangers, policy, sent};
use crate::plane::neighbor::{Neighbors, answer};
use crate::plane::outbox::Outbox;
use crate::plane::policy::Policy;
use crate::types::{Family, Offload, Tick, WanId};

const A: WanId = WanId(0);
const V6: HopId = HopId { wan: A, family: Family::V6, place: 0 };
const GATEWAY: &str = "fe80000000000000 0000000000000001";
const OWNED: &str = "20010db8000a0c80 0000000000000001";
const OWNED_GROUP: &str = "ff02000000000000 00000001ff000001";
const IN_PREFIX: &str = "20010db8000a0c8f 0000000000001234";
const OWNED_BY_NOBODY: &str = "20010db8000a0c90 0000000000000001";
const NOBODY: &str = "0000000000000000 0000000000000000";
const NODES: &str = "ff02000000000000 0000000000000001";
const GATEWAY_MAC: Mac = Mac([2, 0, 0, 0, 0xee, 1]);

/// An IPv6 packet with this ICMPv6 message, whose checksum is filled in: one's complement over the pseudo-header.
fn finish(source: &str, destination: &str, message: &str) -> Vec<u8> {
    let (source, destination, mut message) = (hex(source), hex(destination), hex(message));
    let len = u8::try_from(message.len()).unwrap();
    let pseudo = [&source[..], &destination[..], &[0, 0, 0, len, 0, 0, 0, 58], &message[..]].concat();
    let mut sum: u32 =
        pseudo.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    message[2..4].copy_from_slice(&(!u16::try_from(sum).unwrap()).to_be_bytes());
    [&[0x60, 0, 0, 0, 0, len, 58, 255], &source[..], &destination[..], &message[..]].concat()
}

fn receive_under(policy: &Policy, neighbors: &Neighbors, packet: &[u8]) -> (Answer, Vec<(WanId, Vec<u8>)>) {
    receive_from(GATEWAY_MAC, policy, neighbors, packet)
}

fn receive_from(from: Mac, policy: &Policy, neighbors: &Neighbors, packet: &[u8]) -> (Answer, Vec<(WanId, Vec<u8>)>) {
    let mut bytes = [&hex("3333ff000001")[..], &from.0, &hex("86dd"), packet].concat();
    let end = bytes.len();
    let frame = Frame::new(&mut bytes, 0, 14, end, Offload::NONE).unwrap();
    let mut outbox = Outbox::new();
    let verdict = answer(&frame, (Tick(0), policy), A, neighbors, &mut outbox);
    (verdict, sent(&mut outbox))
}

fn receive(packet: &[u8]) -> (Answer, Vec<(WanId, Vec<u8>)>) {
    receive_under(&policy(), &known(), packet)
}

/// What is learned from a packet after a question.
fn learned(packet: &[u8]) -> Option<Mac> {
    let neighbors = strangers();
    neighbors.note_question(V6);
    receive_under(&policy(), &neighbors, packet);
    neighbors.mac(A, Family::V6)
}

/// Neighbours where the gateway has answered.
fn known() -> Neighbors {
    let neighbors = strangers();
    neighbors.note_question(V6);
    neighbors.learn(V6, GATEWAY_MAC, true);
    assert!(neighbors.has_spoken(A, Family::V6));
    neighbors
}

/// Whom the frames solicit.
fn asked(frames: &[(WanId, Vec<u8>)]) -> Vec<Mac> {
    let solicitations = frames.iter().filter(|(_, frame)| frame[54] == SOLICITATION);
    solicitations.map(|(_, frame)| Mac(frame[..6].try_into().unwrap())).collect()
}

const OTHER_MAC: Mac = Mac([2, 0, 0, 0, 0xee, 2]);

fn router_advertisement(source: &str, option: &str) -> Vec<u8> {
    finish(source, NODES, &format!("86000000 40000708 00000000 00000000 {option}"))
}

fn solicitation(target: &str) -> Vec<u8> {
    finish(GATEWAY, OWNED_GROUP, &format!("87000000 00000000 {target} 0101 02000000ee01"))
}

fn advertisement(flags: &str, option: &str) -> Vec<u8> {
    finish(GATEWAY, "fe80000000000000 0000000000000002", &format!("88000000 {flags}000000 {GATEWAY} {option}"))
}

#[test]
fn a_solicitation_for_an_owned_address_is_answered_to_who_asked() {
    for target in [OWNED, IN_PREFIX] {
        let (verdict, sent) = receive(&solicitation(target));
        let packet = finish(target, GATEWAY, &format!("88000000 e0000000 {target} 0201 02000000000a"));
        let frame = [&hex("02000000ee01 02000000000a 86dd")[..], &packet[..]].concat();
        assert_eq!((verdict, sent), (Answer::Answered, vec![(A, frame)]));
    }
}

#[test]
fn a_unicast_solicitation_without_option_is_answered_to_where_it_came_from() {
    let probe = finish(GATEWAY, OWNED, &format!("87000000 00000000 {OWNED}"));
    let (verdict, sent) = receive(&probe);
    assert_eq!((verdict, &sent[0].1[..6]), (Answer::Answered, &GATEWAY_MAC.0[..]));
}

#[test]
fn duplicate_address_detection_is_answered_to_all_nodes() {
    let (verdict, sent) = receive(&finish(NOBODY, OWNED_GROUP, &format!("87000000 00000000 {OWNED}")));
    let packet = finish(OWNED, NODES, &format!("88000000 a0000000 {OWNED} 0201 02000000000a"));
    let frame = [&hex("333300000001 02000000000a 86dd")[..], &packet[..]].concat();
    assert_eq!((verdict, sent), (Answer::Answered, vec![(A, frame)]));
}

#[test]
fn nothing_is_answered_for_what_this_wan_does_not_own() {
    let kernels = "20010db8000a0c80 0000000000000005";
    for target in [OWNED_BY_NOBODY, kernels, "fe80000000000000 0000000000000002"] {
        assert_eq!(receive(&solicitation(target)), (Answer::Kernel, vec![]), "{target}");
    }
}

/// The prefix holds the link's own network here, 2001:db8:a:c80::/64.
#[test]
fn of_the_links_own_network_only_what_is_in_use_is_answered_for_and_defended_and_never_the_gateway() {
    let (mut policy, neighbors) = (policy(), known());
    policy.wans[0].link.set_next_hop(Family::V6, Some("2001:db8:a:c80::fe".parse().unwrap()));
    let host = "20010db8000a0c80 0000000000000077";
    let questions = |target: &str| {
        let group = format!("ff02000000000000 00000001ff{}", &target[target.len() - 6..]);
        [solicitation(target), finish(NOBODY, &group, &format!("87000000 00000000 {target}"))]
            .map(|question| receive_under(&policy, &neighbors, &question).0)
    };
    assert_eq!(questions(host), [Answer::Kernel; 2], "it may be somebody's on the link");
    assert_eq!(questions(OWNED), [Answer::Answered; 2], "a single host");
    assert_eq!(questions("20010db8000a0c80 020000fffe00000a"), [Answer::Answered; 2], "the router's own questions");
    for used in ["2001:db8:a:c80::77", "2001:db8:a:c80::fe", "2001:db8:a:c80::5"] {
        neighbors.in_use.touch(Tick(0), A, used.parse().unwrap());
    }
    assert_eq!(questions(host), [Answer::Answered; 2]);
    assert_eq!(questions("20010db8000a0c80 00000000000000fe"), [Answer::Kernel; 2], "the gateway's");
    assert_eq!(questions("20010db8000a0c80 0000000000000005"), [Answer::Kernel; 2], "the kernel's");
    assert_eq!(
        questions(IN_PREFIX),
        [Answer::Answered; 2],
        "what is not on the link is asked for by who routes it here"
    );
}

#[test]
fn the_kernels_own_addresses_are_answered_for_where_the_kernel_sees_no_frames() {
    for own in ["fe80000000000000 0000000000000002", "20010db8000a0c80 0000000000000005"] {
        let mut policy = policy();
        let asked = |policy: &Policy| receive_under(policy, &known(), &solicitation(own));
        assert_eq!(asked(&policy), (Answer::Kernel, vec![]), "untagged");
        policy.wans[0].link.vlan = Some(300);
        let (verdict, sent) = asked(&policy);
        let link = hex("02000000ee01 02000000000a 8100012c 86dd");
        let (source, target) = (&sent[0].1[18 + 8..18 + 24], &sent[0].1[18 + 48..18 + 64]);
        assert_eq!(
            (verdict, &sent[0].1[..18], source, target),
            (Answer::Answered, &link[..], &hex(own)[..], &hex(own)[..])
        );
    }
}

#[test]
fn a_source_that_is_set_in_the_links_own_network_is_answered_for() {
    let mut policy = policy();
    let asked = |policy: &Policy| receive_under(policy, &known(), &solicitation("20010db8000a0c80 0000000000000077")).0;
    assert_eq!(asked(&policy), Answer::Kernel, "it may be somebody's on the link");
    policy.wans[0].fixed_mut().sources[1] = "2001:db8:a:c80::77".parse().ok();
    assert_eq!(asked(&policy), Answer::Answered);
}

#[test]
fn our_own_link_local_address_is_answered_where_the_kernel_has_none() {
    let ours = "fe80000000000000 000000fffe00000a";
    assert_eq!(receive(&solicitation(ours)).0, Answer::Kernel);
    let mut policy = policy();
    policy.wans[0].link.addresses = [].into();
    assert_eq!(receive_under(&policy, &strangers(), &solicitation(ours)).0, Answer::Answered);
}

#[test]
fn the_next_hop_teaches_its_mac_by_the_answer_to_a_question() {
    assert_eq!(learned(&advertisement("60", "0201 02000000ee01")), Some(GATEWAY_MAC));
    assert_eq!(learned(&advertisement("40", "0201 02000000ee01")), Some(GATEWAY_MAC));
    assert_eq!(learned(&advertisement("20", "0201 02000000ee01")), None, "unsolicited");
    assert_eq!(learned(&advertisement("60", "")), None, "without a MAC");
    let other = "fe80000000000000 0000000000000007";
    let message = format!("88000000 20000000 {other} 0201 02000000ee01");
    assert_eq!(learned(&finish(other, NODES, &message)), None, "another station");
}

/// What names a MAC for the gateway without being asked, and whether that is a claim where another is known.
fn unasked() -> Vec<(Vec<u8>, bool)> {
    vec![
        (advertisement("20", "0201 02000000ee02"), true),
        (advertisement("60", "0201 02000000ee02"), true),
        (advertisement("40", "0201 02000000ee02"), true),
        (advertisement("00", "0201 02000000ee02"), false),
        (finish(GATEWAY, OWNED_GROUP, &format!("87000000 00000000 {OWNED_BY_NOBODY} 0101 02000000ee02")), true),
        (router_advertisement(GATEWAY, "0101 02000000ee02"), true),
        (router_advertisement(GATEWAY, ""), false),
        (router_advertisement("fe80000000000000 0000000000000007", "0101 02000000ee02"), false),
    ]
}

#[test]
fn who_claims_to_be_the_next_hop_is_asked_at_once_and_so_is_the_known_one() {
    for (packet, is_claim) in unasked() {
        let neighbors = known();
        let (verdict, frames) = receive_from(OTHER_MAC, &policy(), &neighbors, &packet);
        let due = if is_claim { vec![GATEWAY_MAC, OTHER_MAC] } else { vec![] };
        assert_eq!((verdict, asked(&frames)), (Answer::Kernel, due), "{packet:x?}");
        assert_eq!(neighbors.mac(A, Family::V6), Some(GATEWAY_MAC));
        assert!(!neighbors.has_spoken(A, Family::V6), "that is no sign of life");
    }
}

#[test]
fn only_a_solicited_advertisement_of_the_known_mac_is_an_answer() {
    let asks = solicitation(OWNED_BY_NOBODY);
    for (packet, from, is_answer) in [
        (advertisement("20", "0201 02000000ee01"), GATEWAY_MAC, false),
        (asks, GATEWAY_MAC, false),
        (router_advertisement(GATEWAY, "0101 02000000ee01"), GATEWAY_MAC, false),
        (advertisement("60", "0201 02000000ee01"), GATEWAY_MAC, true),
        (advertisement("40", ""), GATEWAY_MAC, true),
        (advertisement("40", ""), OTHER_MAC, false),
        (advertisement("60", "0201 02000000ee02"), OTHER_MAC, false),
    ] {
        let neighbors = known();
        receive_from(from, &policy(), &neighbors, &packet);
        assert!(!neighbors.has_spoken(A, Family::V6), "nobody has asked");
        neighbors.note_question(V6);
        receive_from(from, &policy(), &neighbors, &packet);
        assert_eq!(neighbors.has_spoken(A, Family::V6), is_answer, "{packet:x?} from {from}");
    }
}

/// RFC 4861 §7.2.4: the answer to a solicitation of one station may leave the option out, and Linux does.
#[test]
fn the_answer_of_one_that_is_claimed_needs_not_name_its_mac() {
    let neighbors = known();
    receive_from(OTHER_MAC, &policy(), &neighbors, &advertisement("20", "0201 02000000ee02"));
    receive_from(OTHER_MAC, &policy(), &neighbors, &advertisement("40", ""));
    let mut outbox = Outbox::new();
    for ms in [100, 200, 300] {
        crate::plane::neighbor::settle(Tick::from_millis(ms), &policy(), &neighbors, &mut outbox);
    }
    assert_eq!(neighbors.mac(A, Family::V6), Some(OTHER_MAC));
}

#[test]
fn every_check_of_rfc_4861_drops() {
    let good = solicitation(OWNED);
    let dropped = |packet: &[u8]| match receive(packet) {
        (Answer::Drop(reason), sent) if sent.is_empty() => Some(reason),
        _ => None,
    };
    let with = |at: usize, value: u8| {
        let mut packet = good.clone();
        packet[at] = value;
        dropped(&packet)
    };
    let bad = Some(DropReason::BadTransportHeader);
    assert_eq!(with(7, 254), bad, "hop limit");
    assert_eq!(with(43, good[43] ^ 1), Some(DropReason::BadIcmpChecksum));
    assert_eq!(with(5, 33), Some(DropReason::Truncated));
    assert_eq!(dropped(&good[..39]), Some(DropReason::Truncated));
    let message = |text: String| dropped(&finish(GATEWAY, OWNED_GROUP, &text));
    assert_eq!(message(format!("87010000 00000000 {OWNED} 0101 02000000ee01")), bad, "code");
    assert_eq!(message(format!("87000000 00000000 {OWNED_GROUP} 0101 02000000ee01")), bad, "group target");
    assert_eq!(message(format!("87000000 00000000 {OWNED} 0100 02000000ee01")), bad, "option of no length");
    assert_eq!(message(format!("87000000 00000000 {OWNED} 0102 02000000ee01")), bad, "option beyond the end");
    assert_eq!(message(format!("87000000 00000000 {OWNED} 01")), bad, "half an option");
    assert_eq!(message("87000000 00000000 20010db8000a0c80".into()), Some(DropReason::Truncated));
    let probe = format!("87000000 00000000 {OWNED}");
    assert_eq!(dropped(&finish(NOBODY, OWNED, &probe)), bad, "a unicast probe");
    let named = format!("{probe} 0101 02000000ee01");
    assert_eq!(dropped(&finish(NOBODY, OWNED_GROUP, &named)), bad, "a probe that names a MAC");
    assert_eq!(dropped(&finish(GATEWAY, NODES, &format!("88000000 40000000 {GATEWAY}"))), bad, "solicited, to all");
    let routed = router_advertisement("20010db8000a0c80 0000000000000009", "");
    assert_eq!(dropped(&routed), bad, "a router that is not on the link");
}

#[test]
fn other_messages_and_our_own_are_left_alone() {
    assert_eq!(receive(&finish(GATEWAY, OWNED, "80000000 002a0001")), (Answer::Kernel, vec![]), "an echo request");
    let mut routed = solicitation(OWNED);
    routed[6] = 0;
    assert_eq!(receive(&routed).0, Answer::Kernel, "behind an extension header");
    let mut policy = policy();
    policy.wans[0].link.mac = GATEWAY_MAC;
    assert_eq!(receive_under(&policy, &strangers(), &solicitation(OWNED)).0, Answer::Kernel, "looped back");
}

#[test]
fn unknown_options_are_passed_over() {
    let nonce = format!("87000000 00000000 {OWNED} 0e01 010203040506 0101 02000000ee07 0101 02000000ee08");
    let (verdict, sent) = receive(&finish(GATEWAY, OWNED_GROUP, &nonce));
    assert_eq!((verdict, &sent[0].1[..6]), (Answer::Answered, &[2, 0, 0, 0, 0xee, 7][..]));
}
