//! Claims about asking and announcing, over simulated time.

use super::*;
use crate::plane::neighbor::NeighborState;
use crate::plane::neighbor::sample::{hex, policy, sent};
use crate::plane::neighbor::word::Said;
use crate::plane::translate::host6::HostMap6;
use crate::plane::translate::nat44::Nat44Map;
use crate::types::Standing;

const A: WanId = WanId(0);
const MAC: Mac = Mac([2, 0, 0, 0, 0xee, 1]);

/// A policy with one WAN, one next hop and nothing to announce.
fn quiet() -> Policy {
    let mut policy = policy();
    policy.wans.set(WanId(1), None);
    policy.wans[0].link.set_next_hop(Family::V6, None);
    policy.wans[0].nat44 = Default::default();
    policy.wans[0].host6 = HostMap6::default();
    policy
}

struct Run {
    prober: Prober,
    policy: Policy,
    neighbors: Neighbors,
    next: Tick,
    refused: u32,
}

impl Run {
    fn new(policy: Policy) -> Self {
        Self { prober: Prober::new(), policy, neighbors: Neighbors::new(), next: Tick::from_secs(50), refused: 0 }
    }

    /// Ticks whenever the prober asks to be called, up to `until`; gives the milliseconds at which it sent, and what.
    fn until(&mut self, until: u64) -> Vec<(u64, Vec<u8>)> {
        let mut all = Vec::new();
        while self.next.millis() <= until {
            let mut outbox = Outbox::new();
            let now = self.next;
            self.next = self.prober.tick(now, &self.policy, &self.neighbors, &mut outbox);
            self.refused += crate::plane::neighbor::settle(now, &self.policy, &self.neighbors, &mut outbox);
            self.next = self.next.min(self.neighbors.due());
            assert!(now < self.next && self.next <= now.plus_millis(1000));
            // What listeners.rs reports has its own tests.
            let others = sent(&mut outbox).into_iter().filter(|(_, bytes)| bytes[..6] != [0x33, 0x33, 0, 0, 0, 0x16]);
            all.extend(others.map(|(_, bytes)| (now.millis(), bytes)));
        }
        all
    }

    /// The next hop answers a question that it may have been asked by another.
    fn hears(&self, family: Family, mac: Mac) {
        self.hears_of(HopId { wan: A, family, place: 0 }, mac);
    }

    fn hears_of(&self, hop: HopId, mac: Mac) {
        self.neighbors.note_question(hop);
        self.neighbors.learn(hop, mac, true);
    }

    /// Somebody says unasked at `now` that the IPv4 next hop has this MAC. Who is asked.
    fn hears_claim(&mut self, now: u64, mac: Mac) -> Vec<Mac> {
        let mut outbox = Outbox::new();
        let (wan, next_hop) = (self.policy.wan(A).unwrap(), self.policy.wans[0].link.next_hop(Family::V4).unwrap());
        let now = Tick::from_millis(now);
        let place = &mut NeighborContext { now, id: A, wan, neighbors: &self.neighbors, outbox: &mut outbox };
        verify::learn(place, Said { next_hop, mac, is_answer: false });
        self.next = self.next.min(self.neighbors.due());
        sent(&mut outbox).iter().map(|(_, frame)| Mac(frame[..6].try_into().unwrap())).collect()
    }

    fn times(&mut self, until: u64) -> Vec<u64> {
        self.until(until).into_iter().map(|(time, _)| time).collect()
    }
}

#[test]
fn an_unknown_next_hop_is_asked_for_at_once_quickly_then_every_second() {
    let mut run = Run::new(quiet());
    let asked = run.until(52_600);
    let request = "ffffffffffff 02000000000a 0806 0001 0800 06 04 0001 02000000000a c0000202 000000000000 c0000201";
    assert!(asked.iter().all(|(_, frame)| *frame == hex(request)));
    let times: Vec<_> = asked.iter().map(|(time, _)| *time).collect();
    assert_eq!(times, [50_000, 50_100, 50_200, 50_300, 50_400, 50_500, 51_500, 52_500]);
    assert_eq!(run.neighbors.state(A, Family::V4), NeighborState::Unresolved);
}

