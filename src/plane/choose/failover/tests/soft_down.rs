//! What each flow on a WAN that is softly down shows by itself, packet by packet.

use super::*;
use crate::plane::choose::candidates;
use crate::plane::flow::key::FlowKey;
use crate::plane::packet::parse::parse;
use crate::plane::policy::Draining;
use crate::types::{Offload, Tick};

const RST: u8 = tcp_flag::RST;
const BY_A: Verdict = Verdict::Forward(End::Wan(A));
const BY_B: Verdict = Verdict::Forward(End::Wan(B));
const IN: Verdict = Verdict::Forward(End::Inside);
const RESET: Verdict = Verdict::Drop(DropReason::Reset);
const MOVED: [(Event, u64); 2] = [(Event::Moved, 1), (Event::Silent, 1)];

/// The probes of A have found at this time, in milliseconds, that nothing has answered for up to four seconds.
fn dead(epoch: u32, millis: u64) -> Policy {
    drains(epoch, millis, Some(Tick::from_millis(millis - 4000)))
}

/// An operator wants A empty from then on.
fn drained(epoch: u32, millis: u64) -> Policy {
    drains(epoch, millis, None)
}

fn drains(epoch: u32, millis: u64, dead_since: Option<Tick>) -> Policy {
    let mut policy = standing(epoch, &[(A, Standing::SoftDown)]);
    let since = Tick::from_millis(millis);
    policy.wans[0].draining = [Some(Draining { silence: 3000, since, dead_since }); 2];
    policy
}

fn at(rig: &mut Rig, millis: u64) {
    rig.now = Tick::from_millis(millis);
}

fn query(port: u16) -> Vec<u8> {
    packet(HOST, SERVER, protocol::UDP, &udp(port, 53, b"query"))
}

fn answer(port: u16) -> Vec<u8> {
    packet(SERVER, "192.0.2.12", protocol::UDP, &udp(53, port, b"answer"))
}

/// A segment without data.
fn bare(from: (&str, u16), to: (&str, u16), flags: u8, numbers: [u32; 2]) -> Vec<u8> {
    let mut l4 = tcp(from.1, to.1, flags, &[], &[]);
    l4[4..8].copy_from_slice(&numbers[0].to_be_bytes());
    l4[8..12].copy_from_slice(&numbers[1].to_be_bytes());
    packet(from.0, to.0, protocol::TCP, &l4)
}

fn acknowledge(rig: &mut Rig, port: u16, numbers: [u32; 2]) -> Verdict {
    rig.outbound(&bare((HOST, port), (SERVER, 443), ACK, numbers)).verdict
}

/// A connection over A on which everything is acknowledged: its host has sent all before 109 and waits for 2001.
fn idle() -> (Rig, u16) {
    let (mut rig, port) = connected();
    let acknowledged = bare((SERVER, 443), ("192.0.2.12", port), ACK, [2001, 109]);
    assert_eq!(rig.inbound(A, &acknowledged).verdict, IN);
    (rig, port)
}

fn tick(rig: &mut Rig) {
    let _ = rig.plane.tick(rig.now, &mut rig.outbox);
}

#[test]
fn who_asks_for_three_seconds_without_an_answer_moves_and_who_is_answered_stays() {
    let (mut rig, port) = (Rig::new(policy()), port_for(A));
    assert_eq!(rig.outbound(&query(port)).verdict, BY_A);
    rig.inbound(A, &answer(port));
    adopt(&mut rig, dead(2, 1_000_500));
    for second in 1001..1030 {
        at(&mut rig, second * 1000);
        assert_eq!(rig.outbound(&query(port)).verdict, BY_A, "{second}");
        at(&mut rig, second * 1000 + 900);
        assert_eq!(rig.inbound(A, &answer(port)).verdict, IN);
    }
    at(&mut rig, 1_030_000);
    for late in [0, 1000, 2000, 2999] {
        at(&mut rig, 1_030_000 + late);
        assert_eq!(rig.outbound(&query(port)).verdict, BY_A, "{late}");
    }
    assert_eq!(events(&rig), []);
    at(&mut rig, 1_033_000);
    let moved = rig.outbound(&query(port));
    assert_eq!((moved.verdict, hosts(&moved.packet).0.to_string()), (BY_B, "198.51.100.12".into()));
    assert_eq!((events(&rig), drops(&rig)), (MOVED.to_vec(), vec![]));
    adopt(&mut rig, standing(3, &[]));
    assert_eq!(rig.outbound(&query(port)).verdict, BY_B, "it stays there");
}

