//! What flows go through when their WAN's public prefix or address changes under them.

use super::*;
use crate::plane::counters::Event;
use crate::plane::packet::numbers::{protocol, tcp_flag};
use crate::plane::packet::sample::{icmp, is_right, packet, tcp, udp};
use crate::plane::policy::Policy;
use crate::plane::sample::{A, B, Done, Rig, SERVER, SERVER6, hosts, policy};
use crate::plane::translate::host6::HostMap6;
use crate::plane::translate::nat44::Nat44Map;
use crate::plane::translate::nptv6::Translator;
use crate::plane::verdict::{DropReason, Verdict};
use crate::types::{Direction, End, NptMode, Remedies, Remedy, Standing};
use std::sync::Arc;

const ACK: u8 = tcp_flag::ACK;
const SYN: u8 = tcp_flag::SYN;
const HOST6: &str = "fd00:bad:b01:1::100";
const OLD6: &str = "2001:db8:a:c81::100";
const NEW6: &str = "2001:db8:a:d01::100";
const HOST4: &str = "10.250.250.4";

/// A lease by number and the epoch of its first snapshot.
type Held<'a> = (u8, u32, &'a str);

const OLD: Held<'_> = (1, 1, "2001:db8:a:c80::/60");
const NEW: Held<'_> = (2, 2, "2001:db8:a:d00::/60");

/// A policy of that epoch in which A, which is preferred to B, holds these prefixes and, for `HOST4`, these addresses.
fn holding(epoch: u32, prefixes: &[Held<'_>], addresses: &[Held<'_>]) -> Policy {
    let mut policy = Policy { epoch, ..policy() };
    let inside = "fd00:bad:b01::/60".parse().unwrap();
    let leased = |(lease, since, text): &Held<'_>| (Lease(*lease), *since, (*text).to_owned());
    let prefix = |(lease, since, text): (Lease, u32, String)| {
        let held = Translator::new(inside, text.parse().unwrap(), NptMode::Prefix);
        Leased { lease, since, held }
    };
    let address = |(lease, since, text): (Lease, u32, String)| Leased { lease, since, held: text.parse().unwrap() };
    policy.wans[0].host6 = HostMap6::default();
    policy.wans[0].nptv6 = prefixes.iter().map(leased).map(prefix).collect();
    let addresses = addresses.iter().map(leased).map(address).collect();
    policy.wans[0].nat44 = Nat44Map::default().with_dynamic(HOST4.parse().unwrap(), addresses);
    policy.wans[1].fixed_mut().tier = 2;
    policy
}

fn adopt(rig: &mut Rig, policy: Policy) {
    rig.plane.adopt(Arc::new(policy));
}

/// The other end of a packet that left by A; of one that did not, its verdict.
fn source(done: &Done) -> Result<String, Verdict> {
    match done.verdict {
        Verdict::Forward(End::Wan(A)) => Ok(hosts(&done.packet).0.to_string()),
        other => Err(other),
    }
}

fn datagram(rig: &mut Rig, port: u16) -> Done {
    rig.outbound(&packet(HOST6, SERVER6, protocol::UDP, &udp(port, 53, b"query")))
}

/// A datagram from the server to a public address; the inside host that gets it.
fn visit(rig: &mut Rig, public: &str, port: u16) -> Result<String, Verdict> {
    let done = rig.inbound(A, &packet(SERVER6, public, protocol::UDP, &udp(53, port, b"visit")));
    match done.verdict {
        Verdict::Forward(End::Inside) => Ok(hosts(&done.packet).1.to_string()),
        other => Err(other),
    }
}

fn segment(from: &str, to: &str, ports: [u16; 2], flags: u8, [sequence, acknowledgment]: [u32; 2]) -> Vec<u8> {
    let mut l4 = tcp(ports[0], ports[1], flags, &[], b"data");
    l4[4..8].copy_from_slice(&sequence.to_be_bytes());
    l4[8..12].copy_from_slice(&acknowledgment.to_be_bytes());
    packet(from, to, protocol::TCP, &l4)
}

fn out(rig: &mut Rig, port: u16, flags: u8, numbers: [u32; 2]) -> Done {
    rig.outbound(&segment(HOST6, SERVER6, [port, 443], flags, numbers))
}

/// A connection of the host over A, from the old prefix: the host waits for 2001.
fn connect(rig: &mut Rig, port: u16) {
    assert_eq!(source(&out(rig, port, SYN, [100, 0])), Ok(OLD6.into()));
    rig.inbound(A, &segment(SERVER6, OLD6, [443, port], SYN | ACK, [1996, 105]));
    assert_eq!(source(&out(rig, port, ACK, [105, 2001])), Ok(OLD6.into()));
}