#[test]
fn it_is_shown_as_probing_while_the_quick_questions_last() {
    let mut run = Run::new(quiet());
    run.until(50_500);
    assert_eq!(run.neighbors.state(A, Family::V4), NeighborState::Probing);
}

#[test]
fn a_known_next_hop_is_refreshed_by_unicast_every_thirty_seconds() {
    let mut run = Run::new(quiet());
    run.until(50_000);
    run.hears(Family::V4, MAC);
    assert_eq!(run.times(80_099), [] as [u64; 0]);
    let asked = run.until(80_100);
    assert_eq!((asked.len(), &asked[0].1[..6]), (1, &MAC.0[..]));
    assert_eq!(run.neighbors.state(A, Family::V4), NeighborState::Reachable, "one question is no doubt");
    run.hears(Family::V4, MAC);
    assert_eq!(run.times(110_400), [110_400], "thirty seconds after the answer was noticed");
}

#[test]
fn a_next_hop_that_falls_silent_is_given_up_after_three_questions() {
    let mut run = Run::new(quiet());
    run.until(50_000);
    run.hears(Family::V4, MAC);
    let asked = run.until(81_400);
    let asked: Vec<_> = asked.iter().map(|(time, frame)| (*time, Mac(frame[..6].try_into().unwrap()))).collect();
    let both = |time| [(time, MAC), (time, Mac::BROADCAST)];
    assert_eq!(asked, [&[(80_100, MAC)][..], &both(80_400), &both(81_400)].concat(), "another may have its address");
    assert_eq!(
        (run.neighbors.mac(A, Family::V4), run.neighbors.state(A, Family::V4)),
        (Some(MAC), NeighborState::Probing)
    );
    let asked = run.until(82_500);
    assert_eq!(asked.iter().map(|(time, _)| *time).collect::<Vec<_>>(), [82_400, 82_500]);
    assert_eq!((run.neighbors.mac(A, Family::V4), run.neighbors.state(A, Family::V4)), (None, NeighborState::Probing));
    assert_eq!(&asked[0].1[..6], [0xff; 6]);
}

#[test]
fn a_next_hop_that_answers_others_need_not_be_asked() {
    let mut run = Run::new(quiet());
    run.until(50_000);
    for seconds in 50..200 {
        run.hears(Family::V4, MAC);
        assert_eq!(run.times(seconds * 1000), [] as [u64; 0]);
    }
}

#[test]
fn an_ipv6_next_hop_is_asked_for_by_its_solicited_node_group() {
    let mut policy = quiet();
    policy.wans[0].link.set_next_hop(Family::V4, None);
    policy.wans[0].link.set_next_hop(Family::V6, Some("fe80::12:3456".parse().unwrap()));
    let mut run = Run::new(policy);
    let frame = run.until(50_000).remove(0).1;
    assert_eq!(frame[..14], hex("3333ff123456 02000000000a 86dd"));
    assert_eq!(frame[14..22], hex("60000000 0020 3a ff"));
    assert_eq!(frame[22..54], hex("fe800000000000000000000000000002 ff0200000000000000000001ff123456"));
    assert_eq!(frame[54..56], hex("8700"));
    assert_eq!(frame[58..], hex("00000000 fe800000000000000000000000123456 0101 02000000000a"));
    run.hears(Family::V6, MAC);
    let frame = run.until(80_100).remove(0).1;
    assert_eq!((&frame[..6], &frame[38..54]), (&MAC.0[..], &hex("fe800000000000000000000000123456")[..]));
}

