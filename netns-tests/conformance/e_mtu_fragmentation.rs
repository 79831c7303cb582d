//! C-51 to C-53 and C-59: IPv4 without DF is cut, IPv6 never; whose fragment does not fit is told with that fragment.

mod kernels;

use crate::story::packets::{DF, Ip, ip};
use crate::story::{
    self, At, HOST6, SERVER, SERVER6, Step, answered, arrives, comes_in, cut4, cut6, leaves, sum_again,
};
use crate::story::{router_error, unhex};
use At::{Cable, Fiber, Inside};
use Step::Drop;

/// Cable carries 1400 bytes: 1376 of payload in a fragment that is not the last.
const ROOM: usize = 1376;

/// A UDP datagram of `size` bytes that may be fragmented, between 10.250.250.3 or its address on cable and the server.
fn datagram(from: &str, ttl: u8, size: usize) -> Vec<u8> {
    let payload: Vec<u8> = (0..size - 28).map(|at| (at ^ at >> 8) as u8).collect();
    Ip { id: 0xabcd, fragment: 0, ttl, ..ip(from, SERVER) }.udp((9, 9), &payload)
}

/// Sizes of all fragments but the last of a packet of `size` bytes.
fn sizes(size: usize) -> Vec<usize> {
    vec![ROOM; (size - 20 - (1400 - 20)).div_ceil(ROOM)]
}

/// Shows RFC 4787 REQ-13a, RFC 1812 §5.2.6.
#[test]
fn c_51_a_packet_without_df_leaves_in_as_few_fragments_as_can_be_in_order() {
    for size in [1401, 1420, 2776, 2777, 4000, 65_535] {
        let mut steps = vec![arrives(Inside, &datagram("10.250.250.3", 64, size))];
        let pieces = cut4(&datagram("198.51.100.3", 63, size), &sizes(size));
        steps.extend(pieces.iter().map(|piece| leaves(Cable, piece)));
        story::check("c-51", steps, 1);
    }
}

#[test]
fn c_51_type_of_service_identification_and_options_are_those_of_the_packet() {
    let marked = |from, ttl| {
        let mut packet = datagram(from, ttl, 2000);
        // Low delay, ECT(0); a stream identifier, which every fragment carries; a timestamp, which only the first does.
        packet[1] = 0x12;
        packet.splice(20..20, [136, 4, 0xab, 0xcd, 68, 4, 5, 0]);
        packet[0] = 0x47;
        packet[2..4].copy_from_slice(&2008u16.to_be_bytes());
        sum_again(&mut packet);
        packet
    };
    let mut pieces = cut4(&marked("198.51.100.3", 63), &[1368]);
    pieces[1].drain(24..28);
    pieces[1][0] = 0x46;
    pieces[1][3] -= 4;
    sum_again(&mut pieces[1]);
    let before = marked("10.250.250.3", 64);
    story::check("c-51", vec![arrives(Inside, &before), leaves(Cable, &pieces[0]), leaves(Cable, &pieces[1])], 1);
}

#[test]
fn c_51_a_fragment_that_is_cut_again_keeps_its_place_and_whether_more_follow() {
    let before = cut4(&datagram("10.250.250.3", 64, 3000), &[1480, 1480]);
    let after = cut4(&datagram("198.51.100.3", 63, 3000), &[ROOM, 1480 - ROOM, ROOM, 1480 - ROOM]);
    let steps = vec![
        arrives(Inside, &before[0]),
        leaves(Cable, &after[0]),
        leaves(Cable, &after[1]),
        arrives(Inside, &before[1]),
        leaves(Cable, &after[2]),
        leaves(Cable, &after[3]),
        arrives(Inside, &before[2]),
        leaves(Cable, &after[4]),
    ];
    story::check("c-51", steps, 1);
}

/// The inside carries no more than 1280 bytes.
fn narrow() -> String {
    story::config().replace("[downstream]\n", "[downstream]\nmtu = 1280\n")
}

#[test]
fn c_51_what_comes_in_is_cut_to_what_the_inside_carries() {
    let data = [7; 1472];
    let back = |to, ttl| Ip { id: 5, fragment: 0, ttl, ..ip(SERVER, to) }.udp((9, 9), &data);
    let pieces = cut4(&back("10.250.250.2", 63), &[1256]);
    let steps = vec![arrives(Fiber, &back("192.0.2.2", 64)), leaves(Inside, &pieces[0]), leaves(Inside, &pieces[1])];
    story::check_with(&narrow(), "c-51", steps, 1);
}

