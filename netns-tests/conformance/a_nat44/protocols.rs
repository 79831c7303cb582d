//! C-13: protocols that flowpin does not know pass both ways with nothing but addresses changed.

use crate::story::packets::{ACK, Ip, ip};
use crate::story::{self, At, SERVER, comes_in, goes_out};
use At::Fiber;

#[test]
fn c_13_unknown_protocols_pass_both_ways_with_their_bytes_as_they_are() {
    // IGMP, GRE, ESP, AH, SCTP and a number for experiments; the bytes look like nothing in particular.
    let bytes: Vec<u8> = (0..=60).collect();
    for (protocol, flows) in [(2, 1), (47, 1), (50, 1), (51, 1), (132, 1), (253, 1)] {
        let steps = [
            goes_out(
                Fiber,
                &ip("10.250.250.2", SERVER).raw(protocol, &bytes),
                &ip("192.0.2.2", SERVER).ttl(63).raw(protocol, &bytes),
            ),
            comes_in(
                Fiber,
                &ip(SERVER, "192.0.2.2").raw(protocol, &bytes),
                &ip(SERVER, "10.250.250.2").ttl(63).raw(protocol, &bytes),
            ),
        ];
        story::check("c-13", steps.concat(), flows);
    }
}

/// Shows RFC 4787 REQ-10, RFC 5382 REQ-6.
#[test]
fn c_13_an_address_in_a_payload_is_nobodys_business() {
    let ftp = |ip: Ip| ip.tcp((40000, 21), ACK, b"", b"PORT 10,250,250,2,156,64\r\n");
    let sip = |ip: Ip| ip.udp((5060, 5060), b"Contact: <sip:10.250.250.2:5060>\r\n");
    let (before, after) = (ip("10.250.250.2", SERVER), ip("192.0.2.2", SERVER).ttl(63));
    let steps = [goes_out(Fiber, &ftp(before), &ftp(after)), goes_out(Fiber, &sip(before), &sip(after))];
    story::check("c-13", steps.concat(), 2);
}

#[test]
fn c_13_an_unknown_protocol_from_outside_needs_no_flow() {
    let steps = comes_in(
        Fiber,
        &ip(SERVER, "192.0.2.2").raw(47, b"tunnel"),
        &ip(SERVER, "10.250.250.2").ttl(63).raw(47, b"tunnel"),
    );
    story::check("c-13", steps.into(), 1);
}
