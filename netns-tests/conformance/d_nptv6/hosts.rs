//! C-43 and C-47: hairpin, and single hosts that beat the prefix. Must never know: how addresses are computed.

use crate::story::packets::ip;
use crate::story::{self, At, HOST6, SERVER6, Step, arrives, comes_in, goes_out, leaves};
use At::{Cable, Fiber, Inside};

/// The configuration of the stories with a host of its own on each WAN: their ::1 leads out of the translated prefix.
fn with_hosts() -> String {
    let fiber = "mode = \"prefix\"\n[wan.inbound6]\n\"2001:db8:a:c80::1\" = \"fd00:bad:b01:fe::2\"\n";
    let cable = "mode = \"rfc6296\"\n[wan.inbound6]\n\"2001:db8:b:be00::1\" = \"fd00:bad:b01:fe::2\"\n";
    let config = story::config().replace("mode = \"prefix\"", fiber).replace("mode = \"rfc6296\"", cable);
    config.replace("\"fd00:bad:b01::/60\"]", "\"fd00:bad:b01::/60\", \"fd00:bad:b01:fe::/64\"]")
}

const FIREWALL: &str = "fd00:bad:b01:fe::2";
const WAYS: [(At, &str); 2] = [(Fiber, "2001:db8:a:c80::1"), (Cable, "2001:db8:b:be00::1")];

/// From inside, and back inside with the sender's public address.
fn turns_round(before: &[u8], after: &[u8]) -> [Step; 2] {
    [arrives(Inside, before), leaves(Inside, after)]
}

/// Shows RFC 6296 §4.3.
#[test]
fn c_43_who_is_called_by_its_public_address_from_inside_sees_the_public_address_of_the_caller() {
    let other = "fd00:bad:b01:2::50";
    let on_fiber = ["2001:db8:a:c81::100", "2001:db8:a:c82::50"];
    let on_cable = ["2001:db8:b:be01:27ea::100", "2001:db8:b:be02:27ea::50"];
    let steps = [on_fiber, on_cable].map(|[caller, callee]| {
        let asks = |from, to, ttl| ip(from, to).ttl(ttl).udp((7, 9), b"neighbour?");
        let answers = |from, to, ttl| ip(from, to).ttl(ttl).udp((9, 7), b"yes");
        [
            turns_round(&asks(HOST6, callee, 64), &asks(caller, other, 63)),
            turns_round(&answers(other, caller, 64), &answers(callee, HOST6, 63)),
        ]
        .concat()
    });
    story::check("c-43", steps.concat(), 0);
}

#[test]
fn c_47_a_host_of_its_own_beats_the_prefix_in_both_directions() {
    for (wan, public) in WAYS {
        let call = |to, ttl| ip(SERVER6, to).ttl(ttl).tcp((50000, 443), 2, b"", b"");
        let answer = |from, ttl| ip(from, SERVER6).ttl(ttl).tcp((443, 50000), 18, b"", b"");
        let steps = [
            comes_in(wan, &call(public, 64), &call(FIREWALL, 63)),
            goes_out(wan, &answer(FIREWALL, 64), &answer(public, 63)),
        ];
        story::check_with(&with_hosts(), "c-47", steps.concat(), 1);
    }
    // What it begins itself leaves with the same address.
    let asks = |from, ttl| ip(from, SERVER6).ttl(ttl).udp((123, 123), b"time?");
    story::check_with(&with_hosts(), "c-47", goes_out(Fiber, &asks(FIREWALL, 64), &asks(WAYS[0].1, 63)).into(), 1);
}

#[test]
fn c_47_errors_about_it_are_translated_in_both_directions() {
    for (wan, public) in WAYS {
        let call = |to, ttl| ip(SERVER6, to).ttl(ttl).udp((10, 9), b"call");
        let answer = |from, ttl| ip(from, SERVER6).ttl(ttl).udp((9, 10), b"answer");
        let from_outside =
            |to, quoted, ttl| ip("2001:db8:99::1", to).ttl(ttl).icmp(2, 0, [0, 0, 5, 0], &answer(quoted, 60));
        let from_inside = |from, quoted, ttl| ip(from, SERVER6).ttl(ttl).icmp(1, 4, [0; 4], &call(quoted, 63));
        let steps = [
            comes_in(wan, &call(public, 64), &call(FIREWALL, 63)),
            goes_out(wan, &from_inside(FIREWALL, FIREWALL, 64), &from_inside(public, public, 63)),
            goes_out(wan, &answer(FIREWALL, 64), &answer(public, 63)),
            comes_in(wan, &from_outside(public, public, 64), &from_outside(FIREWALL, FIREWALL, 63)),
        ];
        story::check_with(&with_hosts(), "c-47", steps.concat(), 1);
    }
}

#[test]
fn c_47_it_is_reached_from_inside_by_its_public_address() {
    for ((_, public), caller) in WAYS.into_iter().zip(["2001:db8:a:c81::100", "2001:db8:b:be01:27ea::100"]) {
        let asks = |from, to, ttl| ip(from, to).ttl(ttl).udp((7, 443), b"hello");
        let answers = |from, to, ttl| ip(from, to).ttl(ttl).udp((443, 7), b"good day");
        let steps = [
            turns_round(&asks(HOST6, public, 64), &asks(caller, FIREWALL, 63)),
            turns_round(&answers(FIREWALL, caller, 64), &answers(public, HOST6, 63)),
        ];
        story::check_with(&with_hosts(), "c-47", steps.concat(), 0);
    }
}
