//! Claims about ARP, byte by byte.

use super::*;
use crate::plane::neighbor::hop::HopId;
use crate::plane::neighbor::sample::{hex, neighbors as strangers, policy, sent};
use crate::plane::neighbor::{Neighbors, answer};
use crate::plane::outbox::Outbox;
use crate::plane::policy::Policy;
use crate::types::{Family, Offload, Tick, WanId};

const V4: HopId = HopId { wan: WanId(0), family: Family::V4, place: 0 };

const LINK: &str = "ffffffffffff 02000000ee01 0806";

fn receive(wan: WanId, neighbors: &Neighbors, body: &str) -> (Answer, Vec<(WanId, Vec<u8>)>) {
    receive_under(&policy(), wan, neighbors, body)
}

fn receive_under(policy: &Policy, wan: WanId, neighbors: &Neighbors, body: &str) -> (Answer, Vec<(WanId, Vec<u8>)>) {
    let mut bytes = hex(&format!("{LINK}{body}"));
    let end = bytes.len();
    let frame = Frame::new(&mut bytes, 0, 14, end, Offload::NONE).unwrap();
    let mut outbox = Outbox::new();
    let verdict = answer(&frame, (Tick(0), policy), wan, neighbors, &mut outbox);
    (verdict, sent(&mut outbox))
}

/// Neighbours that know the gateway of both WANs, so that nobody need be asked.
fn known() -> Neighbors {
    let neighbors = strangers();
    for wan in [WanId(0), WanId(1)] {
        neighbors.note_question(HopId { wan, ..V4 });
        neighbors.learn(HopId { wan, ..V4 }, Mac([2, 0, 0, 0, 0xee, 1]), true);
    }
    neighbors
}

#[test]
fn a_request_for_an_owned_address_is_answered_to_who_asked() {
    let request =
        "0001 0800 06 04 0001 02000000ee01 c0000201 000000000000 c0000203 000000000000000000000000000000000000";
    let (verdict, sent) = receive(WanId(0), &known(), request);
    let reply = "02000000ee01 02000000000a 0806 0001 0800 06 04 0002 02000000000a c0000203 02000000ee01 c0000201";
    assert_eq!((verdict, sent), (Answer::Answered, vec![(WanId(0), hex(reply))]));
}

#[test]
fn a_probe_for_an_owned_address_is_answered() {
    let probe = "0001 0800 06 04 0001 02000000ee01 00000000 000000000000 c0000203";
    let (verdict, sent) = receive(WanId(0), &strangers(), probe);
    let reply = "02000000ee01 02000000000a 0806 0001 0800 06 04 0002 02000000000a c0000203 02000000ee01 00000000";
    assert_eq!((verdict, sent), (Answer::Answered, vec![(WanId(0), hex(reply))]));
}

#[test]
fn an_answer_on_a_tagged_wan_is_tagged() {
    let request = "0001 0800 06 04 0001 02000000ee01 c6336401 000000000000 c6336403";
    let (verdict, sent) = receive(WanId(1), &known(), request);
    let reply =
        "02000000ee01 02000000000b 8100012c 0806 0001 0800 06 04 0002 02000000000b c6336403 02000000ee01 c6336401";
    assert_eq!((verdict, sent), (Answer::Answered, vec![(WanId(1), hex(reply))]));
}

#[test]
fn the_kernels_own_address_is_answered_for_where_the_kernel_sees_no_frames() {
    let request = "0001 0800 06 04 0001 02000000ee01 c0000201 000000000000 c0000202";
    let mut policy = policy();
    assert_eq!(receive_under(&policy, WanId(0), &known(), request), (Answer::Kernel, vec![]), "untagged");
    policy.wans[0].link.vlan = Some(300);
    let (verdict, sent) = receive_under(&policy, WanId(0), &known(), request);
    let reply =
        "02000000ee01 02000000000a 8100012c 0806 0001 0800 06 04 0002 02000000000a c0000202 02000000ee01 c0000201";
    assert_eq!((verdict, sent), (Answer::Answered, vec![(WanId(0), hex(reply))]));
    let nobodys = "0001 0800 06 04 0001 02000000ee01 c0000201 000000000000 c0000204";
    assert_eq!(receive_under(&policy, WanId(0), &known(), nobodys), (Answer::Kernel, vec![]));
}

#[test]
fn nothing_is_answered_for_what_this_wan_does_not_own() {
    for target in ["c0000202", "c0000204", "c6336403", "0afafa02"] {
        let request = format!("0001 0800 06 04 0001 02000000ee01 c0000201 000000000000 {target}");
        assert_eq!(receive(WanId(0), &known(), &request), (Answer::Kernel, vec![]), "{target}");
    }
}

#[test]
fn a_reply_asks_for_nothing() {
    let reply = "0001 0800 06 04 0002 02000000ee01 c0000206 02000000000a c0000203";
    assert_eq!(receive(WanId(0), &strangers(), reply), (Answer::Kernel, vec![]));
}

/// What the gateway may say: in an answer, in a question for somebody, in an announcement.
const SAYINGS: [&str; 3] = [
    "0001 0800 06 04 0002 02000000ee01 c0000201 02000000000a c0000202",
    "0001 0800 06 04 0001 02000000ee02 c0000201 000000000000 c0000205",
    "0001 0800 06 04 0001 02000000ee03 c0000201 000000000000 c0000201",
];