#[test]
fn a_packet_counts_once_whether_its_flow_is_watched_or_not() {
    let (mut rig, port) = (Rig::new(policy()), port_for(A));
    rig.outbound(&query(port));
    adopt(&mut rig, dead(2, 1_000_500));
    (0..4).for_each(|_| _ = (rig.outbound(&query(port)), rig.inbound(A, &answer(port))));
    rig.plane.shared().table.for_each(|_, flow| {
        assert_eq!((flow.outbound.packets, flow.inbound.packets, flow.epoch), (5, 4, 2));
    });
}

#[test]
fn who_was_never_answered_goes_at_once_when_the_line_is_found_dead() {
    let (mut rig, port) = (Rig::new(policy()), port_for(A));
    (0..5).for_each(|_| {
        assert_eq!(rig.outbound(&query(port)).verdict, BY_A);
        rig.now = rig.now.plus_millis(1000);
    });
    adopt(&mut rig, dead(2, 1_005_000));
    assert_eq!((rig.outbound(&query(port)).verdict, events(&rig)), (BY_B, MOVED.to_vec()));
}

#[test]
fn a_resolver_that_asks_from_one_port_and_was_quiet_asks_by_another_line_at_once() {
    let (mut rig, port) = (Rig::new(policy()), port_for(A));
    rig.outbound(&query(port));
    rig.inbound(A, &answer(port));
    adopt(&mut rig, dead(2, 1_020_000));
    at(&mut rig, 1_021_000);
    assert_eq!((rig.outbound(&query(port)).verdict, events(&rig)), (BY_B, MOVED.to_vec()));
}

#[test]
fn a_ping_with_an_old_identifier_goes_by_another_line_and_an_answered_one_stays() {
    let mut rig = Rig::new(policy());
    let ping = |id: u8| packet(HOST, SERVER, protocol::ICMP, &icmp(8, 0, [id.into(), 1], b"ping"));
    let pong = |id: u8| packet(SERVER, "192.0.2.12", protocol::ICMP, &icmp(0, 0, [id.into(), 1], b"ping"));
    let mut by_a = (0..200).filter(|id| rig.outbound(&ping(*id)).verdict == BY_A);
    let [old, live] = [by_a.next().unwrap(), by_a.next().unwrap()];
    [old, live].iter().for_each(|id| assert_eq!(rig.inbound(A, &pong(*id)).verdict, IN));
    adopt(&mut rig, dead(2, 1_020_000));
    at(&mut rig, 1_021_000);
    rig.inbound(A, &pong(live));
    at(&mut rig, 1_025_000);
    assert_eq!([old, live].map(|id| rig.outbound(&ping(id)).verdict), [BY_B, BY_A]);
}

#[test]
fn what_is_no_question_has_its_time_on_a_dead_line_too() {
    let mut rig = Rig::new(policy());
    let tunnel = |number: u8| packet(HOST, SERVER, number, b"sealed");
    let number = (100..130).find(|number| rig.outbound(&tunnel(*number)).verdict == BY_A).unwrap();
    rig.inbound(A, &packet(SERVER, "192.0.2.12", number, b"sealed"));
    adopt(&mut rig, dead(2, 1_020_000));
    at(&mut rig, 1_030_000);
    assert_eq!(rig.outbound(&tunnel(number)).verdict, BY_A);
    at(&mut rig, 1_033_100);
    assert_eq!((rig.outbound(&tunnel(number)).verdict, events(&rig)), (BY_B, MOVED.to_vec()));
}