#[test]
fn c_51_an_icmp_error_that_may_be_fragmented_is_cut_as_well() {
    let quoted = |from| ip(from, SERVER).udp((9, 9), &[1; 1400]);
    let error =
        |to, ttl, quoted: &[u8]| Ip { id: 6, fragment: 0, ttl, ..ip("198.18.0.9", to) }.icmp(3, 3, [0; 4], quoted);
    let pieces = cut4(&error("10.250.250.2", 63, &quoted("10.250.250.2")), &[1256]);
    let before = error("192.0.2.2", 64, &quoted("192.0.2.2"));
    let steps = vec![arrives(Fiber, &before), leaves(Inside, &pieces[0]), leaves(Inside, &pieces[1])];
    story::check_with(&narrow(), "c-51", steps, 0);
}

/// Shows RFC 1812 §4.3.2.7.
#[test]
fn c_51_a_later_fragment_with_df_that_does_not_fit_is_dropped_without_a_word() {
    let rigid = |from| {
        let mut packet = datagram(from, 64, 3000);
        packet[6] = (DF >> 8) as u8;
        sum_again(&mut packet);
        cut4(&packet, &[1376])
    };
    let (before, after) = (rigid("10.250.250.3"), rigid("198.51.100.3"));
    let mut first = after[0].clone();
    first[8] = 63;
    sum_again(&mut first);
    let steps = vec![arrives(Inside, &before[0]), leaves(Cable, &first), arrives(Inside, &before[1]), Drop("too-big")];
    story::check("c-51", steps, 1);
}

/// The public form of [`HOST6`] on cable.
const CABLE6: &str = "2001:db8:b:be01:27ea::100";

/// The fragments of an echo of 3000 bytes from [`HOST6`], of 1408 bytes of payload each.
fn echo6(from: &str, ttl: u8) -> Vec<Vec<u8>> {
    cut6(&ip(from, SERVER6).ttl(ttl).echo(129, 7, &[3; 3000]), 0xbeef, &[1408, 1408])
}

/// Shows RFC 8200 §4.5 routers, RFC 4443 §3.2, RFC 4443 §2.4 c.
#[test]
fn c_52_an_ipv6_fragment_is_never_cut_its_sender_is_told_with_that_fragment() {
    let asked = |to, ttl| ip(SERVER6, to).ttl(ttl).echo(128, 7, b"long answer, please");
    let pieces = echo6(HOST6, 64);
    let told =
        |piece: &[u8]| leaves(Inside, &router_error("fd00:bad:b01::1", HOST6, 2, 0, [0, 0, 5, 0x78], &piece[..1232]));
    let mut steps = comes_in(Cable, &asked(CABLE6, 64), &asked(HOST6, 63)).to_vec();
    for piece in &pieces[..2] {
        steps.extend([arrives(Inside, piece), told(piece), Drop("too-big")]);
    }
    steps.extend([arrives(Inside, &pieces[2]), leaves(Cable, &echo6(CABLE6, 63)[2])]);
    story::check("c-52", steps, 1);
}

/// Shows RFC 8200 §4.5 routers.
#[test]
fn c_53_an_inbound_ipv6_fragment_that_does_not_fit_is_answered_and_quoted() {
    let public = "2001:db8:a:c81::100";
    let pieces = |to, ttl| cut6(&ip(SERVER6, to).ttl(ttl).udp((9, 9), &[5; 12_000]), 0x77, &[5000, 5000]);
    let before = pieces(public, 64);
    let mut steps = Vec::new();
    for piece in &before {
        let quoted = &piece[..1232];
        let told = answered(Fiber, &router_error(public, SERVER6, 2, 0, [0, 0, 5, 0xdc], quoted));
        steps.extend([arrives(Fiber, piece), told, Drop("too-big")]);
    }
    story::check("c-53", steps, 0);
}

#[test]
fn c_59_a_first_fragment_too_small_for_its_ports_is_dropped_and_so_are_its_followers() {
    let pieces = cut4(&Ip { fragment: 0, ..ip("10.250.250.2", SERVER) }.tcp((9, 80), 16, b"", &[1; 40]), &[8, 16]);
    let steps = vec![
        arrives(Inside, &pieces[0]),
        Drop("bad-transport-header"),
        // At offset 8 it could rewrite the flags.
        arrives(Inside, &pieces[1]),
        Drop("bad-transport-header"),
        arrives(Inside, &pieces[2]),
        Step::Wait(std::time::Duration::from_secs(5)),
        Step::GiveUp("unknown-fragment"),
        arrives(Inside, &unhex("45")),
        Drop("truncated"),
    ];
    story::check("c-59", steps, 0);
}