/// The RSTs that the host got: their sequence numbers.
fn resets(rig: &mut Rig) -> Vec<u32> {
    let sent = rig.sent().into_iter().filter(|(end, ..)| *end == End::Inside);
    let number = |(_, _, packet): (End, Vec<u8>, Vec<u8>)| {
        assert!(is_right(&packet) && packet[53] & tcp_flag::RST != 0);
        assert_eq!(hosts(&packet), (SERVER6.parse().unwrap(), HOST6.parse().unwrap()));
        u32::from_be_bytes(packet[44..48].try_into().unwrap())
    };
    sent.map(number).collect()
}

fn events(rig: &Rig) -> Vec<(Event, u64)> {
    rig.totals().happened().collect()
}

fn drops(rig: &Rig) -> Vec<(DropReason, u64)> {
    rig.totals().drops(Direction::Outbound).collect()
}

#[test]
fn old_flows_keep_their_prefix_while_it_is_valid_and_new_ones_take_the_current_one() {
    let mut rig = Rig::new(holding(1, &[OLD], &[]));
    connect(&mut rig, 4000);
    assert_eq!(source(&datagram(&mut rig, 5000)), Ok(OLD6.into()));
    adopt(&mut rig, holding(2, &[NEW, OLD], &[]));
    for _ in 0..2 {
        assert_eq!(source(&out(&mut rig, 4000, ACK, [105, 2001])), Ok(OLD6.into()));
        assert_eq!(source(&datagram(&mut rig, 5000)), Ok(OLD6.into()));
        assert_eq!(source(&out(&mut rig, 4001, SYN, [1, 0])), Ok(NEW6.into()));
        assert_eq!(source(&datagram(&mut rig, 5001)), Ok(NEW6.into()));
    }
    assert_eq!((events(&rig), drops(&rig)), (vec![], vec![]));
}

#[test]
fn what_comes_in_to_the_old_prefix_is_answered_from_it() {
    let mut rig = Rig::new(holding(2, &[NEW, OLD], &[]));
    assert_eq!(visit(&mut rig, OLD6, 6000), Ok(HOST6.into()));
    assert_eq!(visit(&mut rig, NEW6, 6001), Ok(HOST6.into()));
    assert_eq!(source(&datagram(&mut rig, 6000)), Ok(OLD6.into()));
    assert_eq!(source(&datagram(&mut rig, 6001)), Ok(NEW6.into()));
    assert_eq!(visit(&mut rig, NEW6, 6000), Ok(HOST6.into()), "the same two ports, another public address");
    assert_eq!(source(&datagram(&mut rig, 6000)), Ok(NEW6.into()), "the answer goes from where the question came to");
    assert_eq!(visit(&mut rig, "2001:db8:a:e01::100", 6000), Err(Verdict::Kernel), "never ours");
}

#[test]
fn a_flow_of_the_host_is_not_moved_by_what_comes_in_elsewhere() {
    let mut rig = Rig::new(holding(1, &[OLD], &[]));
    assert_eq!(source(&datagram(&mut rig, 5000)), Ok(OLD6.into()));
    adopt(&mut rig, holding(2, &[NEW, OLD], &[]));
    assert_eq!(visit(&mut rig, NEW6, 5000), Ok(HOST6.into()));
    assert_eq!(source(&datagram(&mut rig, 5000)), Ok(OLD6.into()));
}

#[test]
fn a_connection_whose_prefix_is_gone_is_reset_in_its_window_and_redials_from_the_current_one() {
    let mut rig = Rig::new(holding(1, &[OLD], &[]));
    connect(&mut rig, 4000);
    adopt(&mut rig, holding(2, &[NEW], &[]));
    assert_eq!(out(&mut rig, 4000, ACK, [105, 2001]).verdict, Verdict::Drop(DropReason::Reset));
    assert_eq!(resets(&mut rig), [2001]);
    assert_eq!(visit(&mut rig, OLD6, 4000), Err(Verdict::Kernel), "nothing is known of the old prefix");
    let rst = out(&mut rig, 4000, tcp_flag::RST, [105, 0]).verdict;
    assert_eq!(rst, Verdict::Drop(DropReason::AddressGone), "nobody can be told from there");
    assert_eq!(source(&out(&mut rig, 4000, SYN, [7000, 0])), Ok(NEW6.into()));
    let drops = drops(&rig);
    assert_eq!(drops, [(DropReason::AddressGone, 1), (DropReason::Reset, 1)]);
    assert_eq!(events(&rig), [(Event::Kernel, 1), (Event::Reset, 1)]);
}

