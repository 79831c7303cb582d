//! Claims about who has which port.

use super::*;
use crate::plane::lease::Lease;
use crate::plane::packet::numbers::protocol::{TCP, UDP};
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};
use std::net::Ipv4Addr;

const WAN: WanId = WanId(3);
const RANGE: PortRange = PortRange { first: 16384, last: 32767 };
const SPACE: Space = Space { ports: RANGE, per_host: usize::MAX, remembers_remotes: true };

fn end(host: u8, port: u16) -> InsideEnd {
    InsideEnd { address: Ipv4Addr::new(10, 250, 250, host), port, lease: Lease(1) }
}

fn binding(port: NonZeroU16) -> Binding {
    Binding { lease: Lease(1), port: Some(port), ..Binding::from(WAN) }
}

fn take(mappings: &Mappings, host: u8, port: u16) -> u16 {
    mappings.take(WAN, Class::Udp, SPACE, end(host, port)).unwrap().get()
}

/// Shows RFC 4787 REQ-1, RFC 4787 REQ-4, RFC 7857 §5.
#[test]
fn c_04_an_inside_end_keeps_one_port_and_its_own_where_that_is_free() {
    let mappings = Mappings::new(7);
    assert_eq!((take(&mappings, 2, 20000), take(&mappings, 2, 20000)), (20000, 20000));
    assert_eq!(mappings.find(WAN, Class::Udp, 20000), Some(end(2, 20000)));
    assert_eq!(mappings.find(WAN, Class::Tcp, 20000), None, "another protocol has ports of its own (RFC 7857 §6)");
    let other = take(&mappings, 3, 20000);
    assert_eq!(other % 2, 0, "parity is kept (RFC 4787 REQ-4)");
    assert_eq!(mappings.find(WAN, Class::Udp, other), Some(end(3, 20000)));
    assert_eq!(take(&mappings, 3, 20001), other + 1, "RTCP stands beside RTP (RFC 4787 §4.2.3)");
    let far = take(&mappings, 2, 50001);
    assert!(RANGE.contains(far) && far % 2 == 1);
}

#[test]
fn a_port_is_free_when_the_last_flow_has_left_it_and_not_before() {
    let mappings = Mappings::new(7);
    let port = mappings.take(WAN, Class::Udp, SPACE, end(2, 53)).unwrap();
    assert!(mappings.enter(UDP, binding(port), end(2, 53)));
    assert!(!mappings.enter(UDP, binding(port), end(3, 53)), "it is another's");
    assert!(!mappings.enter(TCP, binding(port), end(2, 53)));
    mappings.leave(UDP, binding(port));
    assert_eq!(mappings.find(WAN, Class::Udp, port.get()), Some(end(2, 53)));
    mappings.leave(UDP, binding(port));
    assert_eq!((mappings.find(WAN, Class::Udp, port.get()), mappings.used(WAN, Class::Udp)), (None, 0));
    assert!(!mappings.enter(UDP, binding(port), end(2, 53)), "nobody enters a port that nobody has");
}

#[test]
fn the_last_port_is_found_as_the_first_and_then_there_is_none() {
    let mappings = Mappings::new(7);
    let ports: HashSet<_> = (0..16384u32).map(|number| take(&mappings, (number >> 12) as u8, number as u16)).collect();
    assert_eq!((ports.len(), mappings.used(WAN, Class::Udp)), (16384, 16384));
    assert!(ports.iter().all(|port| RANGE.contains(*port)));
    assert_eq!(mappings.take(WAN, Class::Udp, SPACE, end(9, 9)), Err(Exhausted));
    assert_eq!(mappings.take(WAN, Class::Udp, SPACE, end(0, 9)), Ok(NonZeroU16::new(take(&mappings, 0, 9)).unwrap()));
    mappings.leave(UDP, binding(NonZeroU16::new(20001).unwrap()));
    assert_eq!(take(&mappings, 9, 9), 20001);
}

/// Shows RFC 7857 §9.
#[test]
fn which_port_comes_is_known_by_the_secret_alone() {
    let ports = |secret| (0..20).map(|host| take(&Mappings::new(secret), host, 80)).collect::<Vec<_>>();
    assert_eq!(ports(1), ports(1));
    assert_ne!(ports(1), ports(2));
}