#[test]
fn a_new_next_hop_starts_over_and_the_others_go_on() {
    let mut policy = quiet();
    policy.wans[0].link.set_next_hop(Family::V6, Some("fe80::1".parse().unwrap()));
    let mut run = Run::new(policy);
    run.until(50_000);
    run.hears(Family::V4, MAC);
    run.hears(Family::V6, MAC);
    run.until(51_000);
    run.policy.epoch = 2;
    run.policy.wans[0].link.set_next_hop(Family::V4, Some("192.0.2.6".parse().unwrap()));
    let asked = run.until(run.next.millis());
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].1[38..42], [192, 0, 2, 6]);
    assert_eq!((run.neighbors.mac(A, Family::V4), run.neighbors.mac(A, Family::V6)), (None, Some(MAC)));
    run.policy.epoch = 3;
    run.policy.wans[0].link.set_next_hop(Family::V6, None);
    run.until(run.next.millis());
    assert_eq!(
        (run.neighbors.mac(A, Family::V6), run.neighbors.state(A, Family::V6)),
        (None, NeighborState::Unresolved)
    );
}

#[test]
fn a_fixed_mac_is_never_asked_for() {
    let mut run = Run::new(quiet());
    run.neighbors.set(A, Family::V4, MAC);
    assert_eq!(run.times(200_000), [] as [u64; 0]);
    assert_eq!(run.neighbors.mac(A, Family::V4), Some(MAC));
}

#[test]
fn owned_addresses_are_announced_twice_two_seconds_apart() {
    let mut policy = quiet();
    policy.wans[0].link.set_next_hop(Family::V4, None);
    policy.wans[0].nat44 = super::super::sample::policy().wans[0].nat44.clone();
    policy.wans[0].host6 = HostMap6::new(&[("2001:db8:a:c80::1".parse().unwrap(), "fd00:bad:b01::2".parse().unwrap())]);
    let mut run = Run::new(policy);
    let announced = run.until(60_000);
    let times: Vec<_> = announced.iter().map(|(time, _)| *time).collect();
    assert_eq!(times, [50_000, 50_000, 52_000, 52_000]);
    let arp = "ffffffffffff 02000000000a 0806 0001 0800 06 04 0001 02000000000a c0000203 000000000000 c0000203";
    assert_eq!(announced[0].1, hex(arp));
    let advertisement = &announced[1].1;
    assert_eq!(advertisement[..14], hex("333300000001 02000000000a 86dd"));
    assert_eq!(advertisement[22..54], hex("20010db8000a0c800000000000000001 ff020000000000000000000000000001"));
    assert_eq!((advertisement[54], advertisement[58]), (136, 0xa0));
    assert_eq!((&announced[2].1, &announced[3].1), (&announced[0].1, &announced[1].1));
}

#[test]
fn a_new_policy_announces_only_what_is_new_and_a_new_gateway_everything() {
    let address = |text: &str| -> std::net::Ipv4Addr { text.parse().unwrap() };
    let mut policy = quiet();
    policy.wans[0].link.set_next_hop(Family::V4, None);
    let pairs = [("10.250.250.2", "192.0.2.3"), ("10.250.250.3", "192.0.2.4")].map(|(a, b)| (address(a), address(b)));
    policy.wans[0].nat44 = Nat44Map::new(&pairs[..1]);
    let mut run = Run::new(policy);
    assert_eq!(run.until(60_000).len(), 2);
    run.policy.epoch = 2;
    (run.policy.wans[0].nat44, run.policy.wans[0].owned_since) = (Nat44Map::new(&pairs), 2);
    let announced = run.until(70_000);
    assert_eq!(announced.iter().map(|(_, frame)| frame[31]).collect::<Vec<_>>(), [4, 4]);
    run.policy.epoch = 3;
    run.policy.wans[0].link.set_next_hop(Family::V4, Some(address("192.0.2.1").into()));
    run.neighbors.set(A, Family::V4, MAC);
    assert_eq!(run.until(80_000).iter().map(|(_, frame)| frame[31]).collect::<Vec<_>>(), [3, 4, 3, 4]);
    run.policy.epoch = 4;
    run.policy.wans[0].link.came_up = None;
    assert_eq!(run.until(90_000).len(), 0, "nobody hears");
    run.policy.epoch = 5;
    run.policy.wans[0].link.came_up = Some(1);
    assert_eq!(run.until(95_000).iter().map(|(_, frame)| frame[31]).collect::<Vec<_>>(), [3, 4, 3, 4]);
    run.policy.epoch = 6;
    run.policy.wans[0].link.came_up = Some(2);
    let announced = run.until(100_000);
    assert_eq!(announced.iter().map(|(_, frame)| frame[31]).collect::<Vec<_>>(), [3, 4, 3, 4], "down and up unseen");
}

