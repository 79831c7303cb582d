//! What each flow of a WAN that goes down goes through, packet by packet.

mod failback;
mod remote_reset;
mod soft_down;

use crate::plane::counters::Event;
use crate::plane::packet::numbers::{protocol, tcp_flag};
use crate::plane::packet::sample::{hex, icmp, is_right, packet, tcp, udp};
use crate::plane::policy::{OnDown, Policy};
use crate::plane::sample::{A, B, Done, GATEWAY, Rig, SERVER, SERVER6, hosts, policy, port_for};
use crate::plane::translate::nat44::Nat44Map;
use crate::plane::verdict::{DropReason, Verdict};
use crate::plane::{Plane, Shared};
use crate::types::{Direction, End, Family, Remedies, Remedy, Standing, WanId};
use std::sync::Arc;

const HOST: &str = "10.250.250.2";
const ACK: u8 = tcp_flag::ACK;
const SYN: u8 = tcp_flag::SYN;

/// A policy of that epoch under which these WANs stand so.
fn standing(epoch: u32, of: &[(WanId, Standing)]) -> Policy {
    let mut policy = Policy { epoch, ..policy() };
    for (id, standing) in of {
        policy.wans[id.index()].standing = [*standing; 2];
    }
    policy
}

fn adopt(rig: &mut Rig, policy: Policy) {
    rig.plane.adopt(Arc::new(policy));
}

/// A segment from the host or to it, with its numbers.
fn segment(from: (&str, u16), to: (&str, u16), flags: u8, [sequence, acknowledgment]: [u32; 2]) -> Vec<u8> {
    let mut l4 = tcp(from.1, to.1, flags, &[], b"data");
    l4[4..8].copy_from_slice(&sequence.to_be_bytes());
    l4[8..12].copy_from_slice(&acknowledgment.to_be_bytes());
    packet(from.0, to.0, protocol::TCP, &l4)
}

fn out(rig: &mut Rig, port: u16, flags: u8, numbers: [u32; 2]) -> Done {
    rig.outbound(&segment((HOST, port), (SERVER, 443), flags, numbers))
}

fn back(rig: &mut Rig, id: WanId, port: u16, flags: u8, numbers: [u32; 2]) -> Done {
    let public = ["192.0.2.12", "198.51.100.12"][id.index()];
    rig.inbound(id, &segment((SERVER, 443), (public, port), flags, numbers))
}

/// A TCP source port whose flow the hash gives to this WAN.
fn tcp_port_for(id: WanId) -> u16 {
    let by = |port: &u16| out(&mut Rig::new(policy()), *port, SYN, [0; 2]).verdict == Verdict::Forward(End::Wan(id));
    (4000..5000).find(by).unwrap()
}

/// A connection that stands over A: its host waits for 2001.
fn connected() -> (Rig, u16) {
    let (mut rig, port) = (Rig::new(policy()), tcp_port_for(A));
    assert_eq!(out(&mut rig, port, SYN, [100, 0]).verdict, Verdict::Forward(End::Wan(A)));
    assert_eq!(back(&mut rig, A, port, SYN | ACK, [1996, 105]).verdict, Verdict::Forward(End::Inside));
    assert_eq!(out(&mut rig, port, ACK, [105, 2001]).verdict, Verdict::Forward(End::Wan(A)));
    (rig, port)
}

fn events(rig: &Rig) -> Vec<(Event, u64)> {
    rig.totals().happened().collect()
}

fn drops(rig: &Rig) -> Vec<(DropReason, u64)> {
    rig.totals().drops(Direction::Outbound).collect()
}

/// The RST to the host: flags and numbers.
fn resets(rig: &mut Rig) -> Vec<([u32; 2], u8)> {
    let sent: Vec<_> = rig.sent().into_iter().filter(|(end, ..)| *end == End::Inside).collect();
    let read = |(end, link, packet): &(End, Vec<u8>, Vec<u8>)| {
        assert_eq!((*end, link.len(), packet.len()), (End::Inside, 0, 40));
        assert!(is_right(packet));
        assert_eq!(hosts(packet), (SERVER.parse().unwrap(), HOST.parse().unwrap()));
        let word = |at: usize| u32::from_be_bytes(packet[at..at + 4].try_into().unwrap());
        ([word(24), word(28)], packet[33])
    };
    sent.iter().map(read).collect()
}

