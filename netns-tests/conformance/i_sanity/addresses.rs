//! C-86 to C-88: addresses that no packet may carry here, and sources that may not be where they are.

use crate::story::packets::ip;
use crate::story::{self, At, HOST6, SERVER, SERVER6, arrives, comes_in, goes_out};
use At::{Cable, Fiber, Inside};
use story::Step::Drop;

const PUBLIC6: &str = "2001:db8:a:c81::100";

/// A packet from outside with that source is dropped.
fn from_outside(source: &str, reason: &'static str) {
    let to = if source.contains(':') { PUBLIC6 } else { "192.0.2.2" };
    story::check("c-86", vec![arrives(Fiber, &ip(source, to).udp((1, 2), b"x")), Drop(reason)], 0);
}

/// A packet from inside to that destination is dropped.
fn from_inside(destination: &str, reason: &'static str) {
    let from = if destination.contains(':') { HOST6 } else { "10.250.250.2" };
    story::check("c-86", vec![arrives(Inside, &ip(from, destination).udp((1, 2), b"x")), Drop(reason)], 0);
}

/// Shows RFC 1812 §5.3.7.
#[test]
fn c_86_no_martian_comes_in() {
    let v4 =
        ["0.0.0.0", "0.255.255.255", "127.0.0.1", "127.255.255.254", "169.254.0.1", "224.0.0.1", "239.255.255.255"];
    let v6 = ["::", "::1", "::ffff:203.0.113.10", "fe80::1", "febf::1", "ff02::1", "ff0e::1"];
    for source in v4.into_iter().chain(["240.0.0.1", "255.255.255.254", "255.255.255.255"]).chain(v6) {
        from_outside(source, "martian-source");
    }
}

/// Shows RFC 1812 §5.3.7.
#[test]
fn c_86_no_martian_goes_out() {
    let v4 = ["0.0.0.0", "0.0.0.1", "127.0.0.1", "169.254.1.1", "240.0.0.1", "255.255.255.254"];
    let v6 = ["::", "::1", "::ffff:203.0.113.10", "fe80::1"];
    for destination in v4.into_iter().chain(v6) {
        from_inside(destination, "martian-destination");
    }
}

#[test]
fn c_86_no_own_address_comes_from_outside() {
    for source in ["192.0.2.2", "198.51.100.2", "198.51.100.3", "2001:db8:a:c81::9", "2001:db8:b:be01::9"] {
        from_outside(source, "spoofed-source");
    }
}

#[test]
fn c_86_neighbours_of_the_martians_are_none() {
    for (host, host6) in [("1.0.0.1", "2000::1"), ("126.0.0.1", "2001:db8::9"), ("223.255.255.254", "fec0::1")] {
        let steps = [
            comes_in(
                Fiber,
                &ip(host, "192.0.2.2").udp((1, 2), b"x"),
                &ip(host, "10.250.250.2").ttl(63).udp((1, 2), b"x"),
            ),
            goes_out(
                Fiber,
                &ip("10.250.250.2", host).udp((3, 4), b"x"),
                &ip("192.0.2.2", host).ttl(63).udp((3, 4), b"x"),
            ),
            comes_in(Fiber, &ip(host6, PUBLIC6).udp((1, 2), b"x"), &ip(host6, HOST6).ttl(63).udp((1, 2), b"x")),
        ];
        story::check("c-86", steps.concat(), 3);
    }
}

/// Shows RFC 1812 §5.3.7.
#[test]
fn c_86_the_list_is_the_administrators() {
    let config = format!("{}\n[limits]\nmartians = [\"203.0.113.0/24\", \"2001:db8:5::/48\"]\n", story::config());
    let steps = vec![
        arrives(Fiber, &ip(SERVER, "192.0.2.2").udp((1, 2), b"x")),
        Drop("martian-source"),
        arrives(Inside, &ip(HOST6, SERVER6).udp((1, 2), b"x")),
        Drop("martian-destination"),
        // Groups are nobody's source and no single host, whatever the list says.
        arrives(Fiber, &ip("224.0.0.1", "192.0.2.2").udp((1, 2), b"x")),
        Drop("martian-source"),
    ];
    let passes = goes_out(
        Fiber,
        &ip("10.250.250.2", "169.254.1.1").udp((1, 2), b"x"),
        &ip("192.0.2.2", "169.254.1.1").ttl(63).udp((1, 2), b"x"),
    );
    story::check_with(&config, "c-86", [steps, passes.into()].concat(), 1);
}