#[test]
fn a_wan_that_stands_otherwise_announces_nothing_more_and_goes_on_with_what_is_under_way() {
    let mut policy = quiet();
    policy.wans[0].link.set_next_hop(Family::V4, None);
    policy.wans[0].nat44 = super::super::sample::policy().wans[0].nat44.clone();
    let mut run = Run::new(policy);
    assert_eq!(run.times(51_000), [50_000]);
    (run.policy.epoch, run.policy.wans[0].standing) = (2, [Standing::HardDown; 2]);
    assert_eq!(run.times(60_000), [52_000]);
}

#[test]
fn a_large_block_is_announced_at_a_measured_pace() {
    let mut policy = quiet();
    policy.wans[0].link.set_next_hop(Family::V4, None);
    let pair =
        |n: u32| (std::net::Ipv4Addr::from_bits(0x0a00_0000 + n), std::net::Ipv4Addr::from_bits(0xc612_0000 + n));
    policy.wans[0].nat44 = Nat44Map::new(&(0..40).map(pair).collect::<Vec<_>>());
    let times = Run::new(policy).times(60_000);
    let at = |time: u64| times.iter().filter(|found| **found == time).count();
    assert_eq!([50_000, 50_020, 50_040, 52_000, 52_020, 52_040].map(at), [16, 16, 8, 16, 16, 8]);
    assert_eq!(times.len(), 80);
}

const CLAIMED: Mac = Mac([2, 0, 0, 0, 0xee, 2]);

/// A run whose next hop is known, where another MAC has just been claimed; both are asked.
fn claimed() -> Run {
    let mut run = Run::new(quiet());
    run.until(50_000);
    run.hears(Family::V4, MAC);
    run.until(51_000);
    assert_eq!(run.hears_claim(51_000, CLAIMED), [MAC, CLAIMED]);
    run
}

#[test]
fn a_mac_that_is_claimed_is_used_if_it_answers_and_the_known_one_does_not() {
    let mut run = claimed();
    run.hears(Family::V4, CLAIMED);
    let asked: Vec<_> = run.until(51_299).iter().map(|(time, frame)| (*time, frame[5])).collect();
    assert_eq!(asked, [(51_100, 1), (51_200, 1)], "one lost question is no silence");
    assert_eq!(run.neighbors.mac(A, Family::V4), Some(MAC), "the known one stays in use meanwhile");
    run.until(51_300);
    assert_eq!((run.neighbors.mac(A, Family::V4), run.refused), (Some(CLAIMED), 0));
    assert_eq!(run.times(80_000), [] as [u64; 0], "it has been heard");
}

#[test]
fn a_mac_that_is_claimed_is_refused_if_the_known_one_answers_or_nobody_does() {
    for (known, claims) in [(true, true), (true, false), (false, false)] {
        let mut run = claimed();
        for (mac, answers) in [(CLAIMED, claims), (MAC, known)] {
            if answers {
                run.hears(Family::V4, mac);
            }
            run.hears_claim(51_050, CLAIMED);
        }
        run.until(51_300);
        assert_eq!((run.neighbors.mac(A, Family::V4), run.refused), (Some(MAC), 1));
        assert_eq!(run.neighbors.claims.mac(HopId { wan: A, family: Family::V4, place: 0 }), None);
    }
}

#[test]
fn after_a_refusal_the_next_claim_waits_for_a_second_and_is_not_forgotten() {
    let mut run = claimed();
    run.hears(Family::V4, MAC);
    run.until(51_100);
    assert_eq!(run.refused, 1);
    assert_eq!(run.hears_claim(51_200, Mac([2, 0, 0, 0, 0xee, 3])), []);
    assert_eq!(run.hears_claim(51_300, CLAIMED), [], "the last one counts");
    let asked: Vec<_> = run.until(52_100).iter().map(|(time, frame)| (*time, frame[5])).collect();
    assert_eq!(asked, [(52_100, 1), (52_100, 2)]);
}

