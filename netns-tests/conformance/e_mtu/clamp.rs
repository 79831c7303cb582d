//! C-57: the MSS of SYN and SYN-ACK is lowered to what passes LAN and WAN, both ways. That nothing is raised, and how odd
//! options fare (C-58), src/plane/packet/mtu claims.

use super::{CABLE4, FIBER4, FIBER6, Pair};
use crate::story::packets::{ACK, Ip, SYN, ip};
use crate::story::{self, Step, comes_in, goes_out};

impl Pair {
    /// An end of a connection, one way or the other, with this MSS option.
    fn segment(ends: Ip, ttl: u8, ports: (u16, u16), flags: u8, mss: u16) -> Vec<u8> {
        ends.ttl(ttl).tcp(ports, flags, &[&[2, 4][..], &mss.to_be_bytes()].concat(), b"")
    }

    /// An outbound segment whose MSS changes from `before` to `after`.
    fn outbound(self, port: u16, flags: u8, before: u16, after: u16) -> [Step; 2] {
        let seen = |from, ttl, mss| Self::segment(ip(from, self.server), ttl, (port, 80), flags, mss);
        goes_out(self.wan, &seen(self.inside, 64, before), &seen(self.public, 63, after))
    }

    /// The same inbound.
    fn inbound(self, port: u16, flags: u8, before: u16, after: u16) -> [Step; 2] {
        let seen = |to, ttl, mss| Self::segment(ip(self.server, to), ttl, (80, port), flags, mss);
        comes_in(self.wan, &seen(self.public, 64, before), &seen(self.inside, 63, after))
    }

    /// Both ways, SYN and SYN-ACK, from 65 535 down.
    fn lowered(self, mss: u16) -> Vec<Step> {
        [
            self.outbound(1, SYN, 65_535, mss),
            self.inbound(1, SYN | ACK, mss + 1, mss),
            self.inbound(2, SYN, 8960, mss),
            self.outbound(2, SYN | ACK, 1460.max(mss + 1), mss),
        ]
        .concat()
    }
}

/// 1500: 1460 and 1440; 1492: 1452 and 1432; and so on. Fiber is `auto` in the stories, so the number is said for both.
#[test]
fn c_57_the_mss_is_the_mtu_less_40_or_60_both_ways() {
    for mtu in [1500, 1492, 1420, 1400, 1280] {
        let config = story::config().replace("tier = 1", &format!("tier = 1\nmtu = {mtu}"));
        for pair in [FIBER4, FIBER6] {
            story::check_with(&config, &format!("c-57-{mtu}"), pair.lowered(mtu - pair.headers()), 2);
        }
    }
    story::check("c-57-cable", CABLE4.lowered(1360), 2);
}

/// The firewall's link may be the narrower one.
#[test]
fn c_57_the_narrower_of_lan_and_wan_counts() {
    let config = story::config().replace("[downstream]", "[downstream]\nmtu = 1380");
    for pair in [FIBER4, FIBER6, CABLE4] {
        story::check_with(&config, "c-57-lan", pair.lowered(1380 - pair.headers()), 2);
    }
}
