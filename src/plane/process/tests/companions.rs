//! Flows that are one session take one line: the parts of an IPsec tunnel, and those of a PPTP call.

use super::*;

const REMOTES: u8 = 64;

/// A packet from inside to the `n`th remote of a family: protocol and what follows the IP header.
fn to(n: u8, is_v4: bool, (protocol, payload): (u8, &[u8])) -> Vec<u8> {
    match is_v4 {
        true => packet("10.250.250.2", &format!("203.0.113.{n}"), protocol, payload),
        false => packet("fd00:bad:b01:1::100", &format!("2001:db8:ffff::{n:x}"), protocol, payload),
    }
}

/// IKE, its form behind a NAT, ESP and AH.
fn tunnel() -> [(u8, Vec<u8>); 4] {
    let ike = |port| udp(port, port, b"negotiation");
    [(protocol::UDP, ike(500)), (protocol::UDP, ike(4500)), (protocol::ESP, vec![1; 32]), (protocol::AH, vec![1; 32])]
}

/// The control connection and the tunnel.
fn call() -> [(u8, Vec<u8>); 2] {
    [(protocol::TCP, tcp(40_000, 1723, 2, &[], &[])), (protocol::GRE, vec![1; 32])]
}

fn wan(rig: &mut Rig, packet: &[u8]) -> WanId {
    match rig.outbound(packet).verdict {
        Verdict::Forward(End::Wan(id)) => id,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_flows_of_a_session_take_one_line_and_sessions_are_shared() {
    for balance in [crate::types::Balance::Endpoint, crate::types::Balance::Flow] {
        for is_v4 in [true, false] {
            for session in [&tunnel()[..], &call()[..]] {
                let mut policy = policy();
                policy.fixed_mut().balance = balance;
                let mut rig = Rig::new(policy);
                let mut by_b = 0;
                // AH is an extension header of IPv6, behind which the flow is another.
                let session: Vec<_> =
                    session.iter().filter(|(protocol, _)| is_v4 || *protocol != protocol::AH).collect();
                for n in 1..=REMOTES {
                    let lines: Vec<_> = session
                        .iter()
                        .map(|(protocol, rest)| wan(&mut rig, &to(n, is_v4, (*protocol, rest))))
                        .collect();
                    assert!(lines.iter().all(|line| *line == lines[0]), "{n}: {lines:?}");
                    by_b += u32::from(lines[0] == B);
                }
                assert!((8..56).contains(&by_b), "{balance:?}: {by_b} of {REMOTES}");
            }
        }
    }
}

/// The remote towards which the hash takes ESP out by A.
fn remote_by_a() -> u8 {
    let mut rig = Rig::new(policy());
    (1..=REMOTES).find(|n| wan(&mut rig, &to(*n, true, (protocol::ESP, &[1; 32]))) == A).expect("half of them")
}

fn from_outside(rig: &mut Rig, n: u8) {
    let ask = packet(&format!("203.0.113.{n}"), "198.51.100.12", protocol::UDP, &udp(500, 500, b"negotiation"));
    assert_eq!(rig.inbound(B, &ask).verdict, Verdict::Forward(End::Inside));
}

#[test]
fn what_the_inside_sends_goes_with_the_negotiation_that_came_from_outside_once_the_remote_has_heard_the_answer() {
    let n = remote_by_a();
    let mut rig = Rig::new(policy());
    let [ike, nat_t, esp, ah] = tunnel();
    from_outside(&mut rig, n);
    assert_eq!(wan(&mut rig, &to(n, true, (ike.0, &ike.1))), B);
    from_outside(&mut rig, n);
    for (protocol, rest) in [nat_t, esp, ah] {
        assert_eq!(wan(&mut rig, &to(n, true, (protocol, &rest))), B, "{protocol}");
    }
}

#[test]
fn a_stranger_who_only_asks_leads_no_tunnel_away() {
    let n = remote_by_a();
    let mut rig = Rig::new(policy());
    from_outside(&mut rig, n);
    from_outside(&mut rig, n);
    assert_eq!(wan(&mut rig, &to(n, true, (protocol::ESP, &[1; 32]))), A);
}

#[test]
fn a_line_that_takes_no_new_flows_takes_no_companion() {
    let n = remote_by_a();
    let mut rig = Rig::new(policy());
    let [ike, _, esp, _] = tunnel();
    from_outside(&mut rig, n);
    assert_eq!(wan(&mut rig, &to(n, true, (ike.0, &ike.1))), B);
    from_outside(&mut rig, n);
    let mut down = policy();
    down.epoch = 2;
    down.wans[B.index()].standing = [Standing::SoftDown; 2];
    rig.plane.adopt(Arc::new(down));
    assert_eq!(wan(&mut rig, &to(n, true, (esp.0, &esp.1))), A);
}