#[test]
fn one_that_answers_takes_the_place_of_one_that_is_claimed_and_silent() {
    let mut run = Run::new(quiet());
    run.until(50_000);
    run.hears(Family::V4, MAC);
    run.until(51_000);
    run.hears_claim(51_000, Mac([2, 0, 0, 0, 0xee, 3]));
    run.hears(Family::V4, CLAIMED);
    run.until(51_300);
    assert_eq!(run.neighbors.mac(A, Family::V4), Some(CLAIMED));
}

#[test]
fn one_that_speaks_unasked_where_nobody_is_known_is_used_when_it_answers() {
    let mut run = Run::new(quiet());
    run.until(53_000);
    assert_eq!(run.hears_claim(53_000, MAC), [MAC]);
    assert_eq!(run.neighbors.mac(A, Family::V4), None);
    run.hears(Family::V4, MAC);
    assert_eq!(run.neighbors.mac(A, Family::V4), Some(MAC));
    run.until(54_000);
    assert_eq!((run.neighbors.mac(A, Family::V4), run.refused), (Some(MAC), 0));
}

#[test]
fn after_silence_the_first_who_answers_is_the_next_hop() {
    let mut run = Run::new(quiet());
    run.until(50_000);
    run.hears(Family::V4, MAC);
    run.until(83_200);
    run.hears(Family::V4, CLAIMED);
    assert_eq!(run.neighbors.mac(A, Family::V4), Some(CLAIMED));
    run.until(84_500);
    assert_eq!(run.refused, 0);
}

#[test]
fn a_configured_mac_is_used_and_nobody_is_asked_and_no_claim_counts() {
    let mut policy = quiet();
    policy.wans[0].link.gateway_macs[0] = Some(MAC);
    let mut run = Run::new(policy);
    assert_eq!(run.times(100_000), [] as [u64; 0]);
    assert_eq!(run.hears_claim(100_000, CLAIMED), []);
    run.hears(Family::V4, CLAIMED);
    run.until(102_000);
    assert_eq!((run.neighbors.mac(A, Family::V4), run.refused), (Some(MAC), 0));
    run.policy.epoch = 2;
    run.policy.wans[0].link.gateway_macs[0] = None;
    let asked = run.until(103_000);
    assert_eq!((&asked[0].1[..6], run.neighbors.mac(A, Family::V4)), (&[0xff; 6][..], None), "it is asked for again");
}

/// A policy with these IPv4 gateways, best first, by the last octets of their addresses and MACs.
fn several(gateways: &[u8]) -> Policy {
    let mut policy = quiet();
    let gateway = |last: &u8| Gateway::new([192, 0, 2, *last], "default route");
    policy.wans[0].link.gateways[0] = gateways.iter().map(gateway).collect();
    policy
}

impl Run {
    fn place(&self, last: u8) -> HopId {
        self.neighbors.hop(A, Family::V4, [192, 0, 2, last].into()).expect("a gateway")
    }

    /// This gateway answers.
    fn answers(&self, last: u8) {
        self.hears_of(self.place(last), Mac([2, 0, 0, 0, 0xee, last]));
    }

    /// The last octet of the MAC that packets go to.
    fn used(&self) -> Option<u8> {
        self.neighbors.mac(A, Family::V4).map(|mac| mac.0[5])
    }

    /// Until then; these gateways answer whatever they are asked, within five milliseconds.
    fn answered_until(&mut self, until: u64, answer: &[u8]) {
        while self.next.millis() <= until {
            let asked = self.until(self.next.millis());
            let is_asked = |last: u8| asked.iter().any(|(_, frame)| frame[41] == last);
            answer.iter().filter(|last| is_asked(**last)).for_each(|last| self.answers(*last));
            self.next = self.next.min(Tick::from_millis(until.max(self.next.millis())));
        }
    }
}

