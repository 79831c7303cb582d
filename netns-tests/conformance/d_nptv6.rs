//! C-40 to C-49: prefix translation, neutral or by prefix alone, keeps no state and never takes two addresses for one.

use crate::story::packets::ip;
use crate::story::{self, At, HOST6, SERVER6, Step, Story, behind, comes_in, cut6, goes_out};
use At::{Cable, Fiber};
use Step::Wait;
use std::time::Duration;

#[test]
fn c_45_an_address_translates_the_same_without_a_flow_and_after_it_has_gone() {
    let public = "2001:db8:b:be01:27ea::100";
    let call = |to, ttl| ip(SERVER6, to).ttl(ttl).udp((9, 9), b"are you there?");
    let called = || comes_in(Cable, &call(public, 64), &ip(SERVER6, HOST6).ttl(63).raw(17, &call(public, 64)[40..]));
    let pause = vec![Wait(Duration::from_secs(3600))];
    let steps = [called().to_vec(), pause, called().to_vec()].concat();
    Story::new("c-45", steps, 2).with_expired(1).check();
}

#[test]
fn c_49_extension_headers_pass_as_they_are() {
    let public = "2001:db8:a:c81::100";
    // Padding options; segments left 0 in a routing header of type 4; 12 bytes of integrity check.
    let hop_by_hop: (u8, &[u8]) = (0, &[0, 1, 4, 0, 0, 0, 0]);
    let destination: (u8, &[u8]) = (60, &[0, 1, 4, 0, 0, 0, 0]);
    let routing: (u8, &[u8]) = (43, &[0, 4, 0, 0, 0, 0, 0]);
    let authentication: (u8, &[u8]) = (51, &[4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    let chains: [&[(u8, &[u8])]; 5] = [
        &[hop_by_hop],
        &[destination],
        &[routing],
        &[authentication],
        &[hop_by_hop, destination, routing, authentication],
    ];
    for chain in chains {
        let packet = |from, ttl| behind(&ip(from, SERVER6).ttl(ttl).udp((9, 9), b"behind"), chain);
        story::check("c-49", goes_out(Fiber, &packet(HOST6, 64), &packet(public, 63)).into(), 1);
    }
    let pieces = |from, ttl| cut6(&ip(from, SERVER6).ttl(ttl).udp((9, 9), &[1; 100]), 77, &[48, 48]);
    let (before, after) = (pieces(HOST6, 64), pieces(public, 63));
    let steps: Vec<_> = before.iter().zip(&after).flat_map(|(before, after)| goes_out(Fiber, before, after)).collect();
    story::check("c-49", steps, 1);
}