#[test]
fn a_stream_that_comes_in_holds_its_viewer_though_nobody_answers_him() {
    let (mut rig, port) = (Rig::new(policy()), port_for(A));
    rig.outbound(&query(port));
    adopt(&mut rig, dead(2, 1_000_500));
    for second in 1001..1060 {
        at(&mut rig, second * 1000);
        assert_eq!([rig.inbound(A, &answer(port)).verdict, rig.outbound(&query(port)).verdict], [IN, BY_A]);
    }
    assert_eq!(events(&rig), []);
}

#[test]
fn an_upload_that_nobody_acknowledges_is_reset_and_both_ends_are_told() {
    let (mut rig, port) = idle();
    assert_eq!(out(&mut rig, port, ACK, [109, 2001]).verdict, BY_A);
    adopt(&mut rig, dead(2, 1_002_000));
    at(&mut rig, 1_002_900);
    assert_eq!(out(&mut rig, port, ACK, [109, 2001]).verdict, BY_A);
    at(&mut rig, 1_003_100);
    assert_eq!(out(&mut rig, port, ACK, [109, 2001]).verdict, RESET);
    assert_eq!(resets(&mut rig), [([2001, 0], RST)]);
    assert_eq!(events(&rig), [(Event::Reset, 1), (Event::RemoteReset, 1), (Event::Silent, 1)]);
    assert_eq!(out(&mut rig, port, SYN, [7000, 0]).verdict, BY_B, "it redials");
}

#[test]
fn a_download_that_stalls_is_found_and_reset_though_its_host_has_nothing_to_say() {
    let (mut rig, port) = idle();
    at(&mut rig, 1_010_000);
    assert_eq!(back(&mut rig, A, port, ACK, [2001, 109]).verdict, IN);
    assert_eq!(acknowledge(&mut rig, port, [109, 2005]), BY_A);
    adopt(&mut rig, dead(2, 1_012_500));
    at(&mut rig, 1_012_500);
    tick(&mut rig);
    assert_eq!((resets(&mut rig), events(&rig)), (vec![], vec![]));
    for millis in [1_013_500, 1_014_500] {
        at(&mut rig, millis);
        tick(&mut rig);
    }
    assert_eq!(resets(&mut rig), [([2005, 0], RST)], "once");
    assert_eq!(events(&rig), [(Event::Reset, 1), (Event::RemoteReset, 1), (Event::Silent, 1)]);
}

#[test]
fn a_connection_from_outside_may_be_quiet() {
    let (mut rig, port) = (Rig::new(policy()), 8000);
    assert_eq!(back(&mut rig, A, port, SYN, [1, 0]).verdict, IN);
    assert_eq!(rig.outbound(&bare((HOST, port), (SERVER, 443), SYN | ACK, [100, 6])).verdict, BY_A);
    assert_eq!(back(&mut rig, A, port, ACK, [6, 101]).verdict, IN);
    assert_eq!(acknowledge(&mut rig, port, [101, 10]), BY_A);
    adopt(&mut rig, dead(2, 1_001_000));
    at(&mut rig, 1_010_000);
    tick(&mut rig);
    assert_eq!((acknowledge(&mut rig, port, [101, 10]), resets(&mut rig), events(&rig)), (BY_A, vec![], vec![]));
}

#[test]
fn what_the_remote_repeats_holds_no_connection() {
    let (mut rig, port) = idle();
    at(&mut rig, 1_010_000);
    back(&mut rig, A, port, ACK, [2001, 109]);
    adopt(&mut rig, dead(2, 1_010_900));
    for late in [200, 600, 1400, 2900] {
        at(&mut rig, 1_010_000 + late);
        assert_eq!(back(&mut rig, A, port, ACK, [2001, 109]).verdict, IN, "it has not heard the acknowledgment");
        assert_eq!(acknowledge(&mut rig, port, [109, 2005]), BY_A);
    }
    at(&mut rig, 1_013_100);
    assert_eq!(acknowledge(&mut rig, port, [109, 2005]), RESET);
    assert_eq!(resets(&mut rig), [([2005, 0], RST)]);
}