#[test]
fn workers_that_take_and_leave_at_once_never_share_a_port() {
    let (mappings, space) = (Mappings::new(7), Space { ports: PortRange { first: 16384, last: 16391 }, ..SPACE });
    let work = |host: u8| {
        for round in 0..20_000u16 {
            let end = end(host, round % 3);
            let Ok(port) = mappings.take(WAN, Class::Tcp, space, end) else { continue };
            assert_eq!(mappings.find(WAN, Class::Tcp, port.get()), Some(end));
            assert!(mappings.enter(TCP, binding(port), end));
            mappings.leave(TCP, binding(port));
            assert_eq!(mappings.find(WAN, Class::Tcp, port.get()), Some(end));
            mappings.leave(TCP, binding(port));
        }
    };
    std::thread::scope(|scope| (0..4u8).for_each(|host| drop(scope.spawn(move || work(host % 2)))));
    assert_eq!(mappings.used(WAN, Class::Tcp), 0);
}

#[test]
fn a_host_that_takes_all_it_may_leaves_the_rest_to_others() {
    let (mappings, space) = (Mappings::new(7), Space { per_host: 10, ..SPACE });
    let take = |host, port| mappings.take(WAN, Class::Udp, space, end(host, port));
    assert!((0..10).all(|port| take(2, port).is_ok()));
    assert_eq!(take(2, 10), Err(Exhausted));
    let again = take(2, 9).unwrap();
    assert!(take(3, 9).is_ok());
    mappings.leave(UDP, binding(again));
    assert_eq!(take(2, 10), Err(Exhausted), "it has that still");
    mappings.leave(UDP, binding(again));
    assert!(take(2, 10).is_ok());
}

#[test]
fn who_was_spoken_to_is_known_while_a_flow_says_so() {
    let mappings = Mappings::new(7);
    let port = mappings.take(WAN, Class::Udp, SPACE, end(2, 53)).unwrap();
    let [one, two] = [Ipv4Addr::new(203, 0, 113, 1), Ipv4Addr::new(203, 0, 113, 2)];
    let spoken = |remote| mappings.has_spoken(UDP, binding(port), remote);
    assert!(!spoken(None));
    [one, one, two].iter().for_each(|remote| mappings.keep(UDP, binding(port), *remote));
    mappings.forget(UDP, binding(port), one);
    assert!(spoken(None) && spoken(Some(one)) && spoken(Some(two)));
    mappings.forget(UDP, binding(port), one);
    assert!(spoken(None) && !spoken(Some(one)) && spoken(Some(two)));
    mappings.forget(UDP, binding(port), two);
    assert!(!spoken(None) && !spoken(Some(two)));
}

proptest! {
    /// C-05 (RFC 4787 REQ-1 and REQ-3) and C-17 (REQ-11), whatever comes and goes.
    #[test]
    fn no_two_inside_ends_share_a_port_and_none_has_two(
        steps in proptest::collection::vec((0u8..3, 0u8..4, 0u16..12, 0u8..2), 0..300),
        first in 1u16..40, count in 1u16..20,
    ) {
        let ports = PortRange { first, last: first + count - 1 };
        let (mappings, space) = (Mappings::new(9), Space { ports, ..SPACE });
        let mut model: HashMap<InsideEnd, (NonZeroU16, u32)> = HashMap::new();
        for (step, host, port, lease) in steps {
            let end = InsideEnd { lease: Lease(lease), ..end(host, port) };
            match (step, model.get_mut(&end)) {
                (0 | 1, Some((port, flows))) => {
                    prop_assert_eq!(mappings.take(WAN, Class::Udp, space, end), Ok(*port));
                    *flows += 1;
                }
                (0 | 1, None) => match mappings.take(WAN, Class::Udp, space, end) {
                    Ok(port) => drop(model.insert(end, (port, 1))),
                    Err(Exhausted) => prop_assert_eq!(model.len(), usize::from(count)),
                },
                (_, Some((port, flows))) => {
                    mappings.leave(UDP, binding(*port));
                    *flows -= 1;
                    if *flows == 0 {
                        model.remove(&end);
                    }
                }
                (_, None) => {}
            }
            let ports: HashSet<_> = model.values().map(|(port, _)| *port).collect();
            prop_assert_eq!(ports.len(), model.len());
            prop_assert_eq!(mappings.used(WAN, Class::Udp), model.len());
            for (end, (port, _)) in &model {
                prop_assert!(space.ports.contains(port.get()));
                prop_assert_eq!(mappings.find(WAN, Class::Udp, port.get()), Some(*end));
            }
        }
    }
}
