//! C-49: extension headers, flow labels and link-local addresses. Must never know: how addresses are computed.

use crate::story::packets::{Ip, ip};
use crate::story::{self, At, HOST6, SERVER6, Step, arrives, behind, comes_in, cut6, goes_out};
use At::{Cable, Fiber, Inside};
use Step::Drop;

const PUBLIC: &str = "2001:db8:a:c81::100";

/// An extension header: its number and its bytes behind the next-header byte.
type Header = (u8, &'static [u8]);
const HOP_BY_HOP: Header = (0, &[0, 1, 4, 0, 0, 0, 0]);
const DESTINATION: Header = (60, &[0, 1, 4, 0, 0, 0, 0]);
const AUTHENTICATION: Header = (51, &[4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
/// Mobile IPv6, RPL, segment routing: no segments left.
const ROUTING2: Header = (43, &[2, 2, 0, 0, 0, 0, 0, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
const ROUTING3: Header = (43, &[0, 3, 0, 0, 0, 0, 0]);
const ROUTING4: Header = (43, &[0, 4, 0, 0, 0, 0, 0]);
/// An atomic fragment.
const FRAGMENT: Header = (44, &[0, 0, 0, 0, 0, 0, 7]);

/// Shows RFC 8200 §4.
#[test]
fn c_49_extension_headers_pass_as_they_are_in_both_directions() {
    let chains: [&[Header]; 9] = [
        &[HOP_BY_HOP],
        &[DESTINATION],
        &[ROUTING2],
        &[ROUTING3],
        &[ROUTING4],
        &[FRAGMENT],
        &[AUTHENTICATION],
        &[HOP_BY_HOP, DESTINATION, ROUTING4, FRAGMENT, AUTHENTICATION, DESTINATION],
        &[],
    ];
    for chain in chains {
        let out = |from, ttl| behind(&ip(from, SERVER6).ttl(ttl).udp((9, 9), b"behind"), chain);
        let back = |to, ttl| behind(&ip(SERVER6, to).ttl(ttl).udp((9, 9), b"behind"), chain);
        let steps =
            [goes_out(Fiber, &out(HOST6, 64), &out(PUBLIC, 63)), comes_in(Fiber, &back(PUBLIC, 64), &back(HOST6, 63))];
        story::check("c-49", steps.concat(), 1);
    }
    let pieces = |from, ttl| cut6(&ip(from, SERVER6).ttl(ttl).udp((9, 9), &[1; 100]), 77, &[48, 48]);
    let (before, after) = (pieces(HOST6, 64), pieces(PUBLIC, 63));
    let steps: Vec<_> = before.iter().zip(&after).flat_map(|(before, after)| goes_out(Fiber, before, after)).collect();
    story::check("c-49", steps, 1);
}

#[test]
fn c_49_what_nobody_knows_behind_the_header_passes_untouched() {
    // ESP, no next header, Shim6, for experiments: none of them with a checksum over the addresses.
    for next in [50, 59, 140, 253, 254] {
        let out = |from, ttl| ip(from, SERVER6).ttl(ttl).raw(next, b"\x3b\0 anything");
        story::check("c-49", goes_out(Fiber, &out(HOST6, 64), &out(PUBLIC, 63)).into(), 1);
    }
}

#[test]
fn c_49_a_routing_header_of_type_0_is_dropped_even_behind_others() {
    let routing0: Header = (43, &[0, 0, 0, 0, 0, 0, 0]);
    let packet = |from, to, chain: &[Header]| behind(&ip(from, to).udp((9, 9), b"behind"), chain);
    let steps = vec![
        arrives(Inside, &packet(HOST6, SERVER6, &[routing0])),
        Drop("bad-extension-header"),
        arrives(Inside, &packet(HOST6, SERVER6, &[HOP_BY_HOP, DESTINATION, routing0])),
        Drop("bad-extension-header"),
        arrives(Fiber, &packet(SERVER6, PUBLIC, &[routing0])),
        Drop("bad-extension-header"),
    ];
    story::check("c-49", steps, 0);
}

#[test]
fn c_49_flow_label_and_traffic_class_stay_in_both_modes() {
    for (wan, public) in [(Fiber, PUBLIC), (Cable, "2001:db8:b:be01:27ea::100")] {
        let labelled = |mut packet: Vec<u8>| {
            packet[..4].copy_from_slice(&[0x6b, 0x9a, 0xbc, 0xde]);
            packet
        };
        let call = |to, ttl| labelled(ip(SERVER6, to).ttl(ttl).udp((10, 9), b"call"));
        let answer = |from, ttl| labelled(ip(from, SERVER6).ttl(ttl).udp((9, 10), b"answer"));
        let steps = [
            comes_in(wan, &call(public, 64), &call(HOST6, 63)),
            goes_out(wan, &answer(HOST6, 64), &answer(public, 63)),
        ];
        story::check("c-49", steps.concat(), 1);
    }
}

#[test]
fn c_49_link_local_addresses_are_never_forwarded() {
    let packet = |from, to| Ip { ttl: 64, ..ip(from, to) }.udp((9, 9), b"here only");
    let steps = vec![
        arrives(Inside, &packet("fe80::2", SERVER6)),
        Drop("foreign-source"),
        arrives(Inside, &packet(HOST6, "fe80::2")),
        Drop("martian-destination"),
        arrives(Fiber, &packet("fe80::1", PUBLIC)),
        Drop("martian-source"),
        // To a link-local address of the router: its kernel's business.
        arrives(Fiber, &packet("fe80::1", "fe80::2")),
    ];
    story::check("c-49", steps, 0);
}
