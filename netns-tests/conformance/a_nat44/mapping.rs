//! C-01, C-04, C-05, C-11, C-12, C-15 to C-17: which public address a packet leaves with, and for how long that stays so.

use super::{HOSTS, balanced, full, play, translated};
use crate::story::packets::{Ip, SYN, ip};
use crate::story::{self, At, SERVER, SERVER6, Step, Story, answered, arrives, comes_in, cut4, goes_out, leaves};
use At::{Cable, Fiber, Inside};
use Step::{Drop, Wait};
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

/// One datagram of each flow: host, source port, remote port; ten thousand ports and more shared out to both hosts.
fn flow(number: u32) -> (usize, (u16, u16)) {
    let port = 1024 + u16::try_from(number / 2).unwrap();
    (usize::from(number % 2 == 1), (port, 53))
}

fn datagram(at: Ip, number: u32) -> Vec<u8> {
    at.udp(flow(number).1, &number.to_be_bytes())
}

fn sent(number: u32) -> Vec<u8> {
    datagram(ip(HOSTS[flow(number).0].0, SERVER), number)
}

/// Which WAN each of these flows took; every one with that WAN's address for its host, ports and payload untouched.
fn shares(config: &str, flows: &[u32]) -> HashMap<u32, At> {
    let packets: Vec<_> = flows.iter().map(|number| sent(*number)).collect();
    let left = play(config, &packets);
    assert_eq!(left.len(), flows.len());
    let pairs = flows.iter().zip(left).map(|(number, (at, packet))| {
        let wanted = translated(at, flow(*number).0, SERVER, |ip| datagram(ip, *number));
        assert_eq!(packet, wanted, "flow {number} on {at:?}");
        (*number, at)
    });
    pairs.collect()
}

/// Shows RFC 4787 REQ-3a, RFC 4787 REQ-4, RFC 1812 §5.2.1.2.
#[test]
fn c_01_ten_thousand_flows_leave_with_the_address_of_their_wan_and_their_own_port() {
    let flows: Vec<_> = (0..10_000).collect();
    let shares = shares(&balanced(), &flows);
    let fiber = shares.values().filter(|at| **at == Fiber).count();
    // Three standard deviations of a fair coin.
    assert!((4850..=5150).contains(&fiber), "{fiber} of 10000 on fiber");
}

/// Shows RFC 4787 REQ-1, RFC 5382 REQ-1, RFC 5508 REQ-1a.
#[test]
fn c_04_one_socket_has_one_public_address_and_port_towards_everybody() {
    let remotes = ["203.0.113.10", "203.0.113.11", "192.0.2.129", "198.18.0.7", "9.9.9.9"];
    let mut used = [false; 2];
    for port in 4000..4010 {
        let to_all = |make: &dyn Fn(&str, u16) -> Vec<u8>| {
            let ends = remotes.iter().flat_map(|remote| [3478, 3479].map(|to| (*remote, to)));
            ends.map(|(remote, to)| make(remote, to)).collect::<Vec<_>>()
        };
        let datagram = |ip: Ip, to| ip.udp((port, to), b"stun");
        let segment = |ip: Ip, to| ip.tcp((port, to), SYN, b"", b"");
        let echo = |ip: Ip, to: u16| ip.echo(8, port, &to.to_be_bytes());
        let makes: [&dyn Fn(Ip, u16) -> Vec<u8>; 3] = [&datagram, &segment, &echo];
        for make in makes {
            let left = play(&balanced(), &to_all(&|remote, to| make(ip("10.250.250.2", remote), to)));
            let at = left[0].0;
            let public = HOSTS[0].1[at as usize - 1];
            let wanted = to_all(&|remote, to| make(ip(public, remote).ttl(63), to));
            assert_eq!(left, wanted.into_iter().map(|packet| (at, packet)).collect::<Vec<_>>(), "port {port}");
            used[at as usize - 1] = true;
        }
    }
    assert_eq!(used, [true; 2], "both WANs carry some of the sockets");
}

/// Shows RFC 4787 REQ-3, RFC 5382 REQ-7.
#[test]
fn c_05_two_hosts_with_one_port_have_two_public_addresses() {
    let steps = HOSTS.map(|(inside, [public, _])| {
        let datagram = |ip: Ip| ip.udp((5000, 53), b"same port");
        let segment = |ip: Ip| ip.tcp((5000, 53), SYN, b"", b"");
        let (before, after) = (ip(inside, SERVER), ip(public, SERVER).ttl(63));
        [goes_out(Fiber, &datagram(before), &datagram(after)), goes_out(Fiber, &segment(before), &segment(after))]
            .concat()
    });
    story::check_with(&full(), "c-05", steps.concat(), 4);
}

