//! C-35, C-37 and C-39: the errors that the router sends itself, how many of them, and the class of service of everything.

use super::{N6, V4, V6};
use crate::story::packets::{DF, Ip, ip};
use crate::story::{self, At, SERVER, Step, answered, arrives, comes_in, goes_out, leaves, router_error, sum_again};
use At::{Cable, Fiber, Inside};
use Step::{Drop, Wait};
use std::time::Duration;

/// Shows RFC 1812 §4.3.2.2, RFC 1812 §4.3.2.4, RFC 1812 §4.3.3.4, RFC 1812 §5.2.7.3, RFC 4443 §2.2, RFC 4443 §3.3, RFC 5508 REQ-10a.
#[test]
fn c_35_the_last_hop_is_told_from_the_senders_side_with_the_packet_as_it_was_sent() {
    for of in [V4, V6, N6] {
        let router = if of.header == 20 { "10.250.250.1" } else { "fd00:bad:b01::1" };
        let out = of.query(of.inside, 1);
        let told = router_error(router, of.inside, of.exceeded, 0, [0; 4], &out);
        let inn = of.call(of.public, 1);
        let answer = router_error(of.public, of.server, of.exceeded, 0, [0; 4], &inn);
        let steps = vec![
            arrives(Inside, &out),
            leaves(Inside, &told),
            Drop("ttl-expired"),
            arrives(of.wan, &inn),
            answered(of.wan, &answer),
            Drop("ttl-expired"),
        ];
        story::check("c-35", steps, 0);
    }
}

/// So many refused packets of one host at once, of which so many are answered.
fn burst(host: &str, port: u16, sent: usize, told: usize) -> Vec<Step> {
    let probes = (0..sent).map(|number| (number, ip(host, SERVER).ttl(1).udp((port, port + number as u16), b"probe")));
    let each = probes.map(|(number, probe)| {
        let answer = leaves(Inside, &router_error("10.250.250.1", host, 11, 0, [0; 4], &probe));
        let answer = (number < told).then_some(answer);
        [Some(arrives(Inside, &probe)), answer, Some(Drop("ttl-expired"))].into_iter().flatten().collect()
    });
    each.collect::<Vec<Vec<_>>>().concat()
}

/// The usual configuration with that limit. A millisecond lies between two packets of a story.
fn limited(errors: u32) -> String {
    format!("{}\n[limits]\nicmp_errors = {errors}\n", story::config())
}

/// Shows RFC 1812 §4.3.2.8.
#[test]
fn c_37_a_host_that_floods_uses_up_its_own_share_only() {
    // 6 at once and 2 a second for one host, 12 at once and 10 a second for all.
    let steps = [
        burst("10.250.250.2", 33000, 100, 6),
        burst("10.250.250.3", 33000, 3, 3),
        vec![Wait(Duration::from_secs(2))],
        burst("10.250.250.2", 34000, 50, 4),
        burst("10.250.250.3", 34000, 3, 3),
    ];
    story::check_with(&limited(10), "c-37", steps.concat(), 0);
}

/// Shows RFC 1812 §4.3.2.8, RFC 4443 §2.4 f.
#[test]
fn c_37_the_limit_can_be_none_at_all_and_counts_for_ipv6_too() {
    story::check_with(&limited(0), "c-37", burst("10.250.250.2", 33000, 3, 0), 0);
    let probe = |number: u16| ip(V6.inside, V6.server).ttl(1).udp((33000, number), b"probe");
    let told = |number| leaves(Inside, &router_error("fd00:bad:b01::1", V6.inside, 3, 0, [0; 4], &probe(number)));
    let refused = |number| [arrives(Inside, &probe(number)), told(number), Drop("ttl-expired")];
    let silent = |number| [arrives(Inside, &probe(number)), Drop("ttl-expired")];
    let steps = [(1..=6).flat_map(refused).collect::<Vec<_>>(), (7..=9).flat_map(silent).collect()];
    story::check_with(&limited(1), "c-37", steps.concat(), 0);
}

#[test]
fn c_37_a_flood_from_outside_leaves_the_inside_its_answers() {
    let probe = |number: u16| ip(&format!("203.0.113.{number}"), V4.public).ttl(1).udp((1, 2), b"probe");
    let flood = (1..=100).flat_map(|number| {
        let answer = router_error(V4.public, &format!("203.0.113.{number}"), 11, 0, [0; 4], &probe(number));
        // A millisecond apart; the next token takes a hundred.
        let answer = (number <= 12).then(|| answered(Fiber, &answer));
        [Some(arrives(Fiber, &probe(number))), answer, Some(Drop("ttl-expired"))].into_iter().flatten()
    });
    let steps = [flood.collect(), burst("10.250.250.2", 33000, 3, 3)].concat();
    story::check_with(&limited(10), "c-37", steps, 0);
}

/// Each of the 256 values of the octet that holds DSCP and ECN.
fn with_tos(mut packet: Vec<u8>, tos: u8) -> Vec<u8> {
    if packet[0] >> 4 == 4 {
        packet[1] = tos;
        sum_again(&mut packet);
    } else {
        packet[0] = 0x60 | tos >> 4;
        packet[1] = tos << 4 | packet[1] & 15;
    }
    packet
}

/// Shows RFC 1812 §5.3.2, RFC 1812 §5.3.3.
#[test]
fn c_39_dscp_and_ecn_pass_unchanged_both_ways() {
    for of in [V4, V6, N6] {
        let steps = (0..=255u8).flat_map(|tos| {
            let same = |packet| with_tos(packet, tos);
            [
                comes_in(of.wan, &same(of.call(of.public, 64)), &same(of.call(of.inside, 63))),
                goes_out(of.wan, &same(of.query(of.inside, 64)), &same(of.query(of.public, 63))),
            ]
            .concat()
        });
        story::check("c-39", steps.collect(), 1);
    }
}

#[test]
fn c_35_an_error_from_a_wan_shows_the_public_address_of_that_wan() {
    let inn = Ip { fragment: DF, ..ip(SERVER, "198.51.100.3") }.udp((1, 2), &[7; 1473]);
    let told = router_error("198.51.100.3", SERVER, 3, 4, [0, 0, 5, 0xdc], &inn[..548]);
    story::check("c-35", vec![arrives(Cable, &inn), answered(Cable, &told), Drop("too-big")], 0);
}
