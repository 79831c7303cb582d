//! Claims about what packets are counted to show, on the WAN and in the family of their flow.

use super::*;
use crate::plane::counters::ReachabilityCounts;
use crate::plane::packet::numbers::protocol;
use crate::plane::packet::sample::{icmp, packet, tcp, udp};
use crate::plane::sample::{A, B, Rig, SERVER, SERVER6, policy, port_for};
use crate::types::Standing;
use std::sync::Arc;

const HOST: &str = "10.250.250.2";
const PUBLIC: [&str; 2] = ["192.0.2.12", "198.51.100.12"];

fn counted(rig: &Rig, wan: WanId, family: Family) -> [u64; 3] {
    let ReachabilityCounts { tried, answered, replied } = rig.totals().reachability(wan, family);
    [tried, answered, replied]
}

/// Nothing is shown of the other three.
fn assert_shown(rig: &Rig, wan: WanId, family: Family, shown: [u64; 3]) {
    for (other, its) in [A, B].into_iter().flat_map(|wan| Family::ALL.map(|family| (wan, family))) {
        let due = if (other, its) == (wan, family) { shown } else { [0; 3] };
        assert_eq!(counted(rig, other, its), due, "{other:?} {its}");
    }
}

fn question(port: u16) -> Vec<u8> {
    packet(HOST, SERVER, protocol::UDP, &udp(port, 53, b"?"))
}

fn answer(wan: WanId, port: u16) -> Vec<u8> {
    packet(SERVER, PUBLIC[wan.index()], protocol::UDP, &udp(53, port, b"!"))
}

#[test]
fn a_handshake_counts_where_it_is_pinned_in_its_family() {
    let mut rig = Rig::new(policy());
    let (inside, flags) = ("fd00:bad:b01:1::100", |flags| tcp(443, 5000, flags, &[], &[]));
    rig.outbound(&packet(inside, SERVER6, protocol::TCP, &tcp(5000, 443, 2, &[], &[])));
    let (wan, public) = if counted(&rig, A, Family::V6)[0] == 1 {
        (A, "2001:db8:a:c81::100")
    } else {
        (B, "2001:db8:b:be01:27ea::100")
    };
    assert_shown(&rig, wan, Family::V6, [1, 0, 0]);
    rig.inbound(wan, &packet(SERVER6, public, protocol::TCP, &flags(18)));
    rig.inbound(wan, &packet(SERVER6, public, protocol::TCP, &flags(18)));
    assert_shown(&rig, wan, Family::V6, [1, 1, 1]);
}

#[test]
fn a_remote_that_is_dialled_again_and_again_counts_once_until_another_is() {
    let mut rig = Rig::new(policy());
    let ports: Vec<_> = (2000..).filter(|port| goes_by_a(*port)).take(4).collect();
    let mut dial = |port, remote: &str, tried: u64| {
        rig.outbound(&packet(HOST, remote, protocol::TCP, &tcp(port, 443, 2, &[], &[])));
        assert_eq!(counted(&rig, A, Family::V4), [tried, 0, 0], "{port} {remote}");
    };
    dial(ports[0], SERVER, 1);
    dial(ports[1], SERVER, 1);
    dial(ports[2], "203.0.113.11", 2);
    dial(ports[3], SERVER, 3);
}

/// Whether the flows of this TCP port go by A.
fn goes_by_a(port: u16) -> bool {
    let mut rig = Rig::new(policy());
    rig.outbound(&packet(HOST, SERVER, protocol::TCP, &tcp(port, 443, 2, &[], &[])));
    counted(&rig, A, Family::V4) == [1, 0, 0]
}

#[test]
fn an_answer_on_another_wan_than_the_question_shows_nothing() {
    let mut rig = Rig::new(policy());
    let port = port_for(A);
    rig.outbound(&question(port));
    rig.inbound(B, &answer(B, port));
    assert_shown(&rig, A, Family::V4, [0, 0, 0]);
    rig.outbound(&question(port));
    rig.inbound(A, &answer(A, port));
    assert_shown(&rig, A, Family::V4, [0, 0, 1]);
}

#[test]
fn answers_count_under_the_next_snapshot_too_and_where_the_flow_has_moved() {
    let mut rig = Rig::new(policy());
    let port = port_for(A);
    rig.outbound(&question(port));
    rig.plane.adopt(Arc::new(Policy { epoch: 2, ..policy() }));
    rig.inbound(A, &answer(A, port));
    assert_shown(&rig, A, Family::V4, [0, 0, 1]);
    rig.outbound(&question(port));
    let mut dead = Policy { epoch: 3, ..policy() };
    dead.wans[0].standing = [Standing::HardDown; 2];
    rig.plane.adopt(Arc::new(dead));
    rig.outbound(&question(port));
    rig.inbound(A, &answer(A, port));
    rig.inbound(B, &answer(B, port));
    assert_eq!([A, B].map(|wan| counted(&rig, wan, Family::V4)), [[0, 0, 1], [0, 0, 1]]);
}

#[test]
fn a_remotes_own_ping_with_the_same_identifier_is_no_reply() {
    let mut rig = Rig::new(policy());
    let echo = |kind| icmp(kind, 0, [7, 1], b"ping");
    rig.outbound(&packet(HOST, SERVER, protocol::ICMP, &echo(8)));
    let wan = if rig.totals().forwarded(A, Direction::Outbound).packets == 1 { A } else { B };
    rig.inbound(wan, &packet(SERVER, PUBLIC[wan.index()], protocol::ICMP, &echo(8)));
    assert_shown(&rig, wan, Family::V4, [0, 0, 0]);
    rig.outbound(&packet(HOST, SERVER, protocol::ICMP, &echo(8)));
    rig.inbound(wan, &packet(SERVER, PUBLIC[wan.index()], protocol::ICMP, &echo(0)));
    assert_shown(&rig, wan, Family::V4, [0, 0, 1]);
}