#[test]
fn a_new_flow_goes_by_a_wan_that_is_up() {
    let (mut rig, port) = (Rig::new(standing(1, &[(A, Standing::HardDown)])), tcp_port_for(A));
    assert_eq!(out(&mut rig, port, SYN, [0; 2]).verdict, Verdict::Forward(End::Wan(B)));
    assert_eq!((events(&rig), drops(&rig)), (vec![], vec![]));
}

#[test]
fn a_family_that_is_down_takes_only_its_own_flows_away() {
    let mut only4 = policy();
    only4.wans[0].standing = [Standing::HardDown, Standing::Up];
    only4.wans[1].standing = [Standing::Up, Standing::HardDown];
    let mut rig = Rig::new(only4);
    for port in 4000..4016 {
        let four = rig.outbound(&packet(HOST, SERVER, protocol::UDP, &udp(port, 53, b"x")));
        let six = rig.outbound(&packet("fd00:bad:b01:1::100", SERVER6, protocol::UDP, &udp(port, 53, b"x")));
        assert_eq!([four.verdict, six.verdict], [Verdict::Forward(End::Wan(B)), Verdict::Forward(End::Wan(A))]);
    }
}

#[test]
fn where_all_are_down_the_sender_is_told_at_once() {
    let mut rig = Rig::new(standing(1, &[(A, Standing::HardDown), (B, Standing::SoftDown)]));
    let verdict = Verdict::Drop(DropReason::AllWansDown);
    assert_eq!(out(&mut rig, 4000, SYN, [0; 2]).verdict, verdict);
    let sent = rig.sent();
    assert_eq!((sent.len(), sent[0].0, &sent[0].2[20..22]), (1, End::Inside, &[3, 0][..]), "net unreachable");
    let six = packet("fd00:bad:b01:1::100", SERVER6, protocol::TCP, &tcp(4000, 443, SYN, &[], &[]));
    assert_eq!(rig.outbound(&six).verdict, verdict);
    let sent = rig.sent();
    assert_eq!((sent.len(), sent[0].0, &sent[0].2[40..42]), (1, End::Inside, &[1, 0][..]), "no route");
    assert_eq!(drops(&rig), [(DropReason::AllWansDown, 2)]);
    assert!(rig.plane.shared().table.is_empty());
    let stranger = packet("10.250.250.4", SERVER, protocol::UDP, &udp(4000, 53, b"x"));
    assert_eq!(rig.outbound(&stranger).verdict, Verdict::Drop(DropReason::NoWan), "no WAN would translate it");
}

fn with_last_resort(mut policy: Policy) -> Policy {
    policy.fixed_mut().last_resort = true;
    policy
}

#[test]
fn the_last_resort_is_a_wan_that_can_still_send() {
    let down = [(A, Standing::HardDown), (B, Standing::SoftDown)];
    let mut rig = Rig::new(with_last_resort(standing(1, &down)));
    assert_eq!(out(&mut rig, 4000, SYN, [0; 2]).verdict, Verdict::Forward(End::Wan(B)));
    adopt(&mut rig, with_last_resort(standing(2, &[(A, Standing::HardDown), (B, Standing::HardDown)])));
    assert_eq!(out(&mut rig, 4001, SYN, [0; 2]).verdict, Verdict::Drop(DropReason::AllWansDown));
}

#[test]
fn a_connection_on_the_last_resort_is_not_reset_for_it_again_and_again() {
    let down = |epoch| {
        let mut policy = with_last_resort(standing(epoch, &[(A, Standing::HardDown), (B, Standing::SoftDown)]));
        policy.wans[1].fixed_mut().on_down.soft = Remedies::all(Remedy::Reset);
        policy
    };
    let mut rig = Rig::new(down(1));
    let by_b = Verdict::Forward(End::Wan(B));
    assert_eq!(out(&mut rig, 4000, SYN, [100, 0]).verdict, by_b);
    assert_eq!(back(&mut rig, B, 4000, SYN | ACK, [1996, 105]).verdict, Verdict::Forward(End::Inside));
    adopt(&mut rig, down(2));
    rig.plane.tick(rig.now, &mut rig.outbox);
    assert_eq!(out(&mut rig, 4000, ACK, [105, 2001]).verdict, by_b);
    let mut mended = down(3);
    mended.wans[0].standing = [Standing::Up; 2];
    adopt(&mut rig, mended);
    assert_eq!(out(&mut rig, 4000, ACK, [105, 2001]).verdict, Verdict::Drop(DropReason::Reset));
}

