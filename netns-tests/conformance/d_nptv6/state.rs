//! C-45 and C-46: a translator remembers nothing, and each WAN has its own. Must never know: how addresses are computed.

use crate::story::packets::{ACK, ip};
use crate::story::{self, At, HOST6, SERVER6, Step, Story, comes_in, goes_out};
use At::{Cable, Fiber};
use Step::Wait;
use std::time::Duration;

const ON_FIBER: &str = "2001:db8:a:c81::100";
const ON_CABLE: &str = "2001:db8:b:be01:27ea::100";

/// A call from outside that is delivered.
fn called(wan: At, public: &str) -> Vec<Step> {
    let call = |to, ttl| ip(SERVER6, to).ttl(ttl).udp((9, 9), b"are you there?");
    comes_in(wan, &call(public, 64), &call(HOST6, 63)).into()
}

/// Shows RFC 6296 §5.
#[test]
fn c_45_an_address_translates_the_same_without_a_flow_and_after_it_has_gone() {
    let pause = vec![Wait(Duration::from_secs(3600))];
    let steps = [called(Fiber, ON_FIBER), pause, called(Fiber, ON_FIBER)].concat();
    Story::new("c-45", steps, 2).with_expired(1).check();
}

/// Shows RFC 6296 §5.
#[test]
fn c_45_the_middle_of_a_connection_passes_a_router_that_has_just_started() {
    let out = |from, ttl| ip(from, SERVER6).ttl(ttl).tcp((50000, 443), ACK, b"", b"more");
    let back = |to, ttl| ip(SERVER6, to).ttl(ttl).tcp((443, 50000), ACK, b"", b"yet more");
    let goes = goes_out(Fiber, &out(HOST6, 64), &out(ON_FIBER, 63));
    let comes = comes_in(Fiber, &back(ON_FIBER, 64), &back(HOST6, 63));
    // Each story is a router without a memory; whichever side speaks first, the other is understood.
    story::check("c-45", [goes.clone(), comes.clone()].concat(), 1);
    story::check("c-45", [comes, goes].concat(), 1);
}

/// Shows RFC 6296 §3.1.
#[test]
fn c_46_one_host_is_reached_through_two_translators_and_answers_through_the_one_that_was_used() {
    let answer = |from, ttl| ip(from, SERVER6).ttl(ttl).udp((9, 10), b"I am");
    let call = |to, ttl| ip(SERVER6, to).ttl(ttl).udp((10, 9), b"and on the other line?");
    // The neutral translator of cable changes no checksum, and it is right on both sides.
    let steps = [
        comes_in(Cable, &call(ON_CABLE, 64), &call(HOST6, 63)).to_vec(),
        goes_out(Cable, &answer(HOST6, 64), &answer(ON_CABLE, 63)).to_vec(),
        called(Fiber, ON_FIBER),
        called(Cable, ON_CABLE),
    ];
    story::check("c-46", steps.concat(), 2);
    let steps = [
        comes_in(Fiber, &call(ON_FIBER, 64), &call(HOST6, 63)).to_vec(),
        goes_out(Fiber, &answer(HOST6, 64), &answer(ON_FIBER, 63)).to_vec(),
    ];
    story::check("c-46", steps.concat(), 1);
}
