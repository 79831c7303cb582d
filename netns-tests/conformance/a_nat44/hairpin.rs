//! C-07 to C-09, and C-43 and C-47 as far as they are hairpin: inside hosts that call each other by public addresses.

use super::full;
use crate::story::packets::{Ip, SYN, ip};
use crate::story::{self, At, Step, arrives, cut4, cut6, leaves};
use At::Inside;
use Step::Drop;

/// A caller, the public address that it calls, its own on that WAN, and the host it reaches.
type Round = [&'static str; 4];

/// On the preferred WAN, on the other one, and to the caller's own address.
const ROUNDS4: [Round; 3] = [
    ["10.250.250.2", "192.0.2.3", "192.0.2.2", "10.250.250.3"],
    ["10.250.250.2", "198.51.100.3", "198.51.100.2", "10.250.250.3"],
    ["10.250.250.2", "198.51.100.2", "198.51.100.2", "10.250.250.2"],
];
/// By prefix, to an external host, from its inside host, and neutrally.
const ROUNDS6: [Round; 4] = [
    ["fd00:bad:b01:1::100", "2001:db8:a:c82::50", "2001:db8:a:c81::100", "fd00:bad:b01:2::50"],
    ["fd00:bad:b01:1::100", "2001:db8:a:c80::1", "2001:db8:a:c81::100", "fd00:bad:b01:fe::2"],
    ["fd00:bad:b01:fe::2", "2001:db8:a:c82::50", "2001:db8:a:c80::1", "fd00:bad:b01:2::50"],
    ["fd00:bad:b01:1::100", "2001:db8:b:be02:27ea::50", "2001:db8:b:be01:27ea::100", "fd00:bad:b01:2::50"],
];

/// Both hosts on both WANs, and an external host on fiber whose inside host lies outside of the prefix.
fn config() -> String {
    full()
        .replace(
            "\n[[wan]]\nname = \"cable\"",
            "[wan.inbound6]\n\"2001:db8:a:c80::1\" = \"fd00:bad:b01:fe::2\"\n\n[[wan]]\nname = \"cable\"",
        )
        .replace("\"fd00:bad:b01::/60\"]", "\"fd00:bad:b01::/60\", \"fd00:bad:b01:fe::/64\"]")
}

/// What is sent as `before` comes back inside as `after`; no flow is made, nothing reaches a WAN.
fn round(before: &[u8], after: &[u8]) -> [Step; 2] {
    [arrives(Inside, before), leaves(Inside, after)]
}

/// The same packet from the caller to the public address, and from the caller's public address to the host, come back in
/// every translation of `rounds`.
fn come_back(name: &str, rounds: &[Round], make: impl Fn(Ip) -> Vec<u8>) {
    for [caller, called, seen, host] in rounds {
        let steps = round(&make(ip(caller, called)), &make(ip(seen, host).ttl(63)));
        story::check_with(&config(), name, steps.into(), 0);
    }
}

/// Shows RFC 4787 REQ-9, RFC 4787 REQ-9a, RFC 5382 REQ-8, RFC 5382 REQ-8a, RFC 5508 REQ-7, RFC 7857 §12.
#[test]
fn c_07_udp_tcp_and_echo_come_back_from_the_callers_public_address() {
    come_back("c-07", &ROUNDS4, |ip| ip.udp((4000, 53), b"question"));
    come_back("c-07", &ROUNDS4, |ip| ip.udp_unsummed((4000, 53), b"question"));
    come_back("c-07", &ROUNDS4, |ip| ip.tcp((4000, 443), SYN, b"", b""));
    come_back("c-07", &ROUNDS4, |ip| ip.echo(8, 42, b"ping"));
    come_back("c-07", &ROUNDS4, |ip| ip.echo(0, 42, b"ping"));
}

#[test]
fn c_07_protocols_without_a_name_come_back() {
    for protocol in [47, 50, 132, 253] {
        come_back("c-07", &ROUNDS4, |ip| ip.raw(protocol, b"any bytes at all"));
    }
}

#[test]
fn c_07_fragments_come_back_in_any_order() {
    let [caller, called, seen, host] = ROUNDS4[0];
    let pieces =
        |from, to, ttl| cut4(&Ip { id: 7, fragment: 0, ..ip(from, to) }.ttl(ttl).udp((4000, 53), &[7; 100]), &[48, 32]);
    let (before, after) = (pieces(caller, called, 64), pieces(seen, host, 63));
    let steps = [2, 0, 1].map(|piece: usize| round(&before[piece], &after[piece])).concat();
    story::check_with(&config(), "c-07", steps, 0);
}

#[test]
fn c_07_a_host_that_calls_itself_meets_itself_once() {
    let question = ip("10.250.250.2", "192.0.2.2").udp((4000, 53), b"me?");
    let came = ip("192.0.2.2", "10.250.250.2").ttl(63).udp((4000, 53), b"me?");
    // If the firewall throws it back, it ends there.
    let steps = [&round(&question, &came)[..], &[arrives(Inside, &came), Drop("foreign-source")]].concat();
    story::check_with(&config(), "c-07", steps, 0);
}

#[test]
fn c_07_an_answer_comes_back_from_the_address_that_was_called() {
    let answer = |from, to| ip(from, to).udp((53, 4000), b"answer");
    let came = |from, to| ip(from, to).ttl(63).udp((53, 4000), b"answer");
    let steps = ROUNDS4.map(|[caller, called, seen, host]| round(&answer(host, seen), &came(called, caller)));
    story::check_with(&config(), "c-07", steps.concat(), 0);
}

#[test]
fn c_08_a_caller_without_an_address_on_that_wan_is_told_that_there_is_no_way() {
    // Without the line that `config` adds, .3 has no address on fiber.
    let call = ip("10.250.250.3", "192.0.2.2").udp((4000, 53), b"question");
    let told = story::router_error("10.250.250.1", "10.250.250.3", 3, 0, [0; 4], &call);
    story::check("c-08", vec![arrives(Inside, &call), leaves(Inside, &told), Drop("no-wan")], 0);
}

/// A port is closed: the host says so, and the caller hears it from the address that it called, about what it sent.
fn refusals(name: &str, rounds: &[Round], kind: u8, code: u8) {
    for [caller, called, seen, host] in rounds {
        let call = |from, to, ttl| ip(from, to).ttl(ttl).udp((4000, 9), b"anybody?");
        let refusal = ip(host, seen).icmp(kind, code, [0; 4], &call(seen, host, 63));
        let heard = ip(called, caller).ttl(63).icmp(kind, code, [0; 4], &call(caller, called, 63));
        story::check_with(&config(), name, round(&refusal, &heard).into(), 0);
    }
}

/// Shows RFC 5508 REQ-7.
#[test]
fn c_09_an_error_about_what_came_back_has_all_four_addresses_translated() {
    refusals("c-09", &ROUNDS4, 3, 3);
}

#[test]
fn c_09_a_middle_router_without_an_address_speaks_as_the_host_that_was_called() {
    let [caller, called, seen, host] = ROUNDS4[0];
    let call = |from, to, ttl| ip(from, to).ttl(ttl).udp((4000, 9), b"anybody?");
    let too_big = ip("10.250.250.5", seen).icmp(3, 4, [0, 0, 5, 0x14], &call(seen, host, 63)[..28]);
    let heard = ip(called, caller).ttl(63).icmp(3, 4, [0, 0, 5, 0x14], &call(caller, called, 63)[..28]);
    story::check_with(&config(), "c-09", round(&too_big, &heard).into(), 0);
}

#[test]
fn c_09_an_error_about_a_later_fragment_finds_its_way_too() {
    let [caller, called, seen, host] = ROUNDS4[1];
    let later = |from, to, ttl| {
        cut4(&Ip { id: 7, fragment: 0, ..ip(from, to) }.ttl(ttl).udp((4000, 53), &[7; 100]), &[48])[1].clone()
    };
    let exceeded = ip(host, seen).icmp(11, 1, [0; 4], &later(seen, host, 63));
    let heard = ip(called, caller).ttl(63).icmp(11, 1, [0; 4], &later(caller, called, 63));
    story::check_with(&config(), "c-09", round(&exceeded, &heard).into(), 0);
}

#[test]
fn c_09_an_error_that_contradicts_itself_ends() {
    let [_, called, seen, host] = ROUNDS4[0];
    let call = ip(seen, host).ttl(63).udp((4000, 9), b"anybody?");
    let to_another = ip(host, called).icmp(3, 3, [0; 4], &call);
    story::check_with(&config(), "c-09", vec![arrives(Inside, &to_another), Drop("stray-icmp-error")], 0);
}

/// Shows RFC 6296 §4.3.
#[test]
fn c_43_an_inside_host_sees_the_external_address_of_another_in_both_modes() {
    come_back("c-43", &ROUNDS6, |ip| ip.udp((4000, 53), b"question"));
    come_back("c-43", &ROUNDS6, |ip| ip.tcp((4000, 443), SYN, b"", b""));
    come_back("c-43", &ROUNDS6, |ip| ip.echo(128, 42, b"ping"));
    come_back("c-43", &ROUNDS6, |ip| ip.raw(50, b"any bytes at all"));
}

#[test]
fn c_43_fragments_come_back_in_any_order() {
    for [caller, called, seen, host] in ROUNDS6 {
        let whole = ip(caller, called).udp((4000, 53), &[7; 100]);
        let translated = ip(seen, host).ttl(63).udp((4000, 53), &[7; 100]);
        let (before, after) = (cut6(&whole, 9, &[48, 32]), cut6(&translated, 9, &[48, 32]));
        let steps = [2, 0, 1].map(|piece: usize| round(&before[piece], &after[piece])).concat();
        story::check_with(&config(), "c-43", steps, 0);
    }
}

/// Shows RFC 6296 §2 errors.
#[test]
fn c_43_an_error_about_what_came_back_has_all_four_addresses_translated() {
    refusals("c-43", &ROUNDS6, 1, 4);
}

#[test]
fn c_47_an_external_host_is_reached_from_inside_and_reaches_others_under_its_address() {
    come_back("c-47", &ROUNDS6[1..3], |ip| ip.udp((4000, 53), b"question"));
    refusals("c-47", &ROUNDS6[1..3], 1, 4);
}