#[test]
fn a_degraded_wan_takes_new_flows_only_where_no_other_is_up() {
    let (mut rig, port) = (Rig::new(standing(1, &[(A, Standing::Degraded)])), tcp_port_for(A));
    assert_eq!(out(&mut rig, port, SYN, [0; 2]).verdict, Verdict::Forward(End::Wan(B)));
    adopt(&mut rig, standing(2, &[(A, Standing::Degraded), (B, Standing::HardDown)]));
    assert_eq!(out(&mut rig, port + 1, SYN, [0; 2]).verdict, Verdict::Forward(End::Wan(A)));
}

#[test]
fn a_tcp_connection_is_reset_with_the_number_its_host_waits_for() {
    let (mut rig, port) = connected();
    adopt(&mut rig, standing(2, &[(A, Standing::HardDown)]));
    assert_eq!(out(&mut rig, port, ACK, [109, 2001]).verdict, Verdict::Drop(DropReason::Reset));
    let expected = hex("45000028 00004000 4006f9c8 cb00710a 0afafa02 01bb");
    let sent = rig.sent();
    assert_eq!((sent.len(), &sent[0].2[..22]), (1, &expected[..]));
    assert_eq!(sent[0].2[24..34], hex("000007d1 00000000 5004"));
    assert!(is_right(&sent[0].2));
    assert_eq!(out(&mut rig, port, ACK, [109, 2001]).verdict, Verdict::Drop(DropReason::Reset));
    assert_eq!(resets(&mut rig), [([2001, 0], tcp_flag::RST)], "each segment, for a RST may be lost");
    assert_eq!((events(&rig), drops(&rig)), (vec![(Event::Reset, 1)], vec![(DropReason::Reset, 2)]));
    let pin = rig.plane.shared().table.len();
    assert_eq!((pin, rig.plane.shared().table.pinned(A)), (1, 1), "known as ended");
}

#[test]
fn a_rst_is_not_answered_by_a_rst() {
    let (mut rig, port) = connected();
    adopt(&mut rig, standing(2, &[(A, Standing::HardDown)]));
    let rst = out(&mut rig, port, tcp_flag::RST, [109, 0]).verdict;
    assert_eq!((rst, resets_of_tcp(&mut rig)), (Verdict::Drop(DropReason::WanDown), 0));
}

fn resets_of_tcp(rig: &mut Rig) -> usize {
    rig.sent().iter().filter(|(_, _, packet)| packet[9] == protocol::TCP).count()
}

#[test]
fn a_redial_from_the_same_port_is_a_new_flow_by_another_wan() {
    let (mut rig, port) = connected();
    adopt(&mut rig, standing(2, &[(A, Standing::HardDown)]));
    assert_eq!(out(&mut rig, port, ACK, [109, 2001]).verdict, Verdict::Drop(DropReason::Reset));
    let syn = out(&mut rig, port, SYN, [7000, 0]);
    assert_eq!(syn.verdict, Verdict::Forward(End::Wan(B)));
    assert_eq!(hosts(&syn.packet).0.to_string(), "198.51.100.12");
    assert_eq!(back(&mut rig, B, port, SYN | ACK, [1, 7001]).verdict, Verdict::Forward(End::Inside));
    assert_eq!(out(&mut rig, port, ACK, [7001, 2]).verdict, Verdict::Forward(End::Wan(B)));
    let table = &rig.plane.shared().table;
    assert_eq!((table.len(), table.created(), table.pinned(A), table.pinned(B)), (1, 2, 0, 1));
    adopt(&mut rig, standing(3, &[]));
    assert_eq!(out(&mut rig, port, ACK, [7001, 2]).verdict, Verdict::Forward(End::Wan(B)), "and stays there");
}

