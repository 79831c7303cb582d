//! C-31: errors from inside leave by the WAN of the flow that they are about, and show nothing of the inside.

use super::{Family, N6, V4, V6};
use crate::story::packets::ip;
use crate::story::{self, At, Step, arrives, comes_in, cut4, goes_out};
use At::{Cable, Fiber, Inside};
use Step::Drop;

/// A call comes in; `sender` refuses it with an error about it, which leaves from `speaks`.
fn refusal(of: &Family, wan: At, public: &str, sender: &str, speaks: &str, call: impl Fn(&str, u8) -> Vec<u8>) {
    let refuse =
        |from, to: &str, ttl| ip(from, of.server).ttl(ttl).icmp(of.unreachable, of.port, [0; 4], &call(to, 63));
    let steps = [
        comes_in(wan, &call(public, 64), &call(of.inside, 63)),
        goes_out(wan, &refuse(sender, of.inside, 64), &refuse(speaks, public, 63)),
    ];
    story::check("c-31", steps.concat(), 1);
}

/// Shows RFC 5508 REQ-5, RFC 5508 REQ-5a, RFC 5508 REQ-5b, RFC 5508 REQ-5c, RFC 6296 §2 errors.
#[test]
fn c_31_an_error_from_inside_leaves_from_its_senders_public_address() {
    for of in [V4, V6, N6] {
        refusal(&of, of.wan, of.public, of.inside, of.public, |to, ttl| of.call(to, ttl));
    }
    refusal(&V4, Cable, "198.51.100.2", V4.inside, "198.51.100.2", |to, ttl| V4.call(to, ttl));
    // A middle router with an address of its own: 10.250.250.3 has none on fiber, but one on cable.
    refusal(&V4, Cable, "198.51.100.2", "10.250.250.3", "198.51.100.3", |to, ttl| V4.call(to, ttl));
    let (router, public) = ("fd00:bad:b01:f::9", "2001:db8:a:c8f::9");
    refusal(&V6, Fiber, V6.public, router, public, |to, ttl| V6.call(to, ttl));
}

/// Shows RFC 5508 REQ-5c.
#[test]
fn c_31_a_sender_without_a_public_address_speaks_as_the_host_it_speaks_of() {
    refusal(&V4, Fiber, V4.public, "10.250.250.4", V4.public, |to, ttl| V4.call(to, ttl));
    refusal(&V4, Fiber, V4.public, "10.250.250.3", V4.public, |to, ttl| V4.call(to, ttl));
}

/// Shows RFC 5508 REQ-5.
#[test]
fn c_31_an_error_about_nothing_that_came_in_is_stray() {
    for of in [V4, V6, N6] {
        let stray = ip(of.inside, of.server).icmp(of.unreachable, of.port, [0; 4], &of.call(of.inside, 63));
        story::check("c-31", vec![arrives(Inside, &stray), Drop("stray-icmp-error")], 0);
        // One to somebody else than the sender of what it quotes.
        let crossed = ip(of.inside, of.hop).icmp(of.unreachable, of.port, [0; 4], &of.call(of.inside, 63));
        let call = comes_in(of.wan, &of.call(of.public, 64), &of.call(of.inside, 63));
        let steps = [&call[..], &[arrives(Inside, &crossed), Drop("stray-icmp-error")]].concat();
        story::check("c-31", steps, 1);
    }
}

/// Which WAN a later fragment came in on is nowhere remembered, and its first has told the same already: the two are of
/// one size, but for the last.
#[test]
fn c_31_an_error_from_inside_about_a_later_fragment_ends_at_the_router() {
    let mut call = ip(V4.server, V4.inside).ttl(63).udp((443, 40000), &[7; 100]);
    call[6] = 0;
    story::sum_again(&mut call);
    let later = &cut4(&call, &[48])[1];
    let stray = ip(V4.inside, V4.server).icmp(11, 1, [0; 4], later);
    story::check("c-31", vec![arrives(Inside, &stray), Drop("stray-icmp-error")], 0);
}