/// Shows RFC 1812 §5.3.5.1.
#[test]
fn c_87_a_limited_broadcast_or_a_group_never_leaves() {
    for group in ["255.255.255.255", "224.0.0.5", "239.255.255.250", "ff02::1", "ff05::2", "ff0e::101"] {
        from_inside(group, "martian-destination");
    }
    // What the ISP sends to all is the kernel's, if anybody's: DHCP listens there.
    story::check("c-87", vec![arrives(Fiber, &ip(SERVER, "255.255.255.255").udp((67, 68), b"x"))], 0);
}

#[test]
fn c_88_nothing_leaves_with_a_source_that_is_not_inside() {
    let foreign = ["203.0.113.99", "10.250.250.8", "10.250.249.255", "192.168.1.1", "192.0.2.2", "127.0.0.1"];
    let foreign6 = ["2001:db8:5::99", "fd00:bad:b01:10::1", "fd00:bad:b00:ffff::1", "fe80::9", "2001:db8:a:c81::100"];
    for source in foreign.into_iter().chain(foreign6) {
        let to = if source.contains(':') { SERVER6 } else { SERVER };
        story::check("c-88", vec![arrives(Inside, &ip(source, to).udp((1, 2), b"x")), Drop("foreign-source")], 0);
    }
}

/// Shows RFC 1812 §5.3.8.
#[test]
fn c_88_nothing_from_a_wan_claims_to_be_inside() {
    for source in ["10.250.250.2", "10.250.250.7", "fd00:bad:b01:1::100", "fd00:bad:b01:f:ffff:ffff:ffff:ffff"] {
        from_outside(source, "spoofed-source");
    }
}

/// Shows RFC 1812 §5.3.8.
#[test]
fn c_88_a_source_that_the_other_wan_is_the_way_to_may_come_in() {
    // New flows to this server take fiber; on cable it is as welcome.
    let steps = [
        goes_out(
            Fiber,
            &ip("10.250.250.2", SERVER).udp((1, 2), b"x"),
            &ip("192.0.2.2", SERVER).ttl(63).udp((1, 2), b"x"),
        ),
        comes_in(
            Cable,
            &ip(SERVER, "198.51.100.2").udp((8, 9), b"x"),
            &ip(SERVER, "10.250.250.2").ttl(63).udp((8, 9), b"x"),
        ),
        goes_out(
            Cable,
            &ip("10.250.250.2", SERVER).udp((9, 8), b"x"),
            &ip("198.51.100.2", SERVER).ttl(63).udp((9, 8), b"x"),
        ),
    ];
    story::check("c-88", steps.concat(), 2);
}

#[test]
fn c_88_private_sources_come_in_unless_the_list_says_otherwise() {
    let private = ip("192.168.1.1", "192.0.2.2").udp((1, 2), b"x");
    let inside = ip("192.168.1.1", "10.250.250.2").ttl(63).udp((1, 2), b"x");
    story::check("c-88", comes_in(Fiber, &private, &inside).into(), 1);
    let config = format!("{}\n[limits]\nmartians = [\"192.168.0.0/16\"]\n", story::config());
    story::check_with(&config, "c-88", vec![arrives(Fiber, &private), Drop("martian-source")], 0);
}

#[test]
fn c_88_what_the_inside_sends_to_itself_is_not_the_routers() {
    for (from, to) in [("10.250.250.2", "10.250.250.3"), (HOST6, "fd00:bad:b01:2::50")] {
        story::check("c-88", vec![arrives(Inside, &ip(from, to).udp((1, 2), b"x")), Drop("inside-to-inside")], 0);
    }
}
