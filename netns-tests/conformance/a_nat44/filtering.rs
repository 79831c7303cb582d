//! C-06 and C-14: who may speak to an inside host, and who gets whose answers.

use super::{HOSTS, full};
use crate::story::packets::{SYN, ip};
use crate::story::{self, At, SERVER, arrives, comes_in, goes_out};
use At::Fiber;

/// Shows RFC 4787 REQ-8, RFC 5382 REQ-3, RFC 7857 §5.
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

/// A laboratory or a NAT in front of the line may have private addresses, those of the inside among them but for its own.
/// Shows RFC 4787 REQ-7.
#[test]
fn c_06_an_outside_host_may_have_a_private_address() {
    for host in ["10.250.250.9", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1"] {
        let steps = [
            goes_out(
                Fiber,
                &ip("10.250.250.2", host).udp((4000, 53), b"out"),
                &ip("192.0.2.2", host).ttl(63).udp((4000, 53), b"out"),
            ),
            comes_in(
                Fiber,
                &ip(host, "192.0.2.2").udp((53, 4000), b"in"),
                &ip(host, "10.250.250.2").ttl(63).udp((53, 4000), b"in"),
            ),
        ];
        story::check("c-06", steps.concat(), 1);
    }
}

/// Shows RFC 1812 §5.2.3.
#[test]
fn c_06_an_address_that_nobody_has_is_not_flowpins() {
    story::check("c-06", vec![arrives(Fiber, &ip(SERVER, "192.0.2.3").udp((1, 2), b"nobody"))], 0);
}

/// Shows RFC 5508 REQ-1.
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