/// Shows RFC 4787 REQ-2.
#[test]
fn c_11_a_host_keeps_one_public_address_where_the_balance_is_by_source_and_each_socket_does_where_not() {
    let flows: Vec<_> = (0..200).collect();
    let wans = |config: &str| {
        let shares = shares(config, &flows);
        [0, 1].map(|host| {
            let of_host = shares.iter().filter(|(number, _)| flow(**number).0 == host);
            of_host.map(|(_, at)| *at as usize).collect::<BTreeSet<_>>().len()
        })
    };
    assert_eq!(wans(&format!("{}\n[default]\nbalance = \"source\"\n", balanced())), [1, 1]);
    assert_eq!(wans(&balanced()), [2, 2]);
}

/// Shows RFC 5508 REQ-8, RFC 4443 §3.1 1, RFC 1812 §4.3.3.1.
#[test]
fn c_11_who_finds_no_room_passes_where_nothing_needs_room_and_is_refused_and_told_where_something_does() {
    let flow = |from: &str, ttl, port| ip(from, SERVER).ttl(ttl).udp((port, 53), b"query");
    let out = |port| goes_out(Fiber, &flow("10.250.250.2", 64, port), &flow("192.0.2.2", 63, port)).to_vec();
    let reply = |to: &str, ttl, port| ip(SERVER, to).ttl(ttl).udp((53, port), b"answer");
    let back = |port| comes_in(Fiber, &reply("192.0.2.2", 64, port), &reply("10.250.250.2", 63, port)).to_vec();
    let call = ip(SERVER, "198.51.100.2").udp((9, 8), b"call");
    let call6 = ip(SERVER6, "2001:db8:b:be01::100").udp((9, 8), b"call");
    let told = story::router_error("198.51.100.2", SERVER, 3, 13, [0; 4], &call);
    let told6 = story::router_error("2001:db8:b:be01::100", SERVER6, 1, 1, [0; 4], &call6);
    let steps = [
        out(1),
        out(2),
        out(3),
        back(3),
        // The reply would leave by the other WAN.
        vec![arrives(Cable, &call), answered(Cable, &told), Drop("table-full")],
        vec![arrives(Cable, &call6), answered(Cable, &told6), Drop("table-full")],
        out(1),
        back(1),
    ];
    let config = format!("{}\n[limits]\nflows = 2\n", story::config());
    story::check_with(&config, "c-11", steps.concat(), 2);
}

#[test]
fn c_12_a_port_that_one_host_gave_up_never_leads_to_another() {
    let call = |from: &str, ttl| ip(from, SERVER).ttl(ttl).udp((5000, 53), b"question");
    let late = |to: &str, ttl| ip(SERVER, to).ttl(ttl).udp((53, 5000), b"late answer");
    let [(first, [first_public, _]), (second, [second_public, _])] = HOSTS;
    let steps = [
        goes_out(Fiber, &call(first, 64), &call(first_public, 63)).to_vec(),
        vec![Wait(Duration::from_secs(301))],
        goes_out(Fiber, &call(second, 64), &call(second_public, 63)).to_vec(),
        comes_in(Fiber, &late(first_public, 64), &late(first, 63)).to_vec(),
        comes_in(Fiber, &late(second_public, 64), &late(second, 63)).to_vec(),
    ];
    Story::new("c-12", steps.concat(), 3).with_config(&full()).with_expired(1).check();
}

/// Shows RFC 7857 §10.
#[test]
fn c_15_fragments_of_two_hosts_with_one_identification_stay_apart() {
    let pieces = |from, ttl, fill| {
        let whole = Ip { id: 7, fragment: 0, ..ip(from, SERVER) }.ttl(ttl).udp((9, 9), &[fill; 60]);
        cut4(&whole, &[32])
    };
    let steps = [0, 1].map(|piece| {
        let hosts = HOSTS.iter().zip([1, 2]);
        let each = hosts.map(|((inside, [public, _]), fill)| {
            goes_out(Fiber, &pieces(inside, 64, fill)[piece], &pieces(public, 63, fill)[piece])
        });
        each.flatten().collect::<Vec<_>>()
    });
    story::check_with(&full(), "c-15", steps.concat(), 2);
}

/// A datagram out, `pause`, what happens then, `pause`, the datagram again: one flow if the flow was kept alive, two if it
/// ended between. It lives 300 s.
fn twice(name: &str, between: &[Step], flows: u64, expired: u64) {
    let out = goes_out(
        Fiber,
        &ip("10.250.250.2", SERVER).udp((40000, 53), b"again"),
        &ip("192.0.2.2", SERVER).ttl(63).udp((40000, 53), b"again"),
    );
    let pause = [Wait(Duration::from_secs(200))];
    let steps = [&out[..], &pause, between, &pause, &out].concat();
    Story::new(name, steps, flows).with_expired(expired).check();
}