#[test]
fn a_silent_connection_whose_prefix_is_gone_is_told_by_the_sweep() {
    let mut rig = Rig::new(holding(1, &[OLD], &[]));
    connect(&mut rig, 4000);
    adopt(&mut rig, holding(2, &[NEW, OLD], &[]));
    let _ = rig.plane.tick(rig.now, &mut rig.outbox);
    assert_eq!(resets(&mut rig), [0; 0], "it is valid");
    adopt(&mut rig, holding(3, &[NEW], &[]));
    let _ = rig.plane.tick(rig.now, &mut rig.outbox);
    assert_eq!((resets(&mut rig), events(&rig)), (vec![2001], vec![(Event::Reset, 1)]));
}

#[test]
fn udp_takes_the_current_prefix_when_its_own_is_gone_and_a_ping_that_came_in_is_refused() {
    let mut rig = Rig::new(holding(1, &[OLD], &[]));
    let echo = |kind| icmp(kind, 0, [1, 1], b"ping");
    assert_eq!(source(&datagram(&mut rig, 5000)), Ok(OLD6.into()));
    assert_eq!(visit(&mut rig, OLD6, 6000), Ok(HOST6.into()));
    rig.inbound(A, &packet(SERVER6, OLD6, protocol::ICMPV6, &echo(128)));
    adopt(&mut rig, holding(2, &[NEW], &[]));
    for port in [5000, 6000, 5000, 6000] {
        assert_eq!(source(&datagram(&mut rig, port)), Ok(NEW6.into()));
    }
    let reply = rig.outbound(&packet(HOST6, SERVER6, protocol::ICMPV6, &echo(129)));
    assert_eq!(reply.verdict, Verdict::Drop(DropReason::AddressGone));
    let told = rig.sent().into_iter().find(|(end, ..)| *end == End::Inside).unwrap();
    assert_eq!(told.2[40..42], [1, 3], "address unreachable (RFC 4443 §3.1)");
    assert_eq!((events(&rig), drops(&rig)), (vec![(Event::Moved, 2)], vec![(DropReason::AddressGone, 1)]));
}

#[test]
fn without_any_prefix_flows_go_by_another_wan_and_where_there_is_none_the_host_is_told() {
    let mut rig = Rig::new(holding(1, &[OLD], &[]));
    assert_eq!(source(&datagram(&mut rig, 5000)), Ok(OLD6.into()));
    adopt(&mut rig, holding(2, &[], &[]));
    assert_eq!(datagram(&mut rig, 5000).verdict, Verdict::Forward(End::Wan(B)));
    assert_eq!(out(&mut rig, 4000, SYN, [1, 0]).verdict, Verdict::Forward(End::Wan(B)));
    let mut alone = holding(3, &[], &[]);
    alone.wans[1].standing = [Standing::HardDown; 2];
    adopt(&mut rig, alone);
    assert_eq!(datagram(&mut rig, 5001).verdict, Verdict::Drop(DropReason::AllWansDown));
}

#[test]
fn settings_say_what_becomes_of_flows_whose_prefix_is_gone() {
    let verdicts = |remedy| {
        let mut rig = Rig::new(holding(1, &[OLD], &[]));
        connect(&mut rig, 4000);
        datagram(&mut rig, 5000);
        let mut gone = holding(2, &[NEW], &[]);
        gone.wans[0].fixed_mut().on_down.hard = Remedies::all(remedy);
        adopt(&mut rig, gone);
        [source(&out(&mut rig, 4000, ACK, [105, 2001])), source(&datagram(&mut rig, 5000))]
    };
    let dropped = |reason| Err(Verdict::Drop(reason));
    let gone = || dropped(DropReason::AddressGone);
    assert_eq!(verdicts(Remedy::Drain), [gone(), gone()]);
    assert_eq!(verdicts(Remedy::Reset), [dropped(DropReason::Reset), dropped(DropReason::Reset)]);
    assert_eq!(verdicts(Remedy::Move), [Ok(NEW6.into()), Ok(NEW6.into())]);
}

#[test]
fn a_flow_that_would_move_back_to_its_own_wan_keeps_its_prefix() {
    let mut rig = Rig::new(holding(1, &[OLD], &[]));
    connect(&mut rig, 4000);
    let mut soft = holding(2, &[NEW, OLD], &[]);
    soft.fixed_mut().last_resort = true;
    soft.wans[0].standing = [Standing::SoftDown; 2];
    soft.wans[0].fixed_mut().on_down.soft = Remedies::all(Remedy::Move);
    soft.wans[1].standing = [Standing::HardDown; 2];
    adopt(&mut rig, soft);
    assert_eq!(source(&out(&mut rig, 4000, ACK, [105, 2001])), Ok(OLD6.into()));
}

