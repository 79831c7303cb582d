//! The fiber as a segment that others are on too: a switch at ISP a, between its gateway, the router and another station.
//! Must never know: any single claim.

use super::does;
use flowpin::lab::topology::Line;
use flowpin::lab::{Lab, Namespace};

/// The other station. Its link to the switch is `seg0`, without addresses.
pub struct Segment {
    /// Where it is.
    pub other: Namespace,
}

impl Segment {
    /// The MAC of the other station.
    pub const MAC: [u8; 6] = [0, 0, 0x5e, 0, 0x53, 0xbd];

    /// Puts a switch in the place of ISP a's link, which keeps its name, its MAC and its addresses.
    pub fn start(lab: &Lab) -> Self {
        let other = Namespace::create(&format!("{}-other", lab.ispa.name())).expect("a namespace");
        for line in [
            "ip link set customer down",
            "ip address flush dev customer",
            "ip link set customer name port0 address 00:00:5e:00:53:b9",
            "ip link add customer address 00:00:5e:00:53:a1 type bridge forward_delay 0 mcast_snooping 0",
            "sysctl -qw net.ipv6.conf.port0.disable_ipv6=1",
            "ip link set port0 master customer up",
            &format!("ip link add port1 type veth peer name seg0 netns {}", other.name()),
            "sysctl -qw net.ipv6.conf.port1.disable_ipv6=1",
            "ip link set port1 master customer up",
        ] {
            does(&lab.ispa, line);
        }
        does(&other, "sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0");
        does(&other, "sysctl -qw net.ipv6.conf.default.addr_gen_mode=1 net.ipv6.conf.seg0.addr_gen_mode=1");
        does(&other, "sysctl -qw net.ipv6.conf.seg0.accept_dad=0 net.ipv6.conf.seg0.disable_ipv6=0");
        does(&other, "ip link set seg0 address 00:00:5e:00:53:bd up");
        lab.mend(Line::Fiber).expect("the ISP obeys");
        Self { other }
    }
}
