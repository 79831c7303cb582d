//! Probes of the gateway on its link.

use super::*;
use crate::plane::Shared;
use crate::plane::outbox::Outbox;
use crate::plane::packet::numbers::ethertype;
use crate::plane::packet::sample::hex;
use crate::plane::state::Plane;

/// The gateway of WAN a, in both families, with 800 ms for the answer; nothing is known of it yet.
fn rig() -> Rig {
    let on_link = |family| ProbeSpec {
        family,
        target: Target::Gateway,
        source: None,
        question: Question::Neighbor,
        interval: 1000,
        timeout: 800,
        urgent: 0,
    };
    rig_with(vec![on_link(Family::V4), on_link(Family::V6)])
}

fn rig_with(health: Vec<ProbeSpec>) -> Rig {
    let mut policy = probing(health);
    policy.wans.set(WanId(1), None);
    let plane = Plane::new(Arc::new(policy), Arc::new(Shared::new(10, 0)), true);
    Rig { plane, outbox: Outbox::new(), now: Tick::from_secs(1000) }
}

/// Where ARP requests and solicitations for the gateway went, and whether they are ARP.
fn questions(rig: &mut Rig) -> Vec<(Vec<u8>, bool)> {
    rig.plane.tick(rig.now, &mut rig.outbox);
    let asks = |(_, link, packet): (End, Vec<u8>, Vec<u8>)| {
        let v4 = link[12..] == ethertype::ARP.to_be_bytes();
        let asks = if v4 { packet[24..28] == [192, 0, 2, 1] } else { packet[40] == 135 };
        asks.then(|| (link[..6].to_vec(), v4))
    };
    rig.sent().into_iter().filter_map(asks).collect()
}

fn arp_from(rig: &mut Rig, sender: &str) {
    let body = hex(&format!("0001 0800 06 04 0002 02000000010a {sender} 02000000000a c00002c8"));
    let link = [&OWN[0].0[..], &GATEWAY[0].0, &ethertype::ARP.to_be_bytes()].concat();
    rig.process(End::Wan(A), &link, &body, None);
}

fn advertisement(rig: &mut Rig) {
    let target: std::net::Ipv6Addr = "fe80::1".parse().unwrap();
    let body = [&[136, 0, 0, 0, 0xe0, 0, 0, 0], &target.octets()[..], &[2, 1], &GATEWAY[0].0].concat();
    let mut packet = packet("fe80::1", "fe80::2", protocol::ICMPV6, &body);
    packet[7] = 255;
    rig.inbound(A, &packet);
}

#[test]
fn a_gateway_that_answers_on_the_link_passes_in_its_family_alone() {
    let mut rig = rig();
    assert!(questions(&mut rig).len() >= 2);
    wait(&mut rig, 3);
    arp_from(&mut rig, "c0000201");
    assert_eq!(outcomes(&rig), [(0, passed(3))]);
    advertisement(&mut rig);
    assert_eq!(outcomes(&rig), [(1, passed(3))]);
    advertisement(&mut rig);
    assert_eq!(outcomes(&rig), [], "once");
}

#[test]
fn another_station_is_not_the_gateway() {
    let mut rig = rig();
    questions(&mut rig);
    arp_from(&mut rig, "c0000205");
    assert_eq!(outcomes(&rig), []);
}

#[test]
fn a_gateway_that_leaves_a_question_unanswered_is_not_called_reachable_until_it_speaks() {
    let mut rig = rig();
    let state = |rig: &Rig| rig.plane.shared().neighbors.state(A, Family::V4).name();
    questions(&mut rig);
    arp_from(&mut rig, "c0000201");
    assert_eq!(state(&rig), "reachable");
    wait(&mut rig, 1000);
    questions(&mut rig);
    wait(&mut rig, 800);
    questions(&mut rig);
    assert_eq!(state(&rig), "probing");
    assert_eq!(rig.plane.shared().neighbors.mac(A, Family::V4), Some(GATEWAY[0]), "it stays in use");
    arp_from(&mut rig, "c0000201");
    assert_eq!(state(&rig), "reachable");
}

#[test]
fn a_gateway_behind_which_a_probe_stays_unanswered_is_asked_and_not_called_reachable_if_it_is_silent_too() {
    let mut rig = rig_with(vec![spec(SERVER, Question::Echo)]);
    let state = |rig: &Rig| rig.plane.shared().neighbors.state(A, Family::V4).name();
    let mut asked = 0;
    for ms in (0..9000).step_by(100) {
        asked += questions(&mut rig).iter().filter(|(_, v4)| *v4).count();
        // It answers for five seconds, while the server is silent all the time.
        if ms < 5000 {
            arp_from(&mut rig, "c0000201");
        }
        assert!(ms >= 5000 || state(&rig) == "reachable", "{ms}");
        wait(&mut rig, 100);
    }
    assert_ne!(state(&rig), "reachable");
    assert!(asked <= 20, "{asked} questions in nine seconds");
}

#[test]
fn a_gateway_is_asked_by_its_address_and_after_silence_everybody_is() {
    let mut rig = rig();
    questions(&mut rig);
    arp_from(&mut rig, "c0000201");
    wait(&mut rig, 1000);
    let asked: Vec<_> = questions(&mut rig).into_iter().filter(|(_, v4)| *v4).collect();
    assert_eq!(asked, [(GATEWAY[0].0.to_vec(), true)]);
    wait(&mut rig, 800);
    questions(&mut rig);
    assert!(outcomes(&rig).contains(&(0, SILENT)));
    wait(&mut rig, 200);
    let asked: Vec<_> = questions(&mut rig).into_iter().filter(|(_, v4)| *v4).collect();
    assert_eq!(asked, [(vec![0xff; 6], true)]);
}