#[test]
fn gateways_are_resolved_side_by_side_and_the_first_that_answers_is_used_until_a_better_one_is_steady() {
    let mut run = Run::new(several(&[1, 2, 3]));
    let asked = run.until(50_000);
    assert_eq!(asked.iter().map(|(_, frame)| frame[41]).collect::<Vec<_>>(), [1, 2, 3]);
    run.answered_until(52_000, &[2, 3]);
    assert_eq!(run.used(), Some(2));
    run.answered_until(55_400, &[1, 2, 3]);
    assert_eq!(run.used(), Some(2), "the better one has just come");
    run.answered_until(57_000, &[1, 2, 3]);
    assert_eq!((run.used(), run.prober.take_changes()), (Some(1), 2), "from one that never answered, and to the best");
}

#[test]
fn where_the_used_gateway_is_doubted_the_others_are_asked_at_once_and_one_that_answers_takes_over() {
    let mut run = Run::new(several(&[1, 2]));
    run.answered_until(60_000, &[1, 2]);
    assert_eq!(run.used(), Some(1));
    run.neighbors.doubt(A, Family::V4);
    assert!(run.neighbors.take_doubted());
    run.next = Tick::from_millis(60_001);
    run.answered_until(60_100, &[2]);
    assert_eq!((run.used(), run.neighbors.state(A, Family::V4)), (Some(2), NeighborState::Reachable));
    run.answered_until(90_000, &[2]);
    assert_eq!(run.used(), Some(2));
    run.answered_until(96_000, &[1, 2]);
    assert_eq!(run.used(), Some(1), "it is back, and better");
}

#[test]
fn a_policy_with_other_gateways_changes_nothing_for_those_that_stay() {
    let mut run = Run::new(several(&[1, 2]));
    run.answered_until(60_000, &[1, 2]);
    let place = run.place(2);
    (run.policy.epoch, run.policy.wans[0].link.gateways[0]) = (2, several(&[3, 2]).wans[0].link.gateways[0].clone());
    let asked = run.until(run.next.millis());
    assert_eq!(asked.iter().map(|(_, frame)| frame[41]).collect::<Vec<_>>(), [3], "only the new one");
    assert_eq!((run.place(2), run.used()), (place, Some(2)), "it answered all the time");
    assert_eq!(run.neighbors.hop(A, Family::V4, [192, 0, 2, 1].into()), None);
}

#[test]
fn a_gateway_whose_route_is_gone_is_used_until_another_answers() {
    let mut run = Run::new(several(&[1]));
    run.answered_until(60_000, &[1]);
    let lapsed = Gateway { has_lapsed: true, ..Gateway::new([192, 0, 2, 1], "its route is gone") };
    let new = Gateway::new([192, 0, 2, 2], "default route");
    (run.policy.epoch, run.policy.wans[0].link.gateways[0]) = (2, [new, lapsed].into());
    run.answered_until(61_000, &[]);
    assert_eq!(run.used(), Some(1));
    run.answered_until(63_000, &[2]);
    assert_eq!(run.used(), Some(2), "at once");
}

#[test]
fn an_ipv6_address_may_be_the_gateway_of_both_families() {
    let mut policy = quiet();
    policy.wans[0].link.gateways = [Gateway::only(ip6("fe80::1")), Gateway::only(ip6("fe80::1"))];
    let mut run = Run::new(policy);
    let asked = run.until(50_000);
    assert!(asked.len() == 2 && asked.iter().all(|(_, frame)| frame[54] == 135), "both by neighbour solicitation");
    let said = Said { next_hop: ip6("fe80::1"), mac: MAC, is_answer: true };
    let place = &mut NeighborContext {
        now: Tick::from_millis(50_001),
        id: A,
        wan: run.policy.wan(A).unwrap(),
        neighbors: &run.neighbors,
        outbox: &mut Outbox::new(),
    };
    verify::learn(place, said);
    assert_eq!(Family::ALL.map(|family| run.neighbors.mac(A, family)), [Some(MAC); 2]);
}

fn ip6(text: &str) -> IpAddr {
    text.parse().unwrap()
}
