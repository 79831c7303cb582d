//! C-06 and C-14: who may speak to an inside host, and who gets whose answers.

use super::{HOSTS, full};
use crate::story::packets::{SYN, ip};
use crate::story::{self, At, SERVER, arrives, comes_in, goes_out};
use At::Fiber;

#[test]
fn c_06_anybody_may_speak_to_a_mapped_address_on_any_port() {
    let call = |from, ports| {
        comes_in(
            Fiber,
            &ip(from, "192.0.2.2").udp(ports, b"hello"),
            &ip(from, "10.250.250.2").ttl(63).udp(ports, b"hello"),
        )
    };
    let steps = [
        goes_out(
            Fiber,
            &ip("10.250.250.2", SERVER).udp((4000, 3478), b"stun"),
            &ip("192.0.2.2", SERVER).ttl(63).udp((4000, 3478), b"stun"),
        ),
        call(SERVER, (3478, 4000)),
        call(SERVER, (3479, 4000)),
        call("203.0.113.11", (3478, 4000)),
        call("203.0.113.12", (9, 9)),
        comes_in(
            Fiber,
            &ip(SERVER, "192.0.2.2").tcp((3478, 4000), SYN, b"", b""),
            &ip(SERVER, "10.250.250.2").ttl(63).tcp((3478, 4000), SYN, b"", b""),
        ),
    ];
    story::check("c-06", steps.concat(), 5);
}

#[test]
fn c_06_an_address_that_nobody_has_is_not_flowpins() {
    story::check("c-06", vec![arrives(Fiber, &ip(SERVER, "192.0.2.3").udp((1, 2), b"nobody"))], 0);
}

#[test]
fn c_14_two_hosts_that_ping_with_one_identifier_get_their_own_replies() {
    let requests = HOSTS.map(|(inside, [public, _])| {
        goes_out(
            Fiber,
            &ip(inside, SERVER).echo(8, 42, inside.as_bytes()),
            &ip(public, SERVER).ttl(63).echo(8, 42, inside.as_bytes()),
        )
    });
    let replies = HOSTS.map(|(inside, [public, _])| {
        comes_in(
            Fiber,
            &ip(SERVER, public).echo(0, 42, inside.as_bytes()),
            &ip(SERVER, inside).ttl(63).echo(0, 42, inside.as_bytes()),
        )
    });
    story::check_with(&full(), "c-14", [requests.concat(), replies.concat()].concat(), 2);
}