#[test]
fn a_connection_that_was_idle_before_stays_and_has_its_time_when_it_speaks_again() {
    let (mut rig, port) = idle();
    at(&mut rig, 1_020_000);
    adopt(&mut rig, dead(2, 1_020_000));
    for second in 1020..1040 {
        at(&mut rig, second * 1000);
        tick(&mut rig);
    }
    assert_eq!((acknowledge(&mut rig, port, [109, 2001]), resets(&mut rig), events(&rig)), (BY_A, vec![], vec![]));
    assert_eq!(out(&mut rig, port, ACK, [109, 2001]).verdict, BY_A);
    at(&mut rig, 1_041_000);
    assert_eq!(back(&mut rig, A, port, ACK, [2001, 113]).verdict, IN, "it is alive all the same");
    at(&mut rig, 1_050_000);
    tick(&mut rig);
    assert_eq!((resets(&mut rig), events(&rig)), (vec![], vec![]), "its path has shown that it is not dead");
}

#[test]
fn a_keep_alive_asks_as_data_do() {
    let (mut rig, port) = idle();
    adopt(&mut rig, dead(2, 1_020_000));
    at(&mut rig, 1_030_000);
    assert_eq!(acknowledge(&mut rig, port, [108, 2001]), BY_A);
    at(&mut rig, 1_033_100);
    assert_eq!(acknowledge(&mut rig, port, [108, 2001]), RESET);
}

#[test]
fn a_syn_from_an_old_port_is_another_connection_by_another_line() {
    let (mut rig, port) = idle();
    adopt(&mut rig, dead(2, 1_000_500));
    let syn = out(&mut rig, port, SYN, [7000, 0]);
    assert_eq!((syn.verdict, hosts(&syn.packet).0.to_string()), (BY_B, "198.51.100.12".into()));
    assert_eq!(back(&mut rig, B, port, SYN | ACK, [3_000_000_000, 7005]).verdict, IN);
    assert_eq!(out(&mut rig, port, ACK, [7005, 3_000_000_005]).verdict, BY_B);
    let table = &rig.plane.shared().table;
    assert_eq!((table.len(), table.created(), table.pinned(A), table.pinned(B)), (1, 2, 0, 1));
    assert_eq!(events(&rig), []);
    let (mut rig, port) = (Rig::new(policy()), tcp_port_for(A));
    out(&mut rig, port, SYN, [100, 0]);
    adopt(&mut rig, dead(2, 1_000_500));
    assert_eq!(out(&mut rig, port, SYN, [100, 0]).verdict, BY_B, "nobody has answered the first");
}

#[test]
fn where_an_operator_wants_it_only_what_was_asked_since_counts() {
    let (mut rig, port) = idle();
    let quiet = port_for(A);
    rig.outbound(&query(quiet));
    adopt(&mut rig, drained(2, 1_001_000));
    for second in 1001..1010 {
        at(&mut rig, second * 1000);
        tick(&mut rig);
        assert_eq!(rig.outbound(&query(quiet)).verdict, BY_A, "a log that nobody ever answers");
    }
    rig.inbound(A, &answer(quiet));
    at(&mut rig, 1_020_000);
    assert_eq!(rig.outbound(&query(quiet)).verdict, BY_A, "after a pause");
    assert_eq!(out(&mut rig, port, ACK, [109, 2001]).verdict, BY_A);
    at(&mut rig, 1_023_100);
    assert_eq!([rig.outbound(&query(quiet)).verdict, out(&mut rig, port, ACK, [109, 2001]).verdict], [BY_B, RESET]);
    assert_eq!(out(&mut rig, port, SYN, [7000, 0]).verdict, BY_B);
}

#[test]
fn nobody_leaves_for_nothing_better() {
    let (mut rig, port) = idle();
    let resolver = port_for(A);
    rig.outbound(&query(resolver));
    let alone = |epoch, last_resort, b| {
        let mut policy = dead(epoch, 1_001_000);
        policy.wans[1].standing = [b; 2];
        policy.fixed_mut().last_resort = last_resort;
        policy
    };
    for (epoch, last_resort, b) in
        [(2, false, Standing::SoftDown), (3, false, Standing::HardDown), (4, true, Standing::HardDown)]
    {
        adopt(&mut rig, alone(epoch, last_resort, b));
        rig.now = rig.now.plus_millis(5000);
        tick(&mut rig);
        assert_eq!(rig.outbound(&query(resolver)).verdict, BY_A);
        assert_eq!(out(&mut rig, port, ACK, [109, 2001]).verdict, BY_A);
    }
    assert_eq!((resets(&mut rig), events(&rig)), (vec![], vec![]));
    adopt(&mut rig, alone(5, false, Standing::Degraded));
    assert_eq!(rig.outbound(&query(resolver)).verdict, BY_B);
}