#[test]
fn a_connection_that_was_reset_stays_reset_when_its_wan_is_back() {
    let (mut rig, port) = connected();
    adopt(&mut rig, standing(2, &[(A, Standing::HardDown)]));
    out(&mut rig, port, ACK, [109, 2001]);
    adopt(&mut rig, standing(3, &[]));
    assert_eq!(back(&mut rig, A, port, ACK, [2001, 105]).verdict, Verdict::Forward(End::Inside));
    assert_eq!(out(&mut rig, port, ACK, [109, 2001]).verdict, Verdict::Drop(DropReason::Reset));
    let rst = out(&mut rig, port, tcp_flag::RST, [109, 0]);
    assert_eq!(rst.verdict, Verdict::Forward(End::Wan(A)), "the host's own RST tells the remote");
    assert_eq!(back(&mut rig, A, port, SYN, [9000, 0]).verdict, Verdict::Forward(End::Inside));
    assert_eq!(
        out(&mut rig, port, SYN | ACK, [1, 9005]).verdict,
        Verdict::Forward(End::Wan(A)),
        "a new one from outside"
    );
}

#[test]
fn what_a_connection_that_was_reset_says_goes_by_no_other_wan_when_its_own_has_no_address_for_it() {
    let (mut rig, port) = connected();
    adopt(&mut rig, standing(2, &[(A, Standing::HardDown)]));
    out(&mut rig, port, ACK, [109, 2001]);
    let mut without = standing(3, &[]);
    without.wans[A.index()].nat44 = Nat44Map::default();
    adopt(&mut rig, without);
    assert_eq!(out(&mut rig, port, ACK, [109, 2001]).verdict, Verdict::Drop(DropReason::Reset));
    assert_eq!(out(&mut rig, port, tcp_flag::RST, [109, 0]).verdict, Verdict::Drop(DropReason::AddressGone));
    assert_eq!(out(&mut rig, port, SYN, [7000, 0]).verdict, Verdict::Forward(End::Wan(B)), "a redial is another flow");
}

#[test]
fn a_syn_that_nobody_answered_goes_by_another_wan() {
    let (mut rig, port) = (Rig::new(policy()), tcp_port_for(A));
    out(&mut rig, port, SYN, [100, 0]);
    adopt(&mut rig, standing(2, &[(A, Standing::HardDown)]));
    assert_eq!(out(&mut rig, port, SYN, [100, 0]).verdict, Verdict::Forward(End::Wan(B)));
    assert_eq!((events(&rig), rig.sent().len()), (vec![(Event::Moved, 1)], 0));
}

#[test]
fn udp_moves_on_its_next_packet_and_stays_there() {
    let (mut rig, port) = (Rig::new(policy()), port_for(A));
    let query = packet(HOST, SERVER, protocol::UDP, &udp(port, 53, b"query"));
    assert_eq!(rig.outbound(&query).verdict, Verdict::Forward(End::Wan(A)));
    adopt(&mut rig, standing(2, &[(A, Standing::HardDown)]));
    let moved = rig.outbound(&query);
    assert_eq!(
        (moved.verdict, hosts(&moved.packet).0.to_string()),
        (Verdict::Forward(End::Wan(B)), "198.51.100.12".into())
    );
    adopt(&mut rig, standing(3, &[]));
    assert_eq!(rig.outbound(&query).verdict, Verdict::Forward(End::Wan(B)));
    assert_eq!((events(&rig), drops(&rig)), (vec![(Event::Moved, 1)], vec![]));
}

#[test]
fn what_came_from_outside_and_cannot_live_elsewhere_never_leaves_by_another_wan() {
    let mut rig = Rig::new(policy());
    let echo = |kind| icmp(kind, 0, [1, 1], b"ping");
    let answers = [packet(HOST, SERVER, protocol::ICMP, &echo(0)), packet(HOST, SERVER, 47, &[0; 8])];
    rig.inbound(A, &packet(SERVER, "192.0.2.12", protocol::ICMP, &echo(8)));
    rig.inbound(A, &packet(SERVER, "192.0.2.12", 47, &[0; 8]));
    rig.inbound(A, &segment((SERVER, 5000), ("192.0.2.12", 443), SYN, [1, 0]));
    adopt(&mut rig, standing(2, &[(A, Standing::HardDown)]));
    for answer in &answers {
        assert_eq!(rig.outbound(answer).verdict, Verdict::Drop(DropReason::WanDown));
    }
    assert_eq!(rig.sent()[0].2[20..22], [3, 1], "host unreachable");
    let syn_ack = segment((HOST, 443), (SERVER, 5000), SYN | ACK, [7, 2]);
    assert_eq!(rig.outbound(&syn_ack).verdict, Verdict::Drop(DropReason::Reset));
    assert_eq!(resets(&mut rig), [([2, 0], tcp_flag::RST)]);
    adopt(&mut rig, standing(3, &[]));
    for answer in &answers {
        assert_eq!(rig.outbound(answer).verdict, Verdict::Forward(End::Wan(A)), "it has waited for its WAN");
    }
    assert_eq!(events(&rig), [(Event::Reset, 1)]);
}