/// Whom the frames ask by ARP.
fn asked(frames: &[(WanId, Vec<u8>)]) -> Vec<Mac> {
    let requests = frames.iter().filter(|(_, frame)| frame[20..22] == [0, 1]);
    requests.map(|(_, frame)| Mac(frame[..6].try_into().unwrap())).collect()
}

#[test]
fn the_next_hop_teaches_its_mac_by_the_answer_to_a_question() {
    let neighbors = strangers();
    neighbors.note_question(V4);
    assert_eq!(receive(WanId(0), &neighbors, SAYINGS[0]), (Answer::Kernel, vec![]));
    assert_eq!(neighbors.mac(WanId(0), Family::V4), Some(Mac([2, 0, 0, 0, 0xee, 1])));
}

#[test]
fn a_next_hop_that_speaks_unasked_is_asked_at_once_and_both_are_if_another_is_known() {
    for (body, last) in SAYINGS.iter().zip([1, 2, 3]) {
        let neighbors = strangers();
        let mac = Mac([2, 0, 0, 0, 0xee, last]);
        let (verdict, frames) = receive(WanId(0), &neighbors, body);
        assert_eq!((verdict, asked(&frames), neighbors.mac(WanId(0), Family::V4)), (Answer::Kernel, vec![mac], None));

        let (neighbors, known) = (strangers(), Mac([2, 0, 0, 0, 0xee, 9]));
        neighbors.note_question(V4);
        neighbors.learn(V4, known, true);
        let (_, frames) = receive(WanId(0), &neighbors, body);
        assert_eq!((asked(&frames), neighbors.mac(WanId(0), Family::V4)), (vec![known, mac], Some(known)));
        assert_eq!(receive(WanId(0), &neighbors, body).1, [], "once");
    }
}

#[test]
fn only_a_reply_that_is_no_announcement_is_an_answer() {
    let neighbors = strangers();
    let to_us = "02000000000a 02000000ee01 0806";
    let reply = "0001 0800 06 04 0002 02000000ee01 c0000201 02000000000a c0000202";
    let request = "0001 0800 06 04 0001 02000000ee01 c0000201 000000000000 c0000202";
    let announcement = "0001 0800 06 04 0002 02000000ee01 c0000201 ffffffffffff c0000201";
    for (link, body, is_answer) in
        [(LINK, announcement, false), (to_us, request, false), (to_us, reply, true), (LINK, reply, true)]
    {
        let mut bytes = hex(&format!("{link}{body}"));
        let end = bytes.len();
        let frame = Frame::new(&mut bytes, 0, 14, end, Offload::NONE).unwrap();
        neighbors.note_question(V4);
        answer(&frame, (Tick(0), &policy()), WanId(0), &neighbors, &mut Outbox::new());
        assert_eq!(neighbors.has_spoken(WanId(0), Family::V4), is_answer, "{link} {body}");
    }
}

#[test]
fn others_teach_nothing_and_neither_do_we() {
    let neighbors = strangers();
    receive(WanId(0), &neighbors, "0001 0800 06 04 0002 02000000ee01 c0000206 02000000000a c0000202");
    receive(WanId(0), &neighbors, "0001 0800 06 04 0001 02000000000a c0000201 000000000000 c0000203");
    receive(WanId(1), &neighbors, "0001 0800 06 04 0002 02000000ee01 c0000201 02000000000a c0000202");
    assert_eq!((neighbors.mac(WanId(0), Family::V4), neighbors.mac(WanId(1), Family::V4)), (None, None));
}

#[test]
fn what_is_broken_is_dropped_and_what_is_foreign_is_left() {
    let verdict = |body| receive(WanId(0), &strangers(), body).0;
    assert_eq!(
        verdict("0001 0800 06 04 0001 02000000ee01 c0000201 000000000000 c00002"),
        Answer::Drop(DropReason::Truncated)
    );
    let bad = Answer::Drop(DropReason::BadTransportHeader);
    assert_eq!(verdict("0001 0800 08 04 0001 02000000ee01 c0000201 000000000000 c0000203"), bad);
    assert_eq!(verdict("0001 0800 06 10 0001 02000000ee01 c0000201 000000000000 c0000203"), bad);
    assert_eq!(verdict("0001 0800 06 04 0001 03000000ee01 c0000201 000000000000 c0000203"), bad);
    assert_eq!(verdict("0006 0800 06 04 0001 02000000ee01 c0000201 000000000000 c0000203"), Answer::Kernel);
    assert_eq!(verdict("0001 86dd 06 04 0001 02000000ee01 c0000201 000000000000 c0000203"), Answer::Kernel);
}

#[test]
fn a_sender_address_is_one_that_the_gateway_answers() {
    let mut policy = policy();
    let gateway = "192.0.2.1".parse().unwrap();
    let wan = &mut policy.wans[0];
    assert_eq!(source_for(wan, gateway).to_string(), "192.0.2.2");
    wan.link.addresses = ["203.0.113.7/24".parse().unwrap()].into();
    assert_eq!(source_for(wan, gateway).to_string(), "192.0.2.3");
    wan.nat44 = crate::plane::translate::nat44::Nat44Map::default();
    assert_eq!(source_for(wan, gateway).to_string(), "203.0.113.7");
    wan.link.addresses = [].into();
    assert_eq!(source_for(wan, gateway).to_string(), "0.0.0.0");
}