#[test]
fn a_prefix_that_comes_back_under_its_number_finds_its_flows_again_and_another_does_not() {
    let mut rig = Rig::new(holding(1, &[OLD], &[]));
    connect(&mut rig, 4000);
    datagram(&mut rig, 5000);
    let mut gone = holding(2, &[], &[]);
    gone.wans[0].fixed_mut().on_down.hard = Remedies::all(Remedy::Drain);
    adopt(&mut rig, gone);
    assert_eq!(out(&mut rig, 4000, ACK, [105, 2001]).verdict, Verdict::Drop(DropReason::AddressGone));
    adopt(&mut rig, holding(3, &[OLD], &[]));
    assert_eq!(source(&out(&mut rig, 4000, ACK, [105, 2001])), Ok(OLD6.into()));
    let again = (OLD.0, 4, NEW.2);
    adopt(&mut rig, holding(4, &[again], &[]));
    assert_eq!(
        out(&mut rig, 4000, ACK, [105, 2001]).verdict,
        Verdict::Drop(DropReason::Reset),
        "one number, two lives"
    );
    assert_eq!(source(&datagram(&mut rig, 5000)), Ok(NEW6.into()));
}

#[test]
fn later_fragments_take_the_prefix_of_their_first_and_end_with_it() {
    let fragment = |offset: u16, more: bool| {
        let mut header = vec![protocol::UDP, 0];
        header.extend((offset << 3 | u16::from(more)).to_be_bytes());
        header.extend([0, 0, 0, 7]);
        header.extend(if offset == 0 { udp(5000, 53, &[0; 8]) } else { vec![0; 8] });
        packet(HOST6, SERVER6, 44, &header)
    };
    let mut rig = Rig::new(holding(1, &[OLD], &[]));
    assert_eq!(source(&rig.outbound(&fragment(0, true))), Ok(OLD6.into()));
    adopt(&mut rig, holding(2, &[NEW, OLD], &[]));
    assert_eq!(source(&rig.outbound(&fragment(2, true))), Ok(OLD6.into()));
    adopt(&mut rig, holding(3, &[NEW], &[]));
    assert_eq!(rig.outbound(&fragment(3, false)).verdict, Verdict::Drop(DropReason::AddressGone));
}

#[test]
fn an_error_from_inside_leaves_from_the_prefix_of_the_flow_that_it_is_about() {
    let mut rig = Rig::new(holding(2, &[NEW, OLD], &[]));
    let question = packet(SERVER6, OLD6, protocol::UDP, &udp(53, 6000, b"visit"));
    let arrived = rig.inbound(A, &question).packet;
    let refused = packet(HOST6, SERVER6, protocol::ICMPV6, &icmp(1, 4, [0; 2], &arrived));
    let done = rig.outbound(&refused);
    assert_eq!(source(&done), Ok(OLD6.into()));
    assert_eq!(hosts(&done.packet[48..]), (SERVER6.parse().unwrap(), OLD6.parse().unwrap()));
    assert!(is_right(&done.packet));
}

#[test]
fn a_host_behind_the_links_own_address_follows_it_and_the_dhcp_client_keeps_its_answers() {
    let (before, after) = ((1, 1, "192.0.2.50"), (2, 2, "192.0.2.77"));
    let mut rig = Rig::new(holding(1, &[], &[before]));
    let query = |port| packet(HOST4, SERVER, protocol::UDP, &udp(port, 53, b"query"));
    assert_eq!(source(&rig.outbound(&query(5000))), Ok("192.0.2.50".into()));
    adopt(&mut rig, holding(2, &[], &[after, before]));
    assert_eq!(source(&rig.outbound(&query(5000))), Ok("192.0.2.50".into()));
    assert_eq!(source(&rig.outbound(&query(5001))), Ok("192.0.2.77".into()));
    let to = |public: &str, ports: (u16, u16)| packet(SERVER, public, protocol::UDP, &udp(ports.0, ports.1, b"x"));
    assert_eq!(rig.inbound(A, &to("192.0.2.77", (67, 68))).verdict, Verdict::Kernel);
    assert_eq!(rig.inbound(A, &to("192.0.2.77", (53, 68))).verdict, Verdict::Forward(End::Inside));
    assert_eq!(rig.inbound(A, &to("192.0.2.50", (53, 5000))).verdict, Verdict::Forward(End::Inside));
    adopt(&mut rig, holding(3, &[], &[after]));
    assert_eq!(source(&rig.outbound(&query(5000))), Ok("192.0.2.77".into()));
}

#[test]
fn who_speaks_to_an_own_address_under_the_old_prefix_is_seen_from_the_old_prefix() {
    let mut rig = Rig::new(holding(2, &[NEW, OLD], &[]));
    let peer = "fd00:bad:b01:2::200";
    for (public, expected) in [("2001:db8:a:c82::200", OLD6), ("2001:db8:a:d02::200", NEW6)] {
        let done = rig.outbound(&packet(HOST6, public, protocol::UDP, &udp(1, 2, b"hello")));
        assert_eq!(done.verdict, Verdict::Forward(End::Inside));
        assert_eq!(hosts(&done.packet), (expected.parse().unwrap(), peer.parse().unwrap()));
    }
}