#[test]
fn a_tunnel_that_a_stranger_has_pinned_to_a_wan_leaves_it_when_that_dies() {
    let (mut rig, port) = (Rig::new(policy()), port_for(B));
    let spoofed = packet(SERVER, "192.0.2.12", protocol::UDP, &udp(53, port, b"?"));
    let tunnel = packet(HOST, SERVER, protocol::UDP, &udp(port, 53, b"tunnel"));
    rig.inbound(A, &spoofed);
    assert_eq!(rig.outbound(&tunnel).verdict, Verdict::Forward(End::Wan(A)), "it may be an answer");
    adopt(&mut rig, standing(2, &[(A, Standing::SoftDown)]));
    assert_eq!(rig.outbound(&tunnel).verdict, Verdict::Forward(End::Wan(A)));
    adopt(&mut rig, standing(3, &[(A, Standing::HardDown)]));
    let moved = rig.outbound(&tunnel);
    let source = hosts(&moved.packet).0.to_string();
    assert_eq!((moved.verdict, source), (Verdict::Forward(End::Wan(B)), "198.51.100.12".into()));
    let other_end = packet(SERVER, "198.51.100.12", protocol::UDP, &udp(53, port, b"tunnel"));
    assert_eq!(rig.inbound(B, &other_end).verdict, Verdict::Forward(End::Inside));
    adopt(&mut rig, standing(4, &[]));
    assert_eq!(rig.outbound(&tunnel).verdict, Verdict::Forward(End::Wan(B)), "its other end knows it there now");
    assert_eq!((events(&rig), drops(&rig)), (vec![(Event::Moved, 1)], vec![]));
}

#[test]
fn settings_say_what_becomes_of_flows() {
    let verdicts = |standing: Standing, remedy: Remedy| {
        let (mut rig, port) = connected();
        let query = packet(HOST, SERVER, protocol::UDP, &udp(port_for(A), 53, b"query"));
        rig.outbound(&query);
        let mut down = self::standing(2, &[(A, standing)]);
        down.wans[0].fixed_mut().on_down = OnDown { soft: Remedies::all(remedy), hard: Remedies::all(remedy) };
        adopt(&mut rig, down);
        [out(&mut rig, port, ACK, [109, 2001]).verdict, rig.outbound(&query).verdict]
    };
    let by = |id| Verdict::Forward(End::Wan(id));
    let dead = Verdict::Drop(DropReason::WanDown);
    let reset = Verdict::Drop(DropReason::Reset);
    assert_eq!(verdicts(Standing::SoftDown, Remedy::Drain), [by(A), by(A)]);
    assert_eq!(verdicts(Standing::HardDown, Remedy::Drain), [dead, dead]);
    assert_eq!(verdicts(Standing::SoftDown, Remedy::Reset), [reset, reset]);
    assert_eq!(verdicts(Standing::HardDown, Remedy::Reset), [reset, reset]);
    assert_eq!(verdicts(Standing::SoftDown, Remedy::Move), [by(B), by(B)]);
    assert_eq!(verdicts(Standing::HardDown, Remedy::Move), [by(B), by(B)]);
    assert_eq!(verdicts(Standing::Degraded, Remedy::Reset), [by(A), by(A)]);
}

