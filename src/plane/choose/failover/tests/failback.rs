//! What flows on a worse tier go through when a better WAN is up again.

use super::*;

/// A is of tier 1 and stands so, with that for the flows on B, which is of tier 2.
fn tiers(epoch: u32, a: Standing, remedy: Remedy) -> Policy {
    let mut policy = standing(epoch, &[(A, a)]);
    policy.wans[1].fixed_mut().tier = 2;
    policy.wans[0].on_up = [Remedies::all(remedy); 2];
    policy
}

fn query(port: u16) -> Vec<u8> {
    packet(HOST, SERVER, protocol::UDP, &udp(port, 53, b"query"))
}

const BY_A: Verdict = Verdict::Forward(End::Wan(A));
const BY_B: Verdict = Verdict::Forward(End::Wan(B));
const RESET: Verdict = Verdict::Drop(DropReason::Reset);

/// While A was down: a connection that stands over B, whose host waits for 2001, and a UDP flow. Then this policy.
fn on_b(then: Policy) -> Rig {
    let mut rig = Rig::new(tiers(1, Standing::HardDown, Remedy::Drain));
    assert_eq!(out(&mut rig, 4000, SYN, [100, 0]).verdict, BY_B);
    assert_eq!(back(&mut rig, B, 4000, SYN | ACK, [1996, 105]).verdict, Verdict::Forward(End::Inside));
    assert_eq!(out(&mut rig, 4000, ACK, [105, 2001]).verdict, BY_B);
    assert_eq!(rig.outbound(&query(4000)).verdict, BY_B);
    adopt(&mut rig, then);
    rig
}

#[test]
fn flows_on_a_worse_tier_stay_move_or_end_as_the_better_wan_says() {
    let rows = [
        (Remedy::Drain, [BY_B, BY_B], vec![]),
        (Remedy::Move, [BY_A, BY_A], vec![(Event::Moved, 2)]),
        (Remedy::Reset, [RESET, RESET], vec![(Event::Reset, 2), (Event::RemoteReset, 1)]),
    ];
    for (remedy, verdicts, counted) in rows {
        let mut rig = on_b(tiers(2, Standing::Up, remedy));
        let found = [out(&mut rig, 4000, ACK, [109, 2001]).verdict, rig.outbound(&query(4000)).verdict];
        assert_eq!((found, events(&rig)), (verdicts, counted), "{remedy:?}");
        if remedy != Remedy::Drain {
            assert_eq!(out(&mut rig, 4000, SYN, [7000, 0]).verdict, BY_A);
            assert_eq!(rig.outbound(&query(4000)).verdict, BY_A);
            assert_eq!(rig.plane.shared().table.pinned(B), 0, "the worse line is empty");
        }
    }
}

#[test]
fn who_is_reset_for_a_better_line_is_told() {
    let mut rig = on_b(tiers(2, Standing::Up, Remedy::Reset));
    out(&mut rig, 4000, ACK, [109, 2001]);
    assert_eq!(resets(&mut rig), [([2001, 0], tcp_flag::RST)]);
    rig.outbound(&query(4000));
    let sent = rig.sent();
    assert_eq!((sent.len(), sent[0].0, &sent[0].2[20..22]), (1, End::Inside, &[3, 13][..]), "prohibited");
    assert_eq!(drops(&rig), [(DropReason::Reset, 2)]);
}

#[test]
fn a_silent_connection_on_a_worse_tier_is_reset_too_and_nothing_else_is() {
    for (remedy, told) in [(Remedy::Reset, 1), (Remedy::Move, 0), (Remedy::Drain, 0)] {
        let mut rig = on_b(tiers(2, Standing::Up, remedy));
        let _ = rig.plane.tick(rig.now, &mut rig.outbox);
        assert_eq!(resets(&mut rig).len(), told, "{remedy:?}");
    }
}

#[test]
fn only_a_better_line_that_would_take_a_flow_calls_it_back() {
    let same_tier = |mut policy: Policy| {
        policy.wans[1].fixed_mut().tier = 1;
        policy
    };
    let silent = |mut policy: Policy| {
        policy.wans[0].nat44 = crate::plane::translate::nat44::Nat44Map::new(&[]);
        policy
    };
    let other_family = |mut policy: Policy| {
        policy.wans[0].on_up[0] = Remedies::all(Remedy::Drain);
        policy
    };
    let stays = [
        tiers(2, Standing::Degraded, Remedy::Reset),
        tiers(2, Standing::SoftDown, Remedy::Reset),
        same_tier(tiers(2, Standing::Up, Remedy::Reset)),
        silent(tiers(2, Standing::Up, Remedy::Reset)),
        other_family(tiers(2, Standing::Up, Remedy::Reset)),
    ];
    for policy in stays {
        let mut rig = on_b(policy);
        let _ = rig.plane.tick(rig.now, &mut rig.outbox);
        let found = [out(&mut rig, 4000, ACK, [109, 2001]).verdict, rig.outbound(&query(4000)).verdict];
        assert_eq!((found, events(&rig)), ([BY_B; 2], vec![]));
    }
}

#[test]
fn what_came_from_outside_stays_on_its_line() {
    for remedy in [Remedy::Move, Remedy::Reset] {
        let mut rig = Rig::new(tiers(1, Standing::Up, Remedy::Drain));
        let visit = packet(SERVER, "198.51.100.12", protocol::UDP, &udp(5000, 53, b"visit"));
        rig.inbound(B, &visit);
        rig.inbound(B, &segment((SERVER, 5000), ("198.51.100.12", 443), SYN, [1, 0]));
        adopt(&mut rig, tiers(2, Standing::Up, remedy));
        let _ = rig.plane.tick(rig.now, &mut rig.outbox);
        let answer = packet(HOST, SERVER, protocol::UDP, &udp(53, 5000, b"answer"));
        let syn_ack = segment((HOST, 443), (SERVER, 5000), SYN | ACK, [7, 2]);
        assert_eq!([rig.outbound(&answer).verdict, rig.outbound(&syn_ack).verdict], [BY_B; 2]);
        assert_eq!(events(&rig), []);
    }
}

#[test]
fn a_connection_that_nobody_answered_yet_moves_instead_of_being_reset() {
    let mut rig = Rig::new(tiers(1, Standing::HardDown, Remedy::Drain));
    out(&mut rig, 4000, SYN, [100, 0]);
    adopt(&mut rig, tiers(2, Standing::Up, Remedy::Reset));
    assert_eq!(out(&mut rig, 4000, SYN, [100, 0]).verdict, BY_A);
    assert_eq!(events(&rig), [(Event::Moved, 1)]);
}