/// Shows RFC 4787 REQ-6, RFC 4787 REQ-6a.
#[test]
fn c_16_what_passes_keeps_a_flow_alive() {
    let out = goes_out(
        Fiber,
        &ip("10.250.250.2", SERVER).udp((40000, 53), b"more"),
        &ip("192.0.2.2", SERVER).ttl(63).udp((40000, 53), b"more"),
    );
    let inn = comes_in(
        Fiber,
        &ip(SERVER, "192.0.2.2").udp((53, 40000), b"answer"),
        &ip(SERVER, "10.250.250.2").ttl(63).udp((53, 40000), b"answer"),
    );
    twice("c-16-out", &out, 1, 0);
    twice("c-16-in", &inn, 1, 0);
}

/// Shows RFC 7857 §7, RFC 7857 §7.1, RFC 5508 REQ-6.
#[test]
fn c_16_what_is_refused_and_errors_do_not() {
    let last = ip(SERVER, "192.0.2.2").ttl(1).udp((53, 40000), b"last hop");
    let exceeded = story::router_error("192.0.2.2", SERVER, 11, 0, [0; 4], &last);
    twice("c-16-ttl", &[arrives(Fiber, &last), story::answered(Fiber, &exceeded), Drop("ttl-expired")], 2, 1);
    let big = ip(SERVER, "192.0.2.2").udp((53, 40000), &[0; 1473]);
    let too_big = story::router_error("192.0.2.2", SERVER, 3, 4, [0, 0, 5, 0xdc], &big[..548]);
    twice("c-16-mtu", &[arrives(Fiber, &big), story::answered(Fiber, &too_big), Drop("too-big")], 2, 1);
    // An error about it from outside, and one that the inside sends about an answer.
    let query = |from, ttl| ip(from, SERVER).ttl(ttl).udp((40000, 53), b"again");
    let answer = |to, ttl| ip(SERVER, to).ttl(ttl).udp((53, 40000), b"answer");
    let inn = comes_in(
        Fiber,
        &ip("198.18.0.9", "192.0.2.2").icmp(11, 0, [0; 4], &query("192.0.2.2", 1)),
        &ip("198.18.0.9", "10.250.250.2").ttl(63).icmp(11, 0, [0; 4], &query("10.250.250.2", 1)),
    );
    let out = goes_out(
        Fiber,
        &ip("10.250.250.2", SERVER).icmp(3, 3, [0; 4], &answer("10.250.250.2", 63)),
        &ip("192.0.2.2", SERVER).ttl(63).icmp(3, 3, [0; 4], &answer("192.0.2.2", 63)),
    );
    twice("c-16-error-in", &inn, 2, 1);
    twice("c-16-error-out", &out, 2, 1);
}

/// Shows RFC 4787 REQ-11.
#[test]
fn c_17_a_mapping_is_the_same_at_any_load_and_after_a_restart() {
    let first: Vec<_> = (0..1000).collect();
    let at_first = shares(&balanced(), &first);
    let under_load: Vec<_> = (0..100_000).chain(0..1000).collect();
    let loaded = shares(&balanced(), &under_load);
    let mut backwards = first.clone();
    backwards.reverse();
    let restarted = shares(&balanced(), &backwards);
    for number in first {
        assert_eq!((loaded[&number], restarted[&number]), (at_first[&number], at_first[&number]), "flow {number}");
    }
}

/// Shows RFC 1812 §4.3.3.1, RFC 4443 §3.1 0.
#[test]
fn c_01_a_source_that_no_wan_maps_is_told_and_never_leaves() {
    let nobody = ip("10.250.250.6", SERVER).udp((1, 2), b"nobody");
    let no_route = story::router_error("10.250.250.1", "10.250.250.6", 3, 0, [0; 4], &nobody);
    story::check("c-01", vec![arrives(Inside, &nobody), leaves(Inside, &no_route), Drop("no-wan")], 0);
    // Inside, but in no prefix that a WAN translates.
    let config = story::config().replace("\"fd00:bad:b01::/60\"]", "\"fd00:bad:b01::/60\", \"fd00:bad:b02::/64\"]");
    let nobody = ip("fd00:bad:b02::9", SERVER6).udp((1, 2), b"nobody");
    let no_route = story::router_error("fd00:bad:b01::1", "fd00:bad:b02::9", 1, 0, [0; 4], &nobody);
    story::check_with(&config, "c-01", vec![arrives(Inside, &nobody), leaves(Inside, &no_route), Drop("no-wan")], 0);
}