#[test]
fn what_comes_in_on_a_wan_that_cannot_answer_is_dropped_and_nobody_is_told() {
    let mut rig = Rig::new(standing(1, &[(A, Standing::HardDown)]));
    let asked = back(&mut rig, A, 8000, SYN, [7, 0]);
    assert_eq!((asked.verdict, rig.sent().len()), (Verdict::Drop(DropReason::WanDown), 0));
    assert_eq!(rig.plane.shared().table.len(), 0);
    assert_eq!(back(&mut rig, B, 8000, SYN, [7, 0]).verdict, Verdict::Forward(End::Inside));
    adopt(&mut rig, standing(2, &[(A, Standing::SoftDown)]));
    assert_eq!(back(&mut rig, A, 8001, SYN, [7, 0]).verdict, Verdict::Forward(End::Inside), "its link still sends");
}

#[test]
fn an_echo_goes_on_by_another_wan() {
    let mut rig = Rig::new(policy());
    let ping = |id: u8| packet(HOST, SERVER, protocol::ICMP, &icmp(8, 0, [id.into(), 1], b"ping"));
    let by_a = (0..200).find(|id| rig.outbound(&ping(*id)).verdict == Verdict::Forward(End::Wan(A))).unwrap();
    adopt(&mut rig, standing(2, &[(A, Standing::HardDown)]));
    assert_eq!(rig.outbound(&ping(by_a)).verdict, Verdict::Forward(End::Wan(B)));
}

#[test]
fn a_silent_receiver_is_told_by_the_sweep_once() {
    let (mut rig, port) = connected();
    // Four bytes more have reached the host, which has not acknowledged them.
    back(&mut rig, A, port, ACK, [2001, 105]);
    let quiet = tcp_port_for(B);
    out(&mut rig, quiet, SYN, [1, 0]);
    back(&mut rig, B, quiet, SYN | ACK, [1, 6]);
    out(&mut rig, quiet, ACK, [6, 6]);
    adopt(&mut rig, standing(2, &[(A, Standing::HardDown)]));
    let _ = rig.plane.tick(rig.now, &mut rig.outbox);
    assert_eq!(resets(&mut rig), [([2005, 0], tcp_flag::RST)]);
    let _ = rig.plane.tick(rig.now, &mut rig.outbox);
    adopt(&mut rig, standing(3, &[(A, Standing::HardDown)]));
    let _ = rig.plane.tick(rig.now, &mut rig.outbox);
    assert_eq!((resets(&mut rig).len(), events(&rig)), (0, vec![(Event::Reset, 1)]));
    assert_eq!(out(&mut rig, quiet, ACK, [6, 6]).verdict, Verdict::Forward(End::Wan(B)), "the others notice nothing");
}

#[test]
fn the_sweep_is_paced_and_reaches_every_connection() {
    let mut rig = Rig::with_room(policy(), 10_000);
    let mut doomed = 0;
    for port in 10_000..13_000 {
        doomed += u64::from(out(&mut rig, port, ACK, [1, 1]).verdict == Verdict::Forward(End::Wan(A)));
    }
    adopt(&mut rig, standing(2, &[(A, Standing::HardDown)]));
    let mut steps = Vec::new();
    loop {
        let next = rig.plane.tick(rig.now, &mut rig.outbox);
        steps.push(resets(&mut rig).len());
        if next > rig.now.plus_millis(1) {
            break;
        }
        rig.now = next;
    }
    assert!(steps.iter().all(|resets| *resets <= 64), "{steps:?}");
    assert_eq!((steps.iter().sum::<usize>() as u64, events(&rig)), (doomed, vec![(Event::Reset, doomed)]));
}

#[test]
fn packets_that_wait_for_a_dead_wans_next_hop_are_given_back_at_once() {
    let mut rig = Rig::new(policy());
    rig.plane = Plane::new(Arc::new(policy()), Arc::new(Shared::new(10, 0)), false);
    let query = packet(HOST, SERVER, protocol::UDP, &udp(port_for(A), 53, b"query"));
    assert_eq!(rig.outbound(&query).verdict, Verdict::Held);
    adopt(&mut rig, standing(2, &[(A, Standing::HardDown)]));
    let _ = rig.plane.tick(rig.now, &mut rig.outbox);
    let told = rig.sent().iter().filter(|(end, ..)| *end == End::Inside).count();
    assert_eq!((told, drops(&rig)), (1, vec![(DropReason::NoNeighbor, 1)]));
    rig.plane.shared().neighbors.set(B, Family::V4, GATEWAY[1]);
    assert_eq!(rig.outbound(&query).verdict, Verdict::Forward(End::Wan(B)));
}