#[test]
fn settings_say_what_becomes_of_those_that_nobody_answers() {
    let verdicts = |soft: Remedy, hard: Remedy, is_on: bool| {
        let (mut rig, port) = connected();
        let resolver = port_for(A);
        rig.outbound(&query(resolver));
        let mut policy = dead(2, 1_001_000);
        policy.wans[0].fixed_mut().on_down = OnDown { soft: Remedies::all(soft), hard: Remedies::all(hard) };
        policy.wans[0].draining = policy.wans[0].draining.map(|draining| draining.filter(|_| is_on));
        adopt(&mut rig, policy);
        rig.now = rig.now.plus_millis(3100);
        [out(&mut rig, port, ACK, [109, 2001]).verdict, rig.outbound(&query(resolver)).verdict]
    };
    use Remedy::{Drain, Move, Reset};
    assert_eq!(verdicts(Drain, Drain, true), [BY_A, BY_A]);
    assert_eq!(verdicts(Drain, Move, true), [BY_B, BY_B]);
    assert_eq!(verdicts(Drain, Reset, true), [RESET, RESET]);
    assert_eq!(verdicts(Drain, Reset, false), [BY_A, BY_A]);
    assert_eq!(verdicts(Move, Reset, true), [BY_B, BY_B]);
}

#[test]
fn what_came_from_outside_and_is_not_answered_any_more_fares_as_on_a_hard_down() {
    let mut rig = Rig::new(policy());
    rig.inbound(A, &packet(SERVER, "192.0.2.12", protocol::UDP, &udp(5000, 53, b"visit")));
    rig.inbound(A, &segment((SERVER, 5000), ("192.0.2.12", 443), SYN, [1, 0]));
    adopt(&mut rig, dead(2, 1_000_500));
    let tunnel = packet(HOST, SERVER, protocol::UDP, &udp(53, 5000, b"answer"));
    let syn_ack = segment((HOST, 443), (SERVER, 5000), SYN | ACK, [7, 2]);
    assert_eq!([rig.outbound(&tunnel).verdict, rig.outbound(&syn_ack).verdict], [BY_A, BY_A]);
    rig.now = rig.now.plus_millis(3100);
    let hash = candidates::would_take(rig.plane.policy(), &key_of(&tunnel)).map(End::Wan);
    assert_eq!(hash, Some(End::Wan(B)));
    assert_eq!([rig.outbound(&tunnel).verdict, rig.outbound(&syn_ack).verdict], [BY_B, RESET]);
    assert_eq!(resets(&mut rig), [([2, 0], RST)]);
}

#[test]
fn both_families_are_judged_alike_and_apart() {
    let host6 = "fd00:bad:b01:1::100";
    let query6 = |port: u16| packet(host6, SERVER6, protocol::UDP, &udp(port, 53, b"query"));
    let mut rig = Rig::new(policy());
    let port = (4000..5000).find(|port| rig.outbound(&query6(*port)).verdict == BY_A).unwrap();
    let mut only4 = dead(2, 1_001_000);
    (only4.wans[0].standing[1], only4.wans[0].draining[1]) = (Standing::Up, None);
    adopt(&mut rig, only4);
    rig.now = rig.now.plus_millis(4000);
    assert_eq!(rig.outbound(&query6(port)).verdict, BY_A);
    adopt(&mut rig, dead(3, 1_004_000));
    assert_eq!((rig.outbound(&query6(port)).verdict, events(&rig)), (BY_B, MOVED.to_vec()));
}

/// The key of a packet from inside.
fn key_of(packet: &[u8]) -> FlowKey {
    let headers = parse(packet, &Offload::NONE).unwrap();
    FlowKey::new(&headers, Direction::Outbound, headers.source)
}
