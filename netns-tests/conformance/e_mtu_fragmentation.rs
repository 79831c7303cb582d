//! C-52 and C-59: IPv6 is never cut, and whose fragment does not fit is told with that fragment. What is cut is claimed in
//! src/plane/pass/fit and src/plane/fragment/split, and by kernels.

mod kernels;

use crate::story::packets::{Ip, ip};
use crate::story::{
    self, At, HOST6, SERVER, SERVER6, Step, arrives, comes_in, cut4, cut6, leaves, router_error, unhex,
};
use At::{Cable, Inside};
use Step::Drop;

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
